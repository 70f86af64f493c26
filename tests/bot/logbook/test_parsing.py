"""What a message logs: labelled phrasings, and what is worth a test of its own."""

from __future__ import annotations

import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.eval_logs import NOW, PHRASINGS, ZONE, LogFigures, evaluate_logs, is_right
from bot.logbook.parsing import LONGEST, Reading, read_entries
from memory.evaluation import read_rows

ROWS = list(read_rows(PHRASINGS, ("id", "split", "language", "text", "entries")))
SHARE = 0.9
"""Least share of phrasings that were held back while the rules were made."""


def read(text: str, *, units: dict[str, str] | None = None, asked: bool = False, now: datetime = NOW) -> Reading:
    """The entries of a message written on a Friday at noon in Berlin."""
    return read_entries(text, now=now, zone=ZONE, units=units, asked=asked)


def values(text: str, **options: object) -> list[tuple[str, float]]:
    """Its kinds and values."""
    return [(item.entry.kind, round(item.entry.value, 2)) for item in read(text, **options).said]  # type: ignore[arg-type]


@pytest.mark.parametrize("row", [row for row in ROWS if row["split"] == "dev"], ids=lambda row: row["text"])
def test_phrasings_in_view_are_read(row: dict[str, object]) -> None:
    """Each as its label says, with nothing besides."""
    assert is_right(row)


def test_phrasings_held_back_are_read() -> None:
    """Nine of ten at least, and no ordinary talk is taken for an entry."""
    figures = {(row.split, row.kind): row for row in evaluate_logs()}
    assert figures["held", "all"].share >= SHARE
    assert figures["held", "talk"] == LogFigures("held", "talk", 38, 38)
    assert figures["dev", "all"].phrasings + figures["held", "all"].phrasings >= 120


def test_both_languages_and_every_kind_are_measured() -> None:
    """Half of the phrasings are Chinese or nearly so, and none of the kinds is left out."""
    from bot.logbook.kinds import KINDS

    entries = [row for row in ROWS if row["entries"]]
    assert 0.4 <= sum(row["language"] == "zh" for row in entries) / len(entries) <= 0.6
    assert {entry["kind"] for row in entries for entry in row["entries"]} == set(KINDS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("跑了5千米", [("run", 5)]),
        ("体重七十一千克", [("weight", 71)]),
        ("血压 16/10 千帕", [("blood_pressure", 120.01)]),
        ("走了8千5百步", [("steps", 8500)]),
        ("走了1万2千步", [("steps", 12000)]),
        ("喝了5百毫升水", [("water", 0.5)]),
        ("喝了啤酒2瓶", [("alcohol", 2)]),
        ("红酒一杯", [("alcohol", 1)]),
        ("oxygen 0.85", [("oxygen", 85)]),
        ("spo2 38", [("oxygen", 38)]),
    ],
)
def test_numbers_beside_their_units(text: str, found: list[tuple[str, float]]) -> None:
    """A thousand grams are not 1000 times as many; a share of one is said in per cent."""
    assert values(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "slept at 11",
        "20 pounds at the shop",
        "I had 150 pounds on me",
        "22 lb",
        "in 2 st",
        "step 3",
        "in 3 steps",
        "done with step 4",
        "3步",
        "temperature 25",
        "the temperature is 35 today",
        "outside temperature 36",
        "got 3 bottles of wine",
        "两瓶白酒",
    ],
)
def test_numbers_of_other_things_are_talk(text: str) -> None:
    """Money, recipes, the weather, and bottles, which are no drinks."""
    assert values(text) == []


def test_a_glucose_is_on_the_scale_that_can_show_it() -> None:
    """Whatever was used before, so that a low value is not taken for a high or an impossible one."""
    assert values("glucose 45", units={"glucose": "mmol/L"}) == [("glucose", 2.5)]
    assert values("glucose 2.5", units={"glucose": "mg/dL"}) == [("glucose", 2.5)]
    assert values("glucose 30", units={"glucose": "mg/dL"}) == [("glucose", 1.67)]


@pytest.mark.parametrize(
    ("text", "hour", "at"),
    [
        ("slept 6h last night", 0, "2026-03-05T07:00"),
        ("slept 6h last night", 6, "2026-03-06T06:30"),
        ("this evening ran 5 km", 0, "2026-03-05T19:00"),
        ("晚上血压128/82", 10, "2026-03-05T19:00"),
        ("last night at 1am BP 128/82", 10, "2026-03-06T01:00"),
        ("昨晚12点血压128/82", 10, "2026-03-06T00:00"),
        ("last night at 11 pm BP 128/82", 10, "2026-03-05T23:00"),
    ],
)
def test_nights_end_after_midnight(text: str, hour: int, at: str) -> None:
    """Written on the 6th, at half past this hour."""
    (said,) = read(text, now=datetime(2026, 3, 6, hour, 30, tzinfo=ZONE)).said
    assert said.at.isoformat().startswith(at)


def test_a_number_without_a_unit_is_in_the_last_one_used() -> None:
    """Of this person and kind; what can only be of another scale is."""
    assert values("weight 158", units={"weight": "lb"}) == [("weight", 71.67)]
    assert values("体重142", units={"weight": "jin"}) == [("weight", 71.0)]
    assert values("glucose 99") == [("glucose", 5.5)]
    assert values("temp 101.3") == [("temperature", 38.5)]
    assert values("temp 37.2", units={"temperature": "°F"}) == [("temperature", 37.2)]


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("weight 71", "2026-03-06T12:00"),
        ("BP 128/82 at 7", "2026-03-06T07:00"),
        ("BP 128/82 at 11pm", "2026-03-05T23:00"),
        ("this evening BP 128/82", "2026-03-06T12:00"),
        ("weight 71 yesterday", "2026-03-05T12:00"),
        ("slept 7h last night", "2026-03-06T07:00"),
        ("昨晚睡了7小时", "2026-03-06T07:00"),
        ("昨晚血压128/82", "2026-03-05T22:00"),
        ("上周三跑了5公里", "2026-02-25T12:00"),
        ("3月1日体重71公斤", "2026-03-01T12:00"),
        ("2026-02-27 weight 71 kg", "2026-02-27T12:00"),
        ("on Monday I weighed 71 kg", "2026-03-02T12:00"),
        ("12月30日体重71公斤", "2025-12-30T12:00"),
        ("凌晨三点血糖5.2", "2026-03-06T03:00"),
    ],
)
def test_times_are_of_the_past(text: str, at: str) -> None:
    """The last such hour or day; nothing is later than the message."""
    (said,) = read(text).said
    assert said.at.isoformat()[:16] == at


def test_times_are_of_the_persons_zone() -> None:
    """Also across a change of clocks: half past two is there twice, and is the first."""
    now = datetime(2026, 10, 25, 11, tzinfo=ZoneInfo("UTC"))
    (said,) = read_entries("weight 71 today at 2:30", now=now, zone=ZONE).said
    assert said.at.isoformat() == "2026-10-25T02:30:00+02:00"


def test_what_lies_ahead_is_no_entry() -> None:
    """Nor are questions, wishes, denials, habits, and what is of somebody else."""
    for text in (
        "ran 5 km tomorrow",
        "weight 71?",
        "my dad's BP is 150/95",
        "blood pressure 150/95 for my mother",
        "BP 150/95 of dad",
    ):
        assert read(text) == Reading((), text)


def test_talk_beside_an_entry_is_left() -> None:
    """By sentence and by clause; where it is of others nothing is taken."""
    assert read("Slept 6h. What should I cook?").rest == "What should I cook?"
    assert read("Slept 6h, my head hurts").rest == "my head hurts"
    assert read("Slept 6h, she slept 8").said == ()
    assert read("weight 71.2").rest == ""


def test_after_a_command_more_is_taken() -> None:
    """The person has said that it is an entry."""
    assert values("my goal weight 71") == []
    assert values("every day steps 9000", asked=True) == []
    assert values("average heart rate 64", asked=True) == [("heart_rate", 64.0)]


def test_notes_of_meals_and_exercise_are_kept() -> None:
    """They change what a value means."""
    notes = {
        "fasting glucose 5.4": "fasting",
        "餐后血糖8.1": "after a meal",
        "HR 140 after the run": "after exercise",
        "resting heart rate 58": "resting",
        "yoga 30 min": "yoga",
    }
    assert {text: read(text).said[0].entry.note for text in notes} == notes


def test_a_long_text_is_no_log() -> None:
    """It is left whole, unread."""
    text = "weight 71. " * 60
    assert len(text) > LONGEST
    assert read(text) == Reading((), text)


HARD = (
    "weight 70 " + "in the park at to " * 32,
    "体重70" + "了在到" * 180,
    "slept from " * 50,
    "one hundred and " * 35,
)


@pytest.mark.parametrize("text", HARD, ids=range(len(HARD)))
def test_no_text_takes_long(text: str) -> None:
    """However its words repeat, so that nobody can hold up the bot with a message."""
    started = time.process_time()
    read(text[:LONGEST])
    assert time.process_time() - started < 1


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="weight bp slept km 体重睡了跑公里,./:0123456789ヽ½", max_size=40))
def test_any_text_is_read_or_left(text: str) -> None:
    """Without an error, and an entry's value is a number that was written."""
    for said in read(text, asked=True).said:
        assert said.at <= NOW
        assert said.entry.value >= 0
