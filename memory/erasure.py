"""Forgetting: what is erased is gone from tables, words, vectors, index files and the bytes of the database.

Text travels: a later turn's prompt quoted it, a reply retold it, an adapter was trained on it. So besides the rows
themselves, whatever recalled them is redacted, turns that are being answered too, and every other place that learned
from them registers as an Eraser, which is called in the same transaction: either all of it is forgotten or nothing.
Every erasure is noted without its text, so that copies made before it forget it too (memory.ledger, memory.backup).
"""

from __future__ import annotations

import dataclasses
import json
import re
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from memory import ledger, places, under_way
from memory.corrections import drop_correction, drop_corrections
from memory.errors import FamiliarError
from memory.facts.erasing import lines_from, without_lines
from memory.index import Indexes
from memory.records import ABOUT_USER, GIVEN_ID, GIVEN_REMARK, Document, Message, Turn
from memory.redaction import BLANK, ERASED, Erasure, erasure_of, of_length, pattern_of, quotes, without_quotes
from memory.retelling import map_texts, sends_on, without_chunks
from memory.store import Store
from memory.turns import every_turn, rewrite_turn, turn_by_id, turns_of
from memory.under_way_table import EVERY_TURN

_RECALLED = (
    f"SELECT json_extract(m.value, '$.id') FROM {EVERY_TURN} t, json_each(t.memories) m"
    f" UNION SELECT json_extract(c.value, '$.chunk_id') FROM {EVERY_TURN} t, json_each(t.citations) c"
)


class Eraser(Protocol):
    """Another place that keeps or has learned from what users wrote."""

    def erase(self, *, user_id: int, turn_ids: Sequence[int], document_ids: Sequence[int]) -> None:
        """Forget these turns and documents; called within the transaction that erases them."""
        ...


@dataclass(frozen=True)
class Forgotten:
    """What was erased."""

    documents: tuple[int, ...] = ()
    turns: tuple[int, ...] = ()
    redacted: tuple[int, ...] = ()
    """Other turns out of which quotes were taken."""
    passages: int = 0
    """Passages of documents that stay, which held the text."""
    unreached: tuple[str, ...] = ()
    """Backups that still hold it, because they are not where they were made or can't be written."""


@dataclass(frozen=True)
class _Chunk:
    id: int
    text: str
    document_id: int | None


def forget_document(
    store: Store, indexes: Indexes | None, *, user_id: int, document_id: int, erasers: Sequence[Eraser] = ()
) -> Forgotten:
    """Erase a document and what later turns quoted from it.

    :param indexes: None where a copy is made to forget, which has no indexes and is scrubbed by the caller
    :raises FamiliarError: the user has no such document, or the database can't be written
    """
    document = store.document(document_id, user_id=user_id)
    with store.transaction() as db:
        redacted = _erase_document(store, db, document)
        ledger.record_document(db, document)
        _finish(db, erasers, user_id=user_id, turn_ids=redacted, document_ids=[document_id])
    _scrub(store, indexes, user_id)
    return Forgotten(documents=(document_id,), redacted=_stored(redacted))


def forget_gone(
    store: Store, indexes: Indexes | None, *, user_id: int, document_ids: Sequence[int], erasers: Sequence[Eraser] = ()
) -> Forgotten:
    """Erase documents because their files are gone, together; a file that comes back is imported again.

    :raises FamiliarError: the user has no such document, or the database can't be written
    """
    documents = [store.document(id_, user_id=user_id) for id_ in document_ids]
    redacted: set[int] = set()
    with store.transaction() as db:
        recalled = frozenset(row[0] for row in db.execute(_RECALLED))
        for document in documents:
            redacted.update(_erase_document(store, db, document, recalled=recalled))
            ledger.record_document(db, document, keep_out=False)
        _finish(db, erasers, user_id=user_id, turn_ids=sorted(redacted), document_ids=document_ids)
    _scrub(store, indexes, user_id)
    return Forgotten(documents=tuple(document_ids), redacted=_stored(redacted))


def _erase_document(
    store: Store, db: sqlite3.Connection, document: Document, *, recalled: Collection[int] | None = None
) -> list[int]:
    """Delete a document and redact the turns that quoted it; these turns.

    :param recalled: the passages that any turn recalled, so that of many documents not each reads all turns
    """
    user_id = document.user_id
    chunks = _chunks(db, user_id, "document_id", document.id)
    texts = [store.document_text(document.id, user_id=user_id), *(chunk.text for chunk in chunks)]
    erasure = erasure_of(texts)
    told = _redact_about(store, db, user_id, erasure, lines_from(db, [chunk.id for chunk in chunks], ()))
    met = [chunk.id for chunk in chunks if recalled is None or chunk.id in recalled]
    redacted = _redact(store, db, met, erasure, leave=()) if met else []
    given = _redact_given(store, db, user_id, erasure) if recalled is None else []  # no followed file was given
    store.delete_document(document.id, user_id=user_id)
    return sorted({*told, *redacted, *given, *drop_corrections(db, erasure, user_id)})


def forget_turn(
    store: Store, indexes: Indexes | None, *, user_id: int, turn_id: int, erasers: Sequence[Eraser] = ()
) -> Forgotten:
    """Erase a turn, what the user said in it, and what later turns quoted from it.

    :raises FamiliarError: the user has no such turn, or the database can't be written
    """
    return forget_turns(store, indexes, user_id=user_id, turn_ids=[turn_id], erasers=erasers)


def forget_turns(
    store: Store, indexes: Indexes | None, *, user_id: int, turn_ids: Sequence[int], erasers: Sequence[Eraser] = ()
) -> Forgotten:
    """Erase several turns in one transaction, as `forget_turn` does it with one.

    :raises FamiliarError: the user has no such turn, or the database can't be written
    """
    redacted: set[int] = set()
    with store.transaction() as db:
        for turn_id in turn_ids:
            turn = turn_by_id(store, turn_id, user_id=user_id)  # as it is now: an earlier one may have been quoted
            redacted.update(_erase_turn(store, db, turn))
            ledger.record(db, "turn", [turn.id, turn.asked_at], user_id=user_id)
        redacted -= set(turn_ids)
        _finish(db, erasers, user_id=user_id, turn_ids=[*turn_ids, *sorted(redacted)], document_ids=[])
    _scrub(store, indexes, user_id)
    return Forgotten(turns=tuple(turn_ids), redacted=_stored(redacted))


def replace_turn(
    store: Store, *, user_id: int, turn_id: int, by: Sequence[int] = (), erasers: Sequence[Eraser] = ()
) -> Forgotten:
    """Erase a turn likewise, within the caller's transaction, because its message was changed.

    Its bytes stay in the file until something is forgotten: rewriting the file can't be part of a transaction.

    :param by: turns that take its place, which may say the same words again
    :raises ForgottenMeanwhile: the user has no such turn any more
    :raises FamiliarError: the database can't be written
    """
    with store.transaction() as db:
        try:
            turn = turn_by_id(store, turn_id, user_id=user_id)
        except FamiliarError as exc:
            raise under_way.ForgottenMeanwhile(
                "this message was forgotten while its new reply was written; nothing was kept"
            ) from exc
        redacted = _erase_turn(store, db, turn, leave=by)
        ledger.record(db, "turn", [turn.id, turn.asked_at], user_id=user_id)
        _finish(db, erasers, user_id=user_id, turn_ids=[turn_id, *redacted], document_ids=[])
    return Forgotten(turns=(turn_id,), redacted=_stored(redacted))


def forget_text(
    store: Store, indexes: Indexes | None, *, user_id: int, text: str, erasers: Sequence[Eraser] = ()
) -> Forgotten:
    """Erase every passage and every message of the user that holds a text, whatever its case and spacing.

    A document keeps its other passages; one of which nothing is left goes as a whole.

    :raises FamiliarError: the text is empty or stands nowhere, or the database can't be written
    """
    if not text.strip():
        raise FamiliarError("the text to forget is empty; give the words that should be forgotten")
    pattern = pattern_of(text)
    with store.transaction() as db:
        stood = ledger.places_of(store, pattern, user_id=user_id)
        under_way.note_matches(store, db, pattern, user_id=user_id)
        documents, redacted = _erase_passages(store, db, pattern, user_id)
        said = [turn for turn in every_turn(store, "user_id = ?", (user_id,)) if pattern.search(turn.user_text)]
        for turn in said:
            redacted += _erase_turn(store, db, turn)
        redacted += _blank_matches(store, db, pattern, user_id)
        turns = tuple(turn.id for turn in said if turn.id > 0)
        redacted = sorted(set(redacted) - {turn.id for turn in said})
        elsewhere = places.erase_text(db, pattern, user_id=user_id, instead=ERASED)
        if not (documents.gone or documents.kept or said or redacted or elsewhere):
            raise FamiliarError(f"nothing of yours holds {text!r}; `familiar search` shows what is there")
        ledger.record_text(db, text, stood, user_id=user_id)
        for document in documents.gone:
            ledger.record_document(db, document)
        gone = tuple(document.id for document in documents.gone)
        _finish(db, erasers, user_id=user_id, turn_ids=[*turns, *redacted], document_ids=[*gone, *documents.kept])
    _scrub(store, indexes, user_id)
    return Forgotten(gone, turns, _stored(redacted), documents.passages)


def forget_everything(
    store: Store, indexes: Indexes | None, *, user_id: int, erasers: Sequence[Eraser] = ()
) -> Forgotten:
    """Erase all documents and conversations of a user; the user and their profile stay.

    :raises FamiliarError: the database can't be written
    """
    with store.transaction() as db:
        documents = [item.id for item in store.documents(user_id=user_id)]
        turns = [turn.id for turn in turns_of(store, user_id=user_id)]
        chunks = [row for name in ("document_id", "turn_id") for row in _chunks(db, user_id, name)]
        erasure = erasure_of([chunk.text for chunk in chunks])
        redacted = _redact(store, db, [chunk.id for chunk in chunks], erasure, leave=turns)
        places.erase_everything(db, user_id=user_id)
        db.execute("UPDATE users SET generation = generation + 1 WHERE id = ?", (user_id,))
        ledger.record(db, "everything", None, user_id=user_id)
        _finish(db, erasers, user_id=user_id, turn_ids=turns, document_ids=documents)
    if indexes is not None:
        indexes.drop(user_id)
    _scrub(store, indexes, user_id)
    return Forgotten(tuple(documents), tuple(turns), _stored(redacted))


def _chunks(db: sqlite3.Connection, user_id: int, column: str, value: int | None = None) -> list[_Chunk]:
    rows = db.execute(
        f"SELECT id, text, document_id FROM chunks WHERE user_id = ? AND {column} IS NOT NULL"
        f" AND (? IS NULL OR {column} = ?)",
        (user_id, value, value),
    )
    return [_Chunk(*row) for row in rows]


def _erase_turn(store: Store, db: sqlite3.Connection, turn: Turn, *, leave: Sequence[int] = ()) -> list[int]:
    if turn.id < 0:  # it is being answered: nothing followed on it yet
        under_way.erase(db, turn)
        return []
    chunks = _chunks(db, turn.user_id, "turn_id", turn.id)
    erasure = erasure_of([turn.user_text, turn.reply, turn.generated, *(chunk.text for chunk in chunks)])
    lines = lines_from(db, [chunk.id for chunk in chunks], [turn.id])
    told = _redact_about(store, db, turn.user_id, erasure_of([turn.user_text]), lines)
    later = _redact_history(store, db, turn, erasure, leave=leave)
    redacted = _redact(store, db, [chunk.id for chunk in chunks], erasure, leave=[turn.id, *leave])
    store.delete_turn(turn.id, user_id=turn.user_id)
    return sorted({*told, *later, *redacted, *drop_corrections(db, erasure, turn.user_id)} - {turn.id})


def _redact_about(
    store: Store, db: sqlite3.Connection, user_id: int, erasure: Erasure, lines: frozenset[str]
) -> list[int]:
    """Take what came from erased texts out of what the beginnings of prompts say about the user."""
    changed = []
    for turn in every_turn(store, "user_id = ? AND instr(prompt, ?)", (user_id, ABOUT_USER)):
        head = turn.prompt[0]
        content = without_lines(head.content, lines, erasure)
        if content != head.content:
            _rewrite(db, dataclasses.replace(turn, prompt=(Message(head.role, content), *turn.prompt[1:])))
            changed.append(turn.id)
    return changed


def _redact(
    store: Store, db: sqlite3.Connection, chunk_ids: Sequence[int], erasure: Erasure, *, leave: Sequence[int]
) -> list[int]:
    """Take erased chunks out of the turns that recalled them, whoever's, and out of what followed on those."""
    changed: set[int] = set()
    for turn in _recalling(store, chunk_ids):
        if turn.id not in leave:
            changed.update(_redact_turn(store, db, turn.id, frozenset(chunk_ids), erasure, leave))
    return sorted(changed)


def _redact_given(store: Store, db: sqlite3.Connection, user_id: int, erasure: Erasure) -> list[int]:
    """Take a document out of the turns that were given its text, such as a question about what was forwarded."""
    giving = (
        "user_id = ?1 AND (instr(prompt, ?2) OR EXISTS (SELECT 1 FROM json_each(citations)"
        " WHERE json_extract(value, '$.chunk_id') = ?3))"
    )
    changed: set[int] = set()
    for turn in every_turn(store, giving, (user_id, GIVEN_REMARK, GIVEN_ID)):
        given = [message.content for message in turn.prompt]
        given += [item.text for item in turn.citations if item.chunk_id == GIVEN_ID]
        if any(quotes(text, erasure) for text in given):
            changed.update(_redact_turn(store, db, turn.id, frozenset(), erasure, ()))
    return sorted(changed)


def _redact_turn(
    store: Store,
    db: sqlite3.Connection,
    turn_id: int,
    chunk_ids: frozenset[int],
    erasure: Erasure,
    leave: Sequence[int],
) -> set[int]:
    """Take erased texts out of a turn and out of what followed on it; the turns that were changed."""
    # Read now: as it was before an earlier turn was redacted, it would bring back what went with that one's reply.
    (turn,) = every_turn(store, "t.id = ?", (turn_id,))
    redacted, retold = without_chunks(turn, chunk_ids, erasure)
    _rewrite(db, redacted)
    drop_correction(db, turn.id, erasure)
    wider = Erasure(erasure.texts, erasure.stretches | frozenset(retold), erasure.words)
    return {turn.id, *_redact_history(store, db, turn, wider, leave=leave)}


def _recalling(store: Store, chunk_ids: Sequence[int]) -> list[Turn]:
    ids = "IN (SELECT value FROM json_each(?1))"
    recalled = f"EXISTS (SELECT 1 FROM json_each(t.memories) WHERE json_extract(value, '$.id') {ids})"
    cited = f"EXISTS (SELECT 1 FROM json_each(t.citations) WHERE json_extract(value, '$.chunk_id') {ids})"
    return every_turn(store, f"{recalled} OR {cited}", (json.dumps(list(chunk_ids)),))


def _redact_history(
    store: Store, db: sqlite3.Connection, told: Turn, erasure: Erasure, *, leave: Sequence[int]
) -> list[int]:
    """Take quotes out of what followed on a turn in its conversation: later prompts hold the earlier turns.

    Over the API it follows wherever a program sends it, as history of whichever conversation.
    """
    if told.id < 0:  # it is being answered: nothing followed on it yet
        return []
    followed = "t.conversation_id = ? AND (t.id > ? OR t.id < 0)"
    later = [(turn, erasure) for turn in every_turn(store, followed, (told.conversation_id, told.id))]
    later += [(turn, erasure if sends_on(turn, told) else of_length(erasure)) for turn in _sent_on(store, told)]
    changed = []
    for turn, taken in later:
        redacted = map_texts(turn, partial(without_quotes, erasure=taken))
        if turn.id not in leave and redacted != turn:
            _rewrite(db, redacted)
            changed.append(turn.id)
    return changed


def _sent_on(store: Store, told: Turn) -> list[Turn]:
    """Later turns over the API in other conversations whose prompts hold the message or the reply of a turn."""
    said = [json.dumps(text.strip(), ensure_ascii=False)[1:-1] for text in (told.user_text, told.reply)]
    return every_turn(
        store,
        "t.user_id = ?1 AND t.conversation_id <> ?2 AND (t.id > ?3 OR t.id < 0) AND t.conversation_id IN"
        " (SELECT id FROM conversations WHERE channel = 'api') AND json_array_length(t.prompt) > 2"
        " AND (instr(t.prompt, ?4) OR (?5 <> '' AND instr(t.prompt, ?5)))",
        (told.user_id, told.conversation_id, told.id, *said),
    )


@dataclass
class _Documents:
    """Documents of which passages were erased: those that are gone with them, and those that are kept."""

    gone: list[Document]
    kept: list[int]
    passages: int = 0


def _erase_passages(
    store: Store, db: sqlite3.Connection, pattern: re.Pattern[str], user_id: int
) -> tuple[_Documents, list[int]]:
    done, redacted = _Documents([], []), list[int]()
    for document in store.documents(user_id=user_id):
        text = store.document_text(document.id, user_id=user_id)
        spans = [match.span() for match in pattern.finditer(text)]
        rows = db.execute(
            'SELECT id, text, section, speaker, external_ids, start, "end" FROM chunks WHERE document_id = ?',
            (document.id,),
        )
        hit = [row for row in rows.fetchall() if _holds(row, pattern, spans)]
        names = (document.title, document.source, document.me or "", document.learn_from or "")
        if not (hit or spans or any(map(pattern.search, names))):
            continue
        erasure = erasure_of([row["text"] for row in hit])
        redacted += _redact_about(store, db, user_id, erasure, lines_from(db, [row["id"] for row in hit], ()))
        redacted += _redact(store, db, [row["id"] for row in hit], erasure, leave=())
        redacted += drop_corrections(db, erasure, user_id)
        if len(hit) == document.chunks:
            store.delete_document(document.id, user_id=user_id)
            done.gone.append(document)
            continue
        store.delete_chunks([row["id"] for row in hit], user_id=user_id)
        done.kept.append(document.id)
        done.passages += len(hit)
        for start, end in [*spans, *((row["start"], row["end"]) for row in hit)]:
            text = text[:start] + BLANK * (end - start) + text[end:]
        db.execute(
            "UPDATE documents SET text = ?, title = ?, source = ?, me = ?, learn_from = ? WHERE id = ?",
            (
                text,
                pattern.sub(ERASED, document.title),
                pattern.sub(ERASED, document.source),
                document.me and pattern.sub(ERASED, document.me),
                document.learn_from and pattern.sub(ERASED, document.learn_from),
                document.id,
            ),
        )
    return done, redacted


def _holds(row: sqlite3.Row, pattern: re.Pattern[str], spans: Sequence[tuple[int, int]]) -> bool:
    ids = " ".join(json.loads(row["external_ids"]))
    if any(pattern.search(text or "") for text in (row["text"], row["section"], row["speaker"], ids)):
        return True
    return any(start < row["end"] and row["start"] < end for start, end in spans)


def _blank_matches(store: Store, db: sqlite3.Connection, pattern: re.Pattern[str], user_id: int) -> list[int]:
    """Take a text out of turns that only repeat it, and out of corrections."""
    changed = []
    for turn in every_turn(store, "user_id = ?", (user_id,)):
        redacted = map_texts(turn, lambda text: pattern.sub(ERASED, text))
        if redacted != turn:
            _rewrite(db, redacted)
            changed.append(turn.id)
    rows = db.execute("SELECT turn_id, correction FROM feedback WHERE user_id = ?", (user_id,)).fetchall()
    for row in rows:
        if row["correction"] and pattern.search(row["correction"]):
            db.execute("UPDATE feedback SET correction = NULL WHERE turn_id = ?", (row["turn_id"],))
            changed.append(row["turn_id"])
    rows = db.execute(
        "SELECT turn_id, first, second, first_generated, second_generated, first_citations, second_citations"
        " FROM candidates WHERE user_id = ?",
        (user_id,),
    ).fetchall()
    return changed + [row[0] for row in rows if any(pattern.search(text) for text in tuple(row)[1:])]


def _rewrite(db: sqlite3.Connection, turn: Turn) -> None:
    if turn.id < 0:
        under_way.blank(db, turn)
    else:
        rewrite_turn(db, turn)


def _finish(
    db: sqlite3.Connection,
    erasers: Sequence[Eraser],
    *,
    user_id: int,
    turn_ids: Sequence[int],
    document_ids: Sequence[int],
) -> None:
    turn_ids = _stored(turn_ids)
    # a turn whose texts were touched says something else now than the answers that were compared
    db.execute(
        "DELETE FROM candidates WHERE turn_id IN (SELECT value FROM json_each(?))", (json.dumps(list(turn_ids)),)
    )
    places.erase_undelivered(db, user_id=user_id, turn_ids=turn_ids)
    if document_ids:  # what an agent may send with one button may quote them
        db.execute("UPDATE desk_cases SET suggestion = NULL")
    for eraser in erasers:
        eraser.erase(user_id=user_id, turn_ids=turn_ids, document_ids=document_ids)
    # FTS5 keeps the words of deleted rows in its segments until they are merged.
    db.execute("INSERT INTO chunks_fts (chunks_fts) VALUES ('optimize')")


def _stored(turn_ids: Collection[int]) -> tuple[int, ...]:
    """Without those that are still being answered, whose numbers name nothing outside of erasure."""
    return tuple(sorted(id_ for id_ in turn_ids if id_ > 0))


def _scrub(store: Store, indexes: Indexes | None, user_id: int) -> None:
    if indexes is not None:
        indexes.sync(user_id)
        store.scrub()
