"""How much one person may use, decided without a bot."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.config import PeopleConfig
from bot.limits import DAY, Limits, Over, Used, Work, decide, limits_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def used(*ago: float, work: Work = "message", tokens: int = 0) -> tuple[Used, ...]:
    """Things done so many seconds ago."""
    return tuple(Used(NOW - timedelta(seconds=seconds), work, tokens) for seconds in ago)


def test_the_minute_opens_when_its_oldest_message_leaves_it() -> None:
    """One less than the limit is let through; what is older than a minute does not count."""
    limits = Limits(messages_per_minute=3)
    assert decide(used(70, 50, 10), NOW, limits, wanted="message") is None
    assert decide(used(50, 40, 10), NOW, limits, wanted="message") == Over("messages", 3, NOW + timedelta(seconds=10))
    assert decide(used(50, 40, 30, 10), NOW, limits, wanted="message") == Over(
        "messages", 3, NOW + timedelta(seconds=20)
    )


def test_replies_and_files_count_apart() -> None:
    """A reply takes nothing from the files, and a message that needed no reply nothing from the replies."""
    limits = Limits(replies_per_day=2, imports_per_day=1)
    history = (*used(7200, work="reply"), *used(3600, work="import"), *used(60))
    assert decide(history, NOW, limits, wanted="reply") is None
    assert decide(history, NOW, limits, wanted="import") == Over("imports", 1, NOW - timedelta(hours=1) + DAY)
    more = (*history, *used(30, work="reply"))
    assert decide(more, NOW, limits, wanted="reply") == Over("replies", 2, NOW - timedelta(hours=2) + DAY)


def test_tokens_open_when_enough_of_them_are_a_day_old() -> None:
    """Which may take more than the oldest reply."""
    limits = Limits(tokens_per_day=100)
    history = (
        *used(3000, work="reply", tokens=10),
        *used(2000, work="reply", tokens=80),
        *used(1000, work="reply", tokens=95),
    )
    assert decide(history[:2], NOW, limits, wanted="reply") is None
    over = decide(history, NOW, limits, wanted="reply")
    assert over == Over("tokens", 100, NOW - timedelta(seconds=2000) + DAY)
    assert decide(history, over.opens + timedelta(seconds=1), limits, wanted="reply") is None


@pytest.mark.parametrize("wanted", ["message", "reply", "import"])
def test_a_limit_of_zero_is_none(wanted: Work) -> None:
    """However much was used."""
    history = used(*range(500, 0, -1), work=wanted, tokens=10_000)
    assert decide(history, NOW, Limits(), wanted=wanted) is None


@pytest.mark.parametrize("wanted", ["message", "reply", "import"])
def test_a_limit_that_is_told_to_open_is_open_then(wanted: Work) -> None:
    """A moment before it is not."""
    limits = Limits(5, 5, 5, 5)
    history = used(*range(50, 0, -1), work=wanted, tokens=1)
    over = decide(history, NOW, limits, wanted=wanted)
    assert over is not None
    assert decide(history, over.opens - timedelta(microseconds=1), limits, wanted=wanted) is not None
    assert decide(history, over.opens, limits, wanted=wanted) is None


def test_roles_have_their_own_limits() -> None:
    """The owner has none."""
    config = PeopleConfig(
        messages_per_minute=1,
        member_replies_per_day=2,
        member_tokens_per_day=3,
        guest_replies_per_day=4,
        guest_tokens_per_day=5,
        imports_per_day=6,
    )
    assert limits_of("owner", config) == Limits()
    assert limits_of("member", config) == Limits(1, 2, 3, 6)
    assert limits_of("guest", config) == Limits(1, 4, 5, 6)
