"""What memory gives in training prompts is what it gives in serving, and nothing from the future."""

from __future__ import annotations

from dataclasses import replace

from bot.recollecting import most_passages, passages_for, recollect_with, unseen
from memory.records import Chunk, Hit, Message
from tests.tuning.tokenizers import TWO_ENDS, tokenizer
from tuning.dataset import Example
from tuning.windows import Windowing

CHUNK = Chunk(1, 1, 7, None, 0, "the tour is on Friday", 0, 15, None, None, "Bo", None, (), "d.jsonl", "d")


def test_passages_that_stand_in_the_prompt_are_not_given_twice() -> None:
    """What the history holds is no memory."""
    chunk = Chunk(1, 1, 1, None, 0, "see you at nine", 0, 15, None, None, "Bo", None, (), "d.jsonl", "d")
    other = replace(chunk, id=2, text="the tour is on Friday")
    assert unseen([chunk, other], [Message("user", "hi\nsee you at nine")]) == [other]


def test_untrusted_model_is_given_fewer() -> None:
    """As in a turn: reading costs time, and it quotes anyway."""
    assert (most_passages(8, trusted=True), most_passages(8, trusted=False), most_passages(2, trusted=False)) == (
        8,
        4,
        2,
    )


def test_training_asks_memory_for_the_time_of_the_reply() -> None:
    """The newest message is searched, before the reply; its passages' sources are named; without a time, none."""
    asked: list[tuple[str, str]] = []

    def recall(message: str, before: str) -> list[Hit]:
        asked.append((message, before))
        return [Hit(CHUNK, 1.0), Hit(replace(CHUNK, id=2, text="it is late", document_id=None, turn_id=3), 0.5)]

    windowing = Windowing(tokenizer(TWO_ENDS), max_tokens=10_000, max_prompt_tokens=500)
    prompt = (Message("system", "S"), Message("user", "when is the tour?"))
    example = Example("document:9:1", prompt, "soon", "2026-01-02T10:00:00", "", "talk", document_ids=(9,))
    recollect = recollect_with(recall, windowing, most=4)
    found = recollect(example)
    assert asked == [("when is the tour?", "2026-01-02T10:00:00")]
    assert found.notes.startswith("<notes>\n[1] ")
    assert found.notes.endswith("[2] d: Bo: it is late\n</notes>\n\n")
    assert (found.turn_ids, found.document_ids) == ((3,), (7,))
    assert recollect(replace(example, at=None)).notes == ""
    assert passages_for(prompt, "2026", lambda *_: [], most=4) == []
