"""Alerts: the owner hears once that a limit is reached and once that it is over, whatever restarts come between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.alerts import KINDS, Change, Figure, active, changes, figures
from bot.config import AlertsConfig
from bot.locales import say
from bot.metrics.readings import MEGABYTE, Readings
from bot.telegram.alerting import told
from bot.telegram.blocked import is_blocked
from tests.bot.telegram.bench import OWNER, Bench
from tests.telegram_api import Refusal, TelegramServer
from tuning.votes import Votes

LIMITS = AlertsConfig(queue_wait_seconds=100, failed_sends=10, disk_free_mb=500, bad_share=0.5, failed_tunes=2)
WELL = Readings(0, 0.0, (), 0, 0, Votes(), 0, 10_000 * MEGABYTE, ())


def kinds(
    before: tuple[str, ...], readings: Readings, votes: Votes | None = None, limits: AlertsConfig = LIMITS
) -> str:
    """What is told, "+" for what began and "-" for what is over."""
    found = changes(before, figures(readings, votes or Votes(), limits))
    return " ".join(("-" if item.over else "+") + item.kind for item in found)


def test_nothing_is_told_where_all_is_well() -> None:
    """With the limits as they are shipped, too."""
    assert kinds((), WELL) == kinds((), WELL, limits=AlertsConfig()) == ""


@pytest.mark.parametrize(
    ("amiss", "wavering", "kind"),
    [
        (replace(WELL, waiting_s=100.0), replace(WELL, waiting_s=90.0), "queue"),
        (replace(WELL, failed_sends=10), replace(WELL, failed_sends=9), "sends"),
        (replace(WELL, disk_free_bytes=499 * MEGABYTE), replace(WELL, disk_free_bytes=501 * MEGABYTE), "disk"),
        (replace(WELL, failed_tunes=2), None, "tunes"),
    ],
)
def test_each_limit_is_told_once_until_it_is_over(amiss: Readings, wavering: Readings | None, kind: str) -> None:
    """A figure that wavers about its limit is not told of again."""
    assert kinds((), amiss) == f"+{kind}"
    assert kinds((kind,), amiss) == ""
    assert kinds((kind,), wavering or amiss) == ""
    assert kinds((kind,), WELL) == f"-{kind}"


def test_votes_count_where_there_are_enough() -> None:
    """The share of bad ones; none at all says nothing."""
    assert kinds((), WELL, Votes(10, 10)) == "+votes"
    assert kinds(("votes",), WELL, Votes(11, 9)) == ""
    assert kinds(("votes",), WELL, Votes(15, 5)) == "-votes"
    assert kinds((), WELL, Votes(20, 0)) == ""


def test_a_limit_of_nothing_is_not_looked_at() -> None:
    """And what was told of it before is over."""
    off = AlertsConfig(queue_wait_seconds=0, failed_sends=0, disk_free_mb=0, votes=0, failed_tunes=0)
    bad = Readings(9, 9e9, (), 999, 99, Votes(), 0, 0, ())
    assert kinds((), bad, Votes(0, 20), limits=off) == ""
    assert kinds(("disk",), bad, Votes(0, 20), limits=off) == "-disk"


def test_what_the_owner_knows_follows_from_what_was_told() -> None:
    """Several at a time, in a fixed order."""
    begun = changes((), (Figure("tunes", 3, 2), Figure("queue", 1, 9), Figure("disk", 1, 500, least=True)))
    assert active((), begun) == ("disk", "tunes")
    assert active(("disk", "tunes"), [Change("disk", over=True, value=900, limit=500)]) == ("tunes",)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_words(kind: str, language: str) -> None:
    """For its beginning with value and limit, and for its end."""
    begin = say(language, f"alert_{kind}", value=17, limit=4)
    assert "17" in begin
    assert say(language, f"alert_{kind}_over", value=17, limit=4) != begin


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    """A loopback Bot API server."""
    with TelegramServer() as running:
        yield running


@pytest.fixture
async def live(tmp_path: Path, server: TelegramServer) -> AsyncIterator[Bench]:
    """A running bot that looks ten times a second, on a disk that has too little room in its eyes."""
    made = Bench(tmp_path, server)
    made.settings = replace(made.settings, alerts=AlertsConfig(check_seconds=0.1, disk_free_mb=10**9))
    await made.start()
    yield made
    await made.close()


def alerts(bench: Bench) -> list[str]:
    """What the owner was told of the disk, by its first word."""
    texts = [message.text for message in bench.server.replies(OWNER)]
    return [text.split()[0] for text in texts if "MB" in text]


async def settle() -> None:
    """Let the bot look a few times more."""
    await asyncio.sleep(0.5)


async def test_the_owner_is_told_once_across_a_restart_and_when_it_is_over(live: Bench) -> None:
    """In the owner's language."""
    await live.owner(language_code="zh")
    await live.server.until(lambda: alerts(live) == ["⚠"])
    await settle()
    await live.stop()
    await live.start()
    await settle()
    assert alerts(live) == ["⚠"]
    assert any("磁盘" in message.text for message in live.server.replies(OWNER))
    await live.stop()
    live.settings = replace(live.settings, alerts=AlertsConfig(check_seconds=0.1, disk_free_mb=1))
    await live.start()
    await live.server.until(lambda: len(alerts(live)) == 2)
    assert told(live.store) == ()


async def test_who_has_blocked_the_bot_is_told_when_they_are_back(tmp_path: Path, server: TelegramServer) -> None:
    """Not each time the limits are looked at, and not as if it had been told."""
    bench = Bench(tmp_path, server)
    bench.settings = replace(bench.settings, alerts=AlertsConfig(check_seconds=0.0))
    await bench.start()
    await bench.owner()
    await bench.stop()
    bench.settings = replace(bench.settings, alerts=AlertsConfig(check_seconds=0.05, disk_free_mb=10**9))
    server.fault("sendMessage", Refusal(403, "Forbidden: bot was blocked by the user"))
    await bench.start()
    await server.until(lambda: is_blocked(bench.store, OWNER) and told(bench.store) == ())
    sent = len(server.calls("sendMessage"))
    await bench.stop()
    await bench.start()
    await settle()
    assert len(server.calls("sendMessage")) == sent
    server.user(OWNER).send("/help")
    await server.until(lambda: alerts(bench) == ["⚠"])
    assert told(bench.store) == ("disk",)
    await bench.close()


async def test_without_an_owner_nobody_is_told(live: Bench) -> None:
    """Nothing is noted either, so that the owner hears of it once there is one."""
    live.server.user(8, "Ben").send("hello")
    await live.server.until(lambda: len(live.server.replies(8)) == 1)
    assert told(live.store) == ()


async def test_a_refused_message_is_no_block(live: Bench) -> None:
    """What changes after it is told."""
    await live.owner()
    await live.server.until(lambda: alerts(live) == ["⚠"])
    with live.store.transaction() as db:
        db.execute("UPDATE telegram_outbox SET state = 'refused', at = '9999-01-01'")
    await live.stop()
    live.settings = replace(live.settings, alerts=AlertsConfig(check_seconds=0.1, disk_free_mb=1))
    await live.start()
    await live.server.until(lambda: len(alerts(live)) == 2)
