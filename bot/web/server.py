"""From `familiar serve` to the end: listen, say where and with which token, stop within ten seconds.

The token is printed where it was made, once; uvicorn logs neither requests nor errors, whose texts may hold what
somebody wrote (errors are logged by `routes`, by their place in the code).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from bot.api.routes import PATH as API_PATH
from bot.api.routes import api
from bot.app import App
from bot.config import Secret
from bot.web.app import make_app
from bot.web.guard import Access
from bot.web.security import is_loopback
from bot.web.visit import Checkup, Site
from memory.errors import UsageError

Note = Callable[[str], None]
TOKEN = "FAMILIAR_API_TOKEN"
_GRACE_SECONDS = 3
"""After a stop, requests under way may still be answered for so long."""


@dataclass(frozen=True)
class Address:
    """Where to listen, and by which other names one is led here."""

    host: str
    port: int
    """0: any that is free."""
    names: Sequence[str] = ()


def token_from(environment: Mapping[str, str]) -> tuple[Secret, bool]:
    """The token, and whether it was made here because none was set."""
    given = environment.get(TOKEN, "").strip()
    return Secret(given or secrets.token_urlsafe(32)), not given


def serve(app: App, address: Address, *, user: str | None, environment: Mapping[str, str], note: Note) -> None:
    """Answer until SIGINT or SIGTERM.

    :raises UsageError: the address can't be listened on
    """
    listening = listen(address)
    host, port = listening.getsockname()[:2]
    token, made = token_from(environment)
    access = Access(token, address.host, address.names, cookie=f"familiar_{port}")
    if not is_loopback(address.host):
        note(_OPEN.format(host=address.host))
    if made:
        note(f"token: {token.reveal()}")
    with listening, signals_end_here():
        server = uvicorn.Server(config_of(application(Site(app, user, access, Checkup(app)))))
        asyncio.run(run(server, listening, lambda: note(f"ready http://{shown_host(host)}:{port}/")))


def application(site: Site) -> ASGIApp:
    """The page, and the API beside it."""
    return make_app(site, more=[api(site)], open_=[f"{API_PATH}/"])


_OPEN = (
    "warning: {host} can be reached from other machines, and what they send and read is not encrypted; put a server"
    " with https in front of it, or a tunnel"
)


def shown_host(host: str) -> str:
    """A host as it stands in an address that can be opened here."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{local}]" if ":" in local else local


def config_of(application: object) -> uvicorn.Config:
    """uvicorn's settings: silent, and without trust in headers that any client can send."""
    return uvicorn.Config(
        application,  # type: ignore[arg-type]
        access_log=False,
        log_config=None,
        log_level="critical",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )


def listen(address: Address) -> socket.socket:
    """A socket on the address.

    :raises UsageError: it is taken, or no address of this machine
    """
    if not 0 <= address.port <= 65535:
        raise UsageError(f"--port {address.port} is no port; it must be from 0 to 65535")
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        return _bound(socket.socket(family), address)
    except OSError as exc:
        raise UsageError(
            f"--host {address.host} --port {address.port} can't be listened on: {exc.strerror}; name another port, or"
            " an address of this machine"
        ) from exc


def _bound(listening: socket.socket, address: Address) -> socket.socket:
    try:
        if os.name == "posix":  # elsewhere it would let another program take the port as well
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address.host, address.port))
        listening.listen(100)
    except OSError:
        listening.close()
        raise
    return listening


async def run(server: uvicorn.Server, listening: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until a signal stops it; ``ready`` is called once requests are answered."""
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    if server.started:
        ready()
    await serving


@contextlib.contextmanager
def signals_end_here() -> Iterator[None]:
    """uvicorn raises the signal that stopped it once more when it has ended; here that must not end the process."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
