"""`familiar` as a process of its own, real but for the models: `python -m tests.bot.bare_run quick|slow ARGUMENT...`.

With "slow" a reply, a file and a tune each take longer than anybody waits.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace
from typing import cast

from bot.app import App
from bot.cli import main as familiar
from bot.telegram import service
from bot.telegram.ports import Services
from memory.records import Receipt
from tests.bot.telegram.bench import Bench, slowly
from tests.telegram_api import TelegramServer

LONG_SECONDS = 60.0


@dataclass(frozen=True)
class Addresses:
    """Where the loopback server is."""

    base_url: str
    base_file_url: str


def services_of(app: App, *, slow: bool) -> Services:
    """The home's own store and settings, with replies and tunes by script."""
    _ = app.store
    config = app.settings.telegram
    bench = Bench(app.home, cast("TelegramServer", Addresses(config.api_url, config.file_url)))
    if not slow:
        return replace(bench.services(), settings=app.settings)
    bench.reply = lambda _: "and so on " * 1000
    bench.on_word = slowly(0.1)
    bench.tunes.before = lambda cancel: cancel.wait(LONG_SECONDS)
    services = bench.services()

    def import_bytes(*args: object, **options: object) -> Receipt:
        time.sleep(LONG_SECONDS)
        return services.import_bytes(*args, **options)  # type: ignore[arg-type]

    return replace(services, settings=app.settings, import_bytes=import_bytes)


def main() -> int:
    """Run the command line's arguments."""
    slow = sys.argv[1] == "slow"
    service.services_of = lambda app: services_of(app, slow=slow)
    return familiar(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
