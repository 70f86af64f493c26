"""Notes that a user writes to the assistant: documents of one thought each, found and forgotten like any other.

A note names who said what stands in it. What the user kept of somebody else's words is that person's, and what an
assistant wrote, this one or another program's, states no facts: nothing generated is taken for what the user told.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from memory import ledger
from memory.chunking import chunk_document, embedded_text, full_text
from memory.config import ImportConfig
from memory.embedding import Embedder
from memory.facts.store import KEPT_REPLY, PROGRAM_NOTE, learn_document
from memory.importers.records import Block, ExtractedDocument, Utterance
from memory.records import Document, NewDocument, User
from memory.store import Store

NOTE, KEPT_MESSAGE = "note", "kept message"
FORMATS = (NOTE, KEPT_MESSAGE, KEPT_REPLY, PROGRAM_NOTE)
"""Of documents that are notes: the user's own words, somebody else's, the assistant's, another program's."""


@dataclass(frozen=True)
class Words:
    """What somebody said."""

    speaker: str | None
    """None where it is nobody's statement, as what stands on a photographed page."""
    text: str
    at: str | None = None
    """ISO 8601, where it is known."""


@dataclass(frozen=True)
class NewNote:
    """A note about to be stored."""

    key: str
    """What it is made from, such as "telegram/4711": the same key a second time adds nothing."""
    title: str
    name: str
    """What citations call it."""
    words: tuple[Words, ...]
    """With a speaker each, or without any."""
    me: str | None
    """Which of the speakers is the user."""
    format: str = NOTE
    """One of FORMATS."""


@dataclass(frozen=True)
class KeptNote:
    """What became of a note."""

    document: Document
    known: bool
    """The same words were noted before, under another key."""


def keep_note(
    store: Store,
    embedder: Embedder,
    new: NewNote,
    *,
    user: User,
    config: ImportConfig,
    stored: Callable[[KeptNote], None] = lambda _: None,
) -> KeptNote:
    """Store a note with its words, vectors and facts, or find the one with the same words.

    :param stored: called in the transaction that stores it, which what it raises undoes
    :raises FamiliarError: the store can't be written
    """
    extracted = _extracted(new)
    sha256 = _sha256(new)
    passages = chunk_document(
        extracted,
        max_characters=config.chunk_characters,
        max_tokens=embedder.max_tokens,
        count_tokens=embedder.count_tokens,
    )
    source = f"notes/{new.key}/{new.name.replace('/', ' ')}"
    document = NewDocument(source, new.title, new.format, sha256, full_text(extracted), extracted.at, new.me)
    vectors = embedder.embed_passages([embedded_text(passage, title=new.title) for passage in passages])
    with store.transaction():
        known = store.document_by(user_id=user.id, sha256=sha256)
        if known is None:
            ledger.let_in(store, sha256, user_id=user.id)
            added = store.add_document(document, passages, vectors, user_id=user.id, embedder=embedder.key)
            learn_document(store, added.id, user_id=user.id)
            kept = KeptNote(added, known=False)
        else:
            kept = KeptNote(store.document(known.id, user_id=user.id), known=known.source != source)
        stored(kept)
    return kept


def notes_of(store: Store, *, user_id: int, last: int) -> Sequence[Document]:
    """A user's newest notes, newest first."""
    found = [item for item in store.documents(user_id=user_id) if item.format in FORMATS]
    return found[: -last - 1 : -1]


def _extracted(new: NewNote) -> ExtractedDocument:
    blocks = tuple(Block(words.text) for words in new.words if words.speaker is None)
    said = tuple(
        Utterance(str(number), words.speaker, words.text, words.at)
        for number, words in enumerate(new.words)
        if words.speaker is not None
    )
    return ExtractedDocument(new.title, new.format, blocks=blocks, utterances=said, at=new.words[-1].at)


def _sha256(new: NewNote) -> str:
    """Of who said what: the same words of the same person are one note."""
    said = "\0".join(part for words in new.words for part in (words.speaker or "", words.text))
    return hashlib.sha256(f"note\0{said}".encode()).hexdigest()
