"""A share of a dialogue's prompts holds passages, outside of what is learned, and their sources are the adapter's."""

from __future__ import annotations

from dataclasses import replace

from memory.records import Message
from tests.tuning.tokenizers import TWO_ENDS, tokenizer
from tuning.chat_format import IGNORED
from tuning.dataset import Example
from tuning.recollection import Recollection, with_recollections
from tuning.windows import Windowing

NOTES = "<notes>\n[1] d: Bo: the tour is on Friday\n</notes>\n\n"


def examples(count: int) -> list[Example]:
    """One dialogue whose prompts are beginnings of each other."""
    lines = [Message("user" if n % 2 == 0 else "assistant", f"line {n}") for n in range(2 * count)]
    system = Message("system", "S")
    return [
        Example(
            f"document:1:{2 * n + 1}",
            (system, *lines[: 2 * n + 1]),
            lines[2 * n + 1].content,
            f"2026-01-{n + 1:02d}",
            "",
            "document:1",
            document_ids=(1,),
        )
        for n in range(count)
    ]


def recollect(_: Example) -> Recollection:
    return Recollection(NOTES, turn_ids=(5,), document_ids=(2,))


def test_share_is_drawn_by_id_and_sources_are_named() -> None:
    """About as many as asked, the same each time; turns of the bot keep the prompt that they had."""
    found = with_recollections(examples(200), recollect, share=1 / 3)
    noted = [example for example in found if example.notes]
    assert 45 < len(noted) < 90
    assert found == with_recollections(examples(200), recollect, share=1 / 3)
    assert found != with_recollections(examples(200), recollect, share=1 / 3, seed=1)
    assert {(example.turn_ids, example.document_ids) for example in noted} == {((5,), (1, 2))}
    assert with_recollections(examples(3), recollect, share=0.0) == tuple(examples(3))
    turn = replace(examples(1)[0], turn_ids=(4,))
    assert with_recollections([turn], recollect, share=1.0) == (turn,)


def test_passages_are_read_and_never_learned() -> None:
    """They stand before the newest message in a sequence of their own; labels are the reply and its end alone."""
    chosen = tokenizer(TWO_ENDS)
    windowing = Windowing(chosen, max_tokens=10_000, max_prompt_tokens=5_000)
    plain = examples(4)
    middle = replace(plain[1], notes=NOTES)
    found = windowing.windows([plain[0], middle, *plain[2:]])
    assert [[item.id for item in window.examples] for window in found.windows] == [
        ["document:1:3"],
        ["document:1:1", "document:1:5", "document:1:7"],
    ]
    alone, shared = found.windows
    text = chosen.decode(alone.encoded.input_ids)
    assert f"{NOTES}line 2" in text
    learned = [label for label in alone.encoded.labels if label != IGNORED]
    assert chosen.decode(learned).startswith("line 3<end>")
    assert "tour" not in chosen.decode(learned)
    learned = [label for label in shared.encoded.labels if label != IGNORED]
    assert "line 3" not in chosen.decode(learned), "it is learned in its own sequence, once"
    assert "tour" not in chosen.decode(shared.encoded.input_ids)


def test_passages_that_do_not_fit_are_left_out() -> None:
    """The prompt without them is whole, and the reply is learned all the same."""
    [example] = examples(1)
    length = len(
        Windowing(tokenizer(TWO_ENDS), max_tokens=10_000, max_prompt_tokens=5_000)
        .windows([example])
        .windows[0]
        .encoded.input_ids
    )
    tight = Windowing(tokenizer(TWO_ENDS), max_tokens=length + 10, max_prompt_tokens=5_000)
    assert tight.prompt(replace(example, notes=NOTES)) == example.prompt
    assert tight.windows([replace(example, notes=NOTES)]).replies == 1
