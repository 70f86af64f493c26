"""HTTP in and out of the loopback server: one thread a connection, and one that posts updates to the webhook.

A connection that stays open never holds up `close`: every socket is shut down there, so that a test ends at once
even with a long poll or a held-back answer under way. An exception in here is kept and raised by `close`.
"""

from __future__ import annotations

import http.client
import http.server
import json
import re
import socket
import socketserver
import sys
import threading
import time
import urllib.parse
from http import HTTPStatus
from typing import Any

from tests.telegram_api.faults import Drop, Fault, NoAnswer, Refusal, Slow, TooManyRequests
from tests.telegram_api.records import JSON, Update, Webhook
from tests.telegram_api.request import Request, parse_request
from tests.telegram_api.settings_methods import METHODS, webhook_delivered, webhook_failed
from tests.telegram_api.validation import ApiError
from tests.telegram_api.world import World

TOKEN_FORM = re.compile(r"\d+:[A-Za-z0-9_-]{20,}")
WEBHOOK_RETRY_SECONDS = 0.1
_BY_LOWER_NAME = {name.lower(): name for name in METHODS}


class HttpServer(http.server.ThreadingHTTPServer):
    """The listening socket, and the connections that are open."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(self, world: World, token: str) -> None:
        self.world = world
        self.token = token
        self.errors: list[BaseException] = []
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), Handler)

    def server_bind(self) -> None:
        """Bind without the name look-up of http.server, which can take seconds where there is no network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it."""
        connection, address = super().get_request()
        with self.world.lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self.world.lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Keep what went wrong in a handler for `close`, unless the client only went away."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            self.errors.append(error)

    def disconnect_all(self) -> None:
        """Shut down every open connection, so that its thread ends."""
        with self.world.lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client was faster
                continue


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection of the bot."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: HttpServer

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: addresses hold the token."""

    def do_GET(self) -> None:
        """A file download, or a method called with GET."""
        self.do_POST()

    def do_POST(self) -> None:
        """A method call; with GET and /file/ in front, a download."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        address = urllib.parse.urlsplit(self.path)
        parts = re.fullmatch(r"(/file)?/bot([^/]+)/(.+)", address.path)
        if parts is None:
            self._answer_error(ApiError(404, "Not Found"))
        elif (refused := self._wrong_token(parts[2])) is not None:
            self._answer_error(refused)
        elif parts[1]:
            self._download(parts[3])
        else:
            self._call(parts[3], address.query, body)

    def _wrong_token(self, token: str) -> ApiError | None:
        token = urllib.parse.unquote(token)
        if token == self.server.token:
            return None
        return ApiError(401, "Unauthorized") if TOKEN_FORM.fullmatch(token) else ApiError(404, "Not Found")

    def _download(self, path: str) -> None:
        stored = self.server.world.files.get(path.removeprefix("documents/"))
        if stored is None:
            self._answer_error(ApiError(404, "Not Found"))
        else:
            self._write(200, stored.content, "application/octet-stream")

    def _call(self, name: str, query: str, body: bytes) -> None:
        world = self.server.world
        method = _BY_LOWER_NAME.get(name.lower())
        if method is None:
            world.record(name, {}, status=404, description="Not Found")
            self._answer_error(ApiError(404, f"Not Found: method {name} does not exist"))
            return
        with world.lock:
            fault = world.faults.take(method)
        try:
            request = parse_request(method, query, self.headers.get("Content-Type", ""), body)
        except ApiError as error:
            world.record(method, {}, status=error.status, description=error.description)
            self._answer_error(error)
            return
        self._answer_call(request, fault)

    def _answer_call(self, request: Request, fault: Fault | None) -> None:
        world = self.server.world
        silent = isinstance(fault, NoAnswer | Drop)
        with world.lock:  # whoever sees what a call did also finds the call recorded
            if isinstance(fault, NoAnswer | Drop) and not fault.delivered:
                status, payload = 0, _error_payload(ApiError(0, "no answer, not delivered"))
            else:
                status, payload = _run(world, request, fault)
            description = "no answer" if silent else str(payload.get("description", ""))
            world.record(request.method, request.values, status=None if silent else status, description=description)
        if silent:
            self._hold(fault.seconds if isinstance(fault, NoAnswer) else 0)
            self.close_connection = True
            return
        if isinstance(fault, Slow):
            self._hold(fault.seconds)
        self._write(status, json.dumps(payload, ensure_ascii=False).encode(), "application/json")

    def _hold(self, seconds: float) -> None:
        world, deadline = self.server.world, time.monotonic() + seconds
        with world.lock:
            while not world.closed and (left := deadline - time.monotonic()) > 0:
                world.changed.wait(left)

    def _answer_error(self, error: ApiError) -> None:
        self._write(error.status, json.dumps(_error_payload(error)).encode(), "application/json")

    def _write(self, status: int, payload: bytes, content_type: str) -> None:
        self.send_response(HTTPStatus(status))
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)
        self.wfile.flush()


def _error_payload(error: ApiError) -> JSON:
    payload: JSON = {"ok": False, "error_code": error.status, "description": error.description}
    return payload | ({"parameters": dict(error.parameters)} if error.parameters else {})


def _run(world: World, request: Request, fault: Fault | None) -> tuple[int, JSON]:
    try:
        if isinstance(fault, TooManyRequests):
            reason = f"Too Many Requests: retry after {fault.retry_after}"
            raise ApiError(429, reason, {"retry_after": fault.retry_after})
        if isinstance(fault, Refusal):
            raise ApiError(fault.status, fault.description)
        result = METHODS[request.method](world, request)
        world.changed.notify_all()
    except ApiError as error:
        return error.status, _error_payload(error)
    return 200, {"ok": True, "result": result}


class WebhookSender(threading.Thread):
    """Posts waiting updates, one at a time and in order, and tries again until the bot answers 2xx."""

    def __init__(self, world: World) -> None:
        super().__init__(name="telegram-api-webhook")
        self._world = world

    def run(self) -> None:
        """Post until the world closes."""
        world = self._world
        while True:
            with world.lock:
                world.changed.wait_for(lambda: world.closed or world.next_for_webhook() is not None)
                update, hook = world.next_for_webhook(), world.webhook
            if world.closed or update is None:
                return
            failure = post_update(hook, update)
            with world.lock:
                if failure is None:
                    webhook_delivered(world, update)
                else:
                    webhook_failed(world, failure)
                    world.changed.wait(WEBHOOK_RETRY_SECONDS)
                world.changed.notify_all()


def post_update(hook: Webhook, update: Update) -> str | None:
    """Post one update; the reason when the bot did not take it."""
    address = urllib.parse.urlsplit(hook.url)
    headers = {"Content-Type": "application/json"}
    if hook.secret_token is not None:
        headers["X-Telegram-Bot-Api-Secret-Token"] = hook.secret_token
    connection = http.client.HTTPConnection(str(address.hostname), address.port or 80, timeout=5)
    try:
        connection.request("POST", address.path or "/", json.dumps(update.as_json()).encode(), headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"Connection failed: {type(error).__name__}"
    finally:
        connection.close()
    return None if 200 <= status < 300 else f"Wrong response from the webhook: {status}"
