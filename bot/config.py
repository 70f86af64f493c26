"""All settings, read once and handed on: a wrong key or type is named before anything starts.

config.toml is read from ``--config FILE``, else from the home; ``FAMILIAR_SECTION_KEY`` in the environment overrides
it, and what neither says has the default of its dataclass. Nothing here keeps state or reads the clock.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from memory.config import EmbedderConfig, ImportConfig, IndexConfig, SearchConfig
from memory.errors import UsageError
from tuning.config import GateConfig, TuneConfig, VotesConfig


class Secret:
    """A text that does not show itself in a repr, a log or a traceback."""

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret('**********')" if self._value else "Secret('')"

    __str__ = __repr__


@dataclass(frozen=True)
class ModelConfig:
    """[model] is the language model."""

    name: str = "auto"
    """"auto", a catalogue name (`familiar models`), or a path to a model folder or a GGUF file."""
    folder: str = ""
    """Where models are kept; empty: `models` in the platform's user data folder, shared by all homes."""
    answer_quality: float = 0.0
    """Measured answer quality (0..1) of a model given by path; catalogue models carry their own."""
    offline: bool = False
    """Never ask a hub or a package index."""
    max_reply_tokens: int = 256
    """Longest reply."""
    temperature: float = 0.0
    """0 is greedy; above, sampling with `seed`."""
    seed: int = 0
    """Makes sampling repeatable."""
    threads: int = 0
    """CPU threads; 0: what torch chooses."""


@dataclass(frozen=True)
class ChatConfig:
    """[chat] is how a turn is answered."""

    persona: str = "You are Familiar, a helpful personal assistant."
    """First sentence of the system prompt."""
    history_turns: int = 4
    """Last turns of the conversation that are given to the model whole."""
    quality_floor: float = 0.2
    """Below this measured answer quality (catalogue) a reply quotes the passages instead of trusting the model."""
    quoted_sentences: int = 3
    """Most sentences quoted in such a reply."""
    wording_tokens: int = 64
    """Most tokens that such a model writes around the quotes; what its passages don't support is not shown."""


@dataclass(frozen=True)
class FactsConfig:
    """[facts] is how facts are read out of what is told and imported; the rules always read."""

    model: str = "auto"
    """Whether the language model reads what the rules could not: "on", "off", or "auto", if its measured answer
    quality reaches `quality_floor`."""
    quality_floor: float = 0.5
    """Least answer quality with "auto"; more than for replies: a model of .33 added little (docs/measurements.md)."""


@dataclass(frozen=True)
class TelegramConfig:
    """[telegram] is the bot."""

    token: Secret = field(default_factory=lambda: Secret(""))
    """From @BotFather; better given as TELEGRAM_BOT_TOKEN in the environment."""
    api_url: str = "https://api.telegram.org/bot"
    """The Bot API server, the part before the token."""
    file_url: str = "https://api.telegram.org/file/bot"
    """Where that server serves files, the part before the token."""
    webhook_url: str = ""
    """Public https address; empty: long polling."""
    webhook_secret: Secret = field(default_factory=lambda: Secret(""))
    """Telegram sends it with each webhook call; empty: one is made at each start."""
    webhook_listen: str = "127.0.0.1"
    """Address that the webhook server listens on."""
    webhook_port: int = 8443
    """Port that the webhook server listens on."""
    edit_seconds: float = 1.0
    """Least seconds between two edits or drafts of a reply that is being written."""
    chat_seconds: float = 1.0
    """Least seconds between two messages to one chat; Telegram asks for one."""
    timeout_seconds: float = 20.0
    """After so long without an answer of Telegram nobody knows whether it did what it was asked."""
    join_seconds: float = 0.5
    """After a message, wait so long for another that belongs to it."""
    calls_per_second: float = 30.0
    """Calls to all chats together; Telegram allows thirty. 0: no limits, also not the twenty a minute in a group."""


@dataclass(frozen=True)
class Settings:
    """Everything in config.toml."""

    model: ModelConfig = field(default_factory=ModelConfig)
    embedder: EmbedderConfig = field(default_factory=EmbedderConfig)
    chat: ChatConfig = field(default_factory=ChatConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    facts: FactsConfig = field(default_factory=FactsConfig)
    index: IndexConfig = field(default_factory=IndexConfig)
    import_: ImportConfig = field(default_factory=ImportConfig)
    tuning: TuneConfig = field(default_factory=TuneConfig)
    votes: VotesConfig = field(default_factory=VotesConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    telegram: TelegramConfig = field(default_factory=TelegramConfig)


def load_settings(*, home: Path, file: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read config.toml and the environment.

    :raises UsageError: an unknown section or key, a value of the wrong type, or a file that is no TOML
    """
    path = file or home / "config.toml"
    tables = _read_toml(path, required=file is not None)
    sections = {item.name.rstrip("_"): item for item in dataclasses.fields(Settings)}
    for name in tables.keys() - sections.keys():
        raise UsageError(f"{path}: unknown section [{name}]; known are {', '.join(sorted(sections))}")
    hints = get_type_hints(Settings)
    built = {}
    for name, item in sections.items():
        values = tables.get(name, {})
        if not isinstance(values, dict):
            raise UsageError(f"{path}: {name} is {values!r}; it must be a section [{name}]")
        built[item.name] = _section(hints[item.name], name, values, path=path, environment=environment)
    return Settings(**built)


def _read_toml(path: Path, *, required: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as exc:
        if required:
            raise UsageError(f"--config {path}: no such file") from exc
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise UsageError(f"{path} is not valid TOML: {exc}") from exc
    except OSError as exc:
        raise UsageError(f"{path} can't be read: {exc.strerror}") from exc


def _section(kind: Any, name: str, values: Mapping[str, Any], *, path: Path, environment: Mapping[str, str]) -> Any:
    known = get_type_hints(kind)
    for key in values.keys() - known.keys():
        raise UsageError(f"{path}: unknown setting [{name}] {key}; known are {', '.join(sorted(known))}")
    taken = {key: _typed(value, known[key], f"{path}: [{name}] {key}") for key, value in values.items()}
    for key, type_ in known.items():
        variable = f"FAMILIAR_{name}_{key}".upper()
        if variable in environment:
            taken[key] = _parsed(environment[variable], type_, variable)
    if name == "telegram" and environment.get("TELEGRAM_BOT_TOKEN"):
        taken["token"] = Secret(environment["TELEGRAM_BOT_TOKEN"])
    return kind(**taken)


_WANTED = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", Secret: "a text"}


def _typed(value: object, type_: type, where: str) -> object:
    if type_ is Secret and isinstance(value, str):
        return Secret(value)
    if type_ is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is type_:
        return value
    raise UsageError(f"{where} is {value!r}; it must be {_WANTED[type_]}")


def _parsed(text: str, type_: type, variable: str) -> object:
    if type_ in (str, Secret):
        return type_(text)
    try:
        return _typed(tomllib.loads(f"value = {text}")["value"], type_, variable)
    except tomllib.TOMLDecodeError as exc:
        raise UsageError(f"{variable} is {text!r}; it must be {_WANTED[type_]}") from exc
