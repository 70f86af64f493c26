"""Feedback, corrections, /why, /summary and /settings."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from bot.engines.base import Likelihood
from bot.locales import say
from memory.erasure import forget_turn
from memory.turns import feedback_of, turns_of
from tests.bot.telegram.bench import STORY, Bench
from tests.engine import ScoringEngine
from tests.telegram_api import Message
from tests.telegram_api.raw import pressed_raw


def feedback(bench: Bench) -> list[tuple[str | None, str | None]]:
    """The owner's votes and corrections."""
    return [(item.vote, item.correction) for item in feedback_of(bench.store, user_id=bench.user().id)]


def data(message: Message, kind: str) -> str:
    """The callback data of the button of that kind."""
    return (
        next(button.callback_data for button in message.buttons if (button.callback_data or "").startswith(kind)) or ""
    )


async def test_a_thumb_is_kept_with_its_turn(live: Bench) -> None:
    """The button says thank you; a second press counts instead of the first."""
    ada = await live.owner()
    reply = await live.reply_to(ada, STORY)
    ada.press(reply, data(reply, "up"))
    await live.server.until(lambda: feedback(live) == [("up", None)])
    ada.press(reply, data(reply, "down"))
    await live.server.until(lambda: feedback(live) == [("down", None)])
    notes = [answer.text for answer in live.server.answers()]
    assert notes == [say("en", "tg_thanks"), say("en", "tg_how_to_correct")]


async def test_a_button_is_answered_before_anything_is_done(live: Bench) -> None:
    """And one that Telegram finds too old is acted on all the same."""
    ada = await live.owner()
    reply = await live.reply_to(ada, STORY)
    ada.press(reply, data(reply, "up"), expired=True)
    await live.server.until(lambda: feedback(live) == [("up", None)])
    ada.press(reply, data(reply, "why"))
    await live.server.until(lambda: len(live.server.replies(ada.id, after=reply)) == 1)
    methods = [call.method for call in live.server.calls() if call.method in ("answerCallbackQuery", "sendMessage")]
    assert methods[-2:] == ["answerCallbackQuery", "sendMessage"]


async def test_after_a_thumb_down_a_reply_is_the_right_text(live: Bench) -> None:
    """Once it is given, replies to the message are questions again."""
    ada = await live.owner()
    reply = await live.reply_to(ada, STORY)
    ada.press(reply, data(reply, "down"))
    await live.server.until(lambda: feedback(live) == [("down", None)])
    kept = await live.reply_to(ada, "There was a fox.", reply_to=reply)
    (turn,) = turns_of(live.store, user_id=live.user().id)
    assert kept.text == say("en", "feedback_kept", n=turn.id)
    assert feedback(live) == [("down", "There was a fox.")]
    assert "Once upon a time." in (await live.reply_to(ada, STORY, reply_to=reply)).text


async def test_correct_as_a_command(live: Bench) -> None:
    """In reply to the message; without one, or without a text, it says how."""
    ada = await live.owner()
    reply = await live.reply_to(ada, STORY)
    assert (await live.reply_to(ada, "/correct x")).text == say("en", "tg_correct_how")
    assert (await live.reply_to(ada, "/correct", reply_to=reply)).text == say("en", "tg_correct_how")
    await live.reply_to(ada, "/correct There was\na fox.", reply_to=reply)
    assert feedback(live) == [("down", "There was\na fox.")]


async def test_nobody_judges_anothers_reply(live: Bench) -> None:
    """A forged button names a turn that is not the presser's, and is told that it has expired."""
    ada = await live.owner()
    ben = await live.friend(ada)
    reply = await live.reply_to(ada, STORY)
    own = await live.reply_to(ben, STORY)
    answer = await pressed_raw(live.server, ben, data(reply, "down"), message=own.as_json())
    assert (answer.text, answer.show_alert) == (say("en", "tg_button_expired"), True)
    assert feedback(live) == []


async def test_why_shows_what_the_model_was_given(live: Bench) -> None:
    """For the last reply, the one that is replied to, or the one with a number."""
    ada = await live.owner()
    assert (await live.reply_to(ada, "/why")).text == say("en", "tg_no_turn")
    live.tunes.adapters[live.user().id] = "ada-1"
    first = await live.reply_to(ada, "Tell me a story of a fox.")
    live.tunes.adapters.clear()
    await live.reply_to(ada, "Tell me a story of a hen.")
    last = await live.reply_to(ada, "/why")
    replied = await live.reply_to(ada, "/why", reply_to=first)
    named = await live.reply_to(ada, "/why 1")
    assert say("en", "why_model", engine="scripted", model="scripted", adapter="-") in last.text
    assert "user: Tell me a story of a hen." in last.text
    assert replied.text == named.text
    assert "adapter ada-1" in replied.text
    assert "user: Tell me a story of a fox." in replied.text
    assert "there is no turn 99" in (await live.reply_to(ada, "/why 99")).text


async def test_why_says_what_carried_a_reply(bench: Bench) -> None:
    """In a second message, since it has to be computed; an engine that can't is named in the first."""
    await bench.start()
    ada = await bench.owner()
    await bench.reply_to(ada, STORY)
    assert say("en", "why_missing_no_scorer") in (await bench.reply_to(ada, "/why")).text
    await bench.stop()
    bench.engine = ScoringEngine(lambda _: "Once upon a time.")
    await bench.start()
    await bench.reply_to(ada, STORY)
    first = await bench.reply_to(ada, "/why")
    await bench.server.until(lambda: len(bench.server.replies(ada.id, after=first)) == 1)
    assert "per token of what the model wrote (4 tokens): -1.000" in bench.server.replies(ada.id)[-1].text


async def test_why_tells_nothing_of_what_is_forgotten_meanwhile(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The figures name memories and repeat the messages: they are not told of a turn that has changed since."""
    await bench.start()
    ada = await bench.owner()
    await bench.reply_to(ada, "My locker at the pool has the number 4711.")
    bench.reply = lambda _: "It is 4711 [1]."
    await bench.reply_to(ada, "Write me a poem about my locker at the pool.")
    await bench.stop()
    score = ScoringEngine.log_likelihood

    def forget(self: ScoringEngine, *args: Any, **options: Any) -> Likelihood:
        if turns_of(bench.store, user_id=bench.user().id)[0].id == 1:
            forget_turn(bench.store, None, user_id=bench.user().id, turn_id=1)
        return score(self, *args, **options)

    monkeypatch.setattr(ScoringEngine, "log_likelihood", forget)
    bench.engine = ScoringEngine()
    await bench.start()
    first = await bench.reply_to(ada, "/why 2")
    await bench.server.until(lambda: len(bench.server.replies(ada.id, after=first)) == 1)
    assert bench.server.replies(ada.id)[-1].text == say("en", "why_missing_erased")


async def test_the_reply_names_its_adapter(live: Bench) -> None:
    """So that a tune is seen to have had its effect."""
    ada = await live.owner()
    live.tunes.adapters[live.user().id] = "ada-1"
    assert (await live.reply_to(ada, STORY)).text.endswith("(turn 1, ada-1)")


async def test_summary_has_its_sources(live: Bench) -> None:
    """Of what was told; about something unknown it says that there is nothing."""
    ada = await live.owner()
    assert (await live.reply_to(ada, "/summary")).text == say("en", "nothing_found")
    await live.reply_to(ada, "My locker at the pool has the number 4711.")
    summary = await live.reply_to(ada, "/summary")
    assert "4711" in summary.text
    assert say("en", "sources") in summary.text
    assert "once upon" not in summary.text.lower()
    wrong = await live.reply_to(ada, "/summary since the day of the blue moon")
    assert "blue moon" in wrong.text


def chosen(message: Message) -> list[str]:
    """The buttons with a mark."""
    return [button.text for button in message.buttons if button.text.startswith("✓")]


def is_set(bench: Bench, value: str) -> bool:
    """Whether the owner's profile holds a value."""
    return value in vars(bench.user().profile).values()


async def test_settings_change_by_buttons_and_so_does_the_language(live: Bench) -> None:
    """The message shows the new state in the new language, and the menu of this chat follows."""
    ada = await live.owner()
    shown = await live.reply_to(ada, "/settings")
    assert chosen(shown) == ["✓ English", "✓ prose", "✓ medium"]
    for press in ("set:form:bullets", "set:length:short", "set:language:zh"):
        ada.press(shown, press)
        await live.server.until(partial(is_set, live, press.split(":")[2]))
    described = say("zh", "tg_menu_help")
    await live.server.until(lambda: live.server.commands(f"chat:{ada.id}")[1].description == described)
    (shown,) = [message for message in live.server.replies(ada.id) if message.id == shown.id]
    assert shown.text.startswith(say("zh", "tg_settings"))
    assert chosen(shown) == ["✓ 中文", "✓ 要点", "✓ 短"]
    assert (await live.reply_to(ada, "/help")).text.startswith(say("zh", "tg_help"))
