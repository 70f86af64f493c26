"""A reply's Markdown as Telegram takes it: texts of at most 4096 UTF-16 units with entities, no word of it lost.

Entities need no escaping, so nothing a model writes can break a message; still each is checked against Telegram's
rules for nesting. Where converting would lose a word (raw HTML, footnotes), the text is shown as it was written.
Pure: https://core.telegram.org/bots/api#messageentity.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from bot.locales import say
from memory.records import Citation, Turn

LIMIT = 4096
"""UTF-16 units of one message."""
MAX_ENTITIES = 100
"""Telegram drops those beyond."""
_STYLES = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler"})
_VERBATIM = frozenset({"pre", "code"})
_QUOTES = frozenset({"blockquote", "expandable_blockquote"})
_CODE = re.compile(
    r"^(?:```|~~~).*?(?:^(?:```|~~~)[^\n]*$|\Z)"  # fenced, also while its end is not yet written
    r"|(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)"
    r"|^(?: {4}|\t)[^\n]*$",
    re.MULTILINE | re.DOTALL,
)
_EATEN = re.compile(r"\\?(<(?!https?://)|\$|\[(?=\^))")
"""What the converter takes for HTML, mathematics or a footnote, and drops."""


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


def reply_parts(markdown: str, footer: str = "") -> tuple[Part, ...]:
    """The messages that show a reply; the footer stands under the last."""
    return split(_with_footer(convert(markdown), footer))


def plain_parts(text: str) -> tuple[Part, ...]:
    """The messages that show a text as it is."""
    return split(Part(text))


def footer(turn: Turn, *, language: str) -> str:
    """What stands under a reply: its sources, its number and the adapter that wrote it."""
    number = say(language, "turn_number", n=turn.id)
    last = f"({number}, {turn.adapter})" if turn.adapter else f"({number})"
    return "\n".join([*source_lines(turn.citations, language=language), last])


def source_lines(citations: Sequence[Citation], *, language: str) -> list[str]:
    """The numbered sources, with their heading where there are any."""
    lines = [f"[{item.n}] {item.title}" for item in citations]
    return [say(language, "sources"), *lines] if lines else []


def convert(markdown: str) -> Part:
    """Markdown as text and entities; the text itself where a word would be lost."""
    try:
        rendered = _telegramify(_kept_literal(markdown))
    except Exception:  # noqa: BLE001 - a parser's error on what a model wrote must not lose the answer
        return Part(markdown)
    lost = _loses_words(markdown, rendered) or not rendered.text.strip()
    return Part(markdown) if lost else rendered


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
    return Part(text.rstrip(), clean(_within(spans, utf16(text.rstrip()))))


def _within(spans: Sequence[Span], end: int) -> list[Span]:
    return [replace(span, length=min(span.end, end) - span.offset) for span in spans if span.offset < end]


def _kept_literal(markdown: str) -> str:
    """Markdown in which what the converter would drop is escaped, outside code."""
    pieces = []
    last = 0
    for code in _CODE.finditer(markdown):
        pieces += [_escaped(markdown[last : code.start()]), code.group()]
        last = code.end()
    return "".join([*pieces, _escaped(markdown[last:])])


def _escaped(text: str) -> str:
    return _EATEN.sub(r"\\\1", text)


def _loses_words(markdown: str, rendered: Part) -> bool:
    shown = [rendered.text, *(part for span in rendered.spans for part in (span.url, span.language) if part)]
    written = re.sub(r"^(\s*[-*+]\s+)\[[xX]\]", r"\1", markdown, flags=re.MULTILINE)
    return bool(_words(html.unescape(written)) - _words(" ".join(shown)))


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


def _with_footer(part: Part, text: str) -> Part:
    body = part.text.rstrip()
    if not text:
        return Part(body, part.spans)
    return Part(f"{body}\n\n{text}" if body else text, part.spans)


def split(part: Part) -> tuple[Part, ...]:
    """Messages of at most LIMIT units, cut at a paragraph, line or word where possible, never within a character."""
    # Half a surrogate pair (from a damaged file) is no text that could be sent.
    part = replace(part, text="".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in part.text))
    parts = []
    start = 0
    while start < len(part.text):
        end = _end_of_message(part.text, start)
        piece = _slice(part, start, end)
        if piece.text.strip():
            parts.append(piece)
        start = end
    return tuple(parts)


def _end_of_message(text: str, start: int) -> int:
    fits = _fitting(text, start)
    if fits == len(text):
        return fits
    for border in ("\n\n", "\n", " "):
        # Not earlier than in the second half: a message of a few words before a long one reads badly.
        found = text.rfind(border, start + (fits - start) // 2, fits)
        if found > start:
            return found + len(border)
    return _not_within_a_character(text, start, fits)


def _fitting(text: str, start: int) -> int:
    units = 0
    for position in range(start, len(text)):
        units += utf16(text[position])
        if units > LIMIT:
            return position
    return len(text)


def _not_within_a_character(text: str, start: int, end: int) -> int:
    """Before the joiners, modifiers and selectors that belong to the character before the cut."""
    cut = end
    while cut > start + 1 and end - cut < 20 and (_joins(text[cut]) or text[cut - 1] == "\u200d"):
        cut -= 1
    return cut


def _joins(character: str) -> bool:
    skin_tone, accent = "\U0001f3fb" <= character <= "\U0001f3ff", "\u0300" <= character <= "\u036f"
    return character in "\u200d\ufe0f\u20e3" or skin_tone or accent


def utf16(text: str) -> int:
    """The length in UTF-16 code units, the unit of Telegram's limits and offsets."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _slice(part: Part, start: int, end: int) -> Part:
    """The part between two character offsets, blank ends taken off and entities clipped."""
    raw = part.text[start:end]
    first = start + len(raw) - len(raw.lstrip())
    last = start + len(raw.rstrip())
    low, high = utf16(part.text[:first]), utf16(part.text[:last])
    spans = [
        replace(span, offset=max(span.offset, low) - low, length=min(span.end, high) - max(span.offset, low))
        for span in part.spans
        if span.offset < high and span.end > low
    ]
    return Part(part.text[first:last], tuple(spans[:MAX_ENTITIES]))
