"""What is wished for besides entries: after the command, and in plain words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.logbook.wishes import LogWish, TrendWish, log_wish, plain_trend, plain_wish, trend_wish

NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("", LogWish("list")),
        ("list", LogWish("list")),
        ("sleep", LogWish("list", "sleep")),
        ("血压", LogWish("list", "blood_pressure")),
        ("weight 71.2", LogWish("add", text="weight 71.2")),
        ("seven hours of sleep", LogWish("add", text="seven hours of sleep")),
        ("delete 12", LogWish("delete", id=12)),
        ("删除 12", LogWish("delete", id=12)),
        ("delete last weight", LogWish("delete", "weight")),
        ("undo", LogWish("delete")),
        ("correct 12 71.4", LogWish("correct", id=12, text="71.4")),
        ("correct weight to 71.4 kg", LogWish("correct", "weight", text="71.4 kg")),
        ("correct BP 128/80", LogWish("correct", "blood_pressure", text="128/80")),
        ("改正 体重 71公斤", LogWish("correct", "weight", text="71公斤")),
        ("goals", LogWish("goals")),
        ("目标", LogWish("goals")),
        ("goal steps at least 8000 a day", LogWish("goal", "steps", text="steps 8000", way="least")),
        ("goal coffee max 2", LogWish("goal", "coffee", text="coffee 2", way="most")),
        ("目标 步数 至少8000", LogWish("goal", "steps", text="步数 8000", way="least")),
        ("goal weight 68 kg", LogWish("goal", "weight", text="weight 68 kg")),
        ("goal steps off", LogWish("goal", "steps", text="steps off", off=True)),
        ("nudge weight every day at 8", LogWish("nudge", "weight", text="every day at 8")),
        ("提醒 体重 取消", LogWish("nudge", "weight", text="取消", off=True)),
    ],
)
def test_words_after_the_command(text: str, wish: LogWish) -> None:
    """The first word says what is wished; any other is an entry, or a kind to be listed."""
    assert log_wish(text) == wish


@pytest.mark.parametrize(
    "text", ["delete all", "correct yesterday's weight to 70", "delete 12 13", "delete yesterday's weight", "删除全部"]
)
def test_what_is_to_be_changed_is_not_guessed(text: str) -> None:
    """It is not the last entry, so nothing is."""
    assert log_wish(text) == LogWish("add", text=text)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("delete my last weight", LogWish("delete", "weight")),
        ("undo the last entry", LogWish("delete")),
        ("删掉刚才的体重记录", LogWish("delete", "weight")),
        ("撤销上一条", LogWish("delete")),
        ("change my last weight to 71.4", LogWish("correct", "weight", text="71.4")),
        ("no, weight should be 71.4", LogWish("correct", "weight", text="71.4")),
        ("correct the last entry to 71.4", LogWish("correct", text="71.4")),
        ("血压改成128/80", LogWish("correct", "blood_pressure", text="128/80")),
        ("delete my account", None),
        ("delete the last paragraph", None),
        ("change the meeting to 10", None),
        ("the price should be 20 euros", None),
        ("my blood pressure should be 120/80", None),
        ("血压应该是120/80", None),
        ("不对，体重应该是71", LogWish("correct", "weight", text="71")),
        ("delete the log", None),
        ("change my weight goal to 68", None),
        ("change my mood to happy", None),
        ("把标题改成3", None),
        ("weight 71.2", None),
    ],
)
def test_plain_words_that_change_something(text: str, wish: LogWish | None) -> None:
    """Only of the log: other things that are deleted or changed are the chat's."""
    assert plain_wish(text) == wish


@pytest.mark.parametrize(
    ("text", "kind", "days"),
    [
        ("weight 3 months", "weight", 90),
        ("体重 三个月", "weight", 90),
        ("blood pressure 2 weeks", "blood_pressure", 14),
        ("睡眠 30天", "sleep", 30),
        ("steps last year", "steps", 365),
        ("weight", "weight", 90),
        ("血压 最近一周", "blood_pressure", 7),
    ],
)
def test_a_trend_of_a_kind_and_a_time(text: str, kind: str, days: int) -> None:
    """Three months where no time is named."""
    wish = trend_wish(text, now=NOW)
    assert wish is not None
    assert (wish.kind, wish.days) == (kind, days)
    assert wish.since is not None
    assert (NOW - wish.since).days == days


def test_a_trend_of_everything_or_of_nothing() -> None:
    """From the first entry on; without a kind there is none."""
    assert trend_wish("weight all", now=NOW) == TrendWish("weight", None, None)
    assert trend_wish("three months", now=NOW) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("show my weight trend", "weight"),
        ("How has my blood pressure been over the last 2 months?", "blood_pressure"),
        ("plot my sleep", "sleep"),
        ("我的体重趋势", "weight"),
        ("看看最近一个月的血压变化", "blood_pressure"),
        ("Is my blood pressure ok?", "blood_pressure"),
        ("how much did I weigh last month?", "weight"),
        ("What was my average sleep over the last 2 weeks?", "sleep"),
        ("how well have I slept lately", "sleep"),
        ("我的血压正常吗？", "blood_pressure"),
        ("我上周体重多少", "weight"),
        ("最近睡眠怎么样", "sleep"),
        ("show me the way to the station", None),
        ("what was my blood pressure on Monday?", None),
        ("is my sleep app good", None),
        ("what is my weight class in boxing", None),
        ("我妈妈血压高吗", None),
        ("这个月工资多少", None),
        ("how has my day been?", None),
        ("how has my sister's weight been?", None),
        ("weight of the parcel", None),
        ("显示天气变化", None),
    ],
)
def test_plain_words_that_ask_for_a_trend(text: str, kind: str | None) -> None:
    """Of one's own entries; anything else is the chat's."""
    wish = plain_trend(text, now=NOW)
    assert (wish.kind if wish else None) == kind
