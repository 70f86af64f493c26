"""What handlers write is written beside the event loop: others are answered while the database is busy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from bot.telegram import files, handlers
from bot.telegram.outbox import Outbox
from memory.store import Store
from tests.bot.telegram.bench import OWNER, Bench
from tests.bot.telegram.test_commands import data

STRANGER = 9


def noted(real: Callable[..., Any], threads: list[bool]) -> Callable[..., Any]:
    """The same, which notes whether it runs in the event loop's thread."""

    def call(*args: Any, **named: Any) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return real(*args, **named)

    return call


async def test_nothing_is_written_on_the_event_loop(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting, a summary, a file and the question to the owner."""
    ada = await live.owner()
    threads: list[bool] = []
    monkeypatch.setattr(Store, "update_user", noted(Store.update_user, threads))
    monkeypatch.setattr(Outbox, "put", noted(Outbox.put, threads))
    for module in (handlers, files):
        monkeypatch.setattr(module, "note_work", noted(module.note_work, threads))
    shown = await live.reply_to(ada, "/settings")
    ada.press(shown, data(shown, "set:form:bullets"))
    await live.server.until(lambda: live.user().profile.form == "bullets")
    await live.reply_to(ada, "/summary")
    ada.send_document("note.txt", b"The cabin has a blue door.")
    live.server.user(STRANGER, "Eve").send("hello")
    await live.handled(5)
    await live.server.until(lambda: any("Eve" in message.text for message in live.server.replies(OWNER)))
    assert len(threads) >= 7
    assert not any(threads)
