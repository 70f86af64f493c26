"""A turn over Telegram: the assistant writes in a thread, the chat sees it grow, and its messages are noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.context import Context, Given
from bot.locales import say
from bot.reminders.zones import zone_of
from bot.support import marked
from bot.telegram.choosing import offer_beside
from bot.telegram.desk import Interrupted, Overtaken, Visit, is_sent_away, noticed
from bot.telegram.forwarding import answered
from bot.telegram.group_rules import keep_author, mark_told, notice_of
from bot.telegram.inbox import changed_meanwhile, done, note_places
from bot.telegram.learning import judge
from bot.telegram.ledger import turn_shown_in
from bot.telegram.limiting import note_turn
from bot.telegram.outbox import Reply, Shown
from bot.telegram.render import Part, footer, sourcing_lines
from bot.telegram.replies import Rendered, rendered
from bot.telegram.sending import Buttons
from bot.telegram.storing import kept_of
from bot.telegram.streaming import GROUP_SPACING, DraftPreview, EditPreview, Preview, Stream
from bot.threads import in_thread
from memory.errors import FamiliarError
from memory.records import Turn
from memory.turns import feedback_of, open_conversation, turn_by_id

_LATE = timedelta(minutes=15)


def conversation_of(visit: Visit) -> int:
    """The conversation of this chat."""
    return open_conversation(
        visit.services.store, user_id=visit.user.id, channel="telegram", chat_id=visit.place.chat_id
    )


@dataclass(frozen=True)
class Replaced:
    """A turn that was made of an earlier version of the message, and the updates that it had answered."""

    turn: Turn
    update_ids: tuple[int, ...]
    shown: Shown


@dataclass(frozen=True)
class Asked:
    """What there is to know of a message besides its text."""

    given: tuple[Given, ...] = ()
    """What it refers to."""
    note: str = ""
    """What stands before the reply."""
    places: Mapping[int, tuple[int, int]] | None = None
    """Where each message, by its id, stands in the text, as characters from and to."""
    replaced: Replaced | None = None


async def answer(visit: Visit, text: str, asked: Asked | None = None) -> None:
    """Answer a message with a turn of the assistant, whose storing is also what writes the reply down.

    :raises Interrupted: the bot ends; nothing is stored, and the message waits for the next start
    :raises Overtaken: the message was changed meanwhile; nothing is stored, and its new text is to be answered
    """
    desk, asked = visit.desk, asked or Asked()
    key = f"{visit.update_ids[0]}:answer"  # not numbered: a remark that is told once only would shift the numbers
    conversation, reply = await in_thread(lambda: _open(visit, asked, key))
    context = Context(asked.given, asked.replaced.turn.id if asked.replaced else None, kept_of(visit))
    with desk.turn_in(visit.place.chat_id, visit.messages) as cancel:
        await in_thread(lambda: _check_current(visit))
        try:
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
                        stored=lambda turn: _write_down(visit, reply, turn, asked),
                        context=context,
                    )
                )
        except FamiliarError:
            await _show_again(visit, asked.replaced)
            raise
    sent = await desk.outbox.deliver(reply)
    if context.keep == "memory":
        offer_beside(visit, turn, shown_in=sent[-1] if sent else None)


def _notice(visit: Visit) -> str:
    """What a group is told once; called in the transaction that writes the message down."""
    if visit.place.private:
        return ""
    notice = notice_of(visit.services.store, visit.user)
    mark_told(visit.services.store, visit.user.id)
    return notice


def _open(visit: Visit, asked: Asked, key: str) -> tuple[int, Reply]:
    """The conversation, and the reply to fill; one to a changed message is shown where the earlier one is."""
    outbox = visit.desk.outbox
    with visit.services.store.transaction():
        reply = outbox.open(visit.place, key=key, user=visit.user, reply_to=visit.cited)
        if asked.replaced is not None and asked.replaced.shown.texts:
            outbox.shown_in(reply, asked.replaced.shown.texts[0])
            reply = replace(reply, preview_id=asked.replaced.shown.texts[0])
        return conversation_of(visit), reply


async def _show_again(visit: Visit, old: Replaced | None) -> None:
    """The earlier reply as it is by now, in whose place another one was begun that can't be finished."""
    if old is None or not old.shown.texts:
        return
    buttons: Buttons | None
    try:
        turn = await in_thread(lambda: turn_by_id(visit.services.store, old.turn.id, user_id=visit.user.id))
    except FamiliarError:  # it was forgotten meanwhile
        part, buttons = Part(visit.phrase("tg_forgotten")), []
    else:
        part, *more = shown_as(visit, turn).parts
        buttons = None if more else turn_buttons(turn, visit)
    await visit.desk.sender.edit(visit.place, old.shown.texts[0], part, buttons=buttons)


def _check_current(visit: Visit) -> None:
    ids = [message.message_id for message in visit.messages]
    if changed_meanwhile(visit.services.store, visit.place.chat_id, ids, besides=visit.update_ids):
        raise Overtaken


def _write_down(visit: Visit, reply: Reply, turn: Turn, asked: Asked) -> None:
    """In the transaction that stores the turn: its messages, that its updates are done, and what it replaces."""
    desk, services, old = visit.desk, visit.services, asked.replaced
    if desk.cancel.is_set():
        raise Interrupted
    if is_sent_away(visit):
        raise FamiliarError("the owner has sent them away")  # which undoes the turn
    _check_current(visit)
    made, buttons = shown_as(visit, turn, asked.note), turn_buttons(turn, visit)
    parts, kept = noticed(made.parts, _notice(visit)), turn if turn.id else None
    over = old.shown if old is not None else None
    desk.outbox.put(reply, parts, files=made.attachments, buttons=buttons, turn=kept, over=over)
    note_turn(services.store, visit.update_ids, turn, person=visit.person)
    if kept is not None and not visit.place.private:
        keep_author(services.store, turn.id, person_id=visit.person.id)
    if old is not None:
        services.replace_turn(old.turn.id, by=turn.id, user=visit.user)
        done(services.store, old.update_ids, reply_id=reply.id)
    done(services.store, visit.update_ids, reply_id=reply.id)
    answered(services.store, visit.place.chat_id, user_id=visit.user.id)
    note_places(services.store, visit.place.chat_id, asked.places or {})


def shown_as(visit: Visit, turn: Turn, note: str = "") -> Rendered:
    """A turn's reply as messages."""
    language, zone = visit.language, zone_of(visit.user.profile)
    written = visit.message.edit_date or visit.message.date
    late = late_note(written, datetime.now(UTC), zone=zone, language=language)
    reply = marked(turn.reply, turn.unsupported, language=language)
    foot = "\n".join(sourcing_lines(turn, language=language)) if is_customer(visit) else footer(turn, language=language)
    return rendered(f"{late}{note}{reply}", foot, language=language)


def is_customer(visit: Visit) -> bool:
    """Whether a customer of the desk wrote, whom numbers of turns and what they are made of don't concern."""
    return visit.person.role == "guest" and visit.services.customers is not None


def late_note(written: datetime, now: datetime, *, zone: ZoneInfo, language: str) -> str:
    """What stands before an answer that comes so late that its reader may have forgotten the question."""
    if now - written < _LATE:
        return ""
    return say(language, "tg_late", when=f"{written.astimezone(zone):%Y-%m-%d %H:%M}") + "\n\n"


def _preview(visit: Visit, reply: Reply) -> Preview:
    if visit.place.private and reply.preview_id is None:
        return DraftPreview(visit.desk.sender, visit.place, draft_id=visit.message.message_id)
    return EditPreview(visit.desk.outbox, reply, buttons=[[(visit.phrase("tg_stop_button"), "stop")]])


def _stream(visit: Visit, preview: Preview) -> Stream:
    seconds, private = visit.services.settings.telegram.edit_seconds, isinstance(preview, DraftPreview)
    return Stream(
        preview,
        visit.desk.sender,
        visit.place,
        seconds=seconds if private else seconds * GROUP_SPACING,
        after=0.0 if private else seconds,
    )


def turn_buttons(turn: Turn, visit: Visit) -> Buttons:
    """What a person can do with a reply; nothing is learned from a guest, and of what was not kept nothing is known."""
    if not turn.id:
        return []
    why = visit.phrase("tg_why_button")
    if is_customer(visit):
        return [[("👍", f"rate:up:{turn.id}"), ("👎", f"rate:down:{turn.id}")]]
    if visit.person.role == "guest":
        return [[(why, f"why:{turn.id}")]]
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
    """Keep what a reply should have been, where anything may be kept."""
    if kept_of(visit) == "nothing":
        await visit.tell(visit.phrase("tg_storing_off"))
        return
    await judge(visit, turn_id, vote="down", correction=text)
    await visit.tell(visit.phrase("feedback_kept", n=turn_id), reply=True)
