"""From a request to a page and back: the form is read and its CSRF token checked before any page runs.

An error that a person can mend is shown on a page with the status that fits; anything else is logged by its place in
the code alone, since an exception's text may hold what somebody wrote.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.threads import in_thread
from bot.web.security import is_own_form, same
from bot.web.visit import NotFound, Site, Upload, Visit
from memory.errors import FamiliarError

_log = logging.getLogger(__name__)
FORM_BYTES = 1 << 20
_FIELDS = 20
Show = Callable[[Visit], Response]


@dataclass(frozen=True)
class Page:
    """An address and what answers it; ``act`` is for what its forms send."""

    path: str
    show: Show | None = None
    act: Show | None = None
    most_bytes: int = FORM_BYTES
    """Longest body."""


def route(page: Page, site: Site) -> Route:
    """The page as starlette serves it."""
    methods = [name for name, handler in (("GET", page.show), ("POST", page.act)) if handler]
    return Route(page.path, _endpoint(page, site), methods=methods, max_body_size=page.most_bytes)


def _endpoint(page: Page, site: Site) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        sent = await _read(request) if request.method == "POST" else None
        # Nothing of the store is read out here: another thread's transaction would hold up all requests.
        return await in_thread(lambda: _handled(page, site, request, sent))

    return answer


@dataclass(frozen=True)
class _Sent:
    """A form: texts and at most one file."""

    texts: Mapping[str, str]
    upload: Upload | None


async def _read(request: Request) -> _Sent:
    texts: dict[str, str] = {}
    upload = None
    async with request.form(max_files=1, max_fields=_FIELDS) as form:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                upload = Upload(value.filename or "", await value.read())
            else:
                texts[name] = value.replace("\r\n", "\n")
    return _Sent(texts, upload)


def _handled(page: Page, site: Site, request: Request, sent: _Sent | None) -> Response:
    if sent is None:
        visit, handler = _visit(request, site), page.show
    else:
        visit = Visit(site, request, site.user, request.state.session, sent.texts, sent.upload)
        handler = page.act
        if not _may_act(visit):
            return visit.page("error.html", status=403, text=visit.phrase("stale_form"))
    assert handler is not None
    return _answered(handler, visit)


def _visit(request: Request, site: Site) -> Visit:
    return Visit(site, request, site.user, request.state.session)


def _may_act(visit: Visit) -> bool:
    """Whether a form is one that this user was given; a script with the token needs none."""
    headers = visit.request.headers
    if not is_own_form(host=headers.get("host"), origin=headers.get("origin"), site=headers.get("sec-fetch-site")):
        return False
    if visit.session is not None:
        return same(visit.form.get("csrf", ""), visit.session.csrf)
    return True  # by the bearer token, which no other site can send; the login page has its own check


def _answered(handler: Show, visit: Visit) -> Response:
    try:
        return handler(visit)
    except NotFound as exc:
        return visit.page("error.html", status=404, text=str(exc))
    except FamiliarError as exc:
        return visit.page("error.html", status=400, text=str(exc))
    except Exception as exc:  # noqa: BLE001 - the edge of a request: the others go on
        _log.error("%s failed: %s", handler.__module__, where(exc))
        return visit.page("error.html", status=500, text=visit.phrase("sorry"))


def where(exc: BaseException) -> str:
    """The type of an error and the lines that led to it, without its text."""
    frames = traceback.extract_tb(exc.__traceback__)[-4:]
    return f"{type(exc).__name__} at {' < '.join(f'{frame.name}:{frame.lineno}' for frame in reversed(frames))}"


def refused(site: Site) -> Callable[[Request, Exception], Response]:
    """What answers an address that there is not, or a body that is too long or no form."""

    def answer(request: Request, exc: Exception) -> Response:
        status = exc.status_code if isinstance(exc, HTTPException) else 500
        if status == 500:
            _log.error("a request failed: %s", where(exc))
        visit = _visit(request, site)
        keys = {404: "not_found", 413: "too_large"}
        headers = dict(exc.headers or {}) if isinstance(exc, HTTPException) else {}
        response = visit.page("error.html", status=status, text=visit.phrase(keys.get(status, "bad_request")))
        response.headers.update(headers)
        return response

    return answer
