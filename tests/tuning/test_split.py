"""The test is the future, and no session stands on both sides."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.tuning.examples import example
from tests.tuning.tokenizers import TWO_ENDS, tokenizer
from tuning.chat_format import IGNORED
from tuning.dataset import Dialogue, Example, Line, dialogue_examples, split_by_time
from tuning.windows import Windowing


def at(hour: int) -> str:
    """A moment, by hours since the beginning of the year."""
    return f"2026-01-{1 + hour // 24:02d}T{hour % 24:02d}:00:00+00:00"


def ids(rows: tuple[Example, ...]) -> list[str]:
    return [row.id.removeprefix("turn:") for row in rows]


def test_a_dialogue_is_cut_where_it_paused() -> None:
    """A fifth of ten would be two, but the last sitting had three: it is the test as a whole."""
    hours = (0, 1, 2, 24, 25, 26, 27, 48, 49, 50)
    train, test = split_by_time([example(n, at=at(hour)) for n, hour in enumerate(hours)], share=0.2)
    assert (ids(train), ids(test)) == (list("0123456"), list("789"))


def test_conversation_across_the_cut_is_in_neither_part() -> None:
    """One that goes on across the best cut: neither what it said before is trained on nor what it said after tested."""
    rows = [example(n, at=at(24 * n), conversation="a") for n in range(10)]
    rows += [example(10 + n, at=at(24 * 9 - 4 + 3 * n), conversation="b") for n in range(3)]
    rows.append(example(20, at=at(24 * 9 - 2), conversation="d"))
    train, test = split_by_time(rows, share=0.07)
    assert (ids(train), ids(test)) == ([*"012345678", "20"], ["9"])


def test_one_session_is_cut_by_its_order() -> None:
    """Where there is nothing to keep whole, the newest replies are the test; undated rows keep their order."""
    train, test = split_by_time([example(n, at=None) for n in range(10)], share=0.2)
    assert (ids(train), ids(test)) == (list("01234567"), list("89"))


def test_a_small_session_beside_a_large_one_is_no_part_of_its_own() -> None:
    """One reply on the first day and thirty on the second: not one to learn and thirty to test, nor the reverse."""
    for hours in ((0, *[30 + n / 60 for n in range(30)]), (*[n / 60 for n in range(30)], 30)):
        rows = [
            example(n, at=f"2026-01-{1 + int(h) // 24:02d}T{int(h) % 24:02d}:{n:02d}:00") for n, h in enumerate(hours)
        ]
        train, test = split_by_time(rows, share=0.2)
        assert (len(train), len(test)) == (25, 6)


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("abc")), min_size=1, max_size=40), st.floats(0.1, 0.5))
def test_nothing_trained_on_is_later_than_the_test(hours: list[tuple[int, str]], share: float) -> None:
    """Whatever the dates: no row twice, at least one to test, and the past is on one side only."""
    rows = [example(n, at=at(hour), conversation=name) for n, (hour, name) in enumerate(hours)]
    train, test = split_by_time(rows, share=share)
    assert test
    assert max(Counter(row.id for row in (*train, *test)).values()) == 1
    assert all((one.at or "") <= (other.at or "") for one in train for other in test)


def test_replies_before_the_cut_are_context_of_the_test_and_no_labels() -> None:
    """A test window may show what was said before the cut; its loss is on test replies only."""
    lines = [Line(who, f"{who} {n:02d}", at(30 * (n // 4))) for n in range(12) for who in ("Bo", "Ann")]
    rows = dialogue_examples(Dialogue(1, "Ann", tuple(lines), ""), persona="p", dropped=Counter())
    _, test = split_by_time(rows, share=0.3)
    chosen = tokenizer(TWO_ENDS)
    found = Windowing(chosen, max_tokens=512, max_prompt_tokens=300).windows(test)
    (window,) = found.windows
    assert "Ann 07" in chosen.decode(window.encoded.input_ids)
    labels = [label for label in window.encoded.labels if label != IGNORED]
    assert [f"Ann {n:02d}" in chosen.decode(labels) for n in range(12)] == [False] * 8 + [True] * 4
