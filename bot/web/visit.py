"""One request as a page gets it, and the few things that a page can answer with.

Pages are plain functions in threads of their own: they read the store, load models and wait, which would hold up the
event loop. The user is read anew for each request, so that a changed language shows at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any, Literal, TypeVar

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bot.app import App
from bot.locales import say
from bot.reminders.zones import zone_of
from bot.web.guard import Access
from bot.web.rendering import environment, render
from bot.web.security import Session
from bot.web.views.health import Health, look_at
from memory.errors import FamiliarError
from memory.records import User

T = TypeVar("T")
_HEALTH_SECONDS = 60.0
"""A look at everything reads the whole database file, so the page shows the last one for so long."""


class Checkup:
    """The last look at the home's health."""

    def __init__(self, app: App, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._clock = clock
        self._last: tuple[float, Health] | None = None

    def health(self, *, anew: bool = False) -> Health:
        """What was found, looked at again where that is long ago or ``anew``."""
        now = self._clock()
        if anew or self._last is None or now - self._last[0] > _HEALTH_SECONDS:
            self._last = (now, look_at(self._app))
        return self._last[1]


@dataclass(frozen=True)
class Site:
    """What all requests share."""

    app: App
    user_name: str | None
    """Whose page it is; None: the owner's."""
    access: Access
    checkup: Checkup
    templates: Environment = field(default_factory=environment)

    @property
    def user(self) -> User:
        """The one whose page it is, as stored now."""
        return self.app.user(self.user_name)


@dataclass(frozen=True)
class Upload:
    """A file that came with a form; its name is as its sender wrote it."""

    name: str
    data: bytes


class NotFound(FamiliarError):
    """There is no such page; shown with status 404."""


@dataclass(frozen=True)
class Visit:
    """A request to a page of somebody who may see it."""

    site: Site
    request: Request
    user: User
    session: Session | None
    """None where the token came with the request, and on the login page."""
    form: Mapping[str, str] = field(default_factory=dict)
    upload: Upload | None = None

    @property
    def app(self) -> App:
        """The parts of this home."""
        return self.site.app

    @property
    def language(self) -> str:
        """The reader's."""
        return self.user.profile.language

    @property
    def zone(self) -> tzinfo:
        """On whose clock moments are shown."""
        return zone_of(self.user.profile)

    def phrase(self, key: str, /, **values: object) -> str:
        """A phrase of the page in the reader's language."""
        return say(self.language, f"web_{key}", **values)

    def number(self, name: str) -> int:
        """A number of the address.

        :raises NotFound: it is none, so there is no such page
        """
        text = self.request.path_params[name]
        if not (text.isascii() and text.isdecimal() and len(text) < 19):
            raise NotFound(self.phrase("not_found"))
        return int(text)

    def found(self, find: Callable[[], T]) -> T:
        """What an address names.

        :raises NotFound: the user has nothing of the kind
        """
        try:
            return find()
        except FamiliarError as exc:
            raise NotFound(str(exc)) from exc

    def query(self, name: str) -> str:
        """A value of the address's question part; empty where it has none."""
        return self.request.query_params.get(name, "")

    @property
    def page_number(self) -> int:
        """Which page of a list is wanted, from 1."""
        text = self.query("page")
        return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 7 and int(text) else 1

    def wanted(self, name: str) -> str:
        """A field of the form.

        :raises FamiliarError: it is missing
        """
        if name not in self.form:
            raise FamiliarError(self.phrase("field_missing", name=name))
        return self.form[name]

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page, with what the last action has to say."""
        notices = list(self.session.notices) if self.session else []
        if self.session:
            self.session.notices.clear()
        shared = {
            "user": self.user,
            "language": self.language,
            "zone": self.zone,
            "csrf": self.session.csrf if self.session else "",
            "inside": getattr(self.request.state, "known", False),
            "path": self.request.url.path,
            "notices": notices,
        }
        return HTMLResponse(render(self.site.templates, template, shared | values), status)

    def confirm(self, *, title: str, lines: list[str], button: str, action: str, back: str, **hidden: str) -> Response:
        """A page that says what will happen and asks whether it should."""
        return self.page(
            "confirm.html", title=title, lines=lines, button=button, action=action, back=back, hidden=hidden
        )

    def go(self, where: str, *, note: str | None = None, went: Literal["well", "badly"] = "well") -> Response:
        """On to another page, which then says the note."""
        if note and self.session:
            self.session.notices.append((note, went == "well"))
        return RedirectResponse(where, 303)
