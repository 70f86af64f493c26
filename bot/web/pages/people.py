"""Who has a memory here, in figures: a page shows one user's contents, so others are names and counts."""

from __future__ import annotations

from starlette.responses import Response

from bot.web.views.people import people_of
from bot.web.visit import Visit


def show(visit: Visit) -> Response:
    """Everyone."""
    return visit.page("people.html", people=people_of(visit.app.store))
