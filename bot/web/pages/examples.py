"""What a tune would learn from, and the owner's choices; the same as `familiar examples`."""

from __future__ import annotations

from starlette.responses import Response

from bot.web.views.lessons import lessons_of
from bot.web.visit import Visit
from memory.errors import FamiliarError
from tuning.choices import Choice
from tuning.preparing import decide

_CHOICES: dict[str, Choice] = {"approve": "approved", "strike": "struck"}


def show(visit: Visit) -> Response:
    """All examples with what becomes of each."""
    return visit.page("examples.html", view=lessons_of(visit.app.tunes.examples(visit.user), page=visit.page_number))


def choose(visit: Visit) -> Response:
    """Approve an example or strike it out."""
    wanted = visit.wanted("choice")
    choice = _CHOICES.get(wanted)
    if choice is None:
        raise FamiliarError(visit.phrase("bad_request"))
    prepared = visit.app.tunes.examples(visit.user)
    known = [*prepared.examples, *(item.example for item in prepared.left_out)]
    done = decide(visit.app.store, visit.wanted("example"), choice, examples=known, user_id=visit.user.id)
    page = visit.form.get("page", "1")
    where = f"/examples?page={page}" if page.isascii() and page.isdecimal() else "/examples"
    return visit.go(f"{where}#{done.id}", note=visit.phrase(f"example_{wanted}"))
