"""One home's desk put together from what the home has: its search, its embedder, its assistant and its tables."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.context import NO_CONTEXT, Context
from bot.desk.answering import answer_case
from bot.desk.knowing import Knowledge
from bot.desk.learning import Imported, Lessons, knowledge_base, learn
from bot.desk.setup import DeskSetup, read_setup
from bot.desk.turns import Announce, CustomerTurns, DeskParts, announce_nothing
from memory.desk import Case
from memory.errors import UsageError
from memory.records import Turn, User

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.app import App


class Desk:
    """The customer desk of a home.

    :raises UsageError: it is not switched on, or desk.toml can't be used
    """

    def __init__(self, app: App, *, announce: Announce = announce_nothing) -> None:
        config = app.settings.desk
        if not config.enabled:
            raise UsageError("there is no desk here; set enabled = true below [desk] in config.toml (docs/desk.md)")
        if not 0 < config.confidence <= 1:
            raise UsageError(f"[desk] confidence is {config.confidence}; it must be above 0 and at most 1")
        self.setup: DeskSetup = read_setup(config.folder)
        self.user: User = knowledge_base(app.store, config.knowledge)
        self._app = app
        self._announce = announce
        self._made: tuple[str, Knowledge] | None = None
        self._making = threading.Lock()

    @property
    def knowledge(self) -> Knowledge:
        """What it has learned, with the embedder that serves the home now."""
        parts = self._app.parts
        with self._making:
            if self._made is None or self._made[0] != parts.key:
                self._made = parts.key, Knowledge(self._app.store, parts.embedder, self.user)
            return self._made[1]

    def learn(self, path: Path, *, agents: Sequence[str]) -> Imported:
        """Take in a file of past conversations (`bot.desk.learning.learn`)."""
        app = self._app
        lessons = Lessons(app.store, app.ingestor, app.tunes.detectors, app.settings.import_)
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
        app, parts = self._app, self._app.parts
        made = DeskParts(
            store=app.store,
            searcher=parts.searcher,
            assistant=parts.assistant,
            knowledge=self.knowledge,
            setup=self.setup,
            config=app.settings.desk,
            now=app.now,
            announce=self._announce,
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

    def answer(self, case: Case, text: str, *, now: datetime, stored: Callable[[int], None]) -> bool:
        """Give a person's answer to a case (`bot.desk.answering.answer_case`)."""
        detectors = self._app.tunes.detectors
        return answer_case(
            self._app.store, case, text, desk=self.user, detectors=detectors, at=now.isoformat(), stored=stored
        )
