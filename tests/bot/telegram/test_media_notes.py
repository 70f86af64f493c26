"""What is kept of photos by their button: whose words they are, each once, and by whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memory.facts.store import facts_of
from memory.notes import KEPT_MESSAGE
from tests.bot.telegram.bench import OWNER, Bench
from tests.bot.telegram.test_media import LETTER, OTHER, RECEIPT, Eyes, scripted_look, started
from tests.bot.telegram.test_people import guest
from tests.telegram_api import Message


@pytest.fixture
async def eyes(bench: Bench) -> Eyes:
    """A running bot that reads what the test says."""
    bench.look = scripted_look
    return await started(bench)


def subjects(eyes: Eyes) -> set[str]:
    """Of whom something is known."""
    return {fact.subject for fact in facts_of(eyes.bench.store, owners=[eyes.bench.user(OWNER).id])}


async def kept(eyes: Eyes, sent: Message) -> Message:
    """What the bot shows of a photo, once its button was pressed and that was answered."""
    (shown,) = await eyes.answers(sent)
    eyes.ada.press(shown, shown.buttons[0].callback_data or "")
    await eyes.answers(shown)
    return shown


@pytest.mark.parametrize("name", ["Ben", "Me"])
async def test_a_kept_photo_of_somebody_elses_is_their_words(eyes: Eyes, name: str) -> None:
    """Whatever they call themselves, they are not the user."""
    other = eyes.bench.server.user(8, name)
    await kept(eyes, eyes.ada.send_photo(LETTER, forwarded_from=other.user))
    speaker = "Ben" if name == "Ben" else "Me (Telegram)"
    assert subjects(eyes) == {speaker}
    (document,) = eyes.bench.store.documents(user_id=eyes.bench.user(OWNER).id)
    assert (document.format, document.me) == (KEPT_MESSAGE, None)
    assert document.title == f"{speaker}: I am allergic to peanuts. I live in Lisbon."


async def test_a_kept_photo_of_the_users_own_states_nothing_of_them(eyes: Eyes) -> None:
    """They may have photographed anybody's letter; it is found, and kept once however often that is asked."""
    shown = await kept(eyes, eyes.ada.send_photo(LETTER))
    eyes.ada.press(shown, shown.buttons[0].callback_data or "")
    await eyes.answers(shown, 2)
    assert subjects(eyes) == set()
    assert len(eyes.bench.store.documents(user_id=eyes.bench.user(OWNER).id)) == 1
    found = await eyes.bench.reply_to(eyes.ada, "/search peanuts")
    assert "note “I am allergic to peanuts. I live in Lisbon.”" in found.text


async def test_photos_of_one_second_are_kept_both(eyes: Eyes) -> None:
    """The second does not take the place of the first."""
    (first,) = await eyes.answers(eyes.ada.send_photo(RECEIPT))
    (second,) = await eyes.answers(eyes.ada.send_photo(OTHER))
    assert first.reply_to is not None
    assert second.reply_to is not None
    together = replace(second, reply_to=replace(second.reply_to, date=first.reply_to.date))
    eyes.bench.server.world.put_message(together)
    for number, shown in enumerate((first, together), 1):
        eyes.ada.press(shown, shown.buttons[0].callback_data or "")
        await eyes.answers(second, number)
    assert eyes.remembered().split("\n") == ["Total 12.40", "Gate 15"]


async def test_a_guest_gets_no_button_that_refuses_them(eyes: Eyes) -> None:
    """What is read is shown to them."""
    gil = await guest(eyes.bench, eyes.ada)
    (shown,) = await eyes.answers(gil.send_photo(RECEIPT))
    assert "Total 12.40" in shown.text
    assert not shown.buttons
