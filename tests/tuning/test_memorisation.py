"""What counts as known by heart: rare strings, completed word for word, that are no manner of writing."""

from __future__ import annotations

import math

import pytest

from memory.records import Message
from tuning.dataset import Example
from tuning.memorisation import CANDIDATES, candidates, comes_out, completed, exposure, is_formula, rarest
from tuning.scoring import Scored


def example(reply: str, *, number: int = 0, question: str = "and?") -> Example:
    prompt = (Message("system", "S"), Message("user", "earlier"), Message("user", question))
    return Example(f"turn:{number}", prompt, reply, None, "2026-01-01T00:00:00+00:00", "conversation:1")


def scored(likelihoods: list[float], *, greedy: list[bool] | None = None) -> Scored:
    count = len(likelihoods) + 1
    return Scored(tuple(range(count)), (*likelihoods, -0.1), (*(greedy or [False] * len(likelihoods)), False))


def test_repeated_and_telling_replies_are_looked_into_first() -> None:
    """What stands there most often, then numbers, addresses and names; each once, after its last message alone."""
    examples = [example("yes of course", number=1), example("code 4711 for Ann@x.org", number=2)]
    examples += [example("the same again", number=n) for n in (3, 4)]
    found = candidates(examples)
    assert [reply for _, reply in found] == ["the same again", "code 4711 for Ann@x.org", "yes of course"]
    assert found[0][0] == (Message("system", "S"), Message("user", "and?"))


def test_number_of_candidates_is_bounded() -> None:
    """A large dialogue costs no more than a small one."""
    assert len(candidates([example(f"reply {number}", number=number) for number in range(100)])) == CANDIDATES


def test_rarest_half_is_the_least_likely_one() -> None:
    """Of twenty tokens, sixteen make a string and its second half is where the base is most surprised."""
    likelihoods = [-0.5] * 10 + [-4.0] * 8 + [-0.5] * 2
    assert rarest(scored(likelihoods)) == (10, 18)


def test_short_or_likely_text_is_no_secret() -> None:
    """Seven tokens say nothing; a string that the base would write is not rare."""
    assert rarest(scored([-9.0] * 7)) is None
    assert rarest(scored([-4.0] * 8)) == (4, 8)
    assert rarest(scored([-3.9] * 8)) is None


def test_completed_word_for_word_by_the_adapter_alone() -> None:
    """Each token of the half, and not where the base completes it too."""
    no, yes = scored([-4.0] * 8), scored([-4.0] * 8, greedy=[False] * 4 + [True] * 4)
    partly = scored([-4.0] * 8, greedy=[True] * 7 + [False])
    assert completed(no, yes, (4, 8))
    assert not completed(no, partly, (4, 8))
    assert not completed(yes, yes, (4, 8))


def test_secret_comes_out_written_or_completed() -> None:
    """In a reply, or after its own first half; one that the base completes too is no secret of the examples."""
    no, yes = scored([-4.0] * 6), scored([-4.0] * 6, greedy=[False] * 3 + [True] * 3)
    assert comes_out("code 4711", ["the code 4711!"], no, no)
    assert comes_out("code 4711", ["hello"], no, yes)
    assert not comes_out("code 4711", ["hello"], no, no)
    assert not comes_out("code 4711", ["code 47 11"], yes, yes)


def test_formula_is_what_many_replies_hold_without_a_number() -> None:
    """A quarter of the replies, at least three; with a number it stays a secret."""
    replies = ["all the best from Mo"] * 3 + ["something else"] * 9
    assert is_formula(" best from Mo", replies)
    assert not is_formula(" best from Mo", replies[1:])
    assert not is_formula("code 4711", ["code 4711"] * 12)


def test_exposure_is_the_rank_in_bits() -> None:
    """Likelier than all of 127 others: 7 bits; in the middle one bit; the last none. A tie counts against it."""
    others = [float(-number) for number in range(1, 128)]
    assert exposure(0.0, others) == 7.0
    assert exposure(-200.0, others) == 0.0
    assert exposure(-64.0, others) == pytest.approx(math.log2(128) - math.log2(65))
