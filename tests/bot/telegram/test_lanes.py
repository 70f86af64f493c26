"""What is handled after what, and what together."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from telegram import CallbackQuery, Chat, Message, Update, User

from bot.telegram.lanes import Lanes, batch, stops

NUMBERS = itertools.count(1)
ADA, BEN = User(7, "Ada", is_bot=False), User(8, "Ben", is_bot=False)


def said(text: str, *, by: User = ADA, chat: int = 7, kind: str = "private", number: int | None = None) -> Update:
    """A message as an update."""
    id_ = number or next(NUMBERS)
    message = Message(id_, datetime.now(UTC), Chat(chat, kind), from_user=by, text=text)
    return Update(id_, message=message)


def words(updates: Sequence[Update]) -> list[str]:
    return [update.message.text or "" for update in updates if update.message is not None]


def test_texts_in_a_row_belong_together() -> None:
    """Until a command, another person's message, or the end; in groups each is for itself."""
    assert words(batch([said("one"), said("two"), said("/help"), said("three")])) == ["one", "two"]
    assert words(batch([said("/help"), said("one")])) == ["/help"]
    assert words(batch([said("one"), said("two", by=BEN)])) == ["one"]
    group = partial(said, chat=-5, kind="supergroup")
    assert words(batch([group("one"), group("two")])) == ["one"]
    assert batch([]) == []


def test_a_stop_is_said_or_pressed() -> None:
    """In both languages, and only where nothing else is said."""
    assert stops(said("/stop"))
    assert stops(said("Stop."))
    assert stops(said("停"))
    assert not stops(said("Where does the bus stop?"))
    query = CallbackQuery("1", ADA, "1", data="stop")
    assert stops(Update(next(NUMBERS), callback_query=query))


async def test_chats_go_beside_each_other_and_each_in_order() -> None:
    """One that takes long holds up nobody else; what came meanwhile is handled together, in order of its number."""
    handled: list[list[str]] = []
    go = asyncio.Event()

    async def handle(updates: Sequence[Update]) -> None:
        if words(updates) == ["slow"]:
            await go.wait()
        handled.append(words(updates))

    lanes = Lanes(handle, join_seconds=0.0)
    lanes.add(said("slow", number=101))
    await asyncio.sleep(0)
    for update in (said("third", number=103), said("second", number=102), said("other", by=BEN, chat=8)):
        lanes.add(update)
    await asyncio.sleep(0.05)
    assert handled == [["other"]]
    go.set()
    await asyncio.sleep(0.05)
    assert handled == [["other"], ["slow"], ["second", "third"]]
    await lanes.close(seconds=0.0)


async def test_what_waits_at_the_end_is_left() -> None:
    """It is in the inbox; what is being handled may end."""
    handled: list[list[str]] = []

    async def handle(updates: Sequence[Update]) -> None:
        await asyncio.sleep(0.05)
        handled.append(words(updates))

    lanes = Lanes(handle, join_seconds=0.0)
    lanes.add(said("/help"))
    await asyncio.sleep(0)
    lanes.add(said("later"))
    await lanes.close(seconds=1.0)
    assert handled == [["/help"]]


async def test_a_moment_is_waited_for_what_belongs_to_it() -> None:
    """Telegram cuts a long text, and people press Enter early."""
    handled: list[list[str]] = []

    async def handle(updates: Sequence[Update]) -> None:
        handled.append(words(updates))

    lanes = Lanes(handle, join_seconds=0.1)
    lanes.add(said("one"))
    await asyncio.sleep(0.05)
    lanes.add(said("two"))
    lanes.add(said("/help"))
    await asyncio.sleep(0.3)
    assert handled == [["one", "two"], ["/help"]]
    await lanes.close(seconds=1.0)


async def test_work_from_before_comes_first() -> None:
    """A reply that the last run did not deliver comes before the answer to what was written after it."""
    done: list[str] = []

    async def handle(updates: Sequence[Update]) -> None:
        done.extend(words(updates))

    async def earlier(name: str) -> None:
        await asyncio.sleep(0.01)
        done.append(name)

    lanes = Lanes(handle, join_seconds=0.0)
    lanes.before_all(7, partial(earlier, "first"))
    lanes.before_all(7, partial(earlier, "second"))
    lanes.add(said("third"))
    await asyncio.sleep(0.1)
    assert done == ["first", "second", "third"]
    await lanes.close(seconds=1.0)


async def test_what_was_begun_before_is_handled_alone() -> None:
    """Part of its answer may be there, which belongs to nothing that came later."""
    handled: list[list[str]] = []

    async def handle(updates: Sequence[Update]) -> None:
        handled.append(words(updates))

    lanes = Lanes(handle, join_seconds=0.0)
    lanes.add(said("one"), alone=True)
    lanes.add(said("two"))
    lanes.add(said("three"))
    await asyncio.sleep(0.05)
    assert handled == [["one"], ["two", "three"]]
    await lanes.close(seconds=1.0)


async def test_work_that_fails_leaves_its_chat_free() -> None:
    """The next message is handled."""
    handled: list[list[str]] = []

    async def handle(updates: Sequence[Update]) -> None:
        handled.append(words(updates))

    async def fails() -> None:
        raise RuntimeError

    lanes = Lanes(handle, join_seconds=0.0)
    lanes.before_all(7, fails)
    await asyncio.sleep(0.05)
    lanes.add(said("one"))
    await asyncio.sleep(0.05)
    assert handled == [["one"]]
    await lanes.close(seconds=1.0)


async def handled_by(lanes_of: float, *updates: Update, seconds: float = 0.3) -> list[list[str]]:
    """What is handled together, in order, of updates that come at once."""
    handled: list[list[str]] = []

    async def handle(updates: Sequence[Update]) -> None:
        handled.append(words(updates))

    lanes = Lanes(handle, join_seconds=lanes_of)
    for update in updates:
        lanes.add(update)
    await asyncio.sleep(seconds)
    await lanes.close(seconds=1.0)
    return handled


async def test_in_a_group_people_are_answered_in_turn() -> None:
    """A flood holds up its writer only."""
    group = partial(said, chat=-5, kind="supergroup")
    flood = [group(f"ada {number}") for number in range(3)]
    assert await handled_by(0.0, *flood, group("ben 0", by=BEN), group("ben 1", by=BEN)) == [
        ["ada 0"],
        ["ben 0"],
        ["ada 1"],
        ["ben 1"],
        ["ada 2"],
    ]


async def test_no_more_is_joined_than_a_model_can_read() -> None:
    """The rest is handled next, and nothing is lost."""
    flood = [said("x" * 1000) for _ in range(30)]
    assert [len(together) for together in await handled_by(0.0, *flood)] == [12, 12, 6]
    assert await handled_by(0.0, said("x" * 20_000)) == [["x" * 20_000]]


async def test_who_never_stops_writing_is_answered() -> None:
    """After ten times the moment that is waited for what belongs together."""
    handled: list[list[str]] = []

    async def handle(updates: Sequence[Update]) -> None:
        handled.append(words(updates))

    lanes = Lanes(handle, join_seconds=0.02)
    for number in range(100):
        lanes.add(said(str(number)))
        await asyncio.sleep(0.01)
    assert len(handled) >= 2
    await lanes.close(seconds=1.0)


async def test_a_flood_of_buttons_is_acted_on_a_few_at_a_time() -> None:
    """Another person's button waits for none of them, nor does the one that stops a reply."""
    under_way: list[str] = []
    go = asyncio.Event()

    async def handle(updates: Sequence[Update]) -> None:
        under_way.append(updates[0].callback_query.data or "" if updates[0].callback_query else "")
        await go.wait()

    lanes = Lanes(handle, join_seconds=0.0)
    for number in range(50):
        lanes.add(pressed(f"why:{number}", by=ADA))
    lanes.add(pressed("up:1", by=BEN))
    lanes.add(pressed("stop", by=ADA))
    await asyncio.sleep(0.05)
    assert under_way == ["why:0", "why:1", "why:2", "why:3", "up:1", "stop"]
    go.set()
    await asyncio.sleep(0.05)
    assert len(under_way) == 52
    await lanes.close(seconds=1.0)


def pressed(data: str, *, by: User) -> Update:
    """A pressed button as an update."""
    return Update(next(NUMBERS), callback_query=CallbackQuery("1", by, "1", data=data))


async def test_what_is_handled_again_keeps_its_place() -> None:
    """Behind an update of a lower number that came meanwhile."""
    handled: list[list[str]] = []

    async def handle(updates: Sequence[Update]) -> Sequence[Update]:
        handled.append(words(updates))
        if len(handled) > 1:
            return ()
        lanes.add(said("early", number=1001))
        return updates

    lanes = Lanes(handle, join_seconds=0.0)
    lanes.add(said("late", number=1002))
    await asyncio.sleep(0.05)
    assert handled == [["late"], ["early", "late"]]
    await lanes.close(seconds=1.0)


async def test_a_button_and_a_stop_are_handled_again_too() -> None:
    """Where the database could not be written."""
    handled: list[int] = []

    async def handle(updates: Sequence[Update]) -> Sequence[Update]:
        handled.append(updates[0].update_id)
        return updates if handled.count(updates[0].update_id) == 1 else ()

    lanes = Lanes(handle, join_seconds=0.0)
    given = [pressed("up:1", by=ADA), said("/stop")]
    for update in given:
        lanes.add(update)
    await asyncio.sleep(0.05)
    assert sorted(handled) == sorted([update.update_id for update in given] * 2)
    await lanes.close(seconds=1.0)
