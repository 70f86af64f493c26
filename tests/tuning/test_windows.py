"""Replies of one dialogue share a pass, and each is labelled exactly once, after exactly its own prompt."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from memory.records import Message
from tests.tuning.tokenizers import GEMMA, SWITCH, TWO_ENDS, tokenizer
from tuning.chat_format import IGNORED, EncodedExample, encode_example
from tuning.dataset import Dialogue, Example, Line, dialogue_examples
from tuning.windows import Window, Windowing, batches

TOKENIZER = tokenizer(TWO_ENDS)
LIMITS = {"max_tokens": 220, "max_prompt_tokens": 60}


def talk(count: int) -> list[Example]:
    lines = []
    for number in range(count):
        lines += [Line("Bo", f"question {number}?", f"2026-01-01T10:{number:02d}:00"), Line("Ann", f"answer {number}")]
    dialogue = Dialogue(1, "Ann", tuple(lines), "2026-01-02T00:00:00+00:00")
    return dialogue_examples(dialogue, persona="Be short.", dropped=Counter())


def labelled(window: Window) -> list[str]:
    """The labelled stretches of a window as text."""
    runs: list[list[int]] = [[]]
    for label in window.encoded.labels:
        if label == IGNORED:
            runs.append([])
        else:
            runs[-1].append(label)
    return [TOKENIZER.decode(run) for run in runs if run]


def test_every_reply_is_labelled_once() -> None:
    """All replies, each with its end of turn, whatever windows they fall into."""
    found = Windowing(TOKENIZER, **LIMITS).windows(talk(12))
    assert [text for window in found.windows for text in labelled(window)] == [f"answer {n}<end>" for n in range(12)]
    assert found.replies == 12
    assert not found.too_long


def test_windows_cost_less_than_separate_prompts() -> None:
    """Sharing beginnings computes fewer tokens than one pass a reply."""
    shared = Windowing(TOKENIZER, **LIMITS).windows(talk(12))
    alone = Windowing(TOKENIZER, **LIMITS).windows([replace(e, conversation=e.id) for e in talk(12)])
    assert len(alone.windows) == 12
    assert shared.tokens < 0.6 * alone.tokens


def test_windows_keep_their_limit_and_the_system_message() -> None:
    """No window is longer than allowed, and each opens with the persona."""
    for window in Windowing(TOKENIZER, **LIMITS).windows(talk(12)).windows:
        assert len(window.encoded.input_ids) <= LIMITS["max_tokens"]
        assert TOKENIZER.decode(window.encoded.input_ids).startswith("<start>system\nBe short.<end>\n<start>user\n")


def test_a_window_is_the_encoding_of_its_last_example() -> None:
    """The shared pass holds, token by token, what serving would render for the last reply's own prompt."""
    window = Windowing(TOKENIZER, max_tokens=2000, max_prompt_tokens=60).windows(talk(4)).windows[0]
    last = talk(4)[-1]
    assert encode_example(TOKENIZER, last.prompt, last.reply, max_tokens=2000).input_ids == window.encoded.input_ids  # type: ignore[union-attr]


@pytest.mark.parametrize("template", [GEMMA, SWITCH])
def test_template_whose_prompts_are_no_beginnings_is_still_right(template: str) -> None:
    """Where one prompt is not the beginning of the next, each reply has a sequence of its own or shares a true one."""
    chosen = tokenizer(template)
    found = Windowing(chosen, **LIMITS).windows(talk(6))
    assert found.replies == 6
    for window in found.windows:
        for example in window.examples:
            ids = chosen(example.reply, add_special_tokens=False)["input_ids"]
            labels = [label for label in window.encoded.labels if label != IGNORED]
            assert ids[0] in labels


def test_prompt_starts_with_the_user_and_within_its_limit() -> None:
    """A cut history loses its oldest messages and doesn't open with a reply to nothing."""
    prompt = Windowing(TOKENIZER, **LIMITS).prompt(talk(12)[-1])
    assert prompt is not None
    assert [message.role for message in prompt[:2]] == ["system", "user"]
    assert prompt[-1].content == "question 11?"
    assert len(prompt) < 6


def test_stored_prompt_is_not_cut_to_the_dialogue_limit() -> None:
    """A chat turn's prompt holds its notes; only the length of a sequence cuts it."""
    turn = replace(talk(6)[-1], id="turn:1", turn_ids=(1,), document_ids=(2,))
    assert Windowing(TOKENIZER, max_tokens=2000, max_prompt_tokens=20).prompt(turn) == turn.prompt


def test_a_dialogue_keeps_its_limit_whatever_its_passages_are_from() -> None:
    """A passage out of a chat turn makes no chat turn of it."""
    plain = talk(12)[-1]
    windowing = Windowing(TOKENIZER, max_tokens=2000, max_prompt_tokens=60)
    assert windowing.prompt(replace(plain, turn_ids=(7,))) == windowing.prompt(plain) != plain.prompt


@pytest.mark.parametrize("where", ["prompt", "reply"])
def test_what_fits_no_window_is_counted(where: str) -> None:
    """A last message or a reply that is too long is left out rather than cut in two."""
    long = "x" * 300
    example = talk(1)[0]
    if where == "reply":
        example = replace(example, reply=long)
    else:
        example = replace(example, prompt=(example.prompt[0], Message("user", long)))
    found = Windowing(TOKENIZER, **LIMITS).windows([example, *talk(3)[1:]])
    assert [item.id for item in found.too_long] == [example.id]
    assert found.replies == 2


def test_batches_hold_as_many_replies_as_a_step_wants() -> None:
    """Windows are added until the step has its replies; what is left is a smaller step."""
    examples = talk(7)
    encoded = EncodedExample((1, 2), (IGNORED, 2))
    windows = [Window(encoded, tuple(examples[:n])) for n in (3, 2, 7, 1)]
    assert [len(batch) for batch in batches(windows, size=4)] == [2, 1, 1]
    assert batches([], size=4) == []
