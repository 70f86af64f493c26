"""Commands, captions and mentions as people write them."""

from __future__ import annotations

import pytest

from bot.telegram.wording import (
    Command,
    ImportWish,
    SummaryWish,
    command_of,
    import_wish,
    mentions,
    summary_wish,
    without_mention,
)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/start ABC", Command("start", "ABC")),
        ("/Help", Command("help", "")),
        ("/forget@Familiar_bot two\nlines", Command("forget", "two\nlines")),
        ("/help@other_bot", None),
        ("what is /help", None),
        ("/", None),
        ("/usr/bin", None),
    ],
)
def test_commands(text: str, command: Command | None) -> None:
    """A command begins the text; with another bot's name it is not ours; a path is none."""
    assert command_of(text, bot="familiar_bot") == command


@pytest.mark.parametrize(
    ("argument", "wish"),
    [
        ("", SummaryWish()),
        ("about Lisbon since last week", SummaryWish("Lisbon", "last week")),
        ("since 2024-05-01", SummaryWish(None, "2024-05-01")),
        ("Lisbon", SummaryWish("Lisbon", None)),
        ("about things since forever since Monday", SummaryWish("things", "forever since Monday")),
        ("关于成都 自上周", SummaryWish("成都", "上周")),
        ("关于 自行车", SummaryWish("自行车", None)),
    ],
)
def test_summary_wishes(argument: str, wish: SummaryWish) -> None:
    """Topic and day in either language, each optional."""
    assert summary_wish(argument) == wish


@pytest.mark.parametrize(
    ("caption", "wish"),
    [
        ("", ImportWish()),
        ("my notes about learning from mistakes", ImportWish()),
        ("learn from Emi", ImportWish(None, "Emi")),
        ("/learn Emi Smith", ImportWish(None, "Emi Smith")),
        ("Learn from: Emi, me: Kate", ImportWish("Kate", "Emi")),
        ("我：小王\n学习 小李", ImportWish("小王", "小李")),
    ],
)
def test_import_wishes(caption: str, wish: ImportWish) -> None:
    """Who is the user and whom to learn from, in either language; other captions ask for nothing."""
    assert import_wish(caption) == wish


def test_mentions() -> None:
    """The bot's name is heard in any case, and is no part of the question."""
    assert mentions("@Familiar_Bot what is for dinner?", bot="familiar_bot")
    assert not mentions("ask @familiar_bot2", bot="familiar_bot")
    assert without_mention("@Familiar_Bot, what is for dinner?", bot="familiar_bot") == "what is for dinner?"
