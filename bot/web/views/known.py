"""Facts by whom they are about: what holds, where it was said, and what held before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from memory.facts import profile
from memory.facts.records import USER, Fact
from memory.facts.store import facts_of
from memory.facts.vocabulary import key_of, kind_of
from memory.records import Chunk, User
from memory.store import Store


@dataclass(frozen=True)
class Row:
    """A fact with the passage that states it, and the ones of the same attribute that have ended."""

    fact: Fact
    source: Chunk | None
    own: bool
    """False where it is of a shared knowledge base, which can't be changed here."""
    before: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Subject:
    """Somebody or something that facts are about."""

    name: str
    about_user: bool
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Known:
    """Everything that is known of a user's world."""

    subjects: tuple[Subject, ...]
    rules: tuple[profile.StandingRule, ...]
    facts: int
    ended: int


def known_of(store: Store, *, user: User, about: str = "") -> Known:
    """The facts that a user may read, the user's own first.

    :param about: only subjects and values that hold this name
    """
    owners = store.readable_by(user.id)
    found = facts_of(store, owners=owners, about=about)
    ids = {source.chunk_id for item in found for source in item.sources}
    chunks = {chunk.id: chunk for chunk in store.chunks(ids, owners=owners)}
    subjects = [
        Subject(group[0].subject, group[0].subject == USER, _rows(group, chunks, user_id=user.id))
        for _, items in groupby(found, key=lambda item: (item.user_id, key_of(item.subject)))
        if (group := list(items))
    ]
    subjects.sort(key=lambda item: (not item.about_user, item.name.casefold()))
    ended = sum(not item.current for item in found)
    return Known(tuple(subjects), tuple(profile.rules_of(store, user_id=user.id)), len(found) - ended, ended)


def _rows(facts: Sequence[Fact], chunks: Mapping[int, Chunk], *, user_id: int) -> tuple[Row, ...]:
    """One row for each fact that holds, with what ended of its attribute; the newest stands for one that is over."""
    rows = []
    for _, items in groupby(facts, key=lambda item: kind_of(item.attribute)):
        group = sorted(items, key=lambda item: item.valid_from, reverse=True)
        ended = [item for item in group if not item.current]
        shown = [item for item in group if item.current] or ended[:1]
        for place, item in enumerate(shown):
            before = tuple(other for other in ended if other is not item) if place == 0 else ()
            newest = item.newest_of(chunks)
            source = chunks[newest] if newest is not None else None
            rows.append(Row(item, source, item.user_id == user_id, before))
    return tuple(rows)
