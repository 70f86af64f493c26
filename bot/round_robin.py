"""Whose turn it is where several people wait: one request of each in turn, each person's in the order they came.

A person who asks for much is served as often as one who asks for little, so that a flood delays its sender, and
others by one request at most each time round. Not locked: who shares one between threads holds a lock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class RoundRobin(Generic[T]):
    """What waits, by a key that says who waits for it."""

    def __init__(self) -> None:
        # In the order in which the keys are served: whoever was served goes to the end, as does whoever is new.
        self._waiting: dict[Hashable, deque[T]] = {}

    def add(self, key: Hashable, item: T) -> None:
        """Let an item wait behind those of the same key."""
        self._waiting.setdefault(key, deque()).append(item)

    def take(self) -> T:
        """Remove and give what is next.

        :raises StopIteration: nothing waits
        """
        key = next(iter(self._waiting))
        items = self._waiting.pop(key)
        item = items.popleft()
        if items:
            self._waiting[key] = items
        return item

    def discard(self, key: Hashable, item: T) -> None:
        """Remove an item that waits no longer; nothing happens where it does not."""
        items = self._waiting.get(key, deque())
        if item in items:
            items.remove(item)
        if not items:
            self._waiting.pop(key, None)

    def __len__(self) -> int:
        """Items that wait."""
        return sum(map(len, self._waiting.values()))
