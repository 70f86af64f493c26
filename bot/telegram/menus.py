"""The command menus: for each kind of chat what works there, in each language, and all of it in the owner's chat."""

from __future__ import annotations

import logging
from collections.abc import Collection

from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
)
from telegram.error import TelegramError

from bot.locales import LANGUAGES, say
from bot.telegram.command_list import Scope, offered, scope_of
from bot.telegram.sending import kind
from memory.records import User

_log = logging.getLogger(__name__)


def menu(scope: Scope, language: str, *, on: Collection[str] = ()) -> list[BotCommand]:
    """The menu of a scope in a language; ``on``: switches that are on."""
    return [BotCommand(name, say(language, f"tg_menu_{name}")) for name in offered(scope, on=on)]


def help_lines(scope: Scope, language: str, *, on: Collection[str] = ()) -> list[str]:
    """The same as lines of /help."""
    return [f"/{name}: {say(language, f'tg_menu_{name}')}" for name in offered(scope, on=on)]


async def set_menus(bot: Bot, *, on: Collection[str] = ()) -> None:
    """Offer the menus in each language, in English to everybody else.

    :raises TelegramError: Telegram can't be reached, or refuses
    """
    scopes: tuple[tuple[Scope, BotCommandScope], ...] = (
        ("private", BotCommandScopeAllPrivateChats()),
        ("groups", BotCommandScopeAllGroupChats()),
    )
    for scope, where in scopes:
        await bot.set_my_commands(menu(scope, "en", on=on), scope=where)
        for language in LANGUAGES:
            await bot.set_my_commands(menu(scope, language, on=on), scope=where, language_code=language)


async def set_own_menu(bot: Bot, user: User | None, *, on: Collection[str] = ()) -> None:
    """Offer somebody in their own chat what works for them, in the language that they chose; no loss where it fails."""
    if user is None or user.telegram_id is None:
        return
    scope = scope_of(user.role, private=True)
    try:
        where = BotCommandScopeChat(user.telegram_id)
        await bot.set_my_commands(menu(scope, user.profile.language, on=on), scope=where)
    except TelegramError as exc:  # they have blocked the bot, or deleted the chat
        _log.info("user %d has no menu of their own: %s", user.id, kind(exc))
