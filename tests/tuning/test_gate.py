"""Each check of the gate can fail alone, and says its figures."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from tuning.config import GateConfig
from tuning.gate import Measures, judge

GOOD = Measures(
    base_loss=3.0,
    adapter_loss=2.4,
    stopped=1.0,
    base_copied=5,
    adapter_copied=5,
    probes=10,
    changed=1.5,
    not_finite=0,
)


def failed(**changes: Any) -> list[str]:
    return [check.check for check in judge(replace(GOOD, **changes), GateConfig()) if not check.passed]


def test_good_adapter_passes() -> None:
    """Better on what is held out, and nothing lost: every check passes."""
    assert failed() == []


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"adapter_loss": 2.98}, "held_out_loss"),
        ({"adapter_loss": math.nan}, "held_out_loss"),
        ({"base_loss": 0.0}, "held_out_loss"),
        ({"stopped": 0.75}, "stopping"),
        ({"adapter_copied": 3}, "copying"),
        ({"changed": 0.0}, "changed"),
        ({"changed": math.nan}, "changed"),
        ({"not_finite": 1}, "finite"),
    ],
)
def test_each_fault_fails_its_own_check(changes: dict[str, Any], check: str) -> None:
    """One fault, one failed check; a figure that is no number fails."""
    assert failed(**changes) == [check]


def test_limits_are_those_of_the_configuration() -> None:
    """A value at its limit passes."""
    config = GateConfig(max_loss_ratio=0.8, min_stopped=1.0, min_copied=1.0)
    assert all(check.passed for check in judge(GOOD, config))


def test_base_that_copies_nothing_has_nothing_to_lose() -> None:
    """With no fact copied by the base the copying check passes."""
    assert failed(base_copied=0, adapter_copied=0) == []


def test_sentences_name_value_and_limit() -> None:
    """What a person reads holds the figures that decided."""
    loss = next(c for c in judge(replace(GOOD, adapter_loss=3.1), GateConfig()) if c.check == "held_out_loss")
    assert loss.sentence == "held-out loss 3.100 against 3.000 without: 1.033 (at most 0.99)"
