"""/search: passages as a turn finds them, paged by buttons that change the message.

The words are not kept for the buttons: they are read again from the message that the list answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.plain_words import command_in
from bot.search_pages import MOST_HITS, page_buttons, page_of
from bot.telegram.desk import Visit
from bot.telegram.render import Part
from bot.telegram.wording import command_of, without_mention
from bot.threads import in_thread


async def search(visit: Visit) -> None:
    """Show the first hits."""
    assert visit.command is not None
    words = visit.command.argument
    if not words:
        await visit.tell(visit.phrase("tg_search_how"))
        return
    found = await in_thread(lambda: visit.services.search(words, user=visit.user, k=MOST_HITS))
    page = page_of(found, words, number=0, language=visit.language)
    await visit.tell(page.text, buttons=page_buttons(page, language=visit.language), reply=True)


async def turned(visit: Visit, values: Sequence[str]) -> None:
    """A button was pressed: show another page of what is found now."""
    words = _words_asked_for(visit)
    if not words:
        part, buttons = Part(visit.phrase("tg_search_expired")), None
    else:
        found = await in_thread(lambda: visit.services.search(words, user=visit.user, k=MOST_HITS))
        page = page_of(found, words, number=int(values[0]), language=visit.language)
        part, buttons = Part(page.text), page_buttons(page, language=visit.language)
    await visit.desk.sender.edit(visit.place, visit.message.message_id, part, buttons=buttons)


def _words_asked_for(visit: Visit) -> str | None:
    asked, bot = visit.message.reply_to_message, visit.desk.bot.username
    text = (asked.text if asked else None) or ""
    command = command_of(text, bot=bot) or command_in(without_mention(text, bot=bot))
    return command.argument if command and command.name == "search" else None
