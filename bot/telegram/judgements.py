"""/feedback: what a user thought of the last replies, each with buttons that change the vote."""

from __future__ import annotations

from bot.telegram.desk import Visit
from memory.records import Feedback
from memory.turns import feedback_of, turn_by_id

_LISTED = 6
_SHOWN_CHARACTERS = 120
_MARKS = {"up": "👍", "down": "👎"}


async def feedback(visit: Visit) -> None:
    """The newest judgements, newest first."""
    found = feedback_of(visit.services.store, user_id=visit.user.id)[: -_LISTED - 1 : -1]
    if not found:
        await visit.tell(visit.phrase("tg_feedback_none"))
        return
    text = "\n\n".join([visit.phrase("tg_feedback"), *(_lines(visit, item) for item in found)])
    buttons = [
        [(f"{item.turn_id} {mark}", f"{vote}:{item.turn_id}") for vote, mark in _MARKS.items()] for item in found
    ]
    await visit.tell(text, buttons=buttons)


def _lines(visit: Visit, item: Feedback) -> str:
    turn = turn_by_id(visit.services.store, item.turn_id, user_id=visit.user.id)
    mark = _MARKS.get(item.vote or "", "✎")
    line = visit.phrase("tg_feedback_line", turn=item.turn_id, mark=mark, text=_short(turn.reply))
    if item.correction is None:
        return line
    return f"{line}\n{visit.phrase('tg_feedback_corrected', text=_short(item.correction))}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"
