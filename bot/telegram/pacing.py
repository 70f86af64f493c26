"""Telegram's limits on calls, shared fairly: chats take turns, and courtesies never keep a reply waiting.

python-telegram-bot's own limiter serves calls as they come, so that one chat's hundred would delay everybody's next
reply, and two hundred people who wait would use up all calls of a second with "typing…".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiolimiter import AsyncLimiter
from telegram.ext import BaseRateLimiter

from bot.round_robin import RoundRobin

GROUP_PER_MINUTE = 20.0
"""Telegram's limit on messages to one group."""
_COURTESIES = ("sendChatAction", "sendMessageDraft")
"""Left out while replies wait or half of a second's calls are used up: the next one makes up for them."""
_MOST_GROUPS = 512
"""Groups whose calls are counted before those that have been quiet are forgotten."""


class Pace(BaseRateLimiter[int]):
    """Lets calls to chats through at Telegram's pace; a 429 is left to the caller, as it holds for its chat only.

    :param per_second: calls to all chats together; 0: no limit at all
    """

    def __init__(self, per_second: float, *, group_per_minute: float = GROUP_PER_MINUTE) -> None:
        self._half = per_second / 2
        self._overall = AsyncLimiter(per_second, 1.0) if per_second else None
        self._group_per_minute = group_per_minute
        self._groups: dict[int, AsyncLimiter] = {}
        self._waiting: RoundRobin[asyncio.Future[None]] = RoundRobin()
        self._letting: asyncio.Task[None] | None = None

    async def initialize(self) -> None:
        """Nothing is needed before the first call."""

    async def shutdown(self) -> None:
        """Let nothing more through."""
        if self._letting is not None:
            self._letting.cancel()

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, Any]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: int | None,  # noqa: ARG002 - part of the interface
    ) -> Any:
        """Make the call when its chat may have it; a courtesy for which there is no room counts as done."""
        chat, overall = data.get("chat_id"), self._overall
        if chat is None or overall is None:
            return await callback(*args, **kwargs)
        if endpoint in _COURTESIES:
            if self._waiting or not overall.has_capacity(self._half):
                return True
            await overall.acquire()
            return await callback(*args, **kwargs)
        if int(chat) < 0:
            await self._group(int(chat)).acquire()
        await self._turn(int(chat), overall)
        return await callback(*args, **kwargs)

    def _group(self, chat: int) -> AsyncLimiter:
        if len(self._groups) > _MOST_GROUPS:
            quiet = [key for key, used in self._groups.items() if used.has_capacity(used.max_rate)]
            for key in quiet:
                del self._groups[key]
        return self._groups.setdefault(chat, AsyncLimiter(self._group_per_minute, 60.0))

    async def _turn(self, chat: int, overall: AsyncLimiter) -> None:
        """Wait until it is this chat's turn."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(chat, turn)
        if self._letting is None or self._letting.done():
            self._letting = asyncio.create_task(self._let_through(overall))
        try:
            await turn
        finally:
            self._waiting.discard(chat, turn)

    async def _let_through(self, overall: AsyncLimiter) -> None:
        while self._waiting:
            await overall.acquire()  # before it is said whose turn it is: that may change while this waits
            while self._waiting:
                turn = self._waiting.take()
                if not turn.done():  # else its call was given up
                    turn.set_result(None)
                    break
