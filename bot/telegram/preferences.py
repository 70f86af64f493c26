"""/settings: how the user likes to be answered, as buttons that change the message they stand under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from bot.locales import LANGUAGES, say
from bot.telegram.command_list import switched_on
from bot.telegram.desk import Visit
from bot.telegram.digests import setting_line
from bot.telegram.menus import set_own_menu
from bot.telegram.render import Part
from bot.telegram.sending import Buttons
from bot.threads import in_thread
from memory.records import Profile, User
from memory.store import Store

_CHOICES: dict[str, tuple[str, ...]] = {
    "language": LANGUAGES,
    "form": ("prose", "bullets"),
    "length": ("short", "medium", "long"),
}


async def settings(visit: Visit) -> None:
    """Show what is set."""
    await visit.tell(_text(visit), buttons=_buttons(visit.user.profile))


async def changed(visit: Visit, values: Sequence[str]) -> None:
    """A button was pressed: store the choice and show the new state, in the new language."""
    name, value = values
    if value not in _CHOICES[name]:
        return
    user = await in_thread(lambda: _changed(visit.services.store, visit.user.id, name, value))
    profile, shown = user.profile, replace(visit, user=user)
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(_text(shown)), buttons=_buttons(profile))
    if name == "language":
        await set_own_menu(visit.desk.bot, user, on=switched_on(visit.services.settings))


def _changed(store: Store, user_id: int, name: str, value: str) -> User:
    """Store a choice beside what was set since; the user as they are now."""
    with store.transaction():
        profile = _with(store.user_by_id(user_id).profile, name, value)
        store.update_profile(user_id, profile)
        return store.user_by_id(user_id)


def _with(profile: Profile, name: str, value: str) -> Profile:
    values: dict[str, Any] = {**asdict(profile), name: value}
    return Profile(**values)


def _text(visit: Visit) -> str:
    adapter = visit.services.live_adapter(visit.user)
    lines = [visit.phrase("tg_settings"), visit.phrase("tg_adapter", adapter=adapter or visit.phrase("tg_base_model"))]
    if visit.user.profile.persona:
        lines.append(visit.phrase("tg_persona_setting", text=visit.user.profile.persona))
    return "\n".join([*lines, setting_line(visit)])


def _buttons(profile: Profile) -> Buttons:
    def button(name: str, value: str) -> tuple[str, str]:
        mark = "✓ " if getattr(profile, name) == value else ""
        return f"{mark}{say(profile.language, f'tg_{name}_{value}')}", f"set:{name}:{value}"

    return [[button(name, value) for value in values] for name, values in _CHOICES.items()]
