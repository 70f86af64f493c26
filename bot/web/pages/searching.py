"""Search, by the same function as a chat turn."""

from __future__ import annotations

from starlette.responses import Response

from bot.web.visit import Visit

_MOST_CHARACTERS = 1000


def show(visit: Visit) -> Response:
    """A question and the passages found, with what made their scores."""
    text = visit.query("q").strip()[:_MOST_CHARACTERS]
    k = visit.app.settings.search.k
    found = visit.app.searcher.search(text, user_id=visit.user.id, k=k) if text else None
    return visit.page("search.html", text=text, found=found)
