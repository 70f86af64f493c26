"""The settings that this process was started with; to change one, edit config.toml and start again."""

from __future__ import annotations

from starlette.responses import Response

from bot.web.views.configured import sections_of
from bot.web.visit import Visit


def show(visit: Visit) -> Response:
    """Every setting, what was changed first to see."""
    return visit.page(
        "settings.html", sections=sections_of(visit.app.settings), file=str(visit.app.home / "config.toml")
    )
