"""Opts in to python-telegram-bot's coming type of `retry_after`, without which every 429 is a deprecation warning."""

import pytest


@pytest.fixture(autouse=True)
def retry_after_as_timedelta(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read by python-telegram-bot at each use."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")
