"""A reply's weight multiplies its own tokens' loss, in a pass of its own and in a shared one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memory.records import Message
from tests.tuning.examples import example
from tests.tuning.tiny import tiny_base
from tuning.chat_format import EncodedExample
from tuning.measure import labelled_loss
from tuning.train import load
from tuning.windows import Windowing


def test_replies_of_one_pass_keep_their_weights(tmp_path: Path) -> None:
    """Two replies share a window; the loss is the sum of each alone, the second one's halved."""
    loaded = load(tiny_base(tmp_path / "base").folder)
    first = replace(example(1, "yes indeed", asked="one?"), weight=1.0)
    prompt = (*first.prompt, Message("assistant", first.reply), Message("user", "two?"))
    second = replace(example(2, "no"), prompt=prompt, weight=0.5)
    windowing = Windowing(loaded.tokenizer, max_tokens=256, max_prompt_tokens=128)
    (window,) = windowing.windows([first, second]).windows
    assert window.weights is not None
    assert sorted(set(window.weights)) == [0.5, 1.0]
    together = float(labelled_loss(loaded.model, window.encoded, weights=window.weights))
    (one,) = windowing.windows([first]).windows
    alone = float(labelled_loss(loaded.model, one.encoded))
    length = len(one.encoded.input_ids)
    later = EncodedExample(window.encoded.input_ids, (-100,) * length + window.encoded.labels[length:])
    rest = float(labelled_loss(loaded.model, later))
    assert together == pytest.approx(alone + 0.5 * rest, rel=1e-5)


def test_whole_weights_cost_nothing(tmp_path: Path) -> None:
    """Where all count alike there is no list of ones."""
    loaded = load(tiny_base(tmp_path / "base").folder)
    (window,) = Windowing(loaded.tokenizer, max_tokens=256, max_prompt_tokens=128).windows([example(1)]).windows
    assert window.weights is None
