"""Guesses from the prompt: what is guessed, how long, and that they change no reply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.engines.base import Generated, Generation
from bot.engines.llama_cpp.conversion import convert_folder
from bot.engines.llama_cpp.engine import LlamaOptions, open_gguf
from bot.engines.local import open_local
from bot.engines.lookup import Lookup
from bot.engines.token_engine import TokenEngine
from bot.engines.weights import LocalOptions
from memory.records import Message
from tests.bot.engines.small_models import random_model


def test_what_followed_before_is_guessed() -> None:
    """After the same three tokens, the last time they stood there; nothing after others."""
    lookup = Lookup([1, 2, 3, 4, 5, 1, 2, 3, 6, 7], longest=8)
    for token in (1, 2):
        lookup.wrote(token)
        assert lookup.guess(8) == []
    lookup.wrote(3)
    assert lookup.guess(8) == [6, 7]
    assert lookup.guess(1) == [6]


def test_a_reply_is_looked_up_too() -> None:
    """A list repeats its own form; the last tokens never find themselves."""
    lookup = Lookup([9], longest=8)
    for token in (1, 2, 3, 4, 1, 2, 3):
        lookup.wrote(token)
    assert lookup.guess(8) == [4, 1]


def test_guesses_grow_while_right_and_rest_when_wrong() -> None:
    """From two tokens to the longest; after a wrong one none for eight tokens."""
    prompt = list(range(30))
    lookup = Lookup(prompt, longest=8)
    for token in (0, 1, 2):
        lookup.wrote(token)
    lengths = []
    for _ in range(3):
        lengths.append(len(lookup.guess(99)))
        lookup.was_right(lengths[-1], lengths[-1])
    lookup.was_right(8, 3)
    assert [*lengths, len(lookup.guess(99))] == [2, 4, 8, 3]
    lookup.was_right(3, 0)
    waited = 0
    while not lookup.guess(99):
        waited += 1
        lookup.wrote(2 + waited)
    assert waited == 8


def test_none_are_made_where_they_are_off() -> None:
    """By a longest of 0."""
    lookup = Lookup([1, 2, 3, 4], longest=0)
    for token in (1, 2, 3):
        lookup.wrote(token)
    assert lookup.guess(8) == []


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with its weights for llama.cpp."""
    folder = random_model(tmp_path_factory.mktemp("model"))
    convert_folder(folder, folder / "small.gguf", precision="f32", base_sha256="")
    return folder


def opened(name: str, model: Path, lookup_tokens: int) -> TokenEngine:
    """An engine with guesses or without."""
    if name == "local":
        return open_local(model, model="s", options=LocalOptions(dtype="float32", lookup_tokens=lookup_tokens))
    options = LlamaOptions(threads=1, lookup_tokens=lookup_tokens)
    return open_gguf(model / "small.gguf", model, model="s", options=options)


@pytest.fixture(params=["local", "llama.cpp"])
def pair(request: pytest.FixtureRequest, model: Path) -> Iterator[tuple[TokenEngine, TokenEngine]]:
    """Each engine with guesses and without."""
    engines = (opened(request.param, model, 8), opened(request.param, model, 0))
    yield engines
    for engine in engines:
        engine.close()


def say(engine: TokenEngine, text: str, *, temperature: float = 0.0, tokens: int = 60) -> Generated:
    """A reply to a message that holds what the model likes to say."""
    request = Generation((Message("user", text),), tokens, temperature=temperature, seed=3)
    return engine.generate(request, on_text=lambda _: None)


@pytest.mark.parametrize("temperature", [0.0, 0.4])
def test_they_change_no_reply(
    pair: tuple[TokenEngine, TokenEngine], temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model's own words are put before it, so that guesses are right at times; it chooses every token."""
    guessing, plain = pair
    right: list[tuple[int, int]] = []
    real = Lookup.was_right
    monkeypatch.setattr(
        Lookup, "was_right", lambda self, guessed, ok: (right.append((guessed, ok)), real(self, guessed, ok))
    )
    text = "Say it."
    for _ in range(4):
        expected = say(plain, text, temperature=temperature)
        found = say(guessing, text, temperature=temperature)
        assert (found.text, found.stop, found.reply_tokens) == (expected.text, expected.stop, expected.reply_tokens)
        assert found.mean_logprob == pytest.approx(expected.mean_logprob, abs=1e-3)
        text += f" {expected.text}"
    assert sum(guessed for guessed, _ in right) > 0


@pytest.mark.parametrize("tokens", [1, 2, 7])
def test_a_reply_ends_where_it_has_to(pair: tuple[TokenEngine, TokenEngine], tokens: int) -> None:
    """Never a token more than allowed, and the next reply is as without."""
    text = "la la la la la la la la la la"
    for engine in pair:
        assert say(engine, text, tokens=tokens).reply_tokens <= tokens
    assert say(pair[0], text).text == say(pair[1], text).text
