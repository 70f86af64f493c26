"""Updates that are no message of a person to the bot: most are quiet, none ends anything.

Who joined or left, what was pinned, what a channel posts is nothing to answer. That the bot may no longer write to a
chat is noted, and a group into which somebody allowed brings it is greeted once. A pressed button that leads nowhere
is told so, since its spinner would turn on.
"""

from __future__ import annotations

import contextlib
import logging

from telegram import Bot, Chat, ChatMember, ChatMemberRestricted, ChatMemberUpdated, Message, Update, User
from telegram.error import TelegramError
from telegram.ext import filters

from bot.locales import language_of, say
from bot.telegram.access import by_telegram_id, group_user
from bot.telegram.blocked import note_blocked, note_open
from bot.telegram.desk import Desk
from bot.telegram.group_admins import is_anonymous
from bot.telegram.group_rules import mark_told
from bot.telegram.permitting import decided_by_admins
from bot.telegram.reactions import reacted
from bot.telegram.render import plain_parts
from bot.telegram.sending import Place
from bot.telegram.undelivered import deliver_quietly
from bot.telegram.wording import command_of, mentions
from bot.threads import in_thread
from memory.store import Store

_GROUPS = (Chat.GROUP, Chat.SUPERGROUP)
_PRESENT = (ChatMember.MEMBER, ChatMember.ADMINISTRATOR, ChatMember.OWNER)
_log = logging.getLogger(__name__)


async def take(desk: Desk, update: Update) -> bool:
    """Handle an update that is no message of a person to the bot; False where it is one."""
    message = update.message
    if update.my_chat_member is not None:
        await _membership(desk, update.my_chat_member)
    elif update.message_reaction is not None:
        await reacted(desk, update.message_reaction, key=f"{update.update_id}:rolled-back")
    elif message is not None and is_service(update):
        if _brings(message, desk.bot):
            await _greet(desk, message.chat, message.from_user)
    elif message is not None and message.sender_chat is not None and not _decides(message, desk.bot):
        await _anonymous(desk, message)
    else:
        if message is not None:
            await _open(desk, message.chat.id)
        return False
    return True


async def unheard(desk: Desk, update: Update) -> None:
    """Nobody handles this update: end a pressed button's spinner."""
    if update.callback_query is not None:
        await _refuse_press(desk, update)


def is_service(update: Update) -> bool:
    """Whether a message only says what happened in its chat."""
    message = update.message
    return message is not None and (
        bool(filters.StatusUpdate.ALL.check_update(update)) or message.boost_added is not None
    )


def calls_bot(message: Message, bot: Bot) -> bool:
    """Whether a message of a group is to the bot: an answer to one of its messages, or it names the bot."""
    answered = message.reply_to_message
    to_bot = answered is not None and answered.from_user is not None and answered.from_user.id == bot.id
    return to_bot or mentions(message.text or message.caption or "", bot=bot.username)


def present(member: ChatMember) -> bool:
    """Whether somebody of this standing is in the chat."""
    return member.status in _PRESENT or (isinstance(member, ChatMemberRestricted) and member.is_member)


async def _membership(desk: Desk, change: ChatMemberUpdated) -> None:
    """The bot was blocked, removed, let in again or given other rights."""
    chat = change.chat
    here, was_here = present(change.new_chat_member), present(change.old_chat_member)
    if here:
        await _open(desk, chat.id)
    else:
        await in_thread(lambda: note_blocked(desk.services.store, chat.id))
    if here and not was_here:
        await _greet(desk, chat, change.from_user)


async def _open(desk: Desk, chat_id: int) -> None:
    """A chat takes messages; it gets what was held back for it."""
    if await in_thread(lambda: note_open(desk.services.store, chat_id)):
        for reply in await in_thread(lambda: desk.outbox.waiting(chat_id)):
            await deliver_quietly(desk, reply)


def _brings(message: Message, bot: Bot) -> bool:
    """Whether the message says that the bot is new in a group."""
    return bool(message.group_chat_created) or any(user.id == bot.id for user in message.new_chat_members)


async def _greet(desk: Desk, chat: Chat, author: User | None) -> None:
    """Say how to address the bot and what it stores; once a group, and only where somebody allowed brought it in."""
    person = by_telegram_id(desk.services.store, author.id) if author is not None else None
    if chat.type not in _GROUPS or person is None or person.role not in ("owner", "member"):
        return
    parts = plain_parts(say(person.profile.language, "tg_group_greeting", bot=desk.bot.username))
    await in_thread(lambda: _mark_told(desk.services.store, chat.id, language=person.profile.language))
    await desk.outbox.send_all(Place(chat.id, private=False), parts, key=f"greeting:{chat.id}")


def _decides(message: Message, bot: Bot) -> bool:
    """Whether an admin who is anonymous asks for what admins decide."""
    author = message.from_user
    asked = command_of(message.text or "", bot=bot.username)
    return author is not None and is_anonymous(message, author.id) and decided_by_admins(asked, None)


def _mark_told(store: Store, chat_id: int, *, language: str) -> None:
    """The greeting says what is stored, so that the group's first answer need not."""
    with store.transaction():
        mark_told(store, group_user(store, chat_id, language=language).id)


async def _anonymous(desk: Desk, message: Message) -> None:
    """Somebody writes as a group or a channel: nobody knows who, so that it can't be known whether they may."""
    called = command_of(message.text or "", bot=desk.bot.username) or calls_bot(message, desk.bot)
    if not called or message.is_automatic_forward:
        return
    place = Place(
        message.chat.id, private=False, thread_id=message.message_thread_id if message.is_topic_message else None
    )
    language = language_of(message.from_user.language_code if message.from_user else None)
    parts = plain_parts(say(language, "tg_anonymous"))
    await desk.outbox.send_all(place, parts, key=f"anonymous:{place.chat_id}", reply_to=message.message_id)


async def _refuse_press(desk: Desk, update: Update) -> None:
    query = update.callback_query
    assert query is not None
    known = by_telegram_id(desk.services.store, query.from_user.id)
    allowed = known is not None and known.role in ("owner", "member", "guest")
    language = known.profile.language if known is not None else language_of(query.from_user.language_code)
    with contextlib.suppress(TelegramError):  # it may be too old to be answered
        await query.answer(say(language, "tg_button_expired" if allowed else "tg_button_not_allowed"), show_alert=True)
