"""An encoder with a LoRA sequence-classification head that learns which items a user selects, and how they rate them.

The head reads the mean of an item's token vectors, in whose context the items selected last stand, as the embedders
here are mean-pooled. It is first fitted alone on the frozen encoder (a linear probe), then trained together with LoRA
matrices by cross-entropy, and squared error where there are ratings: from a head that knows nothing the first steps
would distort what the encoder knows (Kumar et al. 2022, https://arxiv.org/abs/2202.10054). The newest examples decide
when to stop, and the probe alone is kept where LoRA makes it no better.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from torch import nn
from transformers import AutoModel, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from memory.embedding import read_prompts
from memory.errors import FamiliarError, first_line
from tuning.config import TasteConfig
from tuning.precision import dtype_here
from tuning.preference import Choice, split_by_time
from tuning.recipe import rate

Report = Callable[[dict[str, Any]], None]

_VALIDATED = 0.2
"""Newest share of what is trained on that decides when to stop."""
_PATIENCE = 2
_RIDGES = (1.0, 0.1, 0.01, 0.001)
"""Penalties of the probe's weights that are tried."""
_PROBE_STEPS = 60
_MAX_NORM = 1.0
_FEWEST_RATED = 10
"""Ratings from which on the predicted rating counts in the score."""
_OUTPUTS = 3
"""Logits of "turned down" and "selected", and the rating on a scale from -1 to 1."""


@dataclass(frozen=True)
class Inputs:
    """Sequences of one length, padded."""

    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    item_mask: torch.Tensor
    """1 where a token is the item's."""


class Head(nn.Module):  # type: ignore[misc]  # torch has no types here
    """A linear layer on features that are centred and brought to one scale."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, _OUTPUTS)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("center", torch.zeros(width))
        self.register_buffer("scale", torch.ones(()))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits and rating (n, 3) of features (n, width)."""
        return self.linear((features - self.center) / self.scale)


class Selector(nn.Module):  # type: ignore[misc]
    """An encoder, mean pooling over the item, and the head; a model as peft's sequence classification wants one."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        self.config = encoder.config
        self.classifier = Head(encoder.config.hidden_size)

    def pooled(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, item_mask: torch.Tensor) -> torch.Tensor:
        """The items' vectors (n, width) of unit length."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()
        weights = item_mask.unsqueeze(-1).to(hidden.dtype)
        means = (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        return nn.functional.normalize(means, dim=-1)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, item_mask: torch.Tensor, **_unused: object
    ) -> torch.Tensor:
        """Logits and rating (n, 3)."""
        return self.classifier(self.pooled(input_ids, attention_mask, item_mask))


@dataclass(frozen=True)
class Learner:
    """A model with its tokenizer."""

    model: Any
    tokenizer: Any
    prefix: str
    """What the encoder wants before a text."""
    most: int
    """Tokens of an item, and of what was selected last."""

    def inputs(self, choices: Sequence[Choice]) -> Inputs:
        """The choices as sequences: the item, then what was selected last."""
        items = [self._cut(self.prefix + choice.text) for choice in choices]
        before = [self._cut("; ".join(" ".join(title.split()) for title in choice.recent)) for choice in choices]
        second = before if any(before) else None
        encoded = self.tokenizer(items, second, padding=True, return_tensors="pt")
        ids, attention = encoded["input_ids"], encoded["attention_mask"]
        mask = torch.zeros_like(ids)
        for row in range(len(items)):
            of_item = [place for place, part in enumerate(encoded.sequence_ids(row)) if part == 0]
            mask[row, of_item] = 1
        return Inputs(ids, attention, mask)

    def _cut(self, text: str) -> str:
        """The text as far as it is read."""
        if not text:
            return text
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        places = encoded["offset_mapping"][: self.most]
        return text[: places[-1][1]] if places else ""


@dataclass(frozen=True)
class FittedPreference:
    """How a training went."""

    steps: int
    best_step: int
    """0: the probe alone was kept."""
    best_loss: float
    """On the newest of the examples."""


def open_learner(folder: Path, config: TasteConfig, *, adapter: Path | None = None) -> Learner:
    """The encoder with a new adapter, or with one from its files.

    :raises FamiliarError: the folder holds no encoder, or the adapter does not fit it
    """
    disable_progress_bar()
    torch.manual_seed(config.seed)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        encoder = AutoModel.from_pretrained(folder, dtype=getattr(torch, dtype_here()), local_files_only=True)
        base = Selector(encoder.requires_grad_(False))
        model = (
            get_peft_model(base, _lora(base, config))
            if adapter is None
            else PeftModel.from_pretrained(base, str(adapter))
        )
    except (OSError, ValueError, KeyError, RuntimeError) as exc:
        raise FamiliarError(f"{folder} can't be used as [taste] encoder: {first_line(exc)}") from exc
    room = (getattr(encoder.config, "max_position_embeddings", 512) - 6) // 2
    passage = read_prompts(folder)[1]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Learner(model.to(device).eval(), tokenizer, passage, max(1, min(config.max_tokens, room)))


def _lora(base: Selector, config: TasteConfig) -> LoraConfig:
    """LoRA on the linear layers of the encoder's blocks; the pooler's output is not used."""
    layers = [
        f"encoder.{name}"
        for name, module in base.encoder.named_modules()
        if isinstance(module, nn.Linear) and "pooler" not in name
    ]
    return LoraConfig(
        task_type=TaskType.SEQ_CLS, r=config.rank, lora_alpha=2 * config.rank, lora_dropout=0.0, target_modules=layers
    )


def targets(choices: Sequence[Choice]) -> tuple[torch.Tensor, torch.Tensor]:
    """Classes (n,), -100 where nothing was said, and ratings (n,) from -1 to 1, not a number where there is none."""
    classes = [-100 if choice.selected is None else int(choice.selected) for choice in choices]
    ratings = [float("nan") if choice.rating is None else (choice.rating - 3) / 2 for choice in choices]
    return torch.tensor(classes), torch.tensor(ratings)


def loss_of(outputs: torch.Tensor, classes: torch.Tensor, ratings: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of what was selected or turned down, and mean squared error of what was rated.

    :param outputs: (n, 3)
    """
    loss = outputs.sum() * 0.0
    if (classes >= 0).any():
        loss = loss + nn.functional.cross_entropy(outputs[:, :2], classes, ignore_index=-100)
    rated = ~torch.isnan(ratings)
    if rated.any():
        loss = loss + nn.functional.mse_loss(outputs[rated, 2], ratings[rated])
    return loss


def fit(learner: Learner, train: Sequence[Choice], config: TasteConfig, tell: Report) -> FittedPreference:
    """Train in place, and leave the model as it was when it predicted the newest examples best.

    :raises FamiliarError: the loss is not a number
    """
    older, newest = split_by_time(train, share=_VALIDATED)
    _fit_probe(learner, older, newest)
    weights = {name: weight for name, weight in learner.model.named_parameters() if weight.requires_grad}
    optimizer = torch.optim.AdamW(weights.values(), lr=config.learning_rate, weight_decay=config.weight_decay)
    best, best_step, worse, step = _validate(learner, newest), 0, 0, 0
    kept = {name: weight.detach().clone() for name, weight in weights.items()}
    planned = [batch for epoch in range(config.epochs) for batch in _epoch(older, config, epoch)]
    per_epoch = max(1, len(planned) // config.epochs)
    for step, batch in enumerate(planned, 1):
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * rate(step, len(planned))
        loss = _step(learner, batch, optimizer, list(weights.values()))
        tell({"phase": "training", "step": step, "steps": len(planned), "loss": round(loss, 4)})
        if step % per_epoch:
            continue
        found = _validate(learner, newest)
        worse = 0 if found < best else worse + 1
        if found < best:
            best, best_step, kept = found, step, {name: weight.detach().clone() for name, weight in weights.items()}
        if worse >= _PATIENCE:
            break
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(kept[name])
    return FittedPreference(step, best_step, best)


def _epoch(choices: Sequence[Choice], config: TasteConfig, epoch: int) -> Iterator[Sequence[Choice]]:
    order = list(choices)
    random.Random(config.seed * 1000 + epoch).shuffle(order)
    for start in range(0, len(order), config.batch_size):
        yield order[start : start + config.batch_size]


def _step(learner: Learner, batch: Sequence[Choice], optimizer: torch.optim.Optimizer, weights: list[Any]) -> float:
    learner.model.train()
    loss = loss_of(_outputs(learner, batch), *targets(batch))
    if not torch.isfinite(loss):
        raise FamiliarError("training stopped: the loss is not a number; a lower [taste] learning_rate may help")
    loss.backward()
    torch.nn.utils.clip_grad_norm_(weights, _MAX_NORM)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def _validate(learner: Learner, choices: Sequence[Choice]) -> float:
    with torch.no_grad():
        learner.model.eval()
        outputs = torch.cat([_outputs(learner, part) for part in _parts(choices)])
        return float(loss_of(outputs, *targets(choices)))


def _parts(choices: Sequence[Choice], size: int = 32) -> Iterator[Sequence[Choice]]:
    for start in range(0, len(choices), size):
        yield choices[start : start + size]


def _outputs(learner: Learner, choices: Sequence[Choice]) -> torch.Tensor:
    device = next(learner.model.parameters()).device
    inputs = learner.inputs(choices)
    outputs: torch.Tensor = learner.model(
        input_ids=inputs.input_ids.to(device),
        attention_mask=inputs.attention_mask.to(device),
        item_mask=inputs.item_mask.to(device),
    )
    return outputs.cpu()


# -- the probe


def _fit_probe(learner: Learner, older: Sequence[Choice], newest: Sequence[Choice]) -> None:
    """Fit the head alone, with the penalty under which it predicts the newest examples best."""
    with torch.no_grad():
        features, later = _features(learner, older), _features(learner, newest)
    head = next(module for module in learner.model.modules() if isinstance(module, Head) and _trains(module))
    head.center.copy_(features.mean(dim=0))
    head.scale.copy_((features - features.mean(dim=0)).std().clamp(min=1e-6))
    best, kept = float("inf"), None
    for ridge in _RIDGES:
        _minimise(head, features, older, ridge)
        with torch.no_grad():
            loss = float(loss_of(head(later), *targets(newest)))
        if loss < best:
            best, kept = loss, {name: value.clone() for name, value in head.state_dict().items()}
    if kept is not None:
        head.load_state_dict(kept)


def _trains(module: nn.Module) -> bool:
    """peft keeps the original head beside the one that it trains and saves."""
    return any(weight.requires_grad for weight in module.parameters())


def _features(learner: Learner, choices: Sequence[Choice]) -> torch.Tensor:
    base, device = learner.model.base_model.model, next(learner.model.parameters()).device
    learner.model.eval()
    found = []
    for part in _parts(choices):
        inputs = learner.inputs(part)
        found.append(
            base.pooled(inputs.input_ids.to(device), inputs.attention_mask.to(device), inputs.item_mask.to(device))
        )
    return torch.cat(found).detach()


def _minimise(head: Head, features: torch.Tensor, choices: Sequence[Choice], ridge: float) -> None:
    classes, ratings = (part.to(features.device) for part in targets(choices))
    with torch.no_grad():
        head.linear.weight.zero_()
        head.linear.bias.zero_()
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=_PROBE_STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = loss_of(head(features), classes, ratings) + ridge * head.linear.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    optimizer.zero_grad(set_to_none=True)


# -- use


@dataclass(frozen=True)
class Scored:
    """What a model says of items."""

    scores: tuple[float, ...]
    """Greater is better."""
    probabilities: tuple[float, ...]
    """That each is selected."""
    ratings: tuple[float, ...]
    """Expected, 1 to 5; of use only where ratings were learned."""


def score(learner: Learner, choices: Sequence[Choice], *, rated: int) -> Scored:
    """What the model says of items; what the choices say themselves is not looked at.

    :param rated: ratings that were learned; from ten on they count as much as selecting does
    """
    with torch.no_grad():
        learner.model.eval()
        outputs = torch.cat([_outputs(learner, part) for part in _parts(choices)]) if choices else torch.zeros(0, 3)
    odds, rating = outputs[:, 1] - outputs[:, 0], outputs[:, 2]
    total = odds + 2 * rating if rated >= _FEWEST_RATED else odds
    return Scored(
        tuple(total.tolist()), tuple(torch.sigmoid(odds).tolist()), tuple((3 + 2 * rating.clamp(-1, 1)).tolist())
    )


def save(learner: Learner, folder: Path, *, base_name: str) -> None:
    """Write the adapter as peft reads it.

    :raises FamiliarError: it can't be written
    """
    config = learner.model.peft_config["default"]
    config.base_model_name_or_path = base_name
    try:
        learner.model.save_pretrained(str(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # peft's empty model card
    except OSError as exc:
        raise FamiliarError(f"{folder} can't be written: {first_line(exc)}") from exc
