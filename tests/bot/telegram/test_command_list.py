"""One list of commands: routes, menus and /help say the same, for each kind of chat and in each language."""

from __future__ import annotations

import pytest

from bot.locales import LANGUAGES, say
from bot.telegram.authority import COMMANDS, Rule
from bot.telegram.command_list import Scope, offered
from bot.telegram.handlers import COMMAND_HANDLERS, HANDLERS
from bot.telegram.menus import help_lines, menu
from memory.records import Role
from tests.bot.telegram.bench import OWNER, Bench
from tests.telegram_api import Refusal


def names(scope: Scope) -> list[str]:
    """The commands of a scope."""
    return offered(scope)


def test_each_command_has_a_handler_and_a_route() -> None:
    """And none is handled that the table does not hold."""
    assert list(COMMANDS) == list(COMMAND_HANDLERS)
    for name in COMMANDS:
        (route,) = [route for route in HANDLERS if route.command == name]
        assert route.handle is COMMAND_HANDLERS[name]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("scope", ["private", "groups", "guest", "owner"])
def test_menu_and_help_follow_the_list(scope: Scope, language: str) -> None:
    """In its order, with the same words."""
    assert [item.command for item in menu(scope, language)] == names(scope)
    shown = menu(scope, language)
    assert help_lines(scope, language) == [f"/{item.command}: {item.description}" for item in shown]


def test_what_is_the_owners_is_offered_to_nobody_else() -> None:
    """Not in a group either, where everybody reads the menu."""
    owner, everyone = frozenset[Role]({"owner"}), frozenset[Role]({"owner", "member", "guest"})
    made = {"a": Rule(), "b": Rule(in_group="no"), "c": Rule(owner, "all"), "d": Rule(everyone, "only")}
    scopes: tuple[Scope, ...] = ("private", "groups", "guest", "owner")
    assert [offered(scope, made) for scope in scopes] == [["a", "b"], ["a", "d"], [], ["a", "b", "c"]]


async def test_menus_are_set_for_each_scope_and_language(live: Bench) -> None:
    """English for everybody else; the owner's own chat has one after pairing and at each start."""
    await live.owner("zh-hans")
    for scope, where in (("private", "all_private_chats"), ("groups", "all_group_chats")):
        for code, language in (("", "en"), ("en", "en"), ("zh", "zh")):
            shown = live.server.commands(where, code)
            assert [item.name for item in shown] == names("groups" if scope == "groups" else "private")
            assert shown[1].description == say(language, "tg_menu_help")
    await live.server.until(lambda: live.server.commands(f"chat:{OWNER}"))
    own = live.server.commands(f"chat:{OWNER}")
    assert [item.name for item in own] == names("owner")
    assert own[1].description == say("zh", "tg_menu_help")
    await live.stop()
    live.server.world.commands.clear()
    live.server.fault("setMyCommands", Refusal(502, "Bad Gateway"))
    await live.start()
    assert live.server.commands(f"chat:{OWNER}") == own


async def test_help_says_what_works_where_it_is_asked(live: Bench) -> None:
    """All of it privately, in a group what works there; inline mode is named to whom it concerns."""
    ada = await live.owner()
    ben = await live.friend(ada)
    own, friends = (await live.reply_to(ada, "/help")).text, (await live.reply_to(ben, "/help")).text
    assert "/export" in own
    assert "/setinline" in own
    assert "/export" in friends
    assert "/setinline" not in friends
    group = live.server.group(-1001)
    ada.send("/help@familiar_test_bot", chat=group)
    (shown,) = await live.server.until(lambda: live.server.replies(group.id))
    assert "/note" in shown.text
    assert "/export" not in shown.text
    assert "/setinline" not in shown.text


async def test_help_tells_of_inline_mode_once_it_is_on(bench: Bench) -> None:
    """As Telegram says of the bot."""
    bench.server.world.inline = True
    await bench.start()
    ada = await bench.owner()
    shown = (await bench.reply_to(ada, "/help")).text
    assert say("en", "tg_help_inline", bot="familiar_test_bot") in shown
    assert "/setinline" not in shown


async def test_what_is_private_is_refused_in_a_group(live: Bench) -> None:
    """And does nothing, also where plain words ask for it."""
    ada = await live.owner()
    group = live.server.group(-1001)
    asked = [
        f"/{name}@familiar_test_bot x"
        for name, rule in COMMANDS.items()
        if rule.in_group == "no" and rule.option is None
    ]
    for text in (*asked, "@familiar_test_bot export my data", "@familiar_test_bot 给我一份摘要"):
        written = ada.send(text, chat=group)
        await live.server.until(lambda: live.server.replies(group.id, after=written))  # noqa: B023 - at once
    replies = live.server.replies(group.id)
    assert len(replies) == len(asked) + 2
    assert all(message.text.startswith(say("en", "tg_private_only")) for message in replies)  # the first has a notice
