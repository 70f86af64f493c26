"""Jobs and queues: tunes, reminders, Telegram's messages, imports."""

from __future__ import annotations

from starlette.responses import Response

from bot.locales import say
from bot.reminders.telling import when_words
from bot.web.views.work import imports_of, queues_of
from bot.web.visit import Visit
from memory.errors import FamiliarError
from memory.reminders import cancel_reminder, reminders_of
from tuning.schedule import Due

_TUNES = 10


def show(visit: Visit) -> Response:
    """Everything that is under way or waits."""
    store, user_id, now = visit.app.store, visit.user.id, visit.app.now()
    coming = reminders_of(store, user_id=user_id)
    return visit.page(
        "work.html",
        queues=queues_of(store, user_id=user_id),
        reminders=[(when_words(item, now=now, language=visit.language), item) for item in coming],
        tunes=visit.app.registry.list(user_id=user_id)[:_TUNES],
        due=_due(visit),
        imports=imports_of(store, user_id=user_id),
        tuning=visit.app.settings.tuning,
    )


def _due(visit: Visit) -> Due:
    """Whether a tune is due; a setting that can't be read is said instead."""
    try:
        return visit.app.tunes.due(visit.user)
    except FamiliarError as exc:
        return Due(False, str(exc))


def cancel(visit: Visit) -> Response:
    """End a reminder."""
    done = cancel_reminder(visit.app.store, visit.number("id"), user_id=visit.user.id)
    return visit.go("/work", note=say(visit.language, "reminder_cancelled", id=done.id))
