"""What a model wrote as a summary, sentence by sentence against the passages: each has a source, or it goes.

Names and numbers must stand in the passages that a sentence cites. Across languages names change, so there only the
numbers must (``bot.numerals``), and meaning is compared by embedding. A sentence without a number of its own is given
the passage that it is nearest to; one that no passage supports is dropped and counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.grounding import sentences, unsupported
from bot.numerals import is_number, numbers_of
from bot.salience import language_of_text
from memory.records import Chunk
from memory.words import content_words, split_words

Nearness = Callable[[str, int], float]
"""Greatest cosine of a sentence to one of the passage of that number."""

RELATED = {True: 0.88, False: 0.80}
"""Least nearness to a passage that a sentence cites though they share few words, in the same language and across.

Measured with e5-small on 20 pages and their translations: a sentence and its own translation's page 0.80 to 0.88 (nine
in ten), a page about something else below 0.80 (nine in ten); within a language other pages reach 0.88.
"""
SAME_MEANING = {True: 0.92, False: 0.82}
"""Least nearness at which a passage counts as the source of a sentence that cites none."""
_SHARED_WORDS = 0.5
_FEW_WORDS = 0.25
_CHINESE_WORDS = 0.4
"""Least share of a Chinese sentence's character pairs in its source: names there can't be told by capitals."""

_NUMBERS = r"[\[【]\s*\d{1,4}(?:\s*[,，、;]\s*\d{1,4})*\s*[\]】]"
_CITED = re.compile(rf"\s*{_NUMBERS}")
_AFTER_STOP = re.compile(rf"([.!?。！？]+)((?:\s*{_NUMBERS})+)")
_MARKUP = re.compile(r"^(?:#{1,6}\s+|[-*+•]\s+|\d{1,3}[.)]\s+|>\s+)+|\*\*|__|`|</?notes>", re.IGNORECASE)


@dataclass(frozen=True)
class SummarySentence:
    """A sentence of a summary and the numbers of its sources."""

    text: str
    citations: tuple[int, ...]


@dataclass(frozen=True)
class Checked:
    """The sentences that have a source, and how many had none."""

    sentences: tuple[SummarySentence, ...]
    dropped: int


def parse_draft(text: str) -> list[SummarySentence]:
    """The sentences of a model's draft with the numbers that they cite, markup and framing lines taken off."""
    found = []
    for raw in sentences(_AFTER_STOP.sub(r"\2\1", text)):
        plain = _MARKUP.sub("", _CITED.sub("", raw)).strip()
        cited = [int(n) for group in _CITED.findall(raw) for n in re.findall(r"\d+", group)]
        if len(plain) > 3 and not plain.endswith((":", "：")) and not raw.startswith("#"):
            found.append(SummarySentence(plain, tuple(dict.fromkeys(cited))))
    return found


def check_draft(draft: Sequence[SummarySentence], chunks: Mapping[int, Chunk], *, nearness: Nearness) -> Checked:
    """Keep each sentence once, with the passages that support it."""
    kept: dict[str, SummarySentence] = {}
    dropped = 0
    for item in draft:
        numbers = sources_of(item, chunks, nearness=nearness)
        if not numbers:
            dropped += 1
        else:
            kept.setdefault(item.text, SummarySentence(item.text, numbers))
    return Checked(tuple(kept.values()), dropped)


def sources_of(item: SummarySentence, chunks: Mapping[int, Chunk], *, nearness: Nearness) -> tuple[int, ...]:
    """Numbers of the passages that support a sentence: those that it cites, else the nearest; empty where none does."""
    cited = tuple(n for n in item.citations if n in chunks)
    together = "\n".join(chunks[n].text for n in cited)
    if cited and is_supported(item.text, together) and _is_related(item.text, cited, chunks, nearness=nearness):
        return cited
    for n in sorted(chunks, key=lambda n: -shared_words(item.text, chunks[n].text)):
        if n in cited or not is_supported(item.text, chunks[n].text):
            continue
        least = SAME_MEANING[_same_language(item.text, chunks[n].text)]
        if shared_words(item.text, chunks[n].text) >= _SHARED_WORDS or nearness(item.text, n) >= least:
            return (n,)
    return ()


def shared_words(sentence: str, source: str) -> float:
    """Share of a sentence's content words (stop words aside) that stand in a source, 0..1."""
    words = set(content_words(sentence))
    return len(words & set(split_words(source))) / len(words) if words else 0.0


def _is_related(text: str, cited: Sequence[int], chunks: Mapping[int, Chunk], *, nearness: Nearness) -> bool:
    if shared_words(text, "\n".join(chunks[n].text for n in cited)) >= _FEW_WORDS:
        return True
    return any(nearness(text, n) >= RELATED[_same_language(text, chunks[n].text)] for n in cited)


def _same_language(a: str, b: str) -> bool:
    return language_of_text(a) == language_of_text(b)


def is_supported(sentence: str, source: str) -> bool:
    """Whether every name and number of a sentence stands in a source; across languages, every number."""
    known = numbers_of(source)
    if not numbers_of(sentence, ones=False) <= known:
        return False
    if not _same_language(sentence, source):
        return True
    if language_of_text(sentence) == "zh" and shared_words(sentence, source) < _CHINESE_WORDS:
        return False
    return all(is_number(claim) and numbers_of(claim) <= known for claim in unsupported(sentence, [source]))
