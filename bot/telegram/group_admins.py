"""Who administers a group, asked of Telegram and kept for a minute: admins decide what is stored of their group."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from telegram import Bot, Message
from telegram.error import TelegramError

from bot.naming import clean_name
from bot.telegram.sending import kind

_KEPT_SECONDS = 60.0
_MOST = 1000
"""Groups that are kept at a time."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Asked:
    names: Mapping[int, str]
    until: float


class GroupAdmins:
    """The admins of the groups that the bot is in."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self._known: dict[int, _Asked] = {}

    async def names(self, chat_id: int) -> Mapping[int, str]:
        """Names of a group's admins by their Telegram ids; none where Telegram can't be asked, which is not kept."""
        known = self._known.get(chat_id)
        if known is not None and time.monotonic() < known.until:
            return known.names
        try:
            members = await self._bot.get_chat_administrators(chat_id)
        except TelegramError as exc:
            _log.info("the admins of chat %d can't be asked for: %s", chat_id, kind(exc))
            return {}
        if len(self._known) >= _MOST:
            self._known.clear()
        names = {item.user.id: clean_name(item.user.first_name, instead=str(item.user.id)) for item in members}
        self._known[chat_id] = _Asked(names, time.monotonic() + _KEPT_SECONDS)
        return names

    async def wrote(self, message: Message, telegram_id: int) -> bool:
        """Whether who wrote a message, or pressed the button under it, administers its group."""
        return is_anonymous(message, telegram_id) or telegram_id in await self.names(message.chat.id)


def is_anonymous(message: Message, telegram_id: int) -> bool:
    """Whether the group itself wrote it: so Telegram shows admins who are anonymous."""
    author, sender = message.from_user, message.sender_chat
    by_author = author is not None and author.id == telegram_id
    return by_author and sender is not None and sender.id == message.chat.id
