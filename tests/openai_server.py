"""An OpenAI-compatible server on the loopback address whose answers a test lays down."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.telegram_api.request import parse_request


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    key: str | None
    """What stands in its Authorization header."""
    values: dict[str, str]
    """Of a form, or of a JSON object whose values are JSON again."""
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)


Answer = Callable[[Asked], tuple[int, object]]


class OpenAiServer:
    """Answers every request by `answer`: a status, and JSON or the bytes themselves; a context manager."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _: (404, {"error": {"message": "nothing laid down"}})
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Its address up to /v1."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def hears(self, text: str) -> None:
        """Every recording says this from now on."""
        self.answer = lambda _: (200, {"text": text})

    def sees(self, text: str) -> None:
        """Every picture shows this from now on."""
        self.answer = lambda _: (200, {"choices": [{"message": {"role": "assistant", "content": text}}]})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(server: OpenAiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = parse_request(self.path, "", self.headers["Content-Type"], body)
            files = {name: (upload.name, upload.content) for name, upload in request.uploads.items()}
            asked = Asked(self.path, self.headers.get("Authorization"), dict(request.values), files)
            server.asked.append(asked)
            status, value = server.answer(asked)
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
