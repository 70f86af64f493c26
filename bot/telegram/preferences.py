"""/settings: how the user likes to be answered, as buttons that change the message they stand under."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from telegram import Bot, BotCommand, BotCommandScopeChat

from bot.locales import LANGUAGES, say
from bot.telegram.desk import Visit
from bot.telegram.render import Part
from bot.telegram.sending import Buttons
from memory.records import Profile

COMMANDS = (
    *("start", "help", "import", "summary", "why", "forget", "facts", "examples", "tune", "adapters", "settings"),
    *("remind", "reminders", "timezone", "stop", "people", "invite", "storing"),
)
_CHOICES: dict[str, tuple[str, ...]] = {
    "language": LANGUAGES,
    "form": ("prose", "bullets"),
    "length": ("short", "medium", "long"),
}


def menu(language: str) -> list[BotCommand]:
    """The command menu in a language."""
    return [BotCommand(name, say(language, f"tg_menu_{name}")) for name in COMMANDS]


async def set_menus(bot: Bot) -> None:
    """Offer the menu in each language, English to everybody else."""
    await bot.set_my_commands(menu("en"))
    for language in LANGUAGES:
        await bot.set_my_commands(menu(language), language_code=language)


async def settings(visit: Visit) -> None:
    """Show what is set."""
    await visit.tell(_text(visit), buttons=_buttons(visit.user.profile))


async def changed(visit: Visit, values: Sequence[str]) -> None:
    """A button was pressed: store the choice and show the new state, in the new language."""
    name, value = values
    if value not in _CHOICES[name]:
        return
    profile = _with(visit.user.profile, name, value)
    user = replace(visit.user, profile=profile)
    visit.services.store.update_user(user)
    shown = replace(visit, user=user)
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(_text(shown)), buttons=_buttons(profile))
    if name == "language":
        scope = BotCommandScopeChat(visit.place.chat_id)
        await visit.desk.bot.set_my_commands(menu(profile.language), scope=scope)


def _with(profile: Profile, name: str, value: str) -> Profile:
    values: dict[str, Any] = {**asdict(profile), name: value}
    return Profile(**values)


def _text(visit: Visit) -> str:
    adapter = visit.services.live_adapter(visit.user)
    lines = [visit.phrase("tg_settings"), visit.phrase("tg_adapter", adapter=adapter or visit.phrase("tg_base_model"))]
    return "\n".join(lines)


def _buttons(profile: Profile) -> Buttons:
    def button(name: str, value: str) -> tuple[str, str]:
        mark = "✓ " if getattr(profile, name) == value else ""
        return f"{mark}{say(profile.language, f'tg_{name}_{value}')}", f"set:{name}:{value}"

    return [[button(name, value) for value in values] for name, values in _CHOICES.items()]
