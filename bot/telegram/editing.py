"""Changed messages: a question that was changed soon after it was asked is answered anew, in the place of its reply.

The new turn takes the place of the old one in one transaction: conversation, memory and feedback hold the new one only.
Whatever acted (a command, a reminder, a file, a correction) is not done again, and its writer is told so once. A change
of something older, or one that nobody sees, is passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from telegram import Message

from bot.telegram.asking import asked_about
from bot.telegram.desk import Visit
from bot.telegram.logging_health import logged
from bot.telegram.reminding import wish_of
from bot.telegram.render import plain_parts
from bot.telegram.talking import Replaced, answer, conversation_of
from bot.telegram.wording import command_of, is_stop, joined, without_mention
from bot.threads import in_thread
from memory.records import Turn
from memory.turns import turn_by_id, turns_of

LAST_TURNS = 4
"""A question with this many turns after it is history: a new answer far above would be seen by nobody."""
FRESH = timedelta(hours=48)
"""So long Telegram lets people change what they wrote."""
Action = Literal["answer", "say", "nothing"]


@dataclass(frozen=True)
class Piece:
    """A message as a part of what its turn says."""

    message_id: int
    text: str


@dataclass(frozen=True)
class Earlier:
    """The turn that a message was part of, with its parts in order and the updates that it answered."""

    turn: Turn
    pieces: tuple[Piece, ...]
    update_ids: tuple[int, ...]


@dataclass(frozen=True)
class Change:
    """What decides what becomes of a changed message."""

    new: str
    old: str | None
    """None: it is part of no turn."""
    fresh: bool
    acts: bool
    """The new text is a command, asks for a reminder, or logs something."""


def action_for(change: Change) -> Action:
    """Answer anew, say that it is not done again, or pass it over."""
    if not change.fresh or not change.new or is_stop(change.new):
        return "nothing"
    if change.old is None or change.acts:
        return "say"
    return "nothing" if change.new.split() == change.old.split() else "answer"


def is_fresh(message: Message) -> bool:
    """Whether a message was written lately."""
    return datetime.now(UTC) - message.date < FRESH


async def edited(visit: Visit) -> None:
    """A message was changed after it had been handled."""
    bot = visit.desk.bot.username
    written = visit.message.text or visit.message.caption or ""
    new = without_mention(written, bot=bot)
    earlier = await in_thread(lambda: earlier_of(visit))
    pieces = earlier.pieces if earlier is not None else ()
    old = next((each.text for each in pieces if each.message_id == visit.message.message_id), None)
    acts = command_of(written, bot=bot) is not None or await in_thread(
        lambda: wish_of(visit) is not None or logged(visit) is not None
    )
    seen = earlier is None or await in_thread(lambda: _is_among_last(visit, earlier.turn))
    change = Change(new, old, fresh=seen and is_fresh(visit.message), acts=acts)
    match action_for(change):
        case "answer" if earlier is not None:
            await _answer_anew(visit, earlier, new)
        case "say":
            await _say_once(visit)
        case _:
            pass


async def _answer_anew(visit: Visit, earlier: Earlier, new: str) -> None:
    changed = visit.message.message_id
    text, places = joined([new if each.message_id == changed else each.text for each in earlier.pieces])
    by_message = {piece.message_id: place for piece, place in zip(earlier.pieces, places, strict=True)}
    shown = await in_thread(lambda: visit.desk.outbox.shown(earlier.turn.id))
    asked = await asked_about(visit)
    old = Replaced(earlier.turn, earlier.update_ids, shown)
    await answer(visit, text, replace(asked, places=by_message, replaced=old))


async def _say_once(visit: Visit) -> None:
    """In one message, however often it is changed."""
    place, message_id = visit.place, visit.message.message_id
    if visit.message.text is None and visit.message.document is None:
        return
    note, key = plain_parts(visit.phrase("tg_edited")), f"edited:{place.chat_id}:{message_id}"
    await visit.desk.outbox.send_all(place, note, key=key, user=visit.user, reply_to=message_id)


def earlier_of(visit: Visit) -> Earlier | None:
    """What became of the message before it was changed; None where it is part of no turn."""
    store, user_id = visit.services.store, visit.user.id
    rows = store.rows(
        "SELECT i.reply_id, r.turn_id FROM telegram_inbox i JOIN telegram_replies r ON r.id = i.reply_id"
        " WHERE i.chat_id = ? AND i.message_id = ? AND r.user_id = ? AND r.turn_id IS NOT NULL"
        " ORDER BY i.update_id DESC LIMIT 1",
        (visit.place.chat_id, visit.message.message_id, user_id),
    )
    if not rows:
        return None
    turn = turn_by_id(store, rows[0]["turn_id"], user_id=user_id)
    versions = store.rows(
        'SELECT update_id, message_id, start, "end" FROM telegram_inbox WHERE reply_id = ? ORDER BY update_id',
        (rows[0]["reply_id"],),
    )
    places = {row["message_id"]: (row["start"], row["end"]) for row in versions if row["start"] is not None}
    pieces = (Piece(message_id, turn.user_text[start:end]) for message_id, (start, end) in places.items())
    return Earlier(turn, tuple(pieces), tuple(row["update_id"] for row in versions))


def _is_among_last(visit: Visit, turn: Turn) -> bool:
    store, conversation = visit.services.store, conversation_of(visit)
    last = turns_of(store, user_id=visit.user.id, conversation_id=conversation, last=LAST_TURNS)
    return any(each.id == turn.id for each in last)
