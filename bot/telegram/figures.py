"""The running bot's pages for those who look after it: figures, and whether it works."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.metrics.health import Connection, store_problem
from bot.metrics.readings import read
from bot.metrics.server import application
from bot.telegram.ports import Services
from memory.errors import UsageError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def pages(services: Services, connection: Connection) -> WSGIApplication:
    """/metrics and /healthz of one bot.

    :raises UsageError: the extra `metrics` is missing
    """
    try:
        from prometheus_client import make_wsgi_app

        from bot.metrics.exposition import registry
    except ImportError as exc:
        raise UsageError("[metrics] port needs the extra metrics: pip install -e '.[metrics]'") from exc
    figures = registry(
        lambda: read(services.store, now=datetime.now(UTC)), services.names, lambda: connection.problem() is None
    )
    return application(lambda: connection.problem() or store_problem(services.store), make_wsgi_app(figures))
