"""A turn that is being answered is written down before the model is asked, so that forgetting reaches it too.

A reply takes seconds to minutes, in which another process may forget what it rests on. Whoever forgets then blanks the
texts of its row (`memory.erasure`) as it does those of stored turns; when the reply is there, the transaction that
stores it compares the row with what was written, and takes out of prompt, citations and reply what had gone: the turn
is stored as if it had been forgotten right afterwards. Of a row either the whole text is left or nothing, so that
where a text stood still says what it was.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from memory import ledger
from memory.errors import FamiliarError
from memory.records import ABOUT_USER, Citation, Message, NewTurn, RecalledMemory, Timings, Turn
from memory.redaction import ERASED, erasure_of, pattern_of
from memory.retelling import map_texts, without_chunks
from memory.store import Store
from memory.turns import as_json, every_turn, still_said, turn_of

_LEFT_OVER = timedelta(days=1)
"""Rows as old as that are of a process that was killed: no reply takes so long."""
_TEXTS = ("content", "source", "title", "text")
"""Names of texts in the records of a row."""
MAY_HOLD_IT = "something was forgotten while the reply was written, which may rest on it; ask again"
"""Why a reply is not told where nothing says what of it was forgotten."""


class ForgottenMeanwhile(FamiliarError):
    """All of a turn was forgotten before its reply was there: nothing of it is stored, and its reply is told nobody."""


@dataclass(frozen=True)
class UnderWay:
    """What a turn rests on, as it was read."""

    conversation_id: int
    user_text: str
    asked_at: str
    prompt: tuple[Message, ...] = ()
    given: tuple[Citation, ...] = ()
    """What the message came with."""
    memories: tuple[RecalledMemory, ...] = ()


@dataclass(frozen=True)
class Begun:
    """A turn that is being answered."""

    turn: Turn
    """As it was written down; its number is below 0, or 0 where nothing was."""
    erased_to: int
    """The newest erasure of when it was read."""


def begin(store: Store, read: UnderWay, *, user_id: int, erased_to: int) -> Begun | None:
    """Write down what a turn rests on; None where something was forgotten since it was read: it must be read again.

    :param erased_to: `ledger.last_entry` of before anything was read
    :raises ForgottenMeanwhile: the conversation was
    :raises FamiliarError: the store can't be written
    """
    with store.transaction() as db:
        if ledger.last_entry(store) != erased_to:
            return None
        if not db.execute("SELECT 1 FROM conversations WHERE id = ?", (read.conversation_id,)).fetchone():
            raise ForgottenMeanwhile("this conversation was forgotten meanwhile; begin another one")
        old = (datetime.now(UTC) - _LEFT_OVER).isoformat()
        db.execute("DELETE FROM turns_under_way WHERE asked_at < ?", (old,))
        texts = (as_json(read.prompt), as_json(read.given), as_json(read.memories))
        cursor = db.execute(
            "INSERT INTO turns_under_way (user_id, conversation_id, user_text, prompt, citations, memories, asked_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (user_id, read.conversation_id, read.user_text, *texts, read.asked_at),
        )
    return Begun(_turn(read, -(cursor.lastrowid or 0), user_id), erased_to)


def not_kept(read: UnderWay, *, user_id: int, erased_to: int) -> Begun:
    """A turn of which nothing is kept, so that nothing is written down either."""
    return Begun(_turn(read, 0, user_id), erased_to)


def leave(store: Store, begun: Begun) -> None:
    """It came to nothing."""
    with store.transaction() as db:
        erase(db, begun.turn)


def finish(store: Store, begun: Begun, new: NewTurn) -> NewTurn:
    """The turn as it is to be stored, without what was forgotten since it began.

    Called within the transaction that stores it.

    :raises ForgottenMeanwhile: all of it was: everything of the user's, or a text that their message holds; or nothing
        was written down that would say what of it was
    """
    if begun.turn.id == 0:
        return _not_written_down(store, begun, new)
    rows = store.rows("SELECT matched FROM turns_under_way WHERE id = ?", (-begun.turn.id,))
    if not rows:
        raise ForgottenMeanwhile("what this message says was forgotten while the reply was written; nothing was kept")
    (now,) = every_turn(store, "t.id = ?", (begun.turn.id,))
    leave(store, begun)
    patterns = [_pattern(begun.turn, *place) for place in json.loads(rows[0]["matched"])]
    told = as_forgotten(new, begun.turn, now, patterns)
    return _without_recited(told) if is_withdrawn(store, new.adapter) else told


def as_forgotten(new: NewTurn, before: Turn, now: Turn, patterns: Sequence[re.Pattern[str]] = ()) -> NewTurn:
    """A turn without what is blanked in ``now`` of what it rested on ``before``.

    :param patterns: texts that were forgotten wherever they stand
    """
    if now == before and not patterns:
        return new
    pairs = list(zip(before.memories, now.memories, strict=True))
    gone = frozenset(later.id for old, later in pairs if later.text != old.text)
    texts = [old.text for old, later in pairs if later.text != old.text]
    texts += [old.text for old, later in zip(before.citations, now.citations, strict=True) if later.text != old.text]
    told = turn_of(dataclasses.replace(new, prompt=now.prompt, memories=now.memories), 0, user_id=before.user_id)
    numbers = {old.id: later.id for old, later in pairs}
    cited = [dataclasses.replace(item, chunk_id=numbers.get(item.chunk_id, item.chunk_id)) for item in told.citations]
    said = _blanked_messages(before.prompt, now.prompt, explained=bool(texts))
    told, _ = without_chunks(dataclasses.replace(told, citations=tuple(cited)), gone, erasure_of([*texts, *said]))
    for pattern in patterns:
        told = map_texts(told, partial(pattern.sub, ERASED))
    return _as_new(dataclasses.replace(told, unsupported=still_said(told.unsupported, told.reply)), new)


def _blanked_messages(before: Sequence[Message], now: Sequence[Message], *, explained: bool) -> list[str]:
    """What stood in messages of a prompt that are blank now.

    :param explained: passages have gone, for which the newest message, which holds them, went
    """
    texts = []
    for place, (old, later) in enumerate(zip(before, now, strict=True)):
        if old.content == later.content or (explained and place == len(before) - 1):
            continue
        _, mark, about = old.content.partition(f"\n{ABOUT_USER}\n")
        texts.append(about if mark and old.role == "system" else old.content)
    return texts


def is_withdrawn(store: Store, adapter: str | None) -> bool:
    """Whether an adapter has learned what was forgotten since."""
    return bool(store.rows("SELECT 1 FROM adapters WHERE id = ? AND status = 'withdrawn'", (adapter,)))


def _without_recited(new: NewTurn) -> NewTurn:
    """Without the words of an adapter that has learned what was forgotten: it may know it by heart."""
    return dataclasses.replace(new, reply=ERASED, generated=ERASED, citations=(), unsupported=())


def _not_written_down(store: Store, begun: Begun, new: NewTurn) -> NewTurn:
    """A turn without the passages that went; what else may have gone of it can't be told.

    :raises ForgottenMeanwhile: something else may have
    """
    owners = {begun.turn.user_id, *store.readable_by(begun.turn.user_id)}
    since = ledger.entries(store, after=begun.erased_to)
    gone = [entry.kind for entry in since if entry.user_id in owners and entry.kind != "token"]
    traced = _rests_on_passages(begun.turn) and all(kind == "document" for kind in gone)
    if is_withdrawn(store, new.adapter) or (gone and not traced):
        raise ForgottenMeanwhile(MAY_HOLD_IT)
    return as_forgotten(new, begun.turn, _vanished(store, begun.turn)) if gone else new


def _rests_on_passages(turn: Turn) -> bool:
    """Whether no history, nothing about the user and nothing that the message came with stands in its prompt."""
    return len(turn.prompt) <= 2 and not turn.citations and not any(ABOUT_USER in item.content for item in turn.prompt)


def _vanished(store: Store, turn: Turn) -> Turn:
    """A turn that was written down nowhere, without the passages that are not there any more."""
    ids = json.dumps([item.id for item in turn.memories])
    rows = store.rows("SELECT id, text FROM chunks WHERE id IN (SELECT value FROM json_each(?))", (ids,))
    there = {(row["id"], row["text"]) for row in rows}
    gone = [item for item in turn.memories if (item.id, item.text) not in there]
    return without_chunks(turn, frozenset(item.id for item in gone), erasure_of([item.text for item in gone]))[0]


def _pattern(turn: Turn, field: str, number: int, name: str, start: int, end: int) -> re.Pattern[str]:
    """A forgotten text, told by where it stood."""
    return pattern_of(getattr(getattr(turn, field)[number], name)[start:end])


def _as_new(turn: Turn, new: NewTurn) -> NewTurn:
    changed = {item.name: getattr(turn, item.name) for item in dataclasses.fields(new)}
    return dataclasses.replace(new, **changed)


def _turn(read: UnderWay, number: int, user_id: int) -> Turn:
    new = NewTurn(
        conversation_id=read.conversation_id,
        user_text=read.user_text,
        reply="",
        generated="",
        prompt=read.prompt,
        citations=read.given,
        memories=read.memories,
        engine="",
        model="",
        adapter=None,
        timings=Timings(),
        asked_at=read.asked_at,
    )
    return turn_of(new, number, user_id=user_id)


# -- as erasure changes it, within its transaction


def erase(db: sqlite3.Connection, turn: Turn) -> None:
    """Nothing of a turn under way is to be stored."""
    db.execute("DELETE FROM turns_under_way WHERE id = ?", (-turn.id,))


def blank(db: sqlite3.Connection, turn: Turn) -> None:
    """Blank each text of a turn under way that erasure would change."""
    row = db.execute("SELECT prompt, citations, memories FROM turns_under_way WHERE id = ?", (-turn.id,)).fetchone()
    prompt, citations, memories = map(json.loads, row)
    for changed, held in ((turn.prompt, prompt), (turn.citations, citations), (turn.memories, memories)):
        _blank_changed(held, json.loads(as_json(changed)))
    texts = [json.dumps(items, ensure_ascii=False) for items in (prompt, citations, memories)]
    db.execute("UPDATE turns_under_way SET prompt = ?, citations = ?, memories = ? WHERE id = ?", (*texts, -turn.id))


def _blank_changed(held: list[dict[str, Any]], changed: list[dict[str, Any]]) -> None:
    for item, other in zip(held, changed, strict=True):
        if item != other:
            item.update({name: ERASED for name in _TEXTS if name in item})


def note_matches(store: Store, db: sqlite3.Connection, pattern: re.Pattern[str], *, user_id: int) -> None:
    """Note where a text that is about to be forgotten stands first in each of the user's turns under way."""
    for turn in every_turn(store, "t.id < 0 AND t.user_id = ?", (user_id,)):
        place = _first(turn, pattern)
        if place is not None:
            added = "UPDATE turns_under_way SET matched = json_insert(matched, '$[#]', json(?)) WHERE id = ?"
            db.execute(added, (json.dumps(place), -turn.id))


def _first(turn: Turn, pattern: re.Pattern[str]) -> tuple[str, int, str, int, int] | None:
    for field in ("prompt", "citations", "memories"):
        for number, item in enumerate(getattr(turn, field)):
            for name in _TEXTS:
                text = getattr(item, name, "")
                match = pattern.search(text)
                if match is not None and text != ERASED:  # of what is blank it would name a place in another text
                    return field, number, name, *match.span()
    return None
