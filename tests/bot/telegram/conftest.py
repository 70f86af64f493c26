"""A bench for each test, and the bot running on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.bot.telegram.bench import Bench
from tests.telegram_api import TelegramServer


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    """A loopback Bot API server."""
    with TelegramServer() as running:
        yield running


@pytest.fixture
async def bench(tmp_path: Path, server: TelegramServer) -> AsyncIterator[Bench]:
    """A home whose bot is not started yet."""
    made = Bench(tmp_path, server)
    yield made
    await made.close()


@pytest.fixture
async def live(bench: Bench) -> Bench:
    """The same with the bot running; nobody has paired."""
    await bench.start()
    return bench


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """A running bot that Ada has paired with, for all tests of a module that do not disturb each other."""
    with TelegramServer() as running:
        made = Bench(tmp_path_factory.mktemp("home"), running)
        await made.start()
        await made.owner()
        yield made
        await made.close()
