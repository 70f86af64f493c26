"""A package index and a model hub on the loopback address, for pip and huggingface_hub as they are."""

from __future__ import annotations

import hashlib
import json
import threading
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def make_wheel(folder: Path, name: str, files: Mapping[str, bytes], *, tag: str = "py3-none-any") -> Path:
    """A wheel ``name`` 1.0 that holds the files; returns its path."""
    module = name.replace("-", "_")
    wheel = folder / f"{module}-1.0-{tag}.whl"
    described = {
        f"{module}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{module}-1.0.dist-info/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
        f"{module}-1.0.dist-info/RECORD": b"",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in {**files, **described}.items():
            archive.writestr(path, content)
    return wheel


class ModelServer:
    """Serves wheels as an index (`/simple/`) and one repository as a hub; counts what was asked for."""

    def __init__(self, *, wheels: Path, repository: Mapping[str, bytes] | None = None) -> None:
        self.wheels = wheels
        self.repository = dict(repository or {})
        self.asked: list[str] = []
        self.stalled = threading.Event()
        """Set once a wheel has been half sent to a stalled client."""
        self.stall = False
        """Send half of a wheel, then wait until the server is closed."""
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """The server's address, without a slash at its end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> ModelServer:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def wheel_downloads(self) -> int:
        """How often a wheel was asked for."""
        return sum(path.startswith("GET /files/") for path in self.asked)

    def answer(self, path: str) -> tuple[str, bytes] | None:
        """Content type and body of a path; None where there is nothing."""
        parts = path.strip("/").split("/")
        if path == "/":
            return "text/plain", b"here"
        if parts[0] == "simple":
            names = [item.name for item in self.wheels.glob(f"{parts[1].replace('-', '_')}-*.whl")]
            page = "".join(f'<a href="/files/{name}">{name}</a>' for name in names)
            return ("text/html", page.encode()) if names else None
        if parts[0] == "files":
            return "application/octet-stream", (self.wheels / parts[1]).read_bytes()
        return self._hub(path)

    def _hub(self, path: str) -> tuple[str, bytes] | None:
        if path == f"/api/models/tests/tiny/revision/{COMMIT}":
            siblings = [{"rfilename": name, "size": len(body)} for name, body in self.repository.items()]
            info = {"_id": "1", "id": "tests/tiny", "sha": COMMIT, "private": False, "siblings": siblings}
            return "application/json", json.dumps(info | {"tags": [], "downloads": 0, "likes": 0}).encode()
        if path.startswith(f"/api/models/tests/tiny/tree/{COMMIT}"):
            tree = [
                {"type": "file", "path": name, "size": len(body), "oid": hashlib.sha1(body).hexdigest()}
                for name, body in self.repository.items()
            ]
            return "application/json", json.dumps(tree).encode()
        body = self.repository.get(path.removeprefix(f"/tests/tiny/resolve/{COMMIT}/"))
        return None if body is None else ("application/octet-stream", body)

    def wait_until_closed(self) -> None:
        """Keep a stalled client waiting."""
        self.stalled.set()
        self._closing.wait(60)


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._reply(with_body=False)

        def do_GET(self) -> None:
            self._reply(with_body=True)

        def _reply(self, *, with_body: bool) -> None:
            path = self.path.partition("?")[0]
            server.asked.append(f"{self.command} {path}")
            found = server.answer(path)
            kind, body = found or ("text/plain", b"nothing here")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if not with_body:
                return
            if server.stall and path.startswith("/files/"):
                self.wfile.write(body[: len(body) // 2])
                server.wait_until_closed()
                return
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: pytest's output is no server log."""

    return Handler
