"""The owner's customers, and people who mention the bot elsewhere: answered as guests, where that is set."""

from __future__ import annotations

import json

from bot.config import TelegramConfig
from bot.locales import say
from bot.telegram.updates import taken_updates
from memory.errors import FamiliarError
from memory.turns import turns_of
from tests.bot.telegram.bench import OWNER, STORY, Bench
from tests.telegram_api import Message, Refusal, UserDriver

CLEO, EVE = 50, 13
OPENING = "# Shop\n\nThe shop is open until 19:00 on Fridays.\n"
LOCKER = "My locker at the pool has the number 4711."


async def open_shop(bench: Bench, **settings: bool) -> UserDriver:
    """The owner of a home with a private and a shared note."""
    bench.configure(**settings)
    await bench.start()
    ada = await bench.owner()
    await bench.reply_to(ada, LOCKER)
    bench.share(OPENING)
    bench.engine.requests.clear()
    return ada


async def to_customer(bench: Bench, after: Message) -> Message:
    """The bot's next message in the customer's chat."""
    return (await bench.server.until(lambda: bench.server.replies(CLEO, after=after)))[0]


def told(bench: Bench, key: str) -> bool:
    """Whether the owner was told a phrase."""
    return say("en", key) in [message.text for message in bench.server.replies(OWNER)]


async def settled(bench: Bench, owner: UserDriver) -> None:
    """Wait until what was sent before is handled."""
    await bench.reply_to(owner, "/help")
    await bench.server.until(
        lambda: bench.store.rows("SELECT count(*) FROM telegram_inbox WHERE state = 'waiting'")[0][0] == 0
    )


async def test_a_customer_is_answered_out_of_shared_notes(bench: Bench) -> None:
    """Through the connection, with a history of their own, and without buttons or numbers."""
    ada = await open_shop(bench, business=True)
    shop = bench.server.business("shop", ada)
    shop.announce()
    await bench.server.until(lambda: told(bench, "tg_business_on"))
    bench.reply = lambda _: "It is open until 19:00 [1]."
    asked = shop.write(CLEO, "Until when is the shop open on Fridays?")
    answer = await to_customer(bench, asked)
    assert "19:00" in answer.text
    assert answer.buttons == ()
    assert "(turn" not in answer.text
    (call,) = [c for c in bench.server.calls("sendMessage") if c.parameters["chat_id"] == str(CLEO)]
    assert call.parameters["business_connection_id"] == "shop"
    customer = bench.store.user(f"business:{CLEO}")
    assert customer is not None
    assert (customer.role, len(turns_of(bench.store, user_id=customer.id))) == ("guest", 1)
    assert bench.store.rows("SELECT * FROM chunks WHERE user_id = ?", (customer.id,)) == []
    assert bench.server.drafts(CLEO) == []


async def test_a_customer_gets_nothing_of_the_owners_memory(bench: Bench) -> None:
    """Nor the owner's own questions in that chat an answer, nor do commands do anything there."""
    ada = await open_shop(bench, business=True)
    shop = bench.server.business("shop", ada)
    asked = shop.write(CLEO, "Which number has my locker at the pool?")
    assert (await to_customer(bench, asked)).text.startswith(say("en", "nothing_shared"))
    shop.write(CLEO, "Which number has my locker at the pool?", by=OWNER, name="Ada")
    shop.write(CLEO, "/forget locker")
    shop.write(CLEO, "/people")
    await settled(bench, ada)
    assert len(bench.server.replies(CLEO)) == 1
    assert "4711" not in json.dumps([m.content for r in bench.engine.requests for m in r.messages])


async def test_without_the_right_to_reply_nothing_is_written(bench: Bench) -> None:
    """The owner is told; once it is given, customers are answered, and not any more when the connection ends."""
    ada = await open_shop(bench, business=True)
    shop = bench.server.business("shop", ada, can_reply=False)
    shop.announce()
    await bench.server.until(lambda: told(bench, "tg_business_no_right"))
    shop.write(CLEO, STORY)
    await settled(bench, ada)
    assert bench.server.replies(CLEO) == []
    shop.announce(can_reply=True)
    await bench.server.until(lambda: told(bench, "tg_business_on"))
    await to_customer(bench, shop.write(CLEO, STORY))
    shop.announce(enabled=False)
    await bench.server.until(lambda: told(bench, "tg_business_off"))
    shop.write(CLEO, STORY)
    await settled(bench, ada)
    assert len(bench.server.replies(CLEO)) == 1


async def test_only_the_owners_own_account_is_served(bench: Bench) -> None:
    """A member's connection is not kept, announced or not."""
    ada = await open_shop(bench, business=True)
    ben = await bench.friend(ada)
    other = bench.server.business("other", ben)
    other.announce()
    other.write(CLEO, STORY)
    await settled(bench, ada)
    assert bench.server.replies(CLEO) == []
    assert bench.store.rows("SELECT * FROM business_connections") == []
    assert bench.engine.requests == []


async def test_where_it_is_off_such_updates_are_neither_asked_for_nor_kept(bench: Bench) -> None:
    """Even if Telegram sends them: the owner's name in them opens nothing."""
    ada = await open_shop(bench)
    bench.server.world.allowed_updates = None
    shop = bench.server.business("shop", ada)
    shop.announce()
    shop.write(CLEO, STORY)
    shop.write(CLEO, STORY, by=OWNER, name="Ada")
    ada.summon(f"@familiar_test_bot {STORY}")
    await settled(bench, ada)
    assert bench.server.replies(CLEO) == []
    assert bench.engine.requests == []
    assert bench.store.rows("SELECT count(*) FROM telegram_inbox")[0][0] == 3
    off, on = (set(taken_updates(TelegramConfig(business=on, guest_queries=on))) for on in (False, True))
    assert on - off == {"business_connection", "business_message", "guest_message"}


async def test_customers_have_the_limits_of_guests(bench: Bench) -> None:
    """And are told once, where they wrote."""
    bench.limit(guest_replies_per_day=1)
    ada = await open_shop(bench, business=True)
    shop = bench.server.business("shop", ada)
    await to_customer(bench, shop.write(CLEO, STORY))
    for _ in range(2):
        shop.write(CLEO, STORY)
    await settled(bench, ada)
    assert len(bench.engine.requests) == 1
    assert [m.text.startswith("That was your 1 replies") for m in bench.server.replies(CLEO)] == [False, True]


async def test_who_mentions_the_bot_elsewhere_is_answered_as_a_guest(bench: Bench) -> None:
    """Out of shared notes, into that chat, and nothing of it is kept; strangers are not heard."""
    ada = await open_shop(bench, guest_queries=True)
    bench.reply = lambda _: "It is open until 19:00 [1]."
    query = ada.summon("@familiar_test_bot until when is the shop open on Fridays?")
    (call,) = await bench.server.until(lambda: bench.server.calls("answerGuestQuery"))
    assert call.parameters["guest_query_id"] == query
    assert "19:00" in call.parameters["result"]
    ada.summon("@familiar_test_bot which number has my locker at the pool?")
    bench.server.user(EVE, "Eve").summon(f"@familiar_test_bot {STORY}")
    await bench.server.until(lambda: len(bench.server.calls("answerGuestQuery")) == 2)
    await settled(bench, ada)
    assert "4711" not in bench.server.calls("answerGuestQuery")[1].parameters["result"]
    assert len(bench.server.calls("answerGuestQuery")) == 2
    assert len(bench.store.rows("SELECT * FROM turns")) == 1
    assert len(bench.server.replies(OWNER)) == 3


async def test_a_reply_to_a_customer_goes_through_the_connection_after_a_restart(bench: Bench) -> None:
    """What was written down before is delivered by the same way."""
    ada = await open_shop(bench, business=True)
    shop = bench.server.business("shop", ada)
    bench.server.fault("sendMessage", Refusal(502, "Bad Gateway"), times=2)
    asked = shop.write(CLEO, STORY)
    await bench.server.until(lambda: len(bench.store.rows("SELECT * FROM turns")) == 2)
    await bench.stop()
    bench.server.clear_faults()
    await bench.start()
    await to_customer(bench, asked)
    sent = [c for c in bench.server.calls("sendMessage") if c.parameters["chat_id"] == str(CLEO) and c.status == 200]
    assert [call.parameters["business_connection_id"] for call in sent] == ["shop"]


async def test_a_customer_who_can_not_be_written_to_blocks_no_chat_of_the_bot(bench: Bench) -> None:
    """Nor is the message handled again at each start."""
    ada = await open_shop(bench, business=True)
    shop = bench.server.business("shop", ada)
    bench.server.fault("sendMessage", Refusal(403, "Forbidden: bot was blocked by the user"))
    shop.write(CLEO, STORY)
    await bench.server.until(lambda: bench.server.world.faults.pending() == 0)
    await settled(bench, ada)
    assert bench.store.rows("SELECT * FROM telegram_blocked") == []


async def test_what_the_model_can_not_take_is_left(bench: Bench) -> None:
    """The customer reads of no error, and no start tries it again."""
    ada = await open_shop(bench, business=True)
    shop = bench.server.business("shop", ada)

    def too_long(_word: str) -> None:
        raise FamiliarError("the prompt is too long")

    bench.on_word = too_long
    shop.write(CLEO, STORY)
    await bench.server.until(lambda: bench.engine.requests)
    await settled(bench, ada)
    assert bench.server.replies(CLEO) == []
