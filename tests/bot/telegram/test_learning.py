"""Tunes by hand and by schedule: beside the chat, one message that follows them, one user's trouble never another's."""

from __future__ import annotations

import threading

from bot.locales import say
from tests.bot.telegram.bench import STORY, Bench, Checked, Outcome


async def test_a_tune_by_hand_reports_in_one_message(live: Bench) -> None:
    """Chat goes on meanwhile, a second tune waits its turn, and the message ends with the adapter's name."""
    ada = await live.owner()
    go = threading.Event()
    live.tunes.before = lambda _cancel: go.wait(10)
    progress = await live.reply_to(ada, "/tune")
    await live.server.until(lambda: "epoch 1 of 1" in live.server.replies(ada.id)[-1].text)
    assert "Once upon a time." in (await live.reply_to(ada, STORY)).text
    assert (await live.reply_to(ada, "/tune")).text == say("en", "tg_tune_busy")
    go.set()
    done = say("en", "tg_tuned", adapter="ada-1")
    await live.server.until(lambda: any(message.text == done for message in live.server.replies(ada.id)))
    (message,) = [message for message in live.server.replies(ada.id) if message.id == progress.id]
    assert message.text == done
    assert live.tunes.run == [("Ada", "hand")]
    assert (await live.reply_to(ada, STORY)).text.endswith("ada-1)")


async def test_a_rejected_adapter_says_which_check_failed(live: Bench) -> None:
    """And only those."""
    ada = await live.owner()
    checks = (Checked("held-out loss fell", True), Checked("replies no longer stop: 0.5, at least 0.8", False))
    live.tunes.outcome = Outcome(status="rejected", gate=checks)
    await live.reply_to(ada, "/tune")
    expected = f"{say('en', 'tg_tune_rejected', adapter='ada-1')}\n- replies no longer stop: 0.5, at least 0.8"
    await live.server.until(lambda: live.server.replies(ada.id)[-1].text == expected)


async def test_a_tune_with_too_little_says_why(live: Bench) -> None:
    """The reason is the tuner's."""
    ada = await live.owner()
    live.tunes.outcome = Outcome(None, "skipped", "too few examples: 3")
    await live.reply_to(ada, "/tune")
    expected = say("en", "tg_tune_skipped", reason="too few examples: 3")
    await live.server.until(lambda: live.server.replies(ada.id)[-1].text == expected)


async def test_a_due_tune_starts_by_itself_and_is_announced(live: Bench) -> None:
    """Once, with the new adapter's name."""
    ada = await live.owner()
    live.tunes.due.add("Ada")
    done = say("en", "tg_tuned", adapter="ada-1")
    await live.server.until(lambda: live.server.replies(ada.id)[-1].text == done)
    assert live.tunes.run == [("Ada", "schedule")]


async def test_who_blocked_the_bot_stops_nobody_elses_tune(live: Bench) -> None:
    """Ben's tune runs and is announced though Ada can't be told of hers; a tune that fails is no end either."""
    ada = await live.owner()
    ben = await live.friend(ada)
    ada.block()
    live.tunes.due |= {"Ada", "Ben"}
    done = say("en", "tg_tuned", adapter="ada-1")
    await live.server.until(lambda: len(live.tunes.run) == 2 and live.server.replies(ben.id)[-1].text == done)
    assert sorted(live.tunes.run) == [("Ada", "schedule"), ("Ben", "schedule")]

    def fail(_cancel: threading.Event) -> None:
        live.tunes.due.discard("Ada")
        raise RuntimeError("no room on the device")

    live.tunes.before = fail
    live.tunes.due.add("Ada")
    await live.server.until(lambda: not live.tunes.due)
    live.tunes.before = lambda _cancel: None
    live.tunes.due.add("Ben")
    await live.server.until(lambda: len(live.tunes.run) == 3)


async def test_a_stop_ends_a_tune(bench: Bench) -> None:
    """It is told to end, so that no training process is left behind."""
    await bench.start()
    ada = await bench.owner()
    ended = threading.Event()

    def train(cancel: threading.Event) -> None:
        if cancel.wait(10):
            ended.set()

    bench.tunes.before = train
    await bench.reply_to(ada, "/tune")
    await bench.stop()
    assert ended.is_set()
