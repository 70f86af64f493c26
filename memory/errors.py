"""One exception for everything a person can act on, so that every edge shows it the same way: as one line.

It lives in the lowest package because every package raises it and the command line and the bot catch it.
"""


class FamiliarError(Exception):
    """Something the user can mend; its text names the file or setting, the value found and what would be right."""


class UsageError(FamiliarError):
    """Wrong usage or configuration: the command line ends with status 2 instead of 1."""


def first_line(exc: BaseException) -> str:
    """A library's reason in one line: the first of its text, else the name of its type."""
    return str(exc).strip().partition("\n")[0] or type(exc).__name__
