"""/note: a thought, or the message that it answers, becomes a document of its own that search finds at once.

The answer has a button that forgets it. Whose words they are stays with them, so that nobody else's are the user's.
"""

from __future__ import annotations

from telegram import Message

from bot.reminders.zones import zone_of
from bot.telegram.desk import Visit
from bot.telegram.origins import is_of, origin_of, speaker_of
from bot.telegram.outbox import Reply
from bot.telegram.settling import Said, write_answer
from bot.threads import in_thread
from memory.facts.store import KEPT_REPLY
from memory.notes import KEPT_MESSAGE, NOTE, KeptNote, NewNote, Words, notes_of

_TITLE_CHARACTERS = 60
_LISTED = 8


async def note(visit: Visit) -> None:
    """Keep what stands after the command, what it answers, or both; with neither, show what was kept."""
    assert visit.command is not None
    answered = visit.message.reply_to_message
    if answered is None and not visit.command.argument:
        await _show_notes(visit)
        return
    new = new_note(visit, visit.command.argument, answered)
    if new is None:
        await visit.tell(visit.phrase("tg_note_no_text"))
        return
    replies: list[Reply] = []

    def stored(kept: KeptNote) -> None:
        replies.append(write_answer(visit, _said(visit, kept)))

    await in_thread(lambda: visit.services.keep_note(new, user=visit.user, stored=stored))
    await visit.desk.outbox.deliver(replies[0])


def new_note(visit: Visit, text: str, answered: Message | None) -> NewNote | None:
    """The note that a message makes; None where it answers one without text and says nothing itself."""
    own = Words(visit.person.name, text, _local(visit, visit.message)) if text else None
    kept, format_ = _kept(visit, answered) if answered is not None else (None, NOTE)
    words = tuple(item for item in (kept, own) if item is not None)
    if not words:
        return None
    first = words[0]
    line = _short(first.text)
    title = line if format_ == NOTE else visit.phrase("note_by", who=first.speaker, text=line)
    return NewNote(
        key=f"telegram/{visit.update_ids[0]}",
        title=title,
        name=visit.phrase("note_name", text=title),
        words=words,
        me=visit.person.name if visit.place.private else None,  # a group has no "I"
        format=format_,
    )


def _kept(visit: Visit, message: Message) -> tuple[Words | None, str]:
    """The words of a message that somebody wants kept, and what kind of note they are."""
    text, origin = (message.text or message.caption or "").strip(), origin_of(message)
    if not text:
        return None, NOTE
    at = origin.at.astimezone(zone_of(visit.user.profile)).isoformat()
    words = Words(speaker_of(origin, visit.person), text, at)
    if is_of(origin, visit.person):
        return words, NOTE
    return words, KEPT_REPLY if origin.account == visit.desk.bot.id else KEPT_MESSAGE


def note_of(visit: Visit, message: Message, text: str, *, speaker: str | None, title: str | None = None) -> NewNote:
    """The note of what stands in a message and is not its keeper's own statement.

    :param speaker: whose words they are; None: nobody's, so that "I" in them is no one
    :param title: else its first words
    """
    title = title or _short(text)
    if speaker is not None:
        title = visit.phrase("note_by", who=speaker, text=title)
    return NewNote(
        key=f"telegram/{message.chat.id}/{message.message_id}",
        title=title,
        name=visit.phrase("note_name", text=title),
        words=(Words(speaker, text, _local(visit, message)),),
        me=None,
        format=KEPT_MESSAGE,
    )


def forwarder(visit: Visit, message: Message) -> str | None:
    """Whom a message was forwarded from; None where it was nobody else, as a photo that its sender took."""
    origin = origin_of(message)
    own = is_of(origin, visit.person) or origin.account == visit.desk.bot.id
    return None if message.forward_origin is None or own else speaker_of(origin, visit.person)


def _local(visit: Visit, message: Message) -> str:
    return message.date.astimezone(zone_of(visit.user.profile)).isoformat()


def _said(visit: Visit, kept: KeptNote) -> Said:
    text = visit.phrase("tg_noted_before" if kept.known else "tg_noted", text=kept.document.title)
    return Said(text, [[(visit.phrase("tg_forget_button"), f"choose:{kept.document.id}")]])


async def _show_notes(visit: Visit) -> None:
    found = notes_of(visit.services.store, user_id=visit.user.id, last=_LISTED)
    if not found:
        await visit.tell(visit.phrase("tg_note_how"))
        return
    buttons = [[(visit.phrase("tg_note_forget", text=item.title), f"choose:{item.id}")] for item in found]
    await visit.tell(visit.phrase("tg_notes"), buttons=buttons)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _TITLE_CHARACTERS else f"{line[:_TITLE_CHARACTERS]}…"
