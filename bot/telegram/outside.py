"""Chats that are not the bot's own: customers of the owner's business account, and chats where it is only mentioned.

Others read there. So what answers is a guest, with a history of its own, to whom only the shared knowledge bases are
readable; nobody's memory is, the owner's least of all. Both are off until they are set.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from telegram import BusinessConnection, InlineQueryResultArticle, InputTextMessageContent, Message, Update
from telegram.error import TelegramError

from bot.context import Context
from bot.locales import language_of, say
from bot.support import marked
from bot.telegram.access import by_telegram_id, outside_user
from bot.telegram.desk import Desk, Interrupted
from bot.telegram.inbox import done
from bot.telegram.limiting import is_over, note_turn, within_minute
from bot.telegram.render import plain_parts, reply_parts, sourcing_lines
from bot.telegram.replies import rendered
from bot.telegram.sending import Place, entities_of, kind
from bot.telegram.wording import without_mention
from bot.threads import in_thread
from memory.records import Kept, Turn, User
from memory.store import Store, utc_now
from memory.turns import open_conversation

_log = logging.getLogger(__name__)


def is_outside(update: Update) -> bool:
    """Whether an update belongs to a chat that is not the bot's own."""
    return (update.business_connection or update.business_message or update.guest_message) is not None


def outside_name(update: Update) -> str | None:
    """The name of the guest whose history the chat's is."""
    message = update.business_message
    if message is not None:
        return f"business:{message.chat.id}"
    summons = update.guest_message
    return f"summoned:{summons.from_user.id}" if summons is not None and summons.from_user is not None else None


async def answer_outside(desk: Desk, update: Update) -> None:
    """Handle an update of such a chat.

    :raises Interrupted: the bot ends; the update waits for the next start
    """
    config = desk.services.settings.telegram
    if update.business_connection is not None and config.business:
        await _connected(desk, update.business_connection, update.update_id)
    elif update.business_message is not None and config.business:
        await _answer_customer(desk, update, update.business_message)
    elif update.guest_message is not None and config.guest_queries:
        await _answer_summons(desk, update, update.guest_message)


# -- the owner's business account


async def _connected(desk: Desk, connection: BusinessConnection, update_id: int) -> None:
    """The owner has connected the bot with their account, changed its rights, or ended it; nobody else may."""
    owner = await in_thread(lambda: _keep_connection(desk.services.store, connection))
    if owner is None or owner.telegram_id is None:
        _log.info("business connection of account %d is not the owner's", connection.user.id)
        return
    key = "tg_business_off" if not connection.is_enabled else "tg_business_on"
    key = "tg_business_no_right" if connection.is_enabled and not _may_reply(connection) else key
    text = say(owner.profile.language, key)
    place = Place(owner.telegram_id, private=True)
    await desk.outbox.send_all(place, plain_parts(text), key=f"{update_id}:business", user=owner)


def _keep_connection(store: Store, connection: BusinessConnection) -> User | None:
    """Note the connection as it is now; gives the owner, None where it is not theirs."""
    owner = store.owner()
    with store.transaction() as db:
        db.execute("DELETE FROM business_connections WHERE id = ?", (connection.id,))
        if owner is None or owner.telegram_id != connection.user.id:
            return None
        if connection.is_enabled:
            db.execute(
                "INSERT INTO business_connections (id, user_id, may_reply, at) VALUES (?, ?, ?, ?)",
                (connection.id, owner.id, _may_reply(connection), utc_now()),
            )
    return owner


def _may_reply(connection: BusinessConnection) -> bool:
    return connection.rights is not None and bool(connection.rights.can_reply)


async def _may_answer_by(desk: Desk, connection_id: str) -> bool:
    """Whether a connection is the owner's own and lets the bot reply; one not heard of yet is asked for."""
    store = desk.services.store
    find = "SELECT may_reply FROM business_connections WHERE id = ?"
    if not await in_thread(lambda: store.rows(find, (connection_id,))):
        try:
            connection = await desk.bot.get_business_connection(connection_id)
        except TelegramError as exc:
            _log.info("a business connection can't be asked for: %s", kind(exc))
            return False
        await in_thread(lambda: _keep_connection(store, connection))
    rows = await in_thread(lambda: store.rows(find, (connection_id,)))
    return bool(rows and rows[0]["may_reply"])


async def _answer_customer(desk: Desk, update: Update, message: Message) -> None:
    """Answer what a customer wrote; what the owner wrote there, or the bot itself, is nobody's question."""
    author, connection_id = message.from_user, message.business_connection_id
    if author is None or author.is_bot or author.id != message.chat.id or connection_id is None:
        return
    if not message.text or message.text.startswith("/") or not await _may_answer_by(desk, connection_id):
        return
    place = Place(message.chat.id, private=True, business_id=connection_id)
    language = language_of(author.language_code)
    user = await in_thread(lambda: outside_user(desk.services.store, "business", message.chat.id, language=language))
    if not await _has_room(desk, user, place, update):
        return
    reply = await in_thread(lambda: desk.outbox.open(place, key=f"{update.update_id}:customer", user=user))

    def stored(turn: Turn) -> None:
        shown = marked(turn.reply, turn.unsupported, language=language)
        made = rendered(shown, "\n".join(sourcing_lines(turn, language=language)), language=language)
        desk.outbox.put(reply, made.parts, files=made.attachments, turn=turn)
        done(desk.services.store, [update.update_id], reply_id=reply.id)

    await _turn(desk, update, message.text, user=user, person=user, stored=stored)
    await desk.outbox.deliver(reply)


# -- chats where the bot is only mentioned


async def _answer_summons(desk: Desk, update: Update, message: Message) -> None:
    """Answer somebody whom the bot knows, where they mentioned it; nothing of it is kept."""
    author, query_id = message.from_user, message.guest_query_id
    text = without_mention(message.text or "", bot=desk.bot.username)
    person = by_telegram_id(desk.services.store, author.id) if author is not None else None
    if person is None or person.role not in ("owner", "member", "guest") or not text or query_id is None:
        return
    assert person.telegram_id is not None
    account, language = person.telegram_id, person.profile.language
    if not await _has_room(desk, person, Place(account, private=True), update):
        return
    user = await in_thread(lambda: outside_user(desk.services.store, "summoned", account, language=language))
    turn = await _turn(desk, update, text, user=user, person=person, stored=lambda _turn: None)
    shown = marked(turn.reply, turn.unsupported, language=language)
    part = reply_parts(shown, "\n".join(sourcing_lines(turn, language=language)))[0]
    content = InputTextMessageContent(part.text, entities=entities_of(part))
    article = InlineQueryResultArticle("reply", say(language, "tg_summoned_title"), content)
    try:
        await desk.bot.answer_guest_query(query_id, article)
    except TelegramError as exc:  # it waits for a short while only
        _log.info("update %d could not be answered: %s", update.update_id, kind(exc))


# -- both


async def _has_room(desk: Desk, person: User, place: Place, update: Update) -> bool:
    if not await within_minute(desk, person, place, [update]):
        return False
    return not await is_over(desk, person, place, work="reply", without=[update.update_id])


async def _turn(
    desk: Desk, update: Update, text: str, *, user: User, person: User, stored: Callable[[Turn], None]
) -> Turn:
    """Answer as a guest is answered.

    :param user: the guest whose history it is; of somebody who only mentioned the bot nothing is kept
    :param person: whose limits it counts towards
    """
    store = desk.services.store
    channel, _, number = user.name.partition(":")
    keep: Kept = "history" if person == user else "nothing"
    conversation = await in_thread(
        lambda: open_conversation(store, user_id=user.id, channel=channel, chat_id=int(number))
    )

    def noted(turn: Turn) -> None:
        if desk.cancel.is_set():
            raise Interrupted
        note_turn(store, [update.update_id], turn, person=person)
        stored(turn)

    return await in_thread(
        lambda: desk.services.assistant.turn(
            text,
            user=user,
            conversation_id=conversation,
            cancel=desk.cancel,
            stored=noted,
            context=Context(keep=keep),
        )
    )
