"""The store keeps whole actions or nothing, and shows each user only their own rows."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from memory.erasure import forget_everything
from memory.errors import FamiliarError
from memory.ledger import last_entry
from memory.records import Message, NewDocument, NewTurn, Passage, Timings
from memory.schema import migrations
from memory.store import Store
from memory.turns import Said, add_turn, feedback_of, give_feedback, open_conversation, turn_by_id, turns_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "familiar.db")
    yield opened
    opened.close()


def document(name: str, *, replaces: int | None = None) -> NewDocument:
    return NewDocument(
        source=f"/notes/{name}.md", title=name, format="markdown", sha256=name, text="text", replaces=replaces
    )


def vectors(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.eye(count, 4, dtype=np.float32)


def counts(store: Store) -> dict[str, int]:
    tables = ("documents", "chunks", "vectors", "chunks_fts", "turns")
    return {name: store.rows(f"SELECT count(*) AS n FROM {name}")[0]["n"] for name in tables}


def new_turn(conversation: int) -> NewTurn:
    return NewTurn(
        conversation_id=conversation,
        user_text="I moved to Oslo.",
        reply="Noted.",
        generated="Noted.",
        prompt=(Message("system", "s"), Message("user", "I moved to Oslo.")),
        citations=(),
        memories=(),
        engine="local",
        model="m",
        adapter=None,
        timings=Timings(total_s=1.5),
        asked_at="2026-01-01T10:00:00+00:00",
    )


def test_document_is_stored_whole_and_deleted_whole(store: Store) -> None:
    """Chunks, words and vectors come and go with their document."""
    user = store.add_user("ann", role="owner")
    stored = store.add_document(
        document("a"), [Passage("one"), Passage("two")], vectors(2), user_id=user.id, embedder="e"
    )
    assert (stored.chunks, counts(store)["chunks_fts"], counts(store)["vectors"]) == (2, 2, 2)
    assert store.delete_document(stored.id, user_id=user.id)
    assert set(counts(store).values()) == {0}


def test_failure_midway_leaves_nothing(store: Store) -> None:
    """A document whose vectors don't match its passages is not half stored."""
    user = store.add_user("ann", role="owner")
    with pytest.raises(ValueError, match="shorter"):
        store.add_document(document("a"), [Passage("one"), Passage("two")], vectors(1), user_id=user.id, embedder="e")
    assert set(counts(store).values()) == {0}
    assert store.generation(user.id) == 0


def test_replacing_keeps_the_old_version_on_failure(store: Store) -> None:
    """A re-import that fails leaves the version that was there."""
    user = store.add_user("ann", role="owner")
    old = store.add_document(document("a"), [Passage("one")], vectors(1), user_id=user.id, embedder="e")
    with pytest.raises(ValueError, match="shorter"):
        store.add_document(
            document("b", replaces=old.id), [Passage("x"), Passage("y")], vectors(1), user_id=user.id, embedder="e"
        )
    assert [item.title for item in store.documents(user_id=user.id)] == ["a"]


def test_user_is_read_as_stored_now(store: Store) -> None:
    """By id, with what was changed since; an id that nobody has is named."""
    ann = store.add_user("ann", role="owner")
    store.update_user(dataclasses.replace(ann, name="anna"))
    assert store.user_by_id(ann.id).name == "anna"
    with pytest.raises(FamiliarError, match="no user 99"):
        store.user_by_id(99)


def test_one_user_never_sees_anothers_rows(store: Store) -> None:
    """Documents, chunks, turns and deletion are closed to other users."""
    ann, ben = store.add_user("ann", role="owner"), store.add_user("ben", role="member")
    stored = store.add_document(document("a"), [Passage("one")], vectors(1), user_id=ann.id, embedder="e")
    turn = add_turn(store, new_turn(open_conversation(store, user_id=ann.id, channel="t")), user_id=ann.id, said=None)
    assert store.documents(user_id=ben.id) == []
    assert store.chunks([1], owners=store.readable_by(ben.id)) == []
    assert not store.delete_document(stored.id, user_id=ben.id)
    assert not store.delete_turn(turn.id, user_id=ben.id)
    assert store.document_text(stored.id, user_id=ben.id) == ""
    with pytest.raises(FamiliarError, match="no turn"):
        turn_by_id(store, turn.id, user_id=ben.id)
    with pytest.raises(FamiliarError, match="no turn"):
        give_feedback(store, turn.id, user_id=ben.id, vote="up")
    assert counts(store)["chunks"] == 1


def test_shared_knowledge_base_is_readable_by_all(store: Store) -> None:
    """A user reads their own memory and the shared ones."""
    ann, ben = store.add_user("ann", role="owner"), store.add_user("ben", role="member")
    handbook = store.add_user("handbook", role="shared")
    assert store.readable_by(ben.id) == (ben.id, handbook.id)
    assert store.readable_by(ann.id) == (ann.id, handbook.id)


def test_turn_comes_back_as_it_was_stored(store: Store) -> None:
    """The prompt, the timings and what the user said survive; the newest feedback counts."""
    user = store.add_user("ann", role="owner")
    conversation = open_conversation(store, user_id=user.id, channel="telegram", chat_id=7)
    said = Said((Passage("I moved to Oslo."),), vectors(1), "e")
    turn = add_turn(store, new_turn(conversation), user_id=user.id, said=said)
    assert turn_by_id(store, turn.id, user_id=user.id) == turn
    assert turns_of(store, user_id=user.id, conversation_id=conversation, last=3) == [turn]
    assert counts(store)["chunks"] == 1
    give_feedback(store, turn.id, user_id=user.id, vote="down")
    give_feedback(store, turn.id, user_id=user.id, correction="Welcome to Oslo!")
    assert [(item.vote, item.correction) for item in feedback_of(store, user_id=user.id)] == [
        (None, "Welcome to Oslo!")
    ]
    assert open_conversation(store, user_id=user.id, channel="telegram", chat_id=7) == conversation


def test_damaged_database_is_named(tmp_path: Path) -> None:
    """A file that is no database is refused with its path, and left as it was."""
    path = tmp_path / "familiar.db"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(FamiliarError, match=r"familiar\.db"):
        Store(path)
    assert path.read_bytes().startswith(b"this is no database")


def test_newer_database_is_refused(tmp_path: Path) -> None:
    """A home of a newer version is not touched."""
    Store(tmp_path / "familiar.db").close()
    raw = sqlite3.connect(tmp_path / "familiar.db")
    raw.execute("INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('familiar', 'm9999', 'x')")
    raw.commit()
    raw.close()
    with pytest.raises(FamiliarError, match="newer version"):
        Store(tmp_path / "familiar.db")


def test_migration_failing_midway_leaves_the_rows(tmp_path: Path) -> None:
    """A later migration that fails changes nothing, rows of the oldest schema included."""
    store = Store(tmp_path / "familiar.db")
    user = store.add_user("ann", role="owner")
    store.add_document(document("a"), [Passage("one")], vectors(1), user_id=user.id, embedder="e")
    store.close()
    steps = migrations()

    @steps()
    def m9998_breaks(db: Database) -> None:
        db.execute("ALTER TABLE documents ADD COLUMN extra TEXT")
        db.execute("INSERT INTO no_such_table VALUES (1)")

    raw = Database(tmp_path / "familiar.db")
    with pytest.raises(sqlite3.OperationalError):
        steps.apply(raw)
    raw.close()
    again = Store(tmp_path / "familiar.db")
    assert [item.title for item in again.documents(user_id=user.id)] == ["a"]
    assert "extra" not in {row["name"] for row in again.rows("PRAGMA table_info(documents)")}
    again.close()


def test_other_process_waits_its_turn(store: Store) -> None:
    """A second connection writes while the first is open, and each sees the other's rows."""
    second = Store(store.path)
    store.add_user("ann", role="owner")
    second.add_user("ben", role="member")
    assert [user.name for user in store.users()] == ["ann", "ben"]
    second.close()


def test_quiet_waits_for_another_threads_transaction(store: Store) -> None:
    """A process that stands still inside holds no writer's lock, so that others can write."""
    writing, done = threading.Event(), threading.Event()

    def write() -> None:
        with store.transaction():
            writing.set()
            time.sleep(0.2)
            done.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert writing.wait(5)
    with store.quiet():
        assert done.is_set()
        other = Store(store.path)
        other.set_state("seen", "yes")
        other.close()
    thread.join()


def test_half_a_character_is_refused(store: Store) -> None:
    """Wherever it came in: nothing of its transaction is kept, and what comes after works."""
    user = store.add_user("ann", role="owner")

    def rename() -> None:
        with store.transaction():
            store.set_state("a", "b")
            store.update_user(dataclasses.replace(user, name="ann \ud83d"))

    with pytest.raises(FamiliarError, match="half of a surrogate pair"):
        rename()
    with pytest.raises(FamiliarError, match="half of a surrogate pair"):
        store.user("\ud83d")
    assert store.state("a") is None
    assert store.add_user("bo", role="member").id


def test_erasures_are_numbered_on_in_a_home_from_before(tmp_path: Path) -> None:
    """A backup that has forgotten up to an erasure whose user has left since is behind the next one."""
    raw = Database(tmp_path / "old.db")
    migrations().apply(raw, stop_before="m0034_revoked_tokens")
    raw.execute("INSERT INTO users (name, role, created_at) VALUES ('ann', 'owner', '2026')")
    raw.execute("INSERT INTO backups (id, path, sha256, made_at, erased_to) VALUES ('b', 'b.familiar', 's', '2026', 5)")
    raw.conn.commit()
    raw.close()
    with contextlib.closing(Store(tmp_path / "old.db")) as store:
        forget_everything(store, None, user_id=1)
        assert last_entry(store) == 6
