"""Where a text repeats itself for ever: serving cuts it there, and the gate lets no adapter in that does it.

Pure, and once for both, so that what the gate counts as a loop is what a person would have seen cut.
"""

from __future__ import annotations

import re

_LONGEST_PERIOD = 400
_LEAST_REPEATS = 4
_LEAST_REPEATED = 160
_LEAST_NUMBERED_PERIOD = 40
_SENTENCE_END = re.compile(r"[.!?。！？…\n]")


def repeats_from(text: str) -> int | None:
    """Where the text starts to repeat itself for ever, as the offset after the first copy; None when it does not.

    It does when it ends with at least four copies of the same piece that hold 160 characters or more together.
    Copies that differ in digits only count when they are 40 characters or longer: a table of sums is no loop.
    """
    found = _periodic_end(text)
    if found is None:
        found = _periodic_end(re.sub(r"\d", "0", text))
        if found is None or found[1] < _LEAST_NUMBERED_PERIOD:
            return None
    start, period = found
    end = start + period
    if _SENTENCE_END.search(text[:end].rstrip()[-1:]):
        return end
    # The character before the first copy happened to be its last one too, so the copy begins with a full stop.
    rest = _SENTENCE_END.search(text[end : end + period])
    return end + rest.end() if rest else end


def _periodic_end(text: str) -> tuple[int, int] | None:
    """Start and length of the shortest piece whose copies the text ends with."""
    for period in range(1, min(_LONGEST_PERIOD, len(text) // _LEAST_REPEATS) + 1):
        span = period * max(_LEAST_REPEATS, -(-_LEAST_REPEATED // period))
        tail = text[-span:]
        if len(tail) == span and tail[period:] == tail[:-period]:
            start = len(text) - span
            while start > 0 and text[start - 1] == text[start - 1 + period]:
                start -= 1
            return start, period
    return None
