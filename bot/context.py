"""What a message refers to: texts that are given to the model for this turn only, as data.

They stand among the numbered notes, fenced as those are, so that no sentence in them is an instruction and each can
be cited. They are never stored as something that the user said, and never become memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from memory.embedding import Embedder
from memory.records import GIVEN_ID, GIVEN_REMARK, Chunk, Hit, Kept

SOURCE = "given"
_MOST_PASSAGES = 6
"""Of a longer text the first passage is given, which says what it is, and those nearest to the question."""
_PASSAGE = 900
"""Characters of a passage where a text comes in one piece; about what the passages of memory have."""


@dataclass(frozen=True)
class Given:
    """A text that a message refers to."""

    title: str
    """What it is: a message that was replied to, or a page with its address."""
    texts: tuple[str, ...]
    """Its passages in order."""
    speaker: str | None = None
    at: str | None = None
    """When it was said, ISO 8601."""
    cited: bool = False
    """It is named under the reply in any case."""


@dataclass(frozen=True)
class Exchange:
    """A message and its reply, as a program that keeps a conversation itself tells them; one of them may be empty."""

    user_text: str
    reply: str


@dataclass(frozen=True)
class Context:
    """What a turn is given besides its text and memory."""

    given: tuple[Given, ...] = ()
    replaces: int | None = None
    """A turn whose place this one takes: nothing of it is recalled."""
    keep: Kept = "memory"
    """What stays of it."""
    history: tuple[Exchange, ...] | None = None
    """What was said before, oldest first; None: the stored turns of the conversation."""
    adapter_of: int | None = None
    """Whose adapter answers instead of the user's own: of a customer, the desk's."""
    quotes_only: bool = False
    """A model that is not trusted writes nothing: passages are quoted, whatever kind of message it is."""
    instructions: str = ""
    """What the program through which the user writes asks for; it stands after our own rules."""


NO_CONTEXT = Context()


def in_passages(text: str) -> tuple[str, ...]:
    """A text in pieces of about a passage, cut between lines or words."""
    pieces, rest = [], text.strip()
    while len(rest) > _PASSAGE:
        head = rest[:_PASSAGE]
        cut = max(head.rfind("\n"), head.rfind(". ") + 1, head.rfind("。") + 1) or head.rfind(" ")
        cut = cut if cut > _PASSAGE // 2 else _PASSAGE
        pieces.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return tuple(piece for piece in [*pieces, rest] if piece)


def given_hits(question: str, given: Sequence[Given], *, user_id: int, embedder: Embedder) -> tuple[Hit, ...]:
    """The given texts as passages for the prompt, in order; of long ones those that are about the question."""
    return tuple(
        Hit(_chunk(item, item.texts[place], place, user_id), score=1.0, remark=GIVEN_REMARK)
        for item in given
        for place in _chosen(question, item.texts, embedder)
    )


def _chosen(question: str, texts: Sequence[str], embedder: Embedder) -> list[int]:
    if len(texts) <= _MOST_PASSAGES:
        return list(range(len(texts)))
    near = embedder.embed_passages(texts[1:]) @ embedder.embed_query(question)
    best = np.argsort(-near, kind="stable")[: _MOST_PASSAGES - 1] + 1
    return [0, *sorted(int(place) for place in best)]


def _chunk(item: Given, text: str, place: int, user_id: int) -> Chunk:
    return Chunk(
        id=GIVEN_ID,
        user_id=user_id,
        document_id=None,
        turn_id=None,
        position=place,
        text=text,
        start=0,
        end=0,
        page=None,
        section=None,
        speaker=item.speaker,
        at=item.at,
        external_ids=(),
        source=SOURCE,
        title=item.title,
    )
