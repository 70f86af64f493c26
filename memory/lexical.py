"""BM25 from SQLite's full-text index: which passages hold a question's words, how often, and how rare each word is.

FTS5's own bm25() scores one row at a time and counts rarity over all users of the home. Here the word lists are read
through fts5vocab, so that rarity is that of the readable memory alone and a passage can be scored together with its
neighbours. Words are compared as values, never as a query: no text can be a syntax error.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.corpus import Corpus
from memory.store import Store

K1 = 1.2
B = 0.75
"""The usual constants of BM25 (Robertson and Zaragoza 2009)."""


@dataclass(frozen=True)
class Occurrences:
    """Where a question's words occur: one entry a word and passage."""

    words: NDArray[np.int64]
    """Index of the word in the question."""
    rows: NDArray[np.int64]
    """Row of the passage in the corpus."""
    counts: NDArray[np.float32]
    idf: NDArray[np.float32]
    """One entry a word of the question; that of a word which no passage holds is the highest possible."""

    def table(self, corpus_rows: int) -> NDArray[np.float32]:
        """Counts (words, corpus_rows + 1); the last column is the empty passage to which row -1 points."""
        table = np.zeros((len(self.idf), corpus_rows + 1), np.float32)
        table[self.words, self.rows] = self.counts
        return table


def occurrences(store: Store, words: Sequence[str], corpus: Corpus) -> Occurrences:
    """Look up the words of a question in the passages of a corpus."""
    store.rows("CREATE VIRTUAL TABLE IF NOT EXISTS temp.chunk_words USING fts5vocab('main', 'chunks_fts', 'instance')")
    found = store.rows(
        "SELECT j.key AS word, group_concat(v.doc) AS ids FROM json_each(?) j"
        " CROSS JOIN temp.chunk_words v ON v.term = j.value GROUP BY j.key",
        (json.dumps(list(words), ensure_ascii=False),),
    )
    lists = [np.fromstring(row["ids"], np.int64, sep=",") for row in found]
    word = np.repeat(np.array([row["word"] for row in found], np.int64), [len(ids) for ids in lists])
    word, ids, counts = _counted(word, np.concatenate([*lists, np.zeros(0, np.int64)]))
    rows = corpus.rows_of(ids)
    mine = rows >= 0
    word, rows, counts = word[mine], rows[mine], counts[mine]
    frequency = np.bincount(word, minlength=len(words)).astype(np.float32)
    total = len(corpus.ids)
    idf = np.log(1.0 + (total - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
    return Occurrences(word, rows, counts, idf)


def rare_words(store: Store, words: Sequence[str], *, most: int) -> list[str]:
    """Those of the words that at least two and at most ``most`` passages of the home hold, without reading which."""
    store.rows("CREATE VIRTUAL TABLE IF NOT EXISTS temp.word_counts USING fts5vocab('main', 'chunks_fts', 'row')")
    found = store.rows(
        "SELECT j.value AS word FROM json_each(?) j CROSS JOIN temp.word_counts v ON v.term = j.value"
        " WHERE v.doc BETWEEN 2 AND ?",
        (json.dumps(list(words), ensure_ascii=False), most),
    )
    return [row["word"] for row in found]


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
