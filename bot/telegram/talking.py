"""A turn over Telegram: the assistant writes in a thread, the chat sees it grow, and its messages are noted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.locales import say
from bot.reminders.zones import zone_of
from bot.telegram.choosing import offer_beside
from bot.telegram.desk import Interrupted, Visit
from bot.telegram.inbox import done
from bot.telegram.learning import judge
from bot.telegram.ledger import turn_shown_in
from bot.telegram.outbox import Reply
from bot.telegram.render import footer
from bot.telegram.replies import rendered
from bot.telegram.sending import Buttons
from bot.telegram.streaming import GROUP_SPACING, DraftPreview, EditPreview, Preview, Stream
from bot.telegram.threads import in_thread
from memory.records import Turn
from memory.turns import feedback_of, open_conversation

_LATE = timedelta(minutes=15)


def conversation_of(visit: Visit) -> int:
    """The conversation of this chat."""
    return open_conversation(
        visit.services.store, user_id=visit.user.id, channel="telegram", chat_id=visit.place.chat_id
    )


async def answer(visit: Visit, text: str) -> None:
    """Answer a message with a turn of the assistant, whose storing is also what writes the reply down.

    :raises Interrupted: the bot ends; nothing is stored, and the message waits for the next start
    """
    desk, key = visit.desk, visit.key()

    def opened() -> tuple[int, Reply]:
        with visit.services.store.transaction():
            reply = desk.outbox.open(visit.place, key=key, user=visit.user, reply_to=visit.cited)
            return conversation_of(visit), reply

    conversation, reply = await in_thread(opened)

    def stored(turn: Turn) -> None:
        if desk.cancel.is_set():
            raise Interrupted
        zone = zone_of(visit.user.profile)
        note = late_note(visit.message.date, datetime.now(UTC), zone=zone, language=visit.language)
        language = visit.language
        made = rendered(f"{note}{turn.reply}", footer(turn, language=language), language=language)
        buttons = turn_buttons(turn, visit)
        desk.outbox.put(reply, made.parts, files=made.attachments, buttons=buttons, turn=turn)
        done(visit.services.store, visit.update_ids, reply_id=reply.id)

    with desk.turn_in(visit.place.chat_id) as cancel:
        async with _stream(visit, _preview(visit, reply)) as stream, desk.answering(visit.person):
            if desk.cancel.is_set():  # the bot ends while this person's other chat is answered
                raise Interrupted
            turn = await in_thread(
                lambda: visit.services.assistant.turn(
                    text,
                    user=visit.user,
                    conversation_id=conversation,
                    on_text=stream.feed,
                    cancel=cancel,
                    stored=stored,
                )
            )
    sent = await desk.outbox.deliver(reply)
    offer_beside(visit, turn, shown_in=sent[-1] if sent else None)


def late_note(written: datetime, now: datetime, *, zone: ZoneInfo, language: str) -> str:
    """What stands before an answer that comes so late that its reader may have forgotten the question."""
    if now - written < _LATE:
        return ""
    return say(language, "tg_late", when=f"{written.astimezone(zone):%Y-%m-%d %H:%M}") + "\n\n"


def _preview(visit: Visit, reply: Reply) -> Preview:
    if visit.place.private:
        return DraftPreview(visit.desk.sender, visit.place, draft_id=visit.message.message_id)
    return EditPreview(visit.desk.outbox, reply, buttons=[[(visit.phrase("tg_stop_button"), "stop")]])


def _stream(visit: Visit, preview: Preview) -> Stream:
    seconds, private = visit.services.settings.telegram.edit_seconds, visit.place.private
    return Stream(
        preview,
        visit.desk.sender,
        visit.place,
        seconds=seconds if private else seconds * GROUP_SPACING,
        after=0.0 if private else seconds,
    )


def turn_buttons(turn: Turn, visit: Visit) -> Buttons:
    """What a person can do with a reply."""
    why = visit.phrase("tg_why_button")
    return [[("👍", f"up:{turn.id}"), ("👎", f"down:{turn.id}"), (why, f"why:{turn.id}")]]


def replied_turn(visit: Visit) -> int | None:
    """The turn shown in the message that this one replies to."""
    original = visit.message.reply_to_message
    if original is None:
        return None
    return turn_shown_in(visit.services.store, visit.place.chat_id, original.message_id, user_id=visit.user.id)


def awaits_correction(visit: Visit, turn_id: int) -> bool:
    """Whether the user found a reply bad and has not said yet what would have been right."""
    given = feedback_of(visit.services.store, user_id=visit.user.id)
    return any(item.turn_id == turn_id and item.vote == "down" and item.correction is None for item in given)


async def correct(visit: Visit, turn_id: int, text: str) -> None:
    """Keep what a reply should have been."""
    await judge(visit, turn_id, vote="down", correction=text)
    await visit.tell(visit.phrase("feedback_kept", n=turn_id), reply=True)
