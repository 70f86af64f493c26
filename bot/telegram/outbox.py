"""Replies kept until they are delivered: each message of the bot once, across failures, waits and restarts.

A message is written down before it is sent. One that Telegram may or may not have taken is not sent again: it is
marked as unknown and offered by a button, since a gap that is announced is better than the same reply twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from weakref import WeakValueDictionary

from telegram.error import Forbidden, TelegramError

from bot.locales import say
from bot.telegram.attachments import Attachment
from bot.telegram.blocked import is_blocked, note_blocked
from bot.telegram.render import Part, Span
from bot.telegram.sending import Buttons, Place, Sender, kind
from bot.threads import in_thread
from memory.records import Turn, User
from memory.store import Store, utc_now

_log = logging.getLogger(__name__)
_KEPT = "waiting"
_WAIT = ("may-talk:", "came-in:", "digest:")
"""Beginnings of keys of what is written once, so that it waits until a closed chat is open again."""


@dataclass(frozen=True)
class Reply:
    """What answers something: its messages, of which there may be none yet."""

    id: int
    place: Place
    reply_to: int | None
    user_id: int | None
    turn_id: int | None
    preview_id: int | None
    """The message in which it was shown while it was being written."""


@dataclass(frozen=True)
class Shown:
    """The messages that show an earlier reply: those whose text can be changed, in order, and the others."""

    texts: tuple[int, ...] = ()
    others: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Row:
    id: int
    position: int
    part: Part
    buttons: Buttons | None
    file: Attachment | None
    state: str
    message_id: int | None


class Outbox:
    """Writes replies down and delivers them."""

    def __init__(self, store: Store, sender: Sender) -> None:
        self._store = store
        self.sender = sender
        self._delivering: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    # -- writing down; called from any thread, also within a transaction

    def open(
        self, place: Place, *, key: str | None = None, user: User | None = None, reply_to: int | None = None
    ) -> Reply:
        """A reply to fill; the same again for the same key, so that what is handled twice is answered once."""
        with self._store.transaction() as db:
            db.execute(
                'INSERT INTO telegram_replies ("key", chat_id, private, thread_id, business_id, reply_to, user_id, at)'
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    *(key, place.chat_id, place.private, place.thread_id, place.business_id, reply_to),
                    *(user.id if user else None, utc_now()),
                ),
            )
            found = 'WHERE "key" = ?' if key else "WHERE id = last_insert_rowid()"
            row = db.execute(f"SELECT * FROM telegram_replies {found}", (key,) if key else ()).fetchone()
        return _reply(row)

    def put(
        self,
        reply: Reply,
        parts: Sequence[Part],
        *,
        files: Sequence[Attachment] = (),
        buttons: Buttons | None = None,
        turn: Turn | None = None,
        over: Shown | None = None,
    ) -> None:
        """Write the messages of a reply down, the buttons under the last text; once, whatever is put again.

        :param over: messages of an earlier reply whose place these take; those that are left over are deleted
        """
        last = len(parts) - 1
        rows: list[tuple[str | None, ...]] = [
            (part.text, _spans(part), _lines(buttons if place == last else None), None, None)
            for place, part in enumerate(parts)
        ]
        rows += [(None, None, None, file.name, file.data.decode()) for file in files]
        messages = _in_place(over or Shown(), len(parts), len(files))
        rows += [(None,) * 5] * (len(messages) - len(rows))
        with self._store.transaction() as db:
            if turn is not None:
                db.execute("UPDATE telegram_replies SET turn_id = ? WHERE id = ?", (turn.id, reply.id))
            db.executemany(
                "INSERT INTO telegram_outbox (reply_id, user_id, position, at, text, spans, buttons, file_name,"
                " file_text, message_id, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting')"
                " ON CONFLICT DO NOTHING",
                [
                    (reply.id, reply.user_id, place, utc_now(), *row, message_id)
                    for place, (row, message_id) in enumerate(zip(rows, messages, strict=True))
                ],
            )

    def shown(self, turn_id: int) -> Shown:
        """The messages in which a turn is shown, as far as they have surely arrived."""
        rows = self._store.rows(
            "SELECT o.message_id, o.file_name, o.reply_id FROM telegram_outbox o JOIN telegram_replies r"
            " ON r.id = o.reply_id WHERE r.turn_id = ? AND o.state = 'sent' AND o.message_id IS NOT NULL"
            " ORDER BY o.reply_id, o.position",
            (turn_id,),
        )
        first = [row for row in rows if row["reply_id"] == rows[0]["reply_id"]]
        texts = [row["message_id"] for row in first if row["file_name"] is None]
        return Shown(tuple(texts), tuple(row["message_id"] for row in rows if row["message_id"] not in texts))

    def shown_in(self, reply: Reply, message_id: int) -> None:
        """Remember the message in which a reply is shown while it is being written; its first part takes its place."""
        with self._store.transaction() as db:
            db.execute("UPDATE telegram_replies SET preview_id = ? WHERE id = ?", (message_id, reply.id))

    # -- delivering

    async def send_all(
        self,
        place: Place,
        parts: Sequence[Part],
        *,
        key: str | None = None,
        user: User | None = None,
        reply_to: int | None = None,
        buttons: Buttons | None = None,
    ) -> list[int]:
        """Write the messages of one reply down and deliver them; gives the ids of those that surely arrived.

        :param key: what it answers; a reply of the same key that was sent before is not sent again
        :raises Forbidden: the user blocked the bot
        """

        def write() -> Reply:
            with self._store.transaction():
                reply = self.open(place, key=key, user=user, reply_to=reply_to)
                self.put(reply, parts, buttons=buttons)
            return reply

        return await self.deliver(await in_thread(write))

    async def deliver(self, reply: Reply) -> list[int]:
        """Send what of a reply still waits; one message that fails does not stop those after it.

        :raises Forbidden: the user blocked the bot
        """
        async with self._delivering.setdefault(reply.id, asyncio.Lock()):
            reply = await in_thread(lambda: self._again(reply))
            for row in await in_thread(lambda: self._rows(reply)):
                if row.state == _KEPT:
                    await self._deliver_row(reply, row)
            rows = await in_thread(lambda: self._rows(reply))
        return [row.message_id for row in rows if row.message_id is not None and row.state == "sent"]

    async def _deliver_row(self, reply: Reply, row: _Row) -> None:
        try:
            message_id = await self._send(reply, row)
        except Forbidden:
            await in_thread(lambda: self._shut(reply))
            raise
        except TelegramError as exc:
            _log.warning("message %d to chat %d failed: %s", row.id, reply.place.chat_id, kind(exc))
            await in_thread(lambda: self._refuse(reply, row.id))
        else:
            await in_thread(lambda: self._sent(reply, row, message_id))

    async def _send(self, reply: Reply, row: _Row) -> int | None:
        """Send or edit one message; None where Telegram may or may not have it."""

        async def trying(under_way: bool) -> None:
            await in_thread(lambda: self._mark(row.id, "sending" if under_way else _KEPT))

        shown = row.message_id or (reply.preview_id if row.position == 0 else None)
        if shown is not None and row.file is None:
            try:
                if not row.part.text:
                    await self.sender.delete(reply.place, shown)
                else:
                    await self.sender.edit(reply.place, shown, row.part, buttons=row.buttons)
                return shown
            except Forbidden:
                raise
            except TelegramError as exc:  # somebody deleted it
                _log.info("message %d can't be edited (%s) and is sent anew", row.id, kind(exc))
                if not row.part.text:
                    return shown
        if row.file is not None:
            return await self.sender.send_file(reply.place, row.file, trying=trying)
        reply_to = reply.reply_to if row.position == 0 else None
        return await self.sender.send(reply.place, row.part, reply_to=reply_to, buttons=row.buttons, trying=trying)

    # -- after a restart, or a delivery that ended early

    def recover(self) -> list[Reply]:
        """Replies to deliver after a start, oldest first; those for closed chats wait on.

        What was under way when the process ended may have arrived.
        """
        return self._left(utc_now())

    def left(self, *, before: datetime) -> list[Reply]:
        """Replies of which a message was not sent since then, although nothing delivers them, oldest first.

        So ends a delivery that could not be noted, as on a full disk. What was under way may have arrived.
        """
        return self._left(before.astimezone(UTC).isoformat())

    def _left(self, moment: str) -> list[Reply]:
        open_ = "SELECT reply_id FROM telegram_outbox WHERE state IN ('waiting', 'sending') AND at <= ?"
        rows = self._store.rows(f"SELECT * FROM telegram_replies WHERE id IN ({open_}) ORDER BY id", (moment,))
        left = [row["id"] for row in rows if row["id"] not in self._delivering]
        if not left:
            return []
        with self._store.transaction() as db:
            db.executemany(
                "UPDATE telegram_outbox SET state = 'unknown', at = ? WHERE state = 'sending' AND reply_id = ?",
                [(utc_now(), id_) for id_ in left],
            )
        return [
            reply for reply in self.waiting() if reply.id in left and not is_blocked(self._store, reply.place.chat_id)
        ]

    def waiting(self, chat_id: int | None = None) -> list[Reply]:
        """Replies of which something waits to be sent, of all chats or of one, oldest first."""
        rows = self._store.rows(
            "SELECT * FROM telegram_replies WHERE (? IS NULL OR chat_id = ?) AND id IN"
            " (SELECT reply_id FROM telegram_outbox WHERE state = 'waiting') ORDER BY id",
            (chat_id, chat_id),
        )
        return [_reply(row) for row in rows]

    def unannounced(self) -> list[Reply]:
        """Replies of which a message may not have arrived, and whose reader was not told so yet.

        An announcement is itself not announced: it has no reader who could be told by another one. Nor is what went
        to a customer, who would not know what to make of it.
        """
        rows = self._store.rows(
            "SELECT * FROM telegram_replies AS r WHERE id IN"
            " (SELECT reply_id FROM telegram_outbox WHERE state = 'unknown')"
            " AND business_id IS NULL AND coalesce(\"key\", '') NOT LIKE 'again:%'"
            " AND NOT EXISTS (SELECT 1 FROM telegram_replies WHERE \"key\" = 'again:' || r.id)"
        )
        return [_reply(row) for row in rows]

    def announcement(self, reply: Reply, *, language: str) -> Reply:
        """What says that part of a reply may not have arrived, with a button that sends it again."""
        button = [[(say(language, "tg_send_again"), f"again:{reply.id}")]]
        with self._store.transaction():
            announcement = self.open(reply.place, key=f"again:{reply.id}")
            self.put(announcement, [Part(say(language, "tg_may_not_have_arrived"))], buttons=button)
        return announcement

    def again(self, reply_id: int, *, chat_id: int) -> Reply | None:
        """Let what may not have arrived wait once more; None where nothing is left of it, or it is another chat's."""
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT * FROM telegram_replies WHERE id = ? AND chat_id = ?", (reply_id, chat_id)
            ).fetchall()
            if not rows:
                return None
            changed = db.execute(
                "UPDATE telegram_outbox SET state = 'waiting' WHERE reply_id = ? AND state = 'unknown'", (reply_id,)
            ).rowcount
            # It is announced anew where it may not arrive this time either.
            db.execute('UPDATE telegram_replies SET "key" = NULL WHERE "key" = ?', (f"again:{reply_id}",))
        return _reply(rows[0]) if changed else None

    # -- rows

    def _again(self, reply: Reply) -> Reply:
        """As it is now: where it is shown may have become known since."""
        rows = self._store.rows("SELECT * FROM telegram_replies WHERE id = ?", (reply.id,))
        return _reply(rows[0]) if rows else reply  # forgotten meanwhile, with all its messages

    def _rows(self, reply: Reply) -> list[_Row]:
        rows = self._store.rows("SELECT * FROM telegram_outbox WHERE reply_id = ? ORDER BY position", (reply.id,))
        return [_row(row) for row in rows]

    def _mark(self, row_id: int, state: str) -> None:
        with self._store.transaction() as db:
            db.execute("UPDATE telegram_outbox SET state = ?, at = ? WHERE id = ?", (state, utc_now(), row_id))

    def _shut(self, reply: Reply) -> None:
        """The chat takes nothing: neither this reply nor, until it is open again, what a job would send."""
        with self._store.transaction() as db:
            if reply.place.business_id is None:  # a customer may have ended what the owner's own account may do
                note_blocked(self._store, reply.place.chat_id)
            row = db.execute('SELECT "key" FROM telegram_replies WHERE id = ?', (reply.id,)).fetchone()
            if row is None or not (row["key"] or "").startswith(_WAIT):
                self._refuse(reply)
                return
            db.execute(
                "UPDATE telegram_outbox SET state = 'waiting' WHERE reply_id = ? AND state = 'sending'", (reply.id,)
            )

    def _refuse(self, reply: Reply, row_id: int | None = None) -> None:
        """A message of a reply, or nothing more of it, can be delivered, and its text is not kept."""
        with self._store.transaction() as db:
            db.execute(
                "UPDATE telegram_outbox SET state = 'refused', text = NULL, spans = NULL, buttons = NULL,"
                " file_text = NULL, at = ? WHERE reply_id = ? AND ? IN (id, 0) AND state IN ('waiting', 'sending')",
                (utc_now(), reply.id, row_id or 0),
            )

    def _sent(self, reply: Reply, row: _Row, message_id: int | None) -> None:
        """Note what came of a message; the text of one that arrived is not kept."""
        with self._store.transaction() as db:
            if message_id is None:
                self._mark(row.id, "unknown")
                return
            db.execute(
                "UPDATE telegram_outbox SET state = 'sent', message_id = ?, text = NULL, spans = NULL, buttons = NULL,"
                " file_text = NULL, at = ? WHERE id = ?",
                (message_id, utc_now(), row.id),
            )
            if not row.part.text and row.file is None:  # it was deleted
                db.execute("UPDATE telegram_outbox SET message_id = NULL WHERE id = ?", (row.id,))
                return
            db.execute(
                "INSERT OR REPLACE INTO telegram_messages (chat_id, message_id, user_id, turn_id)"
                " SELECT chat_id, ?, user_id, turn_id FROM telegram_replies WHERE id = ? AND turn_id IS NOT NULL",
                (message_id, reply.id),
            )


def _reply(row: Any) -> Reply:
    place = Place(
        row["chat_id"], private=bool(row["private"]), thread_id=row["thread_id"], business_id=row["business_id"]
    )
    return Reply(row["id"], place, row["reply_to"], row["user_id"], row["turn_id"], row["preview_id"])


def _row(row: Any) -> _Row:
    spans = tuple(Span(**span) for span in json.loads(row["spans"] or "[]"))
    buttons = [[(text, data) for text, data in line] for line in json.loads(row["buttons"])] if row["buttons"] else None
    part = Part(row["text"] or "", spans)
    file = Attachment(row["file_name"], row["file_text"].encode()) if row["file_text"] is not None else None
    return _Row(row["id"], row["position"], part, buttons, file, row["state"], row["message_id"])


def _in_place(over: Shown, texts: int, files: int) -> list[int | None]:
    """For each message of a new reply the one whose place it takes, if any; then those to delete."""
    taken: list[int | None] = [*over.texts[:texts]]
    return [*taken, *[None] * (texts - len(taken) + files), *over.texts[texts:], *over.others]


def _spans(part: Part) -> str:
    return json.dumps([asdict(span) for span in part.spans], ensure_ascii=False)


def _lines(buttons: Buttons | None) -> str | None:
    return json.dumps(buttons, ensure_ascii=False) if buttons else None
