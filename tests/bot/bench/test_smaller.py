"""Variants of a model, on ones small enough for a test: what they measure, not how fast this machine is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.bench.reordered import reorder
from bot.bench.smaller import VARIANTS, Skipped, bench_smaller, measure, verdict
from bot.bench.smaller_replies import Figures, GivenReply, Smaller, Speeds, write_replies
from bot.bench.smaller_torch import load_model, open_torch
from memory.errors import FamiliarError, UsageError
from memory.records import Message
from tests.bot.engines.small_models import chain_model, random_model


def _task(folder: Path, work: Path) -> Smaller:
    return Smaller(folder, work, prompts=2, longest=12, prompt=160, tokens=4, rounds=1)


@pytest.fixture(scope="module")
def random_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose every weight counts."""
    return random_model(tmp_path_factory.mktemp("random"))


@pytest.fixture(scope="module")
def given(random_folder: Path) -> tuple[GivenReply, ...]:
    """What the float32 model makes of replies that it might have written."""
    model = open_torch("float32", _task(random_folder, random_folder))
    messages = (Message("user", "Where is the boat?"),)
    texts = ("In the shed behind the cabin, and the key hangs by the door.", "By the lake: 42 steps east of the pier.")
    return tuple(GivenReply(messages, text, model.scores(messages, text)) for text in texts)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("float32", 1.0, 1.0),
        ("bfloat16", 0.9, 1.0),
        ("int8", 0.8, 1.0),
        ("static", 0.9, 1.0),
        ("pruned-10", 0.0, 0.7),
        ("pruned-block-25", 0.0, 0.7),
        ("gguf-f16", 0.97, 1.0),
        ("gguf-q8_0", 0.9, 1.0),
        ("gguf-q4_0", 0.3, 0.95),
    ],
)
def test_a_variant_is_measured(
    name: str, least: float, most: float, random_folder: Path, given: tuple[GivenReply, ...], tmp_path: Path
) -> None:
    """What it loses is small where little was taken, and seen where much was."""
    found = measure(name, _task(random_folder, tmp_path), given)
    assert isinstance(found, Figures), found
    assert least <= found.same <= most
    assert found.places == sum(len(reply.scores.likeliest) for reply in given)
    assert (found.nats_lost > 0.3) == (most < 0.9), found
    assert min(found.speeds.prefill, found.speeds.decode, found.megabytes) > 0


def test_fewer_bits_and_fewer_layers_are_smaller(
    random_folder: Path, given: tuple[GivenReply, ...], tmp_path: Path
) -> None:
    """What two layers share counts once, packed weights as they are packed."""
    sizes = {}
    for name in ("float32", "bfloat16", "int8", "gguf-q8_0", "gguf-q4_0"):
        found = measure(name, _task(random_folder, tmp_path), given[:1])
        assert isinstance(found, Figures)
        sizes[name] = found.megabytes
    assert sizes["bfloat16"] == pytest.approx(sizes["float32"] / 2, rel=0.02)
    assert sizes["int8"] < sizes["float32"] / 2
    assert sizes["gguf-q4_0"] < sizes["gguf-q8_0"]


def test_rows_for_each_variant_and_a_reason_for_each_that_cannot_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replies are the float32 model's own; a missing package or compiler is told, and the others go on."""
    folder = chain_model(tmp_path / "model", "By it.")
    monkeypatch.setitem(sys.modules, "openvino_genai", None)
    monkeypatch.setenv("CXX", "no-such-compiler")
    told: list[str] = []
    names = ("float32", "compile", "openvino", "gguf-served", "gguf-q8_0", "pruned-10")
    rows = list(bench_smaller(_task(folder, tmp_path), names, note=told.append, run=_here))
    assert [line.partition(": not measured: ")[0] for line in told] == [VARIANTS[name] for name in names[1:4]]
    assert "no no-such-compiler here" in told[0]
    assert "openvino-genai" in told[1]
    assert [row.unit for row in rows[:5]] == ["MB", "tokens/s", "tokens/s", "share", "nats/token"]
    assert len(rows) == 3 * 5 + 1
    assert rows[-1].name == "smaller: agreement with 8 bits over that with 10 % pruned"
    assert rows[-1].passed


def test_a_name_that_is_no_variant_is_refused(tmp_path: Path) -> None:
    """Before anything is loaded."""
    with pytest.raises(UsageError, match="'q4' is no variant; there are float32, bfloat16"):
        list(bench_smaller(_task(tmp_path, tmp_path), ("q4",), note=print, run=_here))


def test_a_model_that_never_ends_is_refused(tmp_path: Path) -> None:
    """Nothing could be compared."""
    folder = chain_model(tmp_path / "model", "nan")
    with pytest.raises(FamiliarError, match="ends none of its replies within 3 tokens"):
        write_replies(replace(_task(folder, tmp_path), longest=3))


def test_what_a_library_raises_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The edge of a process: a kernel may fail as it likes."""

    def fail(*_: Any) -> None:
        raise RuntimeError("no such kernel\nlong trace")

    monkeypatch.setattr("bot.bench.smaller.open_variant", fail)
    assert measure("float32", _task(tmp_path, tmp_path), ()) == Skipped("RuntimeError: no such kernel")


def test_a_model_in_another_order_computes_the_same(random_folder: Path) -> None:
    """Though all its matrices have changed."""
    import torch

    model = load_model(random_folder, "float32")
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.no_grad():
        before, weights = model(ids).logits, [value.clone() for value in model.parameters() if value.dim() == 2]
        reorder(model)
        after = model(ids).logits
    assert torch.allclose(before, after, atol=1e-4)
    changed = [value for value in model.parameters() if value.dim() == 2]
    same = [torch.equal(one, other) for one, other in zip(weights, changed, strict=True)]
    assert not any(same)


def test_quantising_is_held_against_the_better_pruning() -> None:
    """It misses its limit where that agrees more often."""

    def agreeing(share: float) -> Figures:
        return Figures(1.0, Speeds(1.0, 1.0, 1.0), share, 0.0, 100)

    found = {"gguf-q4_1": agreeing(0.8), "pruned-25": agreeing(0.4), "pruned-block-25": agreeing(0.5)}
    (row,) = verdict(found)
    assert row.value == pytest.approx(1.6)
    assert (row.limit, row.passed) == (1.0, True)
    (row,) = verdict(found | {"pruned-25": agreeing(0.9)})
    assert not row.passed


def _here(function: Callable[..., Any], *arguments: Any) -> Any:
    """In this process, since a new one imports for seconds."""
    return function(*arguments)
