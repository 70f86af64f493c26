"""/examples: what a tune would learn from, for the person who gave it, with buttons to approve or strike out.

A button names the example, not its text; pressed, it changes the message that it stands under.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.commands.examples import short, states
from bot.telegram.desk import Visit
from bot.telegram.render import Part
from bot.telegram.sending import Buttons
from bot.threads import in_thread
from memory.errors import FamiliarError
from tuning.choices import Choice
from tuning.dataset import Example
from tuning.preparing import decide

_LISTED = 8
"""Newest ones that are shown: what Telegram lets stand under one message is short."""
_CHOICES: dict[str, Choice] = {"yes": "approved", "no": "struck"}


async def examples(visit: Visit) -> None:
    """The newest examples and what becomes of each."""
    listed = await in_thread(lambda: _listed(visit))
    await visit.tell(_text(visit, listed), buttons=_buttons(listed))


async def decided(visit: Visit, values: Sequence[str]) -> None:
    """A button was pressed: keep the decision and show the new state; never in a group."""
    if not visit.place.private:
        return
    choice, id_ = values[0], ":".join(values[1:])
    try:
        listed = await in_thread(lambda: _decide(visit, id_, _CHOICES[choice]))
    except FamiliarError:  # it was forgotten, or is not theirs: there is nothing to decide about
        return
    place, buttons = visit.place, _buttons(listed)
    await visit.desk.sender.edit(place, visit.message.message_id, Part(_text(visit, listed)), buttons=buttons)


def _decide(visit: Visit, id_: str, choice: Choice) -> list[tuple[Example, str]]:
    services, user = visit.services, visit.user
    known = [example for example, _ in states(services.examples(user))]
    decide(services.store, id_, choice, examples=known, user_id=user.id)
    return _listed(visit)


def _listed(visit: Visit) -> list[tuple[Example, str]]:
    return list(states(visit.services.examples(visit.user)))[:_LISTED]


def _text(visit: Visit, listed: Sequence[tuple[Example, str]]) -> str:
    if not listed:
        return visit.phrase("tg_examples_none")
    lines = [f"{number}. {short(example.reply)} ({state})" for number, (example, state) in enumerate(listed, 1)]
    return "\n".join([visit.phrase("tg_examples"), *lines])


def _buttons(listed: Sequence[tuple[Example, str]]) -> Buttons:
    return [
        [(f"✓ {number}", f"example:yes:{example.id}"), (f"✕ {number}", f"example:no:{example.id}")]
        for number, (example, _) in enumerate(listed, 1)
    ]
