"""People and groups as a test plays them: what they do becomes updates for the bot, exactly as Telegram sends them.

Groups keep Telegram's privacy mode: a bot there sees commands, replies to it and messages that mention it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace

from tests.telegram_api.records import (
    JSON,
    Attachment,
    Chat,
    Entity,
    FormattedText,
    Message,
    Update,
    User,
    without_none,
)
from tests.telegram_api.validation import CAPTION_LIMIT, TEXT_LIMIT, check_text, detect_entities, utf16_slice
from tests.telegram_api.world import World

_QUERY_IDS = itertools.count(4_000_000_001)


class GroupDriver:
    """A group that the bot is in."""

    def __init__(self, world: World, chat: Chat) -> None:
        self._world = world
        self.id = chat.id

    @property
    def chat(self) -> Chat:
        """The group as it stands."""
        return self._world.chats[self.id]

    def open_topic(self, thread_id: int) -> None:
        """Make the group a forum with this topic."""
        self._change(self.chat.topics | {thread_id})

    def delete_topic(self, thread_id: int) -> None:
        """Delete a topic: what is sent to it is refused from now on."""
        self._change(self.chat.topics - {thread_id})

    def _change(self, topics: frozenset[int]) -> None:
        with self._world.lock:
            self._world.chats[self.id] = replace(self.chat, topics=topics)


class UserDriver:
    """A person with a Telegram client."""

    def __init__(self, world: World, user: User) -> None:
        self._world = world
        self.user = user
        self.id = user.id

    def send(
        self,
        text: str,
        *,
        reply_to: Message | None = None,
        chat: GroupDriver | None = None,
        thread_id: int | None = None,
    ) -> Message:
        """Write a message, to the bot or in a group; commands, mentions and links get their entities."""
        content = check_text(text, detect_entities(text), limit=TEXT_LIMIT, too_long="message is too long")
        if not content.text:
            raise ValueError("a person can't send an empty message")
        return self._say(content, None, reply_to, chat, thread_id)

    def send_document(
        self,
        name: str,
        content: bytes,
        *,
        caption: str = "",
        mime_type: str = "application/octet-stream",
        size: int | None = None,
        chat: GroupDriver | None = None,
    ) -> Message:
        """Send a file; `size` announces a size in bytes without holding as many."""
        stored = self._world.add_file(name, content, mime_type=mime_type, size=size)
        return self._say(_caption(caption), Attachment("document", stored), None, chat, None)

    def send_photo(self, content: bytes, *, caption: str = "", chat: GroupDriver | None = None) -> Message:
        """Send an image as a photo."""
        stored = self._world.add_file("photo.jpg", content, mime_type="image/jpeg")
        return self._say(_caption(caption), Attachment("photo", stored), None, chat, None)

    def send_voice(self, content: bytes, *, chat: GroupDriver | None = None) -> Message:
        """Send a voice message."""
        stored = self._world.add_file("voice.ogg", content, mime_type="audio/ogg")
        return self._say(FormattedText(), Attachment("voice", stored), None, chat, None)

    def edit(self, message: Message, text: str) -> Message:
        """Change one of one's own messages."""
        with self._world.lock:
            current = self._current(message)
            if current.sender.id != self.id:
                raise ValueError(f"message {message.id} is not by user {self.id}")
            content = check_text(text, detect_entities(text), limit=TEXT_LIMIT, too_long="message is too long")
            edited = self._world.edit_message(current, content, None)
            self._world.add_update("edited_message", edited.as_json())
            return edited

    def press(self, message: Message, data: str, *, expired: bool = False, forged: bool = False) -> str:
        """Press the button with this callback data; gives the query's id. `expired`: answering it is refused.

        `forged`: the message has no such button; a changed client can send any data.
        """
        with self._world.lock:
            current = self._current(message)
            offered = [button.callback_data for button in current.buttons]
            if data not in offered and not forged:
                raise ValueError(f"message {message.id} has no button {data!r}, only {offered}")
            query_id = str(next(_QUERY_IDS))
            if not expired:
                self._world.open_queries.add(query_id)
            body: JSON = {
                "id": query_id,
                "from": self.user.as_json(),
                "message": current.as_json(),
                "chat_instance": str(current.chat.id),
                "data": data,
            }
            self._world.add_update("callback_query", body)
            return query_id

    def react(self, message: Message, emoji: str | None) -> Update | None:
        """React to a message; None takes the reaction back. The bot hears of it only where it asked to."""
        body = {
            "chat": message.chat.as_json(),
            "message_id": message.id,
            "user": self.user.as_json(),
            "date": int(self._world.clock()),
            "old_reaction": [],
            "new_reaction": [{"type": "emoji", "emoji": emoji}] if emoji else [],
        }
        return self._world.add_update("message_reaction", body)

    def block(self) -> None:
        """Block the bot: what it sends is refused with 403."""
        self._set_blocked(True)

    def unblock(self) -> None:
        """Let the bot write again."""
        self._set_blocked(False)

    def _set_blocked(self, blocked: bool) -> None:
        with self._world.lock:
            chat = self._private_chat()
            (self._world.blocked.add if blocked else self._world.blocked.discard)(self.id)
            statuses = ("member", "kicked") if blocked else ("kicked", "member")
            old, new = ({**member_json(self._world.bot, status)} for status in statuses)
            body = {
                "chat": chat.as_json(),
                "from": self.user.as_json(),
                "date": int(self._world.clock()),
                "old_chat_member": old,
                "new_chat_member": new,
            }
            self._world.add_update("my_chat_member", body)

    def _private_chat(self) -> Chat:
        user = self.user
        chat = Chat(user.id, "private", first_name=user.first_name, username=user.username)
        return self._world.chats.setdefault(user.id, chat)

    def _current(self, message: Message) -> Message:
        return self._world.message(message.chat.id, message.id, missing="the message is gone")

    def _say(
        self,
        content: FormattedText,
        attachment: Attachment | None,
        reply_to: Message | None,
        group: GroupDriver | None,
        thread_id: int | None,
    ) -> Message:
        with self._world.lock:
            message = self._world.add_message(
                Message(
                    id=0,
                    chat=group.chat if group else self._private_chat(),
                    sender=self.user,
                    date=int(self._world.clock()),
                    content=content,
                    attachment=attachment,
                    reply_to=self._current(reply_to) if reply_to else None,
                    thread_id=thread_id,
                )
            )
            if reaches_bot(message, self._world.bot):
                self._world.add_update("message", message.as_json())
            return message


def _caption(caption: str) -> FormattedText:
    return check_text(caption, detect_entities(caption), limit=CAPTION_LIMIT, too_long="message caption is too long")


def member_json(user: User, status: str) -> Mapping[str, object]:
    """The `ChatMember` object of a status."""
    return without_none({"user": user.as_json(), "status": status, "until_date": 0 if status == "kicked" else None})


def reaches_bot(message: Message, bot: User) -> bool:
    """Whether a bot in privacy mode gets to see a message."""
    if message.chat.type == "private":
        return True
    if message.reply_to is not None and message.reply_to.from_bot:
        return True
    return any(_addresses_bot(message.text, entity, f"@{bot.username}") for entity in message.entities)


def _addresses_bot(text: str, entity: Entity, handle: str) -> bool:
    part = utf16_slice(text, entity.offset, entity.end)
    if entity.type == "bot_command":
        return "@" not in part or part.lower().endswith(handle.lower())
    return entity.type == "mention" and part.lower() == handle.lower()
