"""What memory gives a message of an imported dialogue at its time: for training prompts and for the evaluation alike.

It is searched as in a chat turn, with as many passages as the model would be given, and finds only what is dated
before the reply. What stands in the prompt anyway is not given twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.assistant import QUOTED_PASSAGES, about_first
from bot.prompts import question_with_notes
from memory.intent import intent_of
from memory.records import Chunk, Hit, Message
from memory.search import Searcher
from tuning.dataset import Example
from tuning.recollection import Recollect, Recollection
from tuning.windows import Windowing

Recall = Callable[[str, str], Sequence[Hit]]
"""Passages for a message, dated before a time."""


def recall_in(searcher: Searcher, *, user_id: int) -> Recall:
    """A user's memory, as a turn is given it: nothing where the search is not sure, or somebody only greets."""

    def recall(message: str, before: str) -> Sequence[Hit]:
        found = searcher.search(message, user_id=user_id, before=before)
        return about_first([message], found)[0] if intent_of(message) != "greeting" else ()

    return recall


def most_passages(k: int, *, trusted: bool) -> int:
    """How many a turn's prompt holds, where [search] k are found."""
    return k if trusted else min(k, QUOTED_PASSAGES)


def passages_for(prompt: Sequence[Message], at: str | None, recall: Recall, *, most: int) -> list[Chunk]:
    """For the newest message of a prompt whose reply was given ``at`` a time; none where that is not known."""
    hits = recall(prompt[-1].content, at) if at else ()
    return unseen([hit.chunk for hit in hits], prompt)[:most]


def unseen(chunks: Sequence[Chunk], prompt: Sequence[Message]) -> list[Chunk]:
    """Passages whose words don't stand in the prompt anyway, as a turn's own conversation is not recalled for it."""
    given = "\n".join(message.content for message in prompt)
    return [chunk for chunk in chunks if chunk.text not in given]


def recollect_with(recall: Recall, windowing: Windowing, *, most: int) -> Recollect:
    """For training: passages beside what of an example's prompt fits."""

    def recollect(example: Example) -> Recollection:
        prompt = windowing.prompt(example)
        chunks = passages_for(prompt, example.at, recall, most=most) if prompt else []
        return Recollection(
            notes=question_with_notes("", chunks),
            turn_ids=tuple(sorted({chunk.turn_id for chunk in chunks if chunk.turn_id is not None})),
            document_ids=tuple(sorted({chunk.document_id for chunk in chunks if chunk.document_id is not None})),
        )

    return recollect
