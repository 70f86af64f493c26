"""Everything the loopback server knows: chats, messages, files, updates. One lock guards all of it.

A change wakes whoever waits on `changed` (long polls, the webhook's sender, tests). Message ids only ever increase,
update ids likewise, and an update stays until the bot confirms it, as Telegram does it.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.telegram_api.faults import FaultPlan
from tests.telegram_api.records import (
    JSON,
    Call,
    CallbackAnswer,
    Chat,
    Command,
    Draft,
    FormattedText,
    InlineAnswer,
    Keyboard,
    Message,
    StoredFile,
    Update,
    User,
    Version,
    Webhook,
)
from tests.telegram_api.validation import ApiError, bad_request

if TYPE_CHECKING:
    from tests.telegram_api.business import Connection

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
_OPT_IN_UPDATES = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


class World:
    """The state behind one bot token. Callers hold `lock` for anything of more than one step."""

    def __init__(self, bot: User, clock: Callable[[], float] = time.time) -> None:
        self.bot = bot
        self.clock = clock
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.closed = False
        self.faults = FaultPlan()
        self.chats: dict[int, Chat] = {}
        self.blocked: set[int] = set()
        self.messages: dict[int, dict[int, Message]] = {}
        self.drafts: dict[int, list[Draft]] = {}
        self.actions: list[tuple[int, str]] = []
        self.files: dict[str, StoredFile] = {}
        self.local_folder: Path | None = None
        self.commands: dict[tuple[str, str], tuple[Command, ...]] = {}
        self.texts: dict[tuple[str, str], str] = {}
        self.open_queries: set[str] = set()
        self.answers: list[CallbackAnswer] = []
        self.inline = False
        self.open_inline: set[str] = set()
        self.inline_answers: list[InlineAnswer] = []
        self.calls: list[Call] = []
        self.updates: list[Update] = []
        self.copies: dict[int, int] = {}
        self.deliver_twice = 0
        self.disorder: random.Random | None = None
        self.allowed_updates: frozenset[str] | None = None
        self.webhook = Webhook()
        self.admins: dict[int, tuple[JSON, ...]] = {}
        self.connections: dict[str, Connection] = {}
        self.business_chats: dict[tuple[str, int], Chat] = {}
        self.guest_queries: set[str] = set()
        self.poll_number = 0
        self._message_ids = itertools.count(1)
        self._update_ids = itertools.count(700_000_001)
        self._file_ids = itertools.count(1)

    def notify(self) -> None:
        """Wake everyone who waits for a change."""
        with self.lock:
            self.changed.notify_all()

    def close(self) -> None:
        """End every wait; nothing is delivered any more."""
        with self.lock:
            self.closed = True
            self.changed.notify_all()

    def chat(self, chat_id: int) -> Chat:
        """The chat that the bot may write to.

        Raises:
            ApiError: it does not exist, the person blocked the bot, or the bot was removed.
        """
        chat = self.chats.get(chat_id)
        if chat is None:
            raise bad_request("chat not found")
        if chat_id in self.blocked:
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        if not chat.bot_is_member:
            raise ApiError(403, f"Forbidden: bot is not a member of the {chat.type} chat")
        return chat

    def message(self, chat_id: int, message_id: int, *, missing: str) -> Message:
        """The message as it stands; `missing` is the reason given when there is none."""
        found = self.messages.get(chat_id, {}).get(message_id)
        if found is None:
            raise bad_request(missing)
        return found

    def add_message(self, message: Message) -> Message:
        """Store it under the next message id."""
        with self.lock:
            stored = replace(message, id=next(self._message_ids))
            self.messages.setdefault(stored.chat.id, {})[stored.id] = stored
            self.changed.notify_all()
            return stored

    def put_message(self, message: Message) -> Message:
        """Replace a stored message by its new state."""
        with self.lock:
            self.messages[message.chat.id][message.id] = message
            self.changed.notify_all()
            return message

    def edit_message(self, message: Message, content: FormattedText, keyboard: Keyboard | None) -> Message:
        """Give a message new content, keeping what it said before.

        Raises:
            ApiError: nothing would change.
        """
        if (content, keyboard) == (message.content, message.keyboard):
            raise bad_request(NOT_MODIFIED)
        return self.put_message(
            replace(
                message,
                content=content,
                keyboard=keyboard,
                edit_date=int(self.clock()),
                edits=(*message.edits, Version(message.content, message.keyboard)),
            )
        )

    def remove_message(self, chat_id: int, message_id: int) -> None:
        """Delete a message for everyone."""
        with self.lock:
            del self.messages[chat_id][message_id]
            self.changed.notify_all()

    def add_file(self, name: str, content: bytes, *, mime_type: str, size: int | None = None) -> StoredFile:
        """Keep a file; `size` announces another size than the content's."""
        with self.lock:
            file_id = f"FILE{next(self._file_ids):06d}"
            stored = StoredFile(file_id, name, mime_type, content, len(content) if size is None else size)
            self.files[file_id] = stored
            return stored

    def add_update(self, kind: str, body: JSON) -> Update | None:
        """Queue an update, unless the bot asked for other kinds only."""
        with self.lock:
            wanted = self.allowed_updates
            if (kind not in wanted) if wanted is not None else (kind in _OPT_IN_UPDATES):
                return None
            update = Update(next(self._update_ids), kind, body)
            if self.deliver_twice:
                self.deliver_twice -= 1
                self.copies[update.id] = 1
            self.updates.append(update)
            self.changed.notify_all()
            return update

    def confirm(self, offset: int) -> None:
        """Forget the updates before `offset`; one that is to be delivered twice survives its first confirmation."""
        self.updates = [update for update in self.updates if update.id >= offset or self.copies.pop(update.id, 0)]

    def next_for_webhook(self) -> Update | None:
        """The oldest update, where a webhook is set."""
        return self.updates[0] if self.updates and self.webhook.url else None

    def record(self, method: str, parameters: Mapping[str, str], *, status: int | None, description: str) -> None:
        """Note a call and how it was answered."""
        with self.lock:
            self.calls.append(Call(method, dict(parameters), status, description, time.monotonic()))
            self.changed.notify_all()
