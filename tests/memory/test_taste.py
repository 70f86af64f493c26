"""Items and what was done with them: documents, read from files, forgotten, exported and moved as others are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from memory.config import ImportConfig
from memory.erasure import forget_document, forget_text
from memory.errors import FamiliarError, UsageError
from memory.exporting import write_export
from memory.facts.store import facts_of
from memory.importing_export import ExportReader
from memory.moving import copy_user
from memory.records import NewDocument
from memory.store import Store
from memory.taste import (
    Added,
    Event,
    NewItem,
    add_items,
    events_of,
    item_by_id,
    item_vectors,
    items_of,
    note_event,
    opinions,
    popularity,
    selected,
)
from memory.taste_files import read_items
from tests.embedder import WordEmbedder
from tuning.adapters import AdapterEraser, Outcome
from tuning.job import BaseModel
from tuning.preference import Choice
from tuning.preference_job import taste_registry

SEA = NewItem("The harbour book", "Boats and tides.", "book", "https://sea.example/1", ("sea", "boats"))
BREAD = NewItem("Sourdough", "My sister lives in Utrecht.", "link", "", ("bread",))
DAY = "2026-03-06T09:00:00+00:00"


def add(store: Store, *new: NewItem, user: int, owner: int | None = None) -> Added:
    """Store items with the words' embedder."""
    return add_items(store, WordEmbedder(), new, user_id=owner or user, actor=user, config=ImportConfig())


def test_an_item_is_a_document_that_states_no_facts(store: Store, user: int) -> None:
    """It is found like any other, keeps what is known of it, and says nothing about its user."""
    added = add(store, SEA, BREAD, user=user)
    first, second = items_of(store, user_id=user)
    assert (first.id, second.id) == added.new
    assert (first.title, first.kind, first.link, first.tags) == (SEA.title, "book", SEA.link, SEA.tags)
    assert first.text == "Boats and tides.\nsea, boats"
    assert (second.link, store.document(second.id, user_id=user).format) == ("", "item")
    assert facts_of(store, owners=[user]) == []
    vectors = item_vectors(store, [first.id, second.id], embedder=WordEmbedder().key)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 1.0])
    assert not item_vectors(store, [first.id], embedder="another").any()


def test_the_same_item_is_kept_once(store: Store, user: int) -> None:
    """Of one that is there only what says when it happened is taken, and that once."""
    rated = NewItem(SEA.title, SEA.text, SEA.kind, SEA.link, SEA.tags, "rated", 5.0, DAY)
    assert add(store, SEA, user=user).events == 0
    again = add(store, rated, NewItem(SEA.title, SEA.text, "book", SEA.link, SEA.tags, "liked"), user=user)
    assert (again.new, len(again.known), again.events) == ((), 2, 1)
    assert add(store, rated, user=user).events == 0
    assert events_of(store, user_id=user) == [Event(again.known[0], "rated", 5.0, DAY)]


def test_what_was_said_last_counts() -> None:
    """A rating in between says neither, and being shown says nothing."""
    events = [
        Event(1, "liked", None, "2026-01-01"),
        Event(1, "skipped", None, "2026-01-03"),
        Event(2, "rated", 4.0, "2026-01-02"),
        Event(2, "rated", 3.0, "2026-01-05"),
        Event(3, "shown", None, "2026-01-04"),
    ]
    assert [selected(event) for event in events] == [True, False, True, None, None]
    assert {item: event.action for item, event in opinions(events).items()} == {1: "skipped", 2: "rated"}
    assert list(opinions(events)) == [2, 1]


def test_events_are_checked(store: Store, user: int) -> None:
    """A rating needs its action and its range, and an item must be readable."""
    (item,) = add(store, SEA, user=user).new
    stranger = store.add_user("bo", role="member").id
    with pytest.raises(UsageError, match="liked has 3"):
        note_event(store, Event(item, "liked", 3.0, DAY), user_id=user)
    with pytest.raises(UsageError, match="must be from 1 to 5"):
        note_event(store, Event(item, "rated", 9.0, DAY), user_id=user)
    with pytest.raises(FamiliarError, match="there is no item"):
        note_event(store, Event(item, "liked", None, DAY), user_id=stranger)
    with pytest.raises(FamiliarError, match="no title"):
        add(store, NewItem("  "), user=user)


def test_shared_items_are_everybodys_and_events_are_not(store: Store, user: int) -> None:
    """Of what others did only a number is known."""
    shared, bo = store.add_user("shelf", role="shared").id, store.add_user("bo", role="member").id
    (item,) = add(store, SEA, user=user, owner=shared).new
    note_event(store, Event(item, "liked", None, DAY), user_id=bo)
    note_event(store, Event(item, "shown", None, DAY), user_id=user)
    assert item_by_id(store, item, user_id=user).owner == shared
    assert [event.action for event in events_of(store, user_id=user)] == ["shown"]
    assert popularity(store, [item, 99], without=user).tolist() == [1.0, 0.0]
    assert popularity(store, [item], without=bo).tolist() == [0.0]


def test_files_are_read(tmp_path: Path) -> None:
    """JSON lines and CSV, with other programs' names of columns; what is not used is named."""
    table = tmp_path / "films.csv"
    table.write_text(
        "Name,Description,Kind,URL,Tags,Rating,at,Shelf\n"
        "Stalker,A zone.,film,https://f.example,slow; russian,5,2026-01-02,x\nAlien,,film,,,,,\n",
        encoding="utf-8",
    )
    read = read_items(table)
    assert read.unused == ("shelf",)
    assert read.items[0] == NewItem(
        "Stalker",
        "A zone.",
        "film",
        "https://f.example",
        ("slow", "russian"),
        "rated",
        5.0,
        "2026-01-02T00:00:00+00:00",
    )
    assert read.items[1] == NewItem("Alien", kind="film")
    lines = tmp_path / "a.jsonl"
    lines.write_text(json.dumps({"title": "海", "tags": ["sea", "a,b"], "action": "liked"}) + "\n\n", encoding="utf-8")
    assert read_items(lines).items == (NewItem("海", tags=("sea", "a b"), action="liked"),)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "title,kind\nX,song\n", "line 2: kind is 'song'"),
        ("a.csv", "title,text\n,words\n", "line 2: there is no title"),
        ("a.csv", "title,rating\nX,11\n", "rating is '11'"),
        ("a.csv", "title,action\nX,rated\n", "a rating needs rated"),
        ("a.csv", "title,at\nX,yesterday\n", "at is 'yesterday'"),
        ("a.jsonl", '{"title": "X"}\n[1]\n', "line 2 is no JSON object"),
        ("a.jsonl", '{"title": "X", "action": "loved"}', "action is 'loved'"),
        ("a.jsonl", "{", "line 1 is no JSON"),
        ("a.txt", "", "must be a .jsonl or .csv file"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    """With their line, and what would be right."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(FamiliarError, match=message.replace(".", r"\.")):
        read_items(tmp_path / name)


def test_forgetting_reaches_items_events_and_models(store: Store, user: int, tmp_path: Path) -> None:
    """A tag is a text like any other, and a model that learned from the item no longer ranks."""
    sea, bread = add(store, SEA, BREAD, user=user).new
    for item in (sea, bread):
        note_event(store, Event(item, "liked", None, DAY), user_id=user)
    registry = taste_registry(store, tmp_path)
    choice = Choice(sea, "x", (), True, None, DAY)
    base = BaseModel("tiny", tmp_path, "sha")
    first = registry.begin(
        user_id=user, base=base, examples=[Choice(bread, "y", (), True, None, DAY)], started_by="hand"
    )
    registry.finish(first.id, Outcome("live"), user_id=user)
    second = registry.begin(user_id=user, base=base, examples=[choice], started_by="hand")
    registry.finish(second.id, Outcome("live"), user_id=user)
    forget_text(store, None, user_id=user, text="boats", erasers=[AdapterEraser(registry)])
    assert [item.id for item in items_of(store, user_id=user)] == [bread]
    assert [event.item for event in events_of(store, user_id=user)] == [bread]
    assert registry.show(second.id, user_id=user).status == "withdrawn"
    live = registry.live(user)
    assert live is not None
    assert live.id == first.id
    forget_document(store, None, user_id=user, document_id=bread, erasers=[AdapterEraser(registry)])
    assert (items_of(store, user_id=user), events_of(store, user_id=user), registry.live(user)) == ([], [], None)


def test_an_export_brings_items_back(store: Store, user: int, tmp_path: Path) -> None:
    """With what was done with them, once however often it is taken in."""
    add(store, SEA, user=user)
    (item,) = items_of(store, user_id=user)
    note_event(store, Event(item.id, "rated", 4.0, DAY), user_id=user)
    owner = store.owner()
    assert owner is not None
    write_export(store, tmp_path / "out", user=owner)
    other = Store(tmp_path / "other" / "familiar.db")
    first = other.add_user("first", role="owner").id
    other.add_document(
        NewDocument("/x", "x", "text", "x", "x"), [], np.zeros((0, 64), np.float32), user_id=first, embedder="e"
    )
    new = other.add_user("ada", role="member").id
    for _ in range(2):
        receipts = list(ExportReader(other, WordEmbedder(), tmp_path / "out", user_id=new).read())
        assert not [receipt for receipt in receipts if receipt.status == "failed"]
    (back,) = items_of(other, user_id=new)
    assert (back.title, back.kind, back.tags, back.text) == (item.title, item.kind, item.tags, item.text)
    assert events_of(other, user_id=new) == [Event(back.id, "rated", 4.0, DAY)]
    other.close()


def test_items_move_with_their_user(store: Store, user: int, tmp_path: Path) -> None:
    """Events about shared items stay behind with these, and so does the model, which may have learned from them."""
    bo = store.add_user("bo", role="member")
    shared = store.add_user("shelf", role="shared").id
    (own,) = add(store, SEA, user=bo.id).new
    (theirs,) = add(store, BREAD, user=bo.id, owner=shared).new
    for item in (own, theirs):
        note_event(store, Event(item, "liked", None, DAY), user_id=bo.id)
    registry = taste_registry(store, store.path.parent)
    base = BaseModel("tiny", tmp_path, "sha")
    registry.begin(user_id=bo.id, base=base, examples=[Choice(theirs, "x", (), True, None, DAY)], started_by="hand")
    target = Store(tmp_path / "target" / "familiar.db")
    target.add_user("first", role="owner")
    copy_user(store, target, bo)
    moved = target.user("bo")
    assert moved is not None
    with target.transaction() as db:
        db.execute("UPDATE users SET role = 'member' WHERE id = ?", (moved.id,))
    (there,) = items_of(target, user_id=moved.id)
    assert there.title == SEA.title
    assert [event.item for event in events_of(target, user_id=moved.id)] == [there.id]
    assert target.rows("SELECT 1 FROM adapters") == []
    assert target.rows("PRAGMA foreign_key_check") == []
    target.close()
    assert user
