"""Notes as they are stored: once, found at once, each speaker's words their own, and gone when they are forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memory.config import ImportConfig, SearchConfig
from memory.erasure import forget_document, forget_everything, forget_text
from memory.facts.store import KEPT_REPLY, PROGRAM_NOTE, facts_of, learn_all
from memory.index import Indexes
from memory.notes import KEPT_MESSAGE, NOTE, KeptNote, NewNote, Words, keep_note, notes_of
from memory.records import User
from memory.search import Searcher
from memory.store import Store
from tests.embedder import WordEmbedder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A database with the user Ann."""
    opened = Store(tmp_path / "familiar.db")
    opened.add_user("ann", role="owner")
    yield opened
    opened.close()


def ann(store: Store) -> User:
    """Its user."""
    user = store.user("ann")
    assert user is not None
    return user


def keep(store: Store, *words: Words, key: str = "1", format_: str = NOTE, me: str | None = "ann") -> KeptNote:
    """Keep a note."""
    new = NewNote(key, words[0].text[:20], f"note {words[0].text[:20]}", words, me, format_)
    return keep_note(store, WordEmbedder(), new, user=ann(store), config=ImportConfig())


def facts(store: Store) -> list[tuple[str, str]]:
    """Subjects and values of what is known."""
    return [(fact.subject, fact.value) for fact in facts_of(store, owners=[ann(store).id])]


def test_a_note_is_searched_at_once_and_by_its_owner(store: Store, tmp_path: Path) -> None:
    """The shared knowledge bases are searched too, unless only one's own is wanted."""
    keep(store, Words("ann", "the kiln is fired at 900 degrees", "2026-03-01T10:00:00+01:00"))
    shared = store.add_user("handbook", role="shared")
    new = NewNote("1", "kiln", "kiln", (Words("handbook", "the kiln stands in the yard"),), None)
    keep_note(store, WordEmbedder(), new, user=shared, config=ImportConfig())
    embedder = WordEmbedder()
    indexes = Indexes(tmp_path / "index", store, embedder_key=embedder.key, dimensions=64)
    searcher = Searcher(store, indexes, embedder, SearchConfig())
    both = searcher.search("kiln", user_id=ann(store).id).hits
    own = searcher.search_own("kiln", user_id=ann(store).id).hits
    assert {hit.chunk.user_id for hit in both} == {ann(store).id, shared.id}
    assert [hit.chunk.text for hit in own] == ["the kiln is fired at 900 degrees"]
    assert own[0].chunk.at == "2026-03-01T10:00:00+01:00"


def test_the_same_note_twice_is_one(store: Store) -> None:
    """By its key, and by its words."""
    first, again, other = (keep(store, Words("ann", "buy milk"), key=key) for key in ("1", "1", "2"))
    assert (first.known, again.known, other.known) == (False, False, True)
    assert first.document.id == again.document.id == other.document.id
    assert [item.title for item in notes_of(store, user_id=ann(store).id, last=5)] == ["buy milk"]


def test_facts_are_the_speakers(store: Store) -> None:
    """The user's where they wrote it; none where an assistant did, whatever its name, also when all is read again."""
    keep(store, Words("ann", "I live in Bern."), key="1")
    keep(store, Words("Eve", "I live in Rome."), key="2", format_=KEPT_MESSAGE)
    keep(store, Words("Familiar", "I live in Paris."), key="3", format_=KEPT_REPLY)
    keep(store, Words("ann", "I live in Oslo."), key="4", format_=PROGRAM_NOTE)
    learn_all(store, user_id=ann(store).id)
    assert sorted(facts(store)) == [("Eve", "Rome"), ("user", "Bern")]


def test_what_nobody_says_is_found_and_states_nothing_of_anybody(store: Store) -> None:
    """Also when all is read again; the same as somebody's words is another note."""
    kept = keep(store, Words(None, "I live in Lisbon."), key="1", format_=KEPT_MESSAGE)
    learn_all(store, user_id=ann(store).id)
    assert facts(store) == []
    assert store.document_text(kept.document.id, user_id=ann(store).id) == "I live in Lisbon."
    assert not keep(store, Words("Eve", "I live in Lisbon."), key="2", format_=KEPT_MESSAGE).known


def test_a_forgotten_note_is_gone_and_may_be_kept_again(store: Store) -> None:
    """By its number, by its words, and with everything."""
    kept = keep(store, Words("ann", "I live in Bern."))
    forget_document(store, None, user_id=ann(store).id, document_id=kept.document.id)
    assert facts(store) == []
    keep(store, Words("ann", "I live in Bern."))
    forget_text(store, None, user_id=ann(store).id, text="live in bern")
    assert store.documents(user_id=ann(store).id) == []
    keep(store, Words("ann", "I live in Bern."))
    forget_everything(store, None, user_id=ann(store).id)
    assert store.documents(user_id=ann(store).id) == []


def test_what_is_raised_while_it_is_stored_undoes_it(store: Store) -> None:
    """Such as an answer that could not be written down."""

    def fails(_kept: KeptNote) -> None:
        raise RuntimeError

    new = NewNote("1", "x", "x", (Words("ann", "buy milk"),), "ann")
    with pytest.raises(RuntimeError):
        keep_note(store, WordEmbedder(), new, user=ann(store), config=ImportConfig(), stored=fails)
    assert store.documents(user_id=ann(store).id) == []


def test_a_long_note_keeps_every_word(store: Store) -> None:
    """In several passages."""
    text = " ".join(f"word{n}" for n in range(2000))
    kept = keep(store, Words("ann", text))
    assert kept.document.chunks > 1
    assert store.document_text(kept.document.id, user_id=ann(store).id) == f"ann: {text}"
