"""A reaction to a reply is the same vote as its button: another one changes the vote, taking it back withdraws it.

Only emoji that mean one thing count. Reactions to other messages, and of people who may not talk to the bot, are
nothing; so is one to a second answer, which may be about either of the two.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Literal

import regex
from telegram import Chat, MessageReactionUpdated, ReactionType, ReactionTypeEmoji, User

from bot.learned import rolled_back_text
from bot.telegram.access import by_telegram_id, group_name
from bot.telegram.desk import Desk, Visit
from bot.telegram.group_rules import rules_of
from bot.telegram.learning import judge
from bot.telegram.ledger import offers_second, turn_shown_in
from bot.telegram.render import plain_parts
from bot.telegram.sending import Place
from bot.telegram.storing import kept_of
from bot.telegram.talking import replied_turn
from bot.threads import in_thread
from memory import records
from memory.intent import only_emoji
from memory.store import Store
from tuning.votes import Judged

Vote = Literal["up", "down"]
_log = logging.getLogger(__name__)

_UP = frozenset(["👍", "❤", "❤\u200d🔥", "🔥", "👏", "🥰", "😍", "🤩", "💯", "👌"])
_DOWN = frozenset(["👎", "💩", "🤮", "🤬", "😡", "🖕"])


def vote_of(emoji: Sequence[str]) -> Vote | None:
    """The vote that these emoji are; None where they are none, or contradict each other."""
    plain = {_plain(one) for one in emoji}
    up, down = bool(plain & _UP), bool(plain & _DOWN)
    if up == down:
        return None
    return "up" if up else "down"


def _plain(emoji: str) -> str:
    """Without the colour of skin and the mark that asks for a coloured picture."""
    return "".join(char for char in emoji if char != "\ufe0f" and not "\U0001f3fb" <= char <= "\U0001f3ff")


def _emoji(reaction: Sequence[ReactionType]) -> list[str]:
    return [one.emoji for one in reaction if isinstance(one, ReactionTypeEmoji)]


def _who(store: Store, chat: Chat, author: User | None) -> records.User | None:
    """Whose memory holds the replies in a chat, if the author may judge them."""
    person = by_telegram_id(store, author.id) if author is not None else None
    if person is None or person.role not in ("owner", "member"):
        return None
    if chat.type == Chat.PRIVATE:
        return person
    group = store.user(group_name(chat.id))
    return group if group is not None and rules_of(store, group.id).storing else None


async def reacted(desk: Desk, change: MessageReactionUpdated, *, key: str) -> None:
    """Keep what a reaction says of a reply.

    :param key: names the message that says what follows from it
    """
    vote, before = vote_of(_emoji(change.new_reaction)), vote_of(_emoji(change.old_reaction))
    if vote == before:
        return
    store, chat = desk.services.store, change.chat
    user = _who(store, chat, change.user)
    if user is None:
        return
    turn_id = turn_shown_in(store, chat.id, change.message_id, user_id=user.id)
    if turn_id is None or offers_second(store, chat.id, change.message_id):
        return
    judged = await in_thread(lambda: _keep(desk, turn_id, user, vote, before))
    if judged is not None and judged.rolled_back is not None:
        _log.info("a reaction rolled back adapter %s of user %d", judged.rolled_back.adapter, user.id)
        parts = plain_parts(rolled_back_text(judged.rolled_back, language=user.profile.language))
        await desk.outbox.send_all(Place(chat.id, private=chat.type == Chat.PRIVATE), parts, key=key, user=user)


def _keep(desk: Desk, turn_id: int, user: records.User, vote: Vote | None, before: Vote | None) -> Judged | None:
    if vote is not None:
        return desk.services.learned.judge(turn_id, user=user, vote=vote)
    if before is not None:
        desk.services.learned.withdraw(turn_id, before, user=user)
    return None


def said_vote(visit: Visit) -> Vote | None:
    """The vote that a text of nothing but emoji is, as an answer to a reply of the bot."""
    text = visit.message.text or ""
    if not only_emoji(text) or replied_turn(visit) is None:
        return None
    return vote_of(regex.findall(r"\X", text))


async def vote_by_text(visit: Visit) -> None:
    """Keep it, and say so."""
    vote, turn_id = said_vote(visit), replied_turn(visit)
    assert vote is not None
    assert turn_id is not None
    if kept_of(visit) == "nothing":
        await visit.tell(visit.phrase("tg_storing_off"))
        return
    await judge(visit, turn_id, vote=vote)
    await visit.tell(visit.phrase("tg_thanks" if vote == "up" else "tg_how_to_correct"))
