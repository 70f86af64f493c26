"""Why a page is not read, as a word that every interface says in its own language."""

from __future__ import annotations

from collections.abc import Mapping

from memory.errors import FamiliarError


class PageError(FamiliarError):
    """A page can't be read, or must not be.

    :param reason: "scheme", "credentials", "port", "spelling", "private", "unknown_host", "unreachable", "redirects",
        "status", "kind", "size", "time" or "text"
    :param values: figures that go with it
    """

    def __init__(self, reason: str, values: Mapping[str, object] | None = None) -> None:
        super().__init__(f"the page can't be read: {reason}")
        self.reason = reason
        self.values = dict(values or {})
