"""Serving and training hold the base in the same number format."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.engines.weights import LocalOptions, load_weights
from memory.errors import UsageError
from tests.tuning.tiny import tiny_base
from tuning.config import TuneConfig
from tuning.precision import training_dtype
from tuning.train import load


@pytest.mark.parametrize(("multiplies", "expected"), [(True, "torch.bfloat16"), (False, "torch.float32")])
def test_a_tune_trains_beside_the_weights_that_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, multiplies: bool, expected: str
) -> None:
    """With both settings on "auto" the same model is in memory, in what the processor multiplies best."""
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"amx_bf16": multiplies})
    base = tiny_base(tmp_path / "base")
    trained = load(base.folder, dtype=TuneConfig().dtype)
    served = load_weights(base.folder, trained.tokenizer, LocalOptions())
    assert str(trained.model.dtype) == str(served.model.dtype) == expected


def test_format_that_was_asked_for_is_used(tmp_path: Path) -> None:
    """Whatever would be fastest."""
    base = tiny_base(tmp_path / "base")
    assert [str(load(base.folder, dtype=name).model.dtype) for name in ("float32", "bfloat16")] == [
        "torch.float32",
        "torch.bfloat16",
    ]


def test_float16_is_no_format_to_train_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU without bfloat16 trains in float32: gradients in float16 would vanish."""
    monkeypatch.setattr("tuning.precision.best_dtype", lambda _: "float16")
    assert training_dtype("cuda") == "float32"
    assert training_dtype("cuda", "bfloat16") == "bfloat16"


def test_unknown_format_is_an_error_of_the_setting() -> None:
    """It says what would be right."""
    with pytest.raises(UsageError, match=r"\[tuning\] dtype is 'int8'; it must be"):
        TuneConfig(dtype="int8")
