"""What Telegram's answers mean for the settings: pure, on what `bot.telegram.checking` has asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.config import TelegramConfig
from bot.doctor.records import Finding, finding

if TYPE_CHECKING:
    from bot.telegram.checking import Asked

NOT_ASKED = "not asked of Telegram (--offline)"
_CLOCK = timedelta(seconds=30)
_MANY = 100
"""So many messages don't come together while the bot is down for a moment."""
_RECENT = timedelta(hours=1)


def telegram_findings(asked: Asked, config: TelegramConfig, *, now: datetime) -> Iterator[Finding]:
    """The token, the way of messages, what the bot may see, and the clock.

    :param now: this machine's clock
    """
    if not asked.reached:
        host = urlsplit(config.api_url).netloc
        value = f"{host} can't be reached ({asked.error})"
        yield finding("Telegram token", value, "mend the network or [telegram] api_url; --offline does not ask")
        return
    if asked.error is not None:
        yield finding("Telegram token", f"Telegram answers {asked.error}", "copy it anew from @BotFather")
    else:
        yield Finding("Telegram token", True, f"of @{asked.username}")
        yield delivery(asked, config, now=now)
        yield waiting(asked)
        groups = "all messages" if asked.reads_groups else "commands, mentions and replies"
        yield Finding("Telegram groups", True, f"the bot sees {groups}", "/setprivacy at @BotFather changes that")
        yield Finding("Telegram inline mode", True, "on" if asked.inline else "off")
    if asked.date is not None:
        yield clock(asked.date, now)


def delivery(asked: Asked, config: TelegramConfig, *, now: datetime) -> Finding:
    """Whether messages come by the way that the settings say, and arrive."""
    hook, check = asked.webhook, "Telegram webhook"
    if hook.url and not config.webhook_url:
        remedy = "end the program that set it; `familiar run` takes it away when it starts"
        return finding(check, f"messages go to {hook.url}, but the settings fetch them", remedy)
    if config.webhook_url and hook.url != config.webhook_url:
        remedy = "`familiar run` sets it when it starts; another program with the same token may have changed it"
        return finding(check, f"{hook.url or 'none'} is set, but webhook_url is {config.webhook_url}", remedy)
    recent = hook.last_error_at is None or now - hook.last_error_at < _RECENT
    if hook.last_error and recent:
        remedy = f"see that {hook.url or 'this machine'} can be reached from outside and has a valid certificate"
        return finding(check, f"the last delivery failed: {hook.last_error}", remedy)
    return finding(check, hook.url or "none; messages are fetched", None)


def waiting(asked: Asked) -> Finding:
    """Whether messages pile up at Telegram, which drops them after a day."""
    count = asked.webhook.waiting
    remedy = "start `familiar run`: Telegram drops what nobody takes for a day" if count > _MANY else None
    return finding("Telegram messages waiting", str(count), remedy)


def clock(theirs: datetime, ours: datetime) -> Finding:
    """Whether this machine's clock is right, on which reminders and certificates hang."""
    off = ours - theirs
    seconds = off.total_seconds()
    value = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} Telegram's"
    return finding("clock", value, "set the clock: timedatectl set-ntp true" if abs(off) > _CLOCK else None)
