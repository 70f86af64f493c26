"""Invitation links over Telegram: made, used, listed, revoked, and not to be guessed."""

from __future__ import annotations

import re

from bot.locales import say
from bot.people import make
from bot.telegram.access import IGNORED_SECONDS, MOST_WRONG_CODES
from tests.bot.telegram.bench import OWNER, Bench
from tests.bot.telegram.test_forgetting import pressed
from tests.telegram_api import Message, UserDriver

LINK = re.compile(r"https://t\.me/familiar_test_bot\?start=([\w-]+)\Z")


async def code_of(bench: Bench, owner: UserDriver, wish: str = "/invite") -> tuple[str, Message]:
    """The code of a new invitation, and the message that shows it."""
    shown = await bench.reply_to(owner, wish)
    found = LINK.search(shown.text)
    assert found is not None, shown.text
    return found[1], shown


async def test_a_link_lets_one_person_in_and_the_owner_is_told(live: Bench) -> None:
    """With who came by which; the second who opens it is not let in, and may still ask."""
    ada = await live.owner()
    code, _ = await code_of(live, ada)
    ben, eve = live.server.user(8, "Ben"), live.server.user(13, "Eve")
    assert (await live.reply_to(ben, f"/start {code}")).text == say("en", "tg_welcome", name="Ben")
    told = say("en", "tg_came_in", name="Ben", id=8, role="member", invitation=1)
    await live.server.until(lambda: live.server.replies(OWNER)[-1].text == told)
    assert live.user(8).role == "member"
    assert (await live.reply_to(eve, f"/start {code}")).text == say("en", "tg_wrong_invitation")
    assert [user.name for user in live.store.users()] == ["Ada", "Ben"]
    assert (await live.reply_to(eve, "hello")).text == say("en", "tg_asked_owner")


async def test_a_guests_link_makes_guests_as_often_as_it_says(live: Bench) -> None:
    """And is used up then."""
    ada = await live.owner()
    code, _ = await code_of(live, ada, "/invite guest days 2 uses 2")
    for number in (20, 21):
        guest = live.server.user(number, f"Guest {number}")
        welcome = await live.reply_to(guest, f"/start {code}")
        assert welcome.text == say("en", "tg_welcome_guest", name=f"Guest {number}")
        assert live.user(number).role == "guest"
    assert say("en", "tg_invitations_none") == (await live.reply_to(ada, "/invite list")).text


async def test_a_revoked_link_lets_nobody_in(live: Bench) -> None:
    """By the button under it or in the list."""
    ada = await live.owner()
    code, shown = await code_of(live, ada)
    await code_of(live, ada, "/invite guest uses 3")
    listed = await pressed(live, ada, shown, "uninvite:1")
    assert "Invitation 2: guest, 3 uses left" in listed.text
    assert "Invitation 1" not in listed.text
    eve = live.server.user(13, "Eve")
    assert (await live.reply_to(eve, f"/start {code}")).text == say("en", "tg_wrong_invitation")
    assert (await live.reply_to(ada, "/invite owner")).text == say("en", "tg_invite_how", days=365, uses=1000)


async def test_guesses_of_codes_are_not_heard_after_the_fifth(live: Bench) -> None:
    """Not even the right one, until a while has passed; nobody is stored meanwhile."""
    ada = await live.owner()
    code, _ = await code_of(live, ada)
    eve = live.server.user(13, "Eve")
    for number in range(MOST_WRONG_CODES):
        assert (await live.reply_to(eve, f"/start AAAA{number}")).text == say("en", "tg_wrong_invitation")
    eve.send(f"/start {code}")
    await live.handled(MOST_WRONG_CODES + 3)
    assert len(live.server.replies(eve.id)) == MOST_WRONG_CODES
    assert len(live.store.users()) == 1
    live.now = IGNORED_SECONDS + 1
    assert (await live.reply_to(eve, f"/start {code}")).text == say("en", "tg_welcome", name="Eve")


async def test_who_waits_or_is_a_guest_is_raised_by_a_link_and_who_was_refused_is_not(live: Bench) -> None:
    """A refusal is the owner's word about this person; a link may have wandered."""
    ada = await live.owner()
    code, _ = await code_of(live, ada, "/invite uses 5")
    ben, eve = live.server.user(8, "Ben"), live.server.user(13, "Eve")
    await live.reply_to(ben, "hello")
    assert live.user(8).role == "waiting"
    assert (await live.reply_to(ben, f"/start {code}")).text == say("en", "tg_welcome", name="Ben")
    await live.reply_to(eve, "hello")
    await live.server.until(lambda: len(live.server.replies(OWNER)) >= 5)
    question = next(m for m in live.server.replies(OWNER) if f"refuse:{live.user(13).id}" in str(m.buttons))
    await pressed(live, ada, question, f"refuse:{live.user(13).id}")
    eve.send(f"/start {code}")
    ben.send(f"/start {code}")
    await live.server.until(lambda: len(live.server.replies(ben.id)) >= 3)
    assert (live.user(13).role, live.user(8).role) == ("refused", "member")
    assert live.store.rows("SELECT uses_left FROM invitations")[0][0] == 4


async def test_a_link_raises_nobody_twice(live: Bench) -> None:
    """Whom the owner has made a guest since does not come back by the same link."""
    ada = await live.owner()
    code, _ = await code_of(live, ada, "/invite uses 5")
    ben = live.server.user(8, "Ben")
    await live.reply_to(ben, f"/start {code}")
    make(live.store, live.user(8).id, "guest")
    await live.reply_to(ben, f"/start {code}")
    assert live.user(8).role == "guest"
    assert live.store.rows("SELECT uses_left FROM invitations")[0][0] == 4
    other, _ = await code_of(live, ada, "/invite uses 5")
    await live.reply_to(ben, f"/start {other}")
    assert live.user(8).role == "member"
