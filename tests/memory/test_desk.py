"""What a desk keeps of a customer goes along when they move, comes back with an export, and is theirs alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from memory.desk import (
    Event,
    NewExample,
    add_event,
    add_examples,
    add_template,
    close_case,
    examples_of,
    keep_vectors,
    open_case,
    open_cases,
    set_template,
    templates_of,
    vectors_of,
)
from memory.errors import FamiliarError
from memory.exporting import write_export
from memory.importing_export import ExportReader
from memory.moving import copy_user
from memory.records import NewTurn, Timings, User
from memory.store import Store
from memory.turns import add_turn, open_conversation
from tests.embedder import WordEmbedder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A home with its owner."""
    opened = Store(tmp_path / "one" / "familiar.db")
    opened.add_user("ann", role="owner")
    yield opened
    opened.close()


def customer_with_case(store: Store, name: str = "Kim", account: int = 21) -> User:
    """A customer whose message was handed over."""
    user = store.add_user(name, role="guest", telegram_id=account)
    where = open_conversation(store, user_id=user.id, channel="telegram", chat_id=account)
    new = NewTurn(where, "help", "a colleague", "", (), (), (), "desk", "hand over", None, Timings(), "2026-01-01")
    turn = add_turn(store, new, user_id=user.id, said=None)
    open_case(
        store, user_id=user.id, turn_id=turn.id, reason="angry", intent="", suggestion="sorry", at="2026-01-01T00:00"
    )
    add_event(store, Event("handed over", "angry", "", 0.5), user_id=user.id)
    return user


def test_a_case_is_answered_once(store: Store) -> None:
    """The second person hears that there was a first; the suggestion is not kept."""
    kim = customer_with_case(store)
    customer_with_case(store, "Bo", 22)
    (case,) = open_cases(store, user_id=kim.id)
    assert len(open_cases(store)) == 2
    assert close_case(store, case, "Hello", at="2026-01-01T00:05") == case.turn_id
    assert close_case(store, case, "Hello", at="2026-01-01T00:06") is None
    assert store.rows("SELECT reply FROM turns WHERE id = ?", (case.turn_id,))[0][0] == "a colleague\n\nHello"
    assert store.rows("SELECT suggestion FROM desk_cases WHERE id = ?", (case.id,))[0][0] is None


def test_a_customer_moves_with_their_cases(store: Store, tmp_path: Path) -> None:
    """Under the numbers that their turns have there."""
    kim = customer_with_case(store)
    other = Store(tmp_path / "two" / "familiar.db")
    customer_with_case(other, "Di", 23)
    copy_user(store, other, kim)
    moved = other.user("Kim")
    assert moved is not None
    (case,) = open_cases(other, user_id=moved.id)
    rows = other.rows("SELECT user_text FROM turns WHERE id = ? AND user_id = ?", (case.turn_id, moved.id))
    assert [row["user_text"] for row in rows] == ["help"]
    assert other.rows("SELECT count(*) FROM desk_events WHERE user_id = ?", (moved.id,))[0][0] == 1
    other.close()


def test_a_knowledge_base_comes_back_with_what_it_learned(store: Store, tmp_path: Path) -> None:
    """Examples and templates are in the export; embeddings are made again."""
    desk = store.add_user("desk", role="shared")
    add_examples(store, [NewExample("bill", "en", "where?", "here")], user_id=desk.id)
    add_template(store, NewExample("bill", "en", "where?", "Hi {name}"), user_id=desk.id, state="approved")
    (example,) = examples_of(store, user_id=desk.id)
    keep_vectors(store, [example.id], np.ones((1, 4), np.float32), embedder="e")
    assert vectors_of(store, user_id=desk.id, embedder="e")[example.id].tolist() == [1.0] * 4
    assert vectors_of(store, user_id=desk.id, embedder="other") == {}
    write_export(store, tmp_path / "export", user=desk)
    other = Store(tmp_path / "two" / "familiar.db")
    again = other.add_user("desk", role="shared")
    receipts = list(ExportReader(other, WordEmbedder(), tmp_path / "export", user_id=again.id).read())
    assert {item.status for item in receipts} <= {"indexed", "duplicate"}
    assert [item.reply for item in examples_of(other, user_id=again.id)] == ["here"]
    assert [item.text for item in templates_of(other, user_id=again.id, state="approved")] == ["Hi {name}"]
    other.close()


def test_examples_are_counted_and_templates_decided(store: Store) -> None:
    """The same exchange counts once more; a template of the same words is kept once."""
    desk = store.add_user("desk", role="shared")
    new = NewExample("bill", "en", "where?", "here", times=2)
    assert (add_examples(store, [new], user_id=desk.id), add_examples(store, [new], user_id=desk.id)) == (1, 0)
    assert examples_of(store, user_id=desk.id)[0].times == 4
    made = add_template(store, new, user_id=desk.id)
    assert made is not None
    assert add_template(store, new, user_id=desk.id) is None
    set_template(store, made, "dropped", user_id=desk.id)
    assert templates_of(store, user_id=desk.id)[0].state == "dropped"
    with pytest.raises(FamiliarError, match="no template 99"):
        set_template(store, 99, "approved", user_id=desk.id)
