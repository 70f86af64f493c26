"""Calls that send: what Telegram can't take at the moment is sent later, what may have arrived is not sent twice.

Every answer of Telegram to a failed call leads to one of a few reactions (`react`, pure). A wait that Telegram orders
holds for the whole chat, previews included, and for no other. Only texts that never left this machine, or that
Telegram said it did not take, are sent again.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import httpx
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, InputFile, MessageEntity, ReplyParameters
from telegram.constants import ChatAction
from telegram.error import BadRequest, ChatMigrated, NetworkError, RetryAfter, TelegramError

from bot.telegram.attachments import Attachment
from bot.telegram.render import Part

Action = Literal["resend", "without thread", "without formatting", "done", "unknown", "give up"]
Buttons = Sequence[Sequence[tuple[str, str]]]
"""Rows of (text, callback data)."""
T = TypeVar("T")

_ATTEMPTS = 8
"""Of a message that Telegram answers with an error: it may be the message's."""
_LONGEST_PAUSE = 60.0
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where a conversation happens."""

    chat_id: int
    private: bool
    thread_id: int | None = None
    business_id: str | None = None
    """The connection through which the owner's customers are written to."""


@dataclass(frozen=True)
class Reaction:
    """What to do after a failed call."""

    action: Action
    wait: float = 0.0
    """Seconds before the next call to this chat."""


def react(error: TelegramError, *, attempt: int, repeatable: bool) -> Reaction:
    """Decide from Telegram's answer; ``repeatable``: doing it twice does no harm (an edit)."""
    pause = min(0.5 * 2**attempt, _LONGEST_PAUSE)
    if isinstance(error, RetryAfter):
        return Reaction("resend", seconds_of(error))
    if isinstance(error, BadRequest):
        return Reaction(_after_refusal(str(error).lower()))
    if not isinstance(error, NetworkError):
        return Reaction("give up")
    if repeatable or _answered(error) or isinstance(error.__cause__, _NEVER_SENT):
        return Reaction("resend", pause)
    return Reaction("unknown")


def _answered(error: TelegramError) -> bool:
    """Whether Telegram said something, and be it that it has trouble."""
    return not isinstance(error, RetryAfter) and isinstance(error.__cause__, TelegramError | None)


def _after_refusal(description: str) -> Action:
    if "not modified" in description:
        return "done"
    if "thread" in description or "topic" in description:
        return "without thread"
    if "not found" in description or "can't be edited" in description:
        return "give up"
    return "without formatting"


def seconds_of(error: RetryAfter) -> float:
    """How long Telegram wants us to wait."""
    value = error.retry_after
    return value.total_seconds() if isinstance(value, dt.timedelta) else float(value)


def keyboard(buttons: Buttons | None) -> InlineKeyboardMarkup | None:
    """Inline buttons."""
    if not buttons:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(text, callback_data=data) for text, data in row] for row in buttons]
    )


Trying = Callable[[bool], Awaitable[None]]
"""Told True before each call that may deliver a message, and False when it is known that it did not."""
Migrated = Callable[[int, int], Awaitable[None]]
"""Told the old and the new number of a chat that has moved."""
Delayed = Callable[[], Awaitable[None]]
"""Told when Telegram asks to wait."""


async def _nobody(_value: object = None, _other: object = None) -> None:
    """Nobody wants to know."""


class Sender:
    """Sends and edits the bot's messages.

    :param chat_seconds: least time between two messages to one chat; Telegram asks for one a second
    :param migrated: told when a group has become a supergroup, under whose number it is then sent
    """

    def __init__(
        self, bot: Bot, *, chat_seconds: float = 1.0, migrated: Migrated = _nobody, delayed: Delayed = _nobody
    ) -> None:
        self._bot = bot
        self._chat_seconds = chat_seconds
        self._migrated = migrated
        self._delayed = delayed
        self._quiet_until: dict[int, float] = {}
        self._free_at: dict[int, float] = {}

    def quiet_for(self, place: Place) -> float:
        """Seconds that Telegram still wants nothing sent to the chat."""
        return max(0.0, self._quiet_until.get(place.chat_id, 0.0) - time.monotonic())

    def keep_quiet(self, place: Place, error: RetryAfter) -> None:
        """Send nothing to the chat for as long as Telegram said."""
        self._quiet_until[place.chat_id] = time.monotonic() + seconds_of(error)

    async def send(
        self,
        place: Place,
        part: Part,
        *,
        reply_to: int | None = None,
        buttons: Buttons | None = None,
        trying: Trying = _nobody,
    ) -> int | None:
        """Send one message and give its id; None where Telegram may or may not have it.

        :raises TelegramError: it can't be sent (the user blocked the bot, the chat is gone)
        """

        async def call(place: Place, part: Part) -> int:
            await self._wait_for_chat(place)
            await trying(True)
            message = await self._bot.send_message(
                place.chat_id,
                part.text,
                entities=entities_of(part),
                message_thread_id=place.thread_id,
                reply_parameters=ReplyParameters(reply_to, allow_sending_without_reply=True) if reply_to else None,
                reply_markup=keyboard(buttons),
                business_connection_id=place.business_id,
            )
            return message.message_id

        return await self._persist(call, place, part, repeatable=False, trying=trying)

    async def send_file(self, place: Place, file: Attachment, *, trying: Trying = _nobody) -> int | None:
        """Send a file and give its message's id; None where Telegram may or may not have it.

        :raises TelegramError: it can't be sent
        """

        async def call(place: Place, _part: Part) -> int:
            await self._wait_for_chat(place)
            await trying(True)
            document = InputFile(file.data, filename=file.name)
            message = await self._bot.send_document(
                place.chat_id,
                document,
                message_thread_id=place.thread_id,
                business_connection_id=place.business_id,
            )
            return message.message_id

        return await self._persist(call, place, Part(""), repeatable=False, trying=trying)

    async def send_photo(self, place: Place, file: Attachment, *, caption: str) -> int | None:
        """Send a picture with a text under it and give its message's id; None where Telegram may or may not have it.

        :raises TelegramError: it can't be sent
        """

        async def call(place: Place, part: Part) -> int:
            await self._wait_for_chat(place)
            photo = InputFile(file.data, filename=file.name)
            message = await self._bot.send_photo(
                place.chat_id, photo, caption=part.text, message_thread_id=place.thread_id
            )
            return message.message_id

        return await self._persist(call, place, Part(caption), repeatable=False)

    async def _wait_for_chat(self, place: Place) -> None:
        """Until the chat may have its next message; whoever asks first goes first."""
        now = time.monotonic()
        turn = max(now, self._free_at.get(place.chat_id, 0.0))
        self._free_at[place.chat_id] = turn + self._chat_seconds
        await asyncio.sleep(turn - now)

    async def edit(self, place: Place, message_id: int, part: Part, *, buttons: Buttons | None = None) -> None:
        """Give a message of the bot another text; one that has it already is fine.

        :raises TelegramError: the message is gone, or the chat is
        """

        async def call(place: Place, part: Part) -> None:
            await self._edit_once(place, message_id, part, buttons=buttons)

        await self._persist(call, place, part, repeatable=True)

    async def _edit_once(self, place: Place, message_id: int, part: Part, *, buttons: Buttons | None = None) -> None:
        await self._bot.edit_message_text(
            part.text, place.chat_id, message_id, entities=entities_of(part), reply_markup=keyboard(buttons)
        )

    async def delete(self, place: Place, message_id: int) -> None:
        """Remove a message of the bot.

        :raises TelegramError: it is gone already, or too old
        """

        async def call(place: Place, _part: Part) -> None:
            await self._bot.delete_message(place.chat_id, message_id)

        await self._persist(call, place, Part(""), repeatable=True)

    async def preview_edit(self, place: Place, message_id: int, part: Part, *, buttons: Buttons | None = None) -> None:
        """Edit once, without persisting: a preview that fails is made up for by the next.

        :raises TelegramError: it failed
        """
        await self._edit_once(place, message_id, part, buttons=buttons)

    async def preview_draft(self, place: Place, draft_id: int, part: Part) -> None:
        """Show a passing draft in a private chat.

        :raises TelegramError: it failed
        """
        await self._bot.send_message_draft(
            place.chat_id, draft_id, part.text, message_thread_id=place.thread_id, entities=entities_of(part)
        )

    async def typing(self, place: Place) -> None:
        """Show "typing..." for a few seconds.

        :raises TelegramError: it failed
        """
        await self._bot.send_chat_action(place.chat_id, ChatAction.TYPING, message_thread_id=place.thread_id)

    async def _persist(
        self,
        call: Callable[[Place, Part], Awaitable[T]],
        place: Place,
        part: Part,
        *,
        repeatable: bool,
        trying: Trying = _nobody,
    ) -> T | None:
        """Call until it is done, refused or nobody knows; what Telegram can't take now is tried as long as it takes."""
        tries = refused = 0
        while True:
            await asyncio.sleep(self.quiet_for(place))
            try:
                return await call(place, part)
            except ChatMigrated as exc:
                await trying(False)
                await self._migrated(place.chat_id, exc.new_chat_id)
                place = replace(place, chat_id=exc.new_chat_id, thread_id=None)
            except TelegramError as exc:
                reaction = react(exc, attempt=tries, repeatable=repeatable)
                _log.info("chat %d: %s, so %s", place.chat_id, kind(exc), reaction.action)
                if reaction.action in ("done", "unknown"):
                    return None
                await trying(False)
                changed = _changed(reaction.action, place, part)
                tries += not isinstance(exc, RetryAfter)
                refused += _answered(exc)
                if changed is None or refused >= _ATTEMPTS:
                    raise
                place, part = changed
                if isinstance(exc, RetryAfter):
                    self.keep_quiet(place, exc)
                    await self._delayed()
                else:
                    await asyncio.sleep(reaction.wait)


def _changed(action: Action, place: Place, part: Part) -> tuple[Place, Part] | None:
    """What to try next; None where nothing is left to try."""
    if action == "resend":
        return place, part
    if action == "without thread" and place.thread_id is not None:
        return replace(place, thread_id=None), part
    if action == "without formatting" and part.spans:
        return place, Part(part.text)
    return None


def kind(error: BaseException) -> str:
    """An error for the log: its type, without its text, which may hold an address with the token or what was said."""
    cause = error.__cause__
    return type(error).__name__ + (f" ({type(cause).__name__})" if cause else "")


def entities_of(part: Part) -> list[MessageEntity]:
    """A part's formatting as Telegram takes it."""
    return [
        MessageEntity(span.type, span.offset, span.length, url=span.url, language=span.language) for span in part.spans
    ]
