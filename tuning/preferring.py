"""The stage after imitation: the adapter learns what the user preferred, from pairs by DPO and from votes by KTO.

TRL's trainers compute losses and steps; the token ids and masks are our own `encode_example`'s, handed in through the
collator, so that this stage sees exactly what serving and the first stage see (TRL would tokenise text again by
itself). The reference of both losses is the adapter as imitation left it, which TRL keeps as a second, frozen adapter.
TRL is an extra: without it, or with too little to learn from, the stage is left out with a sentence and the tune goes
on.
"""

from __future__ import annotations

import importlib.util
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from memory.errors import FamiliarError
from memory.records import Message
from tuning.chat_format import IGNORED, EncodedExample, encode_example
from tuning.config import TuneConfig
from tuning.measure import adapter_off, label_count, labelled_loss
from tuning.pairs import Pair, Preferences, Vote

Method = Literal["dpo", "kto"]
Report = Callable[[dict[str, Any]], None]

LEAST_OF_A_KIND = 5
"""Good and bad votes that KTO needs each: with one kind only, every reply gets likelier or none does."""
_WARM_UP = 0.1
"""Share of the steps over which the learning rate rises, as in the first stage."""
_VOTES_AT_ONCE = 4
"""Votes of one pass: KTO estimates its KL term from the mismatched replies within it, so it must be above 1."""


@dataclass(frozen=True)
class PairTokens:
    """Token ids of a prompt and of both replies, each with its end-of-turn."""

    prompt: tuple[int, ...]
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]

    def encoded(self) -> tuple[EncodedExample, EncodedExample]:
        """Both replies as labelled sequences."""
        return _labelled(self.prompt, self.chosen), _labelled(self.prompt, self.rejected)


@dataclass(frozen=True)
class VoteTokens:
    """Token ids of a prompt and of its reply with the end-of-turn."""

    prompt: tuple[int, ...]
    reply: tuple[int, ...]
    good: bool

    def encoded(self) -> EncodedExample:
        """The reply as a labelled sequence."""
        return _labelled(self.prompt, self.reply)


@dataclass(frozen=True)
class Stage:
    """What one method did."""

    method: Method
    items: int
    """Pairs or votes that it learned from; 0 where it was left out."""
    steps: int = 0
    seconds: float = 0.0
    loss: float | None = None
    """Of the last step."""
    skipped: str | None = None
    """Why it was left out."""


@dataclass(frozen=True)
class Accuracy:
    """How well held-out preferences are met after a stage; "base" is the model without an adapter."""

    after: Literal["base", "sft", "dpo", "kto"]
    pairs: int
    likelier: float | None
    """Share of held-out pairs whose chosen reply has the higher mean log-likelihood per token; ties count half. None
    where no pair is held out."""
    rewarded: float | None
    """Share of held-out pairs whose chosen reply gained more summed log-likelihood over the base than the rejected one
    (the implicit reward of DPO); None for the base itself."""
    votes: int
    ranked: float | None
    """Share of held-out (good, bad) votes in which the good reply gained more per token over the base; ties count
    half."""


@dataclass(frozen=True)
class PreferenceReport:
    """What the stage did and what it changed on held-out preferences."""

    stages: tuple[Stage, ...]
    accuracies: tuple[Accuracy, ...]
    """Of the base, after imitation, and after each method that ran; none where nothing is held out."""


def sentences(report: PreferenceReport) -> tuple[str, ...]:
    """What it did, for people: a line a method, and one for what held-out preferences say of it."""
    lines = [
        f"{stage.method.upper()} left out: {stage.skipped}"
        if stage.skipped
        else f"{stage.method.upper()}: learned from {stage.items} {'pairs' if stage.method == 'dpo' else 'votes'}"
        for stage in report.stages
    ]
    figures = [(item.after, item.likelier) for item in report.accuracies if item.likelier is not None]
    if figures:
        named = ", ".join(f"{_AFTER[after]} {share:.0%}" for after, share in figures)
        lines.append(f"the preferred of two replies is the likelier one in {report.accuracies[0].pairs} pairs: {named}")
    return tuple(lines)


_AFTER = {"base": "base", "sft": "after imitation", "dpo": "after DPO", "kto": "after KTO"}


@dataclass(frozen=True)
class HeldOut:
    """Held-out pairs and votes as tokens, with their log-likelihoods under the base."""

    pairs: tuple[PairTokens, ...]
    votes: tuple[VoteTokens, ...]
    base_pairs: tuple[tuple[float, float], ...]
    base_votes: tuple[float, ...]


def prefer(
    model: Any,
    tokenizer: Any,
    parts: tuple[Preferences, Preferences],
    config: TuneConfig,
    *,
    folder: Path,
    tell: Report,
) -> PreferenceReport:
    """Train the adapter of a PEFT model in place on what was preferred, and measure before and after each method.

    :param parts: what to train on and what is held out
    :param folder: a folder in which TRL may write
    :raises FamiliarError: the loss is not a number
    """
    pairs, votes = encode(tokenizer, parts[0], max_tokens=config.max_tokens)
    held = held_out(model, *encode(tokenizer, parts[1], max_tokens=config.max_tokens))
    measured = [accuracy(model, held, after="base"), accuracy(model, held, after="sft")]
    stages: list[Stage] = []
    plan: tuple[tuple[Method, str | None], ...] = (("dpo", skip_dpo(pairs, config)), ("kto", skip_kto(votes, config)))
    for method, missing in plan:
        reason = missing or _unfit(model)
        if reason is not None:
            stages.append(Stage(method, 0, skipped=reason))
            continue
        run = _Run(model, tokenizer, config, folder, tell)
        stages.append(run.dpo(pairs) if method == "dpo" else run.kto(votes))
        measured.append(accuracy(model, held, after=stages[-1].method))
    return PreferenceReport(tuple(stages), tuple(measured) if held.pairs or held.votes else ())


def skip_dpo(pairs: Sequence[PairTokens], config: TuneConfig) -> str | None:
    """Why there is no DPO, if there is none."""
    few = len(pairs) < config.preference_min_pairs
    return _off(config) or (f"{len(pairs)} pairs; DPO needs {config.preference_min_pairs}" if few else _missing())


def skip_kto(votes: Sequence[VoteTokens], config: TuneConfig) -> str | None:
    """Why there is no KTO, if there is none."""
    good = sum(vote.good for vote in votes)
    bad = len(votes) - good
    if _off(config) is None and (len(votes) < config.preference_min_pairs or min(good, bad) < LEAST_OF_A_KIND):
        return (
            f"{good} good and {bad} bad single votes; KTO needs {config.preference_min_pairs}, at least"
            f" {LEAST_OF_A_KIND} of each"
        )
    return _off(config) or _missing()


def _off(config: TuneConfig) -> str | None:
    return '[tuning] preference = "off"' if config.preference == "off" else None


def _missing() -> str | None:
    if importlib.util.find_spec("trl") is not None:
        return None
    return "trl is not installed; pip install 'familiar-assistant[preference]'"


def _unfit(model: Any) -> str | None:
    """TRL copies the adapter as its reference by the names of its weights, which it does for LoRA alone."""
    kind = str(getattr(model.peft_config["default"].peft_type, "value", ""))
    return None if kind == "LORA" else f"the adapter is of type {kind}; this stage trains LoRA only"


def encode(
    tokenizer: Any, preferences: Preferences, *, max_tokens: int
) -> tuple[tuple[PairTokens, ...], tuple[VoteTokens, ...]]:
    """Pairs and votes as serving renders them; what does not fit is left out."""
    pairs = (encode_pair(tokenizer, pair, max_tokens=max_tokens) for pair in preferences.pairs)
    votes = (encode_vote(tokenizer, vote, max_tokens=max_tokens) for vote in preferences.votes)
    return tuple(item for item in pairs if item), tuple(item for item in votes if item)


def encode_pair(tokenizer: Any, pair: Pair, *, max_tokens: int) -> PairTokens | None:
    """One pair; both replies follow the same prompt, cut to what the longer one leaves room for."""
    parts = [_parts(tokenizer, pair.prompt, reply, max_tokens) for reply in (pair.chosen, pair.rejected)]
    if parts[0] is None or parts[1] is None:
        return None
    prompt = min(parts[0][0], parts[1][0], key=len)
    return PairTokens(prompt, parts[0][1], parts[1][1])


def encode_vote(tokenizer: Any, vote: Vote, *, max_tokens: int) -> VoteTokens | None:
    """One judged reply."""
    parts = _parts(tokenizer, vote.prompt, vote.reply, max_tokens)
    return VoteTokens(*parts, vote.good) if parts else None


def _parts(
    tokenizer: Any, prompt: Sequence[Message], reply: str, max_tokens: int
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    encoded = encode_example(tokenizer, prompt, reply, max_tokens=max_tokens)
    if encoded is None:
        return None
    start = len(encoded.labels) - label_count(encoded)
    return encoded.input_ids[:start], encoded.input_ids[start:]


def _labelled(prompt: tuple[int, ...], reply: tuple[int, ...]) -> EncodedExample:
    return EncodedExample(prompt + reply, (IGNORED,) * len(prompt) + reply)


def log_likelihood(model: Any, encoded: EncodedExample) -> float:
    """Of the labelled tokens together, in nats."""
    import torch

    with torch.inference_mode():
        return -float(labelled_loss(model, encoded))


def held_out(model: Any, pairs: Sequence[PairTokens], votes: Sequence[VoteTokens]) -> HeldOut:
    """Held-out preferences with what the base thinks of them."""
    model.eval()
    with adapter_off(model):
        base_pairs, base_votes = score(model, pairs, votes)
    return HeldOut(tuple(pairs), tuple(votes), base_pairs, base_votes)


def score(
    model: Any, pairs: Sequence[PairTokens], votes: Sequence[VoteTokens]
) -> tuple[tuple[tuple[float, float], ...], tuple[float, ...]]:
    """Summed log-likelihoods of chosen and rejected replies, and of judged ones."""
    both = [pair.encoded() for pair in pairs]
    return (
        tuple((log_likelihood(model, chosen), log_likelihood(model, rejected)) for chosen, rejected in both),
        tuple(log_likelihood(model, vote.encoded()) for vote in votes),
    )


def accuracy(model: Any, held: HeldOut, *, after: Literal["base", "sft", "dpo", "kto"]) -> Accuracy:
    """The figures of a PEFT model as it is, or of its base."""
    model.eval()
    is_base = after == "base"
    pairs, votes = (held.base_pairs, held.base_votes) if is_base else score(model, held.pairs, held.votes)
    likelier, rewarded = outcomes(held, pairs)
    gains = [
        (vote.good, (now - then) / len(vote.reply))
        for vote, now, then in zip(held.votes, votes, held.base_votes, strict=True)
    ]
    good, bad = ([gain for kind, gain in gains if kind is wanted] for wanted in (True, False))
    ranked = [_above(one, other) for one in good for other in bad]
    return Accuracy(
        after=after,
        pairs=len(held.pairs),
        likelier=_mean(likelier),
        rewarded=None if is_base else _mean(rewarded),
        votes=len(held.votes),
        ranked=None if is_base else _mean(ranked),
    )


def outcomes(held: HeldOut, pairs: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Of each held-out pair, whether the chosen reply is likelier per token, and whether it gained more over the base
    (1 yes, 0 no, one half for a tie).

    :param pairs: summed log-likelihoods of chosen and rejected replies
    """
    likelier = [
        _above(chosen / len(item.chosen), rejected / len(item.rejected))
        for item, (chosen, rejected) in zip(held.pairs, pairs, strict=True)
    ]
    return likelier, [_above(a - c, b - d) for (a, b), (c, d) in zip(pairs, held.base_pairs, strict=True)]


def _above(one: float, other: float) -> float:
    return 0.5 if one == other else float(one > other)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


@dataclass(frozen=True)
class _Run:
    """One method on one adapter."""

    model: Any
    tokenizer: Any
    config: TuneConfig
    folder: Path
    tell: Report

    def dpo(self, pairs: Sequence[PairTokens]) -> Stage:
        """Direct preference optimisation (Rafailov et al. 2023, the sigmoid loss)."""
        from datasets import Dataset
        from trl import DPOConfig, DPOTrainer
        from trl.trainer.dpo_trainer import DataCollatorForPreference

        # TRL tokenises these texts, which nobody reads: the collator hands it our ids in their places.
        rows = [{"prompt": "a", "chosen": "b", "rejected": "c", "place": place} for place in range(len(pairs))]
        pad = DataCollatorForPreference(pad_token_id=self._pad())
        arguments = DPOConfig(
            **self._arguments(at_once=1),
            beta=self.config.preference_beta,
        )
        trainer = DPOTrainer(
            model=self.model,
            args=arguments,
            processing_class=self.tokenizer,
            train_dataset=Dataset.from_list(rows),
            data_collator=lambda batch: pad([_dpo_row(pairs[row["place"]]) for row in batch]),
        )
        return self._train("dpo", trainer, len(pairs))

    def kto(self, votes: Sequence[VoteTokens]) -> Stage:
        """Kahneman-Tversky optimisation (Ethayarajh et al. 2024); the rarer kind of vote weighs more (their eq. 8)."""
        from datasets import Dataset
        from trl import KTOConfig, KTOTrainer
        from trl.trainer.kto_trainer import DataCollatorForUnpairedPreference

        order = list(votes)
        random.Random(self.config.seed).shuffle(order)  # TRL keeps the order, because neighbours make the KL term
        good = sum(vote.good for vote in order)
        bad = len(order) - good
        rows = [
            {"prompt": "a", "completion": "b", "label": vote.good, "place": place} for place, vote in enumerate(order)
        ]
        pad = DataCollatorForUnpairedPreference(pad_token_id=self._pad())
        arguments = KTOConfig(
            **self._arguments(at_once=_VOTES_AT_ONCE),
            beta=self.config.preference_beta,
            desirable_weight=max(1.0, bad / good),
            undesirable_weight=max(1.0, good / bad),
            dataloader_drop_last=len(order) % _VOTES_AT_ONCE == 1,  # one alone has no mismatched reply
        )
        trainer = KTOTrainer(
            model=self.model,
            args=arguments,
            processing_class=self.tokenizer,
            train_dataset=Dataset.from_list(rows),
            data_collator=lambda batch: pad(kto_rows([order[row["place"]] for row in batch])),
        )
        return self._train("kto", trainer, len(order))

    def _pad(self) -> int:
        """A token that fills up; it is masked, so any will do."""
        pad = self.tokenizer.pad_token_id
        return int(self.tokenizer.eos_token_id if pad is None else pad)

    def _arguments(self, *, at_once: int) -> dict[str, Any]:
        import torch

        config, cuda = self.config, torch.cuda.is_available()
        return {
            "output_dir": str(self.folder),
            "per_device_train_batch_size": at_once,
            "gradient_accumulation_steps": max(1, config.batch_size // at_once),
            "learning_rate": config.preference_learning_rate,
            "num_train_epochs": config.preference_epochs,
            "lr_scheduler_type": "linear",
            "warmup_steps": _WARM_UP,
            "max_length": None,  # our own encoding keeps the limit
            "seed": config.seed,
            "logging_steps": 1,
            "logging_nan_inf_filter": False,  # else a loss that is no number is logged as the one before
            "save_strategy": "no",
            "report_to": [],
            "disable_tqdm": True,
            "use_cpu": not cuda,
            "bf16": False,  # the base has its own format already, the adapter is float32
            "activation_checkpointing": False,
            "remove_unused_columns": False,  # the collator needs the place
            "dataloader_pin_memory": cuda,
        }

    def _train(self, method: Method, trainer: Any, items: int) -> Stage:
        from transformers import PrinterCallback

        watch = _watch(self.tell, method)
        trainer.remove_callback(PrinterCallback)  # standard output is the progress protocol
        trainer.add_callback(watch)
        began = time.perf_counter()
        try:
            trainer.train()
        finally:
            self._forget_reference()
        return Stage(method, items, trainer.state.global_step, round(time.perf_counter() - began, 3), watch.loss)

    def _forget_reference(self) -> None:
        """Take TRL's copy of the adapter away: saving would write it beside the trained one."""
        if "ref" in self.model.peft_config:
            self.model.delete_adapter("ref")
        self.model.set_adapter("default")
        self.model.eval()


def _dpo_row(pair: PairTokens) -> dict[str, list[int]]:
    return {"prompt_ids": list(pair.prompt), "chosen_ids": list(pair.chosen), "rejected_ids": list(pair.rejected)}


def kto_rows(votes: Sequence[VoteTokens]) -> list[dict[str, Any]]:
    """Rows of one batch, each with the reply of its neighbour, from which KTO estimates how far the model has moved."""
    return [
        {
            "prompt_ids": list(vote.prompt),
            "completion_ids": list(vote.reply),
            "KL_completion_ids": list(votes[place - 1].reply),
            "label": vote.good,
        }
        for place, vote in enumerate(votes)
    ]


def _watch(tell: Report, method: Method) -> Any:
    """A callback of transformers that passes progress on and ends a run whose loss is no number."""
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]
        loss: float | None = None

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
            del control, rest
            loss = (logs or {}).get("loss")
            if loss is None:
                return
            self.loss = round(float(loss), 4)
            if not math.isfinite(self.loss):
                raise FamiliarError(
                    f"{method} stopped at step {state.global_step} of {state.max_steps}: the loss is not a number;"
                    f" [tuning] preference_learning_rate is {args.learning_rate}, a lower one may help"
                )
            event = {"phase": "preferring", "method": method, "step": state.global_step, "steps": state.max_steps}
            tell(event | {"loss": self.loss})

    return Watch()
