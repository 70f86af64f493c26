"""/recommend over the loopback server: lists with true reasons, votes by buttons, and nothing where it is off."""

from __future__ import annotations

from dataclasses import replace

from bot.locales import say
from bot.telegram.recommending import item_from
from memory.taste import NewItem, events_of, items_of
from tests.bot.telegram.bench import OWNER, Bench
from tests.bot.telegram.test_digests import due_since
from tuning.config import TasteConfig


async def switched_on(bench: Bench) -> None:
    """With two items a list."""
    bench.settings = replace(bench.settings, taste=TasteConfig(enabled=True, items=2, variety=0.0))
    await bench.start()


def did(bench: Bench) -> list[tuple[str, str]]:
    """What the owner did with which item, oldest first."""
    titles = {item.id: item.title for item in items_of(bench.store, user_id=bench.user().id)}
    return [(titles[event.item], event.action) for event in events_of(bench.store, user_id=bench.user().id)]


def test_an_item_is_read_from_a_message() -> None:
    """Its first line is the title, and what has an address is a link."""
    assert item_from("Sails\nfor small boats https://s.example/a") == NewItem(
        "Sails", "for small boats", "link", "https://s.example/a"
    )
    assert item_from("https://s.example").title == "https://s.example"
    assert item_from("Sails").kind == "note"


async def test_a_list_and_its_votes(bench: Bench) -> None:
    """Each vote is kept and takes its buttons away; "more like this" shows the nearest; the reasons follow."""
    await switched_on(bench)
    ada = await bench.owner()
    assert (await bench.reply_to(ada, "/recommend")).text == say("en", "taste_none")
    for words in ("sea tide", "sea reef", "sea mast", "bread oven", "bread rye", "bread loaf"):
        said = await bench.reply_to(ada, f"/recommend add {words}")
        assert said.text == say("en", "tg_item_saved", title=words)
    first = await bench.reply_to(ada, "/recommend about bread")
    assert first.text.startswith("1. bread")
    assert len(first.buttons) == 6
    ids = {item.title: item.id for item in items_of(bench.store, user_id=bench.user().id)}
    title = first.text.splitlines()[0].removeprefix("1. ")
    ada.press(first, f"taste:up:{ids[title]}")
    await bench.server.until(
        lambda: [each for each in bench.server.replies(ada.id) if each.id == first.id and len(each.buttons) == 3]
    )
    second = await bench.reply_to(ada, "/recommend about bread")
    assert f"because you liked “{title}”" in second.text
    other = second.text.splitlines()[0].removeprefix("1. ")
    ada.press(second, f"taste:more:{ids[other]}")
    (third,) = await bench.server.until(lambda: bench.server.replies(ada.id, after=second))
    assert third.text.startswith("1. bread")
    actions = did(bench)
    assert (title, "liked") in actions
    assert (other, "more") in actions
    assert ("sea tide", "liked") not in actions


async def test_the_digest_has_a_few_and_remembers_them(bench: Bench) -> None:
    """What a regular one told counts as shown; one that is asked for takes nothing away."""
    await switched_on(bench)
    ada = await bench.owner()
    await bench.reply_to(ada, "/recommend add sea tide")
    assert "For you: sea tide" in (await bench.reply_to(ada, "/digest now")).text
    assert did(bench) == []
    last = bench.server.replies(ada.id)[-1]
    due_since(bench, seconds=1)
    (told,) = await bench.server.until(lambda: bench.server.replies(ada.id, after=last))
    assert "For you: sea tide" in told.text
    assert did(bench) == [("sea tide", "shown")]


async def test_off_it_is_an_unknown_command(live: Bench) -> None:
    """In no menu and no help, and its buttons lead nowhere."""
    ada = await live.owner()
    assert (await live.reply_to(ada, "/recommend")).text == say("en", "tg_unknown_command")
    assert "/recommend" not in (await live.reply_to(ada, "/help")).text
    assert "recommend" not in [item.name for item in live.server.commands("all_private_chats")]


async def test_on_it_is_in_the_menus(bench: Bench) -> None:
    """Of private chats, and of nobody who is a guest."""
    await switched_on(bench)
    ada = await bench.owner()
    assert "/recommend" in (await bench.reply_to(ada, "/help")).text
    assert "recommend" in [item.name for item in bench.server.commands("all_private_chats")]
    assert "recommend" not in [item.name for item in bench.server.commands("all_group_chats")]
    await bench.server.until(lambda: bench.server.commands(f"chat:{OWNER}"))
    assert "recommend" in [item.name for item in bench.server.commands(f"chat:{OWNER}")]
