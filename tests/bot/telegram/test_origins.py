"""Whose words a message holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from telegram import (
    Chat,
    Message,
    MessageOrigin,
    MessageOriginChannel,
    MessageOriginChat,
    MessageOriginHiddenUser,
    MessageOriginUser,
    User,
)

from bot.telegram.origins import Origin, origin_of, speaker_of
from memory.records import User as Person

NOW, THEN = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
ANN, EVE = User(7, "Ann", is_bot=False), User(9, "Eve", is_bot=False, last_name="Doe")
CHAT = Chat(7, "private")
PERSON = Person(1, "Ann", "member", telegram_id=7)


@pytest.mark.parametrize(
    ("origin", "found"),
    [
        (None, Origin("Ann", NOW, 7)),
        (MessageOriginUser(THEN, EVE), Origin("Eve Doe", THEN, 9)),
        (MessageOriginHiddenUser(THEN, "Eve"), Origin("Eve", THEN)),
        (MessageOriginChat(THEN, Chat(-1, "supergroup", title="Choir")), Origin("Choir", THEN)),
        (MessageOriginChannel(THEN, Chat(-2, "channel", title="News"), 5), Origin("News", THEN)),
    ],
)
def test_a_forwarded_message_is_its_first_writers(origin: MessageOrigin | None, found: Origin) -> None:
    """And of the day on which they wrote it."""
    message = Message(1, NOW, CHAT, from_user=ANN, text="x", forward_origin=origin)
    assert origin_of(message) == found


def test_what_is_written_as_a_channel_is_the_channels() -> None:
    """Not of the account that Telegram puts in its place."""
    message = Message(1, NOW, CHAT, from_user=ANN, text="x", sender_chat=Chat(-2, "channel", title="News"))
    assert origin_of(message) == Origin("News", NOW)


@pytest.mark.parametrize(
    "name", ["Me", "我", "I", "i.", "Ｍｅ", "M\u200be", "user", "The user", "user's sister", "ann"]
)
def test_a_name_that_stands_for_the_user_says_where_it_is_from(name: str) -> None:
    """Whoever bears it, in any spelling that is taken for the same."""
    assert speaker_of(Origin(name, NOW, 9), PERSON) == f"{name} (Telegram)"
    assert speaker_of(Origin(name, NOW), PERSON) == f"{name} (Telegram)"
    assert speaker_of(Origin(name, NOW, 7), PERSON) == "Ann"
    assert speaker_of(Origin("Mei", NOW, 9), PERSON) == "Mei"
