"""The live model of a user's taste as a ranker: loaded when a list first needs it, the last one kept.

What it said of an item is kept too, as reading items is what takes time. A model of another encoder, or one whose
files are damaged, is not used.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.taste import Ranked, Taste
from memory.records import Found, User
from memory.taste import Item
from tuning.adapters import Adapter, Registry
from tuning.config import TasteConfig
from tuning.job import BaseModel
from tuning.preference import Choice, recent_titles, text_of
from tuning.preference_job import TEMPLATE, taste_registry

if TYPE_CHECKING:
    from bot.app import App


class LiveRanker:
    """Ranks by the adapters of one home; several threads may call it."""

    def __init__(self, registry: Registry, base: Callable[[], BaseModel], config: TasteConfig) -> None:
        self._registry, self._base, self._config = registry, base, config
        self._lock = threading.Lock()
        self._loaded: tuple[str, Any] | None = None
        self._scores: dict[tuple[int, tuple[str, ...]], float] = {}

    def rank(self, user: User, items: Sequence[Item], recent: Sequence[str]) -> Ranked | None:
        """Scores of items by the user's model; None where there is none.

        :raises FamiliarError: the encoder can't be loaded
        """
        if self._registry.live(user.id) is None:
            return None
        base = self._base()
        adapter = self._registry.answering(user.id, base_sha256=base.sha256, template_sha256=TEMPLATE)
        if adapter is None:
            return None
        manifest = json.loads(adapter.manifest)
        with self._lock:
            learner = self._learner(adapter, base)
            last = recent_titles(recent, self._config.recent)
            new = [item for item in items if (item.id, last) not in self._scores]
            self._score(learner, new, last, rated=manifest["rated"])
            found = [self._scores[item.id, last] for item in items]
        return Ranked(np.array(found, np.float32), manifest["learned_until"])

    def _learner(self, adapter: Adapter, base: BaseModel) -> Any:
        from tuning.preference_model import open_learner

        if self._loaded is None or self._loaded[0] != adapter.id:
            self._scores.clear()
            self._loaded = adapter.id, open_learner(base.folder, self._config, adapter=adapter.folder)
        return self._loaded[1]

    def _score(self, learner: Any, items: Sequence[Item], recent: tuple[str, ...], *, rated: int) -> None:
        from tuning.preference_model import score

        choices = [Choice(item.id, text_of(item), recent, None, None, item.added_at) for item in items]
        found = score(learner, choices, rated=rated)
        keys = [(item.id, recent) for item in items]
        self._scores.update(zip(keys, found.scores, strict=True))


def encoder_of(app: App) -> BaseModel:
    """What reads items: the encoder that the settings name, else the embedder.

    :raises FamiliarError: it can't be had
    """
    from bot.models import ensure

    name = app.settings.taste.encoder or app.settings.embedder.name
    ready = ensure(name, folder=app.model_folder, offline=app.settings.model.offline)
    return BaseModel(ready.name, ready.path, ready.sha256 or ready.revision)


def open_taste(app: App) -> Taste:
    """Recommendations of one home; loads nothing yet."""

    def search(words: str, user: User, most: int) -> Found:
        return app.searcher.search(words, user_id=user.id, k=most)

    config, registry = app.settings.taste, taste_registry(app.store, app.home)
    ranker = LiveRanker(registry, lambda: encoder_of(app), config)
    return Taste(app.store, lambda: app.parts.embedder, search, config, ranker=ranker, now=app.now)
