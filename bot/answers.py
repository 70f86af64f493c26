"""From what was found and what the model wrote to a reply in which every statement has a source.

Two ways, chosen by the model's measured answer quality. Trusted: the model's text, its citations checked. Not
trusted: the passages' own sentences, cited, and of the model's wording only sentences whose every name and number
stands in the passages. Pure functions: the same inputs give the same reply.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.days_meant import remark_on_days
from bot.grounding import overlap, sentences, unsupported
from bot.locales import LANGUAGES, say
from bot.salience import unwrap
from memory.records import GIVEN_ID, Chunk, Citation, Hit
from memory.words import HAN, content_words, split_words

_CITED = re.compile(r"\s*\[(\d{1,3})\]")
_METADATA = re.compile(r"^(?:title|tags?|date|created|updated|author|aliases|type|status|due)s?: ", re.IGNORECASE)
_MARKUP = re.compile(r"^(?:#{1,6}\s+|[-*+]\s+|\d+[.)]\s+|>\s+)|\*\*|__|`")


@dataclass(frozen=True)
class Candidate:
    """A sentence of a found passage, with the passage's rank (0 is best)."""

    text: str
    rank: int


def candidates(hits: Sequence[Hit]) -> list[Candidate]:
    """The sentences of the found passages, each once, markup taken off, headings and questions left out."""
    seen: dict[str, Candidate] = {}
    for rank, hit in enumerate(hits):
        for raw in sentences(unwrap(hit.chunk.text)):
            text = _MARKUP.sub("", raw).strip()
            if (
                len(text) > 3
                and not raw.startswith("#")
                and not _METADATA.match(text)
                and not text.endswith(("?", "？"))
            ):
                seen.setdefault(text, Candidate(text, rank))
    return list(seen.values())


def choose_sentences(
    question: str, found: Sequence[Candidate], similarity: Sequence[float], *, most: int
) -> list[Candidate]:
    """The sentences that answer best, best first.

    A sentence's score is its embedding similarity to the question, plus the share of the question's words in it
    (each weighted by its rarity among the candidates, so that "the" counts little), a little for a number where the
    question asks for one, less a little per rank of its passage. Sentences that score well below the best one are
    left out rather than filling up the reply.
    """
    if not found:
        return []
    counts = Counter(word for item in found for word in set(split_words(item.text)))
    wanted = {word: math.log(1 + len(found) / (1 + counts[word])) for word in set(split_words(question))}
    total = sum(wanted.values()) or 1.0
    asks_number = bool(_ASKS_NUMBER.search(question))
    scores = []
    for item, near in zip(found, similarity, strict=True):
        shared = sum(wanted[word] for word in set(split_words(item.text)) & wanted.keys())
        fits = 0.06 if asks_number and _NUMBER.search(item.text) else 0.0
        scores.append(near + 0.5 * shared / total + fits - 0.03 * item.rank)
    order = sorted(range(len(found)), key=lambda i: -scores[i])
    return [found[i] for i in order[:most] if scores[i] >= scores[order[0]] - 0.08]


_ASKS_NUMBER = re.compile(
    r"\b(?:when|how (?:much|many|long|old|far|tall|big|often)|what time|which (?:day|date|year|number)|number|date)\b"
    r"|多少|几|何时|什么时候|哪[天年日]|多[大久远高长]|号码",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d|[一二三四五六七八九十百千]")


def is_about(question: str, chunk: Chunk) -> bool:
    """Whether a passage of a document names what is asked about, and not just something like it.

    The wifi password of the home is near to a question for that of the office, in meaning and in words; what is
    missing is the one word that matters. So nearly all words of the question (but those that only ask) must stand in
    the passage, its title or its section. In a dialogue people answer in other words, so nothing is asked there.
    """
    if chunk.speaker is not None:
        return True
    text = " ".join(part for part in (chunk.title, chunk.section, chunk.text) if part)
    chinese = bool(HAN.search(question))
    return _share_named(_CHINESE_ASKING.sub(" ", question) if chinese else question, text) >= (0.6 if chinese else 0.8)


def _share_named(question: str, text: str) -> float:
    """Share of the question's words that stand in a text; runs of Chinese count by pairs, wherever they stand."""
    words = {word for word in content_words(question) if word not in _ASKING}
    if not words:
        return 1.0
    there = set(split_words(text))
    return sum(word in there or (not word.isascii() and word in text) for word in words) / len(words)


_ASKING = frozenset(
    split_words(
        "cost costs price per much many long often old big far need use call name named get take taken go goes tell"
        " find show know remember next last current old new number code date time day year place thing exactly please"
    )
)
_CHINESE_ASKING = re.compile(
    r"多少钱?|多[久大远高长]|怎么样?|怎样|什么时候|什么|哪[天里儿个些年月日]?|几[点号天次岁年月]?|谁|为什么|为何|如何|请问|告诉我"
    r"|[吗呢吧的了是要用去在有叫做给把被和我你您们]"
)


@dataclass(frozen=True)
class Quoted:
    """A quoting reply and its sources, numbered in the order in which they are quoted."""

    text: str
    citations: tuple[Citation, ...]


def quote(chosen: Sequence[Candidate], hits: Sequence[Hit], *, language: str) -> Quoted:
    """The chosen sentences as a reply, each followed by the number of its source."""
    numbers: dict[int, int] = {}
    lines = []
    for item in chosen:
        number = numbers.setdefault(item.rank, len(numbers) + 1)
        chunk = hits[item.rank].chunk
        meant = remark_on_days(item.text, chunk)
        lines.append(f"{_attribution(chunk)}{item.text}{f' ({meant})' if meant else ''} [{number}]")
    cited = tuple(cite(n, hits[rank].chunk, language=language) for rank, n in numbers.items())
    if len(lines) == 1:
        return Quoted(lines[0], cited)
    return Quoted(say(language, "quote_intro") + "".join(f"\n- {line}" for line in lines), cited)


def _attribution(chunk: Chunk) -> str:
    """Who said it and when, for a turn of an imported dialogue: "yesterday" means nothing without its day."""
    if chunk.document_id is None or chunk.speaker is None:
        return ""
    return f"{chunk.speaker} ({chunk.at[:10]}): " if chunk.at else f"{chunk.speaker}: "


def cite(number: int, chunk: Chunk, *, language: str) -> Citation:
    """A numbered source that names file and page or section, or the date of the conversation."""
    if chunk.id == GIVEN_ID:
        title = chunk.title
    elif chunk.document_id is None:
        title = say(language, "conversation_on", date=(chunk.at or "")[:10])
    else:
        place = say(language, "page", n=chunk.page) if chunk.page else chunk.section
        name = chunk.source.replace("\\", "/").rsplit("/", 1)[-1]
        day = chunk.at[:10] if chunk.at and chunk.speaker else None
        title = ", ".join(part for part in (name, place, day) if part)
    return Citation(number, chunk.source, title, chunk.text, chunk.id)


def _runs(text: str) -> set[tuple[str, ...]]:
    """All runs of four words."""
    words = split_words(text)
    return {tuple(words[i : i + 4]) for i in range(len(words) - 3)}


_NEGATION = re.compile(r"\b(?:not?|never|none|nothing|cannot|without)\b|n['’]t\b|[不没无未]", re.IGNORECASE)


class WordingFilter:
    """Lets through, sentence by sentence as they are written, only what the passages support."""

    def __init__(
        self, sources: Sequence[str], *, emit: Callable[[str], None], already: str = "", instructions: str = ""
    ) -> None:
        """``sources`` support names and numbers.

        A sentence that ``already`` says adds nothing, and one that recites the ``instructions`` is no answer.
        """
        self._instructions = _runs(instructions)
        self._already = _CITED.sub("", already)  # a citation's number supports no number
        self._sources = [*sources, self._already]
        self._emit = emit
        self._frames = {say(language, key) for language in LANGUAGES for key in ("quote_intro", "nothing_found")}
        self._waiting = ""
        self.kept: list[str] = []
        self.dropped = 0

    def feed(self, piece: str) -> None:
        """Take the next piece of the model's text; whole sentences are judged at once."""
        self._waiting += piece
        done = sentences(self._waiting)
        if len(done) > 1:
            for sentence in done[:-1]:
                self._judge(sentence)
            self._waiting = self._waiting[self._waiting.rindex(done[-1]) :]

    def finish(self, *, complete: bool) -> str:
        """Judge what is left (an unfinished sentence is dropped) and return all that was kept."""
        last = self._waiting.strip()
        if last and (complete or last.endswith((".", "!", "?", "。", "！", "？"))):
            for sentence in sentences(last):
                self._judge(sentence)
        self._waiting = ""
        return " ".join(self.kept)

    def _judge(self, sentence: str) -> None:
        text = _CITED.sub("", sentence).strip()
        # A small model repeats the question, the quote and what it has seen the assistant say.
        repeated = text.endswith(("?", "？")) or text in self.kept or text in self._frames
        repeated = repeated or bool(_runs(text) & self._instructions)
        if not text or repeated or (self._already and overlap(text, self._already) > 0.9):
            return
        weak_chinese = bool(HAN.search(text)) and max(overlap(text, source) for source in self._sources) < 0.8
        denies = bool(_NEGATION.search(text)) and not any(_NEGATION.search(source) for source in self._sources)
        if weak_chinese or denies or unsupported(text, self._sources):
            self.dropped += 1
            return
        self._emit(("" if not self.kept else " ") + text)
        self.kept.append(text)


def check_citations(reply: str, chunks: Sequence[Chunk], *, language: str) -> tuple[str, tuple[Citation, ...]]:
    """A trusted model's reply with numbers that name no passage taken out, and its sources.

    A reply without any number gets the one of the passage that shares most of its words, if that is at least half.
    """
    text = _CITED.sub(lambda match: match.group() if 0 < int(match[1]) <= len(chunks) else "", reply).strip()
    used = sorted({int(n) for n in _CITED.findall(text)})
    if not used and chunks and text:
        shares = [overlap(text, chunk.text) for chunk in chunks]
        best = max(range(len(chunks)), key=shares.__getitem__)
        if shares[best] >= 0.5:
            used = [best + 1]
            text = f"{text} [{best + 1}]"
    return text, tuple(cite(n, chunks[n - 1], language=language) for n in used)
