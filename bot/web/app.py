"""The web application: one ordered list of pages, behind one guard. More routes can be added behind the same guard."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from bot.web.guard import OPEN, Guard
from bot.web.pages import (
    adapters,
    conversations,
    documents,
    examples,
    facts,
    login,
    overview,
    people,
    searching,
    settings,
    work,
)
from bot.web.rendering import FOLDER
from bot.web.routes import FORM_BYTES, Page, refused, route
from bot.web.visit import Site


def pages(most_bytes: int) -> Sequence[Page]:
    """Every page; ``most_bytes`` is the longest upload."""
    return (
        Page("/login", login.show, login.log_in),
        Page("/logout", act=login.log_out),
        Page("/", overview.show),
        Page("/health", act=overview.look_again),
        Page("/conversations", conversations.show),
        Page("/conversations/{id}", conversations.one),
        Page("/turns/{id}", conversations.why),
        Page("/turns/{id}/influence", act=conversations.compute),
        Page("/turns/{id}/feedback", act=conversations.vote),
        Page("/turns/{id}/forget", conversations.ask_to_forget, conversations.forget),
        Page("/documents", documents.show, documents.upload, most_bytes + FORM_BYTES),
        Page("/documents/receipts", documents.receipts),
        Page("/documents/{id}", documents.one),
        Page("/documents/{id}/forget", documents.ask_to_forget, documents.forget),
        Page("/search", searching.show),
        Page("/facts", facts.show),
        Page("/facts/{id}/correct", act=facts.correct),
        Page("/facts/{id}/pin", act=facts.pin),
        Page("/facts/{id}/delete", act=facts.delete),
        Page("/rules/{id}/delete", act=facts.delete_rule),
        Page("/examples", examples.show, examples.choose),
        Page("/adapters", adapters.show),
        Page("/adapters/rollback", adapters.ask_to_roll_back, adapters.roll_back),
        Page("/adapters/{id}", adapters.one),
        Page("/adapters/{id}/promote", adapters.ask_to_promote, adapters.promote),
        Page("/work", work.show),
        Page("/reminders/{id}/cancel", act=work.cancel),
        Page("/people", people.show),
        Page("/settings", settings.show),
    )


def make_app(site: Site, *, more: Sequence[BaseRoute] = (), open_: Sequence[str] = ()) -> ASGIApp:
    """The application that a server runs.

    :param more: routes of other parts, behind the same guard; where ``request.state.session`` is not None the request
        came with a cookie, so a route that changes something has to check a CSRF token or refuse it
    :param open_: addresses of these whose own door lets in; the guard checks the host and adds its headers
    """
    routes = [route(page, site) for page in pages(site.app.settings.import_.max_file_mb << 20)]
    static = Mount("/static", StaticFiles(directory=FOLDER / "static"))
    answer = refused(site)
    made = Starlette(routes=[*routes, static, *more], exception_handlers={HTTPException: answer, Exception: answer})
    return Guard(made, site.access, open_=(*OPEN, *open_))
