"""Photos and recordings that people send, fetched into memory: never more than Telegram's own server hands out.

One that is larger is said to be; nothing is written to a disk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from telegram import Message
from telegram.error import BadRequest

from bot.telegram.desk import Visit
from bot.telegram.files import DOWNLOAD_LIMIT

_SOUND = ("audio/", "video/")
_ENDINGS = {"audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/x-wav": "wav", "audio/wav": "wav", "video/webm": "webm"}


@dataclass(frozen=True)
class Sent:
    """A file in a message."""

    file_id: str
    name: str
    """With the ending of its format, by which servers tell it."""
    bytes: int
    """As announced; 0 where it is not."""
    seconds: float = 0.0
    """As announced; 0 where it is not."""


def photo_of(message: Message) -> Sent:
    """The largest size of a photo."""
    largest = max(message.photo, key=lambda size: size.width * size.height)
    return Sent(largest.file_id, "photo.jpg", largest.file_size or 0)


def recording_of(message: Message) -> Sent | None:
    """The recording in a message, if there is one; an animation has no sound."""
    if message.animation is not None:
        return None
    spoken = message.voice or message.video_note
    if spoken is not None:
        name = "voice.ogg" if message.voice is not None else "note.mp4"
        return Sent(spoken.file_id, name, spoken.file_size or 0, _seconds(spoken.duration))
    made = message.audio or message.video
    if made is not None:
        name = _named(made.mime_type, "audio.mp3" if message.audio is not None else "video.mp4")
        return Sent(made.file_id, name, made.file_size or 0, _seconds(made.duration))
    file = message.document
    if file is not None and (file.mime_type or "").startswith(_SOUND):
        return Sent(file.file_id, _named(file.mime_type, file.file_name or "audio.ogg"), file.file_size or 0)
    return None


def _seconds(duration: int | timedelta) -> float:
    """python-telegram-bot gives a number or, with PTB_TIMEDELTA, a timedelta."""
    return duration.total_seconds() if isinstance(duration, timedelta) else float(duration)


def _named(mime_type: str | None, name: str) -> str:
    """The name with the ending of its media type, where that is known."""
    ending = _ENDINGS.get(mime_type or "")
    return f"{name.rpartition('.')[0] or name}.{ending}" if ending else name


async def fetched(visit: Visit, files: Sequence[Sent]) -> list[bytes] | None:
    """The contents; None where the user was told that one is too large to be fetched."""
    found = []
    for sent in files:
        data = await _fetched(visit, sent)
        if data is None:
            await visit.tell(visit.phrase("tg_media_too_big"), reply=True)
            return None
        found.append(data)
    return found


async def _fetched(visit: Visit, sent: Sent) -> bytes | None:
    if sent.bytes > DOWNLOAD_LIMIT:
        return None
    try:
        file = await visit.desk.bot.get_file(sent.file_id)
    except BadRequest as exc:
        if "too big" in str(exc).lower():  # where the message did not say its size
            return None
        raise
    if (file.file_size or 0) > DOWNLOAD_LIMIT:
        return None
    return bytes(await file.download_as_bytearray())
