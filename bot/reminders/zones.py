"""Local time made exact: every wall-clock time is one moment, also where the clock is put forward or back.

A time that a spring change leaves out is moved forward by the gap; one that an autumn change shows twice is the first.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from memory.errors import UsageError
from memory.records import Profile

_LOCALTIME = Path("/etc/localtime")


def zone_of(profile: Profile) -> ZoneInfo:
    """The user's time zone; the machine's where they named none.

    :raises UsageError: the profile names a zone that is not known
    """
    return named_zone(profile.zone) if profile.zone else machine_zone()


def named_zone(name: str) -> ZoneInfo:
    """The zone of a name of the IANA database, such as Europe/Berlin.

    :raises UsageError: there is none of that name
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise UsageError(f"zone {name!r} is no time zone; write a name such as Europe/Berlin or Asia/Shanghai") from exc


def machine_zone() -> ZoneInfo:
    """The zone that this machine's clock shows; UTC where it does not say which that is."""
    link = str(_LOCALTIME.resolve()) if _LOCALTIME.exists() else ""
    for name in (os.environ.get("TZ", "").removeprefix(":"), link.partition("zoneinfo/")[2]):
        if name:
            try:
                return named_zone(name)
            except UsageError:
                continue  # TZ may be a rule such as CET-1CEST, of which ZoneInfo knows nothing
    return ZoneInfo("UTC")


def at_local(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which a zone's clocks show a time without offset, as an aware time of that zone.

    >>> at_local(datetime(2026, 3, 29, 2, 30), ZoneInfo("Europe/Berlin")).isoformat()
    '2026-03-29T03:30:00+02:00'
    """
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC).astimezone(zone)
