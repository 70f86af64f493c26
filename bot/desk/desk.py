"""One home's desk put together from what the home has: its search, its embedder, its assistant and its tables."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bot.config import DeskConfig
from bot.context import NO_CONTEXT, Context
from bot.desk.answering import answer_case
from bot.desk.knowing import Knowledge
from bot.desk.learning import Imported, Lessons, knowledge_base, learn
from bot.desk.setup import read_setup
from bot.desk.turns import Announce, CustomerTurns, DeskParts, announce_nothing
from bot.turn_parts import Turns
from memory.config import ImportConfig
from memory.desk import Case
from memory.embedding import Embedder
from memory.errors import UsageError
from memory.ingest import Ingestor
from memory.records import Turn, User
from memory.search import Searcher
from memory.store import Store
from tuning.filters import Detectors

if TYPE_CHECKING:
    from bot.app import App


class Serving(Protocol):
    """What reads memory with the embedder that serves the home now (`bot.parts.Parts`)."""

    @property
    def embedder(self) -> Embedder:
        """The embedder."""
        ...

    @property
    def searcher(self) -> Searcher:
        """Retrieval."""
        ...

    @property
    def assistant(self) -> Turns:
        """What answers from the knowledge bases."""
        ...


@dataclass(frozen=True)
class DeskHome:
    """What a desk is given of its home; models are asked for when they are first needed."""

    store: Store
    config: DeskConfig
    import_: ImportConfig
    serving: Callable[[], Serving]
    ingestor: Callable[[], Ingestor]
    detectors: Callable[[], Detectors]
    now: Callable[[], datetime]


class Desk:
    """The customer desk of a home.

    :raises UsageError: it is not switched on, or desk.toml can't be used
    """

    def __init__(self, home: DeskHome) -> None:
        config = home.config
        if not config.enabled:
            raise UsageError("there is no desk here; set enabled = true below [desk] in config.toml (docs/desk.md)")
        if not 0 < config.confidence <= 1:
            raise UsageError(f"[desk] confidence is {config.confidence}; it must be above 0 and at most 1")
        self.agents_chat = config.agents_chat
        self.setup = read_setup(config.folder)
        self.user: User = knowledge_base(home.store, config.knowledge)
        self.announce: Announce = announce_nothing
        """Told of each case, in the transaction that stores it; set by what can reach the agents."""
        self._home = home
        self._made: tuple[str, Knowledge] | None = None
        self._making = threading.Lock()

    @property
    def knowledge(self) -> Knowledge:
        """What it has learned, with the embedder that serves the home now."""
        embedder = self._home.serving().embedder
        with self._making:
            if self._made is None or self._made[0] != embedder.key:
                self._made = embedder.key, Knowledge(self._home.store, embedder, self.user)
            return self._made[1]

    def now(self) -> datetime:
        """The home's clock."""
        return self._home.now()

    def learn(self, path: Path, *, agents: Sequence[str]) -> Imported:
        """Take in a file of past conversations (`bot.desk.learning.learn`)."""
        home = self._home
        lessons = Lessons(home.store, home.ingestor(), home.detectors(), home.import_)
        return learn(path, lessons, desk=self.user, agents=agents)

    def turn(
        self,
        text: str,
        *,
        user: User,
        conversation_id: int,
        on_text: Callable[[str], None] = lambda _: None,
        cancel: threading.Event | None = None,
        stored: Callable[[Turn], None] = lambda _: None,
        context: Context = NO_CONTEXT,
    ) -> Turn:
        """Answer a customer (`bot.desk.turns.CustomerTurns`)."""
        serving = self._home.serving()
        made = DeskParts(
            store=self._home.store,
            searcher=serving.searcher,
            assistant=serving.assistant,
            knowledge=self.knowledge,
            setup=self.setup,
            config=self._home.config,
            now=self._home.now,
            announce=self.announce,
        )
        return CustomerTurns(made).turn(
            text,
            user=user,
            conversation_id=conversation_id,
            on_text=on_text,
            cancel=cancel,
            stored=stored,
            context=context,
        )

    def answer(self, case: Case, text: str, *, stored: Callable[[int], None] = lambda _: None) -> bool:
        """Give a person's answer to a case (`bot.desk.answering.answer_case`)."""
        home = self._home
        at = home.now().isoformat()
        return answer_case(home.store, case, text, desk=self.user, detectors=home.detectors(), at=at, stored=stored)


def open_desk(app: App) -> Desk:
    """The desk of a home.

    :raises UsageError: as `Desk`
    """
    settings = app.settings
    return Desk(
        DeskHome(
            store=app.store,
            config=settings.desk,
            import_=settings.import_,
            serving=lambda: app.parts,
            ingestor=lambda: app.ingestor,
            detectors=lambda: app.tunes.detectors,
            now=app.now,
        )
    )
