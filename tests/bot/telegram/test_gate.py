"""The door keeps each update before it is confirmed, whatever it holds."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from telegram import InlineQuery, Update

from bot.config import TelegramConfig
from bot.telegram import gate, inbox
from bot.telegram.gate import Door
from bot.telegram.lanes import Lanes
from memory.errors import FamiliarError
from memory.store import Store
from tests.bot.telegram.bench import OWNER, STORY, Bench
from tests.bot.telegram.test_lanes import ADA, said
from tests.telegram_api import Refusal


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new database."""
    opened = Store(tmp_path / "familiar.db")
    yield opened
    opened.close()


def door_to(store: Store, lanes: Lanes) -> Door:
    """A door to these lanes; inline queries are left."""
    return Door(store, lanes, asyncio.Event(), config=TelegramConfig(), inline=lambda _query: None)


async def put(store: Store, update: Update) -> list[int]:
    """Put an update through a door; gives the numbers of what is handled."""
    handled: list[int] = []

    async def handle(updates: Sequence[Update]) -> None:
        handled.extend(each.update_id for each in updates)

    lanes = Lanes(handle, join_seconds=0.0)
    await door_to(store, lanes).put(update)
    await asyncio.sleep(0.05)
    await lanes.close(seconds=1.0)
    return handled


async def test_half_a_character_ends_no_polling(store: Store) -> None:
    """Telegram may cut a text between the two halves of an emoji; what can't be stored is replaced."""
    assert await put(store, said("cut \ud83d", number=5)) == [5]
    (received,) = inbox.waiting(store)
    assert json.loads(received.payload)["message"]["text"] == "cut ?"


async def test_a_row_that_is_refused_is_tried_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where its writer was forgotten in that moment; polling goes on."""
    real, tries = inbox.keep, []

    def refused_once(*args: object, **named: object) -> bool:
        tries.append(1)
        if len(tries) == 1:
            raise sqlite3.IntegrityError("FOREIGN KEY constraint failed")
        return real(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(inbox, "keep", refused_once)
    monkeypatch.setattr(gate, "_AGAIN_SECONDS", 0.01)
    assert await put(store, said("hello", number=6)) == [6]
    assert len(tries) == 2


async def test_what_a_poll_brings_is_kept_by_one_write(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """And handled once, also where it holds an update twice or one that came before."""
    handled: list[int] = []

    async def handle(updates: Sequence[Update]) -> None:
        handled.extend(each.update_id for each in updates)

    lanes = Lanes(handle, join_seconds=0.0)
    door = door_to(store, lanes)
    first, second, third = (said("/help", number=number) for number in (7, 8, 9))
    await door.keep([first])
    await door.put(first)
    await door.keep([first, second, second, third])
    commits: list[int] = []

    def again(*_: object) -> dict[int, bool]:
        commits.append(1)
        return {8: False}

    monkeypatch.setattr(gate, "_keep_all", again)
    for update in (first, second, second, third):
        await door.put(update)
    await asyncio.sleep(0.05)
    assert handled == [7, 8, 9]
    assert commits == [1], "only the second of two that are one is looked at again"
    await lanes.close(seconds=1.0)


async def test_left_kinds_count_as_backlog_too(store: Store) -> None:
    """Else a question that is asked while the bot runs would be taken for an old one."""
    asked: list[str] = []
    lanes = Lanes(nothing_again, join_seconds=0.0)

    def inline(query: InlineQuery) -> None:
        asked.append(query.id)

    door = Door(store, lanes, asyncio.Event(), config=TelegramConfig(), inline=inline, backlog=1)
    await door.put(Update(1))
    await door.put(Update(2, inline_query=InlineQuery("q", ADA, "words", "")))
    assert asked == ["q"]
    await lanes.close(seconds=1.0)


async def nothing_again(updates: Sequence[Update]) -> Sequence[Update]:
    """Handles nothing."""
    del updates
    return ()


def locked() -> FamiliarError:
    """What the store raises where another process writes."""
    error = FamiliarError("familiar.db can't be written: database is locked")
    error.__cause__ = sqlite3.OperationalError("database is locked")
    return error


def fails_once(monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """Let one step of the inbox meet a locked database, once it is armed by an item."""
    real, armed = getattr(inbox, name), list[int]()

    def step(*args: object, **named: object) -> object:
        if armed:
            armed.clear()
            raise locked()
        return real(*args, **named)

    monkeypatch.setattr(inbox, name, step)
    monkeypatch.setattr(gate, "_AGAIN_SECONDS", 0.01)
    return armed


@pytest.mark.parametrize("step", ["overtaken", "begin", "done"])
async def test_a_locked_database_leaves_no_message(live: Bench, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """It is answered in a moment, and once."""
    ada = await live.owner()
    armed = fails_once(monkeypatch, step)
    for text in (STORY, "/help"):
        armed.append(1)
        written = ada.send(text)
        await live.server.until(lambda: not armed)
        await live.server.until(lambda: live.server.replies(OWNER)[-1].id > written.id)  # noqa: B023 - used at once
        await live.server.until(lambda: not inbox.waiting(live.store))
        assert len(live.server.replies(OWNER, after=written)) == 1
    assert len(live.engine.requests) == 1


async def test_a_stranger_who_can_not_be_written_to_is_done_with(live: Bench) -> None:
    """And the bot forgets the message, as any other."""
    await live.owner()
    live.server.fault("sendMessage", Refusal(403, "Forbidden: bot was blocked by the user"))
    live.server.user(8, "Ben").send("hello")
    await live.handled(2)
    assert inbox.waiting(live.store) == []
