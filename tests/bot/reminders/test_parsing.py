"""A sentence in either language becomes what to say and one moment; what it does not say is asked back, not guessed."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.reminders.parsing import Missing, Wish, complete, parse_reminder
from bot.reminders.rules import rule_text

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 4, 10, 30, tzinfo=BERLIN)
"""A Wednesday."""

ONCE = (
    ("remind me on Friday at 9 to call Mum", "call Mum", "2026-03-06 09:00"),
    ("remind me to call Mum on Friday at 9", "call Mum", "2026-03-06 09:00"),
    ("Please remind me on Friday to call Mum at 9.", "call Mum", "2026-03-06 09:00"),
    ("remind me in 20 minutes to check the oven", "check the oven", "2026-03-04 10:50"),
    ("remind me in an hour and a half to leave", "leave", "2026-03-04 12:00"),
    ("remind me tomorrow morning to water the plants", "water the plants", "2026-03-05 09:00"),
    ("remind me at noon", "", "2026-03-04 12:00"),
    ("remind me at half past seven to leave", "leave", "2026-03-05 07:30"),
    ("remind me at quarter to nine pm to leave", "leave", "2026-03-04 20:45"),
    ("remind me on 3 March to phone", "phone", "2027-03-03 09:00"),
    ("remind me on March 5, 2027 at 8am to phone", "phone", "2027-03-05 08:00"),
    ("remind me on 2026-12-24 at 18:00 to cook", "cook", "2026-12-24 18:00"),
    ("remind me next Tuesday to go", "go", "2026-03-10 09:00"),
    ("remind me this Friday to go", "go", "2026-03-06 09:00"),
    ("remind me tonight at 8 to read", "read", "2026-03-04 20:00"),
    ("remind me tonight at 1 to sleep", "sleep", "2026-03-05 01:00"),
    ("remind me at midnight to sleep", "sleep", "2026-03-05 00:00"),
    ("remind me in 3 days to pay", "pay", "2026-03-07 09:00"),
    ("remind me on the 31st to report", "report", "2026-03-31 09:00"),
    ("remind me on 29 February to leap", "leap", "2028-02-29 09:00"),
    ("set a reminder for Friday at 9 to call Mum", "call Mum", "2026-03-06 09:00"),
    ("remind me to buy tickets for 2 May tomorrow", "buy tickets for 2 May", "2026-03-05 09:00"),
    ("remind me to be at 9 Main Street on Friday", "be at 9 Main Street", "2026-03-06 09:00"),
    ("remind me tomorrow at 8 that the meeting is at 9", "the meeting is at 9", "2026-03-05 08:00"),
    ("My flight is at 7, remind me at 5 to leave", "leave", "2026-03-04 17:00"),
    ("remind me about the meeting tomorrow at 3", "the meeting", "2026-03-05 15:00"),
    ("提醒我周五早上九点给妈妈打电话", "给妈妈打电话", "2026-03-06 09:00"),
    ("明天下午三点提醒我开会", "开会", "2026-03-05 15:00"),
    ("二十分钟后提醒我看烤箱", "看烤箱", "2026-03-04 10:50"),
    ("提醒我一个半小时后关火", "关火", "2026-03-04 12:00"),
    ("下周三提醒我看牙", "看牙", "2026-03-11 09:00"),
    ("后天提醒我还书", "还书", "2026-03-06 09:00"),
    ("12月24日18:00提醒我做饭", "做饭", "2026-12-24 18:00"),
    ("１２月２４日１８：００提醒我做饭", "做饭", "2026-12-24 18:00"),
    ("今晚十二点提醒我睡觉", "睡觉", "2026-03-05 00:00"),
    ("明天早上七点叫我起床", "起床", "2026-03-05 07:00"),
    ("麻烦你明天提醒我一下带伞", "带伞", "2026-03-05 09:00"),
    ("请在周五下午提醒我订下午茶", "订下午茶", "2026-03-06 15:00"),
)

REPEATED = (
    ("every weekday at 8:30 remind me to stretch", "stretch", "2026-03-05 08:30", "WEEKLY;1;MO,TU,WE,TH,FR"),
    ("remind me every other Monday", "", "2026-03-09 09:00", "WEEKLY;2;MO"),
    ("on the 1st of each month at 10 remind me to pay rent", "pay rent", "2026-04-01 10:00", "MONTHLY;1;1"),
    ("remind me on the last day of each month to report", "report", "2026-03-31 09:00", "MONTHLY;1;-1"),
    ("remind me every month on the 31st to report", "report", "2026-03-31 09:00", "MONTHLY;1;28,29,30,31;-1"),
    ("remind me on the first Monday of each month to save", "save", "2026-04-06 09:00", "MONTHLY;1;1MO"),
    ("remind me Mondays and Thursdays at 7pm to train", "train", "2026-03-05 19:00", "WEEKLY;1;MO,TH"),
    ("remind me every 3 hours to drink", "drink", "2026-03-04 13:30", "HOURLY;3"),
    ("every day at 8 starting Monday remind me to run", "run", "2026-03-09 08:00", "DAILY;1"),
    ("remind me every 3 March to write", "write", "2027-03-03 09:00", "YEARLY;1;3;3"),
    ("每天晚上十点半提醒我吃药", "吃药", "2026-03-04 22:30", "DAILY;1"),
    ("每周一上午9点提醒我写周报", "写周报", "2026-03-09 09:00", "WEEKLY;1;MO"),
    ("每周一三五提醒我跑步", "跑步", "2026-03-06 09:00", "WEEKLY;1;MO,WE,FR"),
    ("每个工作日提醒我打卡", "打卡", "2026-03-05 09:00", "WEEKLY;1;MO,TU,WE,TH,FR"),
    ("每月1号提醒我交房租", "交房租", "2026-04-01 09:00", "MONTHLY;1;1"),
    ("每隔一天提醒我浇花", "浇花", "2026-03-06 09:00", "DAILY;2"),
    ("每年12月24日提醒我做饭", "做饭", "2026-12-24 09:00", "YEARLY;1;12;24"),
)


def parsed(text: str, *, now: datetime = NOW) -> Wish | Missing | None:
    """The text as it is read on that Wednesday in Berlin."""
    return parse_reminder(text, now=now, zone=BERLIN)


def shown(found: Wish | Missing | None) -> tuple[str, str]:
    """Text and local time of a wish."""
    assert isinstance(found, Wish), found
    return found.text, f"{found.due:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(("text", "said", "due"), ONCE)
def test_what_and_when(text: str, said: str, due: str) -> None:
    """The time is taken out of the sentence, and what is left is to be said."""
    found = parsed(text)
    assert shown(found) == (said, due)
    assert isinstance(found, Wish)
    assert found.rule is None


@pytest.mark.parametrize(("text", "said", "due", "rule"), REPEATED)
def test_repetitions(text: str, said: str, due: str, rule: str) -> None:
    """The first time is the next one, and the rule holds what repeats."""
    found = parsed(text)
    assert shown(found) == (said, due)
    assert isinstance(found, Wish)
    assert found.rule is not None
    parts = [part.split("=")[1] for part in rule_text(found.rule).partition("RRULE:")[2].split(";")]
    assert ";".join(parts) == rule


@pytest.mark.parametrize(
    ("text", "what", "said"),
    [
        ("remind me to call Mum", "when", "call Mum"),
        ("remind me today to call Mum", "when", "call Mum"),
        ("remind me on 31 February to jump", "when", "jump"),
        ("Can you remind me to take the 8 o'clock train?", "when", "take the 8 o'clock train?"),
        ("提醒我买牛奶", "when", "买牛奶"),
        ("快一点提醒我买票", "when", "买票"),
        ("remind me to call Mum on 2020-01-01 at 9", "future", "call Mum"),
        ("remind me in 99999999999 days to call", "when", "call"),
    ],
)
def test_what_has_to_be_asked(text: str, what: str, said: str) -> None:
    """No readable time, or one that is over; what is to be said is kept for the answer."""
    found = parsed(text)
    assert isinstance(found, Missing)
    assert (found.what, found.text) == (what, said)


@pytest.mark.parametrize(
    "text",
    [
        "What did Ann say on Friday at 9?",
        "Remind me what Ann's address is",
        "remind me about the meeting",
        "提醒我上次说了什么",
        "叫我小王",
        f"remind me tomorrow to read {'on ' * 2000}",
        "",
    ],
)
def test_what_is_no_wish(text: str) -> None:
    """Questions to memory and other talk are left to the assistant."""
    assert parsed(text) is None


def test_after_a_command_the_words_are_not_needed() -> None:
    """`/remind call Mum on Friday at 9` asks by itself."""
    found = parse_reminder("call Mum on Friday at 9", now=NOW, zone=BERLIN, asked=True)
    assert shown(found) == ("call Mum", "2026-03-06 09:00")
    assert parse_reminder("call Mum", now=NOW, zone=BERLIN, asked=True) == Missing("when", "call Mum")


def test_the_answer_completes_the_wish() -> None:
    """ "When?" can be answered by a time alone, a bare hour included."""
    missing = Missing("when", "call Mum")
    for answer in ("Friday at 9", "on Friday, at 9 please", "周五九点"):
        assert shown(complete(missing, answer, now=NOW, zone=BERLIN)) == ("call Mum", "2026-03-06 09:00")
    assert shown(complete(missing, "15", now=NOW, zone=BERLIN)) == ("call Mum", "2026-03-04 15:00")
    assert complete(missing, "no idea", now=NOW, zone=BERLIN) == missing


@pytest.mark.parametrize(
    ("clock", "text", "due"),
    [
        ("08:00", "at 9", "04 09:00"),
        ("10:30", "at 9", "05 09:00"),
        ("19:30", "at 8", "04 20:00"),
        ("22:30", "at 9", "05 09:00"),
        ("10:30", "at 3", "04 15:00"),
        ("16:00", "at 3", "05 15:00"),
        ("10:30", "at 03:00", "05 03:00"),
        ("10:30", "today at 9", "04 21:00"),
        ("10:30", "tomorrow at 3", "05 15:00"),
        ("10:30", "at 9am", "05 09:00"),
        ("10:30", "on Wednesday at 9", "11 09:00"),
        ("08:30", "on Wednesday at 9", "04 09:00"),
    ],
)
def test_an_hour_without_am_or_pm(clock: str, text: str, due: str) -> None:
    """It is the next sensible one, by the rules that bot.reminders.resolving states."""
    hour, minute = map(int, clock.split(":"))
    found = parsed(f"remind me {text} to call", now=NOW.replace(hour=hour, minute=minute))
    assert isinstance(found, Wish)
    assert f"{found.due:%d %H:%M}" == due


def test_minutes_pass_alike_when_the_clock_changes() -> None:
    """Half an hour before the clock goes forward, "in an hour" is 03:30, and "at 02:30" is moved by the gap."""
    before = datetime(2026, 3, 29, 1, 30, tzinfo=BERLIN)
    assert shown(parsed("remind me in an hour to look", now=before)) == ("look", "2026-03-29 03:30")
    assert shown(parsed("remind me at 02:30 to look", now=before)) == ("look", "2026-03-29 03:30")


ENGLISH = """at in 1st 31 0 99 9:75 monday to month minutes of each last day march next week on the every other seven
    2026-13-40 half past pm midnight from now"""
CHINESE = "提醒我 每 月 周 一 点 半 三十二 号 后 隔 两 天 下 年 最后"
WORDS = st.sampled_from(("remind me", *ENGLISH.split(), *CHINESE.split()))
SENTENCES = st.lists(WORDS, max_size=9)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=40), SENTENCES.map(" ".join), SENTENCES.map("".join)))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises, and what is due lies ahead."""
    found = parse_reminder(text, now=NOW, zone=BERLIN, asked=True)
    assert not isinstance(found, Wish) or found.due >= NOW
