"""Messages without words: told back in words, and kept as a note where their sender presses the button for it.

Nothing is kept before that. The button reads the content again from the message it answers, so that none of it lies
anywhere meanwhile; the note is nobody's statement, and a document like any other, listed by /forget.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.reminders.zones import zone_of
from bot.telegram.desk import Visit
from bot.telegram.kinds import Shown, kind_of, shown
from bot.telegram.notes import note_of
from bot.telegram.render import Part
from bot.telegram.sending import Buttons
from bot.telegram.talking import answer
from bot.telegram.wording import without_mention
from bot.threads import in_thread


def is_shown(visit: Visit) -> bool:
    """Whether it is a message of a kind that is told back in words."""
    return kind_of(visit.message) is not None


async def tell_kind(visit: Visit) -> None:
    """Say what the message says, with a button where its sender may keep that; a caption is answered like a text."""
    found = shown(visit.message, language=visit.language, zone=zone_of(visit.user.profile))
    assert found is not None
    offered = found.note is not None and visit.person.role != "guest"
    buttons: Buttons | None = [[(visit.phrase("tg_note_button"), "note")]] if offered else None
    await visit.tell(found.text, buttons=buttons, reply=found.note is not None)
    caption = without_mention(visit.message.caption or "", bot=visit.desk.bot.username)
    if caption:
        await answer(visit, caption)


def original(visit: Visit) -> Shown | None:
    """What the message says under whose answer a button was pressed; None where it was deleted."""
    asked = visit.message.reply_to_message
    return shown(asked, language=visit.language, zone=zone_of(visit.user.profile)) if asked is not None else None


async def kept(visit: Visit, values: Sequence[str]) -> None:
    """The button was pressed: keep the content as a note."""
    del values
    found, asked = original(visit), visit.message.reply_to_message
    if found is None or found.note is None or asked is None:
        return
    new = note_of(visit, asked, found.note.text, speaker=None, title=found.note.title)
    await in_thread(lambda: visit.services.keep_note(new, user=visit.user, stored=lambda _: None))
    text = f"{found.text}\n\n{visit.phrase('tg_note_kept')}"
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(text))
