"""Stations in a row: the simulation agrees with queueing theory, and the limit is where the waiting is as allowed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bot.bench.queueing import Station, throughput, waits


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_one_server_waits_as_theory_says(load: float) -> None:
    """M/M/1: the mean waiting time is service * load / (1 - load)."""
    waited = waits([Station("one", 2.0)], load / 2.0, messages=60_000)
    assert waited.mean() == pytest.approx(2.0 * load / (1 - load), rel=0.1)


def test_several_servers_wait_as_theory_says() -> None:
    """M/M/c: Erlang's C gives the share that waits."""
    servers, load = 4, 0.7
    offered = servers * load
    queued = offered**servers / math.factorial(servers) / (1 - load)
    waiting = queued / (sum(offered**n / math.factorial(n) for n in range(servers)) + queued)
    waited = waits([Station("four", 1.0, servers)], offered, messages=60_000)
    assert np.mean(waited > 1e-9) == pytest.approx(waiting, abs=0.03)
    assert waited.mean() == pytest.approx(waiting / (servers - offered), rel=0.15)


def test_a_row_adds_up_and_the_narrowest_limits() -> None:
    """What follows a quick station changes little before it, and the bottleneck is named."""
    row = [Station("quick", 0.01), Station("slow", 1.0, 2)]
    assert waits(row, 1.0).mean() == pytest.approx(waits(row[1:], 1.0).mean(), rel=0.3)
    taken = throughput(row, patience=5.0)
    assert taken.bottleneck == "slow"
    assert 1.0 < taken.messages_s < 2.0
    assert taken.waited_half < 5.0
    assert np.quantile(waits(row, taken.messages_s), 0.95) <= 5.0


def test_more_patience_takes_more() -> None:
    """But never more than the capacity."""
    row = [Station("one", 1.0)]
    rates = [throughput(row, patience=seconds).messages_s for seconds in (0.5, 5.0, 50.0)]
    assert rates == sorted(rates)
    assert rates[-1] < 1.0
