"""What a server says of itself: its models, their context, and how many tokens messages have.

Servers that count are asked: vLLM and SGLang by one request, llama-server by two. For the others there is an estimate
that is too high rather than too low. What was once learned of a server is not asked for again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.config import ServerConfig
from bot.engines.server.connection import Connection
from bot.engines.server.errors import ServerError
from bot.engines.server.wire import Dialect, estimate_tokens, rows
from memory.records import Message

ASSUMED_CONTEXT = 4096
"""Where neither the settings nor the server say more: what Ollama gives a model by default."""
_CONTEXT_NAMES = ("max_model_len", "context_length", "context_window", "max_context_length")
"""Of vLLM and SGLang, of OpenRouter, of Groq, of Mistral."""
_COUNTS_KEPT = 64
_NO_SUCH_PLACE = (401, 403, 404, 405, 410, 501)


@dataclass(frozen=True)
class ServedModel:
    """A base model that a server names."""

    name: str
    root: str
    """What the server loaded it from, which its adapters have to name; its name where the server does not say."""
    context_tokens: int
    """0: not said."""


@dataclass(frozen=True)
class Counted:
    """How many tokens messages have."""

    tokens: int
    exact: bool
    """The server counted; else it is an estimate that is too high rather than too low."""


def models_of(value: object) -> tuple[ServedModel, ...]:
    """The base models in an answer of GET /v1/models; adapters have a parent and are left out."""
    items = value.get("data") if isinstance(value, dict) else None
    rows = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    named = [item for item in rows if isinstance(item.get("id"), str) and not item.get("parent")]
    return tuple(
        ServedModel(
            item["id"],
            item["root"] if isinstance(item.get("root"), str) else item["id"],
            next((item[name] for name in _CONTEXT_NAMES if isinstance(item.get(name), int)), 0),
        )
        for item in named
    )


def context_of_props(value: object) -> int:
    """The context of one slot in an answer of llama-server's GET /props; 0 where it is none."""
    settings = value.get("default_generation_settings") if isinstance(value, dict) else None
    tokens = settings.get("n_ctx") if isinstance(settings, dict) else None
    return tokens if isinstance(tokens, int) else 0


class Served:
    """What one server serves; every method may ask it.

    :raises ServerError: from every method, where the server can't be asked
    """

    def __init__(self, connection: Connection, config: ServerConfig) -> None:
        self._connection = connection
        self._config = config
        self._models: tuple[ServedModel, ...] | None = None
        self._context = config.context_tokens
        self._counter: Callable[[Sequence[Message], Dialect], int] | None = self._count_as_vllm
        self._counted: OrderedDict[tuple[Message, ...], Counted] = OrderedDict()
        self._keeping = threading.Lock()

    def models(self) -> tuple[ServedModel, ...]:
        """Those that the server names; empty where it names none, as some services do."""
        if self._models is None:
            try:
                self._models = models_of(self._connection.get("/models"))
            except ServerError as exc:
                if exc.status not in (404, 405, 501):
                    raise
                self._models = ()
        return self._models

    @property
    def model(self) -> ServedModel:
        """The one that answers."""
        wanted = self._config.model
        found = next((model for model in self.models() if wanted in ("", model.name)), None)
        if found is None and not wanted:
            raise ServerError("names no model; set [server] model")
        return found or ServedModel(wanted, wanted, 0)

    @property
    def name(self) -> str:
        """Its name."""
        return self._config.model or self.model.name

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and reply may hold together."""
        self._context = self._context or self.model.context_tokens or self._props() or ASSUMED_CONTEXT
        return self._context

    def _props(self) -> int:
        try:
            return context_of_props(self._connection.get(f"{self._connection.address.root}/props"))
        except ServerError as exc:
            if exc.status is None:
                raise
            return 0

    def count(self, messages: Sequence[Message], dialect: Dialect) -> Counted:
        """Tokens of the messages, generation prompt included."""
        key = tuple(dialect.messages(messages))
        with self._keeping:
            known = self._counted.get(key)
        if known is None:
            known = self._count(key, dialect)
            with self._keeping:
                self._counted[key] = known
                if len(self._counted) > _COUNTS_KEPT:
                    self._counted.popitem(last=False)
        return known

    def _count(self, messages: Sequence[Message], dialect: Dialect) -> Counted:
        while self._counter is not None:
            try:
                return Counted(self._counter(messages, dialect), exact=True)
            except ServerError as exc:
                if exc.status is None or dialect.after(exc) is not None:
                    raise
                if exc.status not in _NO_SUCH_PLACE:
                    break
                self._counter = None
            except _OtherKind:
                self._counter = self._count_as_llama if self._counter == self._count_as_vllm else None
        return Counted(estimate_tokens(messages), exact=False)

    def _count_as_vllm(self, messages: Sequence[Message], dialect: Dialect) -> int:
        body: dict[str, Any] = {"model": self.name, "messages": rows(messages), "add_generation_prompt": True}
        value = self._root("/tokenize", body | self._template(dialect), messages)
        if isinstance(value, dict) and isinstance(value.get("count"), int):
            return int(value["count"])
        raise _OtherKind

    def _count_as_llama(self, messages: Sequence[Message], dialect: Dialect) -> int:
        written = self._root("/apply-template", {"messages": rows(messages)} | self._template(dialect), messages)
        prompt = written.get("prompt") if isinstance(written, dict) else None
        if not isinstance(prompt, str):
            raise _OtherKind
        value = self._root("/tokenize", {"content": prompt, "add_special": True}, messages)
        tokens = value.get("tokens") if isinstance(value, dict) else None
        if not isinstance(tokens, list):
            raise _OtherKind
        return len(tokens)

    def _template(self, dialect: Dialect) -> dict[str, Any]:
        off = dialect.template and not self._config.thinking
        return {"chat_template_kwargs": {"enable_thinking": False}} if off else {}

    def _root(self, path: str, body: object, messages: Sequence[Message]) -> Any:
        sent = [message.content for message in messages]
        return self._connection.post(f"{self._connection.address.root}{path}", body, sent=sent)


class _OtherKind(Exception):
    """The answer is none of the kind of server that was asked for."""
