"""What scripts read is JSON, whatever the figures are."""

from __future__ import annotations

import json
import math

import pytest

from bot.commands.output import Output


def test_figures_that_are_not_finite_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    """Strict readers take neither Infinity nor NaN; all else stays as it is, at any depth."""
    gate = ({"check": "length", "value": math.inf, "passed": False}, {"check": "loss", "value": 0.5, "passed": True})
    Output(as_json=True).result({"gate": gate, "about": {"nan": math.nan, "text": "鹮", "count": 3, "none": None}})
    printed = capsys.readouterr().out

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    found = json.loads(printed, parse_constant=refuse)
    assert [item["value"] for item in found["gate"]] == [None, 0.5]
    assert found["about"] == {"nan": None, "text": "鹮", "count": 3, "none": None}
    assert "鹮" in printed
