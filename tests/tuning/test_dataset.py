"""Examples hold what serving gives the model and what the user approved, and nothing else."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from memory.records import Feedback, Message, Timings, Turn
from memory.redaction import ERASED
from tuning.dataset import (
    Dataset,
    Dialogue,
    Example,
    JudgedTurn,
    Line,
    build_dataset,
    dialogue_examples,
    learned_after,
    split_by_time,
)

PERSONA = "You are Familiar."
PROMPT = (Message("system", PERSONA), Message("user", "<notes>\n[1] a\n</notes>\n\nWhere is it?"))
TURN = Turn(
    id=7,
    user_id=1,
    conversation_id=3,
    user_text="Where is it?",
    reply="In the shed [1].",
    generated="In the shed [1].",
    prompt=PROMPT,
    citations=(),
    memories=(),
    engine="local",
    model="m",
    adapter=None,
    timings=Timings(),
    asked_at="2026-02-01T10:00:00+00:00",
)


def judged(vote: str | None, correction: str | None = None, *, turn: Turn = TURN) -> JudgedTurn:
    feedback = Feedback(turn.id, vote, correction, "2026-02-01T10:05:00+00:00")  # type: ignore[arg-type]
    return JudgedTurn(turn, feedback, (turn.id,), (12,))


def dataset(*turns: JudgedTurn) -> Dataset:
    return build_dataset(turns, [], persona=PERSONA)


def talk(*lines: tuple[str, str], speaker: str = "Ann") -> Dialogue:
    rows = tuple(Line(who, text, f"2026-01-01T10:{n:02d}:00") for n, (who, text) in enumerate(lines))
    return Dialogue(4, speaker, rows, "2026-01-02T00:00:00+00:00")


def test_approved_reply_is_learned_with_the_prompt_that_was_stored() -> None:
    """Thumbs up: the exact messages that the model was given, and the reply that was shown."""
    (example,) = dataset(judged("up")).examples
    assert (example.prompt, example.reply) == (PROMPT, "In the shed [1].")
    assert (example.turn_ids, example.document_ids) == ((7,), (12,))


@pytest.mark.parametrize("vote", ["down", "up", None])
def test_corrected_text_is_the_target_whatever_the_vote(vote: str | None) -> None:
    """A correction replaces the reply."""
    (example,) = dataset(judged(vote, " In the garage. ")).examples
    assert example.reply == "In the garage."


def test_reply_voted_down_is_never_learned() -> None:
    """Down without a correction teaches nothing, and is no fault to be counted."""
    assert dataset(judged("down")) == Dataset((), ())


def test_correction_of_a_fixed_phrase_gets_the_prompt_that_serving_would_build() -> None:
    """A turn in which the model was not asked has no stored prompt: persona and question stand in."""
    (example,) = dataset(judged(None, "In the shed.", turn=replace(TURN, prompt=()))).examples
    assert example.prompt == (Message("system", PERSONA), Message("user", "Where is it?"))


def test_what_was_erased_is_no_example() -> None:
    """A prompt or reply out of which a text was taken is left out and counted."""
    redacted = replace(TURN, prompt=(Message("system", PERSONA), Message("user", ERASED)))
    found = build_dataset(
        [judged("up", turn=redacted), judged("up", turn=replace(TURN, id=8, reply=f"It is {ERASED}."))],
        [talk(("Bo", "secret ████"), ("Ann", "yes"))],
        persona=PERSONA,
    )
    assert found == Dataset((), (("part of it was erased", 3),))


def test_dialogue_gives_each_reply_of_the_speaker_with_what_precedes_it() -> None:
    """The speaker is the assistant, all others the user; what one side says in a row is one message."""
    lines = talk(("Bo", "hi"), ("Cy", "hello"), ("Ann", "hey"), ("Ann", "what's up"), ("Bo", "not much"), ("Ann", "k!"))
    first, second = dialogue_examples(lines, persona=PERSONA, dropped=Counter())
    assert first.prompt == (Message("system", PERSONA), Message("user", "hi\nhello"))
    assert first.reply == "hey\nwhat's up"
    assert second.prompt == (*first.prompt, Message("assistant", first.reply), Message("user", "not much"))
    assert (second.reply, second.document_ids, second.turn_ids) == ("k!", (4,), ())


def test_dialogue_counts_the_opening_that_answers_nothing() -> None:
    """A reply with nothing before it is no answer."""
    dropped: Counter[str] = Counter()
    found = dialogue_examples(talk(("Ann", "anyone?"), ("Bo", "me"), ("Ann", "good")), persona=PERSONA, dropped=dropped)  # type: ignore[arg-type]
    assert [example.reply for example in found] == ["good"]
    assert dropped == {"nothing before it": 1}


def test_unknown_speaker_gives_nothing() -> None:
    """Learning from somebody who never speaks yields no example and no error."""
    assert build_dataset([], [talk(("Bo", "hi"), speaker="Zoe")], persona=PERSONA).examples == ()


def test_duplicates_and_empty_replies_are_counted() -> None:
    """The same answer to the same message is learned once; a slip of one character not at all."""
    lines = talk(*[("Bo", "ok?"), ("Ann", "Yes  sir")] * 3, ("Bo", "sure?"), ("Ann", "y"), ("Bo", " "), ("Bo", "done"))
    found = build_dataset([], [lines], persona=PERSONA)
    assert [example.reply for example in found.examples] == ["Yes  sir"]
    assert dict(found.dropped) == {"duplicate": 2, "empty or too short": 1}


def example(number: int, at: str | None) -> Example:
    return Example(f"turn:{number}", PROMPT, f"r{number}", at, f"2026-03-0{number}T00:00:00+00:00", "c")


def test_newest_share_is_the_test() -> None:
    """Split by time across offsets; an example without a date counts as old."""
    rows = [
        example(1, "2026-01-03T00:00:00+02:00"),
        example(2, "2026-01-03T12:00:00"),
        example(3, None),
        example(4, "2026-01-01T00:00:00"),
    ]
    train, test = split_by_time(rows, share=0.25)
    assert [item.id for item in train] == ["turn:3", "turn:4", "turn:1"]
    assert [item.id for item in test] == ["turn:2"]


@pytest.mark.parametrize(("count", "tested"), [(1, 1), (2, 1), (12, 2), (100, 20)])
def test_split_keeps_at_least_one_for_the_test(count: int, tested: int) -> None:
    """A fifth, but never nothing."""
    train, test = split_by_time([example(1, "2026-01-01")] * count, share=0.2)
    assert (len(train), len(test)) == (count - tested, tested)


def test_new_examples_are_those_given_since() -> None:
    """Only what was approved or imported after a moment counts as new."""
    rows = [example(1, None), example(2, None), example(3, None)]
    assert learned_after(rows, "2026-03-01T12:00:00+00:00") == 2
    assert learned_after(rows, None) == 3
