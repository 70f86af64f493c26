"""Steps of a prompt, and which of them may be reused."""

from __future__ import annotations

import pytest

from bot.engines.prefix import PrefixCache, reusable, steps


@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, 4), (0, 11), (4, 11), (8, 9)])
def test_steps_cover_the_prompt_and_end_at_multiples(start: int, end: int) -> None:
    """Wherever computing starts, a step holds the same tokens."""
    ranges = list(steps(start, end, 4))
    assert [token for a, b in ranges for token in range(a, b)] == list(range(start, end))
    assert all(stop % 4 == 0 for _, stop in ranges[:-1])


@pytest.mark.parametrize(
    ("kept", "wanted", "shared"),
    [
        ([], [1, 2, 3], 0),
        ([1, 2, 3, 4], [1, 2, 3, 4, 5], 4),
        ([1, 2, 3, 4], [1, 2, 3, 4], 2),
        ([1, 2, 3, 4, 5, 6], [1, 2, 3, 9, 5, 6, 7], 2),
        ([1, 2, 3], [9, 2, 3, 4], 0),
        ([1, 2], [1], 0),
    ],
)
def test_only_whole_steps_are_reused_and_one_token_is_left(kept: list[int], wanted: list[int], shared: int) -> None:
    """The last token has always to be computed, since the reply begins from it."""
    assert reusable(kept, wanted, 2) == shared


def _filled(tokens: int) -> object:
    import torch
    from transformers import DynamicCache

    cache = DynamicCache()
    values = torch.arange(tokens, dtype=torch.float32).reshape(1, 1, tokens, 1)
    cache.update(values, values, 0)
    return cache


def test_what_was_written_after_the_prompt_is_not_kept() -> None:
    """The cache is cut to the prompt's whole steps, then to what the next prompt shares."""
    prefixes = PrefixCache(2)
    prefixes.keep(None, [1, 2, 3, 4, 5], _filled(9))
    found = prefixes.take(None, [1, 2, 3, 7, 8])
    assert found is not None
    cache, shared = found
    assert shared == cache.get_seq_length() == 2
    assert cache.layers[0].keys.flatten().tolist() == [0, 1]


def test_a_cancelled_prompt_is_kept_as_far_as_it_came() -> None:
    """Steps that were not computed are not claimed."""
    prefixes = PrefixCache(2)
    prefixes.keep(None, [1, 2, 3, 4, 5], _filled(2))
    found = prefixes.take(None, [1, 2, 3, 4, 5])
    assert found is not None
    assert found[1] == 2


def test_each_adapter_has_its_own() -> None:
    """Keys and values computed under one adapter are never used under another."""
    prefixes = PrefixCache(2)
    prefixes.keep("a", [1, 2, 3], _filled(3))
    assert prefixes.take(None, [1, 2, 3]) is None
    assert prefixes.take("b", [1, 2, 3]) is None
    assert prefixes.take("a", [1, 2, 3]) is not None


def test_few_are_kept() -> None:
    """Memory does not grow with the number of adapters."""
    prefixes = PrefixCache(2)
    for adapter in "abcde":
        prefixes.keep(adapter, [1, 2, 3], _filled(3))
    assert prefixes.take("a", [1, 2, 3]) is None
    assert all(prefixes.take(adapter, [1, 2, 3]) for adapter in "bcde")
