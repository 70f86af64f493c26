"""What a search found, page by page: each hit with its source, its date and the beginning of its text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.answers import cite
from bot.locales import say
from memory.records import Chunk, Found

MOST_HITS = 30
PAGE_HITS = 5
_SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class Page:
    """One page."""

    text: str
    number: int
    """From 0."""
    pages: int


def page_of(found: Found, words: str, *, number: int, language: str) -> Page:
    """A page of hits; the last one where there are not so many."""
    hits = found.hits
    if not hits:
        return Page(say(language, "tg_search_nothing", words=words), 0, 1)
    pages = -(-len(hits) // PAGE_HITS)
    number = max(0, min(number, pages - 1))
    first = number * PAGE_HITS
    shown = hits[first : first + PAGE_HITS]
    values = {"words": words, "first": first + 1, "last": first + len(shown), "all": len(hits)}
    lines = [say(language, "tg_search_found", **values)]
    lines += [hit_text(n, hit.chunk, language=language) for n, hit in enumerate(shown, first + 1)]
    if not found.answerable:
        lines.append(say(language, "tg_search_unsure"))
    return Page("\n\n".join(lines), number, pages)


def hit_text(number: int, chunk: Chunk, *, language: str) -> str:
    """A hit: its source, and its beginning."""
    return f"{number}. {source_of(chunk, language=language)}\n{shortened(chunk.text, most=_SHOWN_CHARACTERS)}"


def source_of(chunk: Chunk, *, language: str) -> str:
    """Where a passage is from and of which day it is."""
    title = cite(0, chunk, language=language).title
    day = (chunk.at or "")[:10]
    return title if not day or day in title else f"{title} ({day})"


def shortened(text: str, *, most: int) -> str:
    """The beginning of a text on one line, with its speaker left out."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most].rstrip()}…"


def page_buttons(page: Page, *, language: str) -> Sequence[Sequence[tuple[str, str]]]:
    """To the pages before and after, as (text, callback data)."""
    around = (("tg_search_before", page.number - 1), ("tg_search_after", page.number + 1))
    line = [(say(language, key, n=number + 1), f"page:{number}") for key, number in around if 0 <= number < page.pages]
    return [line] if line else []
