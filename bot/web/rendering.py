"""Templates: everything is escaped, a missing value is an error, and phrases come in the reader's language."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from bot.locales import say

FOLDER = Path(__file__).parent
_NOTE = re.compile(r"\[(\d+)\]")
_STEPS = (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10))


def environment() -> Environment:
    """The templates with what they may call: ``t`` for phrases, and filters for moments, sizes and replies."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(t=_phrase, say=_say, navigation=NAVIGATION, known_statuses=STATUSES)
    made.filters.update(
        moment=_moment, day=_day, stamp=_stamp, size=size_text, pieces=pieces, short=short, figure=figure
    )
    return made


NAVIGATION = (
    ("/", "overview"),
    ("/conversations", "conversations"),
    ("/documents", "documents"),
    ("/search", "search"),
    ("/facts", "facts"),
    ("/examples", "examples"),
    ("/adapters", "adapters"),
    ("/work", "work"),
    ("/people", "people"),
    ("/settings", "settings"),
)
STATUSES = (
    *("live", "retired", "rejected", "training", "failed", "skipped", "withdrawn"),
    *("indexed", "duplicate", "removed", "waiting", "sending", "sent", "unknown", "refused", "done"),
)
"""States for which there is a word in each language."""


@pass_context
def _phrase(context: Context, key: str, /, **values: object) -> str:
    return say(context["language"], f"web_{key}", **values)


@pass_context
def _say(context: Context, key: str, /, **values: object) -> str:
    """A phrase that is not the page's own."""
    return say(context["language"], key, **values)


@pass_context
def _moment(context: Context, text: str | None) -> str:
    return moment_text(text, zone=context["zone"])


@pass_context
def _day(context: Context, text: str | None) -> str:
    return moment_text(text, zone=context["zone"])[:10]


@pass_context
def _stamp(context: Context, seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, context['zone']):%Y-%m-%d %H:%M}"


def moment_text(text: str | None, *, zone: tzinfo) -> str:
    """A stored moment to the minute, on the reader's clock where it says its zone; as it is where it is no moment."""
    if not text:
        return ""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    if len(text) == len("2026-01-31"):
        return text
    return f"{found.astimezone(zone) if found.tzinfo else found:%Y-%m-%d %H:%M}"


def size_text(count: float) -> str:
    """Bytes for people."""
    for name, step in _STEPS:
        if count >= step:
            return f"{count / step:.1f} {name}"
    return f"{count:.0f} B"


def figure(value: float) -> str:
    """A measured figure with as many digits as say something."""
    return f"{value:.4g}" if math.isfinite(value) else "∞" if value > 0 else "-∞" if value < 0 else "?"


def short(text: str, most: int = 160) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most].rstrip()}…"


@dataclass(frozen=True)
class Piece:
    """A part of a reply: a text, or the number of the source that is cited there."""

    text: str
    cites: int | None = None


def pieces(reply: str) -> Iterator[Piece]:
    """A reply cut at its citations."""
    end = 0
    for found in _NOTE.finditer(reply):
        yield Piece(reply[end : found.start()])
        yield Piece(found[0], int(found[1]))
        end = found.end()
    yield Piece(reply[end:])


def render(templates: Environment, name: str, values: dict[str, Any]) -> str:
    """A page."""
    return templates.get_template(name).render(values)
