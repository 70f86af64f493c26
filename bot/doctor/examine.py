"""All checks of a home in one list, for the command and for whoever else shows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from bot.app import App
from bot.config import Settings, secrets_of
from bot.doctor.engine import engine_findings
from bot.doctor.home import home_findings
from bot.doctor.memory import memory_findings
from bot.doctor.records import Finding, finding
from bot.doctor.senses import sense_findings
from bot.doctor.telegram import NOT_ASKED, telegram_findings
from bot.secret_sources import readable_by_others
from memory.errors import FamiliarError


def examine(app: App, *, online: bool) -> list[Finding]:
    """Look at everything that can be wrong.

    :param online: ask Telegram where a token is set, and the model server where one answers
    """
    return [
        *(*home_findings(app), *secret_files(app.settings), *engine_findings(app, online=online)),
        *(*memory_findings(app), *sense_findings(app)),
        *_telegram(app, online=online),
    ]


def secret_files(settings: Settings) -> Iterator[Finding]:
    """Whether files that hold a secret are closed to other accounts."""
    for secret in secrets_of(settings).values():
        if secret.file is not None:
            open_ = readable_by_others(secret.file)
            value = f"{secret.file} can be read by {'other accounts' if open_ else 'you alone'}"
            yield finding("file of a secret", value, f"chmod 600 {secret.file}" if open_ else None)


def _telegram(app: App, *, online: bool) -> Iterator[Finding]:
    config = app.settings.telegram
    if not config.token:
        yield Finding("Telegram token", True, "not set", "ask @BotFather for one")
        return
    try:
        config.token.reveal()
    except FamiliarError as exc:
        yield finding("Telegram token", str(exc), "give it as the message says")
        return
    if not online:
        yield Finding("Telegram token", True, "set", NOT_ASKED)
        return
    from bot.telegram.checking import ask

    yield from telegram_findings(ask(config), config, now=datetime.now(UTC))
