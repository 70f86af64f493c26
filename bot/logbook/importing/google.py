"""Entries out of a Takeout of Google Fit: its table of days, and its files of single measurements.

The table of days ("Daily activity metrics.csv") is one of a column for each kind; of measurements, weight, height,
blood pressure, glucose and oxygen are read from "All Data". Takes the zip file as it was fetched, or its folder.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.logbook.importing.records import Imported
from bot.logbook.importing.tables import read_table
from bot.logbook.kinds import Entry
from memory.errors import FamiliarError

_DAYS = ("daily activity metrics.csv", "daily summaries.csv")
_MEASURED = {
    "com.google.weight": ("weight", 1.0),
    "com.google.height": ("height", 100.0),
    "com.google.oxygen_saturation": ("oxygen", 1.0),
    "com.google.blood_glucose": ("glucose", 1.0),
    "com.google.blood_pressure": ("blood_pressure", 1.0),
}
"""Kinds by Google's names, and what a value is multiplied by."""
_LARGEST = 256 << 20
"""Bytes of a packed file, which is read whole."""
_UNITS = {"weight": "kg", "height": "cm", "oxygen": "%", "glucose": "mmol/L", "blood_pressure": "mmHg"}


def is_google(path: Path) -> bool:
    """Whether a folder or zip file looks like a Takeout of Google Fit."""
    return any(_is_days(name) or _is_measured(name) for name in _names(path))


def read_google(path: Path, *, zone: ZoneInfo, left: Counter[str]) -> Iterator[Imported]:
    """The entries of a Takeout; days in its table are the zone's.

    :param left: counts what is of other kinds
    :raises FamiliarError: its table of days has no column of a known kind
    """
    for name in _names(path):
        if _is_days(name):
            file = io.StringIO(_text(path, name), newline="")
            yield from read_table(file, name=name, zone=zone, left=left, source="google")
        elif _is_measured(name):
            yield from _measured(json.loads(_text(path, name)), left)


def _names(path: Path) -> list[str]:
    if path.is_dir():
        return sorted(item.relative_to(path).as_posix() for item in path.rglob("*") if item.is_file())
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        return sorted(archive.namelist())


def _text(path: Path, name: str) -> str:
    if path.is_dir():
        return (path / name).read_text(encoding="utf-8-sig")
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(name).file_size > _LARGEST:
            raise FamiliarError(f"{name} in {path} is larger than {_LARGEST >> 20} MB; unpack it and name its folder")
        return archive.read(name).decode("utf-8-sig")


def _is_days(name: str) -> bool:
    return name.rpartition("/")[2].lower() in _DAYS


def _is_measured(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.endswith(".json") and any(kind in last for kind in _MEASURED)


def _measured(data: Mapping[str, Any], left: Counter[str]) -> Iterator[Imported]:
    for point in data.get("Data Points", ()):
        name = point.get("dataTypeName", "")
        known = next((value for key, value in _MEASURED.items() if name.startswith(key)), None)
        values = [float(number) for item in point.get("fitValue", ()) for number in _number(item)]
        if known is None or not values:
            left[name] += 1
            continue
        kind, factor = known
        at = datetime.fromtimestamp(int(point["startTimeNanos"]) / 1e9, UTC)
        second = values[1] if kind == "blood_pressure" and len(values) > 1 else None
        yield Imported(Entry(kind, values[0] * factor, second, _UNITS[kind]), at, "google")


def _number(item: Mapping[str, Any]) -> Iterator[float]:
    value = item.get("value", {})
    number = value.get("fpVal", value.get("intVal"))
    if number is not None:
        yield number
