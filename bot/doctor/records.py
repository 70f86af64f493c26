"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and what to do where it is not in order."""

    check: str
    ok: bool
    value: str
    """What was found."""
    remedy: str | None = None
    """What to do; also where all is well, if something is worth knowing."""


def finding(check: str, value: str, remedy: str | None) -> Finding:
    """A check that is in order where there is no remedy."""
    return Finding(check, remedy is None, value, remedy)
