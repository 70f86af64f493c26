"""The whole bot against the loopback server: real store, search, import, erasure; model and tunes are scripted."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from bot.assistant import Assistant, Voice
from bot.config import ChatConfig, ModelConfig, PeopleConfig, Secret, Settings, TelegramConfig
from bot.engines.base import AdapterFiles
from bot.fact_reading import FactReading
from bot.hearing import Transcriber, model_here, open_transcriber
from bot.influence import Explainer
from bot.learned import Learned
from bot.seeing import Sight, open_describer
from bot.summaries import Summarizer
from bot.taste import Taste
from bot.telegram.ports import Look, ReadPage, SecondAnswer, Services, no_second_answer
from bot.telegram.service import run
from memory.config import ImportConfig, SearchConfig
from memory.erasure import forget_document, forget_everything, forget_text, forget_turn, forget_turns, replace_turn
from memory.index import Indexes
from memory.ingest import ImportOptions, Ingestor
from memory.notes import KeptNote, NewNote, keep_note
from memory.records import Message as Prompt
from memory.records import Receipt, User
from memory.search import Searcher
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.engine import ScoringEngine, ScriptedEngine
from tests.telegram_api import TOKEN, Message, TelegramServer, UserDriver
from tests.tuning.tiny import HARMLESS
from tuning.adapters import Registry
from tuning.config import TuneConfig, VotesConfig
from tuning.preparing import Prepared, prepare

OWNER = 7
STORY = "Tell me a story."


@dataclass(frozen=True)
class Checked:
    """One check of a scripted tune."""

    sentence: str
    passed: bool


@dataclass(frozen=True)
class Outcome:
    """What a scripted tune gives."""

    adapter: str | None = "ada-1"
    status: str = "live"
    reason: str | None = None
    gate: Sequence[Checked] = ()


@dataclass
class Tunes:
    """Tunes without training: who is due, what comes of it, and who was trained."""

    due: set[str] = field(default_factory=set)
    outcome: Outcome = field(default_factory=Outcome)
    run: list[tuple[str, str]] = field(default_factory=list)
    before: Callable[[threading.Event], object] = lambda _cancel: None
    adapters: dict[int, str] = field(default_factory=dict)

    def tune(
        self,
        user: User,
        *,
        started_by: Literal["hand", "schedule"],
        on_progress: Callable[[str], None],
        cancel: threading.Event,
    ) -> Outcome:
        """Take the user off the list and give the outcome."""
        on_progress("epoch 1 of 1")
        self.before(cancel)
        self.due.discard(user.name)
        self.run.append((user.name, started_by))
        if self.outcome.status == "live" and self.outcome.adapter:
            self.adapters[user.id] = self.outcome.adapter
        return self.outcome

    def tune_due(self, user: User) -> bool:
        """Whether the user is on the list."""
        return user.name in self.due

    def live(self, user_id: int) -> AdapterFiles | None:
        """The adapter that answers the user."""
        name = self.adapters.get(user_id)
        return AdapterFiles(name, Path(name)) if name else None


class Erasing:
    """Erases in the store and its indexes."""

    def __init__(self, store: Store, indexes: Indexes) -> None:
        self._store = store
        self._indexes = indexes

    def turns(self, user: User, turn_ids: Sequence[int]) -> object:
        """Erase these turns."""
        return forget_turns(self._store, self._indexes, user_id=user.id, turn_ids=turn_ids)

    def everything(self, user: User) -> object:
        """Erase all that is the user's."""
        return forget_everything(self._store, self._indexes, user_id=user.id)


class Bench:
    """One home, its bot and the server that it talks to."""

    def __init__(self, folder: Path, server: TelegramServer) -> None:
        self.server = server
        self.store = Store(folder / "familiar.db")
        self.engine: ScriptedEngine | ScoringEngine = ScriptedEngine(
            lambda messages: self.reply(messages), before_word=lambda word: self.on_word(word)
        )
        self.reply: Callable[[tuple[Prompt, ...]], str] = lambda _: "Once upon a time."
        self.on_word: Callable[[str], None] = lambda _word: None
        self.model = ModelConfig()
        self.tunes = Tunes()
        self.registry = Registry(self.store, folder / "adapters")
        self.reembed: Callable[[threading.Event], int] = lambda _cancel: 0
        self.reads_facts = False
        self.second: SecondAnswer = no_second_answer
        self.read_page: ReadPage | None = None
        self.model_folder = folder / "models"
        self.transcriber: Transcriber | None = None
        """None until the bot has started: then what the settings name."""
        self.look: Look | None = None
        """The same for photos."""
        self.notes: list[str] = []
        self.now = 0.0
        self.settings = Settings(
            telegram=TelegramConfig(
                token=Secret(TOKEN),
                api_url=server.base_url,
                file_url=server.base_file_url,
                edit_seconds=0.02,
                chat_seconds=0.0,
                join_seconds=0.0,
            ),
            tuning=TuneConfig(check_minutes=0.001),
            people=PeopleConfig(messages_per_minute=0, guest_replies_per_day=0),
        )
        self._embedder = WordEmbedder()
        self._indexes = Indexes(folder / "index", self.store, embedder_key=self._embedder.key, dimensions=64)
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def services(self) -> Services:
        """What the bot is given."""
        searcher = Searcher(self.store, self._indexes, self._embedder, SearchConfig(threshold=0.0))
        self.transcriber = self.transcriber or open_transcriber(self.settings.speech, model=self._speech_model)
        voice = Voice(self.engine, self.tunes, self.model, trusted=True)
        return Services(
            store=self.store,
            assistant=Assistant(self.store, searcher, self._embedder, voice, chat=ChatConfig()),
            import_bytes=self._import,
            keep_note=self._keep,
            search=lambda words, *, user, k, own=False: (searcher.search_own if own else searcher.search)(
                words, user_id=user.id, k=k
            ),
            summarize=Summarizer(self.store, searcher, self._embedder).summarize,
            forget=self._forget,
            replace_turn=lambda turn_id, *, by, user: replace_turn(
                self.store, user_id=user.id, turn_id=turn_id, by=[by]
            ),
            erase=Erasing(self.store, self._indexes),
            tune=self.tunes.tune,
            tune_due=self.tunes.tune_due,
            fact_reading=FactReading(
                self.store, lambda: self.engine, wanted=lambda: self.reads_facts, quiet_s=0.1, look_s=0.05
            ),
            examples=self._examples,
            reembed=lambda cancel: self.reembed(cancel),
            live_adapter=lambda user: self.tunes.adapters.get(user.id),
            look=self.look or Sight(open_describer(self.settings.vision), ImportConfig()).look,
            transcribe=self.transcriber.transcribe,
            explainer=Explainer(lambda: self.engine, lambda _turn: None, max_tokens=lambda: 20),
            learned=Learned(self.registry, VotesConfig()),
            settings=self.settings,
            clock=lambda: self.now,
            second_answer=lambda turn, *, user: self.second(turn, user=user),
            read_page=self.read_page,
            taste=self._taste(searcher) if self.settings.taste.enabled else None,
        )

    def _taste(self, searcher: Searcher) -> Taste:
        return Taste(
            self.store,
            lambda: self._embedder,
            lambda words, user, k: searcher.search(words, user_id=user.id, k=k),
            self.settings.taste,
        )

    def _speech_model(self) -> Path:
        return model_here(self.settings.speech.model, folder=self.model_folder, offline=True)

    def _examples(self, user: User) -> Prepared:
        return prepare(
            self.store,
            user_id=user.id,
            persona="You are Familiar.",
            config=self.settings.tuning,
            detectors=HARMLESS,
            now=datetime.now(UTC),
        )

    def _import(
        self,
        name: str,
        data: bytes,
        *,
        user: User,
        me: str | None,
        learn_from: str | None,
        on_share: Callable[[float], None] = lambda _: None,
    ) -> Receipt:
        ingestor = Ingestor(self.store, self._embedder, ImportConfig())
        options = ImportOptions(me=me, learn_from=learn_from)
        return ingestor.import_bytes(name, data, user_id=user.id, options=options, on_share=on_share)

    def _keep(self, new: NewNote, *, user: User, stored: Callable[[KeptNote], None]) -> KeptNote:
        return keep_note(self.store, self._embedder, new, user=user, config=ImportConfig(), stored=stored)

    def _forget(self, *, user: User, document: int | None, turn: int | None, text: str | None) -> object:
        if document is not None:
            return forget_document(self.store, self._indexes, user_id=user.id, document_id=document)
        if turn is not None:
            return forget_turn(self.store, self._indexes, user_id=user.id, turn_id=turn)
        return forget_text(self.store, self._indexes, user_id=user.id, text=text or "")

    def limit(self, **changes: int) -> None:
        """Change settings of [people]; from the next start on."""
        self.settings = replace(self.settings, people=replace(self.settings.people, **changes))

    def share(self, text: str, *, name: str = "handbook") -> None:
        """Put a note into a knowledge base that everybody may read."""
        shared = self.store.user(name) or self.store.add_user(name, role="shared")
        self._import("note.md", text.encode(), user=shared, me=None, learn_from=None)

    def configure(self, **changes: object) -> None:
        """Change settings of [telegram]."""
        self.settings = replace(self.settings, telegram=replace(self.settings.telegram, **changes))  # type: ignore[arg-type]

    async def start(self) -> None:
        """Run the bot until it says that it is ready, or ends with an error."""
        self._stop = asyncio.Event()
        seen = self.notes.count("ready")
        task = asyncio.create_task(run(self.services, self.settings.telegram, note=self.notes.append, stop=self._stop))
        self._task = task
        while self.notes.count("ready") == seen and not task.done():
            await asyncio.sleep(0.01)
        if task.done():
            self._task = None
            await task

    async def stop(self) -> None:
        """Stop the bot as a signal does; raises what ended it."""
        self._stop.set()
        if self._task is not None:
            task, self._task = self._task, None
            await task

    async def ended(self) -> None:
        """Wait until the bot ends by itself; raises why."""
        assert self._task is not None
        task, self._task = self._task, None
        await asyncio.wait_for(task, 10)

    async def close(self) -> None:
        """Stop the bot and close the store."""
        await self.stop()
        if self.transcriber is not None:
            self.transcriber.close()
        self.store.close()

    @property
    def code(self) -> str:
        """The pairing code as it was printed."""
        return next(note.removeprefix("pairing code: ") for note in self.notes if note.startswith("pairing code: "))

    async def owner(self, language_code: str = "en") -> UserDriver:
        """Ada, who has paired."""
        ada = self.server.user(OWNER, "Ada", language_code=language_code)
        await self.reply_to(ada, f"/start {self.code}")
        return ada

    async def friend(self, owner: UserDriver, id: int = 8, name: str = "Ben") -> UserDriver:
        """Somebody whom the owner has allowed."""
        person = self.server.user(id, name)
        before = len(self.server.replies(owner.id))
        await self.reply_to(person, "hello")
        await self.server.until(lambda: len(self.server.replies(owner.id)) > before)
        asked = self.server.replies(owner.id)[-1]
        seen = len(self.server.replies(id))
        owner.press(asked, asked.buttons[0].callback_data or "")
        await self.server.until(lambda: len(self.server.replies(id)) > seen)
        return person

    async def reply_to(self, person: UserDriver, text: str, *, reply_to: Message | None = None) -> Message:
        """Write privately and wait for the bot's message."""
        written = person.send(text, reply_to=reply_to)
        return (await self.server.until(lambda: self.server.replies(person.id, after=written)))[-1]

    async def handled(self, updates: int) -> None:
        """Wait until so many updates have been handled."""
        done = "SELECT count(*) FROM telegram_inbox WHERE state = 'done'"
        await self.server.until(lambda: self.store.rows(done)[0][0] >= updates)

    def user(self, telegram_id: int = OWNER) -> User:
        """The stored user of a Telegram account."""
        return next(user for user in self.store.users() if user.telegram_id == telegram_id)


def slowly(seconds: float = 0.03) -> Callable[[str], None]:
    """Before each word: wait, so that a reply can be seen growing."""
    return lambda _word: time.sleep(seconds)
