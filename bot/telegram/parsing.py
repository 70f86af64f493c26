"""What the Markdown parser takes for code and for tables, so that other rules agree with it instead of guessing.

Code is left alone by every rewriting. What the converter would drop (HTML, mathematics, footnotes) is escaped, since
no word of a reply may be lost. Pure: https://spec.commonmark.org, tables as of GitHub.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from bot.telegram.tables import Table

Event = object
"""An event of the parser: a name, or one name with its value."""
_HTML = re.compile(r"<(?!https?://)")
_EATEN = re.compile(r"\\?(<(?!https?://)|\$|\[(?=\^))")
"""What the converter takes for HTML, mathematics or a footnote, and drops."""
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """The text with every stretch between code changed; a fence still open makes code of all that follows."""
    # Within HTML there is no code for the parser, but HTML is shown as text here.
    source = markdown.encode()
    pieces = []
    last = 0
    for first, end in _code_ranges(_HTML.sub("\x02", markdown)):
        pieces += [change(source[last:first].decode()), source[first:end].decode()]
        last = end
    return "".join([*pieces, change(source[last:].decode())])


def kept_literal(markdown: str) -> str:
    """Markdown in which what the converter would drop is escaped, and an empty cell is no spoiler's mark."""
    escaped = outside_code(markdown, lambda text: _EATEN.sub(r"\\\1", text))
    if "||" not in escaped:
        return escaped
    source = bytearray(escaped.encode())
    for first, end in reversed(list(_ranges(escaped, "Table"))):
        source[first:end] = re.sub(rb"\|(?=\|)", rb"| ", bytes(source[first:end]))
    return source.decode()


def fixed_width_blocks(markdown: str) -> tuple[Table | None, ...]:
    """The blocks that are shown in fixed width, in order: a table, or None for code."""
    blocks: list[Table | None] = []
    events = iter(_events(markdown))
    for event, _ in events:
        match event:
            case {"Start": {"CodeBlock": _}}:
                if _code(events):
                    blocks.append(None)
            case {"Start": {"Table": alignments}}:
                blocks.append(_table(events, alignments))
            case _:
                pass
    return tuple(block for block in blocks if block is None or not block.blank)


def without_line_breaks(text: str) -> str:
    """The text without ``<br>``, which tables show as a break."""
    return _LINE_BREAK.sub(" ", text)


def _events(markdown: str) -> Iterator[tuple[Event, dict[str, int]]]:
    from pyromark import Options, events_with_range

    options = Options.ENABLE_TABLES | Options.ENABLE_STRIKETHROUGH | Options.ENABLE_TASKLISTS
    for event, place in events_with_range(markdown, options=options):
        yield event, {"start": place["start"], "end": place["end"]}


def _ranges(markdown: str, kind: str) -> Iterator[tuple[int, int]]:
    """UTF-8 ranges of a kind of block; of blocks within each other the outer."""
    last = 0
    for event, place in _events(markdown):
        match event:
            case {"Start": dict(tag)} if kind in tag and place["start"] >= last:
                last = place["end"]
                yield place["start"], last
            case _:
                pass


def _code_ranges(markdown: str) -> Iterator[tuple[int, int]]:
    for event, place in _events(markdown):
        match event:
            case {"Start": {"CodeBlock": _}} | {"Code": _}:
                yield place["start"], place["end"]
            case _:
                pass


def _code(events: Iterable[tuple[Event, object]]) -> str:
    text = ""
    for event, _ in events:
        match event:
            case {"Text": str(piece)}:
                text += piece
            case {"End": "CodeBlock"}:
                break
            case _:
                pass
    return text.removesuffix("\n")


def _table(events: Iterable[tuple[Event, object]], alignments: Iterable[object]) -> Table:
    rows: list[tuple[str, ...]] = []
    row: list[str] = []
    cell: list[Event] = []
    for event, _ in events:
        match event:
            case {"End": "Table"}:
                break
            case {"End": "TableHead" | "TableRow"}:
                rows.append(tuple(row))
                row = []
            case {"Start": "TableCell"}:
                cell = []
            case {"End": "TableCell"}:
                row.append(_flat(cell))
            case _:
                cell.append(event)
    return Table(rows[0], tuple(rows[1:]), tuple(str(side).lower() for side in alignments))


def _flat(events: Iterable[Event]) -> str:
    """A cell's text without marks; a link's address stands after its words, a break is one of lines."""
    text, addresses = "", []
    for event in events:
        match event:
            case {"Text": str(piece)} | {"Code": str(piece)}:
                text += piece
            case {"Start": {"Link": {"dest_url": str(address)}} | {"Image": {"dest_url": str(address)}}}:
                addresses.append((address, len(text)))
            case {"End": "Link" | "Image"} if addresses:
                address, start = addresses.pop()
                text += f" ({address})" if address and text[start:] not in (address, "") else ""
                text += address if not text[start:] else ""
            case _:
                pass
    return _LINE_BREAK.sub("\n", text).strip()
