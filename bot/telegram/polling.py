"""A client whose polls are kept as a whole: one write for all that a poll brings, before the next poll confirms it.

The updater hands updates on one by one and waits for each, so that somebody's flood of hundreds would be hundreds of
writes to the disk before anybody else's message is seen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from telegram import Update
from telegram.ext import ExtBot

Keep = Callable[[Sequence[Update]], Awaitable[None]]


class PollingBot(ExtBot[Any]):
    """python-telegram-bot's client, with a word to whoever keeps updates; it offers no other place to hook in."""

    _keep: Keep | None = None

    def keep_by(self, keep: Keep) -> None:
        """Have updates kept from now on; an error of ``keep`` ends the poll, whose updates then come again."""
        self._keep = keep

    async def get_updates(self, *arguments: Any, **options: Any) -> tuple[Update, ...]:
        """Poll, and keep what came."""
        updates = await super().get_updates(*arguments, **options)
        if updates and self._keep is not None:
            await self._keep(updates)
        return updates
