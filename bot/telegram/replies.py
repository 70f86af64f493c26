"""A finished reply as it is sent: a few messages that read well on a phone, and files for what would not.

Nothing of a reply is lost: what its messages leave out stands in a file that goes along and that they name. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.locales import say
from bot.telegram.attachments import Attachment
from bot.telegram.render import (
    LIMIT,
    Converted,
    Part,
    converted,
    joined,
    split,
    table_lines,
    unbroken,
    utf16,
    with_footer,
)
from bot.telegram.tables import Table, csv_file

MOST_MESSAGES = 5
"""A reply of more messages is hard to find one's way back in, and fills the chat: it becomes a file."""
MOST_ROWS = 8
"""Rows of a wide table that are also shown; more would be pages of lines in which nothing can be compared."""
REPLY_FILE = "reply.md"
_OPENING = 1200
"""UTF-16 units of a long reply's beginning: about what a phone shows at once."""
_HEADINGS = 20


@dataclass(frozen=True)
class Rendered:
    """A reply's messages, at least one, and the files that go along with them."""

    parts: tuple[Part, ...]
    attachments: tuple[Attachment, ...] = ()


def rendered(markdown: str, footer: str = "", *, language: str) -> Rendered:
    """A reply as messages and files; the footer stands under the last message.

    Wide tables become CSV. A reply of more than MOST_MESSAGES messages becomes a file as a whole, and its beginning a
    message. Of an empty reply a phrase says that it is empty.
    """
    text = unbroken(markdown)
    if not text.strip():
        return Rendered(split(with_footer(Part(say(language, "empty_reply")), footer)))
    reply = converted(text, lambda table, number: _announced(table, number, language))
    files = tuple(Attachment(_table_name(number), csv_file(table)) for number, table in enumerate(reply.wide, 1))
    parts = split(with_footer(reply.part, footer))
    if len(parts) <= MOST_MESSAGES:
        return Rendered(parts, files)
    whole = Attachment(REPLY_FILE, text.encode())
    return Rendered(split(with_footer(_beginning(reply, language), footer)), (whole, *files))


def _announced(table: Table, number: int, language: str) -> Part:
    """Where a wide table is, and its rows where they are few."""
    labels = ", ".join(" ".join(label.split()) for label in table.header if label)
    line = say(language, "table_in_file", rows=len(table.rows), columns=labels, name=_table_name(number))
    return joined(Part(line), table_lines(table)) if len(table.rows) <= MOST_ROWS else Part(line)


def _table_name(number: int) -> str:
    return f"table-{number}.csv"


def _beginning(reply: Converted, language: str) -> Part:
    """The first paragraphs, the headings of what follows, and where the whole is."""
    part = reply.part
    shown = split(part, limit=_OPENING)[0]
    rest = [text for start, text in _headings(part) if start >= utf16(shown.text)]
    outline = "\n".join([say(language, "reply_outline"), *(f"• {text}" for text in rest[:_HEADINGS])])
    note = Part(say(language, "reply_in_file", name=REPLY_FILE))
    pieces = (shown, Part(outline), note) if rest and utf16(outline) < LIMIT // 2 else (shown, note)
    return joined(*pieces)


def _headings(part: Part) -> list[tuple[int, str]]:
    """The headings of the two upper levels with their offsets: nothing else in Markdown is underlined."""
    units = part.text.encode("utf-16-le")
    places = [span for span in part.spans if span.type == "underline"]
    return [(span.offset, units[span.offset * 2 : span.end * 2].decode("utf-16-le")) for span in places]
