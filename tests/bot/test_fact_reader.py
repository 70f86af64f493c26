"""A language model as a reader: a short request with a stable beginning; its reply is taken apart, not believed."""

from __future__ import annotations

import threading

import pytest

from bot.fact_reader import ModelReader, messages_for, parse
from memory.facts.reading import Reading, Wording
from tests.engine import ScriptedEngine


def test_only_the_last_message_differs() -> None:
    """So that an engine computes the beginning once; sentences stand on one line."""
    one, other = messages_for(["I live here.", "My dog\nis Rex."]), messages_for(["Hello."])
    assert one[:-1] == other[:-1]
    assert (one[-1].role, one[-1].content) == ("user", "I live here. My dog is Rex.")


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("I | a | b\nI | job | welder", Reading((Wording("I", "a", "b"), Wording("I", "job", "welder")))),
        ("none", Reading(())),
        ("None.", Reading(())),
        ("无。", Reading(())),
        ("", Reading(())),
        ("- I | job | welder\n\n* I | job | welder", Reading((Wording("I", "job", "welder"),))),
        ("Here are the facts:\nI | job\nI | job | welder | now\nI |  | x", Reading((), 4)),
        ("我 | 女儿 | 小满", Reading((Wording("我", "女儿", "小满"),))),
    ],
)  # fmt: skip
def test_lines_become_claims_and_others_are_counted(reply: str, expected: Reading) -> None:
    """Marks of lists are left out, the same line twice is one."""
    assert parse(reply) == expected


def test_a_line_that_was_cut_off_is_left_out() -> None:
    """Its value may be half a word."""
    assert parse("I | job | welder\nI | employer | Orb", cut=True) == Reading((Wording("I", "job", "welder"),))


def test_the_base_model_is_asked_greedily_beside_the_turns() -> None:
    """Without an adapter, and without dropping what the engine keeps for turns."""
    engine = ScriptedEngine(lambda _: "I | job | welder")
    assert ModelReader(engine).read(["I weld."]) == Reading((Wording("I", "job", "welder"),))
    (request,) = engine.requests
    assert (request.adapter, request.temperature, request.kept_as) == (None, 0.0, "facts")


def test_an_interrupted_reply_is_none() -> None:
    """Half a list of facts is no list of facts."""
    cancel = threading.Event()

    def before_word(word: str) -> None:
        if "job" in word:
            cancel.set()

    engine = ScriptedEngine(lambda _: "I | job | welder", before_word=before_word)
    assert ModelReader(engine, cancel=cancel).read(["I weld."]) is None
