"""Moments and rules as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.reminders.rules import Repeat
from bot.reminders.wording import due_words, rule_words

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 4, 10, 30, tzinfo=BERLIN)
START = datetime(2026, 3, 2, 8, 30)


@pytest.mark.parametrize(
    ("days", "english", "chinese"),
    [
        (0, "today at 10:30", "今天 10:30"),
        (1, "tomorrow at 10:30", "明天 10:30"),
        (2, "Friday 10:30", "周五 10:30"),
        (-2, "Monday 10:30", "周一 10:30"),
        (7, "Wednesday 11 March at 10:30", "3月11日（周三）10:30"),
        (365, "Thursday 4 March 2027 at 10:30", "2027年3月4日（周四）10:30"),
    ],
)
def test_moments(days: int, english: str, chinese: str) -> None:
    """As near as they are."""
    due = NOW + timedelta(days=days)
    assert [due_words(due, now=NOW, zone=BERLIN, language=language) for language in ("en", "zh")] == [english, chinese]


@pytest.mark.parametrize(
    ("rule", "english", "chinese"),
    [
        (Repeat("day", START), "every day at 08:30", "每天 08:30"),
        (Repeat("day", START, 3), "every 3 days at 08:30", "每 3 天 08:30"),
        (Repeat("hour", START), "every hour", "每小时"),
        (Repeat("minute", START, 30), "every 30 minutes", "每 30 分钟"),
        (Repeat("week", START), "every week at 08:30", "每周 08:30"),
        (Repeat("week", START, 1, (0, 1, 2, 3, 4)), "every weekday at 08:30", "每个工作日 08:30"),
        (Repeat("week", START, 1, (5, 6)), "every Saturday and Sunday at 08:30", "每周六、周日 08:30"),
        (Repeat("week", START, 1, (0, 3)), "every Monday, Thursday at 08:30", "每周一、周四 08:30"),
        (Repeat("week", START, 2, (0,)), "every 2 weeks on Monday at 08:30", "每 2 周的周一 08:30"),
        (Repeat("month", START, monthday=1), "every month on the 1st at 08:30", "每月1日 08:30"),
        (Repeat("month", START, monthday=-1), "every month on the last day at 08:30", "每月最后一天 08:30"),
        (Repeat("month", START, 1, (0,), -1), "every month on the last Monday at 08:30", "每月最后一个周一 08:30"),
        (Repeat("year", START, monthday=24, month=12), "every year on 24th December at 08:30", "每年12月24日 08:30"),
    ],
)
def test_rules(rule: Repeat, english: str, chinese: str) -> None:
    """In both languages."""
    assert [rule_words(rule, language=language) for language in ("en", "zh")] == [english, chinese]
