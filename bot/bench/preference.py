"""Does the adapter learn what a user prefers, and does asking where the model is least sure pay?

The user is simulated by a stated taste: of two answers of the model to one request, one greedy and one sampled as in a
chat, the shorter is preferred (or the one with more list items), and equal ones are not judged. Held-out requests
measure. Two questions: what imitation, then DPO or KTO, do to held-out preference accuracy; and, at equal labels,
whether the requests with the least sure greedy answers teach more than random ones. Each finished run is a line of a
results file, so that a measurement cut short goes on where it was.
"""

from __future__ import annotations

import json
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from bot.bench.made_prompts import made_prompts
from bot.bench.rows import BenchRow
from memory.records import Message
from tuning.chat_format import render, stop_ids
from tuning.config import TuneConfig
from tuning.dataset import Example
from tuning.pairs import Pair, Preferences, Vote

Taste = Literal["short", "listed"]
TASTES: tuple[Taste, ...] = ("short", "listed")
PERSONA = "You are Familiar, a helpful personal assistant."
PROMPTS = 200
REPLY_TOKENS = 64
AT_ONCE = 10
TEMPERATURE = 1.0
HELD_OUT = 50
"""Judged pairs that are never trained on, the same in all runs of a taste."""
EXAMPLES, PAIRS, LABELS, POOL = 20, 40, 24, 72
"""Examples of imitation, pairs of DPO, pairs that are labelled in the comparison of choices, and of how many."""
_DRAWS = 2000
_DAY = "2026-01-01T00:00:00+00:00"
Quiet = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Drawn:
    """One request with two answers of the model."""

    prompt: str
    first: str
    """Greedy."""
    second: str
    """Sampled."""
    doubt: float
    """Mean negative log-likelihood per token of the greedy one, in nats."""


@dataclass(frozen=True)
class Run:
    """One trained adapter, and for each held-out pair whether it was met (1, 0, or one half for a tie)."""

    name: str
    likelier: tuple[float, ...]
    rewarded: tuple[float, ...]
    seconds: float


def bench_preference(base: Path, results: Path, config: TuneConfig, *, minutes: float, seeds: int) -> list[BenchRow]:
    """Run what the results file does not hold yet, for about so many minutes, and give all figures that it holds.

    :param base: folder of the model
    """
    ends = time.monotonic() + 60 * minutes
    drawn = _drawn(base, results)
    for taste in TASTES:
        for seed in range(seeds):
            for work in (_stages, _choices):
                done = {run.name for run in read_runs(results)}
                for run in work(base, pairs_of(drawn, taste), taste, replace(config, seed=seed), done):
                    _append(results, {"run": asdict(run)})
                    if time.monotonic() > ends:
                        return figures(read_runs(results))
    return figures(read_runs(results))


def prefers(taste: Taste, one: str, other: str) -> bool | None:
    """Whether the simulated user likes the one better; None: cannot say."""
    scores = [(-len(text.split()) if taste == "short" else _items(text)) for text in (one, other)]
    return None if scores[0] == scores[1] else scores[0] > scores[1]


def _items(text: str) -> int:
    return sum(bool(re.match(r"\s*(?:[-*•]|\d+[.)])\s", line)) for line in text.splitlines())


def pairs_of(drawn: Sequence[Drawn], taste: Taste) -> list[tuple[Pair, float]]:
    """What the simulated user decides, with the model's doubt."""
    pairs = []
    for place, item in enumerate(drawn):
        better = prefers(taste, item.first, item.second)
        if better is None or not (item.first and item.second):
            continue
        chosen, rejected = (item.first, item.second) if better else (item.second, item.first)
        prompt = (Message("system", PERSONA), Message("user", item.prompt))
        pairs.append((Pair(f"choice:{place}", "choice", prompt, chosen, rejected, _DAY, _DAY, "c", ()), item.doubt))
    return pairs


def _stages(
    base: Path, judged: Sequence[tuple[Pair, float]], taste: Taste, config: TuneConfig, done: set[str]
) -> Iterator[Run]:
    """Imitation of what was preferred, then DPO on other pairs, or KTO on as many votes, from the same start."""
    test, rest = _held_out(judged)
    mixed = random.Random(config.seed).sample([pair for pair, _ in rest], len(rest))
    shown, learned = mixed[:EXAMPLES], mixed[EXAMPLES : EXAMPLES + PAIRS]
    votes = tuple(
        Vote(pair.id, pair.prompt, pair.chosen if place % 2 else pair.rejected, bool(place % 2), _DAY, _DAY, "c", ())
        for place, pair in enumerate(learned)
    )
    names = {method: f"stages {taste} {method} seed {config.seed}" for method in ("base", "sft", "dpo", "kto")}
    if names["dpo"] not in done:
        trial = _Trial(base, config, test)
        yield trial.run(names["base"], base=True)
        trial.imitate(shown)
        yield trial.run(names["sft"])
        trial.prefer(Preferences(tuple(learned)))
        yield trial.run(names["dpo"])
    if names["kto"] not in done:
        trial = _Trial(base, config, test)
        trial.imitate(shown)
        trial.prefer(Preferences(votes=votes))
        yield trial.run(names["kto"])


def _choices(
    base: Path, judged: Sequence[tuple[Pair, float]], taste: Taste, config: TuneConfig, done: set[str]
) -> Iterator[Run]:
    """DPO on equally many pairs of one pool: the least sure ones, or any."""
    test, rest = _held_out(judged)
    shuffled = random.Random(1000 + config.seed).sample(list(rest), len(rest))[:POOL]
    least_sure = sorted(shuffled, key=lambda item: -item[1])[:LABELS]
    for arm, chosen in (("active", least_sure), ("random", shuffled[:LABELS])):
        name = f"choice {taste} {arm} seed {config.seed}"
        if name not in done:
            trial = _Trial(base, config, test)
            trial.prefer(Preferences(tuple(pair for pair, _ in chosen)))
            yield trial.run(name)


def _held_out(judged: Sequence[tuple[Pair, float]]) -> tuple[list[Pair], list[tuple[Pair, float]]]:
    order = random.Random(0).sample(range(len(judged)), len(judged))
    test = set(order[:HELD_OUT])
    return [judged[place][0] for place in sorted(test)], [
        item for place, item in enumerate(judged) if place not in test
    ]


class _Trial:
    """One adapter from its beginning."""

    def __init__(self, base: Path, config: TuneConfig, test: Sequence[Pair]) -> None:
        from tuning import preferring
        from tuning.train import attach, load

        self._began = time.perf_counter()
        self._config = config
        loaded = load(base)
        self._tokenizer = loaded.tokenizer
        self._model = attach(loaded.model, config)
        pairs, _ = preferring.encode(self._tokenizer, Preferences(tuple(test)), max_tokens=config.max_tokens)
        self._held = preferring.held_out(self._model, pairs, ())

    def imitate(self, shown: Sequence[Pair]) -> None:
        """The first stage, on the preferred answers as approved replies."""
        from tuning.train import fit
        from tuning.windows import Windowing

        windowing = Windowing(self._tokenizer, max_tokens=self._config.max_tokens, max_prompt_tokens=256)
        examples = [
            Example(pair.id, pair.prompt, pair.chosen, _DAY, _DAY, pair.id, turn_ids=(place,))
            for place, pair in enumerate(shown)
        ]
        self._model.train()
        fit(self._model, windowing.windows(examples).windows, self._config, _quiet)

    def prefer(self, train: Preferences) -> None:
        """The second stage."""
        from tuning import preferring

        with tempfile.TemporaryDirectory(prefix="familiar-bench-") as folder:
            parts = (train, Preferences())
            report = preferring.prefer(
                self._model, self._tokenizer, parts, self._config, folder=Path(folder), tell=_quiet
            )
        assert any(stage.items for stage in report.stages), [stage.skipped for stage in report.stages]

    def run(self, name: str, *, base: bool = False) -> Run:
        """What it makes of the held-out pairs."""
        from tuning import preferring

        self._model.eval()
        scores = self._held.base_pairs if base else preferring.score(self._model, self._held.pairs, ())[0]
        likelier, rewarded = preferring.outcomes(self._held, scores)
        return Run(name, tuple(likelier), tuple(rewarded), round(time.perf_counter() - self._began, 1))


def figures(runs: Sequence[Run]) -> list[BenchRow]:
    """Shares with 95 % intervals: pairs are drawn anew, all seeds of a pair together."""
    rows = []
    arms = dict.fromkeys(run.name.rpartition(" seed ")[0] for run in runs)
    for arm in arms:
        mine = [run for run in runs if run.name.rpartition(" seed ")[0] == arm]
        for what in ("likelier",) if arm.endswith(" base") else ("likelier", "rewarded"):
            means = _by_pair([getattr(run, what) for run in mine])
            low, high = interval(means)
            unit = f"of {len(means)} pairs, {len(mine)} seeds (95 %: {low:.3f} to {high:.3f})"
            rows.append(BenchRow(f"preference {arm}, {what}", sum(means) / len(means), None, unit))
    return [*rows, *_differences(runs)]


def _differences(runs: Sequence[Run]) -> Iterator[BenchRow]:
    """Active less random, over the seeds that both have."""
    held = {run.name: run for run in runs}
    for taste in TASTES:
        seeds = [
            seed
            for seed in range(1000)
            if all(f"choice {taste} {arm} seed {seed}" in held for arm in ("active", "random"))
        ]
        for what in ("likelier", "rewarded") if seeds else ():
            active, random_ = (
                _by_pair([getattr(held[f"choice {taste} {arm} seed {seed}"], what) for seed in seeds])
                for arm in ("active", "random")
            )
            gaps = [one - other for one, other in zip(active, random_, strict=True)]
            low, high = interval(gaps)
            unit = f"of {len(gaps)} pairs, {len(seeds)} seeds (95 %: {low:+.3f} to {high:+.3f})"
            yield BenchRow(f"preference choice {taste}, active less random, {what}", sum(gaps) / len(gaps), None, unit)


def _by_pair(runs: Sequence[Sequence[float]]) -> list[float]:
    return [sum(values) / len(values) for values in zip(*runs, strict=True)]


def interval(values: Sequence[float], *, seed: int = 0) -> tuple[float, float]:
    """The middle 95 % of the mean under drawing the values anew."""
    draw = random.Random(seed)
    means = sorted(sum(draw.choices(values, k=len(values))) / len(values) for _ in range(_DRAWS))
    return means[round(0.025 * _DRAWS)], means[round(0.975 * _DRAWS) - 1]


def read_runs(results: Path) -> list[Run]:
    """The runs that a results file holds."""
    rows = [row["run"] for row in _rows(results) if "run" in row]
    return [Run(row["name"], tuple(row["likelier"]), tuple(row["rewarded"]), row["seconds"]) for row in rows]


def _drawn(base: Path, results: Path) -> list[Drawn]:
    """The answers to all requests, sampled where the results file does not hold them."""
    held = [Drawn(**row["drawn"]) for row in _rows(results) if "drawn" in row]
    missing = made_prompts(PROMPTS)[len(held) :]
    if not missing:
        return held
    from tuning.train import load

    loaded = load(base)
    for start in range(0, len(missing), AT_ONCE):
        for item in sample(loaded.model, loaded.tokenizer, missing[start : start + AT_ONCE], seed=start):
            _append(results, {"drawn": asdict(item)})
            held.append(item)
    return held


def sample(model: Any, tokenizer: Any, prompts: Sequence[str], *, seed: int) -> list[Drawn]:
    """A greedy and a sampled answer to each request, in one batch each."""
    encoded = [render(tokenizer, (Message("system", PERSONA), Message("user", prompt))) for prompt in prompts]
    greedy = _generate(model, tokenizer, encoded, temperature=0.0, seed=seed)
    other = _generate(model, tokenizer, encoded, temperature=TEMPERATURE, seed=seed)
    return [
        Drawn(prompt, one, two, doubt) for prompt, (one, doubt), (two, _) in zip(prompts, greedy, other, strict=True)
    ]


def _generate(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], *, temperature: float, seed: int
) -> list[tuple[str, float]]:
    """Texts and the mean negative log-likelihoods of their tokens."""
    import torch

    torch.manual_seed(seed)
    ends = sorted(stop_ids(tokenizer, model.generation_config))
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[ends[0]] * (longest - len(prompt)) + list(prompt) for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    sampled = {"do_sample": True, "temperature": temperature, "top_k": 50} if temperature else {"do_sample": False}
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=REPLY_TOKENS,
            eos_token_id=ends,
            pad_token_id=ends[0],
            repetition_penalty=1.0,
            output_logits=True,
            return_dict_in_generate=True,
            **sampled,
        )
    made = []
    for row, written in enumerate(out.sequences[:, longest:].tolist()):
        end = next((at for at, token in enumerate(written) if token in ends), len(written))
        length = min(end + 1, len(written))
        losses = [-float(torch.log_softmax(out.logits[at][row].float(), -1)[written[at]]) for at in range(length)]
        text = tokenizer.decode(written[:end], skip_special_tokens=True).strip()
        made.append((text, sum(losses) / max(1, length)))
    return made


def _rows(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    # a line that a kill cut short is the last one, and is made again
    lines = results.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def _append(results: Path, row: dict[str, Any]) -> None:
    """Add a whole line; the rest of one that was cut short goes first."""
    with results.open("ab+") as file:
        file.seek(0)
        whole = file.read().rpartition(b"\n")
        file.truncate(len(whole[0]) + len(whole[1]))
        file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())


def _quiet(event: dict[str, Any]) -> None:
    del event
