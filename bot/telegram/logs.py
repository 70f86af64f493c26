"""Logs without the token: httpx and python-telegram-bot write addresses, and the token is part of each.

Filters of a logger do not see what its children log, so the mask is put on every logger of these libraries and on the
root's handlers, and it covers tracebacks too. It is taken off again at the end.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from bot.config import Secret

_LIBRARIES = ("telegram", "httpx", "httpcore", "tornado")
_MASK = "<token>"
_WITH_DATA = "Error while parsing updates"
"""How python-telegram-bot begins a record that holds whole messages."""
_UNREADABLE = "Telegram sent updates that python-telegram-bot can't read"
_SAID_ELSEWHERE = ("%s Failed run number", "%s Aborting", "Error while calling `get_updates` one more time")
"""Failures to reach Telegram, which the service tells in a sentence."""


class TokenMask(logging.Filter):
    """Replaces a token wherever a record holds it, and leaves out what holds messages or was said already."""

    def __init__(self, token: Secret) -> None:
        super().__init__()
        revealed = token.reveal()
        self._forms = tuple(form for form in (revealed, revealed.replace(":", "%3A")) if form)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place."""
        text = str(record.msg)
        if text.startswith(_SAID_ELSEWHERE):
            return False
        if text.startswith(_WITH_DATA):
            record.msg, record.args, record.exc_info = _UNREADABLE, (), None
        record.msg, record.args = self._masked(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = self._masked(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None  # a handler would format it again, unmasked
        return True

    def _masked(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, _MASK)
        return text


@contextmanager
def quiet_logs(token: Secret) -> Iterator[None]:
    """Let the libraries log warnings only, and nobody the token."""
    libraries = [logging.getLogger(name) for name in _LIBRARIES]
    named = [name for name in logging.root.manager.loggerDict if name.split(".")[0] in _LIBRARIES]
    filtered: list[logging.Filterer] = [*libraries, *map(logging.getLogger, named), *logging.root.handlers]
    levels = [logger.level for logger in libraries]
    mask = TokenMask(token)
    for item in filtered:
        item.addFilter(mask)
    for logger in libraries:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for item in filtered:
            item.removeFilter(mask)
        for logger, level in zip(libraries, levels, strict=True):
            logger.setLevel(level)
