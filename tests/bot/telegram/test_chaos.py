"""Each message belongs to exactly one reply, replies come in order, none twice, and each unknown outcome is known as
such: over a failing network and kill -9.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bot.telegram.chaos import BadDay, Plan
from tests.telegram_api import TelegramServer

SHORT = Plan(messages=120, users=10, kills=2, seconds=120.0)
LONG = Plan(messages=2000, users=50, kills=10)


@pytest.mark.slow
@pytest.mark.parametrize("plan", [SHORT, pytest.param(LONG, marks=pytest.mark.chaos)], ids=["short", "long"])
def test_nothing_is_lost_or_doubled_on_a_bad_day(tmp_path: Path, server: TelegramServer, plan: Plan) -> None:
    """The figures are printed; `make chaos` runs the long one."""
    found = BadDay(tmp_path, server, plan).run()
    print("\n".join(found.lines()))
    assert found.unanswered == []
    assert [word for word, count in found.in_turns.items() if count != 1] == []
    assert found.doubled == []
    assert found.missing == []
    assert found.out_of_order == []
    assert found.unannounced == []
    assert found.unknown > 0, "the day was not bad enough to show anything"
