"""What is sent to a server and what its answers mean. Pure.

Servers differ in what they take. Each difference is a field of `Dialect`: the engine begins with what most servers
take, and where a refusal names one of these fields it is left out from then on, each once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot.engines.base import Generation, Stop
from bot.engines.server.errors import ServerError
from memory.records import Message
from tuning.chat_format import merge_turns

_ADAPTABLE = (400, 422, 500, 501)
"""llama-server answers 500 where a chat template refuses the messages."""
_OVERFLOW = re.compile(
    r"maximum context length|context[ _](?:size|length)|context_length_exceeded|exceed_context_size|context window"
    r"|longer than the maximum model length|prompt is too long",
    re.IGNORECASE,
)
_PER_MESSAGE = 8
"""Tokens of a chat template around one message; the templates known here write three to seven."""
_LETTERS_PER_TOKEN = 3


@dataclass(frozen=True)
class Dialect:
    """What a server takes."""

    system: bool = True
    """Messages of the role system; else their text begins the first message of the user."""
    usage: bool = True
    """``stream_options``: the counts of tokens in the last event."""
    tokens: str = "max_tokens"
    """How the limit of the reply is called; OpenAI's reasoning models have "max_completion_tokens"."""
    sampling: bool = True
    """``temperature`` and ``seed``."""
    template: bool = True
    """``chat_template_kwargs``, by which a model is told not to reason (vLLM, SGLang, llama-server)."""

    def after(self, error: ServerError) -> Dialect | None:
        """The one to try once a request was refused; None where the refusal names nothing that could be left out."""
        if error.status not in _ADAPTABLE or error.begun:
            return None
        said = error.said.lower()
        if self.template and "chat_template_kwargs" in said:
            return replace(self, template=False)
        if self.usage and ("stream_options" in said or "include_usage" in said):
            return replace(self, usage=False)
        if self.tokens == "max_tokens" and "max_completion_tokens" in said:
            return replace(self, tokens="max_completion_tokens")
        if self.sampling and ("temperature" in said or "'seed'" in said):
            return replace(self, sampling=False)
        if self.system and re.search(r"system.{0,3} (?:role|message|prompt)|role.{0,40}system|must alternate", said):
            return replace(self, system=False)
        return None

    def messages(self, messages: Sequence[Message]) -> list[Message]:
        """The messages as this server takes them: one system message at most, and no role twice in a row."""
        taken = [m if n == 0 or m.role != "system" else Message("user", m.content) for n, m in enumerate(messages)]
        if not self.system:
            taken = [Message("user", m.content) if m.role == "system" else m for m in taken]
        return merge_turns(taken)

    def body(self, request: Generation, *, model: str, max_tokens: int, thinking: bool) -> dict[str, Any]:
        """The JSON of a request to chat/completions."""
        body: dict[str, Any] = {
            "model": model,
            "messages": rows(self.messages(request.messages)),
            self.tokens: max_tokens,
            "stream": True,
        }
        if self.usage:
            body["stream_options"] = {"include_usage": True}
        if self.sampling:
            body |= {"temperature": request.temperature, "seed": request.seed}
        if self.template and not thinking:
            body["chat_template_kwargs"] = {"enable_thinking": False}
        return body


def rows(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages as OpenAI's API has them."""
    return [{"role": message.role, "content": message.content} for message in messages]


@dataclass(frozen=True)
class Usage:
    """What the server counted."""

    prompt_tokens: int
    cached_tokens: int
    reply_tokens: int


@dataclass(frozen=True)
class Piece:
    """What one event of a reply brought."""

    text: str = ""
    thought: str = ""
    """Of a reasoning part that the server keeps apart, which nobody is shown."""
    finish: str | None = None
    usage: Usage | None = None


def piece_of(event: Any) -> Piece:
    """An event as the `openai` package reads it, whatever of it the server left out."""
    usage = getattr(event, "usage", None)
    counted = _usage(usage) if usage is not None else None
    choices = getattr(event, "choices", None) or []
    if not choices:
        return Piece(usage=counted)
    delta = getattr(choices[0], "delta", None)
    thought = getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
    return Piece(_text(getattr(delta, "content", None)), _text(thought), choices[0].finish_reason, counted)


def _usage(usage: Any) -> Usage | None:
    prompt, reply = getattr(usage, "prompt_tokens", None), getattr(usage, "completion_tokens", None)
    if not isinstance(prompt, int) or not isinstance(reply, int) or prompt < 1:
        return None
    cached = getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", None)
    return Usage(prompt, cached if isinstance(cached, int) else 0, reply)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def stop_of(finish: str) -> Stop | None:
    """Why a reply ended; None where the server gave it up."""
    if finish in ("abort", "error"):
        return None
    # Withheld by a service's filter is cut off, as by a limit: what there is is not the whole reply.
    return "length" if finish in ("length", "content_filter") else "end"


def is_overflow(error: ServerError) -> bool:
    """Whether a server refused a request because prompt and reply don't fit its context."""
    return error.status in (400, 413, 422, 500) and not error.begun and bool(_OVERFLOW.search(error.said))


def estimate_tokens(messages: Sequence[Message]) -> int:
    """More tokens than a message is likely to have, where the server counts for nobody.

    A token for three Latin letters or spaces, one for every other sign (digits, punctuation, letters of other scripts),
    and eight a message. Of this program's example notes, help and phrases in English and Chinese that is 1.25 to 1.76
    times what the tokenizers of Qwen2.5 and multilingual E5 make, so about two thirds of the context are used. Chinese
    in a vocabulary made for English (SmolLM2, GPT-2) takes up to twice the estimate: there the server refuses what is
    too long.
    """
    return sum(_PER_MESSAGE + _estimate(message.content) for message in messages) + _PER_MESSAGE


def _estimate(text: str) -> int:
    letters = len(re.findall(r"[A-Za-z ]", text))
    return math.ceil(letters / _LETTERS_PER_TOKEN) + len(text) - letters
