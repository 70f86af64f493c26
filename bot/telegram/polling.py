"""What a poll brings, one update after the other: one that python-telegram-bot can't read costs the others nothing.

It raises on the whole answer, and would be given the same again for ever: a field that a Bot API server of another
version leaves out would end the conversation with everybody.
"""

from __future__ import annotations

import logging
from typing import Any

from telegram import Update
from telegram.request import HTTPXRequest

_log = logging.getLogger(__name__)


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
