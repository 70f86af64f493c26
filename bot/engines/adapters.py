"""LoRA adapters on a loaded model: many users' are held in memory, one or none is active, the base never changes.

By default an adapter's part is computed beside the base's layers. Merging it into the weights would leave rounding in
the base if it were subtracted again, so that replies would depend on which adapters had come before; here a merged
layer is a copy, and the base's own weight comes back bit for bit. A copy costs as much memory as the base and half a
second or more at each switch, and rounds the adapter to the base's format: it is for a home with one user.

Adapters are held up to a limit of memory; the one used longest ago makes room and is read again when it is wanted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bot.engines.base import AdapterFiles
from bot.engines.lora import Delta, bound, read_deltas

SHARE_OF_BASE = 0.2
"""Memory for adapters where no limit is set, as a share of the base's weights: eight of rank 16 beside 1.5B in
bfloat16, two beside SmolLM2. Reading one again takes 25 ms, so few are enough."""


@dataclass(frozen=True)
class _Held:
    """An adapter in memory."""

    deltas: tuple[tuple[Any, Delta], ...]
    """Layer and what is added to it."""

    @property
    def nbytes(self) -> int:
        return sum(delta.nbytes for _, delta in self.deltas)


class Adapters:
    """The adapters of one transformers model, whose layers are changed in place: call it inside `active`.

    :param held_mb: most memory for adapters that are not in use; 0: a fifth of the base's
    :param merged: compute with merged copies of the layers
    """

    def __init__(self, model: Any, *, held_mb: int = 0, merged: bool = False) -> None:
        self._layers = dict(model.named_modules())
        weights = sum(weight.nbytes for weight in model.parameters())
        self._limit = held_mb * 2**20 or int(weights * SHARE_OF_BASE)
        self._merged = merged
        self._held: dict[str, _Held] = {}
        self._copies: tuple[str, tuple[tuple[Any, Any], ...]] = ("", ())

    @property
    def held(self) -> tuple[str, ...]:
        """Ids of the adapters in memory, the one used longest ago first."""
        return tuple(self._held)

    @contextmanager
    def active(self, adapter: AdapterFiles | None) -> Iterator[None]:
        """Let the model answer with ``adapter``, or as the base model where that is None.

        :raises FamiliarError: the files are missing, damaged, or of another model's adapter
        """
        if adapter is None:
            yield
        elif self._merged:
            with _replaced(self._copies_of(adapter)):
                yield
        else:
            with _beside(self._get(adapter).deltas):
                yield

    def _get(self, adapter: AdapterFiles) -> _Held:
        found = self._held.pop(adapter.id, None) or self._read(adapter)
        self._held[adapter.id] = found
        total = sum(item.nbytes for item in self._held.values())
        for oldest in list(self._held)[:-1]:
            if total <= self._limit:
                break
            total -= self._held.pop(oldest).nbytes
        return found

    def _read(self, adapter: AdapterFiles) -> _Held:
        deltas = read_deltas(adapter.folder, self._layers)
        return _Held(tuple((self._layers[name], delta) for name, delta in deltas.items()))

    def _copies_of(self, adapter: AdapterFiles) -> tuple[tuple[Any, Any], ...]:
        """Layers and their merged weights; only the last adapter's are kept."""
        if self._copies[0] != adapter.id:
            self._copies = ("", ())  # its memory is free before the next is made
            self._copies = (adapter.id, tuple(map(_merge, self._read(adapter).deltas)))
        return self._copies[1]


@contextmanager
def _beside(deltas: tuple[tuple[Any, Delta], ...]) -> Iterator[None]:
    try:
        for layer, delta in deltas:
            layer.forward = bound(layer, delta)
        yield
    finally:
        for layer, _ in deltas:
            vars(layer).pop("forward", None)


@contextmanager
def _replaced(copies: tuple[tuple[Any, Any], ...]) -> Iterator[None]:
    own = [layer.weight for layer, _ in copies]
    try:
        for layer, merged in copies:
            layer.weight = merged
        yield
    finally:
        for (layer, _), weight in zip(copies, own, strict=True):
            layer.weight = weight


def _merge(held: tuple[Any, Delta]) -> tuple[Any, Any]:
    import torch

    layer, delta = held
    return layer, torch.nn.Parameter(delta.merged(layer.weight.data), requires_grad=False)
