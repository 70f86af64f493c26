"""BM25 from SQLite's full-text index: which passages hold a question's words, how often, and how rare each word is.

FTS5's own bm25() scores one row at a time and counts rarity over all users of the home. Here words are kept with their
owner and read through fts5vocab, so that rarity and cost are those of the readable memory alone and a passage can be
scored together with its neighbours. Words are compared as values, never as a query: no text can be a syntax error.

A word that very many passages hold names no candidates: its list is not read, its rarity is still right, and how often
candidates hold it is counted in their own words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.corpus import Readable
from memory.passages import Ids
from memory.store import Store
from memory.words import owned_word

K1 = 1.2
B = 0.75
"""The usual constants of BM25 (Robertson and Zaragoza 2009)."""
MOST_POSTINGS = 100_000
"""Of a question's words the rarest are looked up until so many passages hold them in all."""

_FREQUENCIES = (
    "SELECT j.key AS place, v.doc AS passages FROM json_each(?) j CROSS JOIN temp.word_counts v ON v.term = j.value"
)
_POSTINGS = "SELECT key, (SELECT group_concat(doc) FROM temp.chunk_words WHERE term = value) FROM json_each(?)"


@dataclass(frozen=True)
class Occurrences:
    """Where a question's words occur: one entry a word and passage, those of a word together and in order of id."""

    words: NDArray[np.int64]
    """Index of the word in the question."""
    ids: Ids
    """The passage."""
    counts: NDArray[np.float32]
    idf: NDArray[np.float32]
    """One entry a word of the question; that of a word which no passage holds is the highest possible."""
    frequency: NDArray[np.float32]
    """One entry a word: passages that hold it."""
    listed: NDArray[np.bool_]
    """One entry a word: its passages are among the entries; not so for a word that too many hold."""

    def table(self, store: Store, words: Sequence[str], ids: Ids, owners: NDArray[np.int64]) -> NDArray[np.float32]:
        """Counts (words, len(ids) + 1) in these passages; the last column is the empty passage.

        :param words: those that were looked up
        :param owners: (n,) whose each passage is
        """
        table = np.zeros((len(self.idf), len(ids) + 1), np.float32)
        for place in range(len(self.idf)):
            mine = slice(*np.searchsorted(self.words, [place, place + 1]))
            if mine.start < mine.stop:
                held = np.minimum(np.searchsorted(self.ids[mine], ids), mine.stop - mine.start - 1)
                table[place, :-1] = np.where(self.ids[mine][held] == ids, self.counts[mine][held], 0.0)
        common = np.flatnonzero(~self.listed)
        if len(common):
            for column, (text, owner) in enumerate(zip(owned_words_of(store, ids), owners.tolist(), strict=True)):
                padded = f" {text} ".replace(" ", "  ")
                wanted = [f" {owned_word(words[place], user_id=owner)} " for place in common.tolist()]
                table[common, column] = [padded.count(word) for word in wanted]
        return table


def occurrences(store: Store, words: Sequence[str], memory: Readable, *, most: int = MOST_POSTINGS) -> Occurrences:
    """Look up the words of a question in the readable memory; the rarest, until ``most`` passages hold them in all."""
    frequency = frequencies(store, words, memory.owners)
    listed = np.zeros(len(words), np.bool_)
    rarest = np.argsort(frequency, kind="stable")
    listed[rarest] = np.cumsum(frequency[rarest]) <= most
    word, ids, counts = _postings(store, [words[place] for place in np.flatnonzero(listed).tolist()], memory.owners)
    idf = np.log(1.0 + (memory.total - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
    return Occurrences(np.flatnonzero(listed)[word], ids, counts, idf, frequency, listed)


def frequencies(store: Store, words: Sequence[str], owners: Sequence[int]) -> NDArray[np.float32]:
    """How many passages (words,) of these owners hold each word, without reading which."""
    found = np.array(store.tuples(_FREQUENCIES, (_owned(words, owners),)), np.int64).reshape(-1, 2)
    counts = np.bincount(found[:, 0] // len(owners), weights=found[:, 1], minlength=len(words)) if len(owners) else 0
    return np.zeros(len(words), np.float32) + np.asarray(counts, np.float32)


def first_with(store: Store, word: str, owners: Sequence[int], *, most: int) -> Ids:
    """The earliest passages that hold a word, at most so many of each owner."""
    ids: list[int] = []
    for owner in owners:
        sql = "SELECT DISTINCT doc FROM temp.chunk_words WHERE term = ? LIMIT ?"
        ids += [row[0] for row in store.tuples(sql, (owned_word(word, user_id=owner), most))]
    return np.array(sorted(ids), np.int64)


def owned_words_of(store: Store, ids: Ids) -> list[str]:
    """The words of passages as they are indexed (``memory.words.owned_word``), in the order of ``ids``."""
    sql = (
        "SELECT group_concat(c.id), group_concat(c.c0, char(10))"
        " FROM json_each(?) j CROSS JOIN chunks_fts_content c ON c.id = j.value"
    )
    known, texts = store.tuples(sql, (json.dumps(ids.tolist()),))[0]
    found = dict(zip(map(int, (known or "").split(",")), texts.split("\n"), strict=True)) if known else {}
    return [found.get(id_, "") for id_ in ids.tolist()]


def holders(texts: Sequence[str], words: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Which texts of words hold which of a few words, each given once: place of the text and of the word, one entry a
    meeting, those of a word together.

    >>> [places.tolist() for places in holders(["a b b", "b c"], ["b", "c"])]
    [[0, 1, 1], [0, 0, 1]]
    """
    places = {word: place for place, word in enumerate(words)}
    wanted = frozenset(words)
    found = sorted((places[word], row) for row, text in enumerate(texts) for word in wanted.intersection(text.split()))
    columns = np.array(found, np.int64).reshape(-1, 2).T
    return columns[1], columns[0]


def _postings(
    store: Store, words: Sequence[str], owners: Sequence[int]
) -> tuple[NDArray[np.int64], Ids, NDArray[np.float32]]:
    found = [row for row in store.tuples(_POSTINGS, (_owned(words, owners),)) if row[1]]
    lists = [np.fromstring(ids, np.int64, sep=",") for _, ids in found]
    word = np.repeat(np.array([place // len(owners) for place, _ in found], np.int64), [len(ids) for ids in lists])
    ids = np.concatenate([*lists, np.zeros(0, np.int64)])
    if len(owners) > 1:
        order = np.lexsort((ids, word))
        word, ids = word[order], ids[order]
    return _counted(word, ids)


def _owned(words: Sequence[str], owners: Sequence[int]) -> str:
    """All words of all owners as JSON; the index over the number of owners is that of the word."""
    return json.dumps([owned_word(word, user_id=owner) for word in words for owner in owners], ensure_ascii=False)


def _counted(
    word: NDArray[np.int64], ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """One entry a word and passage, with how often they come together; equal ones lie side by side."""
    if not len(ids):
        return word, ids, np.zeros(0, np.float32)
    first = np.flatnonzero(np.append(True, (np.diff(ids) != 0) | (np.diff(word) != 0)))
    counts = np.diff(np.append(first, len(ids))).astype(np.float32)
    return word[first], ids[first], counts


def bm25(counts: NDArray[np.float32], lengths: NDArray[np.float32], idf: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores (m,) of m texts from word counts (words, m), lengths in bytes relative to the mean (m,) and idf (words,).

    A length is counted in bytes: a letter is one and a Chinese character three, which weighs words of both alike.
    """
    saturated = counts * (K1 + 1.0) / (counts + K1 * (1.0 - B + B * lengths))
    scores: NDArray[np.float32] = (idf @ saturated).astype(np.float32)
    return scores
