"""The figures in Prometheus' form, made anew for each scrape.

No label holds a user, a chat or words, and the number of series does not grow with use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from bot.metrics.readings import Readings
from memory.counters import Counter
from memory.counters_table import BOUNDS

_COUNTED = (
    ("updates", "outcome", "Updates from Telegram.", ("received", "handled", "given_up")),
    ("sends", "outcome", "Messages to Telegram; retry_after: asked to wait (429).", ("sent", "unknown", "refused")),
    ("imports", "status", "Files that were sent, by what became of them.", ("indexed", "duplicate", "failed")),
    ("reminders", "outcome", "Reminders that were delivered.", ("on_time", "late")),
    ("tunes", "status", "Tunes that ended.", ("live", "rejected", "failed", "skipped")),
)
"""Counter, label, help, and the labels that are there before anything was counted, so that a rate can be taken."""
_PHASES = ("queue", "retrieval", "first_token", "total")
_STATES = ("waiting", "sending", "unknown", "refused", "sent")
_RANGES = (*(repr(bound) for bound in BOUNDS), "+Inf")


class Names(Protocol):
    """What answers."""

    @property
    def model(self) -> str:
        """The language model."""
        ...

    @property
    def embedder(self) -> str:
        """What embeds."""
        ...

    @property
    def version(self) -> str:
        """Of the program."""
        ...


def registry(
    read: Callable[[], Readings], names: Callable[[], Names], polling: Callable[[], bool]
) -> CollectorRegistry:
    """Everything that is shown, read anew whenever it is asked for; with the process's own figures."""
    made = CollectorRegistry()
    ProcessCollector(registry=made)
    made.register(_Collector(read, names, polling))
    return made


class _Collector:
    def __init__(self, read: Callable[[], Readings], names: Callable[[], Names], polling: Callable[[], bool]) -> None:
        self._read, self._names, self._polling = read, names, polling

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: else registering would read everything."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Everything, now."""
        readings = self._read()
        yield from _counted(readings.counters)
        yield _durations(readings.counters)
        yield from _gauges(readings)
        yield _gauge("polling", "Whether Telegram answers polls.", float(self._polling()))
        names = self._names()
        info = {"model": names.model, "embedder": names.embedder, "version": names.version}
        yield InfoMetricFamily("familiar", "What answers.", value=info)


def _counted(counted: Iterable[Counter]) -> Iterator[Metric]:
    found = {(item.name, item.label): item.n for item in counted}
    for name, label, text, expected in _COUNTED:
        family = CounterMetricFamily(f"familiar_{name}", text, labels=[label])
        others = sorted(value for kind, value in found if kind == name and value not in expected)
        for value in (*expected, *others):
            family.add_metric([value], found.get((name, value), 0))
        yield family


def _durations(counted: Iterable[Counter]) -> Metric:
    found = {(item.name, item.label): item for item in counted}
    text = "Seconds of answers: waiting for their turn, recalling, until the first text, and from begin to end."
    family = HistogramMetricFamily("familiar_turn_seconds", text, labels=["phase"])
    for phase in _PHASES:
        ranges = [found.get((f"seconds:{phase}", bound)) for bound in _RANGES]
        total, buckets = 0, []
        for bound, item in zip(_RANGES, ranges, strict=True):
            total += item.n if item else 0
            buckets.append((bound, float(total)))
        family.add_metric([phase], buckets, sum(item.seconds for item in ranges if item))
    return family


def _gauges(readings: Readings) -> Iterator[Metric]:
    yield _gauge("queue_length", "Messages that are not answered yet.", readings.waiting)
    yield _gauge("queue_wait_seconds", "How long the oldest has waited that nobody works on.", readings.waiting_s)
    outbox, votes = dict(readings.outbox), readings.votes
    family = GaugeMetricFamily("familiar_outbox_messages", "Messages of the bot by state.", labels=["state"])
    for state in _STATES:
        family.add_metric([state], outbox.get(state, 0))
    yield family
    family = GaugeMetricFamily(
        "familiar_adapter_votes", "Judgements on replies of the adapters that answer.", labels=["vote"]
    )
    for vote, n in (("up", votes.up), ("down", votes.down), ("corrected", votes.corrected)):
        family.add_metric([vote], n)
    yield family
    yield _gauge("failed_tunes", "Tunes in a row that failed.", readings.failed_tunes)
    yield _gauge("database_bytes", "Size of the database.", readings.database_bytes)
    yield _gauge("disk_free_bytes", "Room on the disk of the home.", readings.disk_free_bytes)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"familiar_{name}", text, value=value)
