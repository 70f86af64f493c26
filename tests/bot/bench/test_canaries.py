"""Planted codes: their exposure is counted in an adapter that learned them and in one that did not."""

from __future__ import annotations

import math
from pathlib import Path

from bot.bench.canaries import OTHERS, REPEATS, bench_canaries
from tests.tuning.tiny import tiny_base


def test_table_has_a_row_for_each_number_of_repeats(tmp_path: Path) -> None:
    """Two real trainings of a tiny model; exposures lie between none and all of the codes."""
    rows = list(bench_canaries(tiny_base(tmp_path / "base")))
    assert [row.repeats for row in rows] == list(REPEATS)
    for row in rows:
        assert all(0 <= value <= math.log2(OTHERS + 1) for value in (row.base, row.learned, row.forgotten))
        assert not row.extracted_after
        assert f"{row.repeats} repeats: exposure" in row.line()
