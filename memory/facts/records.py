"""The records of the facts package: what a rule read out of a sentence, and what is stored of it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

USER = "user"
"""The subject of what a user says about themselves, whatever their name is."""


@dataclass(frozen=True)
class Claim:
    """One statement read out of a text, not stored yet."""

    subject: str
    """``USER``, a name as it was written, or somebody by their relation: ``user's sister``."""
    attribute: str
    value: str
    valid_from: str | None = None
    """When it begins or takes place: a year, month or day, or two days with a slash (ISO 8601)."""
    ended: bool = False
    """It is said to be over ("I quit my job at ..."): ``valid_from`` is when it ended."""


@dataclass(frozen=True)
class Source:
    """A passage that states a fact, and when it was said or written."""

    chunk_id: int
    said_at: str | None


@dataclass(frozen=True)
class Fact:
    """A stored fact; the same statement made several times is one fact with several sources."""

    id: int
    user_id: int
    subject: str
    attribute: str
    value: str
    said_at: str
    """When it was first said; the time of its import where that is not known."""
    valid_from: str
    """When it began: as the statement dates it, else the day on which it was said."""
    valid_to: str | None
    """When a newer statement took its place or it was said to be over; None while it holds."""
    pinned: bool
    corrected: bool
    """The user wrote this value; no statement takes its place."""
    sources: tuple[Source, ...]
    by_model: bool = False
    """No rule read it, a language model did: it gives way to what a rule read of the same day."""

    @property
    def current(self) -> bool:
        """Whether it holds as far as is known."""
        return self.valid_to is None

    def newest_of(self, chunk_ids: Container[int]) -> int | None:
        """Of these passages the one that stated it last; None where none of them does."""
        among = [source for source in self.sources if source.chunk_id in chunk_ids]
        newest = max(among, key=lambda source: source.said_at or "", default=None)
        return newest.chunk_id if newest else None
