"""Forwarded messages: what somebody else wrote is offered as a note, and is no statement of the user's.

It is kept until the user has decided, so that the buttons work after a restart. A note is a dialogue of the writers,
each with name and time, so that nothing in it is taken for the user's own words; it is forgotten like any document.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from telegram import Message

from bot.context import Given, in_passages
from bot.reminders.zones import zone_of
from bot.telegram import origins
from bot.telegram.desk import Visit
from bot.telegram.inbox import done
from bot.telegram.outbox import Reply
from bot.telegram.quoting import origin_name
from bot.telegram.render import Part, plain_parts
from bot.telegram.sending import Buttons
from bot.threads import in_thread
from memory.records import Receipt
from memory.store import Store, utc_now

ASKED = timedelta(minutes=10)
"""After "Ask about it" the next message is the question, if it comes so soon."""
_UNSAFE = re.compile(r"[\x00-\x1f/\\:]+")
_LONGEST_NAME = 80


@dataclass(frozen=True)
class Said:
    """One forwarded message."""

    speaker: str
    text: str
    at: str
    """When it was written, ISO 8601 by the user's clock."""


@dataclass(frozen=True)
class Kept:
    """Forwarded messages as they wait for their user to decide."""

    id: int
    said: tuple[Said, ...]
    decided: str | None


def forwarded(visit: Visit) -> bool:
    """Whether a visit brings nothing but forwarded texts."""
    return bool(visit.messages) and all(each.forward_origin and each.text for each in visit.messages)


async def offer(visit: Visit) -> None:
    """Ask what to do with what was forwarded; in a group nothing, as it was not said to the bot.

    A guest, who keeps no notes, is told how to ask about it.
    """
    if not visit.place.private:
        return
    said, outbox, store = said_in(visit, visit.messages), visit.desk.outbox, visit.services.store
    if visit.person.role == "guest":
        await visit.tell(visit.phrase("tg_forward_guest", n=len(said), origin=origin_of(said)))
        return

    def write() -> Reply:
        with store.transaction() as db:
            reply = outbox.open(visit.place, key=visit.key(), user=visit.user)
            cursor = db.execute(
                "INSERT INTO telegram_forwards (user_id, reply_id, said) VALUES (?, ?, ?)",
                (visit.user.id, reply.id, json.dumps([asdict(each) for each in said], ensure_ascii=False)),
            )
            question = plain_parts(visit.phrase("tg_forwarded", n=len(said), origin=origin_of(said)))
            outbox.put(reply, question, buttons=_buttons(visit, cursor.lastrowid or 0, ask=True))
            done(store, visit.update_ids, reply_id=reply.id)
        return reply

    await outbox.deliver(await in_thread(write))


def said_in(visit: Visit, messages: Sequence[Message]) -> tuple[Said, ...]:
    """The forwarded ones of some messages, with who wrote them and when."""
    zone = zone_of(visit.user.profile)
    said = []
    for each in messages:
        if each.forward_origin is not None and each.text:
            origin = replace(origins.origin_of(each), name=origin_name(each.forward_origin))
            at = f"{origin.at.astimezone(zone):%Y-%m-%dT%H:%M:%S}"
            said.append(Said(origins.speaker_of(origin, visit.person), each.text, at))
    return tuple(said)


def origin_of(said: Sequence[Said]) -> str:
    """Names and day, as in "Ben, Eva, 2026-01-02"."""
    names = ", ".join(dict.fromkeys(each.speaker for each in said))
    days = list(dict.fromkeys(each.at[:10] for each in (said[0], said[-1])))
    return f"{names}, {' – '.join(days)}"


def note_name(said: Sequence[Said]) -> str:
    """The name of a note: where it is from, and letters of its content, so that none takes another's place."""
    letters = hashlib.sha256(_rows(said)).hexdigest()[:6]
    origin = _UNSAFE.sub(" ", origin_of(said))
    origin = origin if len(origin) <= _LONGEST_NAME else f"{origin[:_LONGEST_NAME]}… {said[0].at[:10]}"
    return f"forwarded from {origin} ({letters}).jsonl"


def _rows(said: Sequence[Said]) -> bytes:
    return "\n".join(json.dumps(asdict(each), ensure_ascii=False) for each in said).encode()


def given_of(said: Sequence[Said], *, title: str) -> tuple[Given, ...]:
    """The messages as what a question is about; ``title`` is what each is called."""
    return tuple(Given(title, in_passages(each.text), speaker=each.speaker, at=each.at) for each in said)


def _buttons(visit: Visit, id_: int, *, ask: bool) -> Buttons:
    words = [("tg_forward_keep", "keep"), *([("tg_forward_ask", "ask")] if ask else []), ("tg_forward_leave", "leave")]
    return [[(visit.phrase(phrase), f"forwarded:{action}:{id_}") for phrase, action in words]]


async def pressed(visit: Visit, values: Sequence[str]) -> None:
    """Keep it, ask about it, or leave it; each once."""
    action, id_ = values[0], int(values[1])
    async with visit.desk.importing(visit.user):
        kept = await in_thread(lambda: _kept(visit.services.store, "f.id = ?", id_, user_id=visit.user.id))
        if kept is None:
            await _show(visit, visit.phrase("tg_forward_gone"))
        elif kept.decided is None and action == "ask":
            await in_thread(lambda: _asked(visit.services.store, id_, utc_now()))
            await _show(visit, visit.phrase("tg_forward_asked"), _buttons(visit, id_, ask=False))
        elif kept.decided is None and action == "keep":
            await _keep(visit, kept)
        elif kept.decided is None:
            await in_thread(lambda: _decide(visit.services.store, id_, "left"))
            await _show(visit, visit.phrase("tg_forward_left"))


async def _keep(visit: Visit, kept: Kept) -> None:
    name, data = note_name(kept.said), _rows(kept.said)

    def take_in() -> Receipt:
        receipt = visit.services.import_bytes(name, data, user=visit.user, me=None, learn_from=None)
        if receipt.status in ("indexed", "duplicate"):
            _decide(visit.services.store, kept.id, "kept")
        return receipt

    receipt = await in_thread(take_in)
    if receipt.status in ("indexed", "duplicate"):
        await _show(visit, visit.phrase("tg_forward_kept", name=name.removesuffix(".jsonl")))
    else:
        await visit.tell(f"{visit.phrase('tg_failed', name=name)}\n{receipt.reason or ''}".strip())


async def _show(visit: Visit, text: str, buttons: Buttons | None = None) -> None:
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(text), buttons=buttons)


def offered_in(store: Store, chat_id: int, message_id: int, *, user_id: int) -> Kept | None:
    """The forwarded messages that a message of the bot offers to keep."""
    where = "f.reply_id IN (SELECT reply_id FROM telegram_outbox WHERE message_id = ?) AND r.chat_id = ?"
    return _kept(store, where, message_id, chat_id, user_id=user_id)


def asked_last(store: Store, chat_id: int, *, user_id: int, now: datetime) -> Kept | None:
    """Those about which the user said a moment ago that a question would follow."""
    since = (now.astimezone(UTC) - ASKED).isoformat()
    return _kept(store, "f.asked_at > ? AND r.chat_id = ?", since, chat_id, user_id=user_id)


def answered(store: Store, chat_id: int, *, user_id: int) -> None:
    """The question has come: the next message is not about it."""
    with store.transaction() as db:
        db.execute(
            "UPDATE telegram_forwards SET asked_at = NULL WHERE user_id = ? AND reply_id IN"
            " (SELECT id FROM telegram_replies WHERE chat_id = ?)",
            (user_id, chat_id),
        )


def _kept(store: Store, where: str, *values: object, user_id: int) -> Kept | None:
    rows = store.rows(
        "SELECT f.id, f.said, f.decided FROM telegram_forwards f JOIN telegram_replies r ON r.id = f.reply_id"
        f" WHERE {where} AND f.user_id = ? ORDER BY f.id DESC LIMIT 1",
        (*values, user_id),
    )
    if not rows:
        return None
    said = tuple(Said(**each) for each in json.loads(rows[0]["said"] or "[]"))
    return Kept(rows[0]["id"], said, rows[0]["decided"])


def _asked(store: Store, id_: int, at: str) -> None:
    with store.transaction() as db:
        db.execute("UPDATE telegram_forwards SET asked_at = ? WHERE id = ?", (at, id_))


def _decide(store: Store, id_: int, decision: str) -> None:
    with store.transaction() as db:
        db.execute("UPDATE telegram_forwards SET decided = ?, said = NULL WHERE id = ?", (decision, id_))
