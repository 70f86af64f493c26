"""Figures and health of a running bot, over real HTTP: right, lasting, and with nobody in them."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.config import MetricsConfig
from bot.metrics.health import SILENT_SECONDS, Connection, polling_problem
from bot.metrics.readings import read, worst_votes
from memory.counters import count, counters
from memory.counters_table import LATE_SECONDS
from memory.errors import UsageError
from memory.reminders import Destination, NewReminder, add_reminder, due_reminders, mark_delivered
from memory.store import Store
from tests.bot.telegram.bench import OWNER, STORY, Bench
from tests.telegram_api import NoAnswer, Refusal, TelegramServer, TooManyRequests
from tuning.votes import Votes

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    """A loopback Bot API server."""
    with TelegramServer() as running:
        yield running


@pytest.fixture
def port() -> int:
    """Where the figures are shown."""
    return free_port()


@pytest.fixture
async def live(tmp_path: Path, server: TelegramServer, port: int) -> AsyncIterator[Bench]:
    """A running bot that shows its figures."""
    made = Bench(tmp_path, server)
    made.settings = replace(made.settings, metrics=MetricsConfig(port=port))
    await made.start()
    yield made
    await made.close()


async def fetch(port: int, path: str) -> httpx.Response:
    """A page of the bot."""
    async with httpx.AsyncClient(verify=False) as client:  # reading certificates takes longer than all else
        return await client.get(f"http://127.0.0.1:{port}{path}")


async def figures(port: int) -> Series:
    """All samples of a scrape, read by Prometheus' own parser."""
    families = text_string_to_metric_families((await fetch(port, "/metrics")).text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def value(found: Series, name: str, **labels: str) -> float:
    """One sample."""
    return found[f"familiar_{name}", tuple(sorted(labels.items()))]


async def test_an_answer_is_counted_and_timed(live: Bench, port: int) -> None:
    """Updates, sends and each phase of the turn; queue and outbox are empty again."""
    ada = await live.owner()
    before = await figures(port)
    assert value(before, "turn_seconds_count", phase="total") == 0
    await live.reply_to(ada, STORY)
    await live.handled(2)
    after = await figures(port)
    assert value(after, "updates_total", outcome="received") == value(after, "updates_total", outcome="handled") == 2
    for phase in ("queue", "retrieval", "first_token", "total"):
        assert value(after, "turn_seconds_count", phase=phase) == 1
        assert value(after, "turn_seconds_bucket", phase=phase, le="+Inf") == 1
        assert 0 <= value(after, "turn_seconds_sum", phase=phase) < 10
    assert value(after, "sends_total", outcome="sent") == value(before, "sends_total", outcome="sent") + 1
    assert value(after, "queue_length") == value(after, "queue_wait_seconds") == 0
    assert value(after, "outbox_messages", state="waiting") == 0
    assert value(after, "polling") == 1
    assert value(after, "database_bytes") > 10_000
    assert value(after, "disk_free_bytes") > 0
    assert sys.platform != "linux" or after["process_resident_memory_bytes", ()] > 10_000_000


async def test_files_that_were_sent_are_counted_by_what_became_of_them(live: Bench, port: int) -> None:
    """The same file again is a duplicate."""
    ada = await live.owner()
    for number in (2, 3):
        ada.send_document("note.txt", b"The cabin has a blue door.")
        await live.handled(number)
    found = await figures(port)
    assert {kind: value(found, "imports_total", status=kind) for kind in ("indexed", "duplicate", "failed")} == {
        "indexed": 1,
        "duplicate": 1,
        "failed": 0,
    }


async def test_sends_that_fail_are_counted_by_kind(live: Bench, port: int) -> None:
    """A 429 that was obeyed, a refusal, and one of which nobody knows."""
    ada = await live.owner()
    live.server.fault("sendMessage", TooManyRequests(1))
    await live.reply_to(ada, "/help")
    live.server.fault("sendMessage", Refusal(400, "Bad Request: chat not found"))
    ada.send("/help")
    await live.handled(3)
    live.server.fault("sendMessage", NoAnswer(delivered=False, seconds=0.1))
    ada.send("/help")
    await live.handled(4)
    found = await figures(port)
    outcomes = {kind: value(found, "sends_total", outcome=kind) for kind in ("retry_after", "refused", "unknown")}
    assert outcomes == {"retry_after": 1, "refused": 1, "unknown": 1}
    assert read(live.store, now=datetime.now(UTC)).failed_sends == 2


async def test_counts_outlive_a_restart_and_forgetting(live: Bench, port: int) -> None:
    """They are the database's own."""
    ada = await live.owner()
    await live.reply_to(ada, STORY)
    await live.handled(2)
    await live.stop()
    with live.store.transaction() as db:
        db.execute("DELETE FROM telegram_inbox")
        db.execute("DELETE FROM telegram_replies")
    await live.start()
    found = await figures(port)
    assert value(found, "turn_seconds_count", phase="queue") == 1
    assert value(found, "updates_total", outcome="handled") == 2


async def test_figures_hold_nobody(live: Bench, port: int) -> None:
    """No name, no chat, no words; and as many series for two people as for one."""
    ada = await live.owner()
    await live.reply_to(ada, "The zebra sleeps at noon.")
    one = await figures(port)
    ben = await live.friend(ada, id=987_654_321, name="Benedikt")
    await live.reply_to(ben, "The okapi sleeps at noon.")
    text = (await fetch(port, "/metrics")).text
    assert not re.search(r"Ada|Benedikt|zebra|okapi|987654321", text)
    assert str(OWNER) not in re.findall(r'="([^"]*)"', text)
    assert (await figures(port)).keys() == one.keys()


async def test_health_says_what_is_wrong(live: Bench, port: int) -> None:
    """200 while all works; 503 while polls fail or nothing can be stored; 404 elsewhere."""
    well = await fetch(port, "/healthz")  # before any message has come
    assert (well.status_code, well.text) == (200, "ok\n")
    assert (await fetch(port, "/")).status_code == 404
    await live.owner()
    live.server.fault("getUpdates", Refusal(502, "Bad Gateway"), times=2)
    live.server.user(OWNER).send("/help")
    await live.server.until(lambda: any("trying again" in note for note in live.notes))
    sick = await fetch(port, "/healthz")
    assert sick.status_code == 503
    assert "Telegram can't be reached" in sick.text
    live.server.clear_faults()
    live.server.user(OWNER).send("/help")  # or the next poll would be answered only after half a minute
    while (await fetch(port, "/healthz")).status_code != 200:
        await asyncio.sleep(0.05)
    live.store.rows("PRAGMA query_only = ON")
    full = await fetch(port, "/healthz")
    live.store.rows("PRAGMA query_only = OFF")
    assert full.status_code == 503
    assert "can't be written" in full.text


async def test_a_taken_port_and_a_missing_extra_are_named(
    tmp_path: Path, server: TelegramServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The setting and the extra."""
    bench = Bench(tmp_path, server)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        bench.settings = replace(bench.settings, metrics=MetricsConfig(port=port))
        with pytest.raises(UsageError, match=rf"\[metrics\] listen 127.0.0.1, port {port} can't be listened on"):
            await bench.start()
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(UsageError, match=r"pip install -e '\.\[metrics\]'"):
        await bench.start()
    await bench.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A database with one user."""
    opened = Store(tmp_path / "counted" / "familiar.db")
    opened.add_user("ada", role="owner")
    yield opened
    opened.close()


@pytest.mark.parametrize(("late", "label"), [(LATE_SECONDS - 5, "on_time"), (LATE_SECONDS + 5, "late")])
def test_reminders_are_counted_by_lateness(store: Store, late: int, label: str) -> None:
    """As their reader is told."""
    due = datetime.now(UTC) - timedelta(seconds=late)
    add_reminder(store, NewReminder("k", "call", due, "UTC", Destination("telegram")), user_id=1)
    (item,) = due_reminders(store, until=datetime.now(UTC))
    mark_delivered(store, item, user_id=1, following=None)
    assert [(item.name, item.label, item.n) for item in counters(store)] == [("reminders", label, 1)]


def tuned(store: Store, id_: str, status: str, *, reason: str | None = None) -> None:
    """A tune that ended so."""
    with store.transaction() as db:
        db.execute(
            "INSERT INTO adapters (id, user_id, status, base_model, base_sha256, template_sha256, started_by,"
            " started_at) VALUES (?, 1, 'training', 'm', 'x', 'y', 'hand', ?)",
            (id_, f"2026-01-01T00:00:{id_}"),
        )
        db.execute("UPDATE adapters SET status = ?, reason = ? WHERE id = ?", (status, reason, id_))


def test_tunes_are_counted_and_failures_in_a_row_too(store: Store) -> None:
    """An interrupted tune is no failure; one that passed ends the row."""
    for id_, status in (("01", "failed"), ("02", "rejected"), ("03", "failed"), ("04", "failed")):
        tuned(store, id_, status)
    tuned(store, "05", "failed", reason="interrupted: killed")
    assert {(item.label, item.n) for item in counters(store)} == {("failed", 4), ("rejected", 1)}
    assert read(store, now=datetime.now(UTC)).failed_tunes == 2


def test_an_undone_transaction_counts_nothing(store: Store) -> None:
    """The count is part of it."""

    def broken() -> None:
        with store.transaction():
            count(store, "imports", "indexed")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    assert counters(store) == ()


def test_the_last_votes_on_the_worst_adapter(store: Store) -> None:
    """Only where there are as many as are asked for, and a correction is a bad one."""
    tuned(store, "01", "live")
    with store.transaction() as db:
        db.execute("INSERT INTO conversations VALUES (1, 1, 'terminal', NULL, '2026')")
        for number, (vote, correction) in enumerate([("up", None), ("up", None), ("down", None), ("down", "so")]):
            db.execute(
                "INSERT INTO turns (id, user_id, conversation_id, user_text, reply, generated, prompt, citations,"
                " memories, engine, model, adapter, timings, asked_at)"
                " VALUES (?, 1, 1, '', '', 'x', '[]', '[]', '[]', '', '', '01', '{}', '2026')",
                (number,),
            )
            db.execute("INSERT INTO feedback VALUES (?, 1, ?, ?, ?)", (number, vote, correction, f"2026-{number}"))
    assert worst_votes(store, last=3) == Votes(1, 2)
    assert worst_votes(store, last=5) == Votes()
    assert read(store, now=datetime.now(UTC)).votes == Votes(2, 1, 1)


def test_silence_is_a_problem_after_a_while() -> None:
    """A poll that hangs raises no error; a webhook is not asked about polls."""
    now = [0.0]
    connection = Connection(lambda: now[0])
    assert connection.problem() == "Telegram has not answered a poll yet"
    connection.answered()
    now[0] = SILENT_SECONDS
    assert connection.problem() is None
    now[0] += 1
    assert connection.problem() == "Telegram has answered no poll for 91 s"
    connection.failed("NetworkError")
    assert connection.problem() == polling_problem(None, "NetworkError") == "Telegram can't be reached (NetworkError)"
    connection.called_by_webhook()
    assert connection.problem() is None
