"""What a poll brings: kept as a whole, and read one update after the other.

The updater hands updates on one by one and waits for each, so that somebody's flood of hundreds would be hundreds of
writes to the disk before anybody else's message is seen; so one write keeps all that a poll brings, before the next
poll confirms it. And the library raises on a whole answer of which it can't read one update, and would be given the
same again for ever: a field that a Bot API server of another version leaves out would end the conversation with
everybody.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from telegram import Update
from telegram.ext import ExtBot
from telegram.request import HTTPXRequest

Keep = Callable[[Sequence[Update]], Awaitable[None]]
_log = logging.getLogger(__name__)


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


class PollRequest(HTTPXRequest):
    """Asks for updates; of those that can't be read only the number is given on."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """The answer as JSON; overriding this is how the library lets its reading be changed."""
        answer = HTTPXRequest.parse_json_payload(payload)
        updates = answer.get("result")
        if isinstance(updates, list):
            answer["result"] = [update if is_readable(update) else _numbered(update) for update in updates]
        return answer


def is_readable(update: dict[str, Any]) -> bool:
    """Whether the library finds all that its classes need."""
    try:
        Update.de_json(update, None)
    except Exception as exc:  # noqa: BLE001 - any error of the library, on what anybody may send
        _log.error(
            "python-telegram-bot can't read update %s (%s); it is left", update.get("update_id"), type(exc).__name__
        )
        return False
    return True


def _numbered(update: dict[str, Any]) -> dict[str, Any]:
    return {"update_id": update["update_id"]}
