"""Whoever leaves ends their reply, whoever reads slowly holds up nobody, and errors come as statuses where they can."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from bot.api import routes
from bot.api.tokens import add_token
from tests.bot.api.conftest import Home, MakeHome
from tests.bot.api.test_chat import say
from tests.bot.web.bench import TOKEN

LONG = " ".join(f"word{number}" for number in range(200))


class Gate:
    """Holds a reply at its third word until it is opened."""

    def __init__(self) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()

    def __call__(self, word: str) -> None:
        """Wait where it is the third."""
        if word.strip() == "word2":
            self.reached.set()
            assert self.opened.wait(20)


@pytest.fixture
def gate() -> Iterator[Gate]:
    """It is opened in the end, so that no thread stays behind."""
    made = Gate()
    yield made
    made.opened.set()


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.01)


def sent(home: Home, *, token: str = TOKEN, **fields: Any) -> socket.socket:
    """A connection on which a request was sent."""
    body = json.dumps({"model": "familiar", "messages": [{"role": "user", "content": "My bike is red."}]} | fields)
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # else the whole reply fits on its way
    made.settimeout(20)
    made.connect(("127.0.0.1", home.bench.port))
    made.sendall((head + body).encode())
    return made


@pytest.mark.parametrize("fields", [{}, {"stream": True}, {"memory": "off", "stream": True}])
def test_a_reply_ends_when_its_client_leaves(make_home: MakeHome, gate: Gate, fields: dict[str, Any]) -> None:
    """The model stops at once, nothing is stored, what was told is no memory, and the next one is answered."""
    words: list[str] = []

    def before(word: str) -> None:
        words.append(word)
        gate(word)

    home = make_home(lambda _: LONG, before_word=before)
    connection = sent(home, **fields)
    assert gate.reached.wait(20)
    connection.close()
    time.sleep(0.3)  # that it left is seen by the server meanwhile
    gate.opened.set()
    until(home.idle)
    assert len(words) <= 4
    assert (home.turns(), home.kept()) == (0, [])
    assert say(home.client(), "Good morning!").choices[0].message.content == LONG


def test_who_leaves_while_waiting_is_not_answered(make_home: MakeHome, gate: Gate) -> None:
    """A request that waits for the model goes with its client; the one before it is finished."""
    home = make_home(lambda _: LONG, before_word=gate)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(say, home.client(), "Good morning!")
        assert gate.reached.wait(20)
        sent(home).close()
        time.sleep(0.3)
        gate.opened.set()
        assert first.result(20).choices[0].message.content == LONG
    until(home.idle)
    assert home.turns() == 1


@pytest.mark.parametrize("fields", [{}, {"memory": "off"}])
def test_who_leaves_near_the_end_is_counted(make_home: MakeHome, gate: Gate, fields: dict[str, Any]) -> None:
    """Who reads a reply and hangs up before its end has had a reply, with its tokens: else no limit would hold."""
    home = make_home(lambda _: LONG, before_word=gate)
    user, _ = home.person("bo")
    home.configure("people", member_replies_per_day=1)
    connection = sent(home, token=add_token(home.bench.store, user)[1], stream=True, **fields)
    assert gate.reached.wait(20)
    connection.close()
    time.sleep(0.3)  # that it left is seen by the server meanwhile
    gate.opened.set()
    until(lambda: home.bench.store.rows("SELECT tokens FROM api_uses WHERE tokens > 2") != [])
    assert home.bench.store.rows("SELECT work FROM api_uses")[0]["work"] == "reply"
    assert home.turns() == 0


def test_who_is_sent_away_while_waiting_is_not_answered(
    make_home: MakeHome, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that waits for room is its person's as they are when its turn comes: nothing is recalled for it."""
    monkeypatch.setattr(routes, "_AT_ONCE", 1)
    home = make_home(lambda _: LONG, before_word=gate)
    user, bo = home.person("bo")
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(say, bo, "Good morning!")]
        assert gate.reached.wait(20)
        asked.append(pool.submit(say, bo, "Good evening!", model="familiar-base"))
        asked.append(pool.submit(bo.embeddings.create, model="familiar-embedding", input="x"))
        time.sleep(0.3)  # they wait by then
        home.role(user, "refused")
        gate.opened.set()
        for request in asked:
            with pytest.raises(openai.PermissionDeniedError):
                request.result(20)
    assert len(home.engine.requests) == 1


def test_a_slow_reader_holds_up_nobody(make_home: MakeHome) -> None:
    """A client that reads nothing of a long reply; its turn is stored, and others are answered meanwhile."""
    home = make_home(lambda _: " ".join([LONG] * 20))
    home.configure("model", max_reply_tokens=3000)
    slow = sent(home, stream=True)
    assert say(home.client(), "Good morning!").choices[0].finish_reason == "length"
    until(lambda: home.turns() == 2)
    slow.close()


def test_many_at_once(home: Home) -> None:
    """Twelve requests of three people are all answered, each with its own person's turn."""
    people = [home.person(name) for name in ("bo", "cy", "di")]
    with ThreadPoolExecutor(12) as pool:
        done = [(user, pool.submit(say, client, f"Good morning from {user.name}!")) for user, client in people * 4]
        assert all(reply.result(20).choices[0].message.content for _, reply in done)
    rows = home.bench.store.rows("SELECT user_id, count(*) AS n FROM turns GROUP BY user_id")
    assert {row["user_id"]: row["n"] for row in rows} == {user.id: 4 for user, _ in people}


def test_a_stream_that_cannot_begin_is_a_status(make_home: MakeHome) -> None:
    """An error before the first word comes as any other; one after it as the last event, without [DONE]."""

    def fails(word: str) -> None:
        if "42" in word:
            raise ValueError("SECRET")

    home = make_home(lambda _: "one two 42", before_word=fails)
    body: dict[str, Any] = {"model": "familiar", "stream": True}
    with home.bench.client() as client:
        long = [{"role": "user", "content": "word " * 5000}]
        answer = client.post("/v1/chat/completions", json=body | {"messages": long})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")
        said = [{"role": "user", "content": "Write me a poem."}]
        with client.stream("POST", "/v1/chat/completions", json=body | {"messages": said}) as streamed:
            assert streamed.headers["content-type"].startswith("text/event-stream")
            lines = [line for line in streamed.iter_lines() if line]
    assert "one" in lines[1]
    assert json.loads(lines[-1].removeprefix("data: "))["error"]["type"] == "server_error"
    assert home.turns() == 0


def test_a_sign_comes_while_nothing_does(make_home: MakeHome, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream begins without a first word where that takes long, and comments keep it alive."""
    monkeypatch.setattr("bot.api.streaming._BEGIN_SECONDS", 0.05)
    monkeypatch.setattr("bot.api.streaming._SIGN_SECONDS", 0.05)
    home = make_home(lambda _: "word2 word3", before_word=gate)
    body = {"model": "familiar", "stream": True, "messages": [{"role": "user", "content": "Write me a poem."}]}
    signs = 0
    with home.bench.client() as client, client.stream("POST", "/v1/chat/completions", json=body) as streamed:
        for line in streamed.iter_lines():
            signs += line.startswith(":")
            if signs == 2:
                gate.opened.set()
    assert signs >= 2
    assert home.turns() == 1
