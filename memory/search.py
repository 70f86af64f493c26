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
from memory.config import SearchConfig
from memory.corpus import REACH, Corpus, load_corpus, moment
from memory.embedding import Embedder
from memory.index import Indexes
from memory.lexical import Occurrences, bm25, occurrences
from memory.query import Query, names_speaker, understand
from memory.ranking import Floats, Weights
from memory.records import Chunk, Found, Hit
from memory.store import Store

Rows = NDArray[np.int64]

_EXPANDED = 60
"""Of the best passages by each signal, those whose neighbours become candidates too."""
_TOP = 5
"""Hits on which confidence rests."""
_SPARE = 3
"""Ranked passages read for each one that is wanted, as the same text takes one place only."""


@dataclass(frozen=True)
class Limits:
    """Which of the readable passages a search may find."""

    before: str | None = None
    exclude_turns: tuple[int, ...] = ()


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
        understood = understand(query, recent=recent)
        if not query.strip():
            return Found((), 0.0, False)
        found = self.candidates(understood, user_id=user_id, limits=Limits(before, tuple(exclude_turns)))
        if not len(found.rows):
            return Found((), 0.0, False)
        scaled = found.scaled()
        scores = ranking.scores(scaled, self._weights)
        order = np.argsort(-scores, kind="stable")
        confidence = ranking.confidence(evidence(found, order), self._weights)
        hits = self._hits(found, order, scaled, scores, k=k or self._config.k)
        return Found(hits, confidence, confidence >= self._config.threshold)

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
        signals[:, 6] = _named(query, corpus)[rows]
        signals[:, 7] = corpus.bytes[rows] > ranking.LONG_BYTES
        signals[:, 8] = corpus.asks[rows]
        signals[:, 9] = ranking.date_match(query.days, corpus.days[rows])
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

    def _cosines(self, corpus: Corpus, vector: Floats, around: Rows) -> Floats:
        """Cosines (m, 2 * REACH + 1) of the question with passages and their neighbours; 0 where there is none."""
        wanted = np.zeros(len(corpus.ids) + 1, np.bool_)
        wanted[around] = True
        table = np.zeros(len(corpus.ids) + 1, np.float32)
        for owner in corpus.owner_ids:
            rows = np.flatnonzero(wanted[:-1] & (corpus.owners == owner))
            table[rows] = self._indexes.vectors(corpus.ids[rows], user_id=owner) @ vector
        return table[around]

    def _hits(self, found: Candidates, order: Rows, scaled: Floats, scores: Floats, *, k: int) -> tuple[Hit, ...]:
        hits: list[Hit] = []
        seen: set[str] = set()
        for start in range(0, len(order), k * _SPARE):
            part = order[start : start + k * _SPARE]
            chunks = self._store.chunks(found.corpus.ids[found.rows[part]].tolist(), owners=found.corpus.owner_ids)
            places = {int(found.corpus.ids[found.rows[place]]): int(place) for place in part}
            for chunk in chunks:
                if _same_text(chunk) not in seen and len(hits) < k:
                    seen.add(_same_text(chunk))
                    place = places[chunk.id]
                    hits.append(Hit(chunk, float(scores[place]), _parts(scaled[place], self._weights)))
            if len(hits) >= k:
                break
        return tuple(hits)


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
