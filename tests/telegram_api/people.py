"""People and groups as a test plays them: what they do becomes updates for the bot, exactly as Telegram sends them.

Groups keep Telegram's privacy mode: a bot there sees commands, replies to it and messages that mention it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
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
_ALBUM_IDS = itertools.count(13_000_000_001)


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

    def set_admins(self, *people: UserDriver) -> None:
        """Say who administers the group."""
        with self._world.lock:
            self._world.admins[self.id] = tuple(person.user.as_json() for person in people)

    def send_anonymously(self, text: str, *, reply_to: Message | None = None) -> Message:
        """An admin who is anonymous writes: Telegram names a bot of its own as the author, and the group as sender."""
        with self._world.lock:
            content = check_text(text, detect_entities(text), limit=TEXT_LIMIT, too_long="message is too long")
            author = User(1_087_968_824, "Group", username="GroupAnonymousBot", is_bot=True)
            now = int(self._world.clock())
            new = Message(0, self.chat, author, now, content, reply_to=reply_to, sender_chat=self.chat)
            message = self._world.add_message(new)
            if reaches_bot(message, self._world.bot):
                self._world.add_update("message", message.as_json())
            return message

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
        extra: Mapping[str, object] | None = None,
    ) -> Message:
        """Write a message, to the bot or in a group; commands, mentions and links get their entities.

        `extra`: more fields of the message, as `quote_of` and `external_reply` give them.
        """
        content = check_text(text, detect_entities(text), limit=TEXT_LIMIT, too_long="message is too long")
        if not content.text:
            raise ValueError("a person can't send an empty message")
        return self._say(content, None, reply_to, chat, thread_id, extra)

    def forward(self, text: str, origin: Mapping[str, object]) -> Message:
        """Forward a message that was written elsewhere to the bot; `origin` is a `MessageOrigin`."""
        content = check_text(text, detect_entities(text), limit=TEXT_LIMIT, too_long="message is too long")
        return self._say(content, None, None, None, None, {"forward_origin": dict(origin)})

    def send_album(self, files: Sequence[tuple[str, bytes]], *, caption: str = "") -> list[Message]:
        """Send several documents together; as in Telegram each is a message, and one of them has the caption."""
        album = {"media_group_id": str(next(_ALBUM_IDS))}
        with self._world.lock:
            stored = [self._world.add_file(name, content, mime_type="text/plain") for name, content in files]
            return [
                self._say(
                    _caption(caption if number == 0 else ""), Attachment("document", file), None, None, None, album
                )
                for number, file in enumerate(stored)
            ]

    def send_document(
        self,
        name: str,
        content: bytes,
        *,
        caption: str = "",
        mime_type: str = "application/octet-stream",
        size: int | None = None,
        chat: GroupDriver | None = None,
        forwarded_from: User | None = None,
    ) -> Message:
        """Send a file; `size` announces a size in bytes without holding as many."""
        stored = self._world.add_file(name, content, mime_type=mime_type, size=size)
        extra = {"forward_origin": _origin(forwarded_from, self._world)} if forwarded_from else None
        return self._say(_caption(caption), Attachment("document", stored), None, chat, None, extra)

    def send_photo(
        self,
        content: bytes,
        *,
        caption: str = "",
        chat: GroupDriver | None = None,
        reply_to: Message | None = None,
        size: int | None = None,
        album: str | None = None,
        forwarded_from: User | None = None,
    ) -> Message:
        """Send an image as a photo, alone or in an album, one's own or somebody else's."""
        stored = self._world.add_file("photo.jpg", content, mime_type="image/jpeg", size=size)
        attachment = Attachment("photo", stored)
        extra: JSON = {"media_group_id": album} if album else {}
        if forwarded_from is not None:
            extra["forward_origin"] = _origin(forwarded_from, self._world)
        return self._say(_caption(caption), attachment, reply_to, chat, None, extra)

    def send_voice(
        self,
        content: bytes,
        *,
        seconds: int = 1,
        chat: GroupDriver | None = None,
        reply_to: Message | None = None,
        forwarded_from: User | None = None,
    ) -> Message:
        """Send a voice message, one's own or somebody else's."""
        stored = self._world.add_file("voice.ogg", content, mime_type="audio/ogg")
        extra = {"forward_origin": _origin(forwarded_from, self._world)} if forwarded_from else None
        return self._say(FormattedText(), Attachment("voice", stored, seconds), reply_to, chat, None, extra)

    def send_video_note(self, content: bytes, *, seconds: int = 1) -> Message:
        """Send a round film of oneself."""
        stored = self._world.add_file("note.mp4", content, mime_type="video/mp4")
        return self._say(FormattedText(), Attachment("video_note", stored, seconds), None, None, None)

    def send_audio(self, name: str, content: bytes, *, caption: str = "", seconds: int = 1) -> Message:
        """Send a sound file, which the client shows as music."""
        stored = self._world.add_file(name, content, mime_type="audio/mpeg")
        return self._say(_caption(caption), Attachment("audio", stored, seconds), None, None, None)

    def send_video(self, name: str, content: bytes, *, caption: str = "", seconds: int = 1) -> Message:
        """Send a film."""
        stored = self._world.add_file(name, content, mime_type="video/mp4")
        return self._say(_caption(caption), Attachment("video", stored, seconds), None, None, None)

    def send_animation(self, name: str, content: bytes) -> Message:
        """Send a film without sound."""
        stored = self._world.add_file(name, content, mime_type="video/mp4")
        return self._say(FormattedText(), Attachment("animation", stored), None, None, None)

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

    def show_preview(self, message: Message) -> None:
        """Let Telegram tell of a change of one's own message that nobody made, such as the preview of its link."""
        with self._world.lock:
            self._world.add_update("edited_message", {**self._current(message).as_json(), "edit_date": message.date})

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

    def ask_inline(self, words: str, *, offset: str = "", expired: bool = False) -> str:
        """Type the bot's name and words in any chat; gives the query's id. `expired`: answering it is refused."""
        with self._world.lock:
            query_id = str(next(_QUERY_IDS))
            if not expired:
                self._world.open_inline.add(query_id)
            body: JSON = {
                "id": query_id,
                "from": self.user.as_json(),
                "query": words,
                "offset": offset,
                "chat_type": "private",
            }
            self._world.add_update("inline_query", body)
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

    def summon(self, text: str) -> str:
        """Mention the bot in a chat where it is not; gives the id of the query that it may answer."""
        with self._world.lock:
            query_id = f"guest-{next(_QUERY_IDS)}"
            self._world.guest_queries.add(query_id)
            chat = Chat(-1_009_999, "supergroup", title="Elsewhere")
            content = FormattedText(text, detect_entities(text))
            message = Message(1, chat, self.user, int(self._world.clock()), content)
            self._world.add_update("guest_message", {**message.as_json(), "guest_query_id": query_id})
            return query_id

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
        extra: Mapping[str, object] | None = None,
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
                    extra=extra or {},
                )
            )
            if reaches_bot(message, self._world.bot):
                self._world.add_update("message", message.as_json())
            return message


def _caption(caption: str) -> FormattedText:
    return check_text(caption, detect_entities(caption), limit=CAPTION_LIMIT, too_long="message caption is too long")


def _origin(author: User, world: World) -> JSON:
    """The `MessageOriginUser` of something that another person wrote."""
    return {"type": "user", "sender_user": author.as_json(), "date": int(world.clock())}


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
