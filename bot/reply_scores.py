"""How near replies are to a person's own: likelihood, style, characters and meaning, each a pure function.

None of them alone says that a reply is good. Likelihood is of the true reply and needs no generation; the other three
compare greedy replies with the true ones.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FUNCTION_WORDS = (
    *("i", "you", "we", "it", "that", "this", "my", "your", "me", "the", "a", "and", "but", "so", "or", "to", "of"),
    *("in", "for", "with", "on", "at", "is", "are", "was", "be", "have", "do", "not", "if", "what", "how"),
    *("just", "really", "yeah", "oh", "的", "了", "是", "我", "你", "在", "不", "吗", "吧", "啊", "呢"),
)
"""Words that say little and are used by habit: the usual ones of authorship studies, some of talk, and Chinese ones."""
_MARKS = (".", ",", "!", "?", "...", "'", "。", "，", "！", "？")
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")
_WORDS = re.compile(r"[\u3400-\u9fff]|[^\W\d_\u3400-\u9fff]+")
_SPACE = re.compile(r"\s+")
_ORDER, _BETA = 6, 2.0
_IN_USE = 0.05


@dataclass(frozen=True)
class Likelihood:
    """Negative log-likelihood of one true reply, end-of-turn included, in nats."""

    conversation: str
    """Replies of one conversation are not independent: the interval is over conversations."""
    nll: float
    tokens: int


def mean_nll(scores: Sequence[Likelihood]) -> float:
    """Per token, over all replies; its exponential is the perplexity."""
    return sum(score.nll for score in scores) / sum(score.tokens for score in scores)


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def nll_interval(scores: Sequence[Likelihood], *, draws: int = 2000, seed: int = 0) -> tuple[float, float]:
    """95 % interval of `mean_nll` by the percentile bootstrap over conversations."""
    nothing = [Likelihood(score.conversation, 0.0, score.tokens) for score in scores]
    interval = nll_difference(scores, nothing, draws=draws, seed=seed)
    return interval.low, interval.high


def nll_difference(
    ours: Sequence[Likelihood], theirs: Sequence[Likelihood], *, draws: int = 2000, seed: int = 0
) -> Interval:
    """`mean_nll` of ours less that of theirs on the same replies; below 0 ours is better.

    The bootstrap is paired: both are of the conversations drawn, so that a hard conversation weighs on both alike.

    :raises ValueError: they are not of the same replies
    """
    pairs = list(zip(ours, theirs, strict=True))
    if any((one.conversation, one.tokens) != (other.conversation, other.tokens) for one, other in pairs):
        raise ValueError("a paired difference is of the same replies in the same order")
    sums: dict[str, NDArray[np.float64]] = {}
    for one, other in pairs:
        zero = np.zeros(2)
        sums[one.conversation] = sums.get(one.conversation, zero) + np.array([one.nll - other.nll, one.tokens])
    table = np.array([sums[name] for name in sorted(sums)])
    chosen = np.random.default_rng(seed).integers(0, len(table), size=(draws, len(table)))
    totals = table[chosen].sum(axis=1)
    low, high = np.percentile(totals[:, 0] / totals[:, 1], [2.5, 97.5])
    value = table[:, 0].sum() / table[:, 1].sum()
    return Interval(round(float(value), 4), round(float(low), 4), round(float(high), 4))


def style(reply: str) -> NDArray[np.float64]:
    """Features of one reply: its length, and per word its marks, emoji, lines, capitals and function words.

    Length is the logarithm of one plus the number of words; capitals is whether the first letter is one.
    """
    words = _WORDS.findall(reply.lower())
    count = max(1, len(words))
    used = Counter(words)
    letters = [sign for sign in reply if sign.isalpha()]
    return np.array(
        [
            math.log1p(len(words)),
            *(reply.count(mark) / count for mark in _MARKS),
            len(_EMOJI.findall(reply)) / count,
            reply.count("\n") / count,
            float(bool(letters) and letters[0].isupper()),
            *(used[word] / count for word in FUNCTION_WORDS),
        ]
    )


def style_distance(replies: Sequence[str], true: Sequence[str], *, own: Sequence[str]) -> float:
    """Mean over features of the difference of means in standard deviations; 0 is the person's own average manner.

    This is Burrows's Delta (2002) with the features of `style`, the deviations being those of the person's ``own``
    replies. As there, only features in common use count: those in at least a twentieth of the person's replies, as
    the deviation of a rarer one is so small that a single mark would outweigh everything else.
    """
    habits = np.array([style(reply) for reply in own])
    deviations = habits.std(axis=0)
    common = (deviations > 0) & ((habits != 0).mean(axis=0) >= _IN_USE)
    difference = np.mean([style(r) for r in replies], axis=0) - np.mean([style(r) for r in true], axis=0)
    return float(np.mean(np.abs(difference[common]) / deviations[common])) if common.any() else 0.0


def chrf(reply: str, true: str) -> float:
    """chrF2 of one reply, 0..1: F-score of character n-grams up to 6, recall weighing twice; white space left out.

    M. Popović, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015. Orders that neither text is
    long enough for don't count.
    """
    ours, theirs = _SPACE.sub("", reply), _SPACE.sub("", true)
    precisions, recalls = [], []
    for order in range(1, _ORDER + 1):
        one = Counter(ours[i : i + order] for i in range(len(ours) - order + 1))
        other = Counter(theirs[i : i + order] for i in range(len(theirs) - order + 1))
        if not one and not other:
            continue
        common = sum((one & other).values())
        precisions.append(common / max(1, one.total()))
        recalls.append(common / max(1, other.total()))
    if not sum(precisions):
        return 0.0
    precision, recall = float(np.mean(precisions)), float(np.mean(recalls))
    return (1 + _BETA**2) * precision * recall / (_BETA**2 * precision + recall)
