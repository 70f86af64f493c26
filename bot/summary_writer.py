"""A model writes a summary: each part of the passages that fits its window, then one from the parts' sentences.

What it wrote is checked after every pass, so that a further pass never builds on a sentence that no passage supports.
Greedy and without an adapter: the same memory gives the same summary, and an adapter learned from short replies does
not undo the citations that are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.engines.base import Engine, Generation
from bot.grounding import sentences
from bot.salience import unwrap
from bot.summary_check import Checked, SummarySentence, check_draft, parse_draft
from bot.summary_prompts import group, joined_line, note_line, reply_tokens, summary_messages
from memory.embedding import Embedder
from memory.records import Chunk, Message, Profile

MOST_PROMPT_TOKENS = 2400
"""Longest prompt of one part, though the window may hold more: small models lose the middle of a long one, and parts
leave the engine to other users in between."""


@dataclass(frozen=True)
class Task:
    """A summary to be written."""

    profile: Profile
    count: int
    """Sentences that are asked for."""
    about: str | None = None
    asked_by: int | None = None
    """Id of the user who waits for it."""


@dataclass(frozen=True)
class Written:
    """Checked sentences, whose citations number the passages from 1."""

    sentences: tuple[SummarySentence, ...]
    parts: int
    dropped: int


def write(chunks: Sequence[Chunk], task: Task, *, engine: Engine, embedder: Embedder) -> Written:
    """Summarise the passages.

    :raises FamiliarError: the engine refuses, as where its window is too small for any part
    """
    numbered = dict(enumerate(chunks, 1))
    writer = _Writer(engine, numbered, Meanings(embedder, numbered), task)
    parts = writer.parts([note_line(n, chunk) for n, chunk in numbered.items()])
    count = task.count if len(parts) == 1 else max(3, math.ceil(1.5 * task.count / len(parts)))
    first = [writer.checked(lines, count=count) for lines in parts]
    found, dropped = _together(first)
    if len(parts) > 1:
        found, lost = writer.joined(found)
        dropped += lost
    return Written(found, len(parts), dropped)


@dataclass(frozen=True)
class _Writer:
    engine: Engine
    chunks: Mapping[int, Chunk]
    meanings: Meanings
    task: Task

    def parts(self, lines: Sequence[str]) -> list[list[str]]:
        """The lines in as few parts as the window allows."""
        room = self.engine.context_tokens - reply_tokens(self.task.count, context=self.engine.context_tokens)
        room = min(room, MOST_PROMPT_TOKENS)
        return group(lines, fits=lambda some: self.engine.count_tokens(self._messages(some, self.task.count)) <= room)

    def checked(self, lines: Sequence[str], *, count: int) -> Checked:
        """One pass over lines that fit."""
        tokens = reply_tokens(count, context=self.engine.context_tokens)
        request = Generation(self._messages(lines, count), max_tokens=tokens, asked_by=self.task.asked_by)
        result = self.engine.generate(request, on_text=lambda _: None)
        draft = parse_draft(result.text)
        return check_draft(draft[:-1] if result.stop == "length" else draft, self.chunks, nearness=self.meanings)

    def joined(self, found: tuple[SummarySentence, ...]) -> tuple[tuple[SummarySentence, ...], int]:
        """One summary from the parts' sentences, in as many passes as it takes, and how many sentences were dropped.

        Passes end where one part is left or one no longer shortens; where one keeps less than half of what it was
        asked for, what went into it stands.
        """
        dropped = 0
        while len(found) > 1:
            parts = self.parts([joined_line(item.text, item.citations) for item in found])
            count = math.ceil(self.task.count / len(parts))
            shorter, lost = _together([self.checked(lines, count=count) for lines in parts])
            dropped += lost
            if not self.task.count / 2 <= len(shorter) < len(found):
                break
            found = shorter
            if len(parts) == 1:
                break
        return found, dropped

    def _messages(self, lines: Sequence[str], count: int) -> tuple[Message, ...]:
        return summary_messages(lines, self.task.profile, count=count, about=self.task.about)


class Meanings:
    """How near sentences are to passages; each text is embedded once and only when asked for."""

    def __init__(self, embedder: Embedder, chunks: Mapping[int, Chunk]) -> None:
        self._embedder = embedder
        self._chunks = chunks
        self._sentences: dict[str, NDArray[np.float32]] = {}
        self._passages: dict[int, NDArray[np.float32]] = {}

    def __call__(self, sentence: str, number: int) -> float:
        """Greatest cosine of the sentence to one of the passage of that number."""
        if sentence not in self._sentences:
            self._sentences[sentence] = self._embedder.embed_passages([sentence])[0]
        if number not in self._passages:
            text = self._chunks[number].text
            self._passages[number] = self._embedder.embed_passages(sentences(unwrap(text)) or [text])
        return float((self._passages[number] @ self._sentences[sentence]).max())


def _together(checked: Sequence[Checked]) -> tuple[tuple[SummarySentence, ...], int]:
    unique = {item.text: item for part in checked for item in part.sentences}
    return tuple(unique.values()), sum(part.dropped for part in checked)
