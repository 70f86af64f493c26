"""`familiar mcp` as a process: over pipes and over HTTP, what it says where, how it ends, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client

from bot.cli import main
from tests.bot.mcp_server.bare_run import STRAY
from tests.bot.mcp_server.bench import ANN, ROOT, SHARED, command, filled, process, talking

HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "by hand", "version": "1"},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with several people."""
    return filled(tmp_path_factory.mktemp("mcp") / "home")


def test_a_client_lists_and_calls_all_tools(home: Path, tmp_path: Path) -> None:
    """Over pipes to a process that it starts, which writes what anybody asked or wrote nowhere but to the client."""
    with (tmp_path / "errors").open("w+", encoding="utf-8") as errors:
        with process(home, "--write", errors=errors) as talk:
            assert list(talk.tools()) == ["search", "facts", "summarise", "remember"]
            talk.call("remember", text="鸵鸟名叫奥利弗 🦤 and nobody's else")
            assert ANN in talk.texts("key of the boathouse")
            assert any("奥利弗 🦤" in text for text in talk.texts("鸵鸟名叫什么"))
            assert talk.call("facts")["facts"][0]["value"] == "Ghent"
            assert "brass key" in talk.call("summarise", about="boathouse")["text"]
            assert talk.refused("search", query="x", limit=0).startswith("search: limit: ")
        errors.seek(0)
        assert errors.read() == f"{STRAY}\n"


class ByHand:
    """A process that a test talks to in the protocol's own lines."""

    def __init__(self, home: Path, *arguments: str) -> None:
        pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        self.process = subprocess.Popen(command(home, *arguments), cwd=ROOT, encoding="utf-8", **pipes)
        self.ask("initialize", HELLO)
        self._write({"method": "notifications/initialized"})

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0"} | message) + "\n")
        self.process.stdin.flush()

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result of a request; the next line on standard output must be its answer."""
        assert self.process.stdout is not None
        self._write({"id": method, "method": method, "params": params})
        answer = json.loads(self.process.stdout.readline())
        assert (answer["jsonrpc"], answer["id"]) == ("2.0", method)
        result: dict[str, Any] = answer["result"]
        return result


@pytest.mark.parametrize("end", ["input", "interrupt"])
def test_output_carries_the_protocol_alone(home: Path, end: str) -> None:
    """Also where a library prints, and when it ends; that is at once, with status 0. By default it only reads."""
    talk = ByHand(home, "--user", "bo")
    assert [tool["name"] for tool in talk.ask("tools/list", {})["tools"]] == ["search", "facts", "summarise"]
    found = talk.ask("tools/call", {"name": "search", "arguments": {"query": "key"}})["content"][0]["text"]
    assert SHARED in found
    assert ANN not in found
    if end == "interrupt":
        talk.process.send_signal(signal.SIGINT)
        assert talk.process.wait(10) == 0
    rest, errors = talk.process.communicate(timeout=10)
    assert (talk.process.returncode, rest, errors) == (0, "", f"{STRAY}\n")


@pytest.fixture
def served(home: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """`familiar mcp --http`: the process, its address and its token."""
    environment = {name: value for name, value in os.environ.items() if name != "FAMILIAR_API_TOKEN"}
    started = [*command(home, "--http", "--port", "0")]
    running = subprocess.Popen(started, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    assert running.stderr is not None
    token = running.stderr.readline().removeprefix("token: ").strip()
    address = running.stderr.readline().removeprefix("ready ").strip()
    try:
        yield running, address, token
    finally:
        running.kill()
        running.communicate()


@asynccontextmanager
async def by_http(address: str, headers: dict[str, str]) -> AsyncIterator[TransportStreams]:
    """A connection with these headers."""
    async with (
        httpx2.AsyncClient(headers=headers) as http,
        streamable_http_client(address, http_client=http) as streams,
    ):
        yield streams


def test_over_http_a_token_is_needed(served: tuple[subprocess.Popen[str], str, str]) -> None:
    """On this machine's own address; no page of another name gets through; SIGTERM ends it with a client connected."""
    running, address, token = served
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/mcp", address)
    right = {"Authorization": f"Bearer {token}"}
    for headers, status in (({}, 401), ({"Authorization": "Bearer no"}, 401), (right | {"Host": "evil.example"}, 421)):
        assert httpx2.post(address, json={}, headers=headers).status_code == status
    assert httpx2.post(address, json={}, headers=right | {"Origin": "http://evil.example"}).status_code == 403
    with talking(by_http(address, right)) as talk:
        assert list(talk.tools()) == ["search", "facts", "summarise"]
        assert ANN in talk.texts("key of the boathouse")
        running.send_signal(signal.SIGTERM)
        assert running.wait(10) == 0


def test_without_the_extra_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the SDK, or what HTTP needs, is not installed, the error says what to install, with status 2."""
    for name in [name for name in sys.modules if name.startswith(("bot.mcp_server", "bot.web"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert main(["mcp", "--home", str(tmp_path), "--http"]) == 2
    assert "pip install -e '.[mcp,web]' (jinja2)" in capsys.readouterr().err
    for name in [name for name in sys.modules if name.startswith("bot.mcp_server")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp.server.stdio", None)
    assert main(["mcp", "--home", str(tmp_path)]) == 2
    printed = capsys.readouterr()
    assert "pip install -e '.[mcp]' (mcp.server.stdio)" in printed.err
    assert printed.out == ""


def test_wrong_use_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A port without --http, and a guest, with status 2 and nothing on standard output."""
    for arguments, said in ((["--port", "1"], "--port is about --http"), (["--user", "gus"], "--user gus is a guest")):
        assert main(["mcp", "--home", str(home), *arguments]) == 2
        printed = capsys.readouterr()
        assert said in printed.err
        assert printed.out == ""
