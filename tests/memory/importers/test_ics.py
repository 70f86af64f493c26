"""Calendars as programs write them: zones, folds, rules that recur, events that moved."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

import pytest

from memory.importers.convert import convert
from memory.importers.records import Block, ConversionError, ExtractedDocument
from memory.importers.recurrence import in_words, next_dates

_TODAY = datetime.now(UTC).date()


def _calendar(*entries: str, head: str = "") -> bytes:
    lines = ("BEGIN:VCALENDAR", "VERSION:2.0", *head.split("\n"), *entries, "END:VCALENDAR")
    return "\r\n".join(line for part in lines for line in part.split("\n") if line).encode()


def _event(lines: str, *, kind: str = "VEVENT") -> str:
    return f"BEGIN:{kind}\nUID:1\n{lines}\nEND:{kind}"


def _read(data: bytes) -> ExtractedDocument:
    (document,) = convert(data, "home.ics").documents
    return document


def _only(lines: str, *, kind: str = "VEVENT", head: str = "") -> str:
    (block,) = _read(_calendar(_event(lines, kind=kind), head=head)).blocks
    return block.text


def test_an_event_is_lines_that_a_question_meets() -> None:
    """What and when on one line, then where, who and the notes; folded and escaped text is whole again."""
    block = _read(
        _calendar(
            _event(
                "SUMMARY:Dentist\\, Dr. M\n \u00fcller\nDTSTART;TZID=Europe/Berlin:20240501T093000\n"
                "DTEND;TZID=Europe/Berlin:20240501T101500\nLOCATION:Main St 4\nDESCRIPTION:bring\\ncard\n"
                'ORGANIZER;CN="Ada L":mailto:ada@x.org\nATTENDEE;PARTSTAT=DECLINED:mailto:ben@x.org'
            ),
            head="X-WR-CALNAME:Home",
        )
    ).blocks[0]
    assert block == Block(
        "Dentist, Dr. Müller: 2024-05-01 09:30 to 10:15 (Europe/Berlin)\nWhere: Main St 4\n"
        "With: Ada L (organiser), ben@x.org (declined)\nbring\ncard",
        section="Dentist, Dr. Müller",
    )


@pytest.mark.parametrize(
    ("lines", "when"),
    [
        ("DTSTART;VALUE=DATE:20240501\nDTEND;VALUE=DATE:20240502", "2024-05-01"),
        ("DTSTART;VALUE=DATE:20240501\nDTEND;VALUE=DATE:20240504", "2024-05-01 to 2024-05-03"),
        ("DTSTART:20240501T220000\nDTEND:20240502T013000", "2024-05-01 22:00 to 2024-05-02 01:30"),
        ("DTSTART:20240501T220000\nDURATION:PT90M", "2024-05-01 22:00 to 23:30"),
        ("DTSTART:20240501T220000Z", "2024-05-01 22:00 (UTC)"),
        ("DTSTART;TZID=W. Europe Standard Time:20240501T220000", "2024-05-01 22:00 (Europe/Berlin)"),
        ("DTSTART;TZID=Mars/Base:20240501T220000", "2024-05-01 22:00"),
        ("DTSTART:20240501T220000\nDTEND:garbage", "2024-05-01 22:00"),
    ],
)
def test_when_it_is(lines: str, when: str) -> None:
    """The end of whole days is the day after the last; a broken end costs itself."""
    assert _only(f"SUMMARY:S\n{lines}") == f"S: {when}"


def test_times_in_utc_are_shown_in_the_calendars_zone() -> None:
    """Google stores all in UTC and says the calendar's zone once."""
    head = "X-WR-TIMEZONE:Asia/Shanghai"
    assert _only("SUMMARY:开会\nDTSTART:20240501T070000Z", head=head) == "开会: 2024-05-01 15:00 (Asia/Shanghai)"


def test_a_zone_that_only_the_file_knows() -> None:
    """Outlook describes zones of its own; the wall clock is what people remember."""
    zone = (
        "BEGIN:VTIMEZONE\nTZID:Custom\nBEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0530\n"
        "TZOFFSETTO:+0530\nEND:STANDARD\nEND:VTIMEZONE"
    )
    data = _calendar(zone, _event("SUMMARY:S\nDTSTART;TZID=Custom:20240501T220000"))
    assert _read(data).blocks[0].text.startswith("S: 2024-05-01 22:00")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"FREQ": ["DAILY"]}, "every day"),
        ({"FREQ": ["WEEKLY"], "INTERVAL": [2], "BYDAY": ["TU", "TH"]}, "every 2 weeks on Tuesday and Thursday"),
        ({"FREQ": ["WEEKLY"], "BYDAY": ["MO", "TU", "WE", "TH", "FR"]}, "every week on working days"),
        ({"FREQ": ["MONTHLY"], "BYDAY": ["2TU"]}, "every month on the 2nd Tuesday"),
        ({"FREQ": ["MONTHLY"], "BYDAY": ["-1FR"]}, "every month on the last Friday"),
        (
            {"FREQ": ["MONTHLY"], "BYDAY": ["MO", "TU", "WE", "TH", "FR"], "BYSETPOS": [-1]},
            "every month on the last working day",
        ),
        ({"FREQ": ["MONTHLY"], "BYMONTHDAY": [1, 15]}, "every month on the 1st and 15th day of the month"),
        ({"FREQ": ["YEARLY"], "BYMONTH": [11], "BYDAY": ["4TH"]}, "every year on the 4th Thursday in November"),
        ({"FREQ": ["YEARLY"], "COUNT": [5]}, "every year, 5 times"),
        ({"FREQ": ["DAILY"], "UNTIL": [date(2024, 12, 31)]}, "every day, until 2024-12-31"),
        ({}, "every time it says"),
    ],
)
def test_rules_in_words(rule: dict[str, list[object]], words: str) -> None:
    """As a person says them."""
    assert in_words(rule) == words


def test_next_dates_of_a_rule() -> None:
    """From a day on, without those that were left out; a rule that ended has none."""
    weekly: dict[str, list[object]] = {
        "FREQ": ["WEEKLY"],
        "BYDAY": ["TU"],
        "UNTIL": [datetime(2024, 6, 18, 7, tzinfo=UTC)],
    }
    start = datetime(2024, 5, 7, 9, 30, tzinfo=UTC)
    without = frozenset((date(2024, 6, 4),))
    assert next_dates(weekly, start, after=date(2024, 5, 22), without=without) == [
        *(date(2024, 5, 28), date(2024, 6, 11), date(2024, 6, 18))
    ]
    assert next_dates(weekly, start, after=date(2024, 6, 19), without=frozenset()) == []
    broken: dict[str, list[object]] = {"FREQ": ["WEEKLY"], "BYDAY": ["XX"]}
    assert next_dates(broken, start, after=date(2024, 1, 1), without=frozenset()) == []
    assert next_dates({"FREQ": ["SECONDLY"]}, start, after=date(2024, 1, 1), without=frozenset()) == []


def test_a_recurring_event_says_its_rule_and_next_dates() -> None:
    """Days left out by the owner, and those moved one by one, are not among them."""
    text = _only("SUMMARY:Yoga\nDTSTART:20200101T180000\nRRULE:FREQ=DAILY\nEXDATE:20240101T180000")
    assert text.split("\n")[:3] == ["Yoga: 2020-01-01 18:00", "Repeats: every day", "Not on: 2024-01-01"]
    assert text.endswith(f" (as of {_TODAY})")
    assert f"Next dates: {_TODAY}, " in text
    moved = _event(f"SUMMARY:Yoga\nRECURRENCE-ID:{_TODAY:%Y%m%d}T180000\nDTSTART:{_TODAY:%Y%m%d}T200000")
    rule = _event("SUMMARY:Yoga\nDTSTART:20200101T180000\nRRULE:FREQ=DAILY")
    first, second = _read(_calendar(rule, moved)).blocks
    assert f"Next dates: {_TODAY}, " not in first.text
    assert f"Instead of: {_TODAY} 18:00" in second.text


def test_tasks_and_journals() -> None:
    """With what is due and done."""
    task = _only("SUMMARY:Tax\nDUE;VALUE=DATE:20240531\nSTATUS:COMPLETED", kind="VTODO")
    assert task == "Tax: due 2024-05-31\nStatus: done"
    assert _only("DTSTART;VALUE=DATE:20240531\nDESCRIPTION:It rained", kind="VJOURNAL") == (
        "Journal: 2024-05-31\nIt rained"
    )


def test_an_alarm_is_no_event() -> None:
    """Its description must not stand in for the event's."""
    alarm = "BEGIN:VALARM\nTRIGGER:-PT15M\nACTION:DISPLAY\nDESCRIPTION:This is an event reminder\nEND:VALARM"
    assert _only(f"SUMMARY:S\nDTSTART:20240501T093000\n{alarm}") == "S: 2024-05-01 09:30"


def test_notes_in_html_lose_their_markup() -> None:
    """Google and Outlook write pages into descriptions."""
    assert _only("SUMMARY:S\nDESCRIPTION:<p>bring <b>card</b></p><br>and cash") == "S\nbring card\nand cash"


def test_lines_that_were_not_folded_stay_with_their_value() -> None:
    """Programs forget to escape line ends; what icalendar refuses as a whole is read an entry at a time."""
    text = _only("SUMMARY:S\nDESCRIPTION:one\ntwo, with a comma\nDTSTART:20240501T093000")
    assert text == "S: 2024-05-01 09:30\none\ntwo, with a comma"


def test_a_bad_entry_costs_itself() -> None:
    """One that no library reads is named; an entry that is never closed is read."""
    data = _calendar(
        _event("SUMMARY;=:bad\n;:\nDTSTART:20240501T093000"), "BEGIN:VEVENT\nSUMMARY:open\nDTSTART:20240502T093000"
    )
    assert _read(data).blocks[-1].text == "open: 2024-05-02 09:30"


def test_an_impossible_rule_does_not_hold_up_the_import() -> None:
    """The 30th of February is looked for till the year 9999 by who is not stopped."""
    event = _event("SUMMARY:S\nDTSTART:20240501T093000\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30")
    started = time.monotonic()
    found = _read(_calendar(*[event] * 40))
    assert len(found.blocks) == 40
    assert time.monotonic() - started < 15


def test_a_calendar_without_events_is_refused() -> None:
    """With a reason."""
    with pytest.raises(ConversionError, match=r"home\.ics holds no event"):
        convert(_calendar(), "home.ics")


def test_the_calendars_name_is_the_title() -> None:
    """Whatever the file is called, in any encoding."""
    data = _calendar(_event("SUMMARY:x"), head="X-WR-CALNAME:Büro").decode().encode("utf-16")
    (document,) = convert(data, "a.txt").documents
    assert (document.title, document.format) == ("Büro", "calendar")
