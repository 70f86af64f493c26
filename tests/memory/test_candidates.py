"""The table of candidates comes to homes of any age, is exported and comes back."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from sqlite_utils import Database

from memory.candidates import CHOICES, Answer, candidates_of, choose, keep_candidates
from memory.exporting import write_export
from memory.importing_export import ExportReader
from memory.records import Citation, Message, NewTurn, RecalledMemory, Timings, UnsupportedSentence
from memory.schema import migrations
from memory.store import Store
from memory.turns import add_turn, open_conversation, turns_of
from tests.embedder import WordEmbedder
from tests.memory.folder import bring_in, write


def old_home(path: Path) -> Database:
    """A home from before, with a turn."""
    raw = Database(path)
    migrations().apply(raw, stop_before="m0012_candidates")
    raw.execute("INSERT INTO users (name, role, created_at) VALUES ('ada', 'owner', '2026-01-01')")
    raw.execute("INSERT INTO conversations (user_id, channel, started_at) VALUES (1, 'terminal', '2026-01-01')")
    raw.execute(
        "INSERT INTO turns (user_id, conversation_id, user_text, reply, generated, prompt, citations, memories, engine,"
        " model, timings, asked_at) VALUES (1, 1, 'hello', 'hi', 'hi', '[]', '[]', '[]', 'local', 'm', '{}', '2026')"
    )
    return raw


def test_a_home_from_before_keeps_its_turns(tmp_path: Path) -> None:
    """They say nothing of how sure the model was, and can have two answers like any other."""
    old_home(tmp_path / "familiar.db").close()
    store = Store(tmp_path / "familiar.db")
    (turn,) = turns_of(store, user_id=1)
    assert (turn.reply, turn.mean_logprob, turn.unsupported) == ("hi", None, ())
    assert keep_candidates(store, turn.id, Answer("hi", "hi"), Answer("hey", "hey"), user_id=1).chosen is None
    store.close()


def test_failing_midway_leaves_the_home_as_it_was(tmp_path: Path) -> None:
    """A column that cannot be added takes the new table back with it."""
    raw = old_home(tmp_path / "familiar.db")
    raw.execute("ALTER TABLE turns ADD COLUMN mean_logprob TEXT")
    with pytest.raises(sqlite3.OperationalError, match="duplicate column"):
        migrations().apply(raw)
    names = {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert "candidates" not in names
    assert raw.execute("SELECT reply FROM turns").fetchall() == [("hi",)]
    raw.close()


def test_marks_are_exported_and_come_back(tmp_path: Path) -> None:
    """Which sentences of a reply its sources don't support, and why; an export from before says nothing of it."""
    store = Store(tmp_path / "familiar.db")
    user = store.add_user("ada", role="owner")
    where = open_conversation(store, user_id=user.id, channel="terminal")
    marks = (UnsupportedSentence("It is 12.", ("12",), 0.25, None),)
    turn = NewTurn(where, "q", "It is 12.", "", (), (), (), "local", "m", None, Timings(), "2026-01-01", None, marks)
    add_turn(store, turn, user_id=user.id, said=None)
    write_export(store, tmp_path / "out", user=user)
    lines = tmp_path / "out" / "conversations.jsonl"
    for name, expected in (("bo", marks), ("cy", ())):
        other = store.add_user(name, role="member")
        assert "failed" not in {
            item.status for item in ExportReader(store, WordEmbedder(), tmp_path / "out", user_id=other.id).read()
        }
        assert [item.unsupported for item in turns_of(store, user_id=other.id)] == [expected]
        row = json.loads(lines.read_text(encoding="utf-8"))
        lines.write_text(json.dumps({key: row[key] for key in row if key != "unsupported"}), encoding="utf-8")
    store.close()


def test_choices_are_exported_and_come_back(tmp_path: Path) -> None:
    """With their turn's new number, and how sure the model was."""
    store = Store(tmp_path / "familiar.db")
    user = store.add_user("ada", role="owner")
    where = open_conversation(store, user_id=user.id, channel="terminal")
    cited = (Citation(1, "s", "t", "x", 5),)
    marks = (UnsupportedSentence("a", (), 0.0, 0.5),)
    turn = NewTurn(
        where,
        "q",
        "a",
        "a",
        (Message("user", "q"),),
        cited,
        (),
        "local",
        "m",
        None,
        Timings(),
        "2026-01-01",
        -0.5,
        marks,
    )
    kept = add_turn(store, turn, user_id=user.id, said=None)
    keep_candidates(store, kept.id, Answer("a", "a", cited), Answer("b", "b"), user_id=user.id)
    choose(store, kept.id, "first", user_id=user.id)
    assert turns_of(store, user_id=user.id)[0].unsupported == marks
    choose(store, kept.id, "second", user_id=user.id)
    write_export(store, tmp_path / "out", user=user)
    other = Store(tmp_path / "other.db")
    other.add_user("zed", role="owner")
    bo = other.add_user("bo", role="member")
    add_turn(
        other,
        NewTurn(**{**vars(turn), "conversation_id": open_conversation(other, user_id=1, channel="terminal")}),
        user_id=1,
        said=None,
    )
    receipts = list(ExportReader(other, WordEmbedder(), tmp_path / "out", user_id=bo.id).read())
    assert "failed" not in {item.status for item in receipts}
    (back,) = turns_of(other, user_id=bo.id)
    assert (back.reply, back.citations, back.mean_logprob, back.unsupported) == ("b", (), -0.5, ())
    (choice,) = candidates_of(other, user_id=bo.id)
    assert (choice.turn_id, choice.first, choice.second, choice.chosen) == (back.id, "a", "b", "second")
    choose(other, back.id, "first", user_id=bo.id)
    (first,) = turns_of(other, user_id=bo.id)
    assert [item.chunk_id for item in first.citations] == [0]  # passage 5 of the other home is somebody else's here
    store.close()
    other.close()


def test_answers_keep_their_sources_in_a_new_version(tmp_path: Path) -> None:
    """A note that is extended has new passages; either answer, when chosen, names those."""
    store = Store(tmp_path / "familiar.db")
    user = store.add_user("ada", role="owner")
    note = write(tmp_path / "notes" / "people.md", "# 1\n\nMy doctor is Oskar Lind.")
    bring_in(store, user.id, tmp_path / "notes")

    def passage() -> int:
        (row,) = store.rows("SELECT id FROM chunks WHERE text LIKE '%Oskar%'")
        return int(row["id"])

    old = passage()
    cited = (Citation(1, "people.md", "people", "My doctor is Oskar Lind.", old),)
    recalled = (RecalledMemory(old, 0.9, "people.md", "My doctor is Oskar Lind."),)
    where = open_conversation(store, user_id=user.id, channel="terminal")
    turn = NewTurn(where, "q", "a [1]", "a [1]", (), cited, recalled, "local", "m", None, Timings(), "2026-01-01")
    turn_id = add_turn(store, turn, user_id=user.id, said=None).id
    keep_candidates(store, turn_id, Answer("a [1]", "a [1]", cited), Answer("b [1]", "b [1]", cited), user_id=user.id)
    write(note, note.read_bytes() + b"\n\n# 2\n\nMy manager is Tom Reed.\n", age=30)
    bring_in(store, user.id, tmp_path / "notes")
    assert passage() != old
    for choice in CHOICES:
        choose(store, turn_id, choice, user_id=user.id)
        assert [item.chunk_id for item in turns_of(store, user_id=user.id)[0].citations] == [passage()]
    store.close()
