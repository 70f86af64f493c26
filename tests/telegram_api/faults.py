"""Faults that a test orders: what goes wrong with the next calls of a method, and whether Telegram acted first."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class TooManyRequests:
    """Answer 429 without acting; the bot must wait `retry_after` seconds."""

    retry_after: int = 1


@dataclass(frozen=True)
class Refusal:
    """Answer this status and description without acting, as 502 Bad Gateway or 403 Forbidden."""

    status: int = 502
    description: str = "Bad Gateway"


@dataclass(frozen=True)
class NoAnswer:
    """Keep the bot waiting for `seconds`, then close the connection; `delivered`: Telegram did act before."""

    delivered: bool
    seconds: float = 30.0


@dataclass(frozen=True)
class Slow:
    """Act and answer rightly, but only after `seconds`."""

    seconds: float


@dataclass(frozen=True)
class Drop:
    """Close the connection at once, after acting when `delivered`."""

    delivered: bool = False


Fault = TooManyRequests | Refusal | NoAnswer | Slow | Drop


class BadNetwork:
    """Faults by chance: each call of these methods goes wrong with the share of each fault."""

    def __init__(self, shares: Mapping[Fault, float], *, methods: Collection[str], seed: int) -> None:
        self._shares = shares
        self._methods = frozenset(method.lower() for method in methods)
        self._random = random.Random(seed)
        self.happened: Counter[Fault] = Counter()

    def draw(self, method: str) -> Fault | None:
        """The fault for this call, if there is one."""
        if method.lower() not in self._methods:
            return None
        point = self._random.random()
        for fault, share in self._shares.items():
            point -= share
            if point < 0:
                self.happened[fault] += 1
                return fault
        return None


class FaultPlan:
    """The faults still to happen, first ordered first. Not locked: the world's lock covers it."""

    def __init__(self) -> None:
        self._planned: list[tuple[str, Fault]] = []
        self.network: BadNetwork | None = None

    def order(self, method: str, fault: Fault, *, times: int) -> None:
        """Let the next `times` calls of the method ("*" for any) fail in this way."""
        self._planned += [(method.lower(), fault)] * times

    def take(self, method: str) -> Fault | None:
        """The fault for this call, removed from the plan."""
        for number, (wanted, fault) in enumerate(self._planned):
            if wanted in ("*", method.lower()):
                del self._planned[number]
                return fault
        return self.network.draw(method) if self.network is not None else None

    def pending(self) -> int:
        """How many ordered faults have not happened yet."""
        return len(self._planned)

    def clear(self) -> None:
        """Forget what was ordered."""
        self._planned.clear()
