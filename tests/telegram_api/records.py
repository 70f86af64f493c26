"""What the loopback Bot API server keeps: frozen records that turn into Bot API JSON only by `as_json`.

Field names of the JSON follow https://core.telegram.org/bots/api, and absent values are left out, never null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

JSON = dict[str, object]
AttachmentKind = Literal["document", "photo", "voice", "video_note", "audio", "video", "animation"]


def without_none(values: Mapping[str, object]) -> JSON:
    """The mapping without the keys whose value is None, as Telegram sends it."""
    return {key: value for key, value in values.items() if value is not None}


@dataclass(frozen=True)
class User:
    """A person or a bot."""

    id: int
    first_name: str
    username: str | None = None
    language_code: str | None = None
    is_bot: bool = False

    def as_json(self) -> JSON:
        """The `User` object."""
        return without_none(
            {
                "id": self.id,
                "is_bot": self.is_bot,
                "first_name": self.first_name,
                "username": self.username,
                "language_code": self.language_code,
            }
        )


@dataclass(frozen=True)
class Chat:
    """A private chat (its id is the user's) or a group; `topics` are the ids of a forum's open topics."""

    id: int
    type: Literal["private", "group", "supergroup"]
    title: str | None = None
    first_name: str | None = None
    username: str | None = None
    topics: frozenset[int] = frozenset()
    bot_is_member: bool = True

    def as_json(self) -> JSON:
        """The `Chat` object."""
        return without_none(
            {
                "id": self.id,
                "type": self.type,
                "title": self.title,
                "first_name": self.first_name,
                "username": self.username,
                "is_forum": True if self.topics else None,
            }
        )


@dataclass(frozen=True)
class Entity:
    """A `MessageEntity`; offset and length in UTF-16 code units, `extra` what its type adds (url, language ...)."""

    type: str
    offset: int
    length: int
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def end(self) -> int:
        """The first UTF-16 unit after the entity."""
        return self.offset + self.length

    def as_json(self) -> JSON:
        """The `MessageEntity` object."""
        return {"type": self.type, "offset": self.offset, "length": self.length, **self.extra}


@dataclass(frozen=True)
class FormattedText:
    """A text (or caption) with its entities, after all checks."""

    text: str = ""
    entities: tuple[Entity, ...] = ()


@dataclass(frozen=True)
class Button:
    """An inline button; exactly one of the three actions is set."""

    text: str
    callback_data: str | None = None
    url: str | None = None
    copy_text: str | None = None

    def as_json(self) -> JSON:
        """The `InlineKeyboardButton` object."""
        copied = None if self.copy_text is None else {"text": self.copy_text}
        return without_none(
            {"text": self.text, "callback_data": self.callback_data, "url": self.url, "copy_text": copied}
        )


@dataclass(frozen=True)
class Keyboard:
    """An inline keyboard, the only reply markup that a message carries back."""

    rows: tuple[tuple[Button, ...], ...] = ()

    @property
    def buttons(self) -> tuple[Button, ...]:
        """All buttons, row by row."""
        return tuple(button for row in self.rows for button in row)

    def as_json(self) -> JSON:
        """The `InlineKeyboardMarkup` object."""
        return {"inline_keyboard": [[button.as_json() for button in row] for row in self.rows]}


@dataclass(frozen=True)
class StoredFile:
    """A file on the server. `size` is what is announced: a test may announce 21 MB without holding them."""

    file_id: str
    name: str
    mime_type: str
    content: bytes
    size: int

    def as_json(self) -> JSON:
        """The fields that every kind of file shares."""
        return {"file_id": self.file_id, "file_unique_id": f"u{self.file_id}", "file_size": self.size}


@dataclass(frozen=True)
class Attachment:
    """A file in a message."""

    kind: AttachmentKind
    file: StoredFile
    seconds: int = 1
    """How long a recording is said to be."""

    def as_json(self) -> object:
        """What stands in the message under the kind's name."""
        common = self.file.as_json()
        named = {**common, "file_name": self.file.name, "mime_type": self.file.mime_type}
        lasting = {"duration": self.seconds}
        if self.kind == "photo":  # smaller sizes come first
            small = {"file_id": f"{self.file.file_id}-small", "file_unique_id": f"u{self.file.file_id}-small"}
            return [{**small, "width": 90, "height": 90}, {**common, "width": 1280, "height": 1280}]
        if self.kind == "voice":
            return {**common, **lasting, "mime_type": self.file.mime_type}
        if self.kind == "video_note":
            return {**common, **lasting, "length": 240}
        if self.kind in ("video", "animation"):
            return {**named, **lasting, "width": 320, "height": 240}
        return {**named, **lasting} if self.kind == "audio" else named


@dataclass(frozen=True)
class Version:
    """What a message said before an edit."""

    content: FormattedText
    keyboard: Keyboard | None


@dataclass(frozen=True)
class Message:
    """A message as it stands now; `edits` are its earlier versions, oldest first. Dates are Unix seconds."""

    id: int
    chat: Chat
    sender: User
    date: int
    content: FormattedText
    attachment: Attachment | None = None
    keyboard: Keyboard | None = None
    reply_to: Message | None = None
    thread_id: int | None = None
    edit_date: int | None = None
    edits: tuple[Version, ...] = ()
    reactions: tuple[str, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)
    """More fields as they stand in the JSON: what it quotes, where it was written first, the album it is in."""

    @property
    def text(self) -> str:
        """Its text or caption."""
        return self.content.text

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The entities of its text or caption."""
        return self.content.entities

    @property
    def buttons(self) -> tuple[Button, ...]:
        """Its inline buttons, row by row."""
        return self.keyboard.buttons if self.keyboard else ()

    @property
    def from_bot(self) -> bool:
        """Whether the bot sent it."""
        return self.sender.is_bot

    def as_json(self) -> JSON:
        """The `Message` object."""
        values: JSON = {
            **self.extra,
            "message_id": self.id,
            "date": self.date,
            "chat": self.chat.as_json(),
            "from": self.sender.as_json(),
            "edit_date": self.edit_date,
            "message_thread_id": self.thread_id,
            "is_topic_message": True if self.thread_id is not None else None,
            "reply_markup": self.keyboard.as_json() if self.keyboard else None,
            "reply_to_message": replace(self.reply_to, reply_to=None).as_json() if self.reply_to else None,
        }
        names = ("text", "entities") if self.attachment is None else ("caption", "caption_entities")
        values[names[0]] = self.text or None
        values[names[1]] = [entity.as_json() for entity in self.entities] or None
        if self.attachment is not None:
            values[self.attachment.kind] = self.attachment.as_json()
            if self.attachment.kind == "animation":  # as Telegram does for programs that know no animations
                values["document"] = self.attachment.as_json()
        return without_none(values)


@dataclass(frozen=True)
class Draft:
    """One call of sendMessageDraft; an empty text shows "Thinking..."."""

    draft_id: int
    content: FormattedText
    thread_id: int | None = None

    @property
    def text(self) -> str:
        """Its text."""
        return self.content.text


@dataclass(frozen=True)
class Update:
    """One update: `kind` names the field beside `update_id`, `body` is that field's JSON."""

    id: int
    kind: str
    body: JSON

    def as_json(self) -> JSON:
        """The `Update` object."""
        return {"update_id": self.id, self.kind: self.body}


@dataclass(frozen=True)
class CallbackAnswer:
    """How the bot answered a pressed button."""

    query_id: str
    text: str | None
    show_alert: bool


@dataclass(frozen=True)
class Command:
    """One line of the command menu."""

    name: str
    description: str


@dataclass(frozen=True)
class Call:
    """One request of the bot. `status` is the HTTP status of the answer, None where none was given."""

    method: str
    parameters: Mapping[str, str]
    status: int | None
    description: str
    at: float


@dataclass(frozen=True)
class Webhook:
    """Where updates are posted; an empty url means that the bot polls."""

    url: str = ""
    secret_token: str | None = None
    max_connections: int = 40
    last_error: str | None = None
