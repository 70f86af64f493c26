"""Two answers over Telegram: the second comes under the first with buttons, and what is pressed is kept."""

from __future__ import annotations

from bot.locales import say
from bot.telegram.ports import no_second_answer
from memory.candidates import Answer, Candidates, candidates_of, keep_candidates
from memory.records import Turn, User
from memory.turns import turn_by_id
from tests.bot.telegram.bench import STORY, Bench
from tests.telegram_api import Message, UserDriver

SECOND = "There was once a hen."


def offers(bench: Bench) -> None:
    """Have every turn come with a second answer."""

    def second(turn: Turn, *, user: User) -> Candidates | None:
        first = Answer(turn.reply, turn.generated, turn.citations)
        return keep_candidates(bench.store, turn.id, first, Answer(SECOND, SECOND), user_id=user.id)

    bench.second = second


async def asked(bench: Bench) -> tuple[UserDriver, Message, Turn]:
    """A story with two answers: the message that offers the second one, and the turn."""
    ada = await bench.owner()
    offers(bench)
    before = len(bench.server.replies(ada.id))
    ada.send(STORY)
    await bench.server.until(lambda: len(bench.server.replies(ada.id)) == before + 2)
    (kept,) = candidates_of(bench.store, user_id=bench.user().id)
    return ada, bench.server.replies(ada.id)[-1], turn_by_id(bench.store, kept.turn_id, user_id=bench.user().id)


async def press(bench: Bench, ada: UserDriver, offer: Message, place: int) -> Message:
    """Press a button and wait until the message has changed."""
    ada.press(offer, offer.buttons[place].callback_data or "")
    return (
        await bench.server.until(
            lambda: [item for item in bench.server.replies(ada.id) if item.id == offer.id and item.edits]
        )
    )[-1]


async def test_the_second_answer_comes_with_buttons_and_takes_the_replys_place(live: Bench) -> None:
    """A, B and neither; B becomes the turn's reply, and the message shows it as one."""
    ada, offer, turn = await asked(live)
    assert offer.text == say("en", "tg_two_answers", second=SECOND)
    assert [button.text for button in offer.buttons] == ["A", "B", say("en", "tg_neither")]
    assert turn.reply == "Once upon a time."
    shown = await press(live, ada, offer, 1)
    assert shown.text.startswith(SECOND)
    assert shown.buttons == ()
    assert turn_by_id(live.store, turn.id, user_id=turn.user_id).reply == SECOND
    assert candidates_of(live.store, user_id=turn.user_id)[0].chosen == "second"


async def test_neither_leaves_the_first(live: Bench) -> None:
    """The message says what was kept."""
    ada, offer, turn = await asked(live)
    shown = await press(live, ada, offer, 2)
    assert shown.text == say("en", "tg_kept_neither")
    assert turn_by_id(live.store, turn.id, user_id=turn.user_id).reply == "Once upon a time."


async def test_who_does_not_choose_goes_on(live: Bench) -> None:
    """The next message is answered; a correction to the offer is one to its turn."""
    ada, offer, turn = await asked(live)
    live.second = no_second_answer
    assert (await live.reply_to(ada, STORY)).text.startswith("Once upon a time.")
    assert candidates_of(live.store, user_id=turn.user_id)[0].chosen is None
    await live.reply_to(ada, "/correct There was a cat.", reply_to=offer)
    kept = live.store.rows("SELECT correction FROM feedback WHERE turn_id = ?", (turn.id,))
    assert [row["correction"] for row in kept] == ["There was a cat."]


async def test_groups_are_not_asked(live: Bench) -> None:
    """Others would choose for the one who asked."""
    ada = await live.owner()
    offers(live)
    group = live.server.group(-1001)
    ada.send("@familiar_test_bot tell me a story please", chat=group)
    await live.server.until(lambda: live.server.replies(group.id))
    assert live.store.rows("SELECT * FROM candidates") == []
