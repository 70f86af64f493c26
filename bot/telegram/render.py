"""A reply's Markdown as Telegram takes it: texts of at most 4096 UTF-16 units with entities, no word of it lost.

Entities need no escaping, so nothing a model writes can break a message; still each is checked against Telegram's
rules for nesting. Where converting would lose a word (raw HTML, footnotes), the text is shown as it was written.
Pure: https://core.telegram.org/bots/api#messageentity.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from bot.locales import say
from bot.telegram.formulas import Marked, marked, marks
from bot.telegram.parsing import fixed_width_blocks, kept_literal, without_line_breaks
from bot.telegram.splitting import cuts
from bot.telegram.tables import Table, grid, narrow, records
from memory.records import Citation, Turn

LIMIT = 4096
"""UTF-16 units of one message."""
MAX_ENTITIES = 100
"""Telegram drops those beyond."""
_STYLES = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler"})
_VERBATIM = frozenset({"pre", "code"})
_QUOTES = frozenset({"blockquote", "expandable_blockquote"})
_UNCUT = frozenset({"text_link", "code"})
"""Half a link's words or half a command mislead."""
_ADDRESS = re.compile(r"https?://[!-~]{1,2000}")


@dataclass(frozen=True)
class Span:
    """A message entity; offset and length in UTF-16 units."""

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None

    @property
    def end(self) -> int:
        """The first unit after it."""
        return self.offset + self.length


@dataclass(frozen=True)
class Part:
    """The text of one message."""

    text: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Converted:
    """A reply as one text, and those of its tables that are too wide for columns, in order."""

    part: Part
    wide: tuple[Table, ...] = ()


def reply_parts(markdown: str, footer: str = "") -> tuple[Part, ...]:
    """The messages that show a reply, also one half-written; the footer stands under the last."""
    return split(with_footer(convert(markdown), footer))


def plain_parts(text: str) -> tuple[Part, ...]:
    """The messages that show a text as it is."""
    return split(Part(text))


def footer(turn: Turn, *, language: str) -> str:
    """What stands under a reply: its sources, what a mark in it means, its number, if it was kept, and its adapter."""
    number = say(language, "turn_number", n=turn.id) if turn.id else ""
    last = ", ".join(filter(None, (number, turn.adapter)))
    return "\n".join([*sourcing_lines(turn, language=language), *([f"({last})"] if last else [])])


def sourcing_lines(turn: Turn, *, language: str) -> list[str]:
    """A reply's sources, and what a mark in it means, where it has one."""
    legend = [say(language, "unsupported_legend")] if turn.unsupported else []
    return [*source_lines(turn.citations, language=language), *legend]


def source_lines(citations: Sequence[Citation], *, language: str) -> list[str]:
    """The numbered sources, with their heading where there are any."""
    lines = [f"[{item.n}] {item.title}" for item in citations]
    return [say(language, "sources"), *lines] if lines else []


def convert(markdown: str) -> Part:
    """Markdown as text and entities; the text itself where a word would be lost."""
    return converted(markdown, lambda table, _: table_lines(table)).part


def converted(markdown: str, show_wide: Callable[[Table, int], Part]) -> Converted:
    """Markdown as text and entities, with formulas as Unicode and tables in columns where they are narrow.

    :param show_wide: what stands for a table too wide for columns; the second value counts them from 1
    """
    text = unbroken(markdown)
    literally = Converted(Part(text))
    try:
        return _convert(marked(text), show_wide) or _convert(Marked(text), show_wide) or literally
    except Exception:  # noqa: BLE001 - a parser's error on what a model wrote must not lose the answer
        return literally


def table_lines(table: Table) -> Part:
    """A table as a line for each cell; a row's first line is bold and names it."""
    text, spans = "", []
    for row in records(table):
        start = utf16(text)
        text += "\n".join(row) + "\n\n"
        spans += [Span("bold", start, utf16(row[0]))] if row else []
    return Part(text.rstrip("\n"), tuple(spans))


def _convert(source: Marked, show_wide: Callable[[Table, int], Part]) -> Converted | None:
    """None where a word would be lost."""
    literal = kept_literal(source.text)
    raw = _telegramify(literal)
    tables = _tables(raw, fixed_width_blocks(literal))
    flat = _replaced(raw, [(span, Part(" ".join(table.cells))) for span, table in tables])
    if _loses_words(source.text, flat) or not source.complete(flat.text) or not flat.text.strip():
        return None
    wide: list[Table] = []
    shown = []
    for span, table in tables:
        filled = table.mapped(source.filled)
        if narrow(filled):
            shown.append((span, _block(grid(filled))))
        else:
            wide.append(filled)
            shown.append((span, show_wide(filled, len(wide))))
    part = _blocks_apart(_with_formulas(_replaced(raw, shown), source))
    return Converted(replace(part, spans=clean(part.spans)), tuple(wide))


def _block(text: str) -> Part:
    return Part(text, (Span("pre", 0, utf16(text)),))


def _tables(part: Part, blocks: Sequence[Table | None]) -> list[tuple[Span, Table]]:
    """The tables with their places; none where the converter saw other blocks than the parser did."""
    places = sorted((span for span in part.spans if span.type == "pre"), key=_outermost_first)
    if len(places) != len(blocks):
        return []
    return [(place, table) for place, table in zip(places, blocks, strict=True) if table is not None]


def _with_formulas(part: Part, source: Marked) -> Part:
    pieces = []
    for mark in marks(part.text):
        place = Span("mark", utf16(part.text[: mark.start()]), utf16(mark.group()))
        text = source.formula(mark).shown
        pieces.append((place, _on_lines_of_its_own(text, part.text, mark) if "\n" in text else Part(text)))
    return _replaced(part, pieces)


def _on_lines_of_its_own(formula: str, text: str, mark: re.Match[str]) -> Part:
    before = "" if text[: mark.start()].endswith("\n") or mark.start() == 0 else "\n"
    after = "" if text[mark.end() :].startswith("\n") or mark.end() == len(text) else "\n"
    return Part(before + formula + after, (Span("pre", len(before), utf16(formula)),))


def _blocks_apart(part: Part) -> Part:
    """The part with a new line after each block; within lists the converter writes none."""
    units = part.text.encode("utf-16-le")
    ends = sorted({span.end for span in part.spans if span.type == "pre"})
    glued = [end for end in ends if units[end * 2 : end * 2 + 2] not in (b"", b"\n\0")]
    return _replaced(part, [(Span("gap", end, 0), Part("\n")) for end in glued])


def _replaced(part: Part, pieces: Sequence[tuple[Span, Part]]) -> Part:
    """The part with other parts in the places of some spans, which are in order; those of a block vanish with it."""
    units = part.text.encode("utf-16-le")
    text, spans = "", []
    last = 0
    for place, new in pieces:
        text += units[last * 2 : place.offset * 2].decode("utf-16-le")
        spans += [replace(span, offset=utf16(text) + span.offset) for span in new.spans]
        text += new.text
        last = place.end
    gone = {place for place, _ in pieces}
    for span in part.spans:
        if span not in gone:
            start, end = _moved(span.offset, pieces, at_end=False), _moved(span.end, pieces, at_end=True)
            spans.append(replace(span, offset=start, length=end - start))
    return Part(text + units[last * 2 :].decode("utf-16-le"), tuple(spans))


def _moved(position: int, pieces: Sequence[tuple[Span, Part]], *, at_end: bool) -> int:
    """Where a position is after the replacement; within a piece it goes to that one's border."""
    moved = 0
    for place, new in pieces:
        if position < place.offset or (position == place.offset and (at_end or place.length)):
            break
        if position < place.end:
            return place.offset + moved + (utf16(new.text) if at_end else 0)
        moved += utf16(new.text) - place.length
    return position + moved


def _telegramify(markdown: str) -> Part:
    from telegramify_markdown import RenderConfig
    from telegramify_markdown import convert as telegramify

    config = RenderConfig.isolated()
    symbols = config.markdown_symbol
    for level in range(1, 7):
        setattr(symbols, f"heading_level_{level}", "")
    symbols.unordered_list_item, symbols.task_completed, symbols.task_uncompleted = "•", "☑", "☐"
    text, entities = telegramify(markdown, latex_escape=False, config=config)
    spans = [Span(item.type, item.offset, item.length, item.url, item.language) for item in entities]
    return Part(text.rstrip(), tuple(_within(spans, utf16(text.rstrip()))))


def _within(spans: Sequence[Span], end: int) -> list[Span]:
    return [replace(span, length=min(span.end, end) - span.offset) for span in spans if span.offset < end]


def _loses_words(markdown: str, rendered: Part) -> bool:
    shown = [rendered.text, *(part for span in rendered.spans for part in (span.url, span.language) if part)]
    written = re.sub(r"^(\s*[-*+]\s+)\[[xX]\]", r"\1", markdown, flags=re.MULTILINE)
    return bool(_words(html.unescape(without_line_breaks(written))) - _words(" ".join(shown)))


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^\W_]+", text))


def clean(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Entities as Telegram allows them together: code holds nothing, links and quotes don't cross, styles nest.

    A style that would cross another entity or cover code is cut at its borders.
    """
    links = _apart([span for span in spans if span.type not in _STYLES | _VERBATIM | _QUOTES])
    verbatim = [span for span in _apart([s for s in spans if s.type in _VERBATIM]) if not _overlaps(span, links)]
    quotes = [span for span in _apart([s for s in spans if s.type in _QUOTES]) if not _crosses(span, links + verbatim)]
    kept = [*quotes, *links, *verbatim]
    for style in sorted((s for s in spans if s.type in _STYLES), key=_outermost_first):
        kept += [piece for piece in _cut(style, kept) if not _overlaps(piece, verbatim)]
    return tuple(sorted((span for span in kept if span.length > 0), key=_outermost_first))


def _outermost_first(span: Span) -> tuple[int, int]:
    return span.offset, -span.length


def _apart(spans: Sequence[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in sorted(spans, key=_outermost_first):
        if not _overlaps(span, kept):
            kept.append(span)
    return kept


def _overlaps(span: Span, others: Sequence[Span]) -> bool:
    return any(span.offset < other.end and other.offset < span.end for other in others)


def _crosses(span: Span, others: Sequence[Span]) -> bool:
    return any(
        _overlaps(span, [other]) and not (span.offset <= other.offset and other.end <= span.end) for other in others
    )


def _cut(style: Span, others: Sequence[Span]) -> list[Span]:
    """The style in pieces that cross none of the others; pieces over code stand alone, to be left out."""
    borders = {style.offset, style.end}
    for other in others:
        inside = other.type not in _VERBATIM and style.offset <= other.offset and other.end <= style.end
        if not inside:
            borders |= {edge for edge in (other.offset, other.end) if style.offset < edge < style.end}
    edges = sorted(borders)
    return [replace(style, offset=start, length=end - start) for start, end in pairwise(edges)]


def with_footer(part: Part, text: str) -> Part:
    """The part with a footer under it, a paragraph of its own."""
    return joined(Part(part.text.rstrip(), part.spans), Part(text))


def joined(*parts: Part) -> Part:
    """Parts as paragraphs of one; empty ones are left out."""
    text, spans = "", []
    for part in parts:
        if part.text:
            text += "\n\n" if text else ""
            spans += [replace(span, offset=utf16(text) + span.offset) for span in part.spans]
            text += part.text
    return Part(text, tuple(spans))


def split(part: Part, *, limit: int = LIMIT) -> tuple[Part, ...]:
    """Messages of at most ``limit`` UTF-16 units, cut where it reads best, never within a character.

    A block of code goes on in the next message with its language; a link is cut only where it fits no message. A
    heading stays with what it stands over.
    """
    part = replace(part, text=unbroken(part.text))
    units = list(accumulate((2 if char > "\uffff" else 1 for char in part.text), initial=0))
    places = [(span, (bisect_left(units, span.offset), bisect_left(units, span.end))) for span in part.spans]
    code = [place for span, place in places if span.type == "pre"]
    whole = [place for span, place in places if span.type in _UNCUT and span.length <= limit]
    whole += [(first, _next_word(part.text, end)) for span, (first, end) in places if span.type == "underline"]
    whole += [match.span() for match in _ADDRESS.finditer(part.text)]
    pieces = (_slice(part, first, last, code) for first, last in cuts(part.text, limit=limit, code=code, whole=whole))
    return tuple(piece for piece in pieces if piece.text.strip())


def _next_word(text: str, position: int) -> int:
    """One after the first character that is not blank."""
    blank = len(text) - position - len(text[position:].lstrip())
    return min(position + blank + 1, len(text))


def unbroken(text: str) -> str:
    """The text with the replacement character for half a surrogate pair (from a damaged file), which can't be sent."""
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)


def utf16(text: str) -> int:
    """The length in UTF-16 code units, the unit of Telegram's limits and offsets."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _slice(part: Part, start: int, end: int, code: Sequence[tuple[int, int]]) -> Part:
    """The part between two character offsets, blank ends taken off but code's indentation, and entities clipped."""
    raw = part.text[start:end]
    first = start + len(raw) - len(raw.lstrip())
    for block, block_end in code:
        if block <= first < block_end:
            first = max(block, start, part.text.rfind("\n", start, first) + 1)
    last = start + len(raw.rstrip())
    low, high = utf16(part.text[:first]), utf16(part.text[:last])
    spans = [
        replace(span, offset=max(span.offset, low) - low, length=min(span.end, high) - max(span.offset, low))
        for span in part.spans
        if span.offset < high and span.end > low
    ]
    return Part(part.text[first:last], tuple(spans[:MAX_ENTITIES]))
