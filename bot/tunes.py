"""Tunes of a home's users, with what they need of it: settings, base model, filters, memory.

Nothing of it is loaded before it is asked for, as most commands learn nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bot.recollecting import most_passages, recall_in, recollect_with
from memory.records import User
from tuning.due import tune_due
from tuning.preparing import Prepared, prepare
from tuning.recollection import Recollect, Recollection
from tuning.remote import Exported, export_tune, import_adapter
from tuning.schedule import Due
from tuning.search import Tried
from tuning.searching import run_search
from tuning.surroundings import look_around
from tuning.tune import TuneRequest, TuneResult, run_tune

NOT_USED = 'a server answers, without adapters ([server] adapters is "off")'
"""Why no tune starts by itself."""

if TYPE_CHECKING:
    from bot.app import App
    from tuning.dataset import Example
    from tuning.filters import Detectors


class Tunes:
    """Starts, searches and prepares tunes of one home."""

    def __init__(self, app: App) -> None:
        self._app = app

    def tune(
        self,
        user: User,
        *,
        started_by: Literal["hand", "schedule"],
        on_progress: Callable[[str], None],
        cancel: threading.Event | None = None,
    ) -> TuneResult:
        """Train an adapter for a user and let it answer if it passes its checks.

        :raises FamiliarError: another tune is running, or training failed
        """
        app, request = self._app, self._request(user, started_by)
        return run_tune(app.store, app.home, app.base, request, on_progress=on_progress, cancel=cancel)

    def export(self, user: User, file: Path, *, on_progress: Callable[[str], None]) -> Exported:
        """Write what a tune of a user would learn from, for another machine.

        :raises FamiliarError: there are too few examples, or the file can't be written
        """
        return export_tune(self._app.store, self._app.base, self._request(user, "hand"), file, note=on_progress)

    def import_(self, user: User, file: Path, *, on_progress: Callable[[str], None]) -> TuneResult:
        """Take in the adapter that another machine trained from such a file; it answers if it passes its checks.

        :raises FamiliarError: it was changed, or something that it learned was forgotten meanwhile
        """
        app, request = self._app, self._request(user, "hand")
        return import_adapter(app.store, app.home, app.base, request, file, on_progress=on_progress)

    def search(self, user: User, *, budget_minutes: float, on_progress: Callable[[str], None]) -> Sequence[Tried]:
        """Hyperparameters tried on a user's examples within a time, best first.

        :raises FamiliarError: a tune is running, there are too few examples, or a trial failed
        """
        app, request = self._app, self._request(user, "hand")
        return run_search(
            app.store, app.home, app.base, request, budget_minutes=budget_minutes, on_progress=on_progress
        )

    def is_due(self, user: User) -> bool:
        """Whether a tune of this user should start by itself now."""
        return self._app.settings.tuning.enabled and self.due(user).due

    def due(self, user: User) -> Due:
        """The same with the reason."""
        app = self._app
        if not app.answering.uses_adapters:
            return Due(False, NOT_USED)
        return tune_due(
            app.store,
            user_id=user.id,
            persona=app.system(user),
            config=app.settings.tuning,
            now=app.now().astimezone(),
            surroundings=look_around(),
        )

    @cached_property
    def detectors(self) -> Detectors:
        """What judges whether a reply may be learned; loads its libraries when it is first asked."""
        from tuning.detectors import StandardDetectors

        return StandardDetectors()

    def examples(self, user: User) -> Prepared:
        """What a tune of this user would learn from now, and what is left out.

        :raises FamiliarError: a filter is missing or failed, so that nothing may be learned
        """
        app = self._app
        return prepare(
            app.store,
            user_id=user.id,
            persona=app.system(user),
            config=app.settings.tuning,
            detectors=self.detectors,
            now=app.now(),
        )

    def _request(self, user: User, started_by: Literal["hand", "schedule"]) -> TuneRequest:
        settings = self._app.settings
        return TuneRequest(
            user.id,
            self._app.system(user),
            settings.tuning,
            settings.gate,
            started_by,
            detectors=self.detectors,
            recollect=self._recollect(user) if settings.tuning.recalled_share > 0 else None,
        )

    def _recollect(self, user: User) -> Recollect:
        """What memory gives for the prompts of this user's dialogues; nothing is loaded before the first of them."""
        made: list[Recollect] = []

        def recollect(example: Example) -> Recollection:
            if not made:
                made.append(self._recollection(user))
            return made[0](example)

        return recollect

    def _recollection(self, user: User) -> Recollect:
        from transformers import AutoTokenizer

        from tuning.windows import Windowing

        app, config = self._app, self._app.settings.tuning
        tokenizer = AutoTokenizer.from_pretrained(app.base.folder, local_files_only=True)
        windowing = Windowing(tokenizer, max_tokens=config.max_tokens, max_prompt_tokens=config.max_prompt_tokens)
        recall = recall_in(app.parts.searcher, user_id=user.id)
        return recollect_with(recall, windowing, most=most_passages(app.settings.search.k, trusted=app.trusted))
