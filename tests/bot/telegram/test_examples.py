"""/examples shows what would be learned; its buttons decide; a due tune asks first where that is wished."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from bot.locales import say
from memory.records import User
from memory.turns import give_feedback
from tests.bot.telegram.bench import STORY, Bench
from tests.telegram_api import Message
from tuning.preparing import Prepared


def choices(bench: Bench) -> list[tuple[int, str]]:
    """Turns with what was decided about them."""
    rows = bench.store.rows("SELECT turn_id, choice FROM example_choices ORDER BY turn_id")
    return [(row["turn_id"], row["choice"]) for row in rows]


async def told(bench: Bench, language: str = "en") -> Message:
    """Ada's list with one example, an approved story."""
    ada = await bench.owner(language)
    assert (await bench.reply_to(ada, "/examples")).text == say(language, "tg_examples_none")
    await bench.reply_to(ada, STORY)
    give_feedback(bench.store, 1, user_id=bench.user().id, vote="up")
    return await bench.reply_to(ada, "/examples")


async def test_buttons_strike_out_and_take_back_in(live: Bench) -> None:
    """✕ keeps an example out for good, ✓ takes it in whatever the filters say; the message shows which holds."""
    listed = await told(live)
    assert listed.text == f"{say('en', 'tg_examples')}\n1. Once upon a time. (to learn)"
    assert [button.text for button in listed.buttons] == ["✓ 1", "✕ 1"]
    ada = live.server.user(7, "Ada")
    ada.press(listed, listed.buttons[1].callback_data or "")
    await live.server.until(lambda: live.server.replies(ada.id)[-1].text.endswith("(struck out)"))
    assert choices(live) == [(1, "struck")]
    ada.press(listed, listed.buttons[0].callback_data or "")
    await live.server.until(lambda: live.server.replies(ada.id)[-1].text.endswith("(approved)"))
    assert choices(live) == [(1, "approved")]


async def test_nobody_decides_about_anothers(live: Bench) -> None:
    """A forged button names an example that is not the presser's, and changes nothing."""
    listed = await told(live)
    ben = await live.friend(live.server.user(7, "Ada"))
    own = await live.reply_to(ben, "/examples")
    assert own.text == say("en", "tg_examples_none")
    body = {"id": "1", "from": ben.user.as_json(), "message": own.as_json(), "chat_instance": "8"}
    live.server.world.add_update("callback_query", {**body, "data": listed.buttons[1].callback_data})
    await live.reply_to(ben, "/examples")
    assert choices(live) == []


async def test_a_due_tune_asks_before_it_starts(bench: Bench) -> None:
    """With ask_before nothing starts by itself: the report and two buttons are sent once, and "now" starts it."""
    bench.settings = replace(bench.settings, tuning=replace(bench.settings.tuning, ask_before=True))
    await bench.start()
    ada = await bench.owner()
    bench.tunes.due.add("Ada")
    await bench.server.until(lambda: say("en", "tg_tune_ask") in bench.server.replies(ada.id)[-1].text)
    asked = bench.server.replies(ada.id)[-1]
    assert "0 of 0 pairs to learn from" in asked.text
    assert [button.text for button in asked.buttons] == [say("en", "tg_tune_now"), say("en", "tg_tune_later")]
    ada.press(asked, asked.buttons[1].callback_data or "")
    await bench.server.until(lambda: bench.server.replies(ada.id)[-1].text == say("en", "tg_tune_put_off"))
    await bench.reply_to(ada, STORY)
    assert bench.tunes.run == []
    assert sum(say("en", "tg_tune_ask") in message.text for message in bench.server.replies(ada.id)) == 0
    bench.store.set_state(f"tune_asked:{bench.user().id}", "2026-01-01T00:00:00+00:00")
    await bench.server.until(lambda: say("en", "tg_tune_ask") in bench.server.replies(ada.id)[-1].text)
    again = bench.server.replies(ada.id)[-1]
    ada.press(again, again.buttons[0].callback_data or "")
    await bench.server.until(lambda: bench.tunes.run == [("Ada", "hand")])


async def test_two_looks_at_once_ask_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forgetting looks beside the schedule; two presses of "now" start one tune, and the other is told of it."""
    bench.settings = replace(bench.settings, tuning=replace(bench.settings.tuning, ask_before=True))
    looked, go = threading.Semaphore(0), threading.Event()
    prepared = bench._examples

    def slowly(user: User) -> Prepared:
        looked.release()
        go.wait(1)
        return prepared(user)

    monkeypatch.setattr(bench, "_examples", slowly)
    await bench.start()
    ada = await bench.owner()
    question = await bench.reply_to(ada, "/forget", reply_to=await bench.reply_to(ada, STORY))
    bench.tunes.due.add("Ada")
    await bench.server.until(lambda: looked.acquire(blocking=False))
    ada.press(question, "forget:turn:1")
    await bench.server.until(lambda: say("en", "tg_tune_ask") in bench.server.replies(ada.id)[-1].text)
    assert not looked.acquire(blocking=False)
    asked = bench.server.replies(ada.id)[-1]
    bench.tunes.before = lambda _cancel: go.wait(10)
    for _ in range(2):
        ada.press(asked, "tune:now")
    await bench.server.until(
        lambda: any(message.text == say("en", "tg_tune_busy") for message in bench.server.replies(ada.id))
    )
    go.set()
    await bench.server.until(lambda: bench.tunes.run == [("Ada", "hand")])


async def test_a_group_neither_lists_nor_tunes(live: Bench) -> None:
    """What /examples and the question before a tune offer is refused there, also where a button is forged."""
    ada = await live.owner()
    group = live.server.group(-1001)
    said = ada.send("@familiar_test_bot tell me a story please", chat=group)
    (shown,) = await live.server.until(lambda: live.server.replies(group.id, after=said))
    turn = live.store.rows("SELECT max(id) FROM turns")[0][0]
    for data in (f"example:no:turn:{turn}", "tune:now", f"up:{turn}"):
        body = {"id": "1", "from": ada.user.as_json(), "message": shown.as_json(), "chat_instance": "8"}
        live.server.world.add_update("callback_query", {**body, "data": data})
    await live.server.until(lambda: live.store.rows("SELECT vote FROM feedback"))
    await live.reply_to(ada, STORY)
    assert live.tunes.run == []
    assert choices(live) == []
