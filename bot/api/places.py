"""Which conversation a request goes on, found by what its program sends again, so that no program has to name it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.api.asked import ChatAsked
from bot.api.errors import ApiError
from bot.context import Exchange
from memory.records import User
from memory.store import Store
from memory.turns import open_conversation, turns_of

CHANNEL = "api"


@dataclass(frozen=True)
class Place:
    """Where a turn is stored."""

    conversation_id: int
    replaces: int | None = None
    """The turn that answered the same message at the same place: it is asked for once more."""


def place_of(store: Store, asked: ChatAsked, *, user: User) -> Place:
    """The conversation that a request goes on, else a new one.

    Whichever exchange of its history was a turn leads to that turn's conversation. So all stored prompts that hold a
    turn stand in one conversation with it, which is where forgetting the turn takes it out of them.

    :raises ApiError: the user has no conversation of the number that was named
    """
    if asked.conversation is not None:
        rows = store.rows(
            "SELECT 1 FROM conversations WHERE id = ? AND user_id = ? AND channel = ?",
            (asked.conversation, user.id, CHANNEL),
        )
        if not rows:
            text = "you have no such conversation over the API"
            raise ApiError(text, 404, param="conversation", code="conversation_not_found")
        return Place(asked.conversation)
    found = _gone_on(store, asked.history, user_id=user.id)
    if found is None:
        return Place(open_conversation(store, user_id=user.id, channel=CHANNEL))
    last = turns_of(store, user_id=user.id, conversation_id=found, last=1)[0]
    again = last.user_text == asked.text and not _same(asked.history[-1], last.user_text, last.reply)
    return Place(found, last.id if again else None)


def _gone_on(store: Store, history: Sequence[Exchange], *, user_id: int) -> int | None:
    for exchange in reversed(history):
        rows = store.rows(
            "SELECT t.conversation_id, t.user_text, t.reply FROM turns t JOIN conversations c"
            " ON c.id = t.conversation_id WHERE t.user_id = ? AND c.channel = ? AND t.user_text = ? ORDER BY t.id DESC",
            (user_id, CHANNEL, exchange.user_text),
        )
        for row in rows:
            if _same(exchange, row["user_text"], row["reply"]):
                return int(row["conversation_id"])
    return None


def _same(exchange: Exchange, user_text: str, reply: str) -> bool:
    """Programs cut white space off the ends."""
    return (exchange.user_text.strip(), exchange.reply.strip()) == (user_text.strip(), reply.strip())
