"""Business hours and holidays of the people behind the desk: what a customer is told while none of them is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Presence = Literal["open", "closed", "holiday"]


@dataclass(frozen=True)
class Hours:
    """When agents are there; without days, always."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    days: frozenset[int] = frozenset()
    """0 is Monday."""
    opens: time = time(9)
    closes: time = time(17)
    """Later than ``opens`` on the same day."""
    holidays: Mapping[date, str] = field(default_factory=dict)
    """Days on which nobody is there, each with what it is called."""

    def presence(self, now: datetime) -> Presence:
        """Whether somebody is there at a moment (with a zone)."""
        here = now.astimezone(self.zone)
        if here.date() in self.holidays:
            return "holiday"
        if not self.days:
            return "open"
        return "open" if here.weekday() in self.days and self.opens <= here.time() < self.closes else "closed"

    def holiday(self, now: datetime) -> str:
        """What today's holiday is called; empty on other days."""
        return self.holidays.get(now.astimezone(self.zone).date(), "")

    def next_opening(self, now: datetime) -> datetime | None:
        """When somebody is there again, in the desk's zone; None where somebody is, or not within a year."""
        if self.presence(now) == "open":
            return None
        here = now.astimezone(self.zone)
        for ahead in range(366):
            day = here.date() + timedelta(days=ahead)
            begins = datetime.combine(day, self.opens if self.days else time(), tzinfo=self.zone)
            at_work = not self.days or day.weekday() in self.days
            if at_work and day not in self.holidays and begins > here:
                return begins
        return None
