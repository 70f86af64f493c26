"""The server engine against a loopback vLLM: real HTTP, events, refusals and faults."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bot.config import Secret, ServerConfig
from bot.engines.base import Generated, Generation
from bot.engines.server.engine import ServerEngine, open_server
from memory.errors import FamiliarError, UsageError
from memory.records import Message
from tests.vllm_server import Refusal, VllmServer, chunk, error_body, wait_until

KEY = "sk-loopback-4f9a27c1"
ASKED = (Message("system", "Be brief."), Message("user", "Where did Ada leave the boat?"))
WORDS = "The boat lies at the northern pier"


@pytest.fixture
def server() -> Iterator[VllmServer]:
    """A server that gives one reply to everything."""
    with VllmServer(lambda _: WORDS) as running:
        yield running


class Bench:
    """Engines on one server, closed at the end."""

    def __init__(self, server: VllmServer) -> None:
        self.config = ServerConfig(url=server.url)
        self.made: list[ServerEngine] = []

    def engine(self, config: ServerConfig | None = None) -> ServerEngine:
        """An engine of these settings."""
        self.made.append(ServerEngine(config or self.config))
        return self.made[-1]


@pytest.fixture
def bench(server: VllmServer) -> Iterator[Bench]:
    """The engines of a test."""
    made = Bench(server)
    yield made
    for engine in made.made:
        engine.close()


def say(engine: ServerEngine, messages: tuple[Message, ...] = ASKED) -> tuple[Generated, list[str]]:
    """A reply and its pieces."""
    pieces: list[str] = []
    done = engine.generate(Generation(messages, max_tokens=50), on_text=pieces.append)
    return done, pieces


def test_the_server_counts(bench: Bench, server: VllmServer) -> None:
    """Prompt, cached and reply tokens are those of its last event, and why it stopped is its own reason."""
    done, pieces = say(bench.engine())
    assert (done.text, done.stop, "".join(pieces)) == (WORDS, "end", WORDS)
    assert (done.prompt_tokens, done.cached_tokens, done.reply_tokens) == (10, 3, 7)
    assert done.mean_logprob is None
    (body,) = server.replies
    assert body["stream_options"] == {"include_usage": True}
    assert (body["model"], body["max_tokens"], body["temperature"], body["seed"]) == ("small", 50, 0.0, 0)
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


def test_neighbours_of_one_role_are_sent_as_one(bench: Bench, server: VllmServer) -> None:
    """Many templates refuse two user messages in a row."""
    say(bench.engine(), (*ASKED, Message("user", "And when?")))
    assert [row["role"] for row in server.replies[0]["messages"]] == ["system", "user"]


def test_characters_split_over_packets_stay_whole(bench: Bench, server: VllmServer) -> None:
    """A reply whose bytes come three at a time, in the middle of characters and of events."""
    server.events = [chunk({"content": "船在北边"}), chunk({"content": "码头 ⛵"}), chunk({}, "stop")]
    server.bytes_at_a_time = 3
    done, pieces = say(bench.engine())
    assert done.text == "".join(pieces) == "船在北边码头 ⛵"
    assert "\ufffd" not in done.text


def test_reasoning_is_never_shown(bench: Bench, server: VllmServer) -> None:
    """Neither what the server keeps apart nor what stands in tags, split over events; it counts as the first sign."""
    thought = [chunk({"reasoning_content": "Ada has"}), chunk({"reasoning": "a boat."})]
    tagged = [chunk({"content": piece}) for piece in ("<th", "ink>At the", " pier</thi", "nk>\n\nNorth.")]
    server.events = [*thought, *tagged, chunk({}, "stop")]
    done, pieces = say(bench.engine())
    assert done.text == "".join(pieces) == "North."
    assert done.reply_tokens == 6


def test_a_loop_is_cut(bench: Bench, server: VllmServer) -> None:
    """The stream is closed when the text goes round, and one copy stays."""
    server.events = [chunk({"content": " round and round it goes,"}) for _ in range(400)]
    done, _ = say(bench.engine())
    assert done.stop == "loop"
    assert len(done.text) < 100
    assert done.prompt_tokens == 10, "without the last event the prompt is counted"


def test_a_limit_is_said(bench: Bench, server: VllmServer) -> None:
    """A reply that the server's limit or filter cut off is no whole one."""
    for reason in ("length", "content_filter"):
        server.events = [chunk({"content": "The boat"}), chunk({}, reason)]
        assert say(bench.engine())[0].stop == "length"


def test_cancel_closes_the_stream_at_once(bench: Bench, server: VllmServer) -> None:
    """Also while the server reads the prompt and sends nothing; the server notices."""
    cancel = threading.Event()
    server.silent_at = 2
    pieces: list[str] = []

    def take(piece: str) -> None:
        pieces.append(piece)
        if len(pieces) == 2:
            threading.Timer(0.1, cancel.set).start()

    began = time.perf_counter()
    done = bench.engine().generate(Generation(ASKED, max_tokens=50), on_text=take, cancel=cancel)
    took = time.perf_counter() - began
    assert (done.stop, done.text, "".join(pieces)) == ("cancelled", "The boat", "The boat")
    assert took < 5
    wait_until(server.left.is_set)


def test_cancel_before_the_first_piece(bench: Bench, server: VllmServer) -> None:
    """Nothing is written, and it takes no longer than a moment."""
    cancel = threading.Event()
    server.silent_at = 0
    server.before_piece = lambda _: cancel.set()
    done = bench.engine().generate(Generation(ASKED, max_tokens=50), on_text=lambda _: None, cancel=cancel)
    assert (done.stop, done.text, done.reply_tokens) == ("cancelled", "", 0)
    wait_until(server.left.is_set)


def test_a_reply_that_breaks_off_is_not_asked_for_again(bench: Bench, server: VllmServer) -> None:
    """What came stays, the error says that it broke off, and the server was asked once; the next turn is answered."""
    server.drop_after = 2
    engine = bench.engine()
    pieces: list[str] = []
    with pytest.raises(FamiliarError, match="so the reply broke off; it is not asked for again"):
        engine.generate(Generation(ASKED, max_tokens=50), on_text=pieces.append)
    assert "".join(pieces) == "The boat"
    assert len(server.replies) == 1
    server.drop_after = None
    assert say(engine)[0].text == WORDS


def test_a_stream_without_an_end_broke_off(bench: Bench, server: VllmServer) -> None:
    """An answer may end in good order though the reply is not over."""
    server.events = [chunk({"content": "The boat"})]
    with pytest.raises(FamiliarError, match="stopped sending, so the reply broke off"):
        say(bench.engine())


def test_an_error_as_an_event(bench: Bench, server: VllmServer) -> None:
    """Before the first piece it is the server's refusal; after it the reply broke off."""
    server.events = [error_body("EngineCore encountered an issue", kind="InternalServerError", code=500)]
    with pytest.raises(FamiliarError, match=r"gave up: EngineCore encountered an issue$"):
        say(bench.engine())
    server.events = [chunk({"content": "The"}), *server.events]
    with pytest.raises(FamiliarError, match="broke off"):
        say(bench.engine())


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(429, error_body("slow down"), {"Retry-After": "0"}),
        Refusal(503, error_body("loading model")),
    ],
)
def test_it_asks_again_before_anything_came(bench: Bench, server: VllmServer, refusal: Refusal) -> None:
    """The reply comes once."""
    server.refusals.append(refusal)
    done, pieces = say(bench.engine())
    assert "".join(pieces) == done.text == WORDS
    assert len(server.replies) == 2


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (Refusal(429, error_body("quota")), r"takes no more requests now \(status 429\): quota"),
        (Refusal(429, error_body(""), {"Retry-After": "3600"}), "it asks to wait 3600 s"),
        (Refusal(500, error_body("out of memory")), "answered with status 500: out of memory"),
        (Refusal(401, {"error": "Unauthorized"}), r"wants a key \(\[server\] key, status 401\)"),
        (Refusal(301, "moved", {"Location": "http://127.0.0.1:1/"}), "answered with status 301"),
    ],
)
def test_it_does_not_ask_again_in_vain(bench: Bench, server: VllmServer, refusal: Refusal, message: str) -> None:
    """Without Retry-After a 429 may be a quota; one request goes out."""
    server.refusals.append(refusal)
    with pytest.raises(FamiliarError, match=message):
        say(bench.engine())
    assert len(server.replies) == 1


def test_an_unknown_model_is_named(bench: Bench) -> None:
    """By the server's own words."""
    with pytest.raises(FamiliarError, match="status 404: The model `other` does not exist"):
        say(bench.engine(replace(bench.config, model="other")))


def test_the_key_goes_to_the_server_and_nowhere_else(
    bench: Bench, server: VllmServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not into errors, also where a server repeats it, nor into logs, also where the package is told to log."""
    monkeypatch.setenv("OPENAI_LOG", "debug")
    caplog.set_level(logging.DEBUG)
    server.key = KEY
    engine = bench.engine(replace(bench.config, key=Secret(KEY)))
    assert say(engine)[0].text == WORDS
    server.refusals.append(Refusal(401, error_body(f"Incorrect API key provided: {KEY}", kind="x")))
    with pytest.raises(FamiliarError, match=r"refuses the key .*: Incorrect API key provided: \*\*\*") as caught:
        say(engine)
    logged = "".join(record.getMessage() for record in caplog.records if record.name.split(".")[0] != "asyncio")
    assert KEY not in f"{caught.value!r}{logged}"
    assert "northern" not in logged
    assert "Ada" not in logged


def test_without_a_key_none_is_sent(bench: Bench, server: VllmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of the environment are meant for another server."""
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    assert say(bench.engine())[0].text == WORDS
    assert KEY not in "".join(str(item.headers) for item in server.asked)
    assert all("Authorization" not in item.headers for item in server.asked)


def test_what_a_person_wrote_is_in_no_error(bench: Bench, server: VllmServer) -> None:
    """Some servers repeat the request in a refusal: its words are then left out."""
    server.refusals.append(Refusal(400, error_body(f"1 validation error: input {ASKED[1].content!r} is wrong")))
    with pytest.raises(FamiliarError, match=r"answered with status 400$"):
        say(bench.engine())


def test_silence_is_given_up(bench: Bench, server: VllmServer) -> None:
    """After [server] timeout_seconds without a sign, and not asked for again: the server may be at work on it."""
    server.silent_at = 0
    with pytest.raises(FamiliarError, match=r"sent nothing for 0.2 s \(\[server\] timeout_seconds\)"):
        say(bench.engine(replace(bench.config, timeout_seconds=0.2)))
    assert len(server.replies) == 1


def test_nobody_there(bench: Bench) -> None:
    """It says which host, and asks whether it runs."""
    with pytest.raises(FamiliarError, match=r"\(127\.0\.0\.1\) can't be reached; is it running\?"):
        say(bench.engine(ServerConfig(url="http://127.0.0.1:9/v1", model="x", context_tokens=100)))


@pytest.mark.parametrize("body", ["<html>hello</html>", "data: no json\n\n", '{"ok": true}', ""])
def test_a_server_of_another_kind(bench: Bench, server: VllmServer, body: str) -> None:
    """Whatever it answers with status 200."""
    server.refusals.append(Refusal(200, body))
    with pytest.raises(FamiliarError, match="is it an OpenAI-compatible server"):
        say(bench.engine())


@pytest.mark.parametrize(
    ("field", "said", "left"),
    [
        ("chat_template_kwargs", "Unrecognized request argument supplied: chat_template_kwargs", {}),
        ("stream_options", "Unknown parameter: 'stream_options'.", {}),
        ("max_tokens", "'max_tokens' is not supported, use 'max_completion_tokens'", {"max_completion_tokens": 50}),
        ("temperature", "Unsupported value: 'temperature' does not support 0 with this model", {}),
    ],
)
def test_what_a_server_does_not_take_is_left_out(
    bench: Bench, server: VllmServer, field: str, said: str, left: dict[str, int]
) -> None:
    """It is refused once; the second turn knows."""
    server.refuses = lambda body: said if field in body else None
    engine = bench.engine()
    assert [say(engine)[0].text for _ in range(2)] == [WORDS, WORDS]
    assert [field in body for body in server.replies] == [True, False, False]
    assert left.items() <= server.replies[-1].items()


def test_a_template_without_a_system_role(bench: Bench, server: VllmServer) -> None:
    """The instructions begin the first message of the user, which is found out once."""
    server.refuses = lambda body: "System role not supported" if body["messages"][0]["role"] == "system" else None
    engine = bench.engine()
    for _ in range(2):
        assert say(engine)[0].text == WORDS
    assert server.replies[-1]["messages"] == [{"role": "user", "content": f"Be brief.\n{ASKED[1].content}"}]
    assert len(server.replies) == 3


def test_a_refusal_that_says_nothing_of_use_is_an_error(bench: Bench, server: VllmServer) -> None:
    """It is not asked in a circle."""
    server.refuses = lambda _: "System role not supported"
    with pytest.raises(FamiliarError, match="System role not supported"):
        say(bench.engine())
    assert len(server.replies) == 2


def test_the_context_is_the_servers_or_the_settings(bench: Bench) -> None:
    """max_model_len of /v1/models, else what config.toml says."""
    assert bench.engine().context_tokens == 4096
    assert bench.engine(replace(bench.config, context_tokens=300)).context_tokens == 300


def test_an_overflow_that_the_server_sees(bench: Bench, server: VllmServer) -> None:
    """Where only the server counts, its refusal becomes the Protocol's error."""
    server.tokenizes = False
    with pytest.raises(FamiliarError, match=r"prompt has about .* tokens, but small holds 4096: there is no room"):
        say(bench.engine(), (Message("user", "word " * 4090),))


def test_a_server_that_does_not_count(bench: Bench, server: VllmServer) -> None:
    """The estimate is too high rather than too low, and nobody asks a second time."""
    server.tokenizes = False
    engine = bench.engine()
    assert engine.count_tokens(ASKED) >= 10
    engine.count_tokens((*ASKED, ASKED[0]))
    assert len(server.asked_for("/tokenize")) == 1
    assert say(engine)[0].prompt_tokens == 10


def test_llama_server_counts_too(bench: Bench, server: VllmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its /tokenize takes a text, which /apply-template makes of the messages."""

    def tokenize(body: dict[str, object]) -> dict[str, object]:
        return {"tokens": [1] * len(str(body.get("content", "")).split())}

    monkeypatch.setattr(server, "tokenize", tokenize)
    server.templates = True
    engine = bench.engine()
    assert engine.count_tokens(ASKED) == 13
    engine.count_tokens(ASKED)
    assert len(server.asked_for("/apply-template")) == 1, "what was counted is not asked for again"


def test_several_at_a_time(bench: Bench, server: VllmServer) -> None:
    """As many as [server] parallel says: both replies have begun before one has ended."""
    both = threading.Barrier(2)

    def begin(number: int) -> None:
        if number == 0:
            both.wait(10)

    server.before_piece = begin
    engine = bench.engine(replace(bench.config, parallel=2))
    threads = [threading.Thread(target=say, args=(engine,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not both.broken
    assert len(server.replies) == 2


def test_it_opens_again_after_it_was_closed(bench: Bench) -> None:
    """As every engine does."""
    engine = bench.engine()
    assert say(engine)[0].text == WORDS
    engine.close()
    assert say(engine)[0].text == WORDS


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (ServerConfig(url="127.0.0.1:8000"), r"\[server\] url has no http://"),
        (ServerConfig(url="http://ada:secret@h/v1"), r"belongs in \[server\] key"),
        (ServerConfig(url="http://h", adapters="all"), r"\[server\] adapters is 'all'; it must be one of off, vllm"),
        (ServerConfig(url="http://h", adapters="folder"), r"needs \[server\] adapter_folder"),
    ],
)
def test_wrong_settings_are_named(config: ServerConfig, message: str) -> None:
    """Before anything is asked; a password in the url is not repeated."""
    with pytest.raises(UsageError, match=message) as caught:
        ServerEngine(config)
    assert "secret" not in str(caught.value)


def test_a_server_outside_is_told_of_once() -> None:
    """Which host, and if anybody can read along; of a server of the house nothing is said."""
    told: list[str] = []
    for url in ("https://api.example.com/v1", "http://api.example.com/v1", "http://10.0.0.5:8000"):
        open_server(ServerConfig(url=url), tell=told.append)
    assert len(told) == 2
    assert all("leaves this machine for api.example.com ([server] url)" in line for line in told)
    assert "unencrypted" in told[1]


_WITHOUT = """
import sys
sys.modules["openai"] = None
from bot.config import ServerConfig
from bot.engines.server.engine import ServerEngine
try:
    ServerEngine(ServerConfig(url="http://127.0.0.1:8000"))
except Exception as exc:
    print(type(exc).__name__, exc)
"""


def test_without_the_extra_it_is_named() -> None:
    """And nothing of the package is imported before the first request."""
    done = subprocess.run([sys.executable, "-c", _WITHOUT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "UsageError [server] url needs the extra `server`: pip install -e '.[server]'"
