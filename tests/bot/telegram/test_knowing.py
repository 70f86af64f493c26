"""/facts lists what is known of whoever asks, and a button deletes it."""

from __future__ import annotations

from bot.locales import say
from tests.bot.telegram.bench import Bench


def labels(message: object) -> list[str]:
    """What stands on the buttons."""
    return [button.text for button in message.buttons]  # type: ignore[attr-defined]


async def test_listed_with_buttons_that_delete(live: Bench) -> None:
    """Facts and standing rules; the pressed one is gone, in the message too."""
    ada = await live.owner()
    assert (await live.reply_to(ada, "/facts")).text == say("en", "tg_facts_none")
    await live.reply_to(ada, "I live in Ghent.")
    await live.reply_to(ada, "From now on use metric units.")
    listed = await live.reply_to(ada, "/facts")
    assert labels(listed) == ["✕ user: standing rule = From now on use metric units", "✕ user: home = Ghent"]
    ada.press(listed, listed.buttons[1].callback_data or "")
    await live.server.until(lambda: live.store.rows("SELECT count(*) FROM facts")[0][0] == 0)
    assert labels(await live.reply_to(ada, "/facts")) == ["✕ user: standing rule = From now on use metric units"]


async def test_nobody_sees_or_deletes_anothers(live: Bench) -> None:
    """A forged button names a fact that is not the presser's."""
    ada = await live.owner()
    ben = await live.friend(ada)
    await live.reply_to(ada, "I live in Ghent.")
    listed = await live.reply_to(ada, "/facts")
    own = await live.reply_to(ben, "/facts")
    assert own.text == say("en", "tg_facts_none")
    body = {"id": "1", "from": ben.user.as_json(), "message": own.as_json(), "chat_instance": "8"}
    live.server.world.add_update("callback_query", {**body, "data": listed.buttons[0].callback_data})
    assert (await live.reply_to(ben, "/facts")).text == say("en", "tg_facts_none")
    assert live.store.rows("SELECT count(*) FROM facts")[0][0] == 1
