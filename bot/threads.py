"""Long work beside the event loop, in threads that never hold up the end of the program.

A pool would be joined at exit: a tune of an hour would then keep a stopped bot alive. What such a thread still does
when the process ends is lost as in a crash, which the store survives.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run the work in a thread of its own and give its result, or raise what it raised."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(finish: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(lambda: None if done.done() else finish())

    def run() -> None:
        try:
            result = work()
        except BaseException as exc:  # noqa: BLE001 - raised again where it is awaited
            error = exc
            settle(lambda: done.set_exception(error))
        else:
            settle(lambda: done.set_result(result))

    threading.Thread(target=run, daemon=True).start()
    return await done


async def first_of(*waiting: asyncio.Future[Any]) -> None:
    """Wait until one of them is done."""
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)


async def pause(stop: asyncio.Event, seconds: float | None) -> bool:
    """Wait so long, but no longer than until ``stop``; says whether it stopped."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
    return stop.is_set()


def end_after(seconds: float) -> None:
    """End the process then with status 0, whatever is still at work; what that was for is not kept anyway."""
    ending = threading.Timer(seconds, os._exit, [0])
    ending.daemon = True
    ending.start()
