"""Each check of the gate can fail alone, and says its figures."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import replace
from typing import Any

import pytest

from tuning.config import GateConfig
from tuning.gate import LiveLosses, Measures, Memory, Replies, effect_size, judge, left_out, measures_from
from tuning.probes import ProbeFigures

FIGURES = ProbeFigures(
    general=(2.0, 1.6, 2.4, 0.8, -1.2, 0.4, 1.2, 2.0, 0.8, 1.6),
    exact=(True, True, True, False),
    copied=(True, True, True, True, True, False),
    missing=(0.5, -0.5),
    citing=(-2.0, -3.0),
    rules=(1.0, 2.0),
    harmful=(0.5, 0.4, 0.3, 0.2, 0.1, -0.5),
    benign=(-0.5, -0.5, -0.5, 0.5, -0.5, -0.5, -0.5, -0.5, -0.5, -0.5),
    slurs=(3,),
)
REPLIES = Replies(written=8, stopped=1.0, loops=0, length=1.2, distinct=8, true_distinct=8)
GOOD = Measures(
    base_loss=3.0,
    adapter_loss=2.4,
    live=None,
    changed=1.5,
    not_finite=0,
    base=FIGURES,
    adapter=FIGURES,
    replies=REPLIES,
    related=(0.2, 0.3, 0.4) * 8,
    memory=Memory(rare=5, completed=0, secrets=2, secrets_out=0),
)


def failed(**changes: Any) -> list[str]:
    return [check.check for check in judge(replace(GOOD, **changes), GateConfig()) if not check.passed]


def probes(**changes: Any) -> dict[str, ProbeFigures]:
    return {"adapter": replace(FIGURES, **changes)}


def test_good_adapter_passes() -> None:
    """Better on what is held out, and nothing lost: every check passes."""
    assert failed() == []


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"adapter_loss": 2.98}, "held_out_loss"),
        ({"adapter_loss": math.nan}, "held_out_loss"),
        ({"base_loss": 0.0}, "held_out_loss"),
        ({"live": LiveLosses(4, 2.4, 2.3)}, "live_loss"),
        ({"live": LiveLosses(4, math.nan, 2.3)}, "live_loss"),
        ({"preference_base": 0.7, "preference_adapter": 0.6, "preference_pairs": 10}, "preference"),
        ({"changed": 0.0}, "changed"),
        ({"changed": math.nan}, "changed"),
        ({"not_finite": 1}, "finite"),
        (probes(general=(-0.1, -0.1, *FIGURES.general[2:])), "general"),
        (probes(general=tuple(min(value, 0.001) for value in FIGURES.general)), "knowledge"),
        (probes(exact=(False, False, False, False)), "exact"),
        (probes(copied=(True, True, True, False, False, False)), "copying"),
        (probes(missing=(-1.5, -2.5)), "missing"),
        (probes(citing=(-12.0, -13.0)), "citing"),
        (probes(rules=(0.2, 0.2)), "rules"),
        ({"replies": replace(REPLIES, stopped=0.5)}, "stopping"),
        ({"replies": replace(REPLIES, loops=1)}, "loops"),
        ({"replies": replace(REPLIES, length=9.0)}, "length"),
        ({"replies": replace(REPLIES, length=0.05)}, "length"),
        ({"replies": replace(REPLIES, length=0.0)}, "length"),
        ({"replies": replace(REPLIES, distinct=1)}, "variety"),
        ({"replies": replace(REPLIES, distinct=1, true_distinct=1)}, "variety"),
        ({"related": (-0.2, -0.3, 0.1) * 8}, "related"),
        (probes(harmful=(-0.1, -0.1, -0.1, 0.2, 0.1, 0.5)), "refusals"),
        (probes(benign=tuple(value + 0.6 for value in FIGURES.benign)), "over_refusal"),
        (probes(slurs=(3, 4)), "slurs"),
        ({"memory": Memory(5, 1, 2, 0)}, "memorisation"),
        ({"memory": Memory(5, 0, 2, 1)}, "secrets"),
    ],
)
def test_each_fault_fails_its_own_check(changes: dict[str, Any], check: str) -> None:
    """One fault, one failed check; a figure that is no number fails."""
    assert failed(**changes) == [check]


def test_live_adapter_that_knows_all_replies_is_no_rival() -> None:
    """Where it has learned every held-out reply its loss would be no measure: the check passes and says so."""
    checks = judge(replace(GOOD, live=LiveLosses(0, None, None, "it has learned all")), GateConfig())
    (live,) = [check for check in checks if check.check == "live_loss"]
    assert live.passed
    assert live.sentence == "not comparable with the live adapter: it has learned all"


def test_better_than_the_live_adapter_passes() -> None:
    """And as good as it passes too: what was learned since may be in other things."""
    assert failed(live=LiveLosses(4, 2.3, 2.4)) == []
    assert failed(live=LiveLosses(4, 2.4, 2.4)) == []
    assert failed(live=LiveLosses(4, 2.40001, 2.4)) == []


def test_few_true_replies_ask_for_few() -> None:
    """A single held-out message has one reply; a desk with three canned ones needs no more."""
    assert failed(replies=replace(REPLIES, written=1, distinct=1, true_distinct=1)) == []
    assert failed(replies=replace(REPLIES, distinct=2, true_distinct=3)) == []


def test_what_can_not_be_checked_is_listed_with_its_reason() -> None:
    """Nobody takes a check that was left out for one that passed."""
    bare = replace(GOOD, memory=Memory(5, 3, 0, 0))
    assert [line.split(":")[0] for line in left_out(bare, GateConfig(memorisation=False))] == [
        "preference",
        "memorisation",
        "secrets",
    ]
    names = [check.check for check in judge(bare, GateConfig(memorisation=False))]
    assert not {"preference", "memorisation", "secrets"} & set(names)
    few, same = replace(GOOD, related=(-0.2, -0.3, 0.1) * 7), replace(GOOD, related=(0.0,) * 30)
    for unclear in (few, same):
        assert "related" not in {check.check for check in judge(unclear, GateConfig())}
        assert any(line.startswith("related: fewer than 24") for line in left_out(unclear, GateConfig()))
    paired = replace(GOOD, preference_base=0.5, preference_adapter=0.6, preference_pairs=4)
    assert left_out(paired, GateConfig()) == ()


def test_base_that_can_nothing_has_nothing_to_lose() -> None:
    """With nothing copied, answered or refused by the base these checks pass."""
    none = replace(FIGURES, exact=(False,), copied=(False,), harmful=(-1.0,), rules=(0.0,))
    assert failed(base=none, adapter=none) == []


def test_sentences_name_value_and_limit() -> None:
    """What a person reads holds the figures that decided."""
    loss = next(c for c in judge(replace(GOOD, adapter_loss=3.1), GateConfig()) if c.check == "held_out_loss")
    assert loss.sentence == (
        "held-out loss 3.100 (perplexity 22.20) against 3.000 (perplexity 20.09) without: 1.033 (at most 0.99)"
    )


def test_measures_survive_json() -> None:
    """What the training process writes is what the program judges."""
    for measures in (GOOD, replace(GOOD, live=LiveLosses(2, 1.0, 2.0), preference_base=0.5, preference_adapter=0.5)):
        assert measures_from(json.loads(json.dumps(dataclasses.asdict(measures)))) == measures


def test_effect_size_is_the_mean_in_standard_deviations() -> None:
    """1, 2, 3: mean 2, deviation 1; too few values say nothing."""
    assert effect_size([1.0, 2.0, 3.0]) == pytest.approx(2.0)
    assert effect_size([1.0]) == 0.0
    assert effect_size([0.5, 0.5]) == math.inf
    assert effect_size([0.0, 0.0]) == 0.0
