"""What "yesterday" and "last week" mean in something that was said on a known day, so that nobody has to count back.

A small model copies "yesterday" and a reader of a quote months later can't use it. The words themselves stay as they
are: what they mean is told beside them. Pure.
"""

from __future__ import annotations

import re
from datetime import date

from memory.facts.dates import find_dates
from memory.records import Chunk

_YEAR = re.compile(r"\d{4}")


def days_meant(text: str, said: str | None) -> tuple[tuple[str, str], ...]:
    """Words of a text that mean a day counted from when it was said, each with that day (ISO 8601) or span of days.

    Dates that are named as such, and the day on which it was said, are left out.

    >>> days_meant("I saw her yesterday.", "2025-05-08T13:56:00")
    (('yesterday', '2025-05-07'),)
    """
    if said is None:
        return ()
    try:
        day = date.fromisoformat(said[:10])
    except ValueError:  # a year or a month alone says nothing of which day yesterday was
        return ()
    found = {text[item.start : item.end]: item.value for item in find_dates(text, said=day)}
    return tuple(
        (words, value)
        for words, value in found.items()
        if not _YEAR.search(words) and _YEAR.match(value) and value != day.isoformat()
    )


def remark_on_days(text: str, chunk: Chunk) -> str:
    """The same for words of a passage that somebody said, as "yesterday = 2025-05-07"; empty where there are none."""
    spoken = chunk.speaker is not None or chunk.turn_id is not None
    meant = days_meant(text, chunk.at) if spoken else ()
    return "; ".join(f"{words} = {value.replace('/', ' to ')}" for words, value in meant)
