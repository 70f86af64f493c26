"""What was learned: every training run with its curve and checks; promote and roll back after a question."""

from __future__ import annotations

import json
from dataclasses import dataclass

from starlette.responses import Response

from bot.learned import Shown, answering
from bot.web.curve import Curve, curve_of
from bot.web.visit import Visit
from memory.errors import FamiliarError
from tuning.adapters import Adapter
from tuning.curves import read_curves

_RECIPE = ("method", "init", "rank", "learning_rate", "schedule", "epochs", "batch_size", "dropout")


@dataclass(frozen=True)
class Opened:
    """An adapter with what its training showed."""

    shown: Shown
    curve: Curve | None
    recipe: tuple[tuple[str, str], ...]
    """How it was trained, by the settings' names."""


def show(visit: Visit) -> Response:
    """All adapters of the user."""
    found = visit.app.learned.adapters(visit.user)
    live = visit.app.registry.live(visit.user.id)
    before = visit.app.registry.before(live) if live else None
    return visit.page("adapters.html", items=found, live=live, before=before, curve=_curve(live) if live else None)


def one(visit: Visit) -> Response:
    """One adapter."""
    shown = visit.found(lambda: visit.app.learned.show(visit.request.path_params["id"], visit.user))
    return visit.page("adapter.html", view=Opened(shown, _curve(shown.adapter), _recipe(shown.adapter)))


def _curve(adapter: Adapter) -> Curve | None:
    try:
        return curve_of(read_curves(adapter.folder.parent))
    except FamiliarError:  # none was kept, or its folder is gone: the page says so
        return None


def _recipe(adapter: Adapter) -> tuple[tuple[str, str], ...]:
    """How it was trained; a manifest of another version may say less."""
    recipe = json.loads(adapter.manifest or "{}").get("recipe", {})
    return tuple((key, str(recipe[key])) for key in _RECIPE if recipe.get(key) not in (None, ""))


def ask_to_promote(visit: Visit) -> Response:
    """What would change."""
    adapter = visit.found(lambda: visit.app.registry.show(visit.request.path_params["id"], user_id=visit.user.id))
    live = visit.app.registry.live(visit.user.id)
    now = answering(live.id if live else None, language=visit.language)
    return visit.confirm(
        title=visit.phrase("promote"),
        lines=[visit.phrase("promote_what", adapter=adapter.id, now=now), visit.phrase("promote_when")],
        button=visit.phrase("promote_button"),
        action=f"/adapters/{adapter.id}/promote",
        back=f"/adapters/{adapter.id}",
    )


def promote(visit: Visit) -> Response:
    """Let an adapter that was live before answer again."""
    app, id_ = visit.app, visit.request.path_params["id"]
    done = app.registry.promote(id_, user_id=visit.user.id, base=app.base)
    return visit.go("/adapters", note=visit.phrase("answers_now", now=done.id))


def ask_to_roll_back(visit: Visit) -> Response:
    """What would change.

    :raises FamiliarError: none answers
    """
    registry = visit.app.registry
    live = registry.live(visit.user.id)
    if live is None:
        raise FamiliarError(visit.phrase("none_live"))
    before = registry.before(live)
    now = answering(before.id if before else None, language=visit.language)
    return visit.confirm(
        title=visit.phrase("roll_back"),
        lines=[visit.phrase("roll_back_what", adapter=live.id, now=now), visit.phrase("promote_when")],
        button=visit.phrase("roll_back_button"),
        action="/adapters/rollback",
        back="/adapters",
        adapter=live.id,
    )


def roll_back(visit: Visit) -> Response:
    """Take the adapter out of service that was asked about, if it is still the one that answers."""
    now = visit.app.learned.rollback(visit.wanted("adapter"), visit.user)
    name = answering(now.id if now else None, language=visit.language)
    return visit.go("/adapters", note=visit.phrase("answers_now", now=name))
