"""A loopback server that speaks as vLLM does: server-sent events, error bodies, /tokenize, LoRA endpoints.

Bodies and events are those of vLLM 0.20's entrypoints (`vllm/entrypoints/openai`, `vllm/entrypoints/serve/lora`). What
it says is a ScriptedEngine's, so tokens are words. Tests lay faults in its way; each is a public attribute.
"""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from bot.engines.base import Generation
from memory.records import Message
from tests.engine import ScriptedEngine

Reply = Callable[[tuple[Message, ...]], str]


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """An answer instead of a reply."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)


def error_body(message: str, *, kind: str = "BadRequestError", code: int = 400) -> dict[str, object]:
    """An error as vLLM writes it."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


class VllmServer:
    """Serves one base model and the adapters that it is told to load; a context manager."""

    def __init__(
        self, reply: Reply | None = None, *, model: str = "small", context_tokens: int = 4096, key: str = ""
    ) -> None:
        self.model, self.key = model, key
        self.asked: list[Asked] = []
        self.loaded: dict[str, str] = {}
        """Adapters by name, with the path that each was loaded from."""
        self.lora = True
        """Whether adapters can be loaded while it runs."""
        self.unloadable = ""
        """Why it can load none of them."""
        self.forgetful = False
        """Whether it says that it loaded one and does not."""
        self.resolver: Callable[[str], bool] = lambda _name: False
        """Whether the filesystem resolver finds an adapter of that name."""
        self.refusals: deque[Refusal] = deque()
        """What the next requests for a reply get instead of one."""
        self.refuses: Callable[[dict[str, Any]], str | None] = lambda _body: None
        """Why it refuses a request for a reply by status 400, if it does."""
        self.tokenizes = True
        """Whether there is /tokenize."""
        self.templates = False
        """Whether there is llama-server's /apply-template."""
        self.events: list[dict[str, Any]] | None = None
        """The events of every reply, instead of the script's."""
        self.drop_after: int | None = None
        """So many pieces of a reply, then the connection is cut."""
        self.bytes_at_a_time = 0
        """Splits a reply's bytes so, whatever they belong to; 0: an event is written whole."""
        self.before_piece: Callable[[int], None] = lambda _number: None
        """Called before each piece of a reply."""
        self.silent_at: int | None = None
        """So many pieces of a reply, then nothing until the client goes."""
        self.left = threading.Event()
        """Set when a client goes before its reply is over."""
        self.context_tokens = context_tokens
        self._reply = reply or (lambda messages: messages[-1].content)
        self._server = _Http(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Its address up to /v1."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def engine(self) -> ScriptedEngine:
        """What writes the replies; each has one of its own, as vLLM writes many at a time."""
        return ScriptedEngine(self._reply, context_tokens=self.context_tokens)

    def asked_for(self, path: str) -> list[dict[str, Any]]:
        """The bodies of the requests to a path, oldest first."""
        return [item.body for item in self.asked if item.path == path]

    @property
    def replies(self) -> list[dict[str, Any]]:
        """The requests for replies."""
        return self.asked_for("/v1/chat/completions")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # ---- answers by path ---------------------------------------------------------------------------------------------

    def models(self) -> dict[str, object]:
        """The answer of /v1/models."""
        base = {"id": self.model, "root": f"/models/{self.model}", "max_model_len": self.context_tokens}
        loras = [{"id": name, "root": path, "parent": self.model} for name, path in self.loaded.items()]
        return {"object": "list", "data": [{"object": "model", "parent": None, **base}, *loras]}

    def tokenize(self, body: dict[str, Any]) -> dict[str, object]:
        """The answer of /tokenize."""
        count = self.engine.count_tokens(_messages(body))
        return {"count": count, "max_model_len": self.context_tokens, "tokens": [0] * count, "token_strs": None}

    def load(self, body: dict[str, Any]) -> Refusal | str:
        """The answer of /v1/load_lora_adapter."""
        if not self.lora:
            return Refusal(404, {"detail": "Not Found"})
        name = body["lora_name"]
        if name in self.loaded:
            said = f"The lora adapter '{name}' has already been loaded. If you want to load the adapter in place, set"
            return Refusal(400, error_body(f"{said} 'load_inplace' to True.", kind="InvalidUserInput"))
        if self.unloadable:
            return Refusal(500, error_body(self.unloadable, kind="InternalServerError", code=500))
        if not self.forgetful:
            self.loaded[name] = body["lora_path"]
        return f"Success: LoRA adapter '{name}' added successfully."

    def unload(self, body: dict[str, Any]) -> Refusal | str:
        """The answer of /v1/unload_lora_adapter."""
        name = body["lora_name"]
        if self.loaded.pop(name, None) is None:
            said = f"The lora adapter '{name}' cannot be found."
            return Refusal(404, error_body(said, kind="NotFoundError", code=404))
        return f"Success: LoRA adapter '{name}' removed successfully."

    def refusal(self, body: dict[str, Any]) -> Refusal | None:
        """Why a request for a reply gets none."""
        if self.refusals:
            return self.refusals.popleft()
        name = body["model"]
        if name != self.model and name not in self.loaded and not self.resolver(name):
            said = f"The model `{name}` does not exist."
            return Refusal(404, error_body(said, kind="NotFoundError", code=404))
        why = self.refuses(body)
        if why is not None:
            return Refusal(400, error_body(why))
        wanted, held = body.get("max_tokens") or body["max_completion_tokens"], self.context_tokens
        prompt = self.engine.count_tokens(_messages(body))
        if prompt + wanted > held:
            said = (
                f"This model's maximum context length is {held} tokens. However, you requested {wanted} output tokens"
            )
            return Refusal(400, error_body(f"{said} and your prompt contains at least {prompt} input tokens."))
        return None


def _messages(body: dict[str, Any]) -> tuple[Message, ...]:
    return tuple(Message(row["role"], row["content"]) for row in body["messages"])


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """An event of a reply."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "small", "choices": [choice]}


class _Gone(Exception):
    """The client left, or was left."""


class _Http(ThreadingHTTPServer):
    """The listening part of a server."""

    daemon_threads = True

    def __init__(self, vllm: VllmServer) -> None:
        self.vllm = vllm
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def vllm(self) -> VllmServer:
        """What is served."""
        assert isinstance(self.server, _Http)
        return self.server.vllm

    def do_GET(self) -> None:
        self.vllm.asked.append(Asked(self.path, dict(self.headers)))
        if self._allowed():
            self._answer(self.vllm.models() if self.path == "/v1/models" else Refusal(404, {"detail": "Not Found"}))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.vllm.asked.append(Asked(self.path, dict(self.headers), body))
        if not self._allowed():
            return
        if self.path == "/v1/chat/completions":
            self._reply(body)
        elif self.path == "/tokenize" and self.vllm.tokenizes:
            self._answer(self.vllm.tokenize(body))
        elif self.path == "/apply-template" and self.vllm.templates:
            self._answer({"prompt": "".join(f"<{m.role}> {m.content} <end>\n" for m in _messages(body)) + "<a>"})
        elif self.path == "/v1/load_lora_adapter":
            self._answer(self.vllm.load(body))
        elif self.path == "/v1/unload_lora_adapter":
            self._answer(self.vllm.unload(body))
        else:
            self._answer(Refusal(404, {"detail": "Not Found"}))

    def _allowed(self) -> bool:
        """vLLM guards what is below /v1 alone."""
        wanted = f"Bearer {self.vllm.key}"
        if not self.vllm.key or not self.path.startswith("/v1") or self.headers.get("Authorization") == wanted:
            return True
        self._answer(Refusal(401, {"error": "Unauthorized"}))
        return False

    def _answer(self, value: Refusal | str | dict[str, object]) -> None:
        status, body = (value.status, value.body) if isinstance(value, Refusal) else (200, value)
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        for name, text in value.headers.items() if isinstance(value, Refusal) else ():
            self.send_header(name, text)
        kind = "text/plain" if isinstance(body, str) else "application/json"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _reply(self, body: dict[str, Any]) -> None:
        refusal = self.vllm.refusal(body)
        if refusal is not None:
            self._answer(refusal)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self._events(body)
            self._write(b"data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")
        except (_Gone, OSError):
            self.vllm.left.set()
            self.close_connection = True

    def _events(self, body: dict[str, Any]) -> None:
        self._event(chunk({"role": "assistant", "content": ""}))
        if self.vllm.events is not None:
            for number, event in enumerate(self.vllm.events):
                self._piece(number, event)
            return
        limit = body.get("max_tokens") or body["max_completion_tokens"]
        request = Generation(_messages(body), max_tokens=limit)
        count = iter(range(1_000_000))
        done = self.vllm.engine.generate(
            request, on_text=lambda piece: self._piece(next(count), chunk({"content": piece}))
        )
        self._event(chunk({}, "length" if done.stop == "length" else "stop"))
        if body.get("stream_options", {}).get("include_usage"):
            usage = {"prompt_tokens": done.prompt_tokens, "completion_tokens": done.reply_tokens}
            details = {"prompt_tokens_details": {"cached_tokens": 3}, "total_tokens": 0}
            self._event(chunk({}) | {"choices": [], "usage": usage | details})

    def _piece(self, number: int, event: dict[str, Any]) -> None:
        if number == self.vllm.drop_after:
            self.connection.shutdown(socket.SHUT_RDWR)
            raise _Gone
        self.vllm.before_piece(number)
        patience = 10 if number == self.vllm.silent_at else 0
        if select.select([self.connection], [], [], patience)[0]:  # a client says nothing more but its end
            raise _Gone
        self._event(event)

    def _event(self, event: dict[str, Any]) -> None:
        self._write(f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode())

    def _write(self, data: bytes) -> None:
        step = self.vllm.bytes_at_a_time or len(data)
        for start in range(0, len(data), step):
            part = data[start : start + step]
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            if self.vllm.bytes_at_a_time:
                self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def wait_until(true: Callable[[], bool], *, seconds: float = 5.0) -> None:
    """Wait for what another thread does."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)
