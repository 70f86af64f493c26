"""Logs of other programs: tables, exports of Apple Health, Takeouts of Google Fit."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.logbook.importing import import_file
from bot.logbook.importing.apple import nights
from bot.logbook.importing.records import Imported
from bot.logbook.importing.tables import read_table
from memory.errors import FamiliarError
from memory.logs import LogEntry, entries_of
from memory.records import Profile, User
from memory.store import Store

ZONE = ZoneInfo("Europe/Berlin")
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout)*)>
<!ATTLIST Record type CDATA #REQUIRED unit CDATA #IMPLIED>
]>
<HealthData locale="en_US">
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A home with a user in Berlin."""
    opened = Store(tmp_path / "familiar.db")
    opened.add_user("ann", role="owner", profile=Profile(zone="Europe/Berlin"))
    yield opened
    opened.close()


def user(store: Store) -> User:
    """Its only user."""
    (found,) = store.users()
    return found


def table(text: str) -> list[tuple[str, float, float | None, str]]:
    """Kind, value, second value and local time of a table's entries."""
    return [shown(item) for item in read_table(io.StringIO(text), name="t.csv", zone=ZONE, left=Counter())]


def shown(item: Imported) -> tuple[str, float, float | None, str]:
    """An entry to compare."""
    entry = item.entry
    return entry.kind, round(entry.value, 2), entry.second, item.at.astimezone(ZONE).isoformat()[:16]


def test_a_column_for_each_kind() -> None:
    """Units from the headings, times of the person's zone, pressures of two columns; empty cells are none."""
    head = "Date;Weight (lb);Systolic;Diastolic;Sleep;Goal weight"
    text = f"{head}\n2026-03-01 07:30;158;128;82;7:30;70\n2.3.2026;;;;6,5;70\n"
    assert table(text) == [
        ("weight", 71.67, None, "2026-03-01T07:30"),
        ("blood_pressure", 128, 82, "2026-03-01T07:30"),
        ("sleep", 7.5, None, "2026-03-01T07:30"),
        ("sleep", 6.5, None, "2026-03-02T12:00"),
    ]


def test_columns_of_kind_value_and_unit() -> None:
    """One entry a row; a kind that is not known is counted."""
    text = (
        "time,type,value,unit\n2026-03-01T07:00:00Z,weight,71.2,kg\n2026-03-01T08:00:00Z,blood pressure,128/82,mmHg\n"
        '2026-03-01T09:00:00Z,steps,"12,345",\n2026-03-01T09:00:00Z,luck,7,\n2026-03-01T09:00:00Z,weight,7,mmol/L\n'
    )
    left: Counter[str] = Counter()
    found = [shown(item) for item in read_table(io.StringIO(text), name="t.csv", zone=ZONE, left=left)]
    assert found == [
        ("weight", 71.2, None, "2026-03-01T08:00"),
        ("blood_pressure", 128, 82, "2026-03-01T09:00"),
        ("steps", 12345, None, "2026-03-01T10:00"),
    ]
    assert left == {"luck": 1, "weight": 1}


@pytest.mark.parametrize(
    ("head", "cells", "found"),
    [
        ("Systolic (kPa),Diastolic (kPa)", "17,11", ("blood_pressure", 127.51, 82.51)),
        ("BP (kPa)", "17/11", ("blood_pressure", 127.51, 82.51)),
        ("Glucose", "75", ("glucose", 4.16, None)),
        ("Temperature", "98.6", ("temperature", 37, None)),
        ("Blood Oxygen", "0.97", ("oxygen", 97, None)),
        ("Sleep (min)", "420", ("sleep", 7, None)),
    ],
)
def test_values_are_on_their_scale(head: str, cells: str, found: tuple[str, float, float | None]) -> None:
    """Both values of a pressure; and what can only be meant in one unit."""
    ((kind, value, second, _),) = table(f"Date,{head}\n2026-03-01,{cells}\n")
    assert (kind, value, None if second is None else round(second, 2)) == found


def test_dates_with_the_day_first() -> None:
    """Where the first number can't be a month; and date and time in columns of their own."""
    text = "日期,时间,体重\n13/02/2026,07:15,71\n02/13/2026,21:00,72\n"
    assert [at for *_, at in table(text)] == ["2026-02-13T07:15", "2026-02-13T21:00"]


def test_a_table_without_what_is_needed_is_named() -> None:
    """A time, and a kind."""
    with pytest.raises(FamiliarError, match=r"t\.csv has no column with a date"):
        table("weight\n71\n")
    with pytest.raises(FamiliarError, match=r"no column of a kind .* there are date, luck"):
        table("date,luck\n2026-03-01,7\n")


def record(kind: str, start: str, value: str, *, unit: str = "", source: str = "Watch", end: str | None = None) -> str:
    """A record as Apple writes it, of a moment of March 2026."""
    a, b = (f"2026-03-{each} +0100" for each in (start, end or start))
    return (
        f' <Record type="HK{kind}" sourceName="{source}" unit="{unit}" creationDate="{a}" startDate="{a}" endDate="{b}"'
        f' value="{value}">\n  <MetadataEntry key="k" value="v"/>\n </Record>\n'
    )


def quantity(name: str, start: str, value: str, unit: str, **others: str) -> str:
    """A record of a quantity."""
    return record(f"QuantityTypeIdentifier{name}", start, value, unit=unit, **others)


def apple() -> str:
    """An export with one of everything that is read, and some that is not."""
    asleep = "CategoryTypeIdentifierSleepAnalysis"
    core, bed = "HKCategoryValueSleepAnalysisAsleepCore", "HKCategoryValueSleepAnalysisInBed"
    workout = (
        ' <Workout workoutActivityType="HKWorkoutActivityTypeRunning" duration="27.5" durationUnit="min"'
        ' startDate="2026-03-02 18:00:00 +0100" endDate="2026-03-02 18:27:30 +0100">\n'
        '  <WorkoutStatistics type="HKQuantityTypeIdentifierDistanceWalkingRunning" sum="5.01" unit="km"/>\n'
        " </Workout>\n"
        ' <Workout workoutActivityType="HKWorkoutActivityTypeYoga" duration="30" durationUnit="min"'
        ' startDate="2026-03-03 18:00:00 +0100" endDate="2026-03-03 18:30:00 +0100"/>\n'
    )
    return (
        HEAD
        + quantity("BodyMass", "01 07:00:00", "157", "lb")
        + quantity("BloodPressureSystolic", "01 07:10:00", "128", "mmHg")
        + quantity("BloodPressureDiastolic", "01 07:10:00", "82", "mmHg")
        + quantity("BloodPressureSystolic", "01 07:20:00", "130", "mmHg")
        + quantity("StepCount", "01 09:00:00", "3000", "count")
        + quantity("StepCount", "01 10:00:00", "2000", "count")
        + quantity("StepCount", "01 09:00:00", "4500", "count", source="Phone")
        + quantity("OxygenSaturation", "01 03:00:00", "0.97", "%")
        + quantity("RestingHeartRate", "01 12:00:00", "58", "count/min")
        + quantity("HeartRate", "01 12:00:00", "95", "count/min")
        + quantity("BodyTemperature", "01 12:00:00", "98.6", "degF")
        + quantity("BloodGlucose", "01 12:00:00", "5.5", "mmol&lt;180.1558800000541&gt;/L")
        + quantity("BloodGlucose", "01 13:00:00", "5.5", "furlong")
        + record(asleep, "01 23:00:00", core, end="02 03:00:00")
        + record(asleep, "02 02:00:00", core, end="02 06:30:00", source="Phone")
        + record(asleep, "01 22:00:00", bed, end="02 07:00:00")
        + workout
        + "</HealthData>\n"
    )


EXPECTED = {
    ("weight", 71.21, None, "2026-03-01T07:00"),
    ("blood_pressure", 128, 82, "2026-03-01T07:10"),
    ("steps", 5000, None, "2026-03-01T12:00"),
    ("oxygen", 97, None, "2026-03-01T12:00"),
    ("heart_rate", 58, None, "2026-03-01T12:00"),
    ("temperature", 37, None, "2026-03-01T12:00"),
    ("glucose", 5.5, None, "2026-03-01T12:00"),
    ("sleep", 7.5, None, "2026-03-02T06:30"),
    ("run", 5.01, 27.5, "2026-03-02T18:00"),
    ("workout", 30, None, "2026-03-03T18:00"),
}


def stored(store: Store) -> set[tuple[str, float, float | None, str]]:
    """What is in the log."""

    def of(item: LogEntry) -> tuple[str, float, float | None, str]:
        return item.kind, round(item.value, 2), item.second, item.at.astimezone(ZONE).isoformat()[:16]

    return set(map(of, entries_of(store, user_id=1)))


@pytest.mark.parametrize("packed", [False, True])
def test_an_export_of_apple_health(store: Store, tmp_path: Path, packed: bool) -> None:
    """Steps of the device that counted most, sleep that two devices saw once, pressures in pairs; once."""
    path = tmp_path / ("export.zip" if packed else "export.xml")
    if packed:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("apple_health_export/export.xml", apple())
            archive.writestr("apple_health_export/export_cda.xml", "<x/>")
    else:
        path.write_text(apple(), encoding="utf-8")
    done = import_file(store, path, user=user(store))
    assert stored(store) == EXPECTED
    assert (done.new, done.known, done.left) == (len(EXPECTED), 0, 2)
    assert import_file(store, path, user=user(store)).known == len(EXPECTED)


def test_an_export_that_breaks_off_gives_what_is_there(store: Store, tmp_path: Path) -> None:
    """As one that was cut short in copying."""
    path = tmp_path / "export.xml"
    path.write_text(apple()[:900], encoding="utf-8")
    assert import_file(store, path, user=user(store)).kinds == {"weight": 1}


def test_entities_are_not_read_from_elsewhere(store: Store, tmp_path: Path) -> None:
    """A file that asks for another one on this machine gets nothing of it."""
    (tmp_path / "secret").write_text("77", encoding="utf-8")
    head = HEAD.replace("<!ELEMENT", f'<!ENTITY s SYSTEM "file://{tmp_path / "secret"}">\n<!ELEMENT', 1)
    text = head + quantity("BodyMass", "01 07:00:00", "71", "kg").replace('k"', 'k"') + "<x>&s;</x></HealthData>"
    path = tmp_path / "export.xml"
    path.write_text(text, encoding="utf-8")
    import_file(store, path, user=user(store))
    assert stored(store) == {("weight", 71, None, "2026-03-01T07:00")}


def test_what_devices_saw_of_one_time_counts_once() -> None:
    """A nap in the afternoon is of its own day, sleep before midnight of the next morning."""
    start = datetime(2026, 3, 1, 23, tzinfo=ZONE)
    nap = start.replace(hour=14)
    slept = [(start, start + timedelta(hours=4)), (start, start + timedelta(hours=7)), (nap, nap + timedelta(hours=1))]
    assert nights(slept) == {start + timedelta(hours=7): 7, nap + timedelta(hours=1): 1}
    later = start + timedelta(hours=15)
    assert nights([*slept, (later, later + timedelta(hours=1))])[start + timedelta(hours=7)] == 7


def test_a_later_export_adds_nothing_twice(store: Store, tmp_path: Path) -> None:
    """Made in another zone, or with a reading that stands beneath a group too; a pool is measured in yards."""
    path, steps = tmp_path / "export.xml", quantity("StepCount", "01 09:00:00", "3000", "count")
    water = quantity("DietaryWater", "01 09:00:00", "500", "mL")
    swim = (
        ' <Workout workoutActivityType="HKWorkoutActivityTypeSwimming" duration="30" totalDistance="1000"'
        ' totalDistanceUnit="yd" startDate="2026-03-02 18:00:00 +0100"/>\n'
    )
    text = f'{HEAD}{steps}{water}<Correlation type="x">{water}</Correlation>{swim}</HealthData>'
    path.write_text(text, encoding="utf-8")
    import_file(store, path, user=user(store))
    path.write_text(text.replace("2026-03-01 09:00:00 +0100", "2026-03-01 08:00:00 +0000"), encoding="utf-8")
    assert import_file(store, path, user=user(store)).new == 0
    assert {(kind, value) for kind, value, *_ in stored(store)} == {("steps", 3000), ("water", 0.5), ("swim", 0.91)}


def test_a_takeout_of_google_fit(store: Store, tmp_path: Path) -> None:
    """Its table of days and its single measurements, packed or not."""
    head = "Date,Step count,Distance (m),Average weight (kg),Max weight (kg),Walking duration (ms)"
    days = f"{head}\n2026-03-01,8123,6000,71.5,72,3600000\n"
    weight = {
        "dataTypeName": "com.google.weight",
        "startTimeNanos": 1772344800000000000,
        "fitValue": [{"value": {"fpVal": 71.2}}],
    }
    height = {
        "dataTypeName": "com.google.height",
        "startTimeNanos": 1772344800000000000,
        "fitValue": [{"value": {"fpVal": 1.8}}],
    }
    folder = tmp_path / "Takeout" / "Fit"
    (folder / "Daily activity metrics").mkdir(parents=True)
    (folder / "All Data").mkdir()
    (folder / "Daily activity metrics" / "Daily activity metrics.csv").write_text(days, encoding="utf-8")
    for name, point in (("com.google.weight", weight), ("com.google.height", height)):
        text = json.dumps({"Data Source": "x", "Data Points": [point, {"dataTypeName": "com.google.luck"}]})
        (folder / "All Data" / f"derived_{name}_com.google.android.gms_merge.json").write_text(text, encoding="utf-8")
    done = import_file(store, tmp_path / "Takeout", user=user(store))
    assert stored(store) == {
        ("steps", 8123, None, "2026-03-01T12:00"),
        ("weight", 71.5, None, "2026-03-01T12:00"),
        ("weight", 71.2, None, "2026-03-01T07:00"),
        ("height", 180, None, "2026-03-01T07:00"),
    }
    assert done.left == 2
    packed = tmp_path / "takeout.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in (item for item in folder.rglob("*") if item.is_file()):
            archive.write(path, path.relative_to(tmp_path).as_posix())
    assert import_file(store, packed, user=user(store)).known == 4


def test_what_nobody_can_have_is_left_out(store: Store, tmp_path: Path) -> None:
    """And counted; a file that is none of these is named."""
    path = tmp_path / "t.csv"
    path.write_text("date,weight\n2026-03-01,71\n2026-03-02,7100\n", encoding="utf-8")
    done = import_file(store, path, user=user(store))
    assert (done.new, done.impossible) == (1, 1)
    assert "no person can have" in done.text("en")
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe\x00")
    with pytest.raises(FamiliarError, match=r"p\.png can't be read"):
        import_file(store, tmp_path / "p.png", user=user(store))
