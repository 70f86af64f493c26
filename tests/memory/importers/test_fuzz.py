"""Damaged files of every format through the real import: none takes anything else down."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from bot.bench.formats import every_made_file
from tests.memory.importers.fuzz import CONFIG, Outcome, earlier_is_found, fuzz
from tests.memory.importers.mutations import mutated


def _holds(outcome: Outcome, home: Path, number: int) -> None:
    """Each file has a receipt, none held up the others, nobody is surprised, and what was there is there."""
    assert outcome.files == outcome.statuses.total() == number
    assert set(outcome.statuses) <= {"indexed", "duplicate", "skipped", "failed"}
    assert outcome.statuses["indexed"] > number / 5
    assert outcome.longest_wait < (CONFIG.ocr_pages + 2) * CONFIG.convert_seconds
    assert outcome.unforeseen == {}
    assert earlier_is_found(home)


def test_three_hundred_damaged_files(tmp_path: Path) -> None:
    """The short form of the test below."""
    _holds(fuzz(tmp_path, 300, slow_share=0.01), tmp_path, 300)


@pytest.mark.chaos
@pytest.mark.timeout(4 * 3600)
def test_five_thousand_damaged_files(tmp_path: Path) -> None:
    """All formats, pictures among them; for minutes, so it is run by `make chaos`."""
    outcome = fuzz(tmp_path, 5000)
    _holds(outcome, tmp_path, 5000)
    assert set(outcome.formats) == {Path(file.name).suffix for file in every_made_file()}


def test_the_row_of_files_is_always_the_same() -> None:
    """So that a failure can be looked into."""
    made = {file.name: file.data for file in every_made_file() if file.name.endswith((".zip", ".mbox"))}
    one, two = (mutated(made, random.Random("file 7")) for _ in range(2))
    assert one == two
    assert one[2] != made[one[0]]
