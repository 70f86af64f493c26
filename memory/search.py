"""Hybrid retrieval: what a user may read, ranked by meaning, words, who said it and when, with one confidence.

One search embeds the question once, asks FAISS and the word index for candidates, adds their neighbours, and ranks all
of them by one weighted sum (``memory.ranking``). Cost follows the number of candidates, not the size of memory.
Nothing outside ``Store.readable_by(user_id)`` is looked at.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory import ranking
from memory.aliases import known_as
from memory.config import SearchConfig
from memory.corpus import REACH, Corpus, load_corpus, moment
from memory.embedding import Embedder
from memory.facts.found import facts_first
from memory.index import Indexes
from memory.lexical import Occurrences, bm25, occurrences, rare_words
from memory.query import Query, names_speaker, sub_questions, understand
from memory.ranking import Floats, Weights
from memory.records import Chunk, Found, Hit
from memory.store import Store
from memory.words import index_words, stem

Rows = NDArray[np.int64]

_EXPANDED = 60
"""Of the best passages by each signal, those whose neighbours become candidates too."""
_LINKING = 3
"""Best passages whose words lead to others."""
_LINKED_PASSAGES = 6
"""A word in so few passages links them however small memory is; in a large one, a twentieth of it."""
_NAMED_LINES = 300
"""Lines with a name that are read to tell whose it is."""
_TOP = 5
"""Hits on which confidence rests."""
_SPARE = 3
"""Ranked passages read for each one that is wanted, as the same text takes one place only."""


@dataclass(frozen=True)
class Limits:
    """Which of the readable passages a search may find."""

    before: str | None = None
    exclude_turns: tuple[int, ...] = ()

    def allows(self, chunk: Chunk) -> bool:
        """Whether a passage may be found, as `_allowed` says it of rows."""
        early = self.before is None or (chunk.at is not None and moment(chunk.at) < moment_before(self.before))
        return early and chunk.turn_id not in self.exclude_turns


@dataclass(frozen=True)
class Candidates:
    """The passages that a question is ranked over."""

    corpus: Corpus
    rows: Rows
    """(m,) rows of the corpus."""
    signals: Floats
    """(m, len(ranking.SIGNALS)), not yet scaled."""
    cosine: Floats
    """(m,) cosines of question and passage."""
    present: NDArray[np.bool_]
    """(words, m): which words of the question each passage holds; names of speakers left out."""
    present_around: NDArray[np.bool_]
    """The same with its neighbours."""
    idf: Floats
    unknown: float
    """Share of the question's words, weighed by rarity, that no passage of the memory holds."""

    def scaled(self) -> Floats:
        """The signals as the weights take them."""
        shares = ranking.coverage(self.present_around, self.idf)
        return ranking.scale(self.signals, covered=float(shares.max(initial=0.0)))


class Searcher:
    """The one way in which memory is searched: a chat turn, the command line and the evaluation all call it."""

    def __init__(
        self,
        store: Store,
        indexes: Indexes,
        embedder: Embedder,
        config: SearchConfig,
        *,
        weights: Weights | None = None,
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._embedder = embedder
        self._config = config
        self._weights = weights or ranking.load_weights()
        self._corpora: dict[tuple[int, ...], tuple[tuple[int, ...], Corpus]] = {}
        self._lock = threading.Lock()

    def search(
        self,
        query: str,
        *,
        user_id: int,
        k: int | None = None,
        before: str | None = None,
        recent: Sequence[str] = (),
        exclude_turns: Sequence[int] = (),
    ) -> Found:
        """Find passages of this user and of the shared knowledge bases.

        :param k: most hits; None takes [search] k
        :param before: an ISO time; only passages dated earlier are found
        :param recent: what the user said before, oldest first, by which a follow-up is understood
        :param exclude_turns: chat turns that the model is given anyway
        :raises FamiliarError: the database or the index can't be read, or the embedder has changed
        """
        if not query.strip():
            return Found((), 0.0, False)
        limits = Limits(before, tuple(exclude_turns))
        asked = [understand(part, recent=recent) for part in sub_questions(query)]
        ranked = [self._ranked(self.candidates(part, user_id=user_id, limits=limits)) for part in asked]
        ranked = [item for item in ranked if len(item.order)]
        confidence = max((item.confidence for item in ranked), default=0.0)
        k, owners = k or self._config.k, self._store.readable_by(user_id)
        hits = self._hits(ranked, k=k)
        found = Found(hits, confidence, bool(hits) and confidence >= self._config.threshold)
        texts = [part.text for part in asked]
        return facts_first(found, self._store, texts, owners=owners, k=k, may_find=limits.allows)

    def _ranked(self, found: Candidates) -> _Ranked:
        scaled = found.scaled()
        scores = ranking.scores(scaled, self._weights)
        order = np.argsort(-scores, kind="stable")
        sure = ranking.confidence(evidence(found, order), self._weights) if len(order) else 0.0
        return _Ranked(found, order, scaled, scores, sure)

    def candidates(self, query: Query, *, user_id: int, limits: Limits) -> Candidates:
        """What a question is ranked over, with all signals."""
        corpus = self._corpus(self._store.readable_by(user_id))
        allowed = _allowed(corpus, limits)
        vector = self._embedder.embed_query(query.text)
        words = occurrences(self._store, query.words, corpus)
        nearest = self._nearest(corpus, vector, allowed)
        rows = _with_neighbours(
            corpus, [nearest, _most_words(corpus, words, self._config.candidates, allowed)], allowed
        )
        around = _surroundings(corpus, rows, allowed)
        return self._measure(query, corpus, vector, words, around)

    def _corpus(self, owners: tuple[int, ...]) -> Corpus:
        generations = tuple(self._store.generation(owner) for owner in owners)
        with self._lock:
            known = self._corpora.get(owners)
            if known is None or known[0] != generations:
                known = (generations, load_corpus(self._store, owners))
                self._corpora[owners] = known
            return known[1]

    def _nearest(self, corpus: Corpus, vector: Floats, allowed: NDArray[np.bool_] | None) -> Rows:
        """Rows of the nearest passages, best first."""
        ids, scores = [], []
        for owner in corpus.owner_ids:
            among = None if allowed is None else corpus.ids[allowed & (corpus.owners == owner)]
            found = self._indexes.search(vector, user_id=owner, k=self._config.candidates, among=among)
            ids.append(found[0])
            scores.append(found[1])
        if not ids:
            return np.zeros(0, np.int64)
        best = np.argsort(-np.concatenate(scores), kind="stable")[: self._config.candidates]
        rows = corpus.rows_of(np.concatenate(ids)[best])
        return rows[rows >= 0]

    def _measure(self, query: Query, corpus: Corpus, vector: Floats, words: Occurrences, around: Rows) -> Candidates:
        rows = around[:, REACH]
        cosines = self._cosines(corpus, vector, around)
        table = words.table(len(corpus.ids))
        counts = table[:, around]
        signals = np.zeros((len(rows), len(ranking.SIGNALS)), np.float32)
        lengths = np.append(corpus.bytes, 0.0).astype(np.float32) / np.float32(corpus.mean_bytes)
        for reach in range(REACH + 1):
            window = slice(REACH - reach, REACH + reach + 1)
            inside = (around[:, window] >= 0).sum(axis=1)
            signals[:, reach] = cosines[:, window].sum(axis=1) / inside
            mean_length = lengths[around[:, window]].sum(axis=1) / inside
            signals[:, 3 + reach] = bm25(counts[:, :, window].sum(axis=2), mean_length, words.idf)
        column = {name: place for place, name in enumerate(ranking.SIGNALS)}
        both = ranking.to_unit(signals[:, [column["dense"], column["words"]]]).sum(axis=1)
        best = np.argsort(-both, kind="stable")[:_LINKING]
        signals[:, column["words_linked"]] = self._linked(query, corpus, rows, best)
        signals[:, column["speaker_named"]] = (_named(query, corpus) | self._known_as(query, corpus, words))[rows]
        signals[:, column["long"]] = corpus.bytes[rows] > ranking.LONG_BYTES
        signals[:, column["question"]] = corpus.asks[rows]
        signals[:, column["date"]] = ranking.date_match(query.days, corpus.days[rows])
        signals[:, column["coverage"]] = ranking.coverage(counts[:, :, REACH] > 0, words.idf)
        names = {word for name in corpus.names for word in understand(name).words}
        kept = np.array([word not in names for word in query.words], np.bool_)
        idf = words.idf[kept]
        nowhere = ~table[kept].any(axis=1)
        return Candidates(
            corpus=corpus,
            rows=rows,
            signals=signals,
            cosine=cosines[:, REACH],
            present=counts[kept, :, REACH] > 0,
            present_around=np.asarray(counts[kept].any(axis=2)),
            idf=idf,
            unknown=float(idf[nowhere].sum() / idf.sum()) if idf.size else 0.0,
        )

    def _linked(self, query: Query, corpus: Corpus, rows: Rows, best: Rows) -> Floats:
        """How much (m,) each candidate shares of the rare words of the best ones that the question lacks.

        A better passage counts more, one passage does not count for itself, and long ones are held down.
        """
        chunks = self._store.chunks(corpus.ids[rows[best]].tolist(), owners=corpus.owner_ids)
        told = [
            set(index_words(chunk.text, speaker=chunk.speaker, section=chunk.section).split()) - set(query.words)
            for chunk in chunks
        ]
        most = max(_LINKED_PASSAGES, len(corpus.ids) // 20)
        rare = rare_words(self._store, sorted(set().union(*told)), most=most)
        found = occurrences(self._store, rare, corpus)
        frequency = np.bincount(found.words, minlength=len(rare))
        shares = np.log1p(len(corpus.ids) / np.maximum(frequency, 1))
        linked = np.zeros(len(corpus.ids), np.float32)
        for rank, (words, own) in enumerate(zip(told, rows[best], strict=True), 1):
            holds = np.array([word in words for word in rare], np.bool_)
            weights = (shares * holds / rank)[found.words]
            added = np.bincount(found.rows, weights=weights, minlength=len(corpus.ids))
            added[own] = 0.0
            linked += added.astype(np.float32)
        return np.asarray(linked[rows] / np.sqrt(corpus.bytes[rows] / corpus.mean_bytes + 0.5), np.float32)

    def _known_as(self, query: Query, corpus: Corpus, words: Occurrences) -> NDArray[np.bool_]:
        """Which rows were said by somebody whom the talk calls by a name in the question."""
        said = np.zeros(len(corpus.ids), np.bool_)
        for name in query.names:
            if stem(name) not in query.words:
                continue
            rows = words.rows[words.words == query.words.index(stem(name))]
            rows = rows[corpus.dialogue[rows]][:_NAMED_LINES]
            for place in np.unique(corpus.places[rows]):
                inside = corpus.places == place
                speakers = [corpus.names[code] for code in np.unique(corpus.speakers[inside])]
                ids = corpus.ids[rows[corpus.places[rows] == place]].tolist()
                chunks = self._store.chunks(ids, owners=corpus.owner_ids)
                called = known_as(name, [(chunk.speaker or "", chunk.text) for chunk in chunks], speakers)
                if called is not None:
                    said |= inside & (corpus.speakers == corpus.names.index(called))
        return said

    def _cosines(self, corpus: Corpus, vector: Floats, around: Rows) -> Floats:
        """Cosines (m, 2 * REACH + 1) of the question with passages and their neighbours; 0 where there is none."""
        wanted = np.zeros(len(corpus.ids) + 1, np.bool_)
        wanted[around] = True
        table = np.zeros(len(corpus.ids) + 1, np.float32)
        for owner in corpus.owner_ids:
            rows = np.flatnonzero(wanted[:-1] & (corpus.owners == owner))
            table[rows] = self._indexes.vectors(corpus.ids[rows], user_id=owner) @ vector
        return table[around]

    def _hits(self, ranked: Sequence[_Ranked], *, k: int) -> tuple[Hit, ...]:
        """The best of each question in turn; the same text takes one place."""
        hits: list[Hit] = []
        seen: set[str] = set()
        turns = interleave([item.found.corpus.ids[item.found.rows[item.order]].tolist() for item in ranked])
        for start in range(0, len(turns), k * _SPARE):
            part = dict(turns[start : start + k * _SPARE])
            for chunk in self._store.chunks(part, owners=ranked[0].found.corpus.owner_ids):
                if _same_text(chunk) not in seen and len(hits) < k:
                    seen.add(_same_text(chunk))
                    hits.append(ranked[part[chunk.id]].hit(chunk, self._weights))
            if len(hits) >= k:
                break
        return tuple(hits)


@dataclass(frozen=True)
class _Ranked:
    """The candidates of one question in order."""

    found: Candidates
    order: Rows
    """Places among the candidates, best first."""
    scaled: Floats
    scores: Floats
    confidence: float

    def hit(self, chunk: Chunk, weights: Weights) -> Hit:
        place = int(np.flatnonzero(self.found.corpus.ids[self.found.rows] == chunk.id)[0])
        return Hit(chunk, float(self.scores[place]), _parts(self.scaled[place], weights))


def interleave(lists: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Ids of several ranked lists, the best of each in turn and each id once, with the list it came from.

    >>> interleave([[1, 2], [1, 3]])
    [(1, 0), (3, 1), (2, 0)]
    """
    first: dict[int, int] = {}
    queues = {number: iter(items) for number, items in enumerate(lists)}
    while queues:
        for number, queue in list(queues.items()):
            new = next((id_ for id_ in queue if id_ not in first), None)
            if new is None:
                del queues[number]
            else:
                first[new] = number
    return list(first.items())


def evidence(found: Candidates, order: Rows) -> tuple[float, ...]:
    """What confidence is made of, in the order of ranking.EVIDENCE; ``order`` ranks the candidates, best first."""
    top = order[:_TOP]
    return (
        float(found.cosine[order[0]]),
        float(ranking.coverage(found.present[:, top], found.idf)[0]),
        float(ranking.coverage(found.present_around[:, top], found.idf).max()),
        found.unknown,
    )


def _allowed(corpus: Corpus, limits: Limits) -> NDArray[np.bool_] | None:
    """Which rows may be found; None where all may."""
    if limits.before is None and not limits.exclude_turns:
        return None
    allowed: NDArray[np.bool_] = ~np.isin(corpus.turns, limits.exclude_turns) | (corpus.turns == 0)
    if limits.before is not None:
        allowed &= (corpus.at != "") & (corpus.at < moment_before(limits.before))
    return allowed


def moment_before(before: str) -> str:
    """The text below which ``Corpus.at`` is earlier: a date alone stands for the beginning of its day."""
    return before if len(before) == len("2026-05-08") else moment(before)


def _most_words(corpus: Corpus, words: Occurrences, most: int, allowed: NDArray[np.bool_] | None) -> Rows:
    """Rows of the passages with the most of the question's words, best first."""
    if not len(words.rows):
        return np.zeros(0, np.int64)
    weights = words.idf[words.words] * words.counts / (words.counts + 1.0)
    sums = np.bincount(words.rows, weights=weights, minlength=len(corpus.ids))
    sums = sums / (1.0 + corpus.bytes / corpus.mean_bytes)
    if allowed is not None:
        sums = np.where(allowed, sums, 0.0)
    rows = np.argsort(-sums, kind="stable")[:most]
    return rows[sums[rows] > 0]


def _with_neighbours(corpus: Corpus, lists: Sequence[Rows], allowed: NDArray[np.bool_] | None) -> Rows:
    best = np.concatenate([rows[:_EXPANDED] for rows in lists])
    around = corpus.neighbours(best[corpus.dialogue[best]]).ravel() if len(best) else best
    rows = np.unique(np.concatenate([*lists, around[around >= 0]]))
    return rows if allowed is None else rows[allowed[rows]]


def _surroundings(corpus: Corpus, rows: Rows, allowed: NDArray[np.bool_] | None) -> Rows:
    """Rows (m, 2 * REACH + 1) around each candidate of a dialogue; -1 elsewhere and for what may not be found."""
    around = np.where(corpus.dialogue[rows][:, None], corpus.neighbours(rows), -1)
    if allowed is not None:
        around = np.where(allowed[around], around, -1)
    around[:, REACH] = rows
    return around


def _named(query: Query, corpus: Corpus) -> NDArray[np.bool_]:
    """Which rows were said by someone whom the question names; "I" names the user."""
    named = np.array([names_speaker(query.spoken, name) for name in corpus.names], np.bool_)
    said = named[corpus.speakers] if len(named) else np.zeros(len(corpus.ids), np.bool_)
    return said | corpus.own if query.first_person else said


def _same_text(chunk: Chunk) -> str:
    return " ".join(chunk.text.split()).casefold()


def _parts(scaled: Floats, weights: Weights) -> tuple[tuple[str, float], ...]:
    return tuple(
        (name, round(float(value), 4)) for name, value in zip(ranking.SIGNALS, scaled * weights.vector, strict=True)
    )
