"""What users wrote in place of replies, and answers to choose from, lose what is erased: tunes learn from them.

Part of the transaction that erases (`memory.erasure`).
"""

from __future__ import annotations

import sqlite3

from memory.redaction import Erasure, of_length, quotes, without_sentences


def drop_correction(db: sqlite3.Connection, turn_id: int, erasure: Erasure) -> None:
    """The correction of one turn, where it quotes or retells what is erased."""
    row = db.execute("SELECT correction FROM feedback WHERE turn_id = ?", (turn_id,)).fetchone()
    if row and row["correction"] and without_sentences(row["correction"], erasure)[1]:
        db.execute("UPDATE feedback SET correction = NULL WHERE turn_id = ?", (turn_id,))


def drop_corrections(db: sqlite3.Connection, erasure: Erasure, user_id: int) -> list[int]:
    """Corrections that quote what is erased, whether or not their reply recalled it: they are what tunes learn from."""
    rows = db.execute(
        "SELECT turn_id, correction FROM feedback WHERE correction IS NOT NULL"
        " AND (user_id = ?1 OR EXISTS (SELECT 1 FROM users WHERE id = ?1 AND role = 'shared'))",
        (user_id,),
    ).fetchall()
    long = of_length(erasure)
    quoting = [row["turn_id"] for row in rows if quotes(row["correction"], long)]
    db.executemany("UPDATE feedback SET correction = NULL WHERE turn_id = ?", [(turn_id,) for turn_id in quoting])
    return [*quoting, *_drop_candidates(db, long, user_id)]


def _drop_candidates(db: sqlite3.Connection, long: Erasure, user_id: int) -> list[int]:
    """Answers to choose from that quote what is erased, likewise; the turns, because adapters may have learned them."""
    rows = db.execute(
        "SELECT turn_id, first, second, first_generated, second_generated FROM candidates"
        " WHERE user_id = ?1 OR EXISTS (SELECT 1 FROM users WHERE id = ?1 AND role = 'shared')",
        (user_id,),
    ).fetchall()
    quoting = [row[0] for row in rows if any(quotes(text, long) for text in tuple(row)[1:])]
    db.executemany("DELETE FROM candidates WHERE turn_id = ?", [(turn_id,) for turn_id in quoting])
    return quoting
