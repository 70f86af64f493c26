"""Messages through stations in a row: how long they wait, and how many of them a second a deployment takes.

Each station is a first-come-first-served queue with some servers: processors that prepare turns, the single writer of a
database, a language model that writes a few replies at a time. Without feedback such stations can be simulated one
after the other, which is exact. Messages arrive as a Poisson process and take exponentially distributed times, as
lengths of replies vary about as much as their mean, so that M/M/c theory can check it.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MESSAGES = 2000
"""Messages of one simulation: the p95 of their waiting then varies by a few per cent from seed to seed."""
_HALVINGS = 8


@dataclass(frozen=True)
class Station:
    """Where each message is served once."""

    name: str
    seconds: float
    """Mean time of service."""
    servers: int = 1

    @property
    def capacity(self) -> float:
        """Messages a second above which the queue grows for ever."""
        return self.servers / self.seconds


@dataclass(frozen=True)
class Throughput:
    """What a row of stations takes."""

    messages_s: float
    """Messages a second at which the p95 of waiting is what was allowed."""
    bottleneck: str
    """The station that limits it."""
    waited_half: float
    """p95 of waiting at half of that, in seconds."""


def waits(stations: Sequence[Station], rate: float, *, messages: int = MESSAGES, seed: int = 0) -> NDArray[np.float64]:
    """Seconds that each message (messages,) waits in all queues together; ``rate`` is in messages a second."""
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.exponential(1 / rate, messages))
    waited = np.zeros(messages)
    for station in stations:
        order = np.argsort(at, kind="stable")
        service = rng.exponential(station.seconds, messages)
        free = [0.0] * station.servers
        for number in order.tolist():
            begin = max(float(at[number]), heapq.heappop(free))
            waited[number] += begin - at[number]
            at[number] = begin + service[number]
            heapq.heappush(free, float(at[number]))
    return waited


def throughput(stations: Sequence[Station], *, patience: float) -> Throughput:
    """The greatest rate at which the p95 of waiting is at most ``patience`` seconds, by halving."""
    narrowest = min(stations, key=lambda station: station.capacity)
    low, high = 0.0, narrowest.capacity
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _p95(stations, middle) <= patience:
            low = middle
        else:
            high = middle
    return Throughput(low, narrowest.name, _p95(stations, low / 2) if low else float("inf"))


def _p95(stations: Sequence[Station], rate: float) -> float:
    return float(np.quantile(waits(stations, rate), 0.95))
