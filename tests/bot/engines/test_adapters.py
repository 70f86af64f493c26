"""Adapters on a model: exact bases, merged copies, and how many are held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.engines.adapters import Adapters
from bot.engines.base import AdapterFiles
from tests.bot.engines.small_models import random_adapter, random_model


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Sequence[AdapterFiles]]:
    """A model folder and three adapters of it."""
    folder = tmp_path_factory.mktemp("model")
    model = random_model(folder / "base")
    return model, [
        AdapterFiles(f"{seed}", random_adapter(folder / f"{seed}", model, seed=seed, rank=8)) for seed in range(3)
    ]


@pytest.fixture
def model(files: tuple[Path, Sequence[AdapterFiles]]) -> Iterator[Any]:
    """The model, freshly loaded, for inference."""
    import torch
    from transformers import AutoModelForCausalLM

    with torch.inference_mode():
        yield AutoModelForCausalLM.from_pretrained(files[0]).eval()


def logits(model: Any) -> Any:
    """What the model makes of some tokens."""
    import torch

    return model(torch.arange(1, 40)[None]).logits


@pytest.mark.parametrize("merged", [False, True])
def test_the_base_is_bit_for_bit_itself_again(
    model: Any, files: tuple[Path, Sequence[AdapterFiles]], merged: bool
) -> None:
    """After any adapters, also where an error came in between."""
    import torch

    own = logits(model)
    adapters = Adapters(model, merged=merged)
    for adapter in (*files[1], files[1][0]):
        with adapters.active(adapter):
            assert not torch.allclose(logits(model), own, atol=0.1)
    with pytest.raises(ZeroDivisionError), adapters.active(files[1][1]):
        raise ZeroDivisionError
    with adapters.active(None):
        assert torch.equal(logits(model), own)


def test_merged_copies_compute_what_the_layers_do(model: Any, files: tuple[Path, Sequence[AdapterFiles]]) -> None:
    """But for rounding, and again when another was used in between."""
    import torch

    beside, merged = Adapters(model), Adapters(model, merged=True)
    for adapter in (files[1][0], files[1][1], files[1][0]):
        with beside.active(adapter):
            wanted = logits(model)
        with merged.active(adapter):
            assert torch.allclose(logits(model), wanted, atol=1e-3)


def test_adapters_are_held_up_to_a_limit_of_memory(
    model: Any, files: tuple[Path, Sequence[AdapterFiles]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one used longest ago makes room, the one in use never does, and a held one is not read again."""
    read: list[str] = []
    own = Adapters._read

    def note(self: Adapters, adapter: AdapterFiles) -> Any:
        read.append(adapter.id)
        return own(self, adapter)

    monkeypatch.setattr(Adapters, "_read", note)
    one, two, three = files[1]
    size = sum(parameter.nbytes for parameter in model.parameters())
    adapters = Adapters(model, held_mb=1)  # these are far smaller
    for adapter in (one, two, three, one):
        with adapters.active(adapter):
            pass
    assert (read, adapters.held) == (["0", "1", "2"], ("1", "2", "0"))
    monkeypatch.setattr("bot.engines.adapters.SHARE_OF_BASE", 1 / size)
    none = Adapters(model)
    for adapter in (one, two):
        with none.active(adapter):
            pass
    assert none.held == ("1",)


def test_a_limit_that_is_set_holds(model: Any) -> None:
    """It is megabytes; 0 is a fifth of the base."""
    size = sum(parameter.nbytes for parameter in model.parameters())
    assert (Adapters(model, held_mb=3)._limit, Adapters(model)._limit) == (3 * 2**20, size // 5)
