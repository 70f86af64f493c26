"""Previews are a courtesy: whatever goes wrong with them, the reply is not held up, and the event loop is not busy."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace

import pytest
from telegram.error import TelegramError

from bot.telegram import streaming, waiting
from bot.telegram.render import Part, reply_parts
from bot.telegram.sending import Place
from bot.telegram.streaming import DraftPreview, Stream
from memory.errors import FamiliarError

ADA = Place(7, private=True)


class Quiet:
    """A sender that sends nothing."""

    def __init__(self) -> None:
        self.drafts: list[str] = []

    async def typing(self, place: Place) -> None:
        """Nothing is shown."""

    def quiet_for(self, place: Place) -> float:
        """Telegram wants no wait."""
        del place
        return 0.0

    async def preview_draft(self, place: Place, draft_id: int, part: Part) -> None:
        """Remember it."""
        del place, draft_id
        self.drafts.append(part.text)


class Failing:
    """A preview that can't be shown."""

    refresh: float | None = None

    def __init__(self, error: Exception) -> None:
        self.shown = 0
        self._error = error

    async def show(self, text: str) -> None:
        """Fail."""
        del text
        self.shown += 1
        raise self._error


@pytest.mark.parametrize("error", [TelegramError("gone"), FamiliarError("disk full"), ValueError("odd text")])
async def test_a_preview_that_fails_costs_no_reply(error: Exception) -> None:
    """Three failures of any kind end the previews, not the turn."""
    preview = Failing(error)
    async with Stream(preview, Quiet(), ADA, seconds=0.0) as stream:  # type: ignore[arg-type]
        for number in range(6):
            stream.put(f"text {number}")
            await asyncio.sleep(0.02)
    assert preview.shown == 3


async def test_a_draft_is_set_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text with formulas and tables takes a while, in which others are answered."""
    threads: list[str] = []

    def noted(text: str) -> object:
        threads.append(threading.current_thread().name)
        return reply_parts(text)

    monkeypatch.setattr(streaming, "reply_parts", noted)
    sender = Quiet()
    await DraftPreview(sender, ADA, draft_id=1).show("some **text**")  # type: ignore[arg-type]
    assert sender.drafts == ["some text"]
    assert threads != [threading.main_thread().name]


class Silent(Quiet):
    """A sender whose requests get no answer."""

    async def typing(self, place: Place) -> None:
        """Wait for longer than a test may take."""
        del place
        await asyncio.sleep(60)


async def test_an_end_waits_for_no_preview_without_an_answer() -> None:
    """Neither while a reply is written nor while a file is read."""

    async def writing() -> None:
        async with Stream(Failing(TelegramError("gone")), Silent(), ADA, seconds=0.0):  # type: ignore[arg-type]
            await asyncio.sleep(60)

    async def reading() -> None:
        desk = SimpleNamespace(sender=Silent())
        async with waiting._typing(SimpleNamespace(desk=desk, place=ADA)):  # type: ignore[arg-type]
            await asyncio.sleep(60)

    tasks = [asyncio.create_task(writing()), asyncio.create_task(reading())]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    _, late = await asyncio.wait(tasks, timeout=2)
    assert not late
    assert all(task.cancelled() for task in tasks)
