"""The parts of one home put together: each is made when it is first needed, from settings that were read once.

This is the only place that knows which implementation stands behind each Protocol. Importing it loads no model, and
a command that needs no language model imports none of its code.
"""

from __future__ import annotations

import getpass
import logging
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from bot.config import ChatConfig, Settings
from bot.locales import language_of
from bot.private import DATABASE, tighten
from memory.errors import FamiliarError, UsageError
from memory.home_lock import HomeLock
from memory.moving import gone, settle
from memory.records import Message, Profile, Turn, User
from memory.store import Store

if TYPE_CHECKING:
    from bot.answering import Answering
    from bot.assistant import Assistant, Voice
    from bot.engines.base import AdapterFiles, Engine
    from bot.fact_reading import FactReading
    from bot.hearing import Transcriber
    from bot.influence import Explainer
    from bot.learned import Learned
    from bot.models import ReadyModel
    from bot.parts import Parts
    from bot.seeing import Sight
    from bot.summaries import Summarizer
    from bot.taste import Taste
    from bot.tunes import Tunes
    from memory.config import EmbedderConfig
    from memory.embedding import Embedder
    from memory.erasure import Eraser, Forgotten
    from memory.index import Indexes
    from memory.ingest import Ingestor
    from memory.reapply import CaughtUp
    from memory.reembedding import OnProgress
    from memory.search import Searcher
    from memory.second_stage import SecondStage
    from tuning.adapters import Registry
    from tuning.job import BaseModel

_log = logging.getLogger(__name__)


def default_home() -> Path:
    """The platform's folder for this program's data."""
    return Path(platformdirs.user_data_dir("familiar", appauthor=False))


class App:
    """Everything that belongs to one home, made lazily.

    :param now: the clock that the schedule of tunes reads
    """

    def __init__(
        self, home: Path, settings: Settings, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.home = home
        self.settings = settings
        self.now = now
        self._parts: Parts | None = None
        self._making_parts = threading.Lock()

    @cached_property
    def store(self) -> Store:
        """The database.

        :raises FamiliarError: it can't be opened
        """
        try:
            self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
            tightened = tighten(self.home)
        except OSError as exc:
            raise UsageError(f"--home {self.home} can't be made: {exc.strerror}; name a folder you own") from exc
        if tightened:
            _log.warning("%s was open to other accounts of this machine and is yours alone now", self.home)
        self.lock = HomeLock(self.home)
        store = Store(self.home / DATABASE)
        settle(store)
        return store

    @property
    def model_folder(self) -> Path:
        """Where models are kept, shared by all homes."""
        named = self.settings.model.folder
        return Path(named).expanduser() if named else default_home() / "models"

    @cached_property
    def embedder(self) -> Embedder:
        """The embedding model that the settings name, fetched if it is not there; `parts` has the one that serves."""
        return self.open_embedder(self.settings.embedder)

    def open_embedder(self, config: EmbedderConfig) -> Embedder:
        """An embedding model, fetched if it is not there; loads nothing yet."""
        from bot.models import ensure
        from memory.embedding import open_embedder

        ready = ensure(config.name, folder=self.model_folder, offline=self.settings.model.offline)
        return open_embedder(ready.path, key=ready.key, config=config, converted=self.model_folder / "converted")

    @cached_property
    def second_stage(self) -> SecondStage | None:
        """What reads the best passages of a search once more; None where the setting is "off".

        :raises UsageError: the setting names nothing that could
        """
        from bot.models import ensure
        from memory.second_stage import OFF, open_second_stage

        setting = self.settings.search.second_stage
        if setting == OFF:
            return None
        offline = self.settings.model.offline
        ready = ensure(self.settings.embedder.name, folder=self.model_folder, offline=offline)
        return open_second_stage(setting, embedder=ready.path, offline=offline)

    @property
    def parts(self) -> Parts:
        """What reads and writes memory now, with the embedder that serves this home."""
        from bot.parts import Parts
        from memory.reembedding import serving

        key = serving(self.store, self.embedder.key)
        with self._making_parts:
            if self._parts is None or self._parts.key != key:
                old = key != self.embedder.key
                if old:
                    self._tell_of_change(key)
                self._parts = Parts(self, key, (lambda: self._embedder_of(key)) if old else (lambda: self.embedder))
            return self._parts

    def _tell_of_change(self, serving: str) -> None:
        from memory.reembedding import embedded

        old, new = embedded(self.store, serving), self.embedder
        print(
            f"familiar: {old.passages} passages were embedded by {serving} ({old.dimensions} dimensions), but"
            f" [embedder] name is now {new.key} ({new.dimensions} dimensions). They are found as before until"
            " `familiar run` or `familiar doctor --reindex` has embedded them again",
            file=sys.stderr,
        )

    def _embedder_of(self, key: str) -> Embedder:
        """The embedder that made a key, so that what it has embedded can be searched.

        :raises FamiliarError: there is no such model any more
        """
        from bot.models import setting_of

        name, precision = setting_of(key)
        config = replace(self.settings.embedder, name=name, precision=precision, backend="auto")
        try:
            embedder = self.open_embedder(config)
            reason = f"{name} is now {embedder.key}"
        except FamiliarError as exc:
            embedder, reason = None, str(exc)
        if embedder is None or embedder.key != key:
            raise FamiliarError(
                f"what is stored was embedded by {key}, which can't be had any more ({reason}); run `familiar doctor"
                f" --reindex` to embed it again by {self.embedder.key}"
            )
        return embedder

    def reembed(self, *, cancel: threading.Event | None = None, on_progress: OnProgress | None = None) -> int:
        """Have the configured embedder embed what it has not, then serve; returns the number of passages.

        :raises FamiliarError: the model can't be loaded, or the database can't be written
        """
        from memory.reembedding import reembed

        # a model of its own: its threads take on the priority of the one that calls this
        count = reembed(self.store, self.open_embedder(self.settings.embedder), cancel=cancel, on_progress=on_progress)
        for user in self.store.users() if count else ():
            self.indexes.sync(user.id)
        return count

    @property
    def indexes(self) -> Indexes:
        """The vector indexes, one per owner of memory."""
        return self.parts.indexes

    @property
    def searcher(self) -> Searcher:
        """Retrieval over what a user may read."""
        return self.parts.searcher

    @property
    def ingestor(self) -> Ingestor:
        """Import of files."""
        return self.parts.ingestor

    @property
    def assistant(self) -> Assistant:
        """Answers turns."""
        return self.parts.assistant

    @property
    def summarizer(self) -> Summarizer:
        """Summarises."""
        return self.parts.summarizer

    @cached_property
    def base_model(self) -> ReadyModel:
        """The language model's files, fetched if they are not there."""
        from bot.models import ensure

        return ensure(self.settings.model.name, folder=self.model_folder, offline=self.settings.model.offline)

    @property
    def base(self) -> BaseModel:
        """The language model as tunes take it."""
        from tuning.job import BaseModel

        ready = self.base_model
        return BaseModel(ready.name, ready.path, ready.sha256 or ready.revision)

    @cached_property
    def engine(self) -> Engine:
        """The language model, ready to answer."""
        from bot.models import tell_stderr

        return self.answering.open(tell=tell_stderr)

    @cached_property
    def answering(self) -> Answering:
        """Which engine and model answer, and how far they are trusted."""
        from bot.answering import Answering
        from bot.engines.choosing import Folders
        from bot.live_adapters import live_folders

        folders = Folders(self.home, self.model_folder)
        return Answering(self.settings, lambda: self.base_model, folders, adapters=partial(live_folders, self))

    @cached_property
    def transcriber(self) -> Transcriber:
        """Writes down what is said in recordings; loads nothing before the first."""
        from bot.hearing import model_here, open_transcriber

        speech, offline = self.settings.speech, self.settings.model.offline
        return open_transcriber(
            speech, model=lambda: model_here(speech.model, folder=self.model_folder, offline=offline)
        )

    @cached_property
    def sight(self) -> Sight:
        """Reads and describes pictures."""
        from bot.seeing import Sight, open_describer

        return Sight(open_describer(self.settings.vision), self.settings.import_)

    @cached_property
    def registry(self) -> Registry:
        """The adapters of this home's users; tunes that were interrupted are marked so."""
        from tuning.adapters import Registry

        registry = Registry(self.store, self.home / "adapters")
        registry.recover()
        return registry

    @cached_property
    def learned(self) -> Learned:
        """The adapters as people see and judge them."""
        from bot.learned import Learned

        return Learned(self.registry, self.settings.votes)

    @property
    def trusted(self) -> bool:
        """Whether the model's measured answer quality reaches the floor."""
        return self.answering.quality >= self.settings.chat.quality_floor

    @property
    def reads_facts(self) -> bool:
        """Whether the language model reads facts that the rules could not; "auto" fetches no model to find out.

        :raises UsageError: the setting is none of "auto", "on" and "off"
        """
        from bot.models import is_ready

        setting = self.settings.facts.model
        if setting not in ("auto", "on", "off"):
            raise UsageError(f'[facts] model is {setting!r}; it must be "auto", "on" or "off"')
        if setting == "auto":
            ready = self.answering.served or is_ready(self.settings.model.name, folder=self.model_folder)
            return ready and self.answering.quality >= self.settings.facts.quality_floor
        return setting == "on"

    @cached_property
    def fact_reading(self) -> FactReading:
        """The language model's reading of facts, which gives way to turns."""
        from bot.fact_reading import FactReading

        return FactReading(self.store, lambda: self.engine, wanted=lambda: self.reads_facts)

    @cached_property
    def voice(self) -> Voice:
        """What writes the replies."""
        from bot.assistant import Voice
        from bot.live_adapters import RegistryAdapters

        tuning, model = self.settings.tuning, self.settings.model
        return Voice(
            self.engine,
            RegistryAdapters(self),
            model,
            trusted=self.trusted,
            compare_share=tuning.compare_share,
            candidates_share=tuning.candidates_share,
        )

    @cached_property
    def explainer(self) -> Explainer:
        """Computes what carried a reply."""
        from bot.influence import Explainer

        return Explainer(lambda: self.engine, self._adapter_of, max_tokens=self._reply_tokens)

    def _reply_tokens(self) -> int:
        """Most tokens that a turn lets the model write."""
        most, wording = self.settings.model.max_reply_tokens, self.settings.chat.wording_tokens
        return most if self.trusted else min(most, wording)

    def _adapter_of(self, turn: Turn) -> AdapterFiles | None:
        """The adapter that wrote a turn, where it can still be used."""
        assert turn.adapter is not None
        try:
            return self.adapter_files(turn.adapter, user_id=turn.user_id)
        except FamiliarError:  # it is gone, withdrawn or of another base: what needs it is left out
            return None

    def adapter_files(self, adapter_id: str, *, user_id: int) -> AdapterFiles:
        """An adapter as the engine takes it.

        :raises FamiliarError: the user has none of that id, its weights are gone, or another model or template runs
        """
        from bot.engines.base import AdapterFiles

        adapter = self.registry.usable(adapter_id, user_id=user_id, base=self.base)
        return AdapterFiles(adapter.id, adapter.folder, adapter.base_sha256)

    def forget(
        self,
        *,
        user_id: int,
        document: int | None = None,
        turn: int | None = None,
        text: str | None = None,
        everything: bool = False,
    ) -> Forgotten:
        """Erase one of these everywhere; adapters that learned from it are out of service before this returns.

        :raises FamiliarError: the user has nothing of the kind
        """
        from memory import erasure

        if document is not None:
            return self._everywhere(partial(erasure.forget_document, user_id=user_id, document_id=document))
        if turn is not None:
            return self._everywhere(partial(erasure.forget_turn, user_id=user_id, turn_id=turn))
        if text is not None:
            return self._everywhere(partial(erasure.forget_text, user_id=user_id, text=text))
        if everything:
            return self._everywhere(partial(erasure.forget_everything, user_id=user_id))
        raise UsageError("nothing was named that should be forgotten")

    def forget_turns(self, turn_ids: Sequence[int], *, user_id: int) -> Forgotten:
        """Erase several turns together, in the same way.

        :raises FamiliarError: the user has no such turn
        """
        from memory import erasure

        return self._everywhere(partial(erasure.forget_turns, user_id=user_id, turn_ids=turn_ids))

    def forget_gone(self, document_ids: Sequence[int], *, user_id: int) -> Forgotten:
        """Erase documents whose files are gone, in the same way.

        :raises FamiliarError: the user has no such document, or bytes of it may stay on disk for now
        """
        from memory import erasure

        return self._everywhere(partial(erasure.forget_gone, user_id=user_id, document_ids=document_ids))

    def _everywhere(self, erase: Callable[..., Forgotten]) -> Forgotten:
        """Have something erased, by all who learned from it and in the backups as well."""
        from bot.engines.prefix_files import FOLDER, PrefixEraser
        from bot.engines.server.adapters import sweep

        try:
            done = erase(self.store, self.indexes, erasers=self.erasers_of(self.store))
        finally:
            self.registry.sweep()
            PrefixEraser(self.home / FOLDER).sweep()  # again: until the commit, others read what is now gone
            sweep(self.settings.server)
        return replace(done, unreached=self.catch_up().unreached)

    def catch_up(self) -> CaughtUp:
        """Make the backups that can be reached forget what was forgotten since they were made."""
        from memory.reapply import erase_in_backups

        return erase_in_backups(self.store, self.home, erasers_of=self.erasers_of)

    def erasers_of(self, store: Store) -> Sequence[Eraser]:
        """Those who learned from what this home's database, or a copy of it, holds."""
        from bot.engines.prefix_files import FOLDER, PrefixEraser
        from tuning.adapters import AdapterEraser, Registry

        return [AdapterEraser(Registry(store, self.home / "adapters")), PrefixEraser(self.home / FOLDER)]

    @cached_property
    def taste(self) -> Taste:
        """What is recommended to this home's users."""
        from bot.taste_model import open_taste

        return open_taste(self)

    @cached_property
    def tunes(self) -> Tunes:
        """Tunes of this home's users."""
        from bot.tunes import Tunes

        return Tunes(self)

    def plain_prompt(self, text: str, user: User) -> tuple[Message, ...]:
        """The messages for a text without history and memories."""
        return (Message("system", self.system(user)), Message("user", text))

    def system(self, user: User) -> str:
        """What stands first in a user's prompts, besides what is known of them."""
        from bot.prompts import system_prompt

        return system_prompt(self.chat.persona, user.profile)

    @property
    def chat(self) -> ChatConfig:
        """[chat]; where health is logged, with a rule for what is asked about it, which a tune learns with too."""
        from bot.prompts import with_health_rule

        chat = self.settings.chat
        return replace(chat, persona=with_health_rule(chat.persona)) if self.settings.logs.enabled else chat

    def user(self, name: str | None) -> User:
        """The user of that name, else the owner; the first use of a home makes its owner.

        :raises UsageError: there is no user of that name
        """
        owner = self.store.owner()
        if owner is None:
            language = language_of(os.environ.get("LC_ALL") or os.environ.get("LANG"))
            return self.store.add_user(name or _login(), role="owner", profile=Profile(language=language))
        found = owner if name is None else self.store.user(name)
        if found is not None and (moved := gone(self.store, found)) is not None:
            raise UsageError(f"--user {name}: has moved to {moved.home}; use --home {moved.home}")
        if found is None or found.role in ("waiting", "refused"):
            known = ", ".join(user.name for user in self.store.users() if user.role in ("owner", "member"))
            raise UsageError(f"--user {name}: no such user here; there are {known}")
        return found

    def close(self) -> None:
        """Give back what was opened."""
        made = self.__dict__
        if "engine" in made:
            self.engine.close()
        if "transcriber" in made:
            self.transcriber.close()
        if self._parts is not None and "indexes" in self._parts.__dict__:
            try:
                self._parts.indexes.save()
            except FamiliarError as exc:  # a derived file: the next start makes it again
                print(f"familiar: {exc}", file=sys.stderr)
        if "store" in made:
            self.store.close()
        if "lock" in made:
            self.lock.release()


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "owner"
