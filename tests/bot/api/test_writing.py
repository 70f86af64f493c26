"""What is streamed of one request adds up to what is stored of it, however the pieces fall."""

from __future__ import annotations

import itertools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.answers import check_citations
from bot.api.errors import ApiError
from bot.api.writing import KnownCitations, RequestEngine, UntilStop
from bot.engines.base import Generation
from memory.records import Message
from tests.bot.test_answers import hit
from tests.engine import ScriptedEngine

TEXT = "One [1] two\n\n three [99] four [1]. The END is [7"


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    """The text cut at these places."""
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(places)]


@given(st.text("ab[1]9 \n", max_size=40), st.lists(st.integers(0, 60), max_size=8))
def test_numbers_that_name_no_note_never_appear(text: str, cuts: list[int]) -> None:
    """The pieces are the beginning of what the check of the whole reply leaves, which may add a number at its end."""
    shown: list[str] = []
    filtered = KnownCitations(1, shown.append)
    for piece in pieces_of(text, cuts):
        filtered.push(piece)
    filtered.finish()
    whole, _ = check_citations(text, [hit("ab ab").chunk], language="en")
    assert whole.startswith("".join(shown))
    assert whole in ("".join(shown), f"{''.join(shown)} [1]")


@given(st.lists(st.integers(0, 60), max_size=8), st.sampled_from([("END",), ("\n\n", "END"), ("zzz",), ("[", "two")]))
def test_it_ends_before_the_first_stop_string(cuts: list[int], stops: tuple[str, ...]) -> None:
    """Whichever comes first, and half of one is never shown; it is said once that one was found."""
    shown: list[str] = []
    reached: list[bool] = []
    filtered = UntilStop(stops, shown.append, lambda: reached.append(True))
    for piece in pieces_of(TEXT, cuts):
        filtered.push(piece)
    filtered.finish()
    ends = [TEXT.index(stop) for stop in stops if stop in TEXT]
    assert "".join(shown) == TEXT[: min(ends, default=len(TEXT))]
    assert reached == [True] * bool(ends)
    assert filtered.stopped == bool(ends)


def test_a_stop_string_ends_the_model() -> None:
    """It writes no more, the reply counts as ended, and the number of tokens is what was written."""
    cancel = threading.Event()
    engine = RequestEngine(ScriptedEngine(lambda _: "a b STOP c d e"), stop=("STOP",), cancel=cancel, cited=False)
    shown: list[str] = []
    done = engine.generate(Generation((Message("user", "x"),), 50), on_text=shown.append, cancel=cancel)
    assert (done.text, done.stop, done.reply_tokens) == ("a b ", "end", 3)
    assert "".join(shown) == "a b "
    assert engine.written == done


def test_messages_without_room_are_the_requests_fault() -> None:
    """The error has the two figures, and the model is not asked."""
    scripted = ScriptedEngine(context_tokens=4)
    engine = RequestEngine(scripted, stop=(), cancel=threading.Event(), cited=True)
    with pytest.raises(ApiError, match="5 tokens, but the model's context holds 4") as caught:
        engine.generate(Generation((Message("user", "a b c d"),), 50), on_text=lambda _: None)
    assert (caught.value.status, caught.value.code) == (400, "context_length_exceeded")
    assert scripted.requests == []
