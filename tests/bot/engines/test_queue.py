"""The queue lets waiters in as they came, and lets go of those that give up."""

from __future__ import annotations

import threading
import time

import pytest

from bot.engines.queue import FairQueue


def _wait_for(queue: FairQueue, length: int) -> None:
    deadline = time.monotonic() + 10
    while len(queue) != length:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_waiters_go_in_order_of_arrival() -> None:
    """Even when a thread asks again the moment it leaves."""
    queue, order = FairQueue(), []

    def ask(name: str) -> None:
        with queue.turn():
            order.append(name)

    threads = [threading.Thread(target=ask, args=(name,)) for name in "abcdef"]
    with queue.turn():
        for place, thread in enumerate(threads):
            thread.start()
            _wait_for(queue, place + 2)
    ask("again")
    for thread in threads:
        thread.join()
    assert order == ["a", "b", "c", "d", "e", "f", "again"]


def test_only_one_holds_it() -> None:
    """Turns never overlap."""
    queue, inside, most = FairQueue(), [], []

    def ask() -> None:
        for _ in range(20):
            with queue.turn():
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.0005)
                inside.pop()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 80
    assert max(most) == 1


def test_a_waiter_can_give_up() -> None:
    """It leaves without having held the queue, and those behind it still get their turn."""
    queue, cancel, got = FairQueue(), threading.Event(), []

    def ask(event: threading.Event | None) -> None:
        with queue.turn(event) as mine:
            got.append(mine)

    quitter, patient = threading.Thread(target=ask, args=(cancel,)), threading.Thread(target=ask, args=(None,))
    with queue.turn():
        quitter.start()
        _wait_for(queue, 2)
        patient.start()
        _wait_for(queue, 3)
        cancel.set()
        quitter.join(10)
        assert got == [False]
        assert len(queue) == 2
    patient.join(10)
    assert got == [False, True]


def test_a_failed_turn_frees_the_queue() -> None:
    """An error inside a turn passes through and leaves nobody locked out."""
    queue = FairQueue()
    with pytest.raises(ZeroDivisionError), queue.turn():
        1 / 0  # noqa: B018
    with queue.turn() as mine:
        assert mine


def test_users_are_served_in_turn() -> None:
    """Whoever asks for much at once waits for it alone; each one's own requests keep their order."""
    queue, order = FairQueue(), []

    def ask(name: str) -> None:
        with queue.turn(asked_by=name[0]):
            order.append(name)

    threads = [threading.Thread(target=ask, args=(name,)) for name in ("a1", "a2", "a3", "b1", "c1")]
    with queue.turn(asked_by="a"):
        for place, thread in enumerate(threads):
            thread.start()
            _wait_for(queue, place + 2)
    for thread in threads:
        thread.join(10)
    assert order == ["a1", "b1", "c1", "a2", "a3"]


def test_who_gives_up_in_the_moment_of_its_turn_passes_it_on() -> None:
    """Nobody is locked out."""
    queue, cancel = FairQueue(), threading.Event()
    cancel.set()

    def ask() -> None:
        with queue.turn(cancel):
            time.sleep(0.0005)

    threads = [threading.Thread(target=ask) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(queue) == 0
    with queue.turn() as mine:
        assert mine
