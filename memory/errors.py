"""One exception for everything a person can act on, so that every edge shows it the same way: as one line.

It lives in the lowest package because every package raises it and the command line and the bot catch it.
"""

from __future__ import annotations

import re
import sqlite3


class FamiliarError(Exception):
    """Something the user can mend; its text names the file or setting, the value found and what would be right."""


class UsageError(FamiliarError):
    """Wrong usage or configuration: the command line ends with status 2 instead of 1."""


def first_line(exc: BaseException) -> str:
    """A library's reason in one line: the first of its text, else the name of its type."""
    return str(exc).strip().partition("\n")[0] or type(exc).__name__


def is_of_database(error: BaseException) -> bool:
    """Whether SQLite could not work (locked, full), so that the same may go well later."""
    cause = error.__cause__
    return isinstance(cause, sqlite3.Error) and not isinstance(cause, sqlite3.IntegrityError)


HALF = "half of a surrogate pair, such as half an emoji or bytes that are not UTF-8"
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def is_half(text: str) -> bool:
    """Whether a text holds half of a surrogate pair: JSON and arguments can bring one, but nothing can store it."""
    return _SURROGATES.search(text) is not None


def half_text() -> FamiliarError:
    """Where a text comes in it is refused by its name; this is for whatever else brings one."""
    return FamiliarError(f"a text holds {HALF}, which can't be stored; write it with whole characters")
