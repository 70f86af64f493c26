"""Several processes train one adapter: each takes its share of a step's sequences, and the gradients are added up.

`accelerate launch` starts them, on one machine or several, and says in the environment who is who (docs/training.md);
alone, everything here does nothing. Losses are divided by the whole step's tokens before they are added, so that the
sum is what one process would have computed, but for rounding. The first process alone writes, speaks and measures.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Item = TypeVar("Item")

_LAUNCHED_BY = (
    *("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_", "ROLE_", "MASTER_"),
    *("ACCELERATE_", "TORCHELASTIC_", "PMI_", "OMPI_", "MV2_"),
)
"""Beginnings of the variables that launchers set."""


@dataclass(frozen=True)
class Peers:
    """The processes of a run, seen from one of them."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes and speaks."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """This process's part of a step's items."""
        return items[self.rank :: self.count]

    def add_gradients(self, weights: Sequence[Any]) -> None:
        """Put the sum over all processes in the place of each weight's gradient; one without any counts as zero."""
        if self.count == 1:
            return
        import torch
        from torch import distributed

        parts = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in weights]
        whole = torch.cat([part.flatten() for part in parts])
        distributed.all_reduce(whole)
        for weight, part in zip(weights, whole.split([part.numel() for part in parts]), strict=True):
            weight.grad = part.view_as(weight).clone()

    def add(self, value: float) -> float:
        """The sum of a figure over all processes."""
        if self.count == 1:
            return value
        import torch
        from torch import distributed

        whole = torch.tensor([value], dtype=torch.float64)
        distributed.all_reduce(whole)
        return float(whole)

    def agreed(self, value: Item) -> Item:
        """The first process's value, in all of them: what is measured differs from one to the other."""
        if self.count == 1:
            return value
        from torch import distributed

        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def leave(self) -> None:
        """Go on alone: libraries that look for peers in the environment would wait for them for ever."""
        if self.count == 1:
            return
        from torch import distributed

        distributed.destroy_process_group()
        for name in [name for name in os.environ if name.startswith(_LAUNCHED_BY)]:
            del os.environ[name]


def join() -> Peers:
    """The processes that were started with this one; alone where none were."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return Peers()
    import torch
    from torch import distributed

    if not distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        distributed.init_process_group("cuda:nccl,cpu:gloo" if torch.cuda.is_available() else "gloo")
    return Peers(distributed.get_rank(), count)


def watches_parent() -> bool:
    """Whether standard input tells when the parent has died: of the launched ones the first has it, where it is a pipe.

    The launcher ends the others with it.
    """
    if "WORLD_SIZE" not in os.environ:
        return True
    return os.environ.get("RANK") == "0" and stat.S_ISFIFO(os.fstat(0).st_mode)
