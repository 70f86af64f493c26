"""transformers' caches of keys and values, cut, copied and written for `prefix`.

Only layers that hold keys and values of all tokens and nothing else are copied or kept on disk: a sliding window that
has moved on, or a state of another kind, can't be taken back to an earlier token.
"""

from __future__ import annotations

from typing import Any

from bot.engines.prefix import Prefix


class DynamicCaches:
    """A `CacheKind` of `transformers.DynamicCache`.

    :param device: where read tensors are put
    """

    def __init__(self, device: str = "cpu") -> None:
        self._device = device

    def tokens(self, cache: Any) -> int:
        """How many tokens it holds."""
        return int(cache.get_seq_length())

    def nbytes(self, cache: Any) -> int:
        """Memory of keys and values; a cache that was cut holds on to all that it was cut from."""
        layers = (layer for layer in cache.layers if _is_filled(layer))
        return sum(part.untyped_storage().nbytes() for layer in layers for part in (layer.keys, layer.values))

    def crop(self, cache: Any, *, tokens: int) -> bool:
        """Take the last ``tokens`` away; False where the model's kind of state can't be taken back."""
        if not cache.is_croppable:
            return False
        try:
            cache.crop(-tokens)
        except RuntimeError:
            # A sliding window that has moved on no longer holds what would be needed.
            return False
        return True

    def copied(self, cache: Any, *, tokens: int) -> Any | None:
        """A cache of its first ``tokens``; None where it is not keys and values alone."""
        from transformers import DynamicCache

        if not is_plain(cache):
            return None
        copy = DynamicCache()
        for number, layer in enumerate(cache.layers):
            copy.update(layer.keys[..., :tokens, :].clone(), layer.values[..., :tokens, :].clone(), number)
        return copy

    def dump(self, prefix: Prefix[Any]) -> bytes | None:
        """As safetensors: the tokens, then keys and values by layer; None as for `copied`."""
        import torch
        from safetensors.torch import save

        if not is_plain(prefix.cache):
            return None
        tensors = {"ids": torch.tensor(prefix.ids)}
        for number, layer in enumerate(prefix.cache.layers):
            tensors |= {f"keys.{number}": layer.keys.contiguous(), f"values.{number}": layer.values.contiguous()}
        content: bytes = save(tensors)
        return content

    def load(self, content: bytes) -> Prefix[Any]:
        """What was dumped.

        :raises ValueError: it is damaged
        """
        from safetensors import SafetensorError
        from safetensors.torch import load
        from transformers import DynamicCache

        try:
            tensors = {name: tensor.to(self._device) for name, tensor in load(content).items()}
            cache = DynamicCache()
            for number in range(len(tensors) // 2):
                cache.update(tensors[f"keys.{number}"], tensors[f"values.{number}"], number)
            return Prefix(tuple(tensors["ids"].tolist()), cache)
        except (SafetensorError, KeyError, IndexError) as exc:
            raise ValueError("a damaged beginning of a prompt") from exc


def is_plain(cache: Any) -> bool:
    """Whether a cache is keys and values of all tokens and nothing else: no window, no state of another kind."""
    from transformers.cache_utils import DynamicLayer

    return all(type(layer) is DynamicLayer and _is_filled(layer) for layer in cache.layers)


def _is_filled(layer: Any) -> bool:
    return getattr(layer, "keys", None) is not None and getattr(layer, "values", None) is not None
