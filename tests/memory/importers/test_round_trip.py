"""Files that hold others, through the real import: a planted fact is found with where it stood."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from bot.bench.made_collections import made_collections
from memory.config import ImportConfig, SearchConfig
from memory.index import Indexes
from memory.ingest import Ingestor
from memory.search import Searcher
from memory.store import Store
from tests.embedder import WordEmbedder

MADE = {made.name: made for made in made_collections()}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Searcher]]:
    """A home into which all of them were imported in one run."""
    exports, folder = tmp_path_factory.mktemp("exports"), tmp_path_factory.mktemp("home")
    for name, made in MADE.items():
        (exports / name).write_bytes(made.data)
    store = Store(folder / "familiar.db")
    owner = store.add_user("ada", role="owner").id
    receipts = list(Ingestor(store, WordEmbedder(), ImportConfig()).import_paths([exports], user_id=owner))
    assert [receipt.status for receipt in receipts] == ["indexed"] * len(MADE)
    indexes = Indexes(folder / "index", store, embedder_key=WordEmbedder().key, dimensions=64)
    yield store, Searcher(store, indexes, WordEmbedder(), SearchConfig())
    store.close()


@pytest.mark.parametrize("name", MADE)
def test_a_planted_fact_is_found_where_it_stood(home: tuple[Store, Searcher], name: str) -> None:
    """By a question of its words: the source names the container and what lies in it, the offsets open the text."""
    store, searcher = home
    for fact in MADE[name].facts:
        hits = [hit.chunk for hit in searcher.search(" ".join(fact.words), user_id=1, k=20).hits]
        found = [hit for hit in hits if all(word in " ".join(hit.text.split()) for word in fact.words)]
        places = [f"{hit.source}; {hit.title}; {hit.section or ''}" for hit in found]
        assert any(f"/{name}" in place and all(part in place for part in _parts(fact.place)) for place in places)
        for hit in found:
            assert hit.document_id is not None
            assert store.document_text(hit.document_id, user_id=1)[hit.start : hit.end] == hit.text


def _parts(place: str | None) -> list[str]:
    return [part.strip() for part in (place or "").split(";")]


def test_members_are_documents_with_their_container(home: tuple[Store, Searcher]) -> None:
    """Steps into a file within a file are written alike, whatever holds it."""
    sources = {re.sub(r".*/exports\d+/", "", document.source) for document in home[0].documents(user_id=1)}
    assert {"boiler.eml!/offer.pdf", "papers.zip!/more.zip!/deep/lock.eml", "notes.enex!/Pump!/manual.pdf"} <= sources
    assert {"all.mbox!/tent", "notion.zip!/ExportBlock-7-Part-1.zip!/Voyages/Budget.csv"} <= sources
