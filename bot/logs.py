"""What is written to standard error while a command runs: lines for people, or one JSON object a line.

Ids are said in messages by the word before them ("update 7, user 3"), and are fields of a JSON line. Nothing here
writes what a person wrote: of an error that a library logs there is its type, not its text, and of libraries only
warnings are shown, whatever the level.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from bot.config import LogConfig
from memory.errors import UsageError

OURS = ("bot", "memory", "tuning")
FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
_ID = re.compile(r"\b(update|user|chat|turn|message|reply|reminder) (-?\d+)\b|\b(error) ([0-9a-f]{6})\b")


@contextmanager
def logging_to_stderr(config: LogConfig) -> Iterator[None]:
    """Write what is logged while the block runs.

    :raises UsageError: the format or the level is none of those there are
    """
    for name, value, known in (("format", config.format, FORMATS), ("level", config.level, LEVELS)):
        if value not in known:
            raise UsageError(f"[log] {name} is {value!r}; it must be one of {', '.join(known)}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if config.format == "json" else TextLines())
    ours = [logging.getLogger(name) for name in OURS]
    before = [logger.level for logger in ours]
    logging.root.addHandler(handler)
    for logger in ours:
        logger.setLevel(config.level.upper())
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
        for logger, level in zip(ours, before, strict=True):
            logger.setLevel(level)


def noting(config: LogConfig, note: Callable[[str], None]) -> Callable[[str], None]:
    """What tells of the program's course ("ready"): the same, or a JSON line of it where logs are such."""
    if config.format != "json":
        return note
    return lambda text: note(json_line(datetime.now(UTC), "INFO", "bot", text))


class TextLines(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """Moment, level, logger and what happened."""
        at = datetime.fromtimestamp(record.created).astimezone().isoformat(" ", "seconds")
        return f"{at} {record.levelname} {record.name}: {_event(record)}"


class JsonLines(logging.Formatter):
    """A JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """The same with the ids as fields."""
        return json_line(datetime.fromtimestamp(record.created, UTC), record.levelname, record.name, _event(record))


def json_line(at: datetime, level: str, logger: str, event: str) -> str:
    """One line: ``time`` (UTC), ``level``, ``logger``, ``event`` and a field for each id that the event names."""
    fields: dict[str, object] = {"time": at.isoformat(), "level": level.lower(), "logger": logger, "event": event}
    if logger.split(".")[0] in OURS:
        fields |= ids_of(event)
    return json.dumps(fields, ensure_ascii=False)


def ids_of(event: str) -> dict[str, int | str]:
    """The ids that a message names, the first of each kind; an error's number is a text."""
    found: dict[str, int | str] = {}
    for kind, number, error, code in _ID.findall(event):
        found.setdefault(kind or error, int(number) if kind else code)
    return found


def _event(record: logging.LogRecord) -> str:
    """The message on one line, with the type of the error that was logged with it."""
    text = " ".join(record.getMessage().split())
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        return f"{text} ({type(error).__name__})"
    if record.exc_text:  # the token's mask has made a text of the error already, ending with its type and its words
        return f"{text} ({last_type(record.exc_text)})"
    return text


def last_type(traceback: str) -> str:
    """The type of the error at the end of a traceback's text."""
    named = re.findall(r"(?m)^([A-Za-z_][\w.]*)(?::|$)", traceback)
    return named[-1] if named else "error"
