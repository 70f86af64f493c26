"""Whose request it is, by its bearer token alone: a cookie, which a browser sends for any site, opens nothing here."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.api.chatting import check_served
from bot.api.errors import ApiError, too_many, unauthorised
from bot.api.tokens import user_of_token
from bot.threads import in_thread
from bot.web.guard import client_of
from bot.web.security import same
from bot.web.visit import Site
from memory.records import User


class BearerOnly:
    """Lets through what brings a token; ``request.state.user`` is its user, as stored now."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app = app
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        request = Request(scope)
        try:
            # Nothing of the store is read out here: another thread's transaction would hold up all requests.
            request.state.user = await in_thread(lambda: self._user(request))
        except ApiError as exc:
            await as_response(exc)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _user(self, request: Request) -> User:
        client, access = client_of(request), self._site.access
        wait = access.wait(client)
        if wait:
            raise too_many(f"too many wrong tokens; try again in {wait} s", wait=wait)
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer":
            raise unauthorised()
        user = self._user_of(given.strip())
        if user is None:
            access.tries.failed(client)
            raise unauthorised()
        check_served(user)
        return user

    def _user_of(self, given: str) -> User | None:
        """The user of the page, whose token is that of `familiar serve`, or the one of a token of the home."""
        if same(given, self._site.access.token.reveal()):
            return self._site.user
        user_id = user_of_token(self._site.app.store, given)
        return None if user_id is None else self._site.app.store.user_by_id(user_id)


def as_response(exc: ApiError) -> JSONResponse:
    """An error as it is sent."""
    return JSONResponse(exc.body(), exc.status, headers=exc.headers)
