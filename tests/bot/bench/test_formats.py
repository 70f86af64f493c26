"""The benchmark of formats: what it counts as found, and that all of it is."""

from __future__ import annotations

import json
from pathlib import Path

from bot.bench.formats import bench_formats, holds, main
from bot.bench.made_files import Fact
from memory.importers.records import Block, Conversion, ExtractedDocument


def test_a_fact_counts_where_it_stands() -> None:
    """All words on one line, in a passage that says its page or section."""
    found = Conversion((ExtractedDocument("a", "pdf", (Block("Rent 640\nWater 31", page=2, section="Costs"),)),))
    assert holds(found, Fact(("Rent", "640"), "page 2"))
    assert holds(found, Fact(("Water",), "Costs"))
    assert not holds(found, Fact(("Rent", "31")))
    assert not holds(found, Fact(("Rent",), "page 3"))


def test_every_planted_fact_is_recovered() -> None:
    """The table of docs/formats.md, made anew."""
    rows = list(bench_formats())
    assert len(rows) >= 41
    assert [row.line() for row in rows if not row.passed] == []


def test_the_files_are_written_for_other_programs(tmp_path: Path) -> None:
    """Each file with its facts."""
    assert main([str(tmp_path / "made")]) == 0
    facts = json.loads((tmp_path / "made" / "facts.json").read_text(encoding="utf-8"))
    assert set(facts) == {path.name for path in (tmp_path / "made").iterdir()} - {"facts.json"}
