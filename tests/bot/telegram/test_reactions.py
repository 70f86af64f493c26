"""Reactions to replies: the votes that the buttons are, given, changed and taken back."""

from __future__ import annotations

import pytest
import telegram

from bot.locales import say
from bot.telegram.reactions import vote_of
from memory.candidates import Answer, keep_candidates
from memory.turns import feedback_of, give_feedback
from tests.bot.telegram.bench import OWNER, STORY, Bench
from tests.telegram_api import GroupDriver, Message, UserDriver
from tests.telegram_api.raw import check
from tests.telegram_api.records import JSON

pytestmark = pytest.mark.asyncio(loop_scope="module")


def ada_of(bench: Bench) -> UserDriver:
    """The owner."""
    return bench.server.user(OWNER, "Ada")


def react(bench: Bench, person: UserDriver, message: Message, *, old: str = "", new: str = "") -> None:
    """Change a reaction; each emoji is one of it."""
    body: JSON = {
        "chat": message.chat.as_json(),
        "message_id": message.id,
        "user": person.user.as_json(),
        "date": int(bench.server.world.clock()),
        "old_reaction": [{"type": "emoji", "emoji": emoji} for emoji in old.split()],
        "new_reaction": [{"type": "emoji", "emoji": emoji} for emoji in new.split()],
    }
    check(telegram.MessageReactionUpdated.de_json(body, None))
    assert bench.server.world.add_update("message_reaction", body) is not None


async def votes(bench: Bench, person: UserDriver, turn: int, *, group: GroupDriver | None = None) -> list[object]:
    """The judgement of a turn, after all that was sent before has been handled."""
    where = group.id if group is not None else person.id
    asked = person.send("/help@familiar_test_bot", chat=group)
    await bench.server.until(lambda: bench.server.replies(where, after=asked))
    given = [item for user in bench.store.users() for item in feedback_of(bench.store, user_id=user.id)]
    return [(item.vote, item.correction) for item in given if item.turn_id == turn]


async def story(bench: Bench) -> tuple[Message, int]:
    """A reply of the bot, and its turn's number."""
    reply = await bench.reply_to(ada_of(bench), STORY)
    return reply, number(reply)


def number(reply: Message) -> int:
    """The turn that a reply's buttons name."""
    return int((reply.buttons[0].callback_data or "").split(":")[1])


async def test_a_reaction_is_a_vote(shared: Bench) -> None:
    """Another one changes it, taking it back withdraws it, and one that means nothing leaves it gone."""
    reply, turn = await story(shared)
    ada = ada_of(shared)
    react(shared, ada, reply, new="👍")
    assert await votes(shared, ada, turn) == [("up", None)]
    react(shared, ada, reply, old="👍", new="👎")
    assert await votes(shared, ada, turn) == [("down", None)]
    react(shared, ada, reply, old="👎")
    assert await votes(shared, ada, turn) == []
    react(shared, ada, reply, new="🤔")
    assert await votes(shared, ada, turn) == []


async def test_taking_a_reaction_back_leaves_other_judgements(shared: Bench) -> None:
    """A correction that came meanwhile, or the other vote by the button."""
    reply, turn = await story(shared)
    ada, user = ada_of(shared), shared.user()
    react(shared, ada, reply, new="👎")
    assert await votes(shared, ada, turn) == [("down", None)]
    give_feedback(shared.store, turn, user_id=user.id, vote="down", correction="There was a fox.")
    react(shared, ada, reply, old="👎")
    assert await votes(shared, ada, turn) == [("down", "There was a fox.")]
    give_feedback(shared.store, turn, user_id=user.id, vote="up")
    react(shared, ada, reply, old="👎")
    assert await votes(shared, ada, turn) == [("up", None)]


async def test_a_reaction_to_another_message_is_nothing(shared: Bench) -> None:
    """Whether it is the person's own or one of the bot that answers no question."""
    ada = ada_of(shared)
    written = ada.send("/help")
    (told,) = await shared.server.until(lambda: shared.server.replies(OWNER, after=written))
    before = feedback_of(shared.store, user_id=shared.user().id)
    react(shared, ada, written, new="👍")
    react(shared, ada, told, new="👎")
    assert await votes(shared, ada, 0) == []
    assert feedback_of(shared.store, user_id=shared.user().id) == before


@pytest.mark.asyncio(loop_scope="function")
async def test_a_second_answer_is_chosen_and_not_voted_for(live: Bench) -> None:
    """A reaction to the offer may mean either of the two answers."""
    second = Answer("There was a fox.", "There was a fox.")
    live.second = lambda turn, *, user: keep_candidates(
        live.store, turn.id, Answer(turn.reply, turn.generated, turn.citations), second, user_id=user.id
    )
    ada = await live.owner()
    reply = await live.reply_to(ada, STORY)
    (offer,) = await live.server.until(lambda: live.server.replies(ada.id, after=reply))
    react(live, ada, offer, new="👍")
    assert await votes(live, ada, number(reply)) == []


async def test_in_a_group_only_those_allowed_vote(shared: Bench) -> None:
    """The reply is the group's, and so is the vote of whoever may talk to the bot there."""
    group, ada, eve = shared.server.group(-1001), ada_of(shared), shared.server.user(13, "Eve")
    asked = ada.send("@familiar_test_bot tell me a story please", chat=group)

    def finished() -> list[Message]:
        found = shared.server.replies(group.id, after=asked)
        return [item for item in found if [button.text for button in item.buttons][:1] == ["👍"]]

    (reply,) = await shared.server.until(finished)
    turn = number(reply)
    react(shared, eve, reply, new="👎")
    assert await votes(shared, ada, turn, group=group) == []
    react(shared, ada, reply, new="❤")
    assert await votes(shared, ada, turn, group=group) == [("up", None)]


async def test_a_thumb_as_an_answer_is_a_vote_too(shared: Bench) -> None:
    """Written instead of pressed; it is never taken for the text that would have been right."""
    reply, turn = await story(shared)
    ada = ada_of(shared)
    assert (await shared.reply_to(ada, "👎🏽", reply_to=reply)).text == say("en", "tg_how_to_correct")
    assert await votes(shared, ada, turn) == [("down", None)]
    assert (await shared.reply_to(ada, "👍👍", reply_to=reply)).text == say("en", "tg_thanks")
    assert await votes(shared, ada, turn) == [("up", None)]


@pytest.mark.parametrize(
    ("emoji", "vote"),
    [
        ("👍", "up"),
        ("👍🏿", "up"),
        ("❤️", "up"),
        ("❤‍🔥", "up"),
        ("💩", "down"),
        ("🤔 👎", "down"),
        ("👍 👎", None),
        ("😁", None),
        ("", None),
    ],
)
async def test_clear_emoji_are_votes(emoji: str, vote: str | None) -> None:
    """Whatever their colour; those that contradict each other, or may mean anything, are none."""
    assert vote_of(emoji.split()) == vote
