"""The local engine against transformers' own generate, and later turns against the first.

Runs alternate and the best of each counts, so that other work on the machine weighs on neither side more. Each round
has its own first words, so that no round is helped by what an earlier one cached.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bot.bench.made_prompts import STORY, long_message
from bot.bench.rows import BenchRow
from bot.engines.base import AdapterFiles, Generated, Generation
from bot.engines.local import open_local
from bot.engines.token_engine import TokenEngine
from bot.engines.weights import LocalOptions, Weights, load_tokenizer, load_weights
from memory.records import Message
from tuning.chat_format import render
from tuning.precision import DType

_WARM_UP = Message("user", "warm up")


def bench_reply(
    folder: Path, *, rounds: int = 5, tokens: int = 48, prompt: int = 1000, dtype: DType = "auto"
) -> tuple[BenchRow, ...]:
    """Tokens a second of the engine over greedy `generate` with the same weights, prompt and number of tokens.

    :param prompt: tokens of the prompt that is timed; its question comes after most of them, as in a turn
    :raises FamiliarError: the model folder is missing or damaged
    """
    engine = open_local(folder, model=folder.name, dtype=dtype)
    tokenizer = load_tokenizer(folder)
    bare = load_weights(folder, tokenizer, LocalOptions(dtype=dtype))
    ours, theirs = _Times(), _Times()
    # The first round loads and warms up both sides, and is not counted.
    for number in range(rounds + 1):
        short = (Message("system", f"Story {number}."), STORY)
        long = (long_message(engine.count_tokens, number, prompt), STORY)
        reply, first = ask(engine, short, tokens), ask(engine, long, 1)
        _, token_s = _generate(bare, render(tokenizer, short), reply.reply_tokens)
        prompt_s, _ = _generate(bare, render(tokenizer, long), 1)
        if number:
            ours.add((reply.total_s - reply.first_token_s) / max(1, reply.reply_tokens - 1), first.first_token_s)
            theirs.add(token_s, prompt_s)
    engine.close()
    return (
        BenchRow("reply: decoding over transformers generate", theirs.token_s / ours.token_s, 0.95, "x"),
        BenchRow("reply: reading a prompt over transformers generate", theirs.prompt_s / ours.prompt_s, 0.95, "x"),
        BenchRow("reply: tokens/s", 1 / ours.token_s, None, "tokens/s"),
        BenchRow("reply: prompt tokens/s", first.prompt_tokens / ours.prompt_s, None, "tokens/s"),
    )


class _Times:
    """The best of several runs."""

    def __init__(self) -> None:
        self.token_s = self.prompt_s = float("inf")

    def add(self, token_s: float, prompt_s: float) -> None:
        self.token_s, self.prompt_s = min(self.token_s, token_s), min(self.prompt_s, prompt_s)


def bench_prefix(folder: Path, *, rounds: int = 3, stable: int = 1000, dtype: DType = "auto") -> tuple[BenchRow, ...]:
    """Time to the first token of a later turn over that of the first, after ``stable`` tokens that don't change.

    :raises FamiliarError: the model folder is missing or damaged
    """

    def opened(saved: Path) -> TokenEngine:
        options = LocalOptions(dtype=dtype, saved=saved, base=folder.name)
        return open_local(folder, model=folder.name, options=options)

    return bench_later_turns(opened, limit=0.25, name="prefix", rounds=rounds, stable=stable)


def bench_later_turns(
    opened: Callable[[Path], TokenEngine], *, limit: float, name: str, rounds: int, stable: int
) -> tuple[BenchRow, ...]:
    """The same of any engine.

    :param opened: makes it, keeping beginnings in a folder
    :param limit: for the later turn's share of the first
    """
    with tempfile.TemporaryDirectory(prefix="familiar-bench-") as saved:
        engine = opened(Path(saved))
        ask(engine, (_WARM_UP,), 2)
        first_s, second_s, later = [], [], []
        for number in range(rounds):
            first = (long_message(engine.count_tokens, number, stable), Message("user", "Where is the boat?"))
            one = ask(engine, first, 8, asked_by=number)
            second = (*first, Message("assistant", one.text or "Yes."), Message("user", "And the cabin?"))
            first_s.append(one.first_token_s)
            second_s.append(ask(engine, second, 8, asked_by=number).first_token_s)
            later.append(second)
        engine.close()
        engine = opened(Path(saved))
        ask(engine, (_WARM_UP,), 2)
        restarted_s = [ask(engine, turn, 1, asked_by=user).first_token_s for user, turn in enumerate(later)]
        engine.close()
    cold = min(first_s)
    return (
        BenchRow(f"{name}: second first token over first", min(second_s) / cold, limit, "x", "at most"),
        BenchRow(f"{name}: first token after a restart over first", min(restarted_s) / cold, 0.4, "x", "at most"),
        BenchRow(f"{name}: first turn's first token", cold, None, "s"),
        BenchRow(f"{name}: second turn's first token", min(second_s), None, "s"),
        BenchRow(f"{name}: first token after a restart", min(restarted_s), None, "s"),
    )


def ask(
    engine: TokenEngine,
    messages: Sequence[Message],
    tokens: int,
    *,
    adapter: AdapterFiles | None = None,
    asked_by: int | None = None,
) -> Generated:
    """A reply of at most so many tokens."""
    request = Generation(tuple(messages), max_tokens=tokens, adapter=adapter, asked_by=asked_by)
    return engine.generate(request, on_text=_drop)


def _generate(weights: Weights, prompt: Sequence[int], tokens: int) -> tuple[float, float]:
    """Seconds to the first of so many tokens of transformers' own greedy loop, and of each one after it."""
    import torch

    times = []

    def note(_ids: Any, scores: Any) -> Any:
        times.append(time.perf_counter())
        return scores

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
            logits_processor=[note],
        )
    return times[0] - began, (times[-1] - times[0]) / max(1, tokens - 1)


def _drop(_piece: str) -> None:
    pass
