"""What is known, and putting it right; the same as `familiar facts`."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response

from bot.web.views.known import known_of
from bot.web.visit import Visit
from memory.facts import profile, store


def show(visit: Visit) -> Response:
    """All facts by subject."""
    about = visit.query("about").strip()
    return visit.page("facts.html", view=known_of(visit.app.store, user=visit.user, about=about), about=about)


def correct(visit: Visit) -> Response:
    """Give a fact the right value for good."""
    done = store.correct(visit.app.store, visit.number("id"), visit.wanted("value"), user_id=visit.user.id)
    return _back(visit, visit.phrase("fact_corrected", value=done.value))


def pin(visit: Visit) -> Response:
    """Keep a fact in every prompt, or no longer."""
    pinned = visit.wanted("pinned") == "yes"
    store.pin(visit.app.store, visit.number("id"), user_id=visit.user.id, pinned=pinned)
    return _back(visit, visit.phrase("fact_pinned" if pinned else "fact_unpinned"))


def delete(visit: Visit) -> Response:
    """Delete a fact; what was said stays."""
    store.delete(visit.app.store, visit.number("id"), user_id=visit.user.id)
    return _back(visit, visit.phrase("fact_deleted"))


def delete_rule(visit: Visit) -> Response:
    """Let a standing rule no longer hold."""
    profile.delete_rule(visit.app.store, visit.number("id"), user_id=visit.user.id)
    return _back(visit, visit.phrase("rule_deleted"))


def _back(visit: Visit, note: str) -> Response:
    about = visit.form.get("about", "")
    return visit.go(f"/facts?{urlencode({'about': about})}" if about else "/facts", note=note)
