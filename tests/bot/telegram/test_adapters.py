"""/adapters, votes that fall, and what forgetting starts: each concerns one user's own adapter."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial

import pytest

from bot.locales import say
from tests.bot.telegram.bench import STORY, Bench
from tests.bot.telegram.test_commands import data
from tests.bot.telegram.test_forgetting import LOCKER, pressed
from tests.telegram_api import UserDriver
from tests.telegram_api.raw import pressed_raw
from tests.tuning.test_adapters import EXAMPLE
from tuning.adapters import Outcome
from tuning.job import BaseModel


def make_live(bench: Bench, telegram_id: int) -> str:
    """A live adapter of a user; their turns name it from now on."""
    folder = bench.registry.root.parent / "base"
    folder.mkdir(exist_ok=True)
    (folder / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    user = bench.user(telegram_id)
    base = BaseModel("tiny", folder, "sha")
    adapter = bench.registry.begin(user_id=user.id, base=base, examples=[EXAMPLE], started_by="hand")
    bench.tunes.adapters[user.id] = adapter.id
    return bench.registry.finish(adapter.id, Outcome("live"), user_id=user.id).id


def live_id(bench: Bench, telegram_id: int) -> str | None:
    live = bench.registry.live(bench.user(telegram_id).id)
    return live.id if live else None


def judged(bench: Bench) -> int:
    """How many replies were judged."""
    return int(bench.store.rows("SELECT count(*) FROM feedback")[0][0])


def has_judged(bench: Bench, count: int) -> bool:
    """Whether so many were."""
    return judged(bench) == count


async def vote(bench: Bench, person: UserDriver, kind: str, times: int) -> None:
    """Judge so many new replies."""
    wanted = judged(bench)
    for number in range(1, times + 1):
        reply = await bench.reply_to(person, STORY)
        person.press(reply, data(reply, kind))
        await bench.server.until(partial(has_judged, bench, wanted + number))


async def test_adapters_are_listed_and_rolled_back_by_a_button(live: Bench) -> None:
    """With their votes; the button names the adapter, so that pressed twice it goes back once."""
    ada = await live.owner()
    assert (await live.reply_to(ada, "/adapters")).text == say("en", "tg_adapters_none")
    first, second = make_live(live, ada.id), make_live(live, ada.id)
    await vote(live, ada, "up", 1)
    shown = await live.reply_to(ada, "/adapters")
    assert f"{second}  live" in shown.text
    assert f"{first}  retired" in shown.text
    assert say("en", "adapter_votes", own="+1 -0 ✎0", base="+0 -0 ✎0") in shown.text
    for _ in range(2):
        before = live.server.replies(ada.id)[-1]
        ada.press(shown, data(shown, "rollback"))
        (told,) = await live.server.until(partial(live.server.replies, ada.id, after=before))
        assert told.text == say("en", "tg_answers_now", now=first)
    assert live_id(live, ada.id) == first


async def test_nobody_rolls_back_anothers_adapter(live: Bench) -> None:
    """Ben's list is empty, and a forged button changes nothing of Ada's."""
    ada = await live.owner()
    ben = await live.friend(ada)
    adapter = make_live(live, ada.id)
    shown = await live.reply_to(ben, "/adapters")
    assert shown.text == say("en", "tg_adapters_none")
    answer = await pressed_raw(live.server, ben, f"rollback:{adapter}", message=shown.as_json())
    assert answer.text == say("en", "tg_button_expired")
    assert live_id(live, ada.id) == adapter


async def test_falling_votes_are_told_and_logged_without_words(live: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """The eighth thumb down takes the adapter out of service; corrections count the same."""
    caplog.set_level(logging.INFO)
    ada = await live.owner()
    adapter = make_live(live, ada.id)
    await vote(live, ada, "down", 7)
    assert live_id(live, ada.id) == adapter
    reply = await live.reply_to(ada, STORY)
    await live.reply_to(ada, "/correct There was a fox.", reply_to=reply)
    await live.server.until(lambda: live_id(live, ada.id) is None)
    texts = [message.text for message in live.server.replies(ada.id)]
    assert any(f"Of 8 judged replies of adapter {adapter}, 8 were found bad" in text for text in texts)
    (line,) = [record.getMessage() for record in caplog.records if "rolled back" in record.getMessage()]
    assert line == f"votes rolled back adapter {adapter} of user {live.user().id}; now the base"


async def test_votes_from_the_terminal_count_at_the_start(bench: Bench) -> None:
    """The bot looks at them when it starts and writes to the adapter's owner."""
    await bench.start()
    ada = await bench.owner()
    adapter = make_live(bench, ada.id)
    await vote(bench, ada, "down", 7)
    last = await bench.reply_to(ada, STORY)
    with bench.store.transaction() as db:
        db.execute("INSERT INTO feedback SELECT max(id), user_id, 'down', NULL, '' FROM turns")
    await bench.stop()
    await bench.start()
    (told,) = await bench.server.until(lambda: bench.server.replies(ada.id, after=last))
    assert f"judged replies of adapter {adapter}" in told.text
    assert live_id(bench, ada.id) is None


async def test_forgetting_starts_the_tune_that_it_makes_due(bench: Bench) -> None:
    """At once, though the next look would be in an hour."""
    bench.settings = replace(bench.settings, tuning=replace(bench.settings.tuning, check_minutes=60.0))
    await bench.start()
    ada = await bench.owner()
    reply = await bench.reply_to(ada, LOCKER)
    question = await bench.reply_to(ada, "/forget", reply_to=reply)
    bench.tunes.due.add("Ada")
    await pressed(bench, ada, question, "forget:turn:1")
    await bench.server.until(lambda: bench.tunes.run == [("Ada", "schedule")])
