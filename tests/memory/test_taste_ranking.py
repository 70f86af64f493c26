"""The order of recommended items and their reasons, worked out by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from memory.taste import Event, Item
from memory.taste_ranking import (
    Reason,
    Signals,
    moved,
    nearness,
    reason,
    scores,
    signals_of,
    standard,
    varied,
    verb_of,
)

NOW = datetime(2026, 3, 6, tzinfo=UTC)


def signals(n: int, **changes: object) -> Signals:
    """Of items that differ in what is named only."""
    zeros = np.zeros(n, np.float32)
    values = {"preference": zeros, "popularity": zeros, "age_days": zeros, "unseen_days": zeros + np.inf, "opinions": 0}
    return Signals(**values | changes)  # type: ignore[arg-type]


def floats(*values: float) -> np.ndarray:
    """As an array."""
    return np.array(values, np.float32)


def test_nearness_is_to_the_three_nearest_of_each_side() -> None:
    """What is far from everything liked does not dilute what is near."""
    items = np.eye(2, dtype=np.float32)
    liked = np.array([[1, 0], [1, 0], [1, 0], [-1, 0]], np.float32)
    assert nearness(items, liked, liked[:0]).tolist() == [1.0, 0.0]
    assert nearness(items, liked, items[1:]).tolist() == [1.0, -1.0]
    assert nearness(items, liked[:0], liked[:0]).tolist() == [0.0, 0.0]


def test_popularity_counts_until_there_are_opinions() -> None:
    """At five opinions both weigh alike; with none popularity decides, with many it hardly does."""
    made = {"preference": floats(0, 1), "popularity": floats(7, 0)}
    cold = scores(signals(2, **made), half_life_days=30)
    even = scores(signals(2, **made, opinions=5), half_life_days=30)
    warm = scores(signals(2, **made, opinions=95), half_life_days=30)
    assert cold[0] - cold[1] == pytest.approx(1.0)
    assert even[0] == pytest.approx(even[1])
    assert warm[1] - warm[0] == pytest.approx(0.9)


def test_new_items_have_a_head_start_and_shown_ones_wait() -> None:
    """Half of it is gone after the half-life, and being shown just now costs more than any head start."""
    aged = scores(signals(2, age_days=floats(0, 30)), half_life_days=30)
    assert aged.tolist() == pytest.approx([0.15, 0.075])
    seen = scores(signals(3, unseen_days=floats(0, 3, np.inf)), half_life_days=30)
    assert (seen[2] - seen).tolist() == pytest.approx([0.5, 0.25, 0.0])


def test_a_list_is_varied() -> None:
    """The second of two twins gives way to another; without variety it does not."""
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    assert varied(floats(1.0, 0.9, 0.5), vectors, k=2, variety=0.5) == [0, 2]
    assert varied(floats(1.0, 0.9, 0.5), vectors, k=2, variety=0.0) == [0, 1]
    assert varied(floats(1.0, 0.9, 0.5), vectors, k=9, variety=0.5) == [0, 2, 1]
    assert varied(floats(), vectors[:0], k=3, variety=0.5) == []


def test_a_model_is_moved_by_what_was_said_since() -> None:
    """Nothing said since moves nothing, five opinions count as much as it does, more count more."""
    assert standard(floats(2, 2)).tolist() == [0.0, 0.0]
    assert moved(floats(0, 2), floats(1, 0), opinions=0).tolist() == [-1.0, 1.0]
    assert moved(floats(0, 2), floats(1, 0), opinions=5).tolist() == [0.0, 0.0]
    assert moved(floats(0, 2), floats(1, 0), opinions=15).tolist() == [0.5, -0.5]


def test_a_reason_names_the_nearest_that_were_selected() -> None:
    """At most two, done the same thing with, and only where the item is nearer to them than the others are."""
    vectors = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    chosen = [
        ("far", Event(1, "liked", None, "")),
        ("near", Event(2, "rated", 5.0, "")),
        ("nearest", Event(3, "liked", None, "")),
        ("bought", Event(4, "bought", None, "")),
    ]
    rows = np.array([[0, 1, 0], [0.8, 0, 0.6], [1, 0, 0], [0.9, 0, 0.4]], np.float32)
    assert reason(0, vectors, chosen, rows) == Reason("liked", ("nearest", "near"))
    assert reason(1, vectors, chosen, rows) == Reason("liked", ("far",))
    assert reason(0, vectors, chosen[3:], rows[3:]) == Reason("bought", ("bought",))
    assert reason(1, vectors, chosen[3:], rows[3:]) is None
    assert reason(0, vectors, [], rows[:0]) is None
    assert verb_of(Event(1, "skipped", None, "")) is None


def test_signals_are_read_from_events() -> None:
    """The last time that it was shown, and how many items something was said of."""
    item = Item(1, 1, "a", "", "link", "", (), "2026-03-04T00:00:00+00:00")
    events = [
        Event(1, "shown", None, "2026-03-01T00:00:00+00:00"),
        Event(1, "shown", None, "2026-03-05T00:00:00+00:00"),
        Event(2, "liked", None, "2026-03-05T00:00:00+00:00"),
    ]
    found = signals_of([item], events, preference=floats(0), popularity=floats(0), now=NOW)
    assert (found.age_days.tolist(), found.unseen_days.tolist(), found.opinions) == ([2.0], [1.0], 1)
