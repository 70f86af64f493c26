"""Where a long text is cut into messages: at the border that reads best, and never within what belongs together.

A cut within a character as seen (an emoji of several code points, a flag, an accent), a link or inline code would
change what is read, so none is made there as long as the thing fits a message. Pure; offsets count code points, only
the limit counts UTF-16 units.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

import regex

Range = tuple[int, int]
"""First and one after the last code point."""
_PARAGRAPH = regex.compile(r"\n[ \t]*\n\s*")
_LINE = regex.compile(r"\n")
_SENTENCE = regex.compile(r"(?:[.!?…]+[\"'”’)\]]*\s+|[。！？]+[”’」』）]*\s*)")
_TOP_LEVEL = regex.compile(r"\n(?=[^\s}\])])")
"""A line of code that begins with no white space and closes nothing: a cut before it keeps blocks whole."""
_WORD = regex.compile(r"\s+|[，、；：]")


def cuts(text: str, *, limit: int, code: Sequence[Range] = (), whole: Sequence[Range] = ()) -> list[Range]:
    """The ranges of consecutive messages, which together are the text, each of at most ``limit`` UTF-16 units.

    :param code: blocks of code, which may be cut, best at a line's end
    :param whole: what is not cut where it fits a message, such as links
    """
    units = list(accumulate((2 if char > "\uffff" else 1 for char in text), initial=0))
    if units[-1] <= limit:
        return [(0, len(text))] if text else []
    borders = _borders(text, code, whole)
    found = []
    start = 0
    while start < len(text):
        fits = bisect_right(units, units[start] + limit) - 1
        end = fits if fits == len(text) else _best(borders, start, fits)
        found.append((start, end))
        start = end
    return found


def _borders(text: str, code: Sequence[Range], whole: Sequence[Range]) -> list[tuple[list[int], bool]]:
    """Positions for a cut, the best kind first, and whether that kind is sought in all of a message."""
    characters = _ends(regex.compile(r"\X"), text)
    apart = sorted({edge for block in (*code, *whole) for edge in block} & set(characters))
    lines = _ends(_LINE, text)
    kinds = [
        (_outside(_ends(_PARAGRAPH, text), code, whole), False),
        (_outside([*lines, *(edge for block in code for edge in block)], code, whole), False),
        (_outside(_ends(_TOP_LEVEL, text), whole), False),
        (_outside(lines, whole), False),
        (_outside(_ends(_SENTENCE, text), code, whole), False),
        (_outside(_ends(_WORD, text), whole), False),
        (_outside([*characters, *apart], whole), True),
        (characters, True),
    ]
    real = set(characters)
    return [([position for position in positions if position in real], everywhere) for positions, everywhere in kinds]


def _ends(pattern: regex.Pattern[str], text: str) -> list[int]:
    return [int(match.end()) for match in pattern.finditer(text)]


def _outside(positions: Iterable[int], *ranges: Sequence[Range]) -> list[int]:
    """The positions, sorted, that are not within one of the ranges; their edges are outside."""
    kept = sorted(set(positions))
    for first, last in (edges for group in ranges for edges in group):
        del kept[bisect_right(kept, first) : bisect_left(kept, last)]
    return kept


def _best(borders: Sequence[tuple[list[int], bool]], start: int, fits: int) -> int:
    for positions, everywhere in borders:
        # Else not earlier than in the second half: a message of a few words before a long one reads badly.
        low = start if everywhere else start + (fits - start) // 2
        at = bisect_right(positions, fits) - 1
        if at >= 0 and positions[at] > low:
            return positions[at]
    return fits
