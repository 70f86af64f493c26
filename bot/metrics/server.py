"""/metrics and /healthz over HTTP, in threads of their own: they answer also while the event loop is busy.

/healthz gives 200 where the bot works, and 503 with the reason where it does not.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from bot.config import MetricsConfig
from memory.errors import FamiliarError, UsageError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

METRICS, HEALTH = "/metrics", "/healthz"
_log = logging.getLogger(__name__)
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


@contextlib.contextmanager
def serving(config: MetricsConfig, app: Callable[[], WSGIApplication]) -> Iterator[int | None]:
    """Answer as long as the block runs; gives the port, or None where the setting is 0.

    :raises UsageError: the extra `metrics` is missing, or nobody can listen there
    """
    if not config.port:
        yield None
        return
    server = _listening(config, app())
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="metrics", daemon=True)
    thread.start()
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _listening(config: MetricsConfig, app: WSGIApplication) -> WSGIServer:
    try:
        return make_server(config.listen, config.port, app, _Server, _Handler)
    except OSError as exc:
        where = f"[metrics] listen {config.listen}, port {config.port}"
        raise UsageError(f"{where} can't be listened on: {exc.strerror}; name a free port of this machine") from exc


def application(health: Callable[[], str | None], metrics: WSGIApplication) -> WSGIApplication:
    """Both pages.

    :param health: what is wrong, None where nothing is
    """

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        try:
            if path == METRICS:
                return metrics(environ, start_response)
            problem = health() if path == HEALTH else f"here are {METRICS} and {HEALTH}"
        except FamiliarError as exc:  # the database is damaged
            problem = str(exc)
        working, broken = "200 OK", "404 Not Found" if path not in (METRICS, HEALTH) else "503 Service Unavailable"
        start_response(broken if problem else working, [_TEXT])
        return [f"{problem or 'ok'}\n".encode()]

    return app


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False  # a client that hangs must not hold up the end

    def server_bind(self) -> None:
        """Bind without the name look-up of http.server, which can take seconds where there is no network."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say that a request ended early; the client went away."""
        del request, client_address
        _log.info("a request for figures ended: %s", type(sys.exception()).__name__)


class _Handler(WSGIRequestHandler):
    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: each scrape would be a line."""
