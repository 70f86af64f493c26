"""What is sent and what answers mean, without a server."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from bot.config import Secret
from bot.engines.server.address import address_of
from bot.engines.server.errors import ServerError, pause_before_retry, retry_after, shown_reason
from bot.engines.server.served import context_of_props, models_of
from bot.engines.server.wire import Dialect, Piece, estimate_tokens, is_overflow, piece_of, stop_of
from memory.records import Message

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "base", "root"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/v1/", "http://127.0.0.1:8000/v1", "http://127.0.0.1:8000"),
        ("https://h.example/v1beta/openai", "https://h.example/v1beta/openai", "https://h.example/v1beta/openai"),
    ],
)
def test_an_address_without_a_path_means_v1(url: str, base: str, root: str) -> None:
    """Any other path is the service's own."""
    address = address_of(url)
    assert (address.base, address.root) == (base, root)


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("127.0.0.1", True),
        ("[::1]", True),
        ("192.168.1.4", True),
        ("100.64.0.9", True),
        ("localhost", True),
        ("vllm", True),
        ("gpu.lan", True),
        ("api.example.com", False),
        ("8.8.8.8", False),
        ("localhost.example.com", False),
    ],
)
def test_what_is_near(host: str, near: bool) -> None:
    """This machine and private networks, by address or by a name that nobody else resolves."""
    address = address_of(f"https://{host}/v1")
    assert address.near is near
    assert (address.notice is None) is near


def test_pauses_before_another_request() -> None:
    """Only where no part of a reply can have come of it, three times in all, and never for longer than is bearable."""
    unreached = ServerError("", unreached=True)
    assert [pause_before_retry(unreached, tries) for tries in (1, 2, 3)] == [0.2, 1.0, None]
    assert pause_before_retry(ServerError("", status=503), 1) == 0.2
    assert pause_before_retry(ServerError("", status=503, retry_after=2), 1) == 2
    assert pause_before_retry(ServerError("", status=429, retry_after=2), 1) == 2
    for error in (
        ServerError("", status=429),
        ServerError("", status=429, retry_after=31),
        ServerError("", status=500),
        ServerError("broke off the connection"),
        ServerError("", unreached=True, begun=True),
    ):
        assert pause_before_retry(error, 1) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("Fri, 01 May 2026 12:00:09 GMT", 9.0), ("Fri, 01 May 2026 11:00:00 GMT", 0.0)],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float) -> None:
    """RFC 9110; anything else is as if it were not there."""
    assert retry_after({"retry-after": value}, now=NOW) == seconds
    assert retry_after({"retry-after": "soon"}, now=NOW) is None
    assert retry_after({}, now=NOW) is None


def test_a_reason_is_shown_without_key_and_words() -> None:
    """It is left out where it holds a message, or sixteen signs in a row of one; the key is masked."""
    key, sent = Secret("sk-1234"), ["ok", "My doctor said that the knee needs rest."]
    assert shown_reason("no  model\nfor sk-1234", key=key, sent=sent) == "no model for ***"
    assert shown_reason("bad input: 'the knee needs rest'", key=key, sent=sent) == ""
    assert shown_reason("input 'ok'", key=key, sent=sent) == ""
    assert len(shown_reason("x" * 999, key=key, sent=sent)) == 200


def test_overflow_is_recognised_in_the_words_of_each_server() -> None:
    """vLLM, llama-server, OpenAI and LM Studio; nothing else is taken for one."""
    for said in (
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
        "the request exceeds the available context size, try increasing it exceed_context_size_error",
        "context_length_exceeded",
        "The number of tokens to keep from the initial prompt is greater than the context length",
    ):
        assert is_overflow(ServerError("", status=400, said=said))
    assert not is_overflow(ServerError("", status=400, said="max_tokens must be at least 1"))
    assert not is_overflow(ServerError("", status=429, said="context length"))


def test_a_dialect_runs_out() -> None:
    """Each difference is tried once, so that a server that refuses everything is asked a few times at most."""
    said = "system role chat_template_kwargs stream_options max_completion_tokens temperature"
    dialect, steps = Dialect(), 0
    while (other := dialect.after(ServerError("", status=400, said=said))) is not None:
        dialect, steps = other, steps + 1
    assert steps == 5
    assert Dialect().after(ServerError("", status=400, said=said, begun=True)) is None
    assert Dialect().after(ServerError("", status=404, said=said)) is None


def test_pieces_of_servers_that_leave_things_out() -> None:
    """Ollama sends usage of nought, some servers no choices, some null for text."""
    nothing = SimpleNamespace(choices=None, usage=SimpleNamespace(prompt_tokens=0, completion_tokens=0))
    assert piece_of(nothing) == Piece()
    choice = SimpleNamespace(delta=SimpleNamespace(content=None, reasoning="hm"), finish_reason=None)
    assert piece_of(SimpleNamespace(choices=[choice])) == Piece(thought="hm")
    assert [stop_of(reason) for reason in ("stop", "length", "tool_calls", "abort")] == ["end", "length", "end", None]


def test_models_and_their_context() -> None:
    """Adapters are no models; each server calls its context by another name."""
    value = {
        "data": [
            {"id": "a", "max_model_len": 10, "root": "/models/a"},
            {"id": "lora", "parent": "a"},
            {"id": "b", "context_length": 20},
            {"no": "id"},
            "b",
        ]
    }
    assert [(model.name, model.root, model.context_tokens) for model in models_of(value)] == [
        ("a", "/models/a", 10),
        ("b", "b", 20),
    ]
    assert models_of("<html>") == models_of({"data": 3}) == ()
    assert context_of_props({"default_generation_settings": {"n_ctx": 8192}}) == 8192
    assert context_of_props({}) == context_of_props([]) == 0


@pytest.mark.parametrize(
    ("text", "at_least", "at_most"),
    [
        # at least as many as Qwen2.5's tokenizer makes, whose figure is the first
        ("The boat lies at the northern pier until the first of May.", 13, 40),
        ("外婆的红烧肉要先焯水，再用冰糖炒糖色。", 18, 40),
        ("+49 30 901820, 2026-05-01T12:00", 31, 50),
    ],
)
def test_the_estimate_is_high_and_not_absurd(text: str, at_least: int, at_most: int) -> None:
    """Never below what tokenizers make of ordinary text."""
    assert at_least <= estimate_tokens([Message("user", text)]) <= at_most
