"""The loopback Bot API server as tests use it: start it, play people, order faults, look at what the bot sent.

All of it may be called from any thread. In a test whose bot runs in the same event loop, wait with `until`: the
blocking `wait_for` would stop the bot.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self, TypeVar

from tests.telegram_api.business import BusinessDriver, Connection
from tests.telegram_api.faults import Fault
from tests.telegram_api.people import GroupDriver, UserDriver, member_json
from tests.telegram_api.records import (
    Call,
    CallbackAnswer,
    Chat,
    Command,
    Draft,
    InlineAnswer,
    Message,
    StoredFile,
    User,
    Webhook,
)
from tests.telegram_api.transport import HttpServer, WebhookSender
from tests.telegram_api.world import World

TOKEN = "4200000001:LOOPBACK-token-for-tests-only_0001"
BOT = User(4_200_000_001, "Familiar", username="familiar_test_bot", is_bot=True)
WAIT_SECONDS = 10.0
T = TypeVar("T")


class TelegramServer:
    """A Bot API server on 127.0.0.1 with one bot; a context manager.

    Leaving it raises what went wrong inside the server, and refuses faults that were ordered and never happened.
    """

    def __init__(self, *, token: str = TOKEN, bot: User = BOT, clock: Callable[[], float] = time.time) -> None:
        self.token = token
        self.world = World(bot, clock)
        self._http = HttpServer(self.world, token)
        self._threads = (
            threading.Thread(target=self._http.serve_forever, args=(0.02,), name="telegram-api"),
            WebhookSender(self.world),
        )

    @property
    def base_url(self) -> str:
        """The address before the token, python-telegram-bot's `base_url`."""
        return f"http://127.0.0.1:{self._http.server_port}/bot"

    @property
    def base_file_url(self) -> str:
        """The address of downloads before the token, python-telegram-bot's `base_file_url`."""
        return f"http://127.0.0.1:{self._http.server_port}/file/bot"

    def start(self) -> None:
        """Answer from now on."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End every connection and thread; it can't be started again."""
        self.world.close()
        self._http.shutdown()
        self._http.disconnect_all()
        self._http.server_close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is None:
            self._check_clean()

    def _check_clean(self) -> None:
        if self._http.errors:
            raise ExceptionGroup("the loopback server failed", [RuntimeError(repr(e)) for e in self._http.errors])
        if self.world.faults.pending():
            raise AssertionError(f"{self.world.faults.pending()} ordered faults never happened")

    def user(
        self, id: int, first_name: str = "Ada", *, language_code: str | None = "en", username: str | None = None
    ) -> UserDriver:
        """A person; the bot can write to them only once they wrote."""
        return UserDriver(self.world, User(id, first_name, username, language_code))

    def group(self, id: int, title: str = "Group", *, added_by: UserDriver | None = None) -> GroupDriver:
        """A supergroup that the bot is in; `added_by` lets the bot hear of it."""
        with self.world.lock:
            chat = Chat(id, "supergroup", title=title)
            self.world.chats[id] = chat
            if added_by is not None:
                bot = self.world.bot
                body = {
                    "chat": chat.as_json(),
                    "from": added_by.user.as_json(),
                    "date": int(self.world.clock()),
                    "old_chat_member": {**member_json(bot, "left")},
                    "new_chat_member": {**member_json(bot, "member")},
                }
                self.world.add_update("my_chat_member", body)
            return GroupDriver(self.world, chat)

    def business(self, id: str, owner: UserDriver, *, can_reply: bool = True) -> BusinessDriver:
        """A person's business account is connected with the bot, which is not told yet."""
        with self.world.lock:
            connection = Connection(id, owner.user.as_json(), can_reply)
            self.world.connections[id] = connection
            return BusinessDriver(self.world, connection)

    def fault(self, method: str, fault: Fault, *, times: int = 1) -> None:
        """Let the next `times` calls of a method ("*" for any method) go wrong."""
        with self.world.lock:
            self.world.faults.order(method, fault, times=times)

    def clear_faults(self) -> None:
        """Forget the faults that have not happened yet."""
        with self.world.lock:
            self.world.faults.clear()

    def deliver_twice(self, times: int = 1) -> None:
        """Deliver each of the next `times` updates a second time although the bot confirmed it."""
        with self.world.lock:
            self.world.deliver_twice += times

    def messages(self, chat_id: int) -> list[Message]:
        """The chat's messages as they stand now, oldest first, deleted ones left out."""
        with self.world.lock:
            return list(self.world.messages.get(chat_id, {}).values())

    def replies(self, chat_id: int, *, after: Message | None = None) -> list[Message]:
        """The bot's messages in the chat, only those later than `after` where given."""
        since = after.id if after is not None else 0
        return [message for message in self.messages(chat_id) if message.from_bot and message.id > since]

    def delete_message(self, message: Message) -> None:
        """A person deletes a message; bots are not told."""
        self.world.remove_message(message.chat.id, message.id)

    def drafts(self, chat_id: int) -> list[Draft]:
        """Every draft shown in the chat, in order."""
        with self.world.lock:
            return list(self.world.drafts.get(chat_id, ()))

    def actions(self, chat_id: int) -> list[str]:
        """The chat actions ("typing" ...) shown in the chat, in order."""
        with self.world.lock:
            return [action for where, action in self.world.actions if where == chat_id]

    def answers(self) -> list[CallbackAnswer]:
        """The answers to pressed buttons, in order."""
        with self.world.lock:
            return list(self.world.answers)

    def inline_answers(self) -> list[InlineAnswer]:
        """The answers to inline queries, in order."""
        with self.world.lock:
            return list(self.world.inline_answers)

    def calls(self, method: str | None = None) -> list[Call]:
        """The bot's calls, all or of one method, in the order in which they were answered."""
        with self.world.lock:
            return [c for c in self.world.calls if method is None or c.method.lower() == method.lower()]

    def commands(self, scope: str = "default", language_code: str = "") -> Sequence[Command]:
        """The command menu of a scope ("chat:5" for the chat of that id) and language."""
        with self.world.lock:
            return self.world.commands.get((scope, language_code), ())

    def file(self, file_id: str) -> StoredFile:
        """A file that was sent by a person or by the bot."""
        with self.world.lock:
            return self.world.files[file_id]

    @property
    def webhook(self) -> Webhook:
        """The webhook as the bot set it."""
        with self.world.lock:
            return self.world.webhook

    def pending_updates(self) -> int:
        """How many updates the bot has not confirmed."""
        with self.world.lock:
            return len(self.world.updates)

    def wait_for(self, predicate: Callable[[], T], timeout: float = WAIT_SECONDS) -> T:
        """Block until the predicate gives something true, and return that.

        Raises:
            TimeoutError: it stayed false for `timeout` seconds; says what the bot did last.
        """
        deadline = time.monotonic() + timeout
        with self.world.lock:
            while not (value := predicate()):
                left = deadline - time.monotonic()
                if left <= 0:
                    last = [(call.method, call.status, call.description) for call in self.world.calls[-8:]]
                    raise TimeoutError(f"nothing true after {timeout} s; the bot's last calls: {last}")
                self.world.changed.wait(min(left, 0.1))  # a predicate may look at more than this server
            return value

    async def until(self, predicate: Callable[[], T], timeout: float = WAIT_SECONDS) -> T:
        """`wait_for` without stopping the event loop."""
        return await asyncio.to_thread(self.wait_for, predicate, timeout)
