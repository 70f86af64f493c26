"""Steps of a prompt, which of them may be reused, and by whom."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bot.engines.dynamic_caches import DynamicCaches
from bot.engines.prefix import PrefixCache, PrefixKey, StepRule, pieces, reusable, steps, whole_steps

ENDS = StepRule(least=3, most=5, ends=frozenset({0}))
TWOS = StepRule(least=2, most=2)
MINE = PrefixKey(None, "turn", 1)


@pytest.mark.parametrize("start", [0, 5, 8])
def test_steps_cover_the_prompt(start: int) -> None:
    """Wherever computing starts, at the end of a step, the later steps hold the same tokens."""
    ids = [1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 9]
    ranges = list(steps(ids, start, ENDS))
    assert ranges == [pair for pair in ((0, 5), (5, 8), (8, 11), (11, 12)) if pair[0] >= start]


def test_a_step_ends_with_a_message_that_is_long_enough() -> None:
    """Else with the next one, and anywhere where none ends in time; what follows changes no end."""
    ids = [1, 0, 2, 0, 3, 4, 5, 6, 7, 8, 0]
    assert list(whole_steps(ids, ENDS)) == [4, 9]
    assert all(list(whole_steps([*ids[:9], *more], ENDS))[:2] == [4, 9] for more in ([0], [1, 1, 1], []))


def test_pieces_are_of_one_length() -> None:
    """But for the last."""
    assert list(pieces(2, 9, 3)) == [(2, 5), (5, 8), (8, 9)]


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
    assert reusable(kept, wanted, TWOS) == shared


def filled(tokens: int) -> Any:
    """A cache of one layer whose keys count the tokens."""
    import torch
    from transformers import DynamicCache

    cache = DynamicCache()
    values = torch.arange(tokens, dtype=torch.float32).reshape(1, 1, tokens, 1)
    cache.update(values, values, 0)
    return cache


def numbers(found: tuple[Any, int] | None) -> list[int]:
    """What `filled` counted, of what was taken."""
    return [int(number) for number in found[0].layers[0].keys.flatten()] if found else []


def test_what_was_written_after_the_prompt_is_not_kept() -> None:
    """The cache is cut to the prompt's whole steps, then to what the next prompt shares."""
    prefixes = PrefixCache(TWOS, DynamicCaches())
    prefixes.keep(MINE, [1, 2, 3, 4, 5], filled(9))
    found = prefixes.take(MINE, [1, 2, 3, 7, 8])
    assert found is not None
    assert found[1] == 2
    assert numbers(found) == [0, 1]


def test_a_cancelled_prompt_is_kept_as_far_as_it_came() -> None:
    """Steps that were not computed are not claimed."""
    prefixes = PrefixCache(TWOS, DynamicCaches())
    prefixes.keep(MINE, [1, 2, 3, 4, 5], filled(2))
    found = prefixes.take(MINE, [1, 2, 3, 4, 5])
    assert found is not None
    assert found[1] == 2


def test_each_adapter_has_its_own() -> None:
    """Keys and values computed under one adapter are never used under another."""
    prefixes = PrefixCache(TWOS, DynamicCaches())
    keys = [PrefixKey(adapter, "turn", 1) for adapter in ("a", "b", None)]
    prefixes.keep(keys[0], [1, 2, 3], filled(3))
    assert prefixes.take(keys[1], [1, 2, 3]) is None
    assert prefixes.take(keys[2], [1, 2, 3]) is None
    assert prefixes.take(keys[0], [1, 2, 3]) is not None


def test_users_do_not_displace_one_another() -> None:
    """Each user's and each kind of work's beginning stays, whatever the others' are."""
    prefixes = PrefixCache(TWOS, DynamicCaches())
    keys = [PrefixKey(None, work, user) for work in ("turn", "facts") for user in (1, 2, None)]
    for number, key in enumerate(keys):
        prefixes.keep(key, [number, 2, 3, 4, 5], filled(5))
    assert [numbers(prefixes.take(key, [number, 2, 3, 4, 9])) for number, key in enumerate(keys)] == [[0, 1, 2, 3]] * 6


def test_a_beginning_that_another_user_has_is_copied() -> None:
    """It is the same tokens, and the owner's stays whole."""
    prefixes = PrefixCache(TWOS, DynamicCaches())
    prefixes.keep(MINE, [1, 2, 3, 4, 5], filled(5))
    other = PrefixKey(None, "turn", 2)
    assert numbers(prefixes.take(other, [1, 2, 7, 8, 9])) == [0, 1]
    prefixes.keep(other, [1, 2, 7, 8, 9], filled(5))
    assert numbers(prefixes.take(MINE, [1, 2, 3, 4, 5])) == [0, 1, 2, 3]


def test_memory_is_limited() -> None:
    """Those used longest ago make room; the last always fits."""
    prefixes = PrefixCache(TWOS, DynamicCaches(), memory_mb=1)
    tokens = 60_000  # 480 kB with keys and values
    for user in (1, 2, 3):
        prefixes.keep(PrefixKey(None, "turn", user), [user, *range(tokens - 1)], filled(tokens))
    assert prefixes.nbytes <= 2**20
    assert prefixes.take(PrefixKey(None, "turn", 1), [1, 0, 1]) is None
    assert prefixes.take(PrefixKey(None, "turn", 2), [2, 0, 1]) is not None
    small = PrefixCache(TWOS, DynamicCaches(), memory_mb=0)
    small.keep(MINE, [1, 2, 3], filled(3))
    assert small.take(MINE, [1, 2, 3]) is not None


def test_memory_counts_what_a_beginning_was_cut_from() -> None:
    """A few tokens of a long prompt hold as much as all of it."""
    prefixes = PrefixCache(TWOS, DynamicCaches(), memory_mb=1)
    for user in (1, 2, 3):
        prefixes.keep(PrefixKey(None, "turn", user), [user, 2, 3], filled(60_000))
    held = [prefixes.take(PrefixKey(None, "turn", user), [user, 2, 9]) is not None for user in (1, 2, 3)]
    assert held == [False, True, True]


class Files:
    """Beginnings in a dictionary instead of on disk."""

    def __init__(self) -> None:
        self.kept: dict[PrefixKey, bytes] = {}
        self.erased = False
        self.writes = 0

    def read(self, key: PrefixKey) -> bytes | None:
        """What was written."""
        return self.kept.get(key)

    def write(self, key: PrefixKey, content: bytes) -> None:
        """Count and keep."""
        self.writes += 1
        self.kept[key] = content

    def forgotten(self) -> bool:
        """Once."""
        erased, self.erased = self.erased, False
        return erased


def test_files_serve_the_next_start_and_are_written_once() -> None:
    """A beginning that did not change is not written again, also not the one that was read."""
    files = Files()
    first = PrefixCache(TWOS, DynamicCaches(), files=files)
    first.keep(MINE, [1, 2, 3], filled(3))
    first.write()
    first.write()
    second = PrefixCache(TWOS, DynamicCaches(), files=files)
    assert numbers(second.take(MINE, [1, 2, 3])) == [0, 1]
    second.keep(MINE, [1, 2, 3], filled(3))
    second.write()
    assert files.writes == 1


def test_what_was_kept_before_an_erasure_is_never_written() -> None:
    """It is dropped from memory too; what comes after is written."""
    files = Files()
    prefixes = PrefixCache(TWOS, DynamicCaches(), files=files)
    prefixes.keep(MINE, [1, 2, 3], filled(3))
    files.erased = True
    prefixes.write()
    assert files.kept == {}
    assert prefixes.take(MINE, [1, 2, 3]) is None
    prefixes.keep(MINE, [1, 2, 3], filled(3))
    prefixes.write()
    assert MINE in files.kept


def test_a_prompt_that_waited_while_something_was_erased_is_not_kept() -> None:
    """It was made before, and may hold what was erased."""
    files = Files()
    prefixes = PrefixCache(TWOS, DynamicCaches(), files=files)
    asked_at = time.perf_counter()
    files.erased = True
    prefixes.write()
    prefixes.keep(MINE, [1, 2, 3], filled(3), asked_at=asked_at)
    prefixes.write()
    assert files.kept == {}
    prefixes.keep(MINE, [1, 2, 3], filled(3), asked_at=time.perf_counter())
    prefixes.write()
    assert MINE in files.kept
