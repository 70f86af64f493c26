"""What reads and writes memory with one embedder, made together: no vector meets another model's.

The embedder that serves a home need not be the configured one: after a change the old one serves until everything is
embedded again. It may change between two turns, by this process or another, so these parts are asked for anew at each
turn, search or import, and what is under way ends with those that it began with.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from memory.reembedding import dimensions_of

if TYPE_CHECKING:
    from bot.app import App
    from bot.assistant import Assistant
    from bot.summaries import Summarizer
    from memory.embedding import Embedder
    from memory.index import Indexes
    from memory.ingest import Ingestor
    from memory.search import Searcher


class Parts:
    """Index, search, import and replies over the vectors of one embedder, each made when it is first needed."""

    def __init__(self, app: App, key: str, open_embedder: Callable[[], Embedder]) -> None:
        self.key = key
        self._app = app
        self._open_embedder = open_embedder

    @cached_property
    def embedder(self) -> Embedder:
        """The model, fetched if it is not there.

        :raises FamiliarError: it can't be had any more
        """
        return self._open_embedder()

    @cached_property
    def indexes(self) -> Indexes:
        """The vector indexes, one per owner of memory; where there are vectors, no model is needed for them."""
        from memory.index import Indexes

        app = self._app
        dimensions = dimensions_of(app.store, self.key) or self.embedder.dimensions
        return Indexes(
            app.home / "index",
            app.store,
            embedder_key=self.key,
            dimensions=dimensions,
            config=app.settings.index,
        )

    @cached_property
    def searcher(self) -> Searcher:
        """Retrieval over what a user may read."""
        from memory.search import Searcher

        app = self._app
        return Searcher(app.store, self.indexes, self.embedder, app.settings.search, second_stage=app.second_stage)

    @cached_property
    def ingestor(self) -> Ingestor:
        """Import of files."""
        from memory.ingest import Ingestor

        return Ingestor(self._app.store, self.embedder, self._app.settings.import_)

    @cached_property
    def assistant(self) -> Assistant:
        """Answers turns."""
        from bot.assistant import Assistant

        chat, passages = self._app.chat, self._app.settings.search.k
        return Assistant(self._app.store, self.searcher, self.embedder, self._app.voice, chat=chat, passages=passages)

    @cached_property
    def summarizer(self) -> Summarizer:
        """Summarises; a model that is not trusted writes nothing, sentences are quoted."""
        from bot.summaries import Summarizer

        app = self._app
        engine = app.engine if app.trusted else None
        return Summarizer(app.store, self.searcher, self.embedder, engine, today=lambda: app.now().date())
