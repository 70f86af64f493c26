"""Which sentences say most about a pile of texts: pure functions over sentences and their vectors.

A sentence ranks by how near it is to the middle of its document and of the topic, by the names and numbers in it, and
by standing early. Sentences are then taken one by one, each the best that repeats least of what is taken already
(maximal marginal relevance, Carbonell and Goldstein 1998), and each document gets its turn before any gets a second.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.grounding import claims, sentences
from memory.intent import is_question
from memory.records import Chunk, Length
from memory.words import HAN, content_words, split_words

Floats = NDArray[np.float32]

_PER_DOCUMENT: dict[Length, int] = {"short": 1, "medium": 2, "long": 4}
_LEAST: dict[Length, int] = {"short": 3, "medium": 6, "long": 12}
_MOST: dict[Length, int] = {"short": 20, "medium": 40, "long": 80}
_SHARE: dict[Length, float] = {"short": 0.34, "medium": 0.5, "long": 0.67}

_CALENDAR = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december""".split()  # noqa: SIM905 - read as a text
)
SAME_PAGE = 0.38
"""Least alignment of a page and its translation (e5-small): 20 translated pages had 0.39 or more, others up to 0.34."""

_KANA_HANGUL = re.compile(r"[\u3040-\u30ff\uac00-\ud7af]")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_OTHER_SCRIPT = re.compile(r"[\u0370-\u1fff]")
_ENGLISH = frozenset("the and of to in is it that for with was on are be this as at by from have not".split())  # noqa: SIM905
_NOT_ENGLISH = frozenset(
    """der das und ist nicht ein eine mit den von zu le les des et est une que pour dans el los las y es por con del
    il di che non per gli sono het een van niet en de la o os um uma com para och att det som""".split()  # noqa: SIM905
)
_MARKUP = re.compile(r"^(?:[-*+•]\s+(?:\[[ xX]\]\s+)?|\d{1,3}[.)]\s+|>\s+)+|\*\*|__|`")
_ENDS = re.compile(r"[.!?:;。！？：；|>]$")
_STARTS = re.compile(r"#|[-*+•|>=]|\d{1,3}[.)]\s|[\w -]{1,20}:\s|```")
_WRAPPED = 60
"""A line at least so long (in Latin characters) and without an end may go on in the next."""
_BOILERPLATE = re.compile(
    r"^(?:page|seite|第)\s*\d+(?:\s*(?:of|/|页)\s*\d*)?\s*页?$|^\d+$|^https?://\S+$|©|\ball rights reserved\b|版权所有"
    r"|^(?:back to top|share this|print|menu|home|next|previous|accept (?:all )?cookies|table of contents"
    r"|返回顶部|目录|上一页|下一页)\W*$"
    r"|^(?:title|tags|aliases|created|updated|modified|date|author|keywords|标签|作者|日期)\s*[:：]"
    r"|\.{4,}\s*\d+$|^\|?[\s|:-]+\|?$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Sentence:
    """A sentence, the passage that it stands in, and its order within its document."""

    text: str
    chunk: Chunk
    order: int

    @property
    def place(self) -> str:
        """What it is grouped by: its document, or the day of its conversation."""
        return place_of(self.chunk)


def place_of(chunk: Chunk) -> str:
    """The document of a passage, or the day of the conversation in which it was said."""
    return f"document {chunk.document_id}" if chunk.document_id is not None else f"day {(chunk.at or '')[:10]}"


def language_of_text(text: str) -> str:
    """ "zh", "en" or "other", by script and, in Latin script, by the commonest words."""
    if _KANA_HANGUL.search(text):
        return "other"
    chinese, latin = len(HAN.findall(text)), len(_LATIN.findall(text))
    if len(_OTHER_SCRIPT.findall(text)) > chinese + latin:
        return "other"
    if chinese * 3 > latin:
        return "zh"
    words = re.findall(r"[a-zà-ɏ]+", text.lower())
    foreign, english = (sum(word in known for word in words) for known in (_NOT_ENGLISH, _ENGLISH))
    return "other" if foreign > english else "en"


def split_chunks(chunks: Sequence[Chunk]) -> list[Sentence]:
    """The sentences worth quoting, in order, each once: no headings, questions or boilerplate."""
    found: dict[str, Sentence] = {}
    orders: dict[str, int] = {}
    for chunk in chunks:
        for raw in sentences(unwrap(chunk.text)):
            text = _MARKUP.sub("", raw).strip()
            if raw.startswith("#") or not _worth_quoting(text):
                continue
            order = orders.get(place_of(chunk), 0)
            orders[place_of(chunk)] = order + 1
            found.setdefault(text, Sentence(text, chunk, order))
    return list(found.values())


def unwrap(text: str) -> str:
    """The text with lines joined that were broken to a width (as in mails, PDFs), so that sentences are whole."""
    lines: list[str] = []
    for line in text.split("\n"):
        before = lines[-1] if lines else ""
        if _goes_on(before, line.strip()):
            gap = "" if HAN.match(line.strip()) and not before.rstrip()[-1:].isascii() else " "
            lines[-1] = f"{before.rstrip()}{gap}{line.strip()}"
        else:
            lines.append(line)
    return "\n".join(lines)


def _goes_on(before: str, line: str) -> bool:
    plain = before.strip()
    if not plain or not line or plain.startswith(("#", "|")) or _ENDS.search(plain) or _STARTS.match(line):
        return False
    return line[0].islower() or _size(plain) >= _WRAPPED


def _worth_quoting(text: str) -> bool:
    if _BOILERPLATE.search(text) or is_question(text) or text.endswith((":", "：")):
        return False
    size = len(HAN.findall(text)) + 2 * len(re.findall(r"[^\W\d_]+", HAN.sub(" ", text)))
    return size >= 8 or (size >= 4 and bool(claims(text)))


def wanted_count(length: Length, *, documents: int, sentences: int) -> int:
    """How many sentences a summary has: one a document or more, up to a limit, and otherwise a share of the text."""
    by_documents = min(max(_PER_DOCUMENT[length] * documents, _LEAST[length]), _MOST[length])
    return min(by_documents, max(documents, round(_SHARE[length] * sentences)))


def fact_density(text: str) -> float:
    """0..1 by the facts in a sentence: figures, dates and codes (two are full marks) before names and number words."""
    found = set(claims(text))
    hard = {claim for claim in found if any(c.isdigit() for c in claim) or claim.lower() in _CALENDAR}
    return min(1.0, 0.45 * min(len(hard), 2) + 0.1 * min(len(found - hard), 3))


def topic_match(topic: str, texts: Sequence[str]) -> Floats:
    """(n,) share of the topic's content words that stand in each text."""
    wanted = set(content_words(topic))
    return np.array([len(wanted & set(split_words(text))) / max(len(wanted), 1) for text in texts], np.float32)


def topic_nearness(topic: str, found: Sequence[Sentence], cosines: Floats) -> Floats:
    """(n,) how much each sentence is about the topic, 0..1: by meaning, by its words, by those of title and section.

    :param cosines: (n,) of topic and sentence
    """
    words = topic_match(topic, [item.text for item in found])
    around = topic_match(topic, [f"{item.chunk.title} {item.chunk.section or ''}" for item in found])
    return (_scaled(cosines) + 0.5 * words + around) / 2.5


def salience(found: Sequence[Sentence], vectors: Floats, *, topic: Floats | None = None) -> Floats:
    """(n,) how much each sentence says, higher is more.

    :param vectors: (n, d), L2-normalised
    :param topic: (n,) how near each sentence is to what was asked for, 0..1
    """
    if not found:
        return np.zeros(0, np.float32)
    places = np.array([item.place for item in found])
    near = np.zeros(len(found), np.float32)
    for place in np.unique(places):
        rows = places == place
        near[rows] = vectors[rows] @ _unit(vectors[rows].mean(axis=0))
    facts = np.array([fact_density(item.text) for item in found], np.float32)
    early = np.array([1.0 / (1 + item.order) for item in found], np.float32)
    long = np.array([min(_size(item.text) / 40, 1.0) for item in found], np.float32)
    row = np.array([item.text.startswith("|") for item in found], np.float32)
    score: Floats = _scaled(near) + 1.5 * facts + 0.25 * early + 0.5 * long - row
    return score if topic is None else score + 4.0 * topic


def choose(found: Sequence[Sentence], vectors: Floats, scores: Floats, *, count: int, spread: float = 1.0) -> list[int]:
    """Indexes of the sentences taken, grouped by document in the given order.

    Each step takes the sentence with the highest score, less how much it repeats (its greatest cosine to one taken),
    less ``spread`` for each that its document has given already.
    """
    taken: list[int] = []
    nearest = np.zeros(len(found), np.float32)
    places = np.array([item.place for item in found])
    given = np.zeros(len(found), np.float32)
    while len(taken) < min(count, len(found)):
        value = scores - nearest - spread * given
        value[taken] = -np.inf
        best = int(value.argmax())
        taken.append(best)
        nearest = np.maximum(nearest, vectors @ vectors[best])
        given += places == places[best]
    return sorted(taken)


def without_translations(found: Sequence[Sentence], vectors: Floats, *, language: str) -> list[int]:
    """Indexes of the sentences to choose from: pages go that exist in ``language`` too.

    Two pages are the same where each is the other's nearest across the two languages, and near enough. Nearness is
    the mean, over the sentences of both pages, of the best cosine to a sentence of the other; each language's mean
    vector is taken off first, since it hides what a sentence says (e5-small: all cosines lie between 0.8 and 0.9).
    """
    places = np.array([item.place for item in found])
    texts = {place: " ".join(item.text for item in found if item.place == place) for place in dict.fromkeys(places)}
    own = [place for place, text in texts.items() if language_of_text(text) == language]
    other = [place for place in texts if place not in own]
    if not own or not other:
        return list(range(len(found)))
    centred = _centred(vectors, np.isin(places, own))
    near = np.array([[_alignment(centred[places == a] @ centred[places == b].T) for b in own] for a in other])
    twins = {
        place
        for row, place in enumerate(other)
        if near[row].max() >= SAME_PAGE and near[:, near[row].argmax()].argmax() == row
    }
    return [n for n, place in enumerate(places) if place not in twins]


def _centred(vectors: Floats, own: NDArray[np.bool_]) -> Floats:
    centred = vectors.copy()
    for rows in (own, ~own):
        centred[rows] -= vectors[rows].mean(axis=0)
    lengths = np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    return np.asarray(centred / lengths, np.float32)


def _alignment(cosines: Floats) -> float:
    return float(cosines.max(axis=1).mean() + cosines.max(axis=0).mean()) / 2


def _size(text: str) -> float:
    """Length in characters, a Chinese one counting for two and a half."""
    return len(text) + 1.5 * len(HAN.findall(text))


def _unit(vector: Floats) -> Floats:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _scaled(values: Floats) -> Floats:
    spread = float(values.max() - values.min())
    return (values - values.min()) / spread if spread > 1e-6 else np.ones_like(values)
