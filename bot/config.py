"""All settings, read once and handed on: a wrong key or type is named before anything starts.

config.toml is read from ``--config FILE``, else from the home; ``FAMILIAR_SECTION_KEY`` in the environment overrides
it, and what neither says has the default of its dataclass. Nothing here keeps state or reads the clock. Secrets are
found (`bot.secret_sources`) and read when they are first needed.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from bot.secret_sources import find
from memory.config import EmbedderConfig, ImportConfig, IndexConfig, SearchConfig
from memory.errors import UsageError
from tuning.config import GateConfig, TasteConfig, TuneConfig, VotesConfig


class Secret:
    """A text that does not show itself in a repr, a log or a traceback.

    :param read: fetches it when it is first needed, so that what needs no secret asks no keyring
    :param file: from which it is read
    """

    def __init__(self, value: str = "", *, read: Callable[[], str] | None = None, file: Path | None = None) -> None:
        self._value = value
        self._read = read
        self.file = file

    def reveal(self) -> str:
        """The text itself, for the one place that sends it.

        :raises UsageError: it can't be read where the settings say that it is
        """
        if self._read is not None:
            self._value, self._read = self._read(), None
        return self._value

    def __bool__(self) -> bool:
        """Whether one is set; not whether it can be read."""
        return self._read is not None or bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.reveal()

    def __hash__(self) -> int:
        return hash(self.reveal())

    def __repr__(self) -> str:
        return "Secret('**********')" if self else "Secret('')"

    __str__ = __repr__


@dataclass(frozen=True)
class ModelConfig:
    """[model] is the language model."""

    name: str = "auto"
    """"auto", a catalogue name (`familiar models`), or a path to a model folder or a GGUF file."""
    folder: str = ""
    """Where models are kept; empty: `models` in the platform's user data folder, shared by all homes."""
    engine: str = "auto"
    """What runs it: "local" (transformers), "llama.cpp" (extra `llama`), "server" (`[server]`), or "auto": the server
    where its url is set, else what the first reply measures to be faster here."""
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
    """CPU threads; 0: the fastest number, measured once per machine and model."""
    lookup_tokens: int = 8
    """Most tokens of a reply that `local` guesses at once from what the prompt says; 0: none."""
    adapters_mb: int = 0
    """Most memory for users' adapters that are not in use; 0: a fifth of the model's."""
    merge_adapters: bool = False
    """Compute with a copy of the model into which the adapter is merged: a tenth faster, twice the memory, half a
    second or more at each switch. For one user."""
    beginnings_mb: int = 512
    """Most memory for keys and values of the beginnings of prompts, which later turns share."""
    beginnings_disk_mb: int = 512
    """Most room for them in the home, for the first turn after a start; 0: they are not stored."""


@dataclass(frozen=True)
class ServerConfig:
    """[server] is an OpenAI-compatible server that runs the language model (the extra `server`)."""

    url: str = ""
    """Its address, as "http://127.0.0.1:8000/v1"; empty: no server."""
    key: Secret = field(default_factory=lambda: Secret(""))
    """Its key; empty: it wants none."""
    model: str = ""
    """What it calls the model; empty: the first that it names."""
    answer_quality: float = 0.3
    """Answer quality (0..1) of its model, where that has no measured one in the catalogue; `familiar eval answers`
    measures it. The default lets it word replies, but not read facts."""
    context_tokens: int = 0
    """Tokens that prompt and reply may hold together; 0: what the server says, else 4096."""
    connect_seconds: float = 5.0
    """After so long without a connection the server counts as not there."""
    timeout_seconds: float = 120.0
    """After so long without a sign of the server a request is given up, reading the prompt included."""
    parallel: int = 1
    """Replies that it writes at a time; others wait their turn."""
    thinking: bool = False
    """Whether a model that can may reason before it replies; that is not shown, and counts as part of the reply."""
    adapters: str = "off"
    """How it gets the adapters of tunes, where it runs the model that [model] name is: "vllm" (loaded by its API),
    "folder" (put where its filesystem resolver looks), or "off": the base model answers, and no tune starts by itself.
    """
    adapter_folder: str = ""
    """Where adapters are put for it; empty: with "vllm" it reads them where they are."""
    adapter_folder_there: str = ""
    """The same folder as the server sees it; empty: by the same path."""
    adapters_kept: int = 32
    """Adapters that it holds at a time, with "vllm"; the one not used for longest is unloaded."""


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
    support_words: float = 0.5
    """Share of a sentence's words that must stand in its sources, or its meaning must be as near to one of theirs as
    the next says; else it is marked. Both chosen on the pairs "dev" of examples/support (`familiar eval support`)."""
    support_meaning: float = 0.86
    """Cosine to a sentence of the sources (for e5-small; Chinese and other languages are made comparable); above 1
    words alone count."""


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
    """From @BotFather; better given as TELEGRAM_BOT_TOKEN or TELEGRAM_BOT_TOKEN_FILE in the environment, or kept by
    `familiar secret set telegram.token`."""
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
    business: bool = False
    """Answer the owner's customers in the owner's own business chats, out of the shared knowledge bases alone."""
    guest_queries: bool = False
    """Answer people whom the bot knows where they mention it in chats that it is not in, out of the same."""


@dataclass(frozen=True)
class PeopleConfig:
    """[people] is who may use how much; the owner may use any amount, 0 is any amount for all."""

    guest_days: int = 30
    """After so many days what a guest asked and was answered is erased; 0: never."""
    messages_per_minute: int = 30
    """Most messages of one person in a minute that are handled."""
    member_replies_per_day: int = 0
    """Most replies of the model to a member in 24 hours."""
    member_tokens_per_day: int = 0
    """Most tokens that the model reads and writes for a member in 24 hours."""
    guest_replies_per_day: int = 50
    """Most replies of the model to a guest in 24 hours."""
    guest_tokens_per_day: int = 100_000
    """Most tokens that the model reads and writes for a guest in 24 hours."""
    imports_per_day: int = 200
    """Most files of a member that are taken in in 24 hours."""


@dataclass(frozen=True)
class LinksConfig:
    """[links] is whether pages are read that a message links; addresses in private networks never are."""

    fetch: bool = False
    """Whether a link in a private message is fetched, and its text given to the model for this turn."""
    max_bytes: int = 2_000_000
    """Larger pages are refused."""
    seconds: float = 10.0
    """Longest time for one page, redirects included."""
    ports: str = ""
    """Ports allowed besides 80 and 443, as in "8080, 8443"."""


@dataclass(frozen=True)
class SpeechConfig:
    """[speech] is how voice messages and recordings become text: by a Whisper model here, or by a server."""

    model: str = "small"
    """A size of Whisper ("tiny", "base", "small", "medium", "large-v3", "large-v3-turbo"; English only: "small.en"), a
    CTranslate2 folder of a Whisper model, or what the server calls its model."""
    url: str = ""
    """An OpenAI-compatible server, as "http://127.0.0.1:8000/v1"; empty: a Whisper model here (the extra `speech`)."""
    key: Secret = field(default_factory=lambda: Secret(""))
    """The server's key; empty: it wants none."""
    language: str = "auto"
    """What is spoken (ISO 639-1, as "en" or "zh"), or "auto": the model finds out."""
    device: str = "cpu"
    """Where the model here runs: "cpu", "cuda" (CUDA 12 with cuDNN 9), or "auto"."""
    compute_type: str = "auto"
    """Number format of the model here, as "int8" or "float16"; "auto": the fastest that the device has."""
    most_minutes: float = 15.0
    """Longer recordings are not transcribed."""
    timeout_seconds: float = 900.0
    """A recording that takes longer to transcribe is given up."""
    idle_minutes: float = 10.0
    """After so long without a recording the model here leaves memory."""


@dataclass(frozen=True)
class VisionConfig:
    """[vision] is a model that says what a photo shows; text in photos is read without one (the extra `ocr`)."""

    url: str = ""
    """An OpenAI-compatible server that takes pictures, as "http://127.0.0.1:8000/v1"; empty: none is asked."""
    model: str = ""
    """What the server calls its model."""
    key: Secret = field(default_factory=lambda: Secret(""))
    """The server's key; empty: it wants none."""
    timeout_seconds: float = 60.0
    """After so long without an answer the photo is not described."""


@dataclass(frozen=True)
class DeskConfig:
    """[desk] answers customers: everybody who writes to the bot and is no member is one (docs/desk.md)."""

    enabled: bool = False
    """Whether there is a desk."""
    folder: str = ""
    """The folder with the firm's desk.toml: rules, topics, hours, texts; empty: none of these."""
    knowledge: str = "desk"
    """The shared knowledge base that past conversations are imported into."""
    confidence: float = 0.7
    """Least confidence in what a message is about for a template to answer it."""
    case_hours: float = 24.0
    """So long what a customer writes goes to the person who has the case; then the desk answers again."""
    agents_chat: int = 0
    """The Telegram group of the people who answer cases; 0: cases wait in `familiar desk cases`."""


@dataclass(frozen=True)
class LogConfig:
    """[log] is what is written to standard error while a command runs."""

    format: str = "text"
    """"text", or "json": one object a line."""
    level: str = "warning"
    """Least level of what is written: "debug", "info", "warning" or "error"; of libraries only warnings are."""


@dataclass(frozen=True)
class LogbookConfig:
    """[logs] are health and habits that a person logs: weight, sleep, blood pressure and the like; docs/logs.md."""

    enabled: bool = False
    """Whether messages in private chats are read for entries, and /log and /trend are there."""
    learn: bool = False
    """Whether a message with an entry also goes to the chat, so that memory keeps it and tunes may learn from it."""


@dataclass(frozen=True)
class MetricsConfig:
    """[metrics] are figures of `familiar run` for Prometheus at /metrics, and its health at /healthz."""

    port: int = 0
    """Port to listen on; 0: none. Needs the extra `metrics`."""
    listen: str = "127.0.0.1"
    """Address to listen on."""


@dataclass(frozen=True)
class AlertsConfig:
    """[alerts] are limits of which the owner is told in Telegram, once when reached and once when it is over."""

    check_seconds: float = 60.0
    """How often they are looked at; 0: never."""
    queue_wait_seconds: float = 300.0
    """So long a message has waited that nobody works on; 0 here and below: not looked at."""
    failed_sends: int = 10
    """Messages of the last hour that Telegram refused, or that may not have arrived."""
    disk_free_mb: int = 500
    """Less room than this on the disk of the home."""
    votes: int = 20
    """The last judgements on replies of an adapter that answers; fewer say nothing."""
    bad_share: float = 0.5
    """Share of these that found the reply bad."""
    failed_tunes: int = 2
    """Tunes in a row that failed."""


@dataclass(frozen=True)
class ShardsConfig:
    """[shards] are the homes over which people are spread (docs/scaling.md)."""

    homes: str = ""
    """Their folders, as in "/srv/familiar/1, /srv/familiar/2"; empty: this home alone."""


@dataclass(frozen=True)
class Settings:
    """Everything in config.toml."""

    model: ModelConfig = field(default_factory=ModelConfig)
    server: ServerConfig = field(default_factory=ServerConfig)
    embedder: EmbedderConfig = field(default_factory=EmbedderConfig)
    chat: ChatConfig = field(default_factory=ChatConfig)
    search: SearchConfig = field(default_factory=SearchConfig)
    facts: FactsConfig = field(default_factory=FactsConfig)
    index: IndexConfig = field(default_factory=IndexConfig)
    import_: ImportConfig = field(default_factory=ImportConfig)
    tuning: TuneConfig = field(default_factory=TuneConfig)
    votes: VotesConfig = field(default_factory=VotesConfig)
    gate: GateConfig = field(default_factory=GateConfig)
    taste: TasteConfig = field(default_factory=TasteConfig)
    telegram: TelegramConfig = field(default_factory=TelegramConfig)
    links: LinksConfig = field(default_factory=LinksConfig)
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    vision: VisionConfig = field(default_factory=VisionConfig)
    people: PeopleConfig = field(default_factory=PeopleConfig)
    logs: LogbookConfig = field(default_factory=LogbookConfig)
    desk: DeskConfig = field(default_factory=DeskConfig)
    log: LogConfig = field(default_factory=LogConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    alerts: AlertsConfig = field(default_factory=AlertsConfig)
    shards: ShardsConfig = field(default_factory=ShardsConfig)


def secrets_of(settings: Settings) -> dict[str, Secret]:
    """Every secret by its setting's name, such as "telegram.token", whether it is set or not."""
    sections = {item.name.rstrip("_"): getattr(settings, item.name) for item in dataclasses.fields(settings)}
    return {
        f"{section}.{item.name}": value
        for section, config in sections.items()
        for item in dataclasses.fields(config)
        if isinstance(value := getattr(config, item.name), Secret)
    }


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
        if type_ is Secret:
            taken[key] = _secret(name, key, taken.get(key, Secret()), environment)
        elif variable in environment:
            taken[key] = _parsed(environment[variable], type_, variable)
    return kind(**taken)


def _secret(section: str, key: str, configured: object, environment: Mapping[str, str]) -> Secret:
    assert isinstance(configured, Secret)
    found = find(f"{section}.{key}", configured.reveal(), environment)
    return Secret(found) if isinstance(found, str) else Secret(read=found.read, file=found.file)


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
    if type_ is str:
        return text
    try:
        return _typed(tomllib.loads(f"value = {text}")["value"], type_, variable)
    except tomllib.TOMLDecodeError as exc:
        raise UsageError(f"{variable} is {text!r}; it must be {_WANTED[type_]}") from exc
