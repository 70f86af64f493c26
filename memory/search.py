"""Hybrid retrieval: what a user may read, ranked by meaning, words, who said it and when, with one confidence.

One search embeds the question once, asks FAISS and the word index for candidates, adds their neighbours, and ranks all
of them by one weighted sum (``memory.ranking``). Only candidates and the passages around them are read, by primary key.
Nothing outside ``Store.readable_by(user_id)`` is looked at.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import compress, islice

import numpy as np
from numpy.typing import NDArray

from memory import ranking
from memory.aliases import known_as
from memory.config import SearchConfig
from memory.corpus import REACH, Corpus, Readable, dialogues, load_corpus, moment, readable
from memory.embedding import Embedder
from memory.facts.found import facts_first
from memory.index import Indexes
from memory.lexical import Occurrences, bm25, first_with, frequencies, holders, occurrences, owned_words_of
from memory.query import Query, names_speaker, sub_questions, understand
from memory.ranking import Floats, Weights
from memory.records import Chunk, Found, Hit
from memory.second_stage import SecondStage
from memory.store import Store
from memory.words import HAN, owned_word, stem, unowned_word

Rows = NDArray[np.int64]
Ids = NDArray[np.int64]

_EXPANDED = 60
"""Of the best passages by each signal, those whose neighbours become candidates too."""
_LINKING = 3
"""Best passages whose words lead to others."""
_LINKED_PASSAGES = 6
"""A word in so few passages links them however small memory is; in a large one, a twentieth of it."""
_NAMED_LINES = 300
"""Lines with a name that are read to tell whose it is."""
_LENGTHS = 2
"""Passages with the question's words whose lengths are read, for each that is nominated."""
_BESIDE = 4
"""Searches whose nearest passages are found at the same time; FAISS answers one after another anyway."""
_SPARE = 3
"""Ranked passages read for each one that is wanted, as the same text takes one place only."""
_LINES = (
    "SELECT c.document_id, c.speaker, c.text FROM json_each(?) j CROSS JOIN chunks c ON c.id = j.value"
    " WHERE c.document_id IN (SELECT value FROM json_each(?))"
)
_EARLIER = (
    "SELECT id FROM chunks WHERE user_id IN (SELECT value FROM json_each(?)) AND at <> ''"
    " AND CASE WHEN length(at) = 10 THEN at || 'T24' ELSE substr(at, 1, 26) END < ? ORDER BY id"
)


@dataclass(frozen=True)
class Limits:
    """Which of the readable passages a search may find."""

    before: str | None = None
    exclude_turns: tuple[int, ...] = ()
    own: bool = False
    """Only the user's own, nothing of the shared knowledge bases."""

    def allows(self, chunk: Chunk) -> bool:
        """Whether a passage may be found, as `_allowed` says it of rows."""
        early = self.before is None or (chunk.at is not None and moment(chunk.at) < moment_before(self.before))
        return early and chunk.turn_id not in self.exclude_turns


@dataclass(frozen=True)
class Allowed:
    """The same as ids of passages."""

    only: Ids | None
    """None: all but ``without``."""
    without: Ids

    def __call__(self, ids: Ids) -> NDArray[np.bool_]:
        """Which of the passages may be found."""
        allowed = ~np.isin(ids, self.without)
        return allowed if self.only is None else allowed & np.isin(ids, self.only)


@dataclass(frozen=True)
class Candidates:
    """The passages that a question is ranked over."""

    corpus: Corpus
    """They and the passages around them."""
    rows: Rows
    """(m,) rows of the corpus."""
    signals: Floats
    """(m, len(ranking.SIGNALS)), not yet scaled."""
    present: NDArray[np.bool_]
    """(words, m): which words of the question each passage holds; names of speakers left out."""
    present_around: NDArray[np.bool_]
    """The same with its neighbours."""
    idf: Floats
    han: bool
    """The question is written in Chinese."""

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
        second_stage: SecondStage | None = None,
    ) -> None:
        self._store = store
        self._indexes = indexes
        self._embedder = embedder
        self._config = config
        self._weights = weights or ranking.load_weights()
        self._second_stage = second_stage
        self._memories: dict[tuple[int, ...], tuple[tuple[int, ...], Readable]] = {}
        self._lock = threading.Lock()
        # kept: on a busy machine, starting and ending a thread takes as long as a third of a search
        self._beside = ThreadPoolExecutor(_BESIDE, thread_name_prefix="nearest")

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
        limits = Limits(before, tuple(exclude_turns))
        return self._found(query, user_id=user_id, k=k, recent=recent, limits=limits)

    def search_own(self, query: str, *, user_id: int, k: int | None = None) -> Found:
        """The same over the user's own memory alone, for what may be shown where others read it.

        :raises FamiliarError: as `search`
        """
        return self._found(query, user_id=user_id, k=k, recent=(), limits=Limits(own=True))

    def _found(self, query: str, *, user_id: int, k: int | None, recent: Sequence[str], limits: Limits) -> Found:
        owners = self._owners(user_id, limits)
        if not query.strip() or not owners:  # a guest of a home without shared memory may read nothing at all
            return Found((), 0.0, False)
        asked = [understand(part, recent=recent) for part in sub_questions(query)]
        ranked = [self._ranked(part, self.candidates(part, user_id=user_id, limits=limits)) for part in asked]
        ranked = [item for item in ranked if len(item.order)]
        confidence = max((item.confidence for item in ranked), default=0.0)
        k = k or self._config.k
        hits = self._hits(ranked, k=k)
        found = Found(hits, confidence, bool(hits) and confidence >= self._config.threshold)
        texts = [part.text for part in asked] if self._config.facts else []
        return facts_first(found, self._store, texts, owners=owners, k=k, may_find=limits.allows)

    def _ranked(self, query: Query, found: Candidates) -> _Ranked:
        scaled = found.scaled()
        scores = ranking.scores(scaled, self._weights)
        order = np.argsort(-scores, kind="stable")
        sure = ranking.confidence(evidence(found, order), self._weights) if len(order) else 0.0
        ranked = _Ranked(found, order, scaled, scores, sure)
        return ranked if self._second_stage is None else self._read_again(query, ranked, self._second_stage)

    def _read_again(self, query: Query, ranked: _Ranked, stage: SecondStage) -> _Ranked:
        """The first places in the order of both stages together, each counting alike."""
        best = ranked.order[: self._config.second_stage_passages]
        corpus, rows = ranked.found.corpus, ranked.found.rows[best]
        ids = corpus.ids[rows].tolist()
        texts = {chunk.id: _spoken(chunk) for chunk in self._store.chunks(ids, owners=corpus.owners[rows].tolist())}
        there = [id_ in texts for id_ in ids]  # one may be forgotten while it is ranked
        best = best[there]
        if not len(best):
            return ranked
        second = stage.scores(query.text, [texts[id_] for id_ in compress(ids, there)])
        again = np.zeros(len(ranked.scores), np.float32)
        again[best] = ranking.to_unit(second[:, None])[:, 0] * np.ptp(ranked.scores[best])
        scores = ranked.scores + again
        return replace(ranked, order=np.argsort(-scores, kind="stable"), scores=scores, again=again)

    def candidates(self, query: Query, *, user_id: int, limits: Limits) -> Candidates:
        """What a question is ranked over, with all signals."""
        memory = self._memory(self._owners(user_id, limits))
        allowed = _allowed(self._store, memory, limits)
        vector = self._embedder.embed_query(query.text)
        # FAISS and SQLite both work without the GIL
        nearest = self._beside.submit(self._nearest, memory, vector, allowed)
        words = occurrences(self._store, query.words, memory)
        most = _most_words(self._store, memory, words, self._config.candidates, allowed)
        nominated = [nearest.result(), most]
        corpus, rows = self._with_neighbours(memory, nominated, allowed)
        return self._measure(query, memory, vector, words, _surroundings(corpus, rows, allowed), corpus)

    def _owners(self, user_id: int, limits: Limits) -> tuple[int, ...]:
        return (user_id,) if limits.own else self._store.readable_by(user_id)

    def _memory(self, owners: tuple[int, ...]) -> Readable:
        generations = tuple(self._store.generation(owner) for owner in owners)
        with self._lock:
            known = self._memories.get(owners)
            if known is None or known[0] != generations:
                before = known[1] if known is not None else None
                known = (generations, readable(self._store, owners, before=before))
                self._memories[owners] = known
            return known[1]

    def _nearest(self, memory: Readable, vector: Floats, allowed: Allowed) -> Ids:
        """The nearest passages, best first."""
        found = [
            self._indexes.search(
                vector, user_id=owner, k=self._config.candidates, among=allowed.only, without=allowed.without
            )
            for owner in memory.owners
        ]
        scores = np.concatenate([scores for _, scores in found])
        best = np.argsort(-scores, kind="stable")[: self._config.candidates]
        return np.concatenate([ids for ids, _ in found])[best]

    def _with_neighbours(self, memory: Readable, nominated: Sequence[Ids], allowed: Allowed) -> tuple[Corpus, Rows]:
        """The nominated passages and, of the best in a dialogue, their neighbours; with all that stand around them."""
        best = np.concatenate([ids[:_EXPANDED] for ids in nominated])
        corpus = load_corpus(self._store, memory, np.unique(np.concatenate(nominated)), widely=best)
        best_rows = corpus.rows_of(best)
        best_rows = best_rows[best_rows >= 0]
        around = corpus.neighbours(best_rows[corpus.dialogue[best_rows]]).ravel()
        rows = np.unique(np.concatenate([corpus.rows_of(np.concatenate(nominated)), around]))
        rows = rows[rows >= 0]
        return corpus, rows[allowed(corpus.ids[rows])]

    def _measure(
        self, query: Query, memory: Readable, vector: Floats, words: Occurrences, around: Rows, corpus: Corpus
    ) -> Candidates:
        rows = around[:, REACH]
        cosines = self._cosines(corpus, vector, around)
        counts = words.table(self._store, query.words, corpus.ids, corpus.owners)[:, around]
        signals = np.zeros((len(rows), len(ranking.SIGNALS)), np.float32)
        lengths = np.append(corpus.bytes, 0.0).astype(np.float32) / np.float32(memory.mean_bytes)
        for reach in range(REACH + 1):
            window = slice(REACH - reach, REACH + reach + 1)
            inside = (around[:, window] >= 0).sum(axis=1)
            signals[:, reach] = cosines[:, window].sum(axis=1) / inside
            mean_length = lengths[around[:, window]].sum(axis=1) / inside
            signals[:, 3 + reach] = bm25(counts[:, :, window].sum(axis=2), mean_length, words.idf)
        column = {name: place for place, name in enumerate(ranking.SIGNALS)}
        both = ranking.to_unit(signals[:, [column["dense"], column["words"]]]).sum(axis=1)
        best = np.argsort(-both, kind="stable")[:_LINKING]
        signals[:, column["words_linked"]] = self._linked(query, memory, corpus, rows, best)
        signals[:, column["speaker_named"]] = _named(query, corpus, rows) | self._known_as(query, memory, corpus, rows)
        signals[:, column["long"]] = corpus.bytes[rows] > ranking.LONG_BYTES
        signals[:, column["question"]] = corpus.asks[rows]
        signals[:, column["date"]] = ranking.date_match(query.days, corpus.days[rows])
        signals[:, column["coverage"]] = ranking.coverage(counts[:, :, REACH] > 0, words.idf)
        kept = np.array([word not in memory.names for word in query.words], np.bool_)
        return Candidates(
            corpus=corpus,
            rows=rows,
            signals=signals,
            present=counts[kept, :, REACH] > 0,
            present_around=np.asarray(counts[kept].any(axis=2)),
            idf=words.idf[kept],
            han=bool(HAN.search(query.text)),
        )

    def _linked(self, query: Query, memory: Readable, corpus: Corpus, rows: Rows, best: Rows) -> Floats:
        """How much (m,) each candidate shares of the rare words of the best ones that the question lacks.

        A better passage counts more, one passage does not count for itself, and long ones are held down.
        """
        if not len(best):
            return np.zeros(len(rows), np.float32)
        held = owned_words_of(self._store, corpus.ids[rows])
        told = [{unowned_word(word) for word in held[place].split()} - set(query.words) for place in best]
        others = sorted(set().union(*told) - memory.common)
        frequency = frequencies(self._store, others, memory.owners)
        common = frequency > max(_LINKED_PASSAGES, memory.total // 20)
        memory.common.update(others[place] for place in np.flatnonzero(common).tolist())
        rare = np.flatnonzero((frequency >= 2) & ~common)
        owned = [owned_word(others[place], user_id=owner) for place in rare.tolist() for owner in memory.owners]
        holder, word = holders(held, owned)
        word = rare[word // len(memory.owners)]
        ranks = np.array([[word in words for words in told] for word in others], np.float32).reshape(-1, len(told))
        shares = np.log1p(memory.total / np.maximum(frequency, 1.0))
        weights = shares[:, None] * ranks / np.arange(1, len(told) + 1)
        linked = np.stack([np.bincount(holder, weights[word, n], len(rows)) for n in range(len(told))], axis=1)
        linked[best, np.arange(len(best))] = 0.0
        return np.asarray(linked.sum(axis=1) / np.sqrt(corpus.bytes[rows] / memory.mean_bytes + 0.5), np.float32)

    def _known_as(self, query: Query, memory: Readable, corpus: Corpus, rows: Rows) -> NDArray[np.bool_]:
        """Which candidates were said by somebody whom the talk calls by a name in the question."""
        said = np.zeros(len(rows), np.bool_)
        for name in query.names:
            if stem(name) not in query.words:
                continue
            ids = first_with(self._store, stem(name), memory.owners, most=_NAMED_LINES)
            values = json.dumps(ids.tolist()), json.dumps(np.unique(corpus.places[rows]).tolist())
            lines = [line for line in self._store.tuples(_LINES, values) if name in line[2].lower()]
            for place, speakers in dialogues(self._store, {line[0] for line in lines}).items():
                told = [(speaker, text) for document, speaker, text in lines if document == place]
                called = known_as(name, [line for line in told if line[0] in speakers], speakers)
                if called in corpus.names:
                    code = corpus.names.index(called)
                    said |= (corpus.places[rows] == place) & (corpus.speakers[rows] == code)
        return said

    def _cosines(self, corpus: Corpus, vector: Floats, around: Rows) -> Floats:
        """Cosines (m, 2 * REACH + 1) of the question with passages and their neighbours; 0 where there is none."""
        wanted = np.zeros(len(corpus.ids) + 1, np.bool_)
        wanted[around] = True
        table = np.zeros(len(corpus.ids) + 1, np.float32)
        for owner in np.unique(corpus.owners):
            rows = np.flatnonzero(wanted[:-1] & (corpus.owners == owner))
            table[rows] = self._indexes.cosines(vector, corpus.ids[rows], user_id=int(owner))
        return table[around]

    def _hits(self, ranked: Sequence[_Ranked], *, k: int) -> tuple[Hit, ...]:
        """The best of each question in turn; the same text takes one place."""
        hits: list[Hit] = []
        seen: set[str] = set()
        owners = sorted({owner for item in ranked for owner in item.found.corpus.owners.tolist()})
        turns = interleave([item.found.corpus.ids[item.found.rows[item.order]].tolist() for item in ranked])
        while len(hits) < k and (part := dict(islice(turns, k * _SPARE))):
            for chunk in self._store.chunks(part, owners=owners):
                if _same_text(chunk) not in seen and len(hits) < k:
                    seen.add(_same_text(chunk))
                    hits.append(ranked[part[chunk.id]].hit(chunk, self._weights))
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
    again: Floats | None = None
    """What the second stage adds to each score; None where there is none."""

    def hit(self, chunk: Chunk, weights: Weights) -> Hit:
        place = int(np.flatnonzero(self.found.corpus.ids[self.found.rows] == chunk.id)[0])
        parts = _parts(self.scaled[place], weights)
        if self.again is not None:
            parts += (("second_stage", round(float(self.again[place]), 4)),)
        return Hit(chunk, float(self.scores[place]), parts)


def interleave(lists: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    """Ids of several ranked lists, the best of each in turn and each id once, with the list it came from.

    >>> list(interleave([[1, 2], [1, 3]]))
    [(1, 0), (3, 1), (2, 0)]
    """
    seen: set[int] = set()
    queues = {number: iter(items) for number, items in enumerate(lists)}
    while queues:
        for number, queue in list(queues.items()):
            new = next((id_ for id_ in queue if id_ not in seen), None)
            if new is None:
                del queues[number]
            else:
                seen.add(new)
                yield new, number


def evidence(found: Candidates, order: Rows) -> tuple[float, ...]:
    """What confidence is made of, in the order of ranking.EVIDENCE; ``order`` ranks the candidates, best first."""
    best = order[0]
    near, date = (float(found.signals[best, ranking.SIGNALS.index(name)]) for name in ("dense_near", "date"))
    return (
        near,
        float(ranking.coverage(found.present[:, [best]], found.idf)[0]),
        float(ranking.coverage(found.present_around[:, [best]], found.idf)[0]),
        date,
        float(found.han),
    )


def _allowed(store: Store, memory: Readable, limits: Limits) -> Allowed:
    """Which passages may be found, as ids: the limits hold while candidates are named, not on what is left of them."""
    turns = json.dumps(list(limits.exclude_turns))
    without = store.tuples("SELECT id FROM chunks WHERE turn_id IN (SELECT value FROM json_each(?))", (turns,))
    if limits.before is None:
        return Allowed(None, np.array(without, np.int64).ravel())
    values = (json.dumps(memory.owners), moment_before(limits.before))
    earlier = np.array(store.tuples(_EARLIER, values), np.int64).ravel()
    return Allowed(earlier, np.array(without, np.int64).ravel())


def moment_before(before: str) -> str:
    """The text below which ``Corpus.at`` is earlier: a date alone stands for the beginning of its day."""
    return before if len(before) == len("2026-05-08") else moment(before)


def _most_words(store: Store, memory: Readable, words: Occurrences, most: int, allowed: Allowed) -> Ids:
    """The passages with the most of the question's words, best first; long ones are held down."""
    ids, places = np.unique(words.ids, return_inverse=True)
    weights = words.idf[words.words] * words.counts / (words.counts + 1.0)
    sums = np.where(allowed(ids), np.bincount(places, weights=weights, minlength=len(ids)), 0.0)
    first = np.argsort(-sums, kind="stable")[: most * _LENGTHS]
    ids, sums = ids[first], sums[first]
    order = np.argsort(ids)
    rows = memory.passages.rows(store, ids[order])
    lengths = np.zeros(len(ids))
    lengths[order[np.isin(ids[order], rows["id"])]] = rows["bytes"] / memory.mean_bytes
    held_down = sums / (1.0 + lengths)
    best = np.argsort(-held_down, kind="stable")[:most]
    return ids[best[held_down[best] > 0]]


def _surroundings(corpus: Corpus, rows: Rows, allowed: Allowed) -> Rows:
    """Rows (m, 2 * REACH + 1) around each candidate of a dialogue; -1 elsewhere and for what may not be found."""
    around = np.where(corpus.dialogue[rows][:, None], corpus.neighbours(rows), -1)
    around = np.where(allowed(corpus.ids)[around], around, -1) if len(rows) else around
    around[:, REACH] = rows
    return around


def _named(query: Query, corpus: Corpus, rows: Rows) -> NDArray[np.bool_]:
    """Which candidates were said by someone whom the question names; "I" names the user."""
    named = np.array([names_speaker(query.spoken, name) for name in corpus.names], np.bool_)
    said = named[corpus.speakers[rows]] if len(named) else np.zeros(len(rows), np.bool_)
    return said | corpus.own[rows] if query.first_person else said


def _spoken(chunk: Chunk) -> str:
    return f"{chunk.speaker}: {chunk.text}" if chunk.speaker else chunk.text


def _same_text(chunk: Chunk) -> str:
    return " ".join(chunk.text.split()).casefold()


def _parts(scaled: Floats, weights: Weights) -> tuple[tuple[str, float], ...]:
    return tuple(
        (name, round(float(value), 4)) for name, value in zip(ranking.SIGNALS, scaled * weights.vector, strict=True)
    )
