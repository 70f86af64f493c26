"""Entries out of an export of Apple Health: export.xml, or the zip file that the phone gives.

Steps and water count a day; of several devices the one that counted most, because a phone and a watch count the same
steps. A night is the time that any device says was slept, on the morning on which it ends. Heart rates are the resting
ones, as a watch's every other minute says little of a day; oxygen is a day's median.
"""

from __future__ import annotations

import statistics
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any

from lxml import etree

from bot.logbook.importing.records import Imported
from bot.logbook.kinds import KINDS, Entry, in_own_unit
from bot.logbook.patterns import unit_named
from memory.errors import FamiliarError

_SINGLE = {
    "BodyMass": "weight",
    "Height": "height",
    "WaistCircumference": "waist",
    "BloodGlucose": "glucose",
    "BodyTemperature": "temperature",
    "RestingHeartRate": "heart_rate",
}
_SUMMED = {"StepCount": "steps", "DietaryWater": "water"}
_WORKOUTS = {"Running": "run", "Walking": "walk", "Hiking": "walk", "Cycling": "ride", "Swimming": "swim"}
_UNITS = {"degC": "", "degF": "°F", "count/min": "", "count": "", "mL": "ml"}
_KILOMETRES = {"km": 1, "m": 0.001, "mi": 1.609344, "yd": 0.0009144, "ft": 0.0003048}
_NOON = time(12)
_EVENING_HOUR = 18
"""Sleep that begins later belongs to the next morning."""
_NAME = "export.xml"

Span = tuple[datetime, datetime]


def is_apple(path: Path) -> bool:
    """Whether a file looks like an export of Apple Health."""
    if path.is_dir():
        return False
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return _member(archive) is not None
    with path.open("rb") as file:
        return b"<HealthData" in file.read(200_000)


def read_apple(path: Path, *, left: Counter[str]) -> Iterator[Imported]:
    """The entries of an export, read element by element.

    :param left: counts the records of other kinds
    :raises FamiliarError: it is no such export, or breaks off
    """
    export = _Export(left)
    with _opened(path) as file:
        try:
            # recover: exports of some versions have a broken document type
            for _, element in etree.iterparse(
                file, tag=("Record", "Workout"), recover=True, huge_tree=True, resolve_entities=False, no_network=True
            ):
                export.take(element)
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
        except etree.XMLSyntaxError as exc:
            raise FamiliarError(f"{path} is no export of Apple Health that can be read: {exc}") from exc
    yield from export.entries()


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive, archive.open(_member(archive) or _NAME) as file:
        yield file


def _member(archive: zipfile.ZipFile) -> str | None:
    return next((name for name in archive.namelist() if name.rpartition("/")[2] == _NAME), None)


class _Export:
    """What was read so far; days are kept, not records."""

    def __init__(self, left: Counter[str]) -> None:
        self._left = left
        self._single: list[Imported] = []
        self._pressure: dict[str, dict[str, float]] = defaultdict(dict)
        self._summed: dict[tuple[str, date], dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self._oxygen: dict[date, list[float]] = defaultdict(list)
        self._slept: list[Span] = []
        self._mindful: dict[date, float] = defaultdict(float)
        self._zones: dict[date, datetime] = {}

    def take(self, element: Any) -> None:
        """One record."""
        above = element.getparent()
        if above is not None and above.tag == "Correlation":
            return  # it stands in the export by itself too
        values: Mapping[str, str] = dict(element.attrib)
        name = values.get("type", "").removeprefix("HKQuantityTypeIdentifier").removeprefix("HKCategoryTypeIdentifier")
        try:
            known = self._workout(values, element) if element.tag == "Workout" else self._record(name, values)
        except (KeyError, ValueError):  # a record that lacks what others have
            known = False
        if not known:
            self._left[name or values.get("workoutActivityType", "?")] += 1

    def _record(self, name: str, values: Mapping[str, str]) -> bool:
        start = _moment(values["startDate"])
        if name in _SINGLE:
            self._single.append(Imported(_entry(_SINGLE[name], values), start, "apple"))
        elif name in ("BloodPressureSystolic", "BloodPressureDiastolic"):
            self._pressure[values["startDate"]][name] = float(values["value"])
        elif name in _SUMMED:
            entry = _entry(_SUMMED[name], values)
            self._summed[entry.kind, self._day(start)][values.get("sourceName", "")] += entry.value
        elif name == "OxygenSaturation":
            share = float(values["value"])
            self._oxygen[self._day(start)].append(share * 100 if share <= 1 else share)
        elif name == "SleepAnalysis":
            if "Asleep" in values["value"]:
                self._slept.append((start, _moment(values["endDate"])))
        elif name == "MindfulSession":
            self._mindful[self._day(start)] += (_moment(values["endDate"]) - start).total_seconds() / 60
        else:
            return False
        return True

    def _workout(self, values: Mapping[str, str], element: Any) -> bool:
        activity = values["workoutActivityType"].removeprefix("HKWorkoutActivityType")
        start, minutes = _moment(values["startDate"]), float(values["duration"])
        minutes *= {"sec": 1 / 60, "hr": 60}.get(values.get("durationUnit", "min"), 1)
        kind, distance = _WORKOUTS.get(activity), _distance(values, element)
        if kind is not None and distance:
            self._single.append(Imported(Entry(kind, distance, minutes, "km"), start, "apple"))
        else:
            self._single.append(Imported(Entry("workout", minutes, None, "min", activity.lower()[:40]), start, "apple"))
        return True

    def _day(self, moment: datetime) -> date:
        day = moment.date()
        self._zones.setdefault(day, datetime.combine(day, _NOON, moment.tzinfo))
        return day

    def entries(self) -> Iterator[Imported]:
        """All that was read."""
        yield from self._single
        for started, pair in self._pressure.items():
            if len(pair) == 2:
                high, low = pair["BloodPressureSystolic"], pair["BloodPressureDiastolic"]
                yield Imported(Entry("blood_pressure", high, low, "mmHg"), _moment(started), "apple")
        for (kind, day), by_source in self._summed.items():
            yield self._of_day(Entry(kind, max(by_source.values()), None, KINDS[kind].unit), day)
        for day, values in self._oxygen.items():
            yield self._of_day(Entry("oxygen", statistics.median(values), None, "%"), day)
        for day, minutes in self._mindful.items():
            yield self._of_day(Entry("meditation", minutes, None, "min"), day)
        for ended, hours in nights(self._slept).items():
            yield Imported(Entry("sleep", hours, None, "h"), ended, "apple")

    def _of_day(self, entry: Entry, day: date) -> Imported:
        return Imported(entry, self._zones[day], "apple", whole_day=True)


def nights(slept: list[Span]) -> dict[datetime, float]:
    """Hours of sleep of each night, by the last moment of it; what several devices saw of one time counts once."""
    merged: list[Span] = []
    for start, end in sorted(slept):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        elif end > start:
            merged.append((start, end))
    by_night: dict[tuple[date, bool], list[Span]] = defaultdict(list)
    for span in merged:
        nap = _NOON.hour <= span[0].hour < _EVENING_HOUR  # by itself, so that the night stays the same entry
        by_night[_night_of(span), nap].append(span)
    return {
        max(end for _, end in spans): sum((end - start).total_seconds() for start, end in spans) / 3600
        for spans in by_night.values()
    }


def _night_of(span: Span) -> date:
    """The day on whose morning a stretch of sleep counts."""
    start = span[0]
    return start.date() + timedelta(days=1) if start.hour >= _EVENING_HOUR else start.date()


def _moment(text: str) -> datetime:
    """As Apple writes it: "2026-03-06 07:00:00 +0100"."""
    return datetime.fromisoformat(f"{text[:19]}{text[20:]}")


def _entry(kind: str, values: Mapping[str, str]) -> Entry:
    """A record in the kind's own unit.

    :raises ValueError: it is in a unit in which the kind is not measured
    """
    written = values.get("unit", "")
    unit = _UNITS.get(written) if written in _UNITS else _named(kind, written)
    if unit is None:
        raise ValueError(written)
    note = "resting" if kind == "heart_rate" else ""
    value = in_own_unit(KINDS[kind], float(values["value"]), unit)
    return Entry(kind, value, None, unit or KINDS[kind].unit, note)


def _named(kind: str, written: str) -> str | None:
    return "" if written.startswith("mmol<") else unit_named(written, kind)


def _distance(values: Mapping[str, str], element: Any) -> float | None:
    """Kilometres of a workout, which older exports keep in it and newer ones beneath it."""
    pairs = [(values.get("totalDistance"), values.get("totalDistanceUnit", "km"))]
    pairs += [
        (child.get("sum"), child.get("unit", "km"))
        for child in element.iterfind("WorkoutStatistics")
        if "Distance" in child.get("type", "")
    ]
    for value, unit in pairs:
        if value and float(value) and unit in _KILOMETRES:
            return float(value) * _KILOMETRES[unit]
    return None
