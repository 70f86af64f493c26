"""By which other names people go: "I'm Kate", says the account called Emi, and her friend writes "Hey Kate!".

A name counts as somebody's only where the talk itself shows it several times and nothing speaks against it, because a
wrong one would put another person's words first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_LEAST = 3
"""Times that a name must be used of somebody."""
_SHARE = 0.3
"""Least share of all its mentions that must be introductions or addresses: a friend who is talked about has fewer."""


def known_as(name: str, lines: Iterable[tuple[str, str]], speakers: Sequence[str]) -> str | None:
    """Who of two speakers is called ``name``; None where it is nobody, unclear, or the talk is not between two.

    :param lines: speaker and text of the lines that hold the name
    """
    if len(speakers) != 2:
        return None
    other = dict(zip(speakers, reversed(speakers), strict=True))
    word = re.escape(name)
    introduced = re.compile(rf"\b(?:i'm|i am|my name is|this is|call me)\s+{word}\b", re.IGNORECASE)
    greeting = "hey|hi|hello|thanks|thank you|wow|haha|yeah|yes|no|sure|oh|what about you|about you|cool|amazing|true"
    addressed = re.compile(rf"(?:\b(?:{greeting})[ ,]+{word}\b)|\s{word}\s*[!.?]?\s*$", re.IGNORECASE)
    counts = dict.fromkeys(speakers, 0)
    mentions = 0
    for speaker, text in lines:
        plain = text.replace("’", "'")
        mentions += len(re.findall(rf"\b{word}\b", plain, re.IGNORECASE))
        counts[speaker] += len(introduced.findall(plain))
        counts[other[speaker]] += len(addressed.findall(introduced.sub("", plain)))
    best = max(speakers, key=lambda speaker: counts[speaker])
    clear = counts[best] >= _LEAST and counts[best] > 3 * counts[other[best]] and counts[best] >= _SHARE * mentions
    return best if clear else None
