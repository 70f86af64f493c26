"""Stands before every route: host, headers, session or bearer token. A route added later is closed by default."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.config import Secret
from bot.web.security import HEADERS, Session, Sessions, TryLimit, is_allowed_host, same

OPEN = ("/login", "/static/")
"""Addresses that answer without a session; one that ends with a slash stands for all below it."""


@dataclass(frozen=True)
class Access:
    """Who may come in, and who has."""

    token: Secret
    listens: str
    """The address that is listened on."""
    names: Sequence[str] = ()
    """Other host names that lead here."""
    cookie: str = "familiar"
    """Cookies are shared by all ports of a machine, so the name holds the port."""
    sessions: Sessions = field(default_factory=Sessions)
    tries: TryLimit = field(default_factory=TryLimit)

    def wait(self, client: str) -> int:
        """Whole seconds until a client may try again."""
        return math.ceil(self.tries.wait(client))

    def is_token(self, given: str, *, client: str) -> bool:
        """Whether it is the token; a wrong one counts."""
        right = same(given, self.token.reveal())
        if not right:
            self.tries.failed(client)
        return right


class Guard:
    """Lets through what has a session or the token.

    ``request.state.known`` says which requests do; ``request.state.session`` is None where it was the token.
    """

    def __init__(self, app: ASGIApp, access: Access, *, open_: Collection[str] = OPEN) -> None:
        self._app = app
        self._access = access
        self._open = open_

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        request = Request(scope)
        refusal = self._refusal(request)
        await (refusal or self._app)(scope, receive, send_with_headers)

    def _refusal(self, request: Request) -> Response | None:
        """What is answered instead of the page; None where it may be seen."""
        access = self._access
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not is_allowed_host(hosts[0], listens=access.listens, names=access.names):
            return PlainTextResponse(_WRONG_HOST, 421)
        request.state.session = session = self._session(request)
        request.state.known = session is not None
        if session is not None or self._is_open(request.url.path):
            return None
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            refusal = self._by_token(given.strip(), client=client_of(request))
            request.state.known = refusal is None
            return refusal
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        return _unauthorised()

    def _by_token(self, given: str, *, client: str) -> Response | None:
        wait = self._access.wait(client)
        if wait:
            return too_many(wait)
        return None if self._access.is_token(given, client=client) else _unauthorised()

    def _session(self, request: Request) -> Session | None:
        return self._access.sessions.find(request.cookies.get(self._access.cookie))

    def _is_open(self, path: str) -> bool:
        return any(path == item or (item.endswith("/") and path.startswith(item)) for item in self._open)


_WRONG_HOST = "This address does not lead to Familiar under that name; `familiar serve --allow-host NAME` allows it.\n"


def client_of(request: Request) -> str:
    """The address a request came from."""
    return request.client.host if request.client else ""


def too_many(wait: int) -> Response:
    """Too many wrong tokens."""
    text = f"Too many wrong tokens; try again in {wait} s.\n"
    return PlainTextResponse(text, 429, headers={"Retry-After": str(wait)})


def _unauthorised() -> Response:
    return PlainTextResponse(
        "Log in, or send the token as a bearer token.\n", 401, headers={"WWW-Authenticate": "Bearer"}
    )
