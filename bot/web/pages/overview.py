"""The first page: is all well, what answers, what is there, what comes next."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from bot.reminders.telling import when_words
from bot.web.views.work import Queues, queues_of
from bot.web.visit import Visit
from memory.reminders import Reminder, reminders_of
from memory.store import Store
from tuning.adapters import Adapter

_NEXT = 3


@dataclass(frozen=True)
class Amounts:
    """How much there is of a user's."""

    documents: int
    passages: int
    conversations: int
    turns: int
    facts: int


@dataclass(frozen=True)
class Overview:
    """What the first page says besides health."""

    amounts: Amounts
    live: Adapter | None
    last_tune: Adapter | None
    queues: Queues
    reminders: tuple[tuple[str, Reminder], ...]
    """The next ones, with when in words."""


def show(visit: Visit) -> Response:
    """The overview."""
    return visit.page("overview.html", health=visit.site.checkup.health(), view=_read(visit))


def look_again(visit: Visit) -> Response:
    """Look at the home's health anew."""
    visit.site.checkup.health(anew=True)
    return visit.go("/")


def _read(visit: Visit) -> Overview:
    store, user_id, registry = visit.app.store, visit.user.id, visit.app.registry
    tunes = registry.list(user_id=user_id)
    coming = reminders_of(store, user_id=user_id)[:_NEXT]
    now = visit.app.now()
    return Overview(
        amounts=amounts_of(store, user_id=user_id),
        live=registry.live(user_id),
        last_tune=tunes[0] if tunes else None,
        queues=queues_of(store, user_id=user_id),
        reminders=tuple((when_words(item, now=now, language=visit.language), item) for item in coming),
    )


def amounts_of(store: Store, *, user_id: int) -> Amounts:
    """Counts of what a user has."""
    (row,) = store.rows(
        "SELECT (SELECT count(*) FROM documents WHERE user_id = ?1) AS documents,"
        " (SELECT coalesce(sum(chunks), 0) FROM memory_sizes WHERE user_id = ?1) AS passages,"
        " (SELECT count(DISTINCT conversation_id) FROM turns WHERE user_id = ?1) AS conversations,"
        " (SELECT count(*) FROM turns WHERE user_id = ?1) AS turns,"
        " (SELECT count(*) FROM facts WHERE user_id = ?1) AS facts",
        (user_id,),
    )
    return Amounts(**dict(row))
