"""A request for a reply, from JSON to what is meant by it; whatever can't be done is refused by its name.

Fields that only tune how a model samples or how a hosted service keeps its accounts are left out, and the reply says
which; what would change the meaning of a reply (tools, pictures, a JSON schema) is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from bot.api.errors import ApiError, unsupported, wrong_value
from bot.api.models import BASE
from bot.context import Exchange
from memory.errors import HALF, is_half

MemoryUse = Literal["on", "read", "off"]
"""on: as in any chat; read: recalled from, and nothing of the turn is kept; off: the model alone."""
_MOST_MESSAGES = 2000
_MOST_STOPS = 16
_MOST_NAMED = 200
"""Characters of where in a request something is wrong."""
T = TypeVar("T")


@dataclass(frozen=True)
class Writing:
    """How the reply is to be written; None: as the settings say."""

    max_tokens: int | None = None
    temperature: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True)
class ChatAsked:
    """A message that is to be answered, and how."""

    model: str
    text: str
    history: tuple[Exchange, ...]
    instructions: str
    """What the messages of the role system say."""
    memory: MemoryUse
    conversation: int | None
    """A conversation that goes on without its history being sent."""
    writing: Writing
    stream: bool = False
    with_usage: bool = False
    """A stream ends with what it took."""
    ignored: tuple[str, ...] = ()
    """Fields that were left out."""


@checked(frozen=True)
class _Message:
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Any = None
    tool_calls: Any = None
    function_call: Any = None


@checked(frozen=True)
class _StreamOptions:
    include_usage: bool | None = False


@checked(frozen=True)
class _Body:
    model: str
    messages: Annotated[list[_Message], Field(min_length=1, max_length=_MOST_MESSAGES)]
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    memory: MemoryUse | None = None
    conversation: Annotated[int, Field(ge=1, lt=1 << 63)] | None = None


_BODY = TypeAdapter(_Body)
_TAKEN = frozenset(_Body.__dataclass_fields__)
_REFUSED: Mapping[str, tuple[str, Sequence[object]]] = {
    "n": ("one reply is written to a request; n must be 1", (None, 1)),
    "tools": ("tools are not supported", (None, [])),
    "functions": ("functions are not supported", (None, [])),
    "response_format": ("only replies in text are supported", (None, {"type": "text"})),
    "logprobs": ("log probabilities are not supported", (None, False)),
    "modalities": ("only text is supported", (None, ["text"])),
    "audio": ("only text is supported", (None,)),
    "web_search_options": ("the web is not searched", (None,)),
}
"""Fields that are refused, unless their value asks for nothing."""


def check_characters(body: object) -> None:
    """Whether all texts are such as can be stored: JSON can spell half of a pair of surrogates, as of a cut emoji.

    :raises ApiError: one is not; its field is named
    """
    waiting: list[tuple[str, object]] = [("", body)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, str) and is_half(value):
            raise wrong_value(where[:_MOST_NAMED] or "body", f"it holds {HALF}")
        if isinstance(value, dict):
            if any(is_half(name) for name in value):
                raise ApiError(f"the name of a field: it holds {HALF}", code="invalid_value")
            waiting += [(f"{where}.{name}" if where else name, item) for name, item in value.items()]
        elif isinstance(value, list):
            waiting += [(f"{where}.{number}" if where else str(number), item) for number, item in enumerate(value)]


def checked_by(adapter: TypeAdapter[T], body: object) -> T:
    """A body as the record of what it holds.

    :raises ApiError: a field is missing or wrong, which is named without its value
    """
    if not isinstance(body, dict):
        raise ApiError("the body must be a JSON object")
    try:
        return adapter.validate_python(body)
    except ValidationError as exc:
        first = exc.errors(include_input=False, include_url=False, include_context=False)[0]
        names = [str(part) for part in first["loc"] if not (isinstance(part, str) and "[" in part)]
        raise wrong_value(".".join(names) or "body", first["msg"]) from None


def chat_asked(body: object) -> ChatAsked:
    """What a request for a reply means.

    :raises ApiError: it is none, or asks for what is not supported
    """
    given = body if isinstance(body, dict) else {}
    for name, (reason, harmless) in _REFUSED.items():
        if name in given and given[name] not in harmless:
            raise unsupported(name, reason)
    asked = checked_by(_BODY, body)
    instructions, said = _parted(asked.messages)
    if not said or said[-1][0] != "user":
        raise wrong_value("messages", "the last message must be the user's")
    (*earlier, (_, text)) = said
    return ChatAsked(
        asked.model,
        text,
        _exchanges(earlier),
        instructions,
        asked.memory or ("off" if asked.model == BASE else "on"),
        asked.conversation,
        Writing(asked.max_completion_tokens or asked.max_tokens, asked.temperature, asked.seed, _stops(asked.stop)),
        stream=bool(asked.stream),
        with_usage=bool(asked.stream_options and asked.stream_options.include_usage),
        ignored=tuple(sorted(name for name in given if name not in _TAKEN and name not in _REFUSED)),
    )


def _parted(messages: Sequence[_Message]) -> tuple[str, list[tuple[str, str]]]:
    """The instructions, and what user and assistant said."""
    instructions: list[str] = []
    said: list[tuple[str, str]] = []
    for number, message in enumerate(messages):
        where = f"messages.{number}"
        if message.role in ("tool", "function") or message.tool_calls or message.function_call:
            raise unsupported(where, "tools are not supported")
        text = _text_of(message.content, f"{where}.content")
        if message.role in ("system", "developer"):
            instructions.append(text)
        elif text.strip():
            said.append((message.role, text))
        elif number == len(messages) - 1:
            raise wrong_value(f"{where}.content", "the message is empty")
    return "\n\n".join(text for text in instructions if text.strip()), said


def _text_of(content: object, where: str) -> str:
    """The text of a message, which may come in parts."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise wrong_value(where, "it must be a text, or a list of parts")
    texts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text":
            raise unsupported(where, "only parts of the type text are supported; pictures, sounds and files are not")
        text = part.get("text")
        if not isinstance(text, str):
            raise wrong_value(where, "a part of the type text must have a text")
        texts.append(text)
    return "\n".join(texts)


def _exchanges(said: Sequence[tuple[str, str]]) -> tuple[Exchange, ...]:
    """Messages in pairs; a greeting of the assistant before the first message of the user says nothing."""
    pairs: list[Exchange] = []
    for role, text in said:
        if role == "user":
            pairs.append(Exchange(text, ""))
        elif pairs:
            last = pairs[-1]
            pairs[-1] = Exchange(last.user_text, f"{last.reply}\n{text}" if last.reply else text)
    return tuple(pairs)


def _stops(given: str | list[str] | None) -> tuple[str, ...]:
    stops = (given,) if isinstance(given, str) else tuple(given or ())
    if len(stops) > _MOST_STOPS or not all(stops):
        raise wrong_value("stop", f"it must be at most {_MOST_STOPS} texts that are not empty")
    return stops
