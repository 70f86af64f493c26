"""Web pages on 127.0.0.1 as a test wants them: slow, large, moved, or of a false kind."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Page:
    """An answer; its bytes come in pieces of `piece`, `pause` seconds apart."""

    body: bytes
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    piece: int = 65_536
    pause: float = 0.0


class PageServer:
    """Serves pages by their path; a context manager. ``asked``: what it was asked for, with the headers."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._http.server_port

    def url(self, path: str) -> str:
        """The address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def put(self, path: str, page: Page | str) -> str:
        """Serve a page under a path; gives its address."""
        self.pages[path] = Page(page.encode()) if isinstance(page, str) else page
        return self.url(path)

    def move(self, path: str, to: str) -> str:
        """Let a path lead elsewhere."""
        return self.put(path, Page(b"", status=302, headers={"Location": to, "Set-Cookie": "a=b"}))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
                page = server.pages.get(self.path, Page(b"", status=404))
                self.send_response(page.status)
                for name, value in {"Content-Type": page.kind, **page.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    for start in range(0, len(page.body), page.piece):
                        self.wfile.write(page.body[start : start + page.piece])
                        self.wfile.flush()
                        time.sleep(page.pause)
                except OSError:  # the reader has had enough
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                del format, args

        return Handler
