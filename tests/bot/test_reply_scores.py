"""The scores of replies do what their formulas say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.reply_scores import Likelihood, chrf, mean_nll, nll_difference, nll_interval, style, style_distance

OWN = ["haha yeah!", "no way, really??", "I'm good\nhow are you?", "ok 😊", "sounds fun, let me know"]


def test_perplexity_is_per_token_over_all_replies() -> None:
    """A long reply weighs as its tokens do."""
    scores = [Likelihood("a", 2.0, 1), Likelihood("b", 3.0, 9)]
    assert mean_nll(scores) == pytest.approx(0.5)


def test_interval_holds_the_mean_and_is_over_conversations() -> None:
    """Copies of a conversation narrow nothing, more conversations do; the same seed gives the same interval."""
    scores = [Likelihood(str(n), 10.0 + n, 5) for n in range(10)]
    low, high = nll_interval(scores)
    assert low < mean_nll(scores) < high
    assert nll_interval(scores) == (low, high)
    assert nll_interval(scores * 4) == pytest.approx((low, high))
    more = [Likelihood(f"{n}-{copy}", 10.0 + n, 5) for n in range(10) for copy in range(9)]
    narrow = nll_interval(more)
    assert narrow[1] - narrow[0] < 0.5 * (high - low)


def test_difference_is_paired() -> None:
    """What one reply is harder than another is in both and does not widen the interval; other replies are refused."""
    theirs = [Likelihood(str(n), 10.0 + 5 * n, 5) for n in range(8)]
    ours = [Likelihood(score.conversation, score.nll - 1.0 - n % 2, 5) for n, score in enumerate(theirs)]
    found = nll_difference(ours, theirs)
    assert found.value == -0.3
    assert -0.4 <= found.low < found.value < found.high <= -0.2
    assert nll_difference(ours, ours).low == nll_difference(ours, ours).high == 0.0
    with pytest.raises(ValueError, match="same replies"):
        nll_difference(ours, theirs[::-1])


def test_own_manner_has_distance_zero_and_another_manner_more() -> None:
    """The person's own replies are at 0; a stiff paragraph is farther than a chatty line."""
    stiff = ["Thank you for your message. I would be glad to assist you with this matter. Please provide details."] * 5
    chatty = ["yeah!", "really??", "good, you?", "ok 😊", "fun, let me know"]
    assert style_distance(OWN, OWN, own=OWN) == 0.0
    assert style_distance(stiff, OWN, own=OWN) > style_distance(chatty, OWN, own=OWN) > 0


def test_rare_mark_does_not_outweigh_everything_else() -> None:
    """A mark that the person used once in a hundred replies is no habit, however often the model writes it."""
    own = [*OWN * 20, "see you..."]
    assert style_distance(["yeah! ... ... ..."], OWN, own=own) == style_distance(["yeah!"], OWN, own=own)


def test_style_is_finite_for_any_text() -> None:
    """No words, no letters, Chinese: every feature is a number."""
    for text in ("", "😊", "...", "好的，明天见！"):
        assert np.isfinite(style(text)).all()
    assert style("好的，我明天见！")[-10:].sum() > 0, "Chinese function words count"


def test_chrf_by_hand() -> None:
    """Equal texts have 1, disjoint ones 0; one small case computed on paper."""
    assert chrf("see you", "see  you") == pytest.approx(1.0)
    assert chrf("abc", "xyz") == chrf("", "xyz") == chrf("", "") == 0.0
    # "ab" against "abc": precisions 1, 1, 0 (the true text has one 3-gram), recalls 2/3, 1/2, 0.
    precision, recall = 2 / 3, (2 / 3 + 1 / 2) / 3
    assert chrf("ab", "abc") == pytest.approx(5 * precision * recall / (4 * precision + recall))


def test_chrf_prefers_what_is_nearer() -> None:
    """Half of the words are worth more than none, and less than all."""
    true = "the train leaves at nine"
    assert 0 < chrf("the bus leaves at ten", true) < chrf("the train leaves at ten", true) < 1
    assert math.isfinite(chrf("a" * 500, true))
