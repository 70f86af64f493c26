"""In which pieces llama.cpp computes a prompt: decided by its tokens alone, whatever is cached."""

from __future__ import annotations

import pytest

from bot.engines.llama_cpp.steps import LONGEST, reusable, steps, whole_steps

END = 7


def message(length: int, token: int = 1) -> list[int]:
    """So many tokens, the last of which ends a message."""
    return [token] * (length - 1) + [END]


@pytest.mark.parametrize(
    ("ids", "ends"),
    [
        ([], []),
        (message(100), [100]),
        (message(100) + [1] * 30, [100]),
        (message(20) + message(30) + message(40), [90]),
        ([1] * (LONGEST + 5), [LONGEST]),
        (message(LONGEST + 100), [LONGEST, LONGEST + 100]),
    ],
)
def test_a_piece_ends_with_a_message_or_at_its_longest(ids: list[int], ends: list[int]) -> None:
    """Messages too short to be computed at full speed share a piece with the next."""
    assert whole_steps(ids, {END}) == ends


def test_all_of_a_stable_beginning_is_reused() -> None:
    """Persona and history stay, the new message is computed."""
    stable = message(1000)
    assert reusable(stable + message(80, 2), stable + message(80, 3), {END}) == 1000


def test_the_rest_is_computed_in_the_pieces_of_a_cold_prompt() -> None:
    """The ranges after a reused beginning are the last ones of those without."""
    prompt = message(600) + message(90) + [1] * 20
    cold = steps(prompt, {END}, 0)
    assert cold == [(0, 512), (512, 600), (600, 690), (690, 710)]
    assert steps(prompt, {END}, 600) == cold[2:]


def test_a_token_is_left_to_compute() -> None:
    """The same prompt again still needs logits after its last token."""
    prompt = message(100)
    assert reusable(prompt, prompt, {END}) == 0
