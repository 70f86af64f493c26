"""Facts in the database: learned within the transaction that stores their passage, ended by what was said later.

Two statements of the same are one fact with two sources. Of an attribute that has one value at a time the statement
that was said last holds; the others end when it begins, whatever the order of import. What the user corrected holds
against any statement, earlier or later.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import groupby, islice

from memory.errors import FamiliarError
from memory.facts.dates import begins, normalise_dates
from memory.facts.extract import Told, claims_of, with_relations
from memory.facts.records import USER, Claim, Fact, Source
from memory.facts.vocabulary import is_relation, key_of, kind_of, one_value
from memory.store import Store, utc_now
from memory.words import split_words

NOTES = frozenset(["markdown", "text", "docx", "rtf", "odt", "enex"])
"""Formats that people write themselves, so that "I" in them is the user; a book or a mail is not."""
KEPT_REPLY = "kept reply"
"""The format of a reply of the assistant that the user kept as a note: what was generated states no facts."""
PROGRAM_NOTE = "program note"
"""The format of a note that another program's assistant made, which is generated as well."""
ITEM = "item"
"""The format of what may be recommended (`memory.taste`): a link or a product states nothing about its user."""
_UNTOLD = frozenset([KEPT_REPLY, PROGRAM_NOTE, ITEM])
MYSELF = frozenset(["我", "me", "i", "user", "myself"])
"""Speakers of a dialogue, in lower case, who are the user."""


def learn_document(store: Store, document_id: int, *, user_id: int) -> int:
    """Learn what the passages of a document state; within the transaction that stores them. How many were read.

    "I" is the user in their notes and in lines of the speaker who is the user, the speaker in lines of others, and
    unknown in a shared knowledge base and in what others wrote.
    """
    return _learn(store, "c.document_id = ?", document_id, user_id=user_id)


def learn_passages(store: Store, chunk_ids: Sequence[int], *, user_id: int) -> int:
    """The same for some passages of a document."""
    condition = "c.document_id IS NOT NULL AND c.id IN (SELECT value FROM json_each(?))"
    return _learn(store, condition, json.dumps(list(chunk_ids)), user_id=user_id)


def relearn_document(store: Store, document_id: int, *, user_id: int) -> None:
    """Learn a document again after it was said who of its speakers is the user; corrected and pinned facts stay,
    now as the user's own."""
    with store.transaction() as db:
        db.execute(
            "UPDATE facts SET subject = ?1, subject_key = ?1 WHERE (corrected OR pinned)"
            " AND subject = (SELECT me FROM documents WHERE id = ?2 AND user_id = ?3) AND id IN (SELECT fact_id"
            " FROM fact_sources s JOIN chunks c ON c.id = s.chunk_id WHERE c.document_id = ?2 AND c.user_id = ?3)",
            (USER, document_id, user_id),
        )
        db.execute(
            "DELETE FROM fact_sources WHERE chunk_id IN (SELECT id FROM chunks WHERE document_id = ? AND user_id = ?)"
            " AND fact_id NOT IN (SELECT id FROM facts WHERE corrected OR pinned)",
            (document_id, user_id),
        )
        db.execute(
            "DELETE FROM fact_readings WHERE chunk_id IN (SELECT id FROM chunks WHERE document_id = ? AND user_id = ?)",
            (document_id, user_id),
        )
        learn_document(store, document_id, user_id=user_id)


def learn_turn(store: Store, turn_id: int, *, user_id: int) -> int:
    """Learn what the user told in a turn; within the transaction that stores it. How many statements were read."""
    return _learn(store, "c.turn_id = ?", turn_id, user_id=user_id)


def learn_all(store: Store, *, user_id: int) -> int:
    """Read facts out of everything that a user has told and imported, as a home from before there were facts needs.

    What is known already stays as it is; facts that the user deleted come back. Returns how many are known.
    """
    for row in store.rows("SELECT id FROM documents WHERE user_id = ? ORDER BY id", (user_id,)):
        learn_document(store, row["id"], user_id=user_id)
    for row in store.rows("SELECT id FROM turns WHERE user_id = ? ORDER BY id", (user_id,)):
        learn_turn(store, row["id"], user_id=user_id)
    return int(store.rows("SELECT count(*) FROM facts WHERE user_id = ?", (user_id,))[0][0])


def _learn(store: Store, condition: str, value: int | str, *, user_id: int) -> int:
    rows = store.rows(f"{PASSAGES} WHERE {condition} AND c.user_id = ? ORDER BY c.id", (value, user_id))
    count = 0
    with store.transaction() as db:
        for row in rows:
            for claim in with_relations(claims_of(told_in(row))):
                add(db, claim, Source(row["id"], row["at"]), user_id=user_id)
                count += 1
    return count


PASSAGES = (
    "SELECT c.id, c.text, c.speaker, c.turn_id, d.format, d.me, u.role,"
    " coalesce(c.at, d.at, t.asked_at, d.imported_at) AS at FROM chunks c JOIN users u ON u.id = c.user_id"
    " LEFT JOIN documents d ON d.id = c.document_id LEFT JOIN turns t ON t.id = c.turn_id"
)
"""Passages with what tells who wrote them and when."""


def told_in(row: sqlite3.Row) -> Told:
    """What a row of ``PASSAGES`` tells: nothing where an assistant wrote it, this one or another program's, or where it
    is of an item."""
    return Told("" if row["format"] in _UNTOLD else row["text"], _day(row["at"]), _me(row))


def _me(row: sqlite3.Row) -> str | None:
    if row["turn_id"] is not None:
        return USER
    if row["speaker"]:
        mine = row["speaker"] == row["me"] or row["speaker"].casefold() in MYSELF
        return USER if mine and row["role"] != "shared" else str(row["speaker"])
    return USER if row["role"] != "shared" and row["format"] in NOTES else None


def _day(at: str) -> date:
    try:
        return date.fromisoformat(at[:10])
    except ValueError:
        return date.fromisoformat(utc_now()[:10])


def add(db: sqlite3.Connection, claim: Claim, source: Source, *, user_id: int, by_model: bool = False) -> None:
    """Store a claim, or the source alone where the fact is known; what a rule reads is no longer a model's."""
    subject, kind, value = key_of(claim.subject), kind_of(claim.attribute), key_of(claim.value)
    said_at = source.said_at or utc_now()
    same = db.execute(
        "SELECT id, ended, corrected, was, (SELECT max(said_at) FROM fact_sources WHERE fact_id = facts.id) AS last"
        " FROM facts WHERE user_id = ? AND subject_key = ? AND kind = ? AND (value_key = ? OR was = ?) AND ended = ?"
        " ORDER BY corrected DESC, said_at DESC",
        (user_id, subject, kind, value, value, claim.ended),
    ).fetchone()
    if same is not None and (same["corrected"] or not _changed_between(db, claim, same, said_at, user_id=user_id)):
        fact_id = same["id"]
        db.execute(
            "UPDATE facts SET said_at = min(said_at, ?), by_model = min(by_model, ?) WHERE id = ?",
            (said_at, by_model, fact_id),
        )
    else:
        cursor = db.execute(
            "INSERT INTO facts (user_id, subject, attribute, value, subject_key, kind, value_key, said_at, valid_from,"
            " ended, by_model) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                user_id,
                *(claim.subject, claim.attribute, claim.value),
                *(subject, kind, value),
                *(said_at, claim.valid_from or said_at[:10], claim.ended, by_model),
            ),
        )
        fact_id = cursor.lastrowid or 0
        add_names(db, fact_id, claim, user_id=user_id)
    db.execute("INSERT OR IGNORE INTO fact_sources VALUES (?, ?, ?)", (fact_id, source.chunk_id, source.said_at))


def _changed_between(db: sqlite3.Connection, claim: Claim, same: sqlite3.Row, said_at: str, *, user_id: int) -> bool:
    """Whether another value was said between two statements of the same: then it became true a second time."""
    if not one_value(claim.attribute):
        return False
    first, last = sorted([same["last"] or "", said_at])
    rows = db.execute(
        "SELECT 1 FROM facts WHERE user_id = ? AND subject_key = ? AND kind = ? AND value_key <> ?"
        " AND said_at > ? AND said_at < ?",
        (user_id, key_of(claim.subject), kind_of(claim.attribute), key_of(claim.value), first, last),
    )
    return rows.fetchone() is not None


def add_names(db: sqlite3.Connection, fact_id: int, claim: Claim, *, user_id: int) -> None:
    """Make a fact findable by the words of its subject and, where it links to somebody, of its value."""
    names = [claim.subject, *([claim.value] if is_relation(claim.attribute) else [])]
    for name in names:
        words = set() if name.startswith(USER) else set(split_words(name))
        rows = [(user_id, word, key_of(name), fact_id, len(words)) for word in sorted(words)]
        db.executemany("INSERT OR IGNORE INTO fact_names VALUES (?, ?, ?, ?, ?)", rows)


# -- reading

FACT_ROWS = (
    "SELECT f.*, (SELECT json_group_array(json_array(s.chunk_id, s.said_at)) FROM fact_sources s"
    " WHERE s.fact_id = f.id) AS sources FROM facts f"
)


def facts_of(store: Store, *, owners: Sequence[int], about: str | None = None) -> list[Fact]:
    """The facts of these owners in order of subject, attribute and time, with those that have ended.

    :param about: only those in which this name stands, as subject or as value
    """
    rows = store.rows(
        f"{FACT_ROWS} WHERE f.user_id IN (SELECT value FROM json_each(?))"
        " ORDER BY f.user_id, f.subject_key, f.kind, f.said_at, f.id",
        (json.dumps(list(owners)),),
    )
    found = with_ends(rows)
    wanted = key_of(about or "")
    if not wanted:
        return found
    return [fact for fact in found if wanted in key_of(fact.subject) or wanted in key_of(fact.value)]


def with_ends(rows: Iterable[sqlite3.Row]) -> list[Fact]:
    """Rows of FACT_ROWS, all of each subject and kind, as facts with the dates on which they ended."""
    facts: list[Fact] = []
    for _, group in groupby(rows, key=lambda row: (row["user_id"], row["subject_key"], row["kind"])):
        facts += _ended(list(group))
    return facts


def _ended(slot: list[sqlite3.Row]) -> Iterator[Fact]:
    """The facts of one subject and kind, each with the first later one that ends it.

    Of those said on one day a rule's come after a model's, and so does what the user corrected after all.
    """
    said = [(row["corrected"], _last_said(row)[:10], not row["by_model"], _last_said(row), row["id"]) for row in slot]
    slot = [slot[n] for n in sorted(range(len(slot)), key=said.__getitem__)]
    if not one_value(slot[0]["attribute"]) and not any(row["ended"] for row in slot):
        yield from (_fact(row, None) for row in slot)
        return
    for n, row in enumerate(slot):
        later = next((other for other in islice(slot, n + 1, None) if _ends(other, row)), None)
        yield _fact(row, _end(row, later) if later else None)


def _ends(later: sqlite3.Row, row: sqlite3.Row) -> bool:
    same = later["value_key"] == row["value_key"]
    return bool(later["ended"]) if same else one_value(row["attribute"]) and not later["ended"]


def _end(row: sqlite3.Row, later: sqlite3.Row) -> str:
    began = later["valid_from"] if not later["corrected"] else later["said_at"][:10]
    return str(began if begins(began) > begins(row["valid_from"]) else max(later["said_at"], row["said_at"])[:10])


def _last_said(row: sqlite3.Row) -> str:
    return max((at or "" for _, at in json.loads(row["sources"])), default="") or str(row["said_at"])


def _fact(row: sqlite3.Row, valid_to: str | None) -> Fact:
    return Fact(
        id=row["id"],
        user_id=row["user_id"],
        subject=row["subject"],
        attribute=row["attribute"],
        value=row["value"],
        said_at=row["said_at"],
        valid_from=row["valid_from"],
        valid_to=row["valid_from"] if row["ended"] else valid_to,
        pinned=bool(row["pinned"]),
        corrected=bool(row["corrected"]),
        sources=tuple(Source(*item) for item in json.loads(row["sources"])),
        by_model=bool(row["by_model"]),
    )


# -- what the user does with them


def fact(store: Store, fact_id: int, *, user_id: int) -> Fact:
    """One fact.

    :raises FamiliarError: the user has no fact of that id
    """
    found = next((item for item in facts_of(store, owners=[user_id]) if item.id == fact_id), None)
    if found is None:
        raise FamiliarError(f"there is no fact {fact_id} of yours; `familiar facts` lists them")
    return found


def correct(store: Store, fact_id: int, value: str, *, user_id: int) -> Fact:
    """Give a fact the right value for good: no statement, earlier or later, takes its place.

    :raises FamiliarError: the user has no fact of that id, or the value is empty
    """
    old = fact(store, fact_id, user_id=user_id)
    if not value.strip():
        raise FamiliarError("the corrected value is empty; `familiar facts delete ID` removes a fact")
    value = normalise_dates(" ".join(value.split()), said=_day(utc_now()))
    with store.transaction() as db:
        db.execute(
            "UPDATE facts SET value = ?, value_key = ?, was = coalesce(was, value_key), corrected = 1, ended = 0,"
            " by_model = 0"
            " WHERE id = ?",
            (value, key_of(value), fact_id),
        )
        db.execute("DELETE FROM fact_names WHERE fact_id = ?", (fact_id,))
        add_names(db, fact_id, Claim(old.subject, old.attribute, value), user_id=user_id)
    return replace(fact(store, fact_id, user_id=user_id), corrected=True)


def pin(store: Store, fact_id: int, *, user_id: int, pinned: bool = True) -> Fact:
    """Keep a fact in the beginning of every prompt while it holds, or no longer.

    :raises FamiliarError: the user has no fact of that id
    """
    fact(store, fact_id, user_id=user_id)
    with store.transaction() as db:
        db.execute("UPDATE facts SET pinned = ? WHERE id = ? AND user_id = ?", (pinned, fact_id, user_id))
    return fact(store, fact_id, user_id=user_id)


def delete(store: Store, fact_id: int, *, user_id: int) -> None:
    """Delete a fact; the passages that state it stay, and a new statement of it makes a new fact.

    :raises FamiliarError: the user has no fact of that id
    """
    fact(store, fact_id, user_id=user_id)
    with store.transaction() as db:
        db.execute("DELETE FROM facts WHERE id = ? AND user_id = ?", (fact_id, user_id))


def name_of(store: Store, *, user_id: int) -> str | None:
    """How the user is called, as they said it themselves."""
    rows = store.rows(f"{FACT_ROWS} WHERE f.user_id = ? AND f.subject_key = ? AND f.kind = 'name'", (user_id, USER))
    return next((item.value for item in with_ends(rows) if item.current), None)
