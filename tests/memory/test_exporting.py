"""An export can be read by anybody and comes back as the same memory."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from memory.config import SearchConfig
from memory.errors import FamiliarError
from memory.exporting import MARKER, exported_tables, write_export
from memory.importing_export import ExportReader, is_export
from memory.index import Indexes
from memory.records import NewDocument, Passage, Profile, Receipt
from memory.search import Searcher
from memory.store import Store
from memory.turns import give_feedback
from tests.embedder import WordEmbedder
from tests.memory.life import Life, live

TABLES = {
    "documents": "source, title, format, sha256, text, at, me, learn_from, imported_at",
    "conversations": "channel, chat_id, started_at",
    "turns": "user_text, reply, generated, prompt, engine, model, adapter, timings, asked_at, unsupported",
    "feedback": "vote, correction, at",
    "chunks": 'position, text, start, "end", page, section, speaker, at, external_ids',
    "users": "language, form, length, zone",
}


def contents(store: Store, user_id: int) -> dict[str, list[tuple[Any, ...]]]:
    """What a user has, without the numbers that differ between homes."""
    found = {}
    for table, columns in TABLES.items():
        owner = "id" if table == "users" else "user_id"
        rows = store.rows(f"SELECT {columns} FROM {table} WHERE {owner} = ? ORDER BY rowid", (user_id,))
        found[table] = [tuple(row) for row in rows]
    return found


def taken_in(folder: Path, home: Path, *, name: str = "ann") -> tuple[Store, list[Receipt]]:
    """An export in a home of its own, where somebody else was first, so that all numbers differ."""
    store, embedder = Store(home / "familiar.db"), WordEmbedder()
    other = store.add_user("first", role="owner")
    note = NewDocument("/x.md", "x", "markdown", "x", "Something else.")
    vectors = embedder.embed_passages(["Something else."])
    store.add_document(note, [Passage("Something else.", 0, 15)], vectors, user_id=other.id, embedder=embedder.key)
    user = store.add_user(name, role="member")
    return store, list(ExportReader(store, embedder, folder, user_id=user.id).read())


def hits(store: Store, folder: Path, *, user_id: int, questions: list[str]) -> list[list[tuple[str, str, str]]]:
    """Text, source and title of what each question finds, best first."""
    embedder = WordEmbedder()
    indexes = Indexes(folder, store, embedder_key=embedder.key, dimensions=embedder.dimensions)
    searcher = Searcher(store, indexes, embedder, SearchConfig())
    return [
        [
            (hit.chunk.text, hit.chunk.source, hit.chunk.title)
            for hit in searcher.search(question, user_id=user_id, k=8).hits
        ]
        for question in questions
    ]


@pytest.fixture
def life(tmp_path: Path) -> Life:
    """A home in which something of every kind has happened."""
    return live(tmp_path / "home")


def test_export_imports_to_the_same_memory(life: Life, tmp_path: Path) -> None:
    """Texts, offsets, speakers, dates, ids, titles, judgements, profile and search results are the same."""
    life.store.update_user(life.user(Profile("zh", "bullets", "short", "Asia/Shanghai")))
    life.store.delete_document(life.document("handbook", user_id=life.shared_id), user_id=life.shared_id)
    before = contents(life.store, life.user_id)
    done = write_export(life.store, tmp_path / "out", user=life.user())
    assert (done.documents, done.turns) == (len(before["documents"]), len(before["turns"]))
    assert is_export(tmp_path / "out")
    store, receipts = taken_in(tmp_path / "out", tmp_path / "other")
    assert {item.status for item in receipts} == {"indexed"}
    assert contents(store, 2) == before
    questions = ["vault code of the lighthouse", "灯塔保险箱的密码", "ferry in the morning", "how is day 3?"]
    assert hits(store, tmp_path / "i2", user_id=2, questions=questions) == hits(
        life.store, tmp_path / "i1", user_id=life.user_id, questions=questions
    )
    cited = json.loads(store.rows("SELECT citations FROM turns WHERE citations <> '[]'")[0][0])[0]
    assert store.chunks([cited["chunk_id"]], owners=[2])[0].text == cited["text"]
    store.close()


def test_second_import_changes_nothing(life: Life, tmp_path: Path) -> None:
    """What is there already is left, so an import that was cut short can be run again."""
    write_export(life.store, tmp_path / "out", user=life.user())
    store, _ = taken_in(tmp_path / "out", tmp_path / "other")
    before = contents(store, 2)
    receipts = list(ExportReader(store, WordEmbedder(), tmp_path / "out", user_id=2).read())
    assert all(item.status == "duplicate" for item in receipts if "documents" in item.path)
    assert contents(store, 2) == before
    store.close()


def test_documents_can_be_read_by_people(life: Life, tmp_path: Path) -> None:
    """A document is its text under front matter that names source, title and date."""
    write_export(life.store, tmp_path / "out", user=life.user())
    page = next((tmp_path / "out" / "documents").glob("*vault*.md")).read_text(encoding="utf-8")
    assert page.startswith("---\nid: ")
    assert '\ntitle: "vault"\n' in page
    assert life.secret in page
    turn = json.loads((tmp_path / "out" / "conversations.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert {"user_text", "reply", "asked_at", "citations"} <= set(turn)


def test_awkward_texts_survive(tmp_path: Path) -> None:
    """Line ends, marks that look like front matter, signs of no width and strange titles come back exactly."""
    store, embedder = Store(tmp_path / "a" / "familiar.db"), WordEmbedder()
    user = store.add_user("ann", role="owner")
    text = "---\r\nid: 9\r---\n\u2028x\u0085\x00 end\n---\nrest \U0001f600"
    note = NewDocument("/a\n---\nb: c.md", '"quoted"\n---\n: #', "markdown", "s", text, at="2026-01-02")
    passages = [Passage(text, 0, len(text)), Passage("told otherwise", 3, 9, 2, "A > B", "Bo", "2026", ("i\n1",))]
    store.add_document(note, passages, embedder.embed_passages(["a", "b"]), user_id=user.id, embedder=embedder.key)
    write_export(store, tmp_path / "out", user=user)
    other, receipts = taken_in(tmp_path / "out", tmp_path / "b")
    assert [item.status for item in receipts if "documents" in item.path] == ["indexed"]
    assert contents(other, 2) == contents(store, 1)
    store.close()
    other.close()


def test_export_holds_only_the_user(life: Life, tmp_path: Path) -> None:
    """Nothing of another user or of a knowledge base is written."""
    write_export(life.store, tmp_path / "out", user=life.user())
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert life.secret.encode() in written
    assert life.other_secret.encode() not in written


def test_damaged_file_costs_itself(life: Life, tmp_path: Path) -> None:
    """A document that was edited to nonsense is named, the others come in; a foreign or newer folder is refused."""
    out = tmp_path / "out"
    write_export(life.store, out, user=life.user())
    count = len(list((out / "documents").glob("*.md")))
    next((out / "documents").glob("*vault*.md")).write_text("no front matter", encoding="utf-8")
    store, receipts = taken_in(out, tmp_path / "other")
    failed = [item for item in receipts if item.status == "failed"]
    assert [Path(item.path).name for item in failed if "documents" in item.path] == [
        path.name for path in (out / "documents").glob("*vault*.md")
    ]
    assert len(store.documents(user_id=2)) == count - 1
    (out / MARKER).write_text('{"format": "familiar-export", "version": 99}', encoding="utf-8")
    with pytest.raises(FamiliarError, match=r"99.*reads"):
        list(ExportReader(store, WordEmbedder(), out, user_id=2).read())
    store.close()


def test_judgement_of_a_turn_that_is_missing_is_told(life: Life, tmp_path: Path) -> None:
    """A conversation that was taken out of the folder does not stop the rest."""
    give_feedback(life.store, life.turns[0], user_id=life.user_id, vote="up")
    write_export(life.store, tmp_path / "out", user=life.user())
    (tmp_path / "out" / "conversations.jsonl").unlink()
    store, receipts = taken_in(tmp_path / "out", tmp_path / "other")
    assert {Path(item.path).name for item in receipts if item.status == "failed"} == {
        "conversations.jsonl",
        "feedback.json",
    }
    (candidates,) = [item for item in receipts if Path(item.path).name == "candidates.jsonl"]
    assert candidates.reason == "0 rows, 2 left out: what they belong to is not here"
    store.close()


@pytest.mark.slow
def test_memory_is_bounded(tmp_path: Path) -> None:
    """Forty documents of one megabyte are written with room for a few of them."""
    store, embedder = Store(tmp_path / "familiar.db"), WordEmbedder()
    user = store.add_user("ann", role="owner")
    vectors = embedder.embed_passages(["x"])
    for number in range(40):
        text = f"{number} " + "sea " * 250_000
        note = NewDocument(f"/{number}.md", str(number), "markdown", str(number), text)
        with store.transaction():
            store.add_document(note, [Passage("x", 0, 1)], vectors, user_id=user.id, embedder=embedder.key)
    tracemalloc.start()
    write_export(store, tmp_path / "out", user=user)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12_000_000
    store.close()


RENUMBERED = {"document_id", "chunk_id", "turn_id", "conversation_id", "user_id"}
ELSEWHERES = {"chat_id", "thread_id"}
"""Telegram's own numbers, which are the same in every home."""


def test_every_number_in_a_table_is_renumbered(life: Life) -> None:
    """A row that names another of this home would name a stranger's in the next."""
    for table in exported_tables():
        named = {row["name"] for row in life.store.rows(f"PRAGMA table_info({table.name})")}
        named = {name for name in named if name.endswith("_id")} - ELSEWHERES
        named |= {row["from"] for row in life.store.rows(f"PRAGMA foreign_key_list({table.name})")}
        assert named <= RENUMBERED, table.name


def test_what_waits_in_a_chat_stays_in_its_home(life: Life, tmp_path: Path) -> None:
    """An offer to keep what was forwarded stands under a message that no other home has sent."""
    with life.store.transaction() as db:
        values = (life.user_id, "2026-01-01")
        db.execute("INSERT INTO telegram_replies (id, chat_id, private, user_id, at) VALUES (900, 7, 1, ?, ?)", values)
        db.execute("INSERT INTO telegram_forwards (user_id, reply_id, said) VALUES (?, 900, '[]')", (life.user_id,))
    write_export(life.store, tmp_path / "out", user=life.user())
    store, receipts = taken_in(tmp_path / "out", tmp_path / "other")
    assert {item.status for item in receipts} == {"indexed"}
    assert not (tmp_path / "out" / "tables" / "telegram_forwards.jsonl").exists()
    store.close()
