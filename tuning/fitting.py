"""The optimiser's loop: steps, validation with early stopping, and a state that can be kept and taken up again.

Nothing is padded: each pass is one sequence, and the gradients of several are added up to a step, whose loss is the
mean over its labelled tokens, so that a long reply weighs as its tokens do. A run that is taken up again from a kept
state gives bit for bit what an unbroken one gives: order, learning rates and random numbers follow from the recipe
and the state alone.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from memory.errors import FamiliarError
from tuning.masters import Masters
from tuning.measure import label_count, labelled_loss, mean_loss
from tuning.methods import Attached, spread_ranks
from tuning.peers import Peers
from tuning.recipe import Recipe, rate
from tuning.windows import Window, batches

MAX_NORM = 1.0
"""Gradients are scaled down to this norm, so that one odd reply can't throw the adapter off."""
_MOMENTUM = 0.9
"""Of SGD."""
ALONE = Peers()

Report = Callable[[dict[str, Any]], None]


class Keeper(Protocol):
    """Where the state of a run is kept."""

    def load(self) -> dict[str, Any] | None:
        """The state that was kept last; None where there is none that belongs to this run."""

    def due(self, step: int) -> bool:
        """Whether the state should be kept now."""

    def keep(self, state: dict[str, Any]) -> None:
        """Keep a state in the place of the one before."""


@dataclass(frozen=True)
class Fitted:
    """What the loop did."""

    steps: int
    """Optimiser steps taken, those before an interruption included."""
    planned: int
    best_step: int
    """Step whose weights were kept; the last one where nothing is validated."""
    best_loss: float | None
    """Validation loss per token there, in nats."""
    seconds: float
    """Of this process, validation included."""
    cpu_seconds: float
    """The same in processor time, all threads together: what else runs on the machine weighs less on it."""


@dataclass
class _State:
    """Everything that changes from step to step besides the model's and the optimiser's tensors."""

    step: int = 0
    best_step: int = 0
    best_loss: float | None = None
    best: dict[str, Any] = field(default_factory=dict)
    worse: int = 0


class Fit:
    """One run of the loop."""

    def __init__(
        self,
        attached: Attached,
        windows: Sequence[Window],
        validation: Sequence[Window],
        tell: Report,
        keeper: Keeper | None = None,
        peers: Peers = ALONE,
    ) -> None:
        self._attached, self._recipe, self._model = attached, attached.recipe, attached.model
        self._validation, self._tell, self._keeper, self._peers = validation, tell, keeper, peers
        self._masters = Masters(attached)
        self._weights = self._masters.weights
        self._optimizer = _optimizer(list(self._weights.values()), self._recipe)
        self._plan = plan(windows, self._recipe)
        self._validate_at = validation_steps(len(self._plan), self._recipe) if validation else frozenset()
        if self._recipe.method == "adalora":
            spread_ranks(self._model, len(self._plan))
        self._state = _State()
        self._pace = _Pace()

    def run(self) -> Fitted:
        """Train the adapter in place and leave it as it was at its best validation.

        :raises FamiliarError: the loss is not a number
        """
        began, cpu = time.perf_counter(), time.process_time()
        with self._masters:
            self._resume()
            self._steps()
        state = self._state
        best = state.best_step or state.step
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
        return Fitted(state.step, len(self._plan), best, state.best_loss, seconds, cpu_seconds)

    def _steps(self) -> None:
        state, patience = self._state, self._recipe.patience
        while state.step < len(self._plan) and not (patience and state.worse >= patience):
            state.step += 1
            self._step(state.step)
            if state.step in self._validate_at:
                self._validate(state)
            if self._keeper is not None and self._peers.first and self._keeper.due(state.step):
                self._keeper.keep(self._kept())
        if state.best:
            self._put(state.best)

    def _step(self, step: int) -> None:
        batch = self._plan[step - 1]
        share = rate(step, len(self._plan), warm_up=self._recipe.warm_up, schedule=self._recipe.schedule)
        for group in self._optimizer.param_groups:
            group["lr"] = self._recipe.learning_rate * share
        self._model.train()
        began = time.perf_counter()
        loss = self._gradients(batch)
        self._check(loss, step)
        self._optimizer.step()
        self._masters.publish()
        if self._recipe.method == "adalora":
            self._model.base_model.update_and_allocate(step)
        self._optimizer.zero_grad(set_to_none=True)
        self._pace.took(_tokens(batch), time.perf_counter() - began)
        left = self._pace.seconds(sum(_tokens(later) for later in self._plan[step:]))
        event = {"phase": "training", "step": step, "steps": len(self._plan), "loss": round(loss, 4)}
        self._tell(event | {"rate": self._recipe.learning_rate * share, "minutes": round(left / 60, 1)})

    def _gradients(self, batch: Sequence[Window]) -> float:
        tokens = sum(label_count(window.encoded) for window in batch)
        loss = 0.0
        for window in self._peers.share(batch):
            part = labelled_loss(self._model, window.encoded, weights=window.weights) / tokens
            part.backward()
            self._masters.collect()
            loss += float(part.detach())
        self._peers.add_gradients(list(self._weights.values()))
        return self._peers.add(loss)

    def _check(self, loss: float, step: int) -> None:
        import torch

        norm = torch.nn.utils.clip_grad_norm_(list(self._weights.values()), MAX_NORM)
        if not (torch.isfinite(norm) and math.isfinite(loss)):
            what = "the loss" if not math.isfinite(loss) else "a gradient"
            raise FamiliarError(
                f"training stopped at step {step} of {len(self._plan)}: {what} is not a number;"
                f" [tuning] learning_rate is {self._recipe.learning_rate}, a lower one may help"
            )

    def _validate(self, state: _State) -> None:
        self._model.eval()
        loss = self._peers.agreed(mean_loss(self._model, self._validation))
        if state.best_loss is None or loss < state.best_loss:
            state.best_step, state.best_loss, state.worse = state.step, loss, 0
            state.best = {name: weight.detach().clone() for name, weight in self._weights.items()}
        else:
            state.worse += 1
        self._tell({"phase": "validating", "step": state.step, "steps": len(self._plan), "loss": round(loss, 4)})

    def _kept(self) -> dict[str, Any]:
        import torch

        return {
            "state": vars(self._state),
            "weights": {name: weight.detach() for name, weight in self._weights.items()},
            "optimizer": self._optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }

    def _resume(self) -> None:
        import torch

        kept = self._keeper.load() if self._keeper is not None else None
        if kept is None:
            return
        self._put(kept["weights"])
        self._optimizer.load_state_dict(kept["optimizer"])
        torch.set_rng_state(kept["random"])
        self._state = _State(**kept["state"])
        self._tell({"phase": "resuming", "step": self._state.step, "steps": len(self._plan)})

    def _put(self, values: dict[str, Any]) -> None:
        import torch

        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(values[name])
        self._masters.publish()


class _Pace:
    """Seconds a token, newest steps first, as other work on the machine comes and goes."""

    def __init__(self) -> None:
        self._per_token = 0.0

    def took(self, tokens: int, seconds: float) -> None:
        now = seconds / tokens
        self._per_token = 0.8 * self._per_token + 0.2 * now if self._per_token else now

    def seconds(self, tokens: int) -> float:
        return self._per_token * tokens


def plan(windows: Sequence[Window], recipe: Recipe) -> list[tuple[Window, ...]]:
    """The batches of all epochs, each epoch in its own order."""
    shuffler = random.Random(recipe.seed)
    planned: list[tuple[Window, ...]] = []
    for _ in range(recipe.epochs):
        order = list(windows)
        shuffler.shuffle(order)
        planned += batches(order, size=recipe.batch_size)
    return planned


def validation_steps(steps: int, recipe: Recipe) -> frozenset[int]:
    """After which steps the loss is validated: so many times an epoch, the last step among them."""
    times = min(steps, recipe.epochs * recipe.validations)
    return frozenset(round(steps * number / times) for number in range(1, times + 1))


def _tokens(batch: Sequence[Window]) -> int:
    return sum(len(window.encoded.input_ids) for window in batch)


def _optimizer(weights: list[Any], recipe: Recipe) -> Any:
    import torch

    if recipe.optimizer == "sgd":
        return torch.optim.SGD(weights, lr=recipe.learning_rate, momentum=_MOMENTUM, weight_decay=recipe.weight_decay)
    return torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
