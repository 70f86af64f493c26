"""Recommendations for a user: which of their saved items now, and why, in words that are true.

Where a model of their taste passed its gate it scores, moved by what was said since it was trained; else embeddings
and popularity do. A vote is an event, so that it counts in the next list whether or not anything is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from bot.locales import say
from memory.config import ImportConfig
from memory.embedding import Embedder
from memory.records import Found, User
from memory.store import Store
from memory.taste import (
    Action,
    Added,
    Event,
    Item,
    NewItem,
    add_items,
    events_of,
    item_by_id,
    item_vectors,
    items_of,
    note_event,
    opinions,
    popularity,
    selected,
)
from memory.taste_ranking import Floats, Reason, moved, nearness, reason, scores, signals_of, standard, varied
from tuning.config import TasteConfig

_SCORED = 200
"""Most items that a model reads for a list: the nearest by plain embeddings, as each takes some milliseconds."""
_FOUND = 60
"""Passages of a search among which items are looked for."""
_FITTING = 12
"""Best fitting items of which a list about something is made."""
_ASKED = 2.0
"""How much fitting what was asked for weighs, beside preference."""
_SURE = 1000
"""Opinions at which popularity no longer counts."""

Search = Callable[[str, User, int], Found]
"""Finds the best passages that a user may read."""


@dataclass(frozen=True)
class Ranked:
    """What a model says of items."""

    scores: Floats
    """(n,) greater is better."""
    learned_until: str
    """When the last choice was made that it knows."""


class Ranker(Protocol):
    """A model of users' tastes."""

    def rank(self, user: User, items: Sequence[Item], recent: Sequence[str]) -> Ranked | None:
        """Scores of items; None where no model of this user's taste may be used.

        :param recent: titles that the user selected, oldest first
        """
        ...


class NoRanker:
    """Nobody has a model."""

    def rank(self, user: User, items: Sequence[Item], recent: Sequence[str]) -> Ranked | None:
        """None for everyone."""
        del user, items, recent
        return None


@dataclass(frozen=True)
class Wish:
    """What a list should be about."""

    about: str = ""
    """Words; empty: anything."""
    like: int | None = None
    """An item that the others should be near to."""


@dataclass(frozen=True)
class Recommended:
    """An item of a list."""

    item: Item
    reason: Reason


class Taste:
    """Recommends, and keeps what users do."""

    def __init__(
        self,
        store: Store,
        embedder: Callable[[], Embedder],
        search: Search,
        config: TasteConfig,
        *,
        ranker: Ranker | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store, self._embedder, self._search, self._config = store, embedder, search, config
        self._ranker, self._now = ranker or NoRanker(), now

    def recommend(self, user: User, wish: Wish = Wish(), *, most: int | None = None) -> tuple[Recommended, ...]:
        """The next items, best first; empty where there are none.

        :param most: items; None takes [taste] items
        :raises FamiliarError: the items can't be read or searched
        """
        items, events = items_of(self._store, user_id=user.id), events_of(self._store, user_id=user.id)
        if wish.like is not None:
            item_by_id(self._store, wish.like, user_id=user.id)
        done = {event.item for event in events if event.action != "shown"}
        left = [item for item in items if item.id not in done]
        asked = self._asked(left, user, wish)
        left = left if asked is None else [item for item in left if item.id in asked]
        if not left:
            return ()
        taste = self._told(items, events)
        left, field = self._nearest(left, taste, wish)
        popular = popularity(self._store, [item.id for item in left], without=user.id)
        preference = field.near if wish.like is not None else self._preferred(user, left, field, taste)
        if asked is not None:
            preference = standard(preference) + _ASKED * standard(
                np.array([asked[item.id] for item in left], np.float32)
            )
        signals = signals_of(left, events, preference=preference, popularity=popular, now=self._now())
        if wish != Wish():  # what was asked for counts, however little is known of the user
            signals = replace(signals, opinions=max(signals.opinions, _SURE))
        total = scores(signals, half_life_days=self._config.half_life_days)
        order = varied(total, field.vectors, k=most or self._config.items, variety=self._config.variety)
        return tuple(
            Recommended(left[place], _why(place, field.vectors, taste, int(popular[place]))) for place in order
        )

    def _asked(self, items: Sequence[Item], user: User, wish: Wish) -> dict[int, float] | None:
        """How well the best items fit the words that were asked for, by the search of a turn; None without words."""
        if not wish.about:
            return None
        free, found = {item.id for item in items}, dict[int, float]()
        for hit in self._search(wish.about, user, _FOUND).hits:
            if hit.chunk.document_id in free:
                found.setdefault(hit.chunk.document_id, hit.score)
        return dict(list(found.items())[:_FITTING])

    def _told(self, items: Sequence[Item], events: Sequence[Event]) -> _Told:
        known = {item.id: item for item in items}
        told = {id_: event for id_, event in opinions(events).items() if id_ in known}
        titles = tuple(known[id_].title for id_ in told)
        return _Told(tuple(told.values()), titles, self._vectors(list(told)))

    def _vectors(self, ids: Sequence[int]) -> Floats:
        return item_vectors(self._store, ids, embedder=self._embedder().key)

    def _nearest(self, items: list[Item], taste: _Told, wish: Wish) -> tuple[list[Item], _Field]:
        """The items that are worth scoring."""
        vectors = self._vectors([item.id for item in items])
        if wish.like is None:
            near = nearness(vectors, taste.vectors(True), taste.vectors(False))
        else:
            near = vectors @ self._vectors([wish.like])[0]
        kept = np.argsort(-near, kind="stable")[:_SCORED]
        return [items[place] for place in kept], _Field(vectors[kept], near[kept])

    def _preferred(self, user: User, items: Sequence[Item], field: _Field, taste: _Told) -> Floats:
        ranked = self._ranker.rank(user, items, taste.chosen)
        if ranked is None:
            return field.near
        since = taste.since(ranked.learned_until)
        return moved(
            ranked.scores,
            nearness(field.vectors, since.vectors(True), since.vectors(False)),
            opinions=len(since.events),
        )

    def shown(self, user: User, items: Sequence[Recommended]) -> None:
        """Note that a list was shown, so that the next one has others."""
        at = self._now().isoformat()
        with self._store.transaction():
            for each in items:
                note_event(self._store, Event(each.item.id, "shown", None, at), user_id=user.id)

    def note(self, user: User, item: int, action: Action, *, rating: float | None = None) -> Item:
        """Keep what a user did with an item; gives the item.

        :raises FamiliarError: there is no such item
        """
        with self._store.transaction():
            note_event(self._store, Event(item, action, rating, self._now().isoformat()), user_id=user.id)
            return item_by_id(self._store, item, user_id=user.id)

    def item(self, item: int, user: User) -> Item:
        """One item that a user may read.

        :raises FamiliarError: there is none of that number
        """
        return item_by_id(self._store, item, user_id=user.id)

    def add(self, new: Sequence[NewItem], *, owner: User, actor: User, config: ImportConfig) -> Added:
        """Store items.

        :raises FamiliarError: one has no title, or the store can't be written
        """
        return add_items(self._store, self._embedder(), new, user_id=owner.id, actor=actor.id, config=config)


@dataclass(frozen=True)
class _Field:
    """The items of which a list is made."""

    vectors: Floats
    """(n, d)"""
    near: Floats
    """(n,) by plain embeddings, to the user's taste or to what the list should be near to."""


@dataclass(frozen=True)
class _Told:
    """What a user thinks of items, oldest first."""

    events: tuple[Event, ...]
    titles: tuple[str, ...]
    rows: Floats
    """Vectors (n, d)."""

    @property
    def chosen(self) -> tuple[str, ...]:
        """Titles of what was selected."""
        return tuple(title for title, event in zip(self.titles, self.events, strict=True) if selected(event))

    def vectors(self, wanted: bool) -> Floats:
        """Of what was selected, or turned down."""
        return self.rows[[selected(event) is wanted for event in self.events]]

    def since(self, at: str) -> _Told:
        """What was said after a moment."""
        later = [event.at > at for event in self.events]
        keep = [place for place, new in enumerate(later) if new]
        return _Told(tuple(self.events[at] for at in keep), tuple(self.titles[at] for at in keep), self.rows[keep])


def _why(place: int, vectors: Floats, taste: _Told, popular: int) -> Reason:
    chosen = [(title, event) for title, event in zip(taste.titles, taste.events, strict=True) if selected(event)]
    found = reason(place, vectors, chosen, taste.vectors(True))
    if found is not None:
        return found
    return Reason("popular", count=popular) if popular else Reason("new")


def reason_text(found: Reason, item: Item, *, language: str) -> str:
    """A reason as a person reads it."""
    if found.verb == "popular":
        return say(language, "taste_popular", count=found.count)
    if found.verb == "new":
        return say(language, "taste_new", date=item.added_at[:10])
    quoted = [say(language, "taste_quoted", title=title) for title in found.titles]
    titles = quoted[0] if len(quoted) == 1 else say(language, "taste_both", first=quoted[0], second=quoted[1])
    return say(language, f"taste_{found.verb}", titles=titles)


def line_of(each: Recommended, *, language: str) -> str:
    """An item and its reason in one line."""
    why = reason_text(each.reason, each.item, language=language)
    return say(language, "taste_line", title=each.item.title, reason=why)
