"""Over HTTP, for clients that connect to a server that runs: on this machine's loopback address alone, with a token.

The library refuses other names in Host and Origin, so that no page in a browser gets through by a name of its own.
"""

from __future__ import annotations

import asyncio
import os

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.app import App
from bot.mcp_server.calls import make_server
from bot.mcp_server.memory import UserMemory, served_user
from bot.threads import end_after
from bot.web.guard import Access, client_of, too_many
from bot.web.server import Address, Note, config_of, listen, run, signals_end_here, token_from

_HOST = "127.0.0.1"
_CLOSE_SECONDS = 3.0
"""With the three that requests under way are given, well within the ten in which a service has to end."""
PATH = "/mcp"


def serve(app: App, port: int, *, user: str | None, write: bool, note: Note) -> None:
    """Answer until SIGINT or SIGTERM.

    :raises UsageError: there is no such user or one whose memory isn't served, or the port can't be listened on
    """
    memory = UserMemory(app, served_user(app, user).id)
    token, made = token_from(os.environ)
    with listen(Address(_HOST, port)) as listening, signals_end_here():
        port = listening.getsockname()[1]
        if made:
            note(f"token: {token.reveal()}")

        async def answer() -> None:
            server = make_server(memory, write=write)
            guarded = TokenOnly(server.streamable_http_app(streamable_http_path=PATH), Access(token, _HOST))
            async with server.session_manager.run():
                ready = f"ready http://{_HOST}:{port}{PATH}"
                await run(uvicorn.Server(config_of(guarded)), listening, lambda: note(ready))

        asyncio.run(answer())
    end_after(_CLOSE_SECONDS)


class TokenOnly:
    """Lets through what brings the token; wrong ones are slowed down."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        refusal = self._refusal(Request(scope)) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, request: Request) -> Response | None:
        client = client_of(request)
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        wait = self._access.wait(client)
        if wait:
            return too_many(wait)
        if kind.lower() == "bearer" and self._access.is_token(given.strip(), client=client):
            return None
        return PlainTextResponse("Send the token as a bearer token.\n", 401, headers={"WWW-Authenticate": "Bearer"})
