"""`familiar serve` as a process: what it says, where it listens, how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bot.cli import main
from bot.web.server import Address, listen, shown_host, token_from
from memory.errors import UsageError
from memory.store import Store

ROOT = Path(__file__).parents[3]


@contextmanager
def served(home: Path, *arguments: str, token: str | None = None) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A running `familiar serve` and what it has said on standard error until it was ready."""
    environment = {name: value for name, value in os.environ.items() if name != "FAMILIAR_API_TOKEN"}
    environment |= {"FAMILIAR_API_TOKEN": token} if token else {}
    command = [sys.executable, "-m", "bot.cli", "serve", "--home", str(home), "--port", "0", *arguments]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    said: list[str] = []
    assert process.stderr is not None
    while not (said and said[-1].startswith("ready ")):
        line = process.stderr.readline()
        assert line, said
        said.append(line.rstrip("\n"))
    try:
        yield process, said
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_token_is_made_and_said_once(tmp_path: Path) -> None:
    """On standard error alone; it opens the page; SIGTERM ends the process within ten seconds, with status 0."""
    with served(tmp_path / "home") as (process, said):
        (token,) = [line.removeprefix("token: ") for line in said if line.startswith("token: ")]
        assert re.fullmatch(r"[\w-]{43}", token)
        url = said[-1].removeprefix("ready ")
        assert url.startswith("http://127.0.0.1:")
        assert httpx.get(url, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert httpx.get(f"{url}search?q=a-secret-question", headers={"Authorization": "Bearer no"}).status_code == 401
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
        assert time.monotonic() - began < 10
        assert (process.returncode, out) == (0, "")
        assert token not in err
        assert "a-secret-question" not in err


def test_a_given_token_is_not_shown(tmp_path: Path) -> None:
    """Beside an open home: the token is the environment's, nothing of it is printed, and Ctrl-C ends it."""
    store = Store(tmp_path / "home" / "familiar.db")
    store.add_user("ada", role="owner")
    with served(tmp_path / "home", "--host", "0.0.0.0", token="from the environment") as (process, said):
        assert not [line for line in said if "token: " in line or "from the environment" in line]
        assert any("can be reached from other machines" in line for line in said)
        headers = {"Authorization": "Bearer from the environment"}
        url = said[-1].removeprefix("ready ")
        with store.transaction():
            store.set_state("a", "b")
        assert "ada" in httpx.get(f"{url}people", headers=headers).text
        assert httpx.get(url, headers=headers | {"Host": "evil.example"}).status_code == 421
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        assert process.returncode == 0
    store.close()


def test_addresses_that_cannot_be_listened_on_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A taken port, a port that is none, a foreign address: status 2 and one line that says which."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["serve", "--home", str(tmp_path), "--port", port]) == 2
        assert f"--port {port} can't be listened on" in capsys.readouterr().err
    for address in (Address("127.0.0.1", 70000), Address("192.0.2.1", 0), Address("no such host", 0)):
        with pytest.raises(UsageError, match=str(address.port)):
            listen(address)


def test_without_the_extra_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where starlette is not installed, the error says what to install, with status 2."""
    for name in [name for name in sys.modules if name.startswith("bot.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    assert main(["serve", "--home", str(tmp_path)]) == 2
    assert "pip install -e '.[web]'" in capsys.readouterr().err


def test_where_the_token_comes_from() -> None:
    """The environment's, without the spaces around it; an empty one counts as none."""
    assert token_from({"FAMILIAR_API_TOKEN": " abc\n"})[0].reveal() == "abc"
    made, is_new = token_from({"FAMILIAR_API_TOKEN": " "})
    assert is_new
    assert made != token_from({})[0]
    assert "abc" not in repr(token_from({"FAMILIAR_API_TOKEN": "abc"}))


def test_addresses_that_can_be_opened() -> None:
    """Every address of the machine is shown as this machine's own."""
    assert [shown_host(host) for host in ("0.0.0.0", "::", "::1", "10.0.0.1")] == [
        *("127.0.0.1", "[::1]", "[::1]", "10.0.0.1")
    ]


SLOW = """
import argparse, sys, threading, time
from pathlib import Path
from types import SimpleNamespace
from bot.app import App
from bot.commands import serving
from bot.commands.output import Output
from bot.config import Settings
from memory.records import Message, NewTurn, Timings
from memory.turns import add_turn, open_conversation
from tests.engine import ScoringEngine

class Slow(ScoringEngine):
    busy = threading.Lock()
    def log_likelihood(self, messages, reply, adapter, *, asked_by=None):
        with self.busy:
            print("computing", file=sys.stderr, flush=True)
            time.sleep(60)
    def close(self):
        with self.busy:
            pass

app = App(Path(sys.argv[1]), Settings())
app.__dict__["engine"] = Slow()
user = app.user(None)
turn = NewTurn(open_conversation(app.store, user_id=user.id, channel="terminal"), "Hello", "Hi", "Hi",
    (Message("user", "Hello"),), (), (), "scripted", "scripted", None, Timings(), "2026-01-01T00:00:00+00:00")
add_turn(app.store, turn, user_id=user.id, said=None)
options = argparse.Namespace(what=None, host="127.0.0.1", port=0, allow_host=[], user=None)
serving.serve(app, options, Output(as_json=False))
app.close()
"""
"""A page whose model takes a minute for a figure and can't be interrupted."""


def test_it_ends_in_time_while_the_model_computes(tmp_path: Path) -> None:
    """A request that would take a minute does not hold up the end: ten seconds after SIGTERM the process is gone."""
    environment = os.environ | {"FAMILIAR_API_TOKEN": "t"}
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path / "home")],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    url = process.stderr.readline().removeprefix("ready ").strip()
    headers = {"Authorization": "Bearer t"}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}turns/1/influence", headers=headers, timeout=httpx.Timeout(30, read=0.5))
    assert process.stderr.readline() == "computing\n"
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 0
