"""One exception for everything a person can act on, so that every edge shows it the same way: as one line.

It lives in the lowest package because every package raises it and the command line and the bot catch it.
"""

from __future__ import annotations

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
