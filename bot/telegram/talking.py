"""A turn over Telegram: the assistant writes in a thread, the chat sees it grow, and its messages are noted."""

from __future__ import annotations

from bot.telegram.choosing import offer_beside
from bot.telegram.desk import Visit
from bot.telegram.learning import judge
from bot.telegram.ledger import note_messages, turn_shown_in
from bot.telegram.outbox import Buttons
from bot.telegram.render import footer, reply_parts
from bot.telegram.streaming import GROUP_SPACING, DraftPreview, EditPreview, Preview, Stream
from bot.telegram.threads import in_thread
from memory.records import Turn
from memory.turns import feedback_of, open_conversation


def conversation_of(visit: Visit) -> int:
    """The conversation of this chat."""
    return open_conversation(
        visit.services.store, user_id=visit.user.id, channel="telegram", chat_id=visit.place.chat_id
    )


async def answer(visit: Visit, text: str) -> None:
    """Answer a message with a turn of the assistant."""
    desk, conversation = visit.desk, conversation_of(visit)
    if desk.cancel.is_set():
        await visit.tell(visit.phrase("tg_stopping"))
        return
    preview = _preview(visit)
    async with _stream(visit, preview) as stream:
        turn = await in_thread(
            lambda: visit.services.assistant.turn(
                text, user=visit.user, conversation_id=conversation, on_text=stream.feed, cancel=desk.cancel
            )
        )
    parts = reply_parts(turn.reply, footer(turn, language=visit.language))
    sent = await preview.finish(parts, buttons=turn_buttons(turn, visit))
    note_messages(visit.services.store, visit.place.chat_id, sent, turn)
    offer_beside(visit, turn, shown_in=sent[-1] if sent else None)


def _preview(visit: Visit) -> Preview:
    outbox, place = visit.desk.outbox, visit.place
    if place.private:
        return DraftPreview(outbox, place, draft_id=visit.message.message_id)
    return EditPreview(outbox, place, reply_to=visit.message.message_id)


def _stream(visit: Visit, preview: Preview) -> Stream:
    seconds = visit.services.settings.telegram.edit_seconds * (1.0 if visit.place.private else GROUP_SPACING)
    return Stream(preview, visit.desk.outbox, visit.place, seconds=seconds)


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
