"""Items that may be recommended and what a user did with them: documents with a mark, and events with a time.

An item is found, cited, exported, moved and forgotten as any document is, and states no facts. Events are the user's
own, also those about items of a shared knowledge base. What somebody thinks of an item is what they said of it last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from memory import ledger
from memory.chunking import chunk_document, embedded_text, full_text
from memory.config import ImportConfig
from memory.embedding import Embedder
from memory.errors import FamiliarError, UsageError
from memory.facts.store import ITEM
from memory.importers.records import Block, ExtractedDocument
from memory.records import NewDocument, Passage
from memory.store import Store, utc_now

Kind = Literal["link", "book", "film", "note", "product"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Action = Literal["shown", "opened", "liked", "skipped", "rated", "bought", "wrote", "more"]
ACTIONS: tuple[Action, ...] = get_args(Action)
SELECTING: tuple[Action, ...] = ("opened", "liked", "bought", "wrote", "more")
"""What somebody does with an item that they chose; "more" is that they asked for more like it."""
GOOD, BAD = 4.0, 2.0
"""A rating from the first on selects an item, one up to the second rejects it; those between say neither."""
_AT_ONCE = 64
"""Items that are embedded and stored together."""


@dataclass(frozen=True)
class NewItem:
    """An item about to be stored, with what its user did with it where that is known."""

    title: str
    text: str = ""
    kind: Kind = "link"
    link: str = ""
    tags: tuple[str, ...] = ()
    action: Action | None = None
    rating: float | None = None
    """1 to 5, of the action "rated"."""
    at: str | None = None
    """When that was (ISO 8601, UTC); None: now."""


@dataclass(frozen=True)
class Item:
    """A stored item; its number is its document's."""

    id: int
    owner: int
    title: str
    text: str
    """What is known of it, with its tags in the last line."""
    kind: str
    link: str
    """Its address; empty where it has none."""
    tags: tuple[str, ...]
    added_at: str


@dataclass(frozen=True)
class Event:
    """What a user did with an item."""

    item: int
    action: Action
    rating: float | None
    at: str


@dataclass(frozen=True)
class Added:
    """What became of new items."""

    new: tuple[int, ...]
    known: tuple[int, ...]
    """Numbers of items that were there already, with the same words."""
    events: int
    """Events that were not known."""


def selected(event: Event) -> bool | None:
    """Whether an event says that the user chose the item (True) or turned it down (False); None: neither."""
    if event.action == "rated":
        rating = event.rating or 0.0
        return True if rating >= GOOD else False if rating <= BAD else None
    if event.action == "skipped":
        return False
    return True if event.action in SELECTING else None


def opinions(events: Iterable[Event]) -> dict[int, Event]:
    """The newest event of each item that says something of it, oldest first."""
    said = [event for event in events if selected(event) is not None]
    newest = {event.item: event for event in sorted(said, key=lambda event: event.at)}
    return dict(sorted(newest.items(), key=lambda pair: pair[1].at))


def add_items(
    store: Store, embedder: Embedder, new: Sequence[NewItem], *, user_id: int, actor: int, config: ImportConfig
) -> Added:
    """Store items of an owner with their passages and vectors, some dozens a transaction.

    An item that is there already stays; of it an event is only taken that says when it was.

    :param user_id: whose items they become: a person's or a shared knowledge base's
    :param actor: who did with them what is said
    :raises FamiliarError: an item has no title, or the store can't be written
    """
    for number, item in enumerate(new, 1):
        if not item.title.strip():
            raise FamiliarError(f"item {number} has no title; give it one")
    parts = [
        _add_some(store, embedder, new[at : at + _AT_ONCE], owner=user_id, actor=actor, config=config)
        for at in range(0, len(new), _AT_ONCE)
    ]
    return Added(
        tuple(id_ for part in parts for id_ in part.new),
        tuple(id_ for part in parts for id_ in part.known),
        sum(part.events for part in parts),
    )


def _add_some(
    store: Store, embedder: Embedder, new: Sequence[NewItem], *, owner: int, actor: int, config: ImportConfig
) -> Added:
    cut = [_passages(item, embedder, config) for item in new]
    texts = [
        embedded_text(passage, title=item.title)
        for item, passages in zip(new, cut, strict=True)
        for passage in passages
    ]
    vectors = embedder.embed_passages(texts)
    added, known, events = list[int](), list[int](), 0
    with store.transaction():
        for item, passages in zip(new, cut, strict=True):
            own, vectors = np.split(vectors, [len(passages)])
            id_, is_new = _add(store, item, passages, own, user_id=owner, embedder=embedder.key)
            (added if is_new else known).append(id_)
            if item.action is not None and (is_new or item.at is not None):
                events += note_event(store, Event(id_, item.action, item.rating, item.at or utc_now()), user_id=actor)
    return Added(tuple(added), tuple(known), events)


def _add(
    store: Store,
    item: NewItem,
    passages: Sequence[Passage],
    vectors: NDArray[np.float32],
    *,
    user_id: int,
    embedder: str,
) -> tuple[int, bool]:
    sha256 = _sha256(item)
    known = store.document_by(user_id=user_id, sha256=sha256)
    if known is not None:
        return known.id, False
    with store.transaction() as db:
        ledger.let_in(store, sha256, user_id=user_id)
        source = item.link or f"items/{item.kind}/{item.title.replace('/', ' ')}"
        document = NewDocument(source, item.title, ITEM, sha256, full_text(_extracted(item)))
        added = store.add_document(document, passages, vectors, user_id=user_id, embedder=embedder)
        db.execute(
            "INSERT INTO taste_items (document_id, user_id, kind, tags, added_at) VALUES (?, ?, ?, ?, ?)",
            (added.id, user_id, item.kind, ", ".join(item.tags), item.at or utc_now()),
        )
    return added.id, True


def note_event(store: Store, event: Event, *, user_id: int) -> bool:
    """Keep what a user did with an item that they may read; False where that is known.

    :raises FamiliarError: there is no such item
    :raises UsageError: a rating is missing, out of place, or not from 1 to 5
    """
    if (event.action == "rated") != (event.rating is not None):
        raise UsageError(f"a rating goes with the action rated alone, but {event.action} has {event.rating}")
    if event.rating is not None and not 1 <= event.rating <= 5:
        raise UsageError(f"the rating is {event.rating:g}; it must be from 1 to 5")
    item_by_id(store, event.item, user_id=user_id)
    with store.transaction() as db:
        done = db.execute(
            "INSERT OR IGNORE INTO taste_events (user_id, document_id, action, rating, at) VALUES (?, ?, ?, ?, ?)",
            (user_id, event.item, event.action, event.rating, event.at),
        )
    return done.rowcount > 0


def item_by_id(store: Store, item_id: int, *, user_id: int) -> Item:
    """An item that a user may read.

    :raises FamiliarError: there is none of that number
    """
    found = _items(store, user_id, "i.document_id = ?", item_id)
    if not found:
        raise FamiliarError(f"there is no item {item_id}; `familiar items` lists yours")
    return found[0]


def items_of(store: Store, *, user_id: int) -> list[Item]:
    """A user's items and those of the shared knowledge bases, oldest first."""
    return _items(store, user_id, "true")


def _items(store: Store, user_id: int, condition: str, *values: object) -> list[Item]:
    rows = store.rows(
        "SELECT i.document_id, i.user_id, i.kind, i.tags, i.added_at, d.title, d.text, d.source FROM taste_items i"
        " JOIN documents d ON d.id = i.document_id WHERE i.user_id IN (SELECT value FROM json_each(?))"
        f" AND {condition} ORDER BY i.document_id",
        (json.dumps(store.readable_by(user_id)), *values),
    )
    return [
        Item(
            id=row["document_id"],
            owner=row["user_id"],
            title=row["title"],
            text=row["text"],
            kind=row["kind"],
            link=row["source"] if "://" in row["source"] else "",
            tags=tuple(tag for tag in row["tags"].split(", ") if tag),
            added_at=row["added_at"],
        )
        for row in rows
    ]


def events_of(store: Store, *, user_id: int) -> list[Event]:
    """What a user did with items that are still there, oldest first."""
    rows = store.rows(
        "SELECT e.document_id, e.action, e.rating, e.at FROM taste_events e JOIN taste_items i"
        " ON i.document_id = e.document_id WHERE e.user_id = ? ORDER BY e.at, e.id",
        (user_id,),
    )
    return [Event(row["document_id"], row["action"], row["rating"], row["at"]) for row in rows]


def item_vectors(store: Store, ids: Sequence[int], *, embedder: str) -> NDArray[np.float32]:
    """A vector (n, d) of unit length for each item: the mean of its passages'; zeros where none is stored."""
    rows = store.tuples(
        "SELECT c.document_id, v.vector FROM json_each(?) j CROSS JOIN chunks c ON c.document_id = j.value"
        " JOIN vectors v ON v.chunk_id = c.id WHERE v.embedder = ?",
        (json.dumps(list(ids)), embedder),
    )
    place = {id_: number for number, id_ in enumerate(ids)}
    width = len(rows[0][1]) // 2 if rows else 1
    sums = np.zeros((len(ids), width), np.float32)
    for id_, vector in rows:
        sums[place[id_]] += np.frombuffer(vector, np.float16).astype(np.float32)
    return np.asarray(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9), np.float32)


def popularity(store: Store, ids: Sequence[int], *, without: int) -> NDArray[np.float32]:
    """How many of this home's other users selected each item (n,); only counts leave this function."""
    marks = ", ".join(f"'{action}'" for action in SELECTING)
    rows = store.tuples(
        "SELECT document_id, count(DISTINCT user_id) FROM taste_events WHERE user_id <> ? AND"
        f" (action IN ({marks}) OR rating >= ?) GROUP BY document_id",
        (without, GOOD),
    )
    counts = dict(rows)
    return np.array([counts.get(id_, 0) for id_ in ids], np.float32)


def _passages(item: NewItem, embedder: Embedder, config: ImportConfig) -> list[Passage]:
    return chunk_document(
        _extracted(item),
        max_characters=config.chunk_characters,
        max_tokens=embedder.max_tokens,
        count_tokens=embedder.count_tokens,
    )


def _extracted(item: NewItem) -> ExtractedDocument:
    """Tags stand in the text, so that they are searched, learned and forgotten with it."""
    lines = (item.text.strip() or item.title.strip(), ", ".join(item.tags))
    return ExtractedDocument(item.title, ITEM, blocks=(Block("\n".join(line for line in lines if line)),))


def _sha256(item: NewItem) -> str:
    said = "\0".join((item.kind, item.title, item.text, item.link, *item.tags))
    return hashlib.sha256(f"item\0{said}".encode()).hexdigest()
