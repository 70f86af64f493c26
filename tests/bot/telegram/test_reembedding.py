"""After a change of embedder the bot embeds again beside the chat."""

from __future__ import annotations

import os
import sys
import threading

from tests.bot.telegram.bench import STORY, Bench


async def test_chat_goes_on_while_memory_is_embedded_again(bench: Bench) -> None:
    """The job is begun at the start, at low priority, and a stop ends it."""
    began, ended = threading.Event(), threading.Event()
    seen: list[int] = []

    def reembed(cancel: threading.Event) -> int:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        began.set()
        if cancel.wait(10):
            ended.set()
        return 1

    bench.reembed = reembed
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    await bench.start()
    ada = await bench.owner()
    assert began.wait(10)
    assert "Once upon a time." in (await bench.reply_to(ada, STORY)).text
    assert not ended.is_set()
    await bench.stop()
    assert ended.is_set()
    assert seen == [max(before, 10) if sys.platform == "linux" else before]


async def test_a_job_that_fails_leaves_the_chat_alone(bench: Bench) -> None:
    """It is logged without a text, and tried again at the next start."""
    tried: list[int] = []

    def reembed(_cancel: threading.Event) -> int:
        tried.append(1)
        raise RuntimeError("no room on the device")

    bench.reembed = reembed
    await bench.start()
    ada = await bench.owner()
    assert "Once upon a time." in (await bench.reply_to(ada, STORY)).text
    await bench.stop()
    await bench.start()
    assert "Once upon a time." in (await bench.reply_to(ada, STORY)).text
    assert len(tried) == 2
