"""Calls keep to Telegram's pace, chats take turns at it, and courtesies keep no reply waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from bot.telegram.pacing import Pace


class Calls:
    """Calls made through a pace: the chat of each, and when it went out."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.made: list[int] = []
        self.at: list[float] = []

    async def __call__(self, chat: int | None, endpoint: str = "sendMessage") -> object:
        """Make one."""

        async def call() -> str:
            self.made.append(chat or 0)
            self.at.append(time.monotonic())
            return "made"

        data = {} if chat is None else {"chat_id": chat}
        return await self._pace.process_request(call, (), {}, endpoint, data, None)


@pytest.fixture
async def pace() -> AsyncIterator[Pace]:
    """Twenty calls a second."""
    made = Pace(20.0, group_per_minute=3.0)
    await made.initialize()
    yield made
    await made.shutdown()


async def test_calls_keep_to_the_pace(pace: Pace) -> None:
    """A second's calls at once, the others spread over the seconds after it."""
    calls = Calls(pace)
    began = time.monotonic()
    await asyncio.gather(*(calls(7) for _ in range(26)))
    assert time.monotonic() - began >= 0.25
    assert calls.at[19] - began < 0.2


async def test_chats_take_turns(pace: Pace) -> None:
    """One chat's hundred calls delay another's by one."""
    calls = Calls(pace)
    flood = asyncio.gather(*(calls(7) for _ in range(100)))
    await asyncio.sleep(0.05)
    before = len(calls.made)
    await asyncio.gather(calls(8), calls(9))
    assert set(calls.made[before : before + 4]) == {7, 8, 9}
    flood.cancel()
    with pytest.raises(asyncio.CancelledError):
        await flood


async def test_courtesies_are_left_out_where_replies_wait(pace: Pace) -> None:
    """They count as done, and use up half of the calls at most."""
    calls = Calls(pace)
    answers = await asyncio.gather(*(calls(chat, "sendChatAction") for chat in range(1, 101)))
    assert answers.count("made") == len(calls.made) == 11
    assert answers.count(True) == 89
    replies = asyncio.gather(*(calls(7) for _ in range(20)))
    await asyncio.sleep(0)
    assert await calls(8, "sendMessageDraft") is True
    await replies


async def test_a_group_has_a_limit_of_its_own(pace: Pace) -> None:
    """It holds up no other chat."""
    calls = Calls(pace)
    group = asyncio.gather(*(calls(-5) for _ in range(4)))
    await asyncio.sleep(0.05)
    await calls(7)
    assert calls.made == [-5, -5, -5, 7]
    group.cancel()
    with pytest.raises(asyncio.CancelledError):
        await group


async def test_what_goes_to_no_chat_waits_for_nothing(pace: Pace) -> None:
    """Such as the answer to a pressed button; and where there is no limit, nothing does."""
    calls = Calls(pace)
    flood = asyncio.gather(*(calls(7) for _ in range(30)))
    await asyncio.sleep(0.01)
    assert await calls(None) == "made"
    await flood
    free = Calls(Pace(0.0))
    began = time.monotonic()
    await asyncio.gather(*(free(-5) for _ in range(200)))
    assert time.monotonic() - began < 0.5


async def test_a_call_that_is_given_up_takes_nobodys_turn(pace: Pace) -> None:
    """Those behind it go on."""
    calls = Calls(pace)
    await asyncio.gather(*(calls(7) for _ in range(20)))
    quitter = asyncio.create_task(calls(7))
    patient = asyncio.create_task(calls(7))
    await asyncio.sleep(0)
    quitter.cancel()
    await patient
    assert len(calls.made) == 21
