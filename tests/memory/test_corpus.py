"""What search reads of a memory: counts of all passages, and rows of candidates and those around them alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from memory.corpus import dialogues, load_corpus, readable
from memory.lexical import first_with, frequencies, occurrences
from memory.records import NewDocument, Passage
from memory.schema import migrations
from memory.store import Store

LINES = ("The key hangs in the shed", "Which key?", "The garden key, the old key", "Thanks", "Is it raining？")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Ann's dialogue and note, Ben's note."""
    opened = Store(tmp_path / "familiar.db")
    opened.add_user("ann", role="owner")
    opened.add_user("ben", role="member")
    talk = [Passage(text, speaker="Ann" if n % 2 else "Cy", at=f"2026-01-0{n + 1}") for n, text in enumerate(LINES)]
    add(opened, "talk", talk, me="Ann")
    add(opened, "note", [Passage("The key of the car"), Passage("Nothing else")])
    add(opened, "ben", [Passage("A key, a key, a key")], user_id=2)
    yield opened
    opened.close()


def add(store: Store, name: str, passages: list[Passage], *, user_id: int = 1, me: str | None = None) -> int:
    document = NewDocument(source=name, title=name, format="plain", sha256=name, text="t", me=me)
    vectors = np.eye(len(passages), 8, dtype=np.float32)
    return store.add_document(document, passages, vectors, user_id=user_id, embedder="e").id


def test_all_passages_are_counted_as_they_come_and_go(store: Store) -> None:
    """Number and mean length follow imports and deletions; names are words of those who speak."""
    memory = readable(store, (1,))
    assert (memory.total, sorted(memory.names), dict(memory.mine)) == (7, ["ann", "cy"], {1: "Ann"})
    store.delete_document(1, user_id=1)
    memory = readable(store, (1,))
    assert (memory.total, memory.mean_bytes) == (2, (len("The key of the car") + len("Nothing else")) / 2)
    assert (memory.names, memory.mine) == (frozenset(), {})
    assert readable(store, (1, 2)).total == 3
    store.delete_document(2, user_id=1)
    assert (readable(store, (1,)).total, readable(store, (1,)).mean_bytes) == (0, 1.0)


def test_candidates_are_read_with_what_stands_around_them(store: Store) -> None:
    """Fields of each row, and neighbours within the same document only."""
    memory = readable(store, (1,))
    corpus = load_corpus(store, memory, np.array([2, 6]))
    assert corpus.ids.tolist() == [1, 2, 3, 4, 6]
    corpus = load_corpus(store, memory, np.array([2, 6]), widely=np.array([2, 6]))
    assert corpus.ids.tolist() == [1, 2, 3, 4, 5, 6]
    first = corpus.rows_of(np.array([2]))
    assert corpus.ids[corpus.neighbours(first)[0][1:]].tolist() == [1, 2, 3, 4]
    assert corpus.neighbours(first)[0][0] == -1
    assert [corpus.names[code] for code in corpus.speakers[:2]] == ["Cy", "Ann"]
    assert corpus.own[:2].tolist() == [False, True]
    assert corpus.asks.tolist() == [False, True, False, False, True, False]
    assert corpus.dialogue.tolist() == [True] * 5 + [False]
    assert str(corpus.days[0]) == "2026-01-01"
    assert np.isnat(corpus.days[-1])


def test_rows_of_others_are_not_read(store: Store) -> None:
    """An id of another owner gives no row."""
    assert load_corpus(store, readable(store, (1,)), np.array([8])).ids.tolist() == []
    assert load_corpus(store, readable(store, (2,)), np.array([7, 8])).ids.tolist() == [8]


def test_forgotten_line_is_nobodys_neighbour(store: Store) -> None:
    """The lines around a gap stay neighbours as far as the reach goes."""
    store.delete_chunks([2], user_id=1)
    corpus = load_corpus(store, readable(store, (1,)), np.array([1]))
    around = corpus.neighbours(corpus.rows_of(np.array([1])))[0]
    assert corpus.ids[around[around >= 0]].tolist() == [1, 3]


def test_dialogue_has_two_speakers(store: Store) -> None:
    """One speaker alone is none, with unnamed lines beside them it is."""
    diary = add(store, "diary", [Passage("a", speaker="Ann"), Passage("b", speaker="Ann")])
    chat = add(store, "chat", [Passage("a", speaker="Ann"), Passage("b")])
    assert dialogues(store, [1, 2, diary, chat]) == {1: ("Ann", "Cy"), chat: ("Ann", "Ann")}


def test_a_talk_that_loses_a_speaker_is_none(store: Store) -> None:
    """What was known of a document holds while passages come, and is looked up again once one is gone."""
    memory = readable(store, (1,))
    chat = add(store, "chat", [Passage("a", speaker="Ann"), Passage("b", speaker="Cy")])
    ids = np.array(
        [row["id"] for row in store.rows("SELECT id FROM chunks WHERE document_id = ? ORDER BY id", (chat,))]
    )
    more = readable(store, (1,), before=memory)
    corpus = load_corpus(store, more, ids)
    assert corpus.dialogue[corpus.rows_of(ids)].all()
    add(store, "later", [Passage("c")])
    kept = readable(store, (1,), before=more)
    assert kept.talks[chat]
    assert kept.talks is more.talks
    store.delete_chunks([int(ids[1])], user_id=1)
    corpus = load_corpus(store, readable(store, (1,), before=kept), ids)
    assert not corpus.dialogue[corpus.rows_of(ids[:1])].any()


def test_words_are_counted_within_the_readable_memory(store: Store) -> None:
    """Neither frequency nor occurrences know of others' passages."""
    assert frequencies(store, ["key", "nowher"], [1]).tolist() == [4, 0]
    assert frequencies(store, ["key"], [1, 2]).tolist() == [5]
    found = occurrences(store, ["key", "garden"], readable(store, (1,)))
    assert found.ids.tolist() == [1, 2, 3, 6, 3]
    assert found.counts.tolist() == [1, 1, 2, 1, 1]
    assert first_with(store, "key", [1, 2], most=2).tolist() == [1, 2, 8]


def test_common_words_count_alike_whether_listed_or_not(store: Store) -> None:
    """A word whose list is not read is counted in the candidates' own words."""
    memory, words = readable(store, (1,)), ["key", "garden", "key2"]
    corpus = load_corpus(store, memory, np.arange(1, 8))
    listed, common = (occurrences(store, words, memory, most=most) for most in (100, 2))
    assert (listed.listed.tolist(), common.listed.tolist()) == ([True] * 3, [False, True, True])
    tables = [found.table(store, words, corpus.ids, corpus.owners) for found in (listed, common)]
    assert tables[0].tolist() == tables[1].tolist()
    assert tables[0][0].tolist() == [1, 1, 2, 0, 0, 1, 0, 0]
    assert listed.idf.tolist() == common.idf.tolist()


def test_older_home_is_counted_when_it_is_opened(tmp_path: Path) -> None:
    """Passages stored before there were counts and owned words are counted and found."""
    raw = Database(tmp_path / "familiar.db")
    migrations().apply(raw, stop_before="m0006_scale")
    raw.execute("INSERT INTO users (id, name, role, created_at) VALUES (1, 'ann', 'owner', '')")
    raw.execute("INSERT INTO conversations VALUES (1, 1, 'terminal', NULL, '')")
    raw.execute(
        "INSERT INTO documents (user_id, source, title, format, sha256, text, imported_at)"
        " VALUES (1, 'a', 'a', 'plain', 'a', 'old key', '')"
    )
    raw.execute(
        'INSERT INTO chunks (user_id, document_id, position, text, start, "end") VALUES (1, 1, 0, "old key", 0, 7)'
    )
    raw.execute("INSERT INTO chunks_fts (rowid, words) VALUES (1, 'old key')")
    raw.conn.commit()
    raw.close()
    store = Store(tmp_path / "familiar.db")
    assert (readable(store, (1,)).total, readable(store, (1,)).mean_bytes) == (1, 7.0)
    assert occurrences(store, ["key"], readable(store, (1,))).ids.tolist() == [1]
    store.close()
