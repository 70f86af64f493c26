"""A summary of what a user's memory holds, in their language, form and length, in which every sentence has a source.

A model that is trusted writes it, each sentence checked against the passages (``bot.summary_writer``). Without one the
most telling sentences are quoted as they stand (``bot.salience``): a quoted sentence can't be wrong, only badly
chosen. The form is laid out here, not asked of the model.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, zip_longest

import numpy as np

from bot.answers import cite
from bot.assistant import Recall
from bot.engines.base import Engine
from bot.locales import say
from bot.salience import (
    Floats,
    Sentence,
    choose,
    language_of_text,
    place_of,
    salience,
    split_chunks,
    topic_match,
    topic_nearness,
    wanted_count,
    without_translations,
)
from bot.since import parse_since
from bot.summary_check import SummarySentence
from bot.summary_writer import Task, write
from memory.dated import chunks_since
from memory.embedding import Embedder
from memory.ledger import last_entry
from memory.records import Chunk, Citation, Hit, Length, Profile, User
from memory.store import Store

MOST_CHUNKS = 200
"""Passages read for one summary, spread over the documents; of a larger memory it says how many it has read."""
_TOPIC_HITS = 60
"""Passages that a topic may find."""
_LEAST_WRITTEN = 3
"""A model whose supported sentences are fewer than one in so many of those asked for gives way to quoted ones."""
_PARAGRAPH = 6
"""Sentences in one paragraph of a summary that a model wrote."""


@dataclass(frozen=True)
class Summary:
    """A summary as it is shown, and what stands behind it."""

    text: str
    sentences: tuple[SummarySentence, ...]
    citations: tuple[Citation, ...]
    parts: int
    """Into how many parts the passages were split; 0 where nothing was found."""
    dropped: int = 0
    """Sentences of the model that are not shown, as no passage supports them or too few were left."""


@dataclass(frozen=True)
class Request:
    """What is to be summarised, for whom."""

    profile: Profile
    about: str | None = None
    since: str | None = None
    """An ISO date."""
    asked_by: int | None = None
    """Id of the user who waits for it."""


@dataclass(frozen=True)
class Summarizer:
    """Summarises the memory of one home's users."""

    store: Store
    recall: Recall
    embedder: Embedder
    engine: Engine | None = None
    """The model that writes; None where none is trusted: its measured answer quality is below the floor."""
    today: Callable[[], date] = date.today

    def summarize(self, *, user: User, about: str | None = None, since: str | None = None) -> Summary:
        """Summarise what the user may read: all of it, or what is on a topic, or new since a day.

        :param since: an ISO date, or words such as "last week" or "上周"
        :raises FamiliarError: ``since`` names no day, or the memory can't be read
        """
        day = parse_since(since, today=self.today()) if since and since.strip() else None
        request = Request(user.profile, (about or "").strip() or None, day, user.id)
        while True:
            erased_to = last_entry(self.store)
            found = self._passages(request, user_id=user.id)
            summary = self._of(found, request)
            if last_entry(self.store) == erased_to or self._are_there(found):
                return summary  # else something of it was forgotten while the model wrote

    def _are_there(self, chunks: Sequence[Chunk]) -> bool:
        ids = json.dumps([chunk.id for chunk in chunks])
        rows = self.store.rows("SELECT count(*) FROM chunks WHERE id IN (SELECT value FROM json_each(?))", (ids,))
        return int(rows[0][0]) == len(chunks)

    def _of(self, found: Sequence[Chunk], request: Request) -> Summary:
        chunks = spread(found, most=MOST_CHUNKS)
        summary = self._written(chunks, request, self.engine) if self.engine and chunks else None
        if summary is None or not summary.sentences:  # the model wrote nothing that has a source
            dropped = summary.dropped if summary else 0
            summary = dataclasses.replace(self._quoted(chunks, request), dropped=dropped)
        if len(chunks) < len(found) and summary.sentences:
            limit = say(request.profile.language, "summary_sampled", read=len(chunks), all=len(found))
            summary = dataclasses.replace(summary, text=f"{summary.text}\n\n{limit}")
        return summary

    def _passages(self, request: Request, *, user_id: int) -> list[Chunk]:
        dated = chunks_since(self.store, request.since, user_id=user_id)
        if request.about is None or not dated:
            return dated
        found = self.recall.search(request.about, user_id=user_id, k=_TOPIC_HITS, recent=())
        allowed = {chunk.id for chunk in dated}
        return [
            chunk for chunk in on_topic(request.about, found.hits, answerable=found.answerable) if chunk.id in allowed
        ]

    def _written(self, chunks: Sequence[Chunk], request: Request, engine: Engine) -> Summary:
        chunks = self._untranslated(chunks, request.profile.language)
        places = len({place_of(chunk) for chunk in chunks})
        count = wanted_count(request.profile.length, documents=places, sentences=len(split_chunks(chunks)))
        task = Task(request.profile, count, request.about, request.asked_by)
        written = write(chunks, task, engine=engine, embedder=self.embedder)
        if len(written.sentences) < count / _LEAST_WRITTEN:
            return Summary("", (), (), written.parts, written.dropped + len(written.sentences))
        summary = _numbered(written.sentences, chunks, language=request.profile.language)
        text = lay_out(summary.sentences, request)
        return dataclasses.replace(summary, text=text, parts=written.parts, dropped=written.dropped)

    def _untranslated(self, chunks: Sequence[Chunk], language: str) -> list[Chunk]:
        """The passages without the pages that exist in the user's language too; embedded only where languages mix."""
        if len({language_of_text(chunk.text) for chunk in chunks}) < 2:
            return list(chunks)
        pieces = [Sentence(chunk.text, chunk, chunk.position) for chunk in chunks]
        vectors = self.embedder.embed_passages([chunk.text for chunk in chunks])
        return [chunks[n] for n in without_translations(pieces, vectors, language=language)]

    def _quoted(self, chunks: Sequence[Chunk], request: Request) -> Summary:
        language = request.profile.language
        found = split_chunks(chunks)
        if not found:
            return Summary(say(language, "nothing_found"), (), (), 0)
        vectors = self.embedder.embed_passages([item.text for item in found])
        kept = without_translations(found, vectors, language=language)
        found, vectors = [found[n] for n in kept], vectors[kept]
        topic = None
        if request.about is not None:
            topic = topic_nearness(request.about, found, vectors @ self.embedder.embed_query(request.about))
        chosen = choose_quotes(found, vectors, topic=topic, length=request.profile.length)
        numbers = {chunk.id: n for n, chunk in enumerate(chunks, 1)}
        sentences = [SummarySentence(item.text, (numbers[item.chunk.id],)) for item in chosen]
        summary = _numbered(sentences, chunks, language=language)
        text = lay_out_quotes(chosen, summary.sentences, request)
        note = language_note(chosen, language=language)
        return dataclasses.replace(summary, text="\n\n".join(part for part in (text, note) if part))


def choose_quotes(
    found: Sequence[Sentence], vectors: Floats, *, topic: Floats | None, length: Length
) -> list[Sentence]:
    """The sentences that are quoted: some of every document, or those nearest to the topic wherever they stand."""
    kept = list(range(len(found))) if topic is None else [int(n) for n in np.flatnonzero(topic >= topic.max() / 2)]
    found, vectors = [found[n] for n in kept], vectors[kept]
    scores = salience(found, vectors, topic=None if topic is None else topic[kept])
    count = wanted_count(length, documents=len({item.place for item in found}), sentences=len(found))
    spread_over = 1.0 if topic is None else 0.25
    return [found[n] for n in choose(found, vectors, scores, count=count, spread=spread_over)]


def on_topic(about: str, hits: Sequence[Hit], *, answerable: bool) -> list[Chunk]:
    """The found passages that are about the topic, in the order of their documents.

    Search always returns something. Where it is not confident, only passages that hold all the topic's words count;
    where it is, those too and the others in the upper half of the scores.
    """
    if not hits:
        return []
    matches = topic_match(about, [f"{hit.chunk.title} {hit.chunk.section or ''} {hit.chunk.text}" for hit in hits])
    scores = np.array([hit.score for hit in hits])
    high = answerable & (scores >= (scores.max() + scores.min()) / 2)
    chosen = [hit.chunk for hit, match, near in zip(hits, matches, high, strict=True) if match >= 1.0 or near]
    first: dict[str, int] = {}
    for chunk in chosen:
        first.setdefault(place_of(chunk), len(first))
    return sorted(chosen, key=lambda chunk: (first[place_of(chunk)], chunk.position, chunk.id))


def spread(chunks: Sequence[Chunk], *, most: int) -> list[Chunk]:
    """At most so many passages, in the given order: the first of each document before any second, newest first."""
    places: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        places.setdefault(place_of(chunk), []).append(chunk)
    rounds = [chunk for turn in zip_longest(*reversed(places.values())) for chunk in turn if chunk is not None]
    kept = {chunk.id for chunk in rounds[:most]}
    return [chunk for chunk in chunks if chunk.id in kept]


def _numbered(sentences: Sequence[SummarySentence], chunks: Sequence[Chunk], *, language: str) -> Summary:
    """Sources renumbered from 1 in the order in which the sentences cite them."""
    numbers: dict[int, int] = {}
    for item in sentences:
        for old in item.citations:
            numbers.setdefault(old, len(numbers) + 1)
    renumbered = tuple(SummarySentence(item.text, tuple(numbers[n] for n in item.citations)) for item in sentences)
    citations = tuple(cite(new, chunks[old - 1], language=language) for old, new in numbers.items())
    return Summary("", renumbered, citations, 1)


def lay_out(sentences: Sequence[SummarySentence], request: Request) -> str:
    """A title, then the sentences with the numbers of their sources, as bullets or in paragraphs."""
    lines = [_cited(item) for item in sentences]
    if request.profile.form == "bullets":
        return "\n".join([title_of(request), *(f"- {line}" for line in lines)])
    paragraphs = [lines[n : n + _PARAGRAPH] for n in range(0, len(lines), _PARAGRAPH)]
    return "\n\n".join([title_of(request), *(_run(paragraph) for paragraph in paragraphs)])


def lay_out_quotes(quotes: Sequence[Sentence], sentences: Sequence[SummarySentence], request: Request) -> str:
    """The same for quoted sentences: who said it is named, and prose has one paragraph a source, which it names."""
    spoken = [
        dataclasses.replace(item, text=f"{quote.chunk.speaker}: {item.text}" if quote.chunk.speaker else item.text)
        for quote, item in zip(quotes, sentences, strict=True)
    ]
    if request.profile.form == "bullets":
        return lay_out(spoken, request)
    paragraphs = [title_of(request)]
    pairs = zip(quotes, spoken, strict=True)
    for _, group in groupby(pairs, key=lambda pair: pair[0].place):
        same = list(group)
        link = say(request.profile.language, "summary_from", title=_source_title(same[0][0].chunk, request))
        paragraphs.append(_run([link, *(_cited(item) for _, item in same)]))
    return "\n\n".join(paragraphs)


def language_note(quotes: Sequence[Sentence], *, language: str) -> str:
    """What to say where quoted sources are not in the user's language; empty where they are."""
    texts: dict[str, str] = {}
    for item in quotes:
        texts[item.place] = f"{texts.get(item.place, '')} {item.text}"
    foreign = sum(language_of_text(text) != language for text in texts.values())
    if not foreign:
        return ""
    return say(language, "cant_translate" if foreign == len(texts) else "partly_untranslated")


def title_of(request: Request) -> str:
    """The first line of a summary: what it is about and since when."""
    language = request.profile.language
    title = say(language, "summary_about", about=request.about) if request.about else say(language, "summary_all")
    return say(language, "summary_since", title=title, date=request.since) if request.since else title


def _source_title(chunk: Chunk, request: Request) -> str:
    if chunk.document_id is None:
        return say(request.profile.language, "conversation_on", date=(chunk.at or "")[:10])
    return chunk.title


def _cited(item: SummarySentence) -> str:
    return f"{item.text} {''.join(f'[{n}]' for n in item.citations)}"


def _run(pieces: Sequence[str]) -> str:
    return " ".join(pieces).replace("： ", "：")


def summary_object(summary: Summary) -> dict[str, object]:
    """A summary as `familiar summarize --json` prints it."""
    return {
        "text": summary.text,
        "sentences": [{"text": item.text, "citations": list(item.citations)} for item in summary.sentences],
        "citations": [{"n": c.n, "source": c.source, "title": c.title, "text": c.text} for c in summary.citations],
        "parts": summary.parts,
        "dropped": summary.dropped,
    }
