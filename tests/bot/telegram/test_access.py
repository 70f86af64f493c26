"""Who may talk to the bot: pairing, refusal, and the owner's word."""

from __future__ import annotations

from bot.locales import say
from bot.telegram.access import IGNORED_SECONDS, MOST_WRONG_CODES
from memory.records import Profile
from tests.bot.telegram.bench import OWNER, STORY, Bench


async def test_the_first_to_send_the_code_is_the_owner(live: Bench) -> None:
    """The code works once, in any case, and the owner's name and language are Telegram's."""
    ada = live.server.user(OWNER, "Ada", language_code="zh-hans")
    welcome = await live.reply_to(ada, f"/start {live.code.lower()}")
    assert welcome.text == say("zh", "tg_welcome", name="Ada")
    owner = live.store.owner()
    assert owner is not None
    assert (owner.telegram_id, owner.name, owner.profile.language) == (OWNER, "Ada", "zh")
    assert live.store.state("pairing_code") is None


async def test_the_owner_of_the_terminal_keeps_their_memory(live: Bench) -> None:
    """Who used the terminal before is linked to the Telegram account, not made anew."""
    known = live.store.add_user("ada-login", role="owner", profile=Profile(length="short"))
    await live.owner()
    linked = live.store.owner()
    assert linked is not None
    assert (linked.id, linked.telegram_id, linked.profile.length) == (known.id, OWNER, "short")
    assert len(live.store.users()) == 1


async def test_the_code_stays_until_it_is_used(bench: Bench) -> None:
    """A restart prints the same code; once paired, none is printed."""
    await bench.start()
    first = bench.code
    await bench.stop()
    await bench.start()
    assert [note for note in bench.notes if note.startswith("pairing")] == [f"pairing code: {first}"] * 2
    await bench.owner()
    await bench.stop()
    bench.notes.clear()
    await bench.start()
    assert bench.notes == ["ready"]


async def test_wrong_codes_are_ignored_after_the_fifth(live: Bench) -> None:
    """Even the right code is not heard then, until a while has passed."""
    eve = live.server.user(13, "Eve")
    for _ in range(MOST_WRONG_CODES):
        assert (await live.reply_to(eve, "/start AAAAAAAA")).text == say("en", "tg_wrong_code")
    eve.send(f"/start {live.code}")
    await live.handled(MOST_WRONG_CODES + 1)
    await live.owner()
    assert len(live.server.replies(eve.id)) == MOST_WRONG_CODES
    assert [user.telegram_id for user in live.store.users()] == [OWNER]


async def test_after_a_while_the_right_code_is_heard_again(live: Bench) -> None:
    """The wait is for guessers, not for ever."""
    eve = live.server.user(13, "Eve")
    for _ in range(MOST_WRONG_CODES):
        await live.reply_to(eve, "/start AAAAAAAA")
    live.now = IGNORED_SECONDS + 1
    assert (await live.reply_to(eve, f"/start {live.code}")).text == say("en", "tg_welcome", name="Eve")


async def test_before_pairing_nobody_is_stored_and_each_is_told_once(live: Bench) -> None:
    """Who says hello first may well be the owner, who has not looked at the terminal yet."""
    ada = live.server.user(OWNER, "Ada")
    assert (await live.reply_to(ada, "hello")).text == say("en", "tg_not_paired")
    ada.send("hello?")
    await live.owner()
    assert len(live.server.replies(OWNER)) == 2
    assert [user.role for user in live.store.users()] == ["owner"]


async def test_a_stranger_is_refused_once_and_the_owner_asked(live: Bench) -> None:
    """What a stranger writes reaches no handler and no model; the owner's word lets them in."""
    ada = await live.owner()
    ben = live.server.user(8, "Ben")
    assert (await live.reply_to(ben, STORY)).text == say("en", "tg_asked_owner")
    ben.send("please")
    await live.handled(3)
    await live.server.until(lambda: live.server.replies(ada.id)[-1].buttons)
    question = live.server.replies(ada.id)[-1]
    assert question.text == say("en", "tg_may_talk", name="Ben", id=8)
    ada.press(question, f"allow:{live.user(8).id}")
    await live.server.until(lambda: live.server.replies(ben.id)[-1].text == say("en", "tg_you_may"))
    assert len(live.server.replies(ben.id)) == 2
    assert live.engine.requests == []
    assert "Once upon a time." in (await live.reply_to(ben, STORY)).text
    assert live.user(8).role == "member"


async def test_somebody_refused_hears_nothing_more(live: Bench) -> None:
    """And a second press changes nothing that they would hear of."""
    ada = await live.owner()
    eve = live.server.user(13, "Eve")
    await live.reply_to(eve, "hello")
    await live.server.until(lambda: live.server.replies(ada.id)[-1].buttons)
    ada.press(live.server.replies(ada.id)[-1], f"refuse:{live.user(13).id}")
    await live.server.until(lambda: live.user(13).role == "refused")
    eve.send(STORY)
    await live.reply_to(ada, STORY)
    assert len(live.server.replies(eve.id)) == 1
    assert len(live.engine.requests) == 1


async def test_only_the_owner_decides(live: Bench) -> None:
    """A member who gets at the button's data can't let others in."""
    ada = await live.owner()
    ben = await live.friend(ada)
    eve = live.server.user(13, "Eve")
    await live.reply_to(eve, "hello")
    reply = await live.reply_to(ben, STORY)
    body = {"id": "1", "from": ben.user.as_json(), "message": reply.as_json(), "chat_instance": "8"}
    live.server.world.add_update("callback_query", {**body, "data": f"allow:{live.user(13).id}"})
    await live.reply_to(ben, "/help")
    assert live.user(13).role == "waiting"


async def test_nobody_takes_a_group_for_their_name(live: Bench) -> None:
    """Its memory would be theirs."""
    await live.owner()
    eve = live.server.user(13, "group:-1001")
    await live.reply_to(eve, "hello")
    assert live.store.user("group:-1001") is None
    assert live.user(13).name == "@group -1001"
