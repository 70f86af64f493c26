"""A likelihood that reuses a common beginning is the likelihood without that."""

from __future__ import annotations

from pathlib import Path

import pytest

from memory.records import Message
from tests.tuning.tiny import PERSONA, tiny_base
from tuning.chat_format import EncodedExample, encode_example, render, stop_ids
from tuning.likelihood import Sequences, shared_beginning
from tuning.measure import generate, labelled_loss
from tuning.train import load


def test_shared_beginnings_change_no_figure(tmp_path: Path) -> None:
    """Other last messages, other lengths, a prompt that begins another, the same one twice, nothing in common."""
    loaded = load(tiny_base(tmp_path / "base").folder)

    def encoded(system: str, question: str, reply: str) -> EncodedExample:
        prompt = [Message("system", system), Message("user", question)]
        found = encode_example(loaded.tokenizer, prompt, reply, max_tokens=4096)
        assert found is not None
        return found

    texts = [
        (PERSONA, "how are you?", "fine"),
        (PERSONA, "how are you? and where?", "here, and you?"),
        (PERSONA, "how", "no"),
        (PERSONA, "how", "no"),
        ("Zzz.", "how", "yes, quite so"),
    ]
    sequences = Sequences(loaded.model)
    for text in texts:
        example = encoded(*text)
        alone = float(labelled_loss(loaded.model, example))
        assert sequences.loss(example) == pytest.approx(alone, rel=1e-5)


def test_written_replies_are_those_of_generate(tmp_path: Path) -> None:
    """Token by token, after a judged reply to the same prompt, and after another prompt."""
    loaded = load(tiny_base(tmp_path / "base").folder)
    sequences = Sequences(loaded.model)
    ends = stop_ids(loaded.tokenizer, loaded.model.generation_config)
    for question in ("how are you?", "how far", "no"):
        prompt = [Message("system", PERSONA), Message("user", question)]
        judged = encode_example(loaded.tokenizer, prompt, "fine", max_tokens=4096)
        assert judged is not None
        sequences.loss(judged)
        [(wanted, _)] = generate(loaded.model, loaded.tokenizer, [prompt], limit=12, ends=ends)
        written = sequences.write(render(loaded.tokenizer, prompt), limit=12, ends=ends)
        assert loaded.tokenizer.decode(written, skip_special_tokens=True).strip() == wanted
        assert len(written) <= 12


def test_shared_beginning_by_hand() -> None:
    """Up to the first difference, or the shorter of the two."""
    assert shared_beginning((1, 2, 3), (1, 2, 4, 5)) == 2
    assert shared_beginning((1, 2), (1, 2, 3)) == 2
    assert shared_beginning((), (1,)) == 0
