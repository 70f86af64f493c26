"""A home whose user and others tell things, for tests of facts; vectors don't matter there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from memory.facts.store import learn_document
from memory.records import NewDocument, NewTurn, Passage, Role, Timings
from memory.store import Store
from memory.turns import Said, add_turn, open_conversation


@dataclass
class Home:
    """An open home; ``user_id`` is its owner."""

    store: Store
    user_id: int

    def other(self, name: str, role: Role = "member") -> int:
        """Another user."""
        return self.store.add_user(name, role=role).id

    def told(self, *lines: tuple[str, str], user_id: int | None = None) -> list[int]:
        """Chat turns of the user, as (time, text); returns their ids."""
        owner = user_id or self.user_id
        return [self._turn(at, text, owner) for at, text in lines]

    def _turn(self, at: str, text: str, owner: int) -> int:
        turn = NewTurn(
            conversation_id=open_conversation(self.store, user_id=owner, channel="terminal"),
            user_text=text,
            reply="I live in Atlantis.",
            generated="",
            prompt=(),
            citations=(),
            memories=(),
            engine="e",
            model="m",
            adapter=None,
            timings=Timings(),
            asked_at=at,
        )
        said = Said((Passage(text, at=at),), np.ones((1, 4), np.float32), "e")
        return add_turn(self.store, turn, user_id=owner, said=said).id

    def dialogue(self, lines: Sequence[tuple[str, str, str]], *, me: str | None = None) -> int:
        """An imported dialogue of (speaker, time, text); returns the document's id."""
        passages = [Passage(text, speaker=speaker, at=at) for speaker, at, text in lines]
        return self.document(passages, format="dialogue", me=me)

    def note(self, *texts: str, user_id: int | None = None, format: str = "markdown", at: str = "2026-01-05") -> int:
        """An imported note."""
        return self.document([Passage(text, at=at) for text in texts], format=format, user_id=user_id)

    def document(
        self, passages: Sequence[Passage], *, format: str, me: str | None = None, user_id: int | None = None
    ) -> int:
        """A document stored and learned from as an import does it."""
        owner = user_id or self.user_id
        name = " ".join(passage.text for passage in passages)
        new = NewDocument(source=name, title="t", format=format, sha256=name, text=name, me=me)
        with self.store.transaction():
            vectors = np.ones((len(passages), 4), np.float32)
            stored = self.store.add_document(new, passages, vectors, user_id=owner, embedder="e")
            learn_document(self.store, stored.id, user_id=owner)
        return stored.id
