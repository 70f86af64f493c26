"""Logging in with the token, and out; the form's check is a cookie that only this page sets."""

from __future__ import annotations

import secrets

from starlette.responses import RedirectResponse, Response

from bot.web.guard import client_of, too_many
from bot.web.security import same
from bot.web.visit import Visit


def show(visit: Visit) -> Response:
    """Ask for the token."""
    return RedirectResponse("/", 303) if visit.session else _form(visit)


def log_in(visit: Visit) -> Response:
    """Exchange the token for a session."""
    access, client = visit.site.access, client_of(visit.request)
    if not same(visit.form.get("csrf", ""), visit.request.cookies.get(_cookie(visit), secrets.token_urlsafe())):
        return _form(visit, text=visit.phrase("stale_form"), status=403)
    wait = access.wait(client)
    if wait:
        return too_many(wait)
    if not access.is_token(visit.form.get("token", "").strip(), client=client):
        return _form(visit, text=visit.phrase("wrong_token"), status=401)
    response = RedirectResponse("/", 303)
    _set(visit, response, access.cookie, access.sessions.begin().id)
    response.delete_cookie(_cookie(visit), path="/login")
    return response


def log_out(visit: Visit) -> Response:
    """End the session, here and in the browser."""
    if visit.session:
        visit.site.access.sessions.end(visit.session.id)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(visit.site.access.cookie)
    return response


def _form(visit: Visit, *, text: str = "", status: int = 200) -> Response:
    check = secrets.token_urlsafe(32)
    response = visit.page("login.html", status=status, check=check, text=text)
    _set(visit, response, _cookie(visit), check, path="/login")
    return response


def _set(visit: Visit, response: Response, name: str, value: str, *, path: str = "/") -> None:
    secure = visit.request.url.scheme == "https"
    response.set_cookie(name, value, path=path, httponly=True, samesite="strict", secure=secure)


def _cookie(visit: Visit) -> str:
    return f"{visit.site.access.cookie}_login"
