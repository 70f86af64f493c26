"""/recommend: a few of the user's saved items with true reasons, and buttons by which the next list is another one.

That a list was shown is noted in the transaction that writes it down. A vote takes its item's buttons away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from bot.taste import Recommended, Taste, Wish, reason_text
from bot.telegram.desk import Visit
from bot.telegram.render import Part
from bot.telegram.sending import Buttons
from bot.telegram.settling import Said, settle
from bot.threads import in_thread
from memory.taste import Action, NewItem

_ABOUT = re.compile(r"^(?:about\b|关于)\s*", re.IGNORECASE)
_ADD = re.compile(r"^(?:add|save|保存|添加)\s+(?P<said>\S.*)", re.IGNORECASE | re.DOTALL)
_LINK = re.compile(r"https?://\S+")
_VOTES: dict[str, Action] = {"up": "liked", "down": "skipped", "more": "more"}


async def recommend(visit: Visit) -> None:
    """Show a list, about something where that is asked for, or keep an item that may be recommended later."""
    assert visit.command is not None
    taste, argument = visit.services.taste, visit.command.argument
    if taste is None:
        await visit.tell(visit.phrase("tg_unknown_command"))
    elif (new := _ADD.match(argument)) is not None:
        await _save(visit, taste, new["said"])
    else:
        await _show(visit, taste, Wish(about=_ABOUT.sub("", argument)))


async def _save(visit: Visit, taste: Taste, said: str) -> None:
    item = item_from(said)
    config = visit.services.settings.import_
    await in_thread(lambda: taste.add([item], owner=visit.user, actor=visit.person, config=config))
    await visit.tell(visit.phrase("tg_item_saved", title=item.title))


def item_from(said: str) -> NewItem:
    """An item as it is written in a chat: its first line is the title, an address the link, the rest its text.

    >>> item_from("Sails https://s.example").link
    'https://s.example'
    """
    link = _LINK.search(said)
    title, _, text = _LINK.sub("", said).strip().partition("\n")
    address = link[0] if link else ""
    return NewItem(" ".join(title.split()) or address, " ".join(text.split()), "link" if link else "note", address)


async def _show(visit: Visit, taste: Taste, wish: Wish) -> None:
    found = await in_thread(lambda: taste.recommend(visit.user, wish))
    await settle(visit, partial(_shown, visit, taste, found, about=bool(wish.about)))


def _shown(visit: Visit, taste: Taste, found: Sequence[Recommended], *, about: bool) -> Said:
    if not found:
        return Said(visit.phrase("taste_none_about" if about else "taste_none"))
    taste.shown(visit.user, found)
    return Said("\n\n".join(_lines(visit, found)), _buttons(visit, found))


def _lines(visit: Visit, found: Sequence[Recommended]) -> list[str]:
    lines = []
    for number, each in enumerate(found, 1):
        why = reason_text(each.reason, each.item, language=visit.language)
        parts = (f"{number}. {each.item.title}", each.item.link, why)
        lines.append("\n".join(part for part in parts if part))
    return lines


def _buttons(visit: Visit, found: Sequence[Recommended]) -> Buttons:
    labels = {"up": "👍", "down": visit.phrase("tg_not_for_me"), "more": visit.phrase("tg_more_like_this")}
    return [
        [(f"{number} {label}", f"taste:{vote}:{each.item.id}") for vote, label in labels.items()]
        for number, each in enumerate(found, 1)
    ]


async def voted(visit: Visit, values: Sequence[str]) -> None:
    """A button was pressed: keep the vote; "more like this" shows another list."""
    taste, vote, item = visit.services.taste, values[0], int(values[1])
    assert taste is not None
    await in_thread(lambda: taste.note(visit.user, item, _VOTES[vote]))
    buttons = _left(visit, item)
    await visit.desk.sender.edit(
        visit.place, visit.message.message_id, Part(visit.message.text or ""), buttons=buttons or None
    )
    if vote == "more":
        await _show(visit, taste, Wish(like=item))


def _left(visit: Visit, item: int) -> Buttons:
    """The buttons of the other items."""
    shown = visit.message.reply_markup
    rows = shown.inline_keyboard if shown is not None else ()
    return [
        [(button.text, str(button.callback_data)) for button in row]
        for row in rows
        if not any(str(button.callback_data).endswith(f":{item}") for button in row)
    ]
