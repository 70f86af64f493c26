"""The local engine against transformers' own generate, and a second turn against the first.

Runs alternate and the best of each counts, so that other work on the machine weighs on neither side more. Each round
has its own first words, so that no round is helped by what an earlier one cached.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bot.bench.rows import BenchRow
from bot.engines.base import Generated, Generation
from bot.engines.local import LocalEngine
from bot.engines.weights import Weights, load_tokenizer, load_weights
from memory.records import Message
from tuning.chat_format import render
from tuning.precision import DType

_STORY = Message("user", "Write a very long story about a lighthouse, with as many people and places as you can.")
_SENTENCE = "The cabin stands by the lake, and the boat is kept in the shed behind it. "


def bench_reply(folder: Path, *, rounds: int = 5, tokens: int = 48, dtype: DType = "auto") -> tuple[BenchRow, ...]:
    """Tokens a second of the engine over greedy `generate` with the same weights, prompt and number of tokens.

    :raises FamiliarError: the model folder is missing or damaged
    """
    engine = LocalEngine(folder, model=folder.name, dtype=dtype)
    tokenizer = load_tokenizer(folder)
    bare = load_weights(folder, tokenizer, dtype=dtype, threads=0)
    ours, theirs = [], []
    # The first round loads and warms up both sides, and is not counted.
    for number in range(rounds + 1):
        messages = (Message("system", f"Story {number}."), _STORY)
        reply = _reply(engine, messages, tokens)
        ours.append(reply.reply_tokens / reply.total_s)
        theirs.append(reply.reply_tokens / _generate_s(bare, render(tokenizer, messages), reply.reply_tokens))
    engine.close()
    best = max(ours[1:])
    return (
        BenchRow("reply: tokens/s over transformers generate", best / max(theirs[1:]), 0.9, "x"),
        BenchRow("reply: tokens/s", best, None, "tokens/s"),
    )


def bench_prefix(folder: Path, *, rounds: int = 3, stable: int = 1000, dtype: DType = "auto") -> tuple[BenchRow, ...]:
    """Time to the first token of a second turn over that of the first, after ``stable`` tokens that don't change.

    :raises FamiliarError: the model folder is missing or damaged
    """
    engine = LocalEngine(folder, model=folder.name, dtype=dtype)
    _reply(engine, (Message("user", "warm up"),), 2)
    first_s, second_s = [], []
    for number in range(rounds):
        first = (_stable_message(engine, number, stable), Message("user", "Where is the boat?"))
        one = _reply(engine, first, 8)
        second = (*first, Message("assistant", one.text or "Yes."), Message("user", "And the cabin?"))
        two = _reply(engine, second, 8)
        first_s.append(one.first_token_s)
        second_s.append(two.first_token_s)
    engine.close()
    return (
        BenchRow("prefix: second first token over first", min(second_s) / min(first_s), 0.35, "x", "at most"),
        BenchRow("prefix: first turn's first token", min(first_s), None, "s"),
        BenchRow("prefix: second turn's first token", min(second_s), None, "s"),
    )


def _stable_message(engine: LocalEngine, number: int, tokens: int) -> Message:
    """A system message that renders to ``tokens`` tokens, or just above, and differs from its first word on."""
    text = f"{number} is the number of this round. "
    while engine.count_tokens([Message("system", text)]) < tokens:
        text += _SENTENCE
    return Message("system", text)


def _reply(engine: LocalEngine, messages: Sequence[Message], tokens: int) -> Generated:
    return engine.generate(Generation(tuple(messages), max_tokens=tokens), on_text=_drop)


def _generate_s(weights: Weights, prompt: Sequence[int], tokens: int) -> float:
    """Seconds that transformers' own greedy loop takes for so many tokens, prompt included."""
    import torch

    ids = torch.tensor([list(prompt)], device=weights.model.device)
    began = time.perf_counter()
    with torch.inference_mode():
        weights.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            min_new_tokens=tokens,
            max_new_tokens=tokens,
            do_sample=False,
            pad_token_id=min(weights.stops),
        )
    return time.perf_counter() - began


def _drop(_piece: str) -> None:
    pass
