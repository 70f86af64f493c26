"""The table of docs/messages.md is held to the tests that it names and to the kinds that Telegram has."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from telegram.constants import MessageType, UpdateType

TABLE = Path(__file__).resolve().parents[3] / "docs" / "messages.md"
ATTRIBUTES = {
    *("business_connection_id", "effect_id", "reply_to_story", "sender_boost_count", "sender_business_bot"),
    "suggested_post_info",
}
"""What python-telegram-bot lists as types of messages, and only stands with a message of another."""
CONTAINERS = {"message"}
"""The update that all rows about messages are about."""


def rows() -> list[tuple[str, str, str]]:
    """Kind, what is done and the test of each row."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[1:]]
    assert all(len(row) == 3 for row in cells)
    return [(row[0], row[1], row[2]) for row in cells]


def cases(test: object) -> set[str]:
    """The cases of a test with parameters, as pytest names them."""
    marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
    return {str(value) for mark in marks for value in mark.args[1]}


def test_it_has_at_least_forty_kinds() -> None:
    """None of them twice, and each says what is done."""
    kinds = [kind for kind, _, _ in rows()]
    assert len(kinds) == len(set(kinds)) >= 40
    assert all(kind and done for kind, done, _ in rows())


@pytest.mark.parametrize("name", sorted({test for _, _, test in rows()}))
def test_each_test_is_there(name: str) -> None:
    """With the case that is named, it stands in the file that is named."""
    found = re.fullmatch(r"(test_\w+)\.py::(test_\w+)(?:\[(.+)\])?", name)
    assert found is not None
    test = getattr(importlib.import_module(f"tests.bot.telegram.{found[1]}"), found[2], None)
    assert callable(test)
    assert found[3] is None or found[3] in cases(test)


def test_no_kind_is_left_out() -> None:
    """All that python-telegram-bot knows, so that its next version shows what is new."""
    named = {name for kind, _, _ in rows() for name in re.findall(r"`(\w+)`", kind)}
    known = {str(kind.value) for kind in (*MessageType, *UpdateType)}
    assert known - named - ATTRIBUTES - CONTAINERS == set()
