"""While the bot runs, the language model reads facts between turns."""

from __future__ import annotations

from memory.facts.store import facts_of
from memory.records import Message
from tests.bot.telegram.bench import Bench
from tests.engine import ScriptedEngine


def answer(messages: tuple[Message, ...]) -> str:
    """A good reader, and an assistant of few words."""
    return "I | employer | Orbis" if messages[0].content.startswith("List the lasting facts") else "Noted."


async def test_what_was_told_is_read_after_the_reply(bench: Bench) -> None:
    """And shown by /facts; a stop while nothing is read ends at once."""
    bench.reads_facts = True
    bench.engine = ScriptedEngine(answer)
    await bench.start()
    ada = await bench.owner()
    await bench.reply_to(ada, "Since May I've been with Orbis as a welder.")
    owners = [bench.user().id]
    await bench.server.until(lambda: facts_of(bench.store, owners=owners))
    assert [(item.value, item.by_model) for item in facts_of(bench.store, owners=owners)] == [("Orbis", True)]
    shown = await bench.reply_to(ada, "/facts")
    assert any("Orbis" in button.text for row in [shown.buttons] for button in row)
    await bench.stop()


async def test_where_it_is_not_wanted_the_bot_runs_without(bench: Bench) -> None:
    """The model is asked for replies only."""
    await bench.start()
    ada = await bench.owner()
    await bench.reply_to(ada, "Since May I've been with Orbis as a welder.")
    await bench.stop()
    assert len(bench.engine.requests) == 1
