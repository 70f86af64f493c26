"""What a rule of either language is: a pattern for a whole clause, and what builds the facts that it states."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date

from memory.facts.records import Claim

Build = Callable[[re.Match[str], str, date], Iterator[Claim]]
"""From the match, its subject and the day on which it was said."""
Rule = tuple[re.Pattern[str], Build]


def rule(pattern: str, build: Build, flags: int = re.IGNORECASE) -> Rule:
    """A rule with its pattern compiled."""
    return re.compile(pattern, flags), build
