"""/facts: what is known of the person who asks, newest first, each with a button that deletes it.

A button names the fact, not its text; pressed, it changes the message that it stands under.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.commands.facts import Known, delete, known_of
from bot.telegram.desk import Visit
from bot.telegram.render import Part
from bot.telegram.sending import Buttons
from memory.errors import FamiliarError
from memory.facts.graph import around
from memory.facts.store import facts_of

_LISTED = 12
"""Newest ones that are shown: what Telegram lets stand under one message is short."""
_SHOWN_CHARACTERS = 60


async def facts(visit: Visit) -> None:
    """What is known, or with a name what is linked to it."""
    assert visit.command is not None
    listed = _listed(visit, about=visit.command.argument)
    await visit.tell(_text(visit, listed), buttons=_buttons(listed))


async def deleted(visit: Visit, values: Sequence[str]) -> None:
    """A button was pressed: delete it and show what is left."""
    try:
        delete(visit.services.store, values[0], user=visit.user)
    except FamiliarError:  # pressed twice: what it should bring about is so already
        return
    listed = _listed(visit, about="")
    place, buttons = visit.place, _buttons(listed)
    await visit.desk.sender.edit(place, visit.message.message_id, Part(_text(visit, listed)), buttons=buttons)


def _listed(visit: Visit, *, about: str) -> list[Known]:
    store, user = visit.services.store, visit.user
    current = store.user_by_id(user.id)
    found = [item for item in facts_of(store, owners=[user.id]) if item.current]
    found = around(found, about) if about else found
    newest = sorted(found, key=lambda item: item.said_at, reverse=True)[:_LISTED]
    return list(known_of(store, newest, user=current, settings=not about))


def _text(visit: Visit, listed: Sequence[Known]) -> str:
    return visit.phrase("tg_facts" if listed else "tg_facts_none")


def _buttons(listed: Sequence[Known]) -> Buttons:
    return [[(_short(item), f"fact:{item.id}")] for item in listed]


def _short(item: Known) -> str:
    line = f"✕ {item.subject}: {item.attribute} = {item.value}"
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"
