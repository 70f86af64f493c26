"""Logs of a running bot: lines that programs can read, ids in them, and nothing that a person wrote."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.config import LogConfig
from bot.logs import ids_of, last_type, logging_to_stderr, noting
from memory.errors import UsageError
from tests.bot.telegram.bench import STORY, Bench
from tests.telegram_api import TOKEN, Refusal, TelegramServer

CANARY = "blueberry-42"


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    """A loopback Bot API server."""
    with TelegramServer() as running:
        yield running


@pytest.fixture
async def bench(tmp_path: Path, server: TelegramServer) -> AsyncIterator[Bench]:
    """A bot that is not started yet."""
    made = Bench(tmp_path, server)
    yield made
    await made.close()


async def fail_everywhere(bench: Bench) -> None:
    """A turn, a send, a poll and a library that fail, each with what a person wrote in the error."""

    def failing(_: object) -> str:
        raise RuntimeError(f"{CANARY} {TOKEN}")

    bench.reply = failing
    await bench.start()
    ada = await bench.owner()
    await bench.reply_to(ada, f"{STORY} It is about {CANARY}.")
    bench.server.fault("getUpdates", Refusal(502, f"{CANARY} {TOKEN}"))
    bench.server.fault("sendMessage", Refusal(400, f"Bad Request: chat not found {CANARY}"))
    ada.send(f"/help {CANARY}")
    await bench.handled(3)
    try:
        raise ValueError(f"{CANARY}\n{TOKEN}")
    except ValueError:
        logging.getLogger("telegram.ext.Updater").exception("at /bot%s", TOKEN)
        logging.getLogger("sqlite_utils").exception("elsewhere")
    await bench.stop()


async def test_each_line_is_json_with_ids_and_no_words(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """At the finest level, through failures of every kind."""
    config = LogConfig(format="json", level="debug")
    with logging_to_stderr(config):
        await fail_everywhere(bench)
    text = capsys.readouterr().err
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "logger", "event"} <= line.keys() for line in lines)
    failed = next(line for line in lines if line["event"].startswith("error ") and "RuntimeError" in line["event"])
    assert (failed["level"], failed["logger"], failed["user"]) == ("error", "bot.telegram.desk", bench.user().id)
    assert failed["update"] > 0
    assert len(failed["error"]) == 6
    assert any(line["event"] == "at /bot<token> (ValueError)" for line in lines)
    assert any(line["event"] == "elsewhere (ValueError)" for line in lines)
    assert CANARY not in text
    assert TOKEN not in text


async def test_text_lines_hold_as_little(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """One line an event, without tracebacks."""
    with logging_to_stderr(LogConfig(level="debug")):
        await fail_everywhere(bench)
    text = capsys.readouterr().err
    assert " ERROR bot.telegram.desk: error " in text
    assert "RuntimeError" in text
    assert CANARY not in text
    assert TOKEN not in text
    assert "Traceback" not in text


def test_only_what_is_wanted_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """Of libraries warnings at most, of our own from the level on; afterwards all is as before."""
    before = (list(logging.root.handlers), logging.getLogger("bot").level)
    with logging_to_stderr(LogConfig(level="info")):
        logging.getLogger("bot.some").info("kept")
        logging.getLogger("bot.some").debug("too fine")
        logging.getLogger("library").info("not ours")
        logging.getLogger("library").warning("of a library")
    events = [line.rpartition(": ")[2] for line in capsys.readouterr().err.splitlines()]
    assert events == ["kept", "of a library"]
    assert (list(logging.root.handlers), logging.getLogger("bot").level) == before


@pytest.mark.parametrize(("config", "named"), [(LogConfig(format="xml"), "format"), (LogConfig(level="all"), "level")])
def test_a_wrong_setting_is_named(config: LogConfig, named: str) -> None:
    """With what there is."""
    with pytest.raises(UsageError, match=rf"\[log\] {named} is .* it must be one of"), logging_to_stderr(config):
        pass


def test_ids_are_read_from_messages() -> None:
    """By the word before them; only numbers count, and of an error its number."""
    assert ids_of("error 1a2b3c: update 7, user 3: KeyError at a.py:9") == {"error": "1a2b3c", "update": 7, "user": 3}
    assert ids_of("message 4 to chat -100 failed") == {"message": 4, "chat": -100}
    assert ids_of("user Ada has an error again") == {}


def test_notes_are_lines_of_the_same_kind() -> None:
    """ "ready" and the like; in text they are as ever, because scripts wait for them."""
    said: list[str] = []
    noting(LogConfig(), said.append)("ready")
    noting(LogConfig(format="json"), said.append)("ready")
    assert said[0] == "ready"
    assert json.loads(said[1])["event"] == "ready"


def test_an_error_is_known_by_the_end_of_its_traceback() -> None:
    """Also where its text has several lines."""
    assert last_type('Traceback\n  File "x"\ntelegram.error.TimedOut: Timed out') == "telegram.error.TimedOut"
    assert last_type("KeyboardInterrupt") == "KeyboardInterrupt"
    assert last_type("") == "error"
