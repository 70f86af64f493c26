"""Problems with a file in words for the user: the first few one by one, of the others the number."""

from __future__ import annotations

from collections.abc import Sequence


def first_few(problems: Sequence[str], *, most: int = 5, what: str = "problems") -> tuple[str, ...]:
    """The first ``most`` problems, and how many more there are.

    :param what: what they are called in "and 3 more lines like these"
    """
    more = len(problems) - most
    return (*problems[:most], *([f"and {more} more {what} like these"] if more > 0 else []))
