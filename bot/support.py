"""Which sentences of a reply stand in their sources, so that those that don't can be marked.

A sentence is held against the passages that it cites, or, if it cites none, against all that the model was given. It is
supported where each of its names and numbers stands there (dates and numbers in any writing) and either enough of its
words do or a sentence of a passage means nearly the same. What states no fact is not judged: a question, a greeting,
an opinion, an offer, and that nothing is known. The embedder is asked once for a whole reply, and only about sentences
that words alone don't settle.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.config import ChatConfig
from bot.days_meant import remark_on_days
from bot.grounding import sentences, unsupported
from bot.locales import LANGUAGES, say
from bot.numerals import is_number, numbers_of
from bot.salience import language_of_text, unwrap
from memory.embedding import Embedder
from memory.intent import intent_of
from memory.records import Hit, UnsupportedSentence
from memory.words import STOP_WORDS, content_words, raw_words, split_words


@dataclass(frozen=True)
class Least:
    """What makes a sentence supported; either is enough."""

    words: float
    """Share of its content words, those of the question aside, that stand in its sources."""
    meaning: float
    """Cosine to a sentence of its sources in the same language."""


def least_of(chat: ChatConfig) -> Least:
    """As the settings have it."""
    return Least(chat.support_words, chat.support_meaning)


_ACROSS, _CHINESE = 0.08, -0.05
"""Added to a cosine across languages (the difference in `bot.summary_check.RELATED`), and between Chinese sentences,
whose cosines are all higher, so that one limit fits all (`familiar eval support`)."""


@dataclass(frozen=True)
class Statement:
    """A sentence of a reply that states a fact."""

    text: str
    """As it stands in the reply, a citation that follows its stop left out."""
    plain: str
    """Without citations and markup."""
    cited: tuple[int, ...]


def statements(reply: str) -> list[Statement]:
    """The sentences of a reply that state a fact, in order, each with the passages that it cites.

    Code, headings and heads of tables state none, and a mark would break the first and the last.
    """
    found: list[Statement] = []
    for piece in sentences(_NO_SENTENCE.sub("\n", reply)):
        lead = _LEAD.match(piece)
        if lead and found:  # "She moved. [2] He stayed.": the number belongs to what stands before it
            found[-1] = replace(found[-1], cited=(*found[-1].cited, *_numbers(lead.group())))
        text = piece[lead.end() :] if lead else piece
        plain = _MARKUP.sub("", _CITED.sub("", text)).strip()
        found.append(Statement(text, plain, _numbers(text)))
    return [item for item in found if states_fact(item.plain)]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(dict.fromkeys(int(n) for group in _CITED.findall(text) for n in re.findall(r"\d+", group)))


_NO_SENTENCE = re.compile(
    r"^[ \t]*(?P<fence>```|~~~)(?:.|\n)*?(?:^[ \t]*(?P=fence)[ \t]*$|\Z)"
    r"|^[ \t]*#{1,6}[ \t].*$"
    r"|^[^|\n]*\|.*\n[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$",
    re.MULTILINE,
)
_CITED = re.compile(r"\s*[\[【]\s*\d{1,3}(?:\s*[,，、;]\s*\d{1,3})*\s*[\]】]")
_LEAD = re.compile(rf"(?:{_CITED.pattern})+[\s.]*")
_MARKUP = re.compile(r"^(?:#{1,6}\s+|[-*+•]\s+|\d{1,3}[.)]\s+|>\s+)+|\*\*|__|`")
_SOURCE_NAMED = re.compile(r"\b(?:notes?|passages?|sources?)\s+\d{1,3}\b|第\s*\d{1,3}\s*条笔记", re.IGNORECASE)
_OWN = re.compile(
    r"^(?:(?:well|so|however|but|unfortunately|sorry)[, ]+)*(?:"
    r"i(?:'m| am)? (?:think|believe|guess|hope|feel|wish|wonder|suppose|sorry|glad|happy|afraid|unable|not sure|here"
    r"|can|could|would|will|do not|don't|did not|didn't|have no|have nothing|couldn't|can't|cannot|recommend|suggest)\b"
    r"|i'?(?:d|ll)\b|let me\b|let's\b|feel free\b|please\b|you (?:could|can|may|might|should)\b|perhaps\b|maybe\b"
    r"|(?:that|this|it)(?:'s| is| sounds| seems)(?: \w+)? (?:great|good|nice|lovely|wonderful|interesting|exciting"
    r"|important|amazing|fun|sad|hard|difficult|tough)\b|good luck|congratulations|enjoy\b|have a\b|sure\b"
    r"|certainly\b|of course\b|here (?:is|are|'s)\b|glad\b|sounds\b|in my opinion\b)"
    r"|^(?:我(?:觉得|认为|想|猜|希望|建议|可以|不|没|无法|很高兴|很抱歉)|希望|祝|请|抱歉|对不起|您?可以|你可以|也许|或许|加油|当然|好的)",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(
    r"\b(?:notes?|information|details?|messages?|memory|mention(?:ed)?|specified|provided|records?)\b[^.]*"
    r"(?:\b(?:not|no|nothing|none)\b|n['’]t\b)"
    r"|(?:\b(?:not|no|nothing|none)\b|n['’]t\b)[^.]*"
    r"\b(?:notes?|information|details?|mention(?:ed)?|specif(?:y|ied)|provided?|records?|known|clear)\b"
    r"|\b(?:have|know) nothing\b"
    r"|没有?(?:找到|提到|提及|说明|相关|关于|任何信息|记录)|未(?:提到|提及|说明)|不(?:知道|清楚|确定)",
    re.IGNORECASE,
)
_NEGATION = re.compile(r"\b(?:not?|never|none|nothing|cannot|without)\b|n['’]t\b|[不没无未]", re.IGNORECASE)


def states_fact(sentence: str) -> bool:
    """Whether a sentence (without citations) claims something that a source could hold."""
    plain = sentence.strip().replace("’", "'")
    frames = {say(language, key) for language in LANGUAGES for key in ("nothing_found", "nothing_shared", "noted")}
    if plain in frames or plain.endswith(("?", "？", ":", "：")):
        return False
    if _OWN.search(plain) or _UNKNOWN.search(plain) or intent_of(plain) == "greeting":
        return False
    return any(word not in STOP_WORDS for word in raw_words(plain))


@dataclass(frozen=True)
class Judged:
    """What words say about a statement."""

    statement: Statement
    missing: tuple[str, ...]
    """Its names and numbers that stand in no source."""
    shared: float
    """Share of its content words that do."""
    sources: tuple[int, ...]
    """Numbers of the passages that it was held against."""


def judge_words(statement: Statement, sources: Mapping[int, str], question: str) -> Judged:
    """A statement against the texts of the passages by their numbers; a name may also stand in the question.

    Words of the question are no evidence, as any answer repeats them: they count only where there are no others.
    """
    held_to = tuple(n for n in statement.cited if n in sources) or tuple(sources)
    together = "\n".join(sources[n] for n in held_to)
    plain = _SOURCE_NAMED.sub("", statement.plain)
    words = set(content_words(plain))
    own = words - set(split_words(question)) or words
    there = set(split_words(together))
    return Judged(
        statement,
        missing=_missing(plain, together, question),
        shared=len(own & there) / len(own) if own else 0.0,
        sources=held_to,
    )


def _missing(sentence: str, source: str, question: str) -> tuple[str, ...]:
    """Names and numbers of a sentence that neither source nor question holds, and a denial that no source makes."""
    known = numbers_of(source) | numbers_of(question)
    numbers = sorted(numbers_of(sentence, ones=False) - known)
    if language_of_text(sentence) != language_of_text(source):
        return tuple(numbers)
    denied = [] if _NEGATION.search(source) or _NEGATION.search(question) else _NEGATION.findall(sentence)
    names = [
        claim
        for claim in unsupported(sentence, [source, question])
        if not (is_number(claim) and numbers_of(claim) <= known)
    ]
    return tuple(dict.fromkeys([*names, *(numbers if not names else ()), *denied]))


def source_text(hit: Hit) -> str:
    """All that a passage says: where it is from, who said it and when, and what its words for days mean."""
    chunk = hit.chunk
    parts = (chunk.title, chunk.section, (chunk.at or "")[:10], chunk.speaker, chunk.text, hit.remark)
    return " ".join(part for part in (*parts, remark_on_days(chunk.text, chunk)) if part)


def find_unsupported(
    found: Sequence[Statement],
    hits: Sequence[Hit],
    *,
    question: str,
    embedder: Embedder,
    least: Least,
    told: Sequence[str] = (),
) -> tuple[UnsupportedSentence, ...]:
    """Those of the statements that the passages, which are numbered from 1, don't support.

    :param told: what else the model had been given as true, on which a sentence that cites nothing may rest
    """
    beside = {-n: text for n, text in enumerate(told, 1)}  # numbers that nothing cites
    sources = {n: source_text(hit) for n, hit in enumerate(hits, 1)} | beside
    texts = {n: unwrap(hit.chunk.text) for n, hit in enumerate(hits, 1)} | beside
    judged = [judge_words(item, sources, question) for item in found]
    doubtful = [item for item in judged if not item.missing and item.shared < least.words]
    meant = {id(item): near for item, near in zip(doubtful, nearness(doubtful, texts, embedder), strict=True)}
    return tuple(
        UnsupportedSentence(item.statement.text, item.missing, round(item.shared, 3), meant.get(id(item)))
        for item in judged
        if item.missing or (id(item) in meant and meant[id(item)] < least.meaning)
    )


def nearness(judged: Sequence[Judged], sources: Mapping[int, str], embedder: Embedder) -> list[float]:
    """Greatest cosine of each statement to a sentence of its sources, made comparable among languages."""
    parts = {n: sentences(sources[n]) for n in {n for item in judged for n in item.sources}}
    texts = list(dict.fromkeys(text for n in sorted(parts) for text in parts[n]))
    if not texts:
        return [0.0] * len(judged)
    vectors = embedder.embed_passages([*(item.statement.plain for item in judged), *texts])
    cosines = vectors[: len(judged)] @ vectors[len(judged) :].T
    place = {text: n for n, text in enumerate(texts)}
    best = []
    for row, item in zip(cosines, judged, strict=True):
        near = [
            float(row[place[text]]) + _allowance(item.statement.plain, text) for n in item.sources for text in parts[n]
        ]
        best.append(round(max(near, default=0.0), 3))
    return best


def _allowance(sentence: str, source: str) -> float:
    if language_of_text(sentence) != language_of_text(source):
        return _ACROSS
    return _CHINESE if language_of_text(sentence) == "zh" else 0.0


def marked(reply: str, found: Sequence[UnsupportedSentence], *, language: str) -> str:
    """The reply with a mark behind each of the sentences, after their citations; of a table's row, in its last cell."""
    mark = say(language, "unsupported_mark")
    for item in found:
        words = r"\s+".join(re.escape(word) for word in item.text.split())
        pattern = rf"{words}(?:{_CITED.pattern})*"
        reply = re.sub(pattern, lambda match: _with_mark(match.group(), mark), reply, count=1)
    return reply


def _with_mark(sentence: str, mark: str) -> str:
    return f"{sentence[:-1].rstrip()} {mark} |" if sentence.endswith("|") else f"{sentence} {mark}"


def without_marks(text: str) -> str:
    """What a person made of a marked reply, which must not be learned with its marks."""
    for mark in (say(language, "unsupported_mark") for language in LANGUAGES):
        text = text.replace(f" {mark}", "").replace(mark, "")
    return text
