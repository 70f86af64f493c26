"""What a page says after something was forgotten: which of the user's adapters no longer answers, and which does."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from bot.learned import answering
from bot.locales import say
from bot.web.visit import Visit
from memory.store import utc_now


def forget_and_tell(visit: Visit, forget: Callable[[], object], *, where: str) -> Response:
    """Erase, then go on with a note."""
    began, registry = utc_now(), visit.app.registry
    forget()
    lines = [visit.phrase("forgotten")]
    live = registry.live(visit.user.id)
    now = answering(live.id if live else None, language=visit.language)
    lines += [
        say(visit.language, "adapter_withdrawn", adapter=item.id, now=now)
        for item in registry.withdrawn_since(began)
        if item.user_id == visit.user.id and item.withdrawn_from in ("live", "training")
    ]
    return visit.go(where, note=" ".join(lines))
