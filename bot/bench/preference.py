"""Does the adapter learn what a user prefers, and does asking where the model is least sure pay?

The user is simulated by a stated taste. "terse" corrects the model's greedy answers: a few words in lower case, no full
stop. "plain" chooses between two answers of the model, the greedy one and a sampled one: the one with the shorter words
on average. Answers are cut after a few tokens, which neither taste minds. Held-out requests measure. Two questions:
what imitation, then DPO or KTO, do to held-out preference accuracy; and, at equal labels, whether the requests with the
least sure greedy answers teach more than random ones. Each finished run is a line of a results file, so that a
measurement cut short goes on where it was.
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
from bot.bench.preference_figures import Run, figures
from bot.bench.rows import BenchRow
from memory.records import Message
from tuning.chat_format import render, stop_ids
from tuning.config import TuneConfig
from tuning.dataset import Example
from tuning.pairs import Pair, Preferences, Vote

Taste = Literal["terse", "plain"]
TASTES: tuple[Taste, ...] = ("terse", "plain")
PERSONA = "You are Familiar, a helpful personal assistant."
AT_ONCE = 10
TEMPERATURE = 1.0
TERSE_WORDS = 6
_DAY = "2026-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class Sizes:
    """How much of everything; what one run takes is a few minutes of one core with a model of 135M weights."""

    prompts: int = 80
    reply_tokens: int = 24
    held_out: int = 24
    """Judged pairs that are never trained on, the same in all runs of a taste."""
    examples: int = 12
    """Of imitation."""
    pairs: int = 16
    """Of DPO after it, and votes of KTO."""
    labels: int = 16
    """Pairs that are labelled where choices are compared."""
    pool: int = 48
    """Of how many."""


@dataclass(frozen=True)
class _Setting:
    base: Path
    config: TuneConfig
    sizes: Sizes

    def with_seed(self, seed: int) -> _Setting:
        return replace(self, config=replace(self.config, seed=seed))


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


def bench_preference(
    base: Path, results: Path, config: TuneConfig, *, minutes: float, seeds: int, sizes: Sizes | None = None
) -> list[BenchRow]:
    """Run what the results file does not hold yet, for about so many minutes, and give all figures that it holds.

    :param base: folder of the model
    """
    ends = time.monotonic() + 60 * minutes
    sizes = sizes or Sizes()
    setting = _Setting(base, replace(config, preference_min_pairs=sizes.labels), sizes)
    for run in _missing(setting, results, seeds=seeds, ends=ends):
        _append(results, {"run": asdict(run)})
        if time.monotonic() > ends:
            break
    return figures(read_runs(results))


def _missing(setting: _Setting, results: Path, *, seeds: int, ends: float) -> Iterator[Run]:
    """All runs that the results file does not hold, seed by seed, so that a short measurement has some of each."""
    drawn = _drawn(setting, results, ends=ends)
    if len(drawn) < setting.sizes.prompts or time.monotonic() > ends:
        return
    for seed in range(seeds):
        for work, taste in _WORKS:
            done = frozenset(run.name for run in read_runs(results))
            yield from work(setting.with_seed(seed), pairs_of(drawn, taste), taste, done)


def prefers(one: str, other: str) -> bool | None:
    """Whether the user of plain words likes the one better; None: cannot say."""
    lengths = [_word_length(text) for text in (one, other)]
    return None if lengths[0] == lengths[1] else lengths[0] < lengths[1]


def _word_length(text: str) -> float:
    words = re.findall(r"[^\W\d_]+", text)
    return sum(map(len, words)) / len(words) if words else float("inf")


def terse(text: str) -> str:
    """What the terse user would have had the model say."""
    return " ".join(re.findall(r"[\w'’-]+", text)[:TERSE_WORDS]).lower()


def pairs_of(drawn: Sequence[Drawn], taste: Taste) -> list[tuple[Pair, float]]:
    """What the simulated user decides, with the model's doubt."""
    pairs = []
    for place, item in enumerate(drawn):
        better = True if taste == "terse" else prefers(item.first, item.second)
        if better is None or not (item.first and item.second):
            continue
        texts = (terse(item.first), item.first) if taste == "terse" else (item.first, item.second)
        chosen, rejected = texts if better else texts[::-1]
        prompt = (Message("system", PERSONA), Message("user", item.prompt))
        pairs.append((Pair(f"choice:{place}", "choice", prompt, chosen, rejected, _DAY, _DAY, "c", ()), item.doubt))
    return pairs


def _stages(
    setting: _Setting, judged: Sequence[tuple[Pair, float]], taste: Taste, done: frozenset[str]
) -> Iterator[Run]:
    """Imitation of what was preferred, then DPO on other pairs, or KTO on as many votes, from the same start."""
    config, sizes = setting.config, setting.sizes
    test, rest = _held_out(judged, sizes.held_out)
    mixed = random.Random(config.seed).sample([pair for pair, _ in rest], len(rest))
    shown, learned = mixed[: sizes.examples], mixed[sizes.examples : sizes.examples + sizes.pairs]
    votes = tuple(
        Vote(pair.id, pair.prompt, pair.chosen if place % 2 else pair.rejected, bool(place % 2), _DAY, _DAY, "c", ())
        for place, pair in enumerate(learned)
    )
    names = {method: f"stages {taste} {method} seed {config.seed}" for method in ("base", "sft", "dpo", "kto")}
    if names["dpo"] not in done:
        trial = _Trial(setting.base, config, test)
        yield trial.run(names["base"], base=True)
        trial.imitate(shown)
        yield trial.run(names["sft"])
        trial.prefer(Preferences(tuple(learned)))
        yield trial.run(names["dpo"])
    if names["kto"] not in done:
        trial = _Trial(setting.base, config, test)
        trial.imitate(shown)
        trial.prefer(Preferences(votes=votes))
        yield trial.run(names["kto"])


def _choices(
    setting: _Setting, judged: Sequence[tuple[Pair, float]], taste: Taste, done: frozenset[str]
) -> Iterator[Run]:
    """DPO on equally many pairs of one pool: the least sure ones, or any."""
    config, sizes = setting.config, setting.sizes
    test, rest = _held_out(judged, sizes.held_out)
    shuffled = random.Random(1000 + config.seed).sample(list(rest), len(rest))[: sizes.pool]
    least_sure = sorted(shuffled, key=lambda item: -item[1])[: sizes.labels]
    for arm, chosen in (("active", least_sure), ("random", shuffled[: sizes.labels])):
        name = f"choice {taste} {arm} seed {config.seed}"
        if name not in done:
            trial = _Trial(setting.base, config, test)
            trial.prefer(Preferences(tuple(pair for pair, _ in chosen)))
            yield trial.run(name)


_Work = Callable[[_Setting, Sequence[tuple[Pair, float]], Taste, frozenset[str]], Iterator[Run]]
_WORKS: tuple[tuple[_Work, Taste], ...] = ((_stages, "terse"), (_choices, "plain"), (_stages, "plain"))


def _held_out(judged: Sequence[tuple[Pair, float]], count: int) -> tuple[list[Pair], list[tuple[Pair, float]]]:
    order = random.Random(0).sample(range(len(judged)), len(judged))
    test = set(order[:count])
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
        loaded = load(base, dtype=config.dtype)
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


def read_runs(results: Path) -> list[Run]:
    """The runs that a results file holds."""
    rows = [row["run"] for row in _rows(results) if "run" in row]
    return [Run(row["name"], tuple(row["likelier"]), tuple(row["rewarded"]), row["seconds"]) for row in rows]


def _drawn(setting: _Setting, results: Path, *, ends: float) -> list[Drawn]:
    """The answers to all requests, sampled where the results file does not hold them."""
    held = [Drawn(**row["drawn"]) for row in _rows(results) if "drawn" in row]
    known = {item.prompt for item in held}
    missing = [prompt for prompt in made_prompts(setting.sizes.prompts) if prompt not in known]
    if not missing:
        return held
    from tuning.train import load

    loaded = load(setting.base, dtype="auto")
    for start in range(0, len(missing), AT_ONCE):
        part = missing[start : start + AT_ONCE]
        for item in sample(loaded.model, loaded.tokenizer, part, limit=setting.sizes.reply_tokens, seed=len(held)):
            _append(results, {"drawn": asdict(item)})
            held.append(item)
        if time.monotonic() > ends:
            break
    return held


def sample(model: Any, tokenizer: Any, prompts: Sequence[str], *, limit: int, seed: int) -> list[Drawn]:
    """A greedy and a sampled answer to each request, in one batch each."""
    encoded = [render(tokenizer, (Message("system", PERSONA), Message("user", prompt))) for prompt in prompts]
    greedy = _generate(model, tokenizer, encoded, limit=limit)
    other = _generate(model, tokenizer, encoded, limit=limit, temperature=TEMPERATURE, seed=seed)
    return [
        Drawn(prompt, one, two, doubt) for prompt, (one, doubt), (two, _) in zip(prompts, greedy, other, strict=True)
    ]


def _generate(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[int]], *, limit: int, temperature: float = 0.0, seed: int = 0
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
            max_new_tokens=limit,
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
