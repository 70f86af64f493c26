"""Each format through the real import: a planted fact is found with its speaker and its day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.bench.made_chats import made_chats
from memory.config import ImportConfig, SearchConfig
from memory.index import Indexes
from memory.ingest import ImportOptions, Ingestor
from memory.records import Receipt
from memory.search import Searcher
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.memory.importers.chats.test_assistants import PLAIN
from tests.memory.importers.chats.test_telegram import ADA, BO, chat, message

CHATS = {made.name: made for made in made_chats()}


def _import(store: Store, user: int, name: str, data: bytes, options: ImportOptions | None = None) -> Receipt:
    return Ingestor(store, WordEmbedder(), ImportConfig()).import_bytes(name, data, user_id=user, options=options)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A home into which one chat of each format was imported, all in one run."""
    folder = tmp_path_factory.mktemp("exports")
    for name, made in CHATS.items():
        (folder / name).write_bytes(made.data)
    opened = Store(tmp_path_factory.mktemp("home") / "familiar.db")
    owner = opened.add_user("ada", role="owner").id
    receipts = list(Ingestor(opened, WordEmbedder(), ImportConfig()).import_paths([folder], user_id=owner))
    assert [receipt.status for receipt in receipts] == ["indexed"] * len(CHATS)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", CHATS)
def test_a_planted_fact_is_found(account: Store, tmp_path: Path, name: str) -> None:
    """Among all that was imported, by a question of its words, with who said it and when."""
    indexes = Indexes(tmp_path / "index", account, embedder_key=WordEmbedder().key, dimensions=64)
    searcher = Searcher(account, indexes, WordEmbedder(), SearchConfig())
    for fact in CHATS[name].facts:
        hits = [hit.chunk for hit in searcher.search(" ".join(fact.words), user_id=1).hits]
        found = {
            f"{hit.speaker}, {(hit.at or '')[:10]}" for hit in hits if all(word in hit.text for word in fact.words)
        }
        assert fact.place in found


def test_lines_stand_in_the_order_in_which_they_were_said(account: Store) -> None:
    """Times never go back within a chat."""
    rows = account.rows("SELECT document_id, at FROM chunks WHERE speaker IS NOT NULL ORDER BY document_id, position")
    moments = [(row["document_id"], row["at"]) for row in rows]
    assert moments == sorted(moments)
    assert len(moments) > 120


def test_who_the_user_is_comes_from_the_export(store: Store, user: int) -> None:
    """The owner of a ChatGPT account is known, so the assistant's words are nobody's own; what the user says wins."""
    receipt = _import(store, user, "conversations.json", json.dumps([PLAIN]).encode())
    assert receipt.reason is None
    assert [document.me for document in store.documents(user_id=user)] == ["You"]
    text = chat(message(1, "Hi", **ADA), message(2, "Hello", **BO))
    _import(store, user, "result.json", text.encode(), ImportOptions(me="Bo"))
    assert store.documents(user_id=user)[-1].me == "Bo"


def test_the_receipt_says_how_to_name_oneself(store: Store, user: int) -> None:
    """Where the export doesn't know, its speakers are listed; said later, it is taken over."""
    text = chat(message(1, "Hi", **ADA), message(2, "Hello", **BO), type="private_group").encode()
    receipt = _import(store, user, "result.json", text)
    assert receipt.reason == "its speakers are Ada, Bo; say which one you are with --me NAME"
    again = _import(store, user, "result.json", text, ImportOptions(me="bo"))
    assert again.status == "duplicate"
    assert again.reason == "imported before, unchanged; now yours: Bo, learned from: nobody"


def test_the_receipt_says_how_much_there_is_to_learn_from(store: Store, user: int) -> None:
    """WeClone#92: a reply needs something before it, and what one says in a row is one reply."""
    texts = [("a", ADA), ("b", BO), ("c", BO), ("d", ADA), ("e", BO), ("f", ADA)]
    lines = [message(number, text, **who) for number, (text, who) in enumerate(texts)]
    receipt = _import(store, user, "result.json", chat(*lines).encode(), ImportOptions(learn_from="Ada"))
    assert receipt.reason == "2 replies of 'Ada' to learn from"
    other = _import(store, user, "other.json", chat(lines[0]).encode(), ImportOptions(learn_from="Ada"))
    assert other.reason == "0 replies of 'Ada' to learn from"


def test_a_newer_export_adds_what_is_new(store: Store, user: int) -> None:
    """An unchanged conversation is not stored twice, and one that went on replaces its older version."""
    older = [PLAIN, PLAIN | {"title": "Second"}]
    _import(store, user, "conversations.json", json.dumps(older).encode())
    receipt = _import(store, user, "conversations.json", json.dumps([*older, PLAIN | {"title": "Third"}]).encode())
    assert receipt.status == "indexed"
    assert [document.title for document in store.documents(user_id=user)] == ["Trip", "Second", "Third"]


def test_speakers_of_an_account_are_said_for_all_its_chats(store: Store, user: int) -> None:
    """A duplicate's receipt names nobody as missing who speaks in one of its chats."""
    chats = [
        {"name": "One", "type": "private_group", "id": 3, "messages": [message(1, "a", **ADA), message(2, "b", **BO)]},
        {"name": "Two", "type": "private_group", "id": 4, "messages": [message(1, "c", **BO)]},
    ]
    data = json.dumps({"chats": {"list": chats}}).encode()
    _import(store, user, "result.json", data)
    receipt = _import(store, user, "result.json", data, ImportOptions(me="Ada"))
    assert receipt.status == "duplicate"
    assert "nobody" not in (receipt.reason or "").split("now yours")[0]
    assert [document.me for document in store.documents(user_id=user)] == ["Ada", None]
