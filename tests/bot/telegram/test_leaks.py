"""What somebody told the bot reaches nobody else, whatever they try, and the token stands nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bot.telegram.leaks import Leaks
from tests.telegram_api import TelegramServer


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("attempts", "people"), [(40, 2), pytest.param(1000, 4, marks=pytest.mark.chaos)], ids=["short", "long"]
)
def test_nobody_gets_at_what_is_anothers(tmp_path: Path, server: TelegramServer, attempts: int, people: int) -> None:
    """The figures are printed; `make chaos` runs the long one."""
    found = Leaks(tmp_path, server, attempts=attempts, people=people).run()
    print("\n".join(found.lines()))
    assert found.leaks == []
    assert found.changed == []
    assert found.told == []
    assert found.attempts.total() >= attempts
    assert found.kept > 0.7, "too little was echoed to show anything"


@pytest.mark.slow
def test_a_memory_that_everybody_reads_would_be_found(tmp_path: Path, server: TelegramServer) -> None:
    """The same attempts against a bot that keeps nobody apart."""
    found = Leaks(tmp_path, server, attempts=8, people=2, leaky=True).run()
    assert any("told of" in leak for leak in found.leaks)
    assert any("a document of" in leak for leak in found.leaks)
