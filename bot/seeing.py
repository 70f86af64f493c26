"""A picture becomes text: what is written in it, and what it shows where a vision model is configured.

Free of Telegram, and called from worker threads. Text is read by the code of the importers, in their limited child
process. Whatever one of the two can't do is a remark; what the other found is given all the same.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Protocol

from bot.config import VisionConfig
from bot.model_server import ModelServer
from memory.config import ImportConfig
from memory.errors import FamiliarError
from memory.importers.converter import Converter
from memory.importers.records import ConversionError, NoText

MISSING = "pip install -e '.[ocr]'"
"""What brings the packages that read text in pictures."""
_DESCRIBE = (
    "Describe this picture in at most four sentences, as data for an assistant. Say only what can be seen, and copy"
    " names, numbers and dates exactly."
)
_DESCRIPTION_TOKENS = 400
_DESCRIPTION_CHARACTERS = 3000
_TYPES = ((b"\x89PNG", "image/png"), (b"GIF8", "image/gif"), (b"RIFF", "image/webp"))


@dataclass(frozen=True)
class Seen:
    """What is known of a picture."""

    text: str = ""
    """What is written in it."""
    description: str = ""
    """What a model says that it shows."""
    remarks: tuple[str, ...] = ()
    """What went wrong, for the user."""
    unread: bool = False
    """Its text was not looked for, as the extra `ocr` is missing."""


class Describer(Protocol):
    """Says what a picture shows."""

    def describe(self, picture: bytes, *, question: str) -> str:
        """A few sentences; empty where no model is configured.

        :param question: what the user wants to know of it; may be empty
        :raises FamiliarError: the model can't be asked
        """
        ...


class NoDescriber:
    """Without a vision model nothing is said of what a picture shows."""

    def describe(self, picture: bytes, *, question: str) -> str:
        """Nothing."""
        del picture, question
        return ""


class ServerDescriber:
    """Asks an OpenAI-compatible server (https://platform.openai.com/docs/api-reference/chat)."""

    def __init__(self, config: VisionConfig) -> None:
        self._config = config
        self._server = ModelServer("vision", config.url, config.key, config.timeout_seconds)

    def describe(self, picture: bytes, *, question: str) -> str:
        """What the server's model says."""
        wanted = f"{_DESCRIBE} The person asks: {question}" if question else _DESCRIBE
        address = f"data:{media_type(picture)};base64,{base64.b64encode(picture).decode()}"
        content = [{"type": "text", "text": wanted}, {"type": "image_url", "image_url": {"url": address}}]
        answer = self._server.post(
            "chat/completions",
            json={
                "model": self._config.model,
                "messages": [{"role": "user", "content": content}],
                "max_tokens": _DESCRIPTION_TOKENS,
            },
        )
        try:
            said = answer["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError) as exc:
            raise self._server.unexpected("a reply") from exc
        if not isinstance(said, str):
            raise self._server.unexpected("a reply")
        return said.strip()[:_DESCRIPTION_CHARACTERS]


def open_describer(config: VisionConfig) -> Describer:
    """What the settings name."""
    return ServerDescriber(config) if config.url else NoDescriber()


class Sight:
    """Reads and describes pictures."""

    def __init__(self, describer: Describer, config: ImportConfig) -> None:
        self._describer = describer
        self._config = config

    def look(self, pictures: Sequence[bytes], *, question: str = "") -> tuple[Seen, ...]:
        """What is known of each of these pictures; the user asks ``question`` of them all."""
        with Converter(self._config) as converter:
            read = [_read(picture, converter) for picture in pictures]
        return tuple(self._described(seen, picture, question) for seen, picture in zip(read, pictures, strict=True))

    def _described(self, seen: Seen, picture: bytes, question: str) -> Seen:
        try:
            return replace(seen, description=self._describer.describe(picture, question=question))
        except FamiliarError as exc:
            return replace(seen, remarks=(*seen.remarks, str(exc)))


def _read(picture: bytes, converter: Converter) -> Seen:
    if not can_read():
        return Seen(unread=True)
    try:
        converted = converter.convert(picture, "the photo")
    except NoText:
        return Seen()
    except ConversionError as exc:
        return Seen(remarks=(str(exc),))
    documents = converted.documents
    text = "\n".join(block.text for document in documents for block in document.blocks)
    return Seen(text, remarks=tuple(warning for document in documents for warning in document.warnings))


def can_read() -> bool:
    """Whether the packages of the extra `ocr` are there."""
    return all(find_spec(name) is not None for name in ("rapidocr", "onnxruntime", "PIL"))


def media_type(picture: bytes) -> str:
    """The media type of a picture by its first bytes; Telegram makes every photo a JPEG."""
    return next((kind for start, kind in _TYPES if picture.startswith(start)), "image/jpeg")
