"""What Telegram says of a bot when somebody looks after it, without starting it and without taking its messages.

The address of each call holds the token, so that no error of the library is let out and nothing of it is logged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from bot.config import TelegramConfig
from bot.telegram.logs import quiet_logs


@dataclass(frozen=True)
class Webhook:
    """How Telegram delivers the bot's messages."""

    url: str = ""
    """Empty: they are fetched."""
    waiting: int = 0
    """Messages that nobody has taken."""
    last_error: str | None = None
    last_error_at: datetime | None = None


@dataclass(frozen=True)
class Asked:
    """Telegram's answers; what it did not answer has its default."""

    reached: bool
    error: str | None = None
    """Why it was not reached, or what it said instead of an answer."""
    username: str = ""
    reads_groups: bool = False
    """Privacy mode is off: the bot gets all messages of its groups."""
    inline: bool = False
    webhook: Webhook = field(default_factory=Webhook)
    date: datetime | None = None
    """Telegram's clock."""


def ask(config: TelegramConfig) -> Asked:
    """Ask who the bot is and how its messages are delivered.

    :raises UsageError: the token can't be read where the settings say that it is
    """
    base = f"{config.api_url}{config.token.reveal()}"
    with quiet_logs(config.token), httpx.Client(timeout=config.timeout_seconds) as client:
        try:
            me = client.get(f"{base}/getMe")
            hook = client.get(f"{base}/getWebhookInfo") if me.is_success else None
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            return Asked(False, type(exc).__name__)
    return _asked(me, hook)


def _asked(me: httpx.Response, hook: httpx.Response | None) -> Asked:
    date = _date(me.headers.get("Date"))
    if hook is None or not hook.is_success:
        return Asked(True, f"{(hook or me).status_code} {_body(hook or me).get('description', '')}".strip(), date=date)
    bot, found = _body(me).get("result", {}), _body(hook).get("result", {})
    at = found.get("last_error_date")
    return Asked(
        True,
        username=str(bot.get("username", "")),
        reads_groups=bool(bot.get("can_read_all_group_messages")),
        inline=bool(bot.get("supports_inline_queries")),
        webhook=Webhook(
            str(found.get("url", "")),
            int(found.get("pending_update_count", 0)),
            found.get("last_error_message"),
            datetime.fromtimestamp(at, UTC) if at else None,
        ),
        date=date,
    )


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _date(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:
        return None
