"""A document becomes passages: small enough to be read whole by the embedder, cut where its structure has a seam.

Lossless: each passage's text is exactly ``full_text(document)[start:end]``, and what lies between passages is white
space or a speaker's name. A passage never crosses a page or a section, so that its citation is true. A longer passage
than the embedder's window would have a tail that no search sees, hence the count by the model's own tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from memory.importers.records import Block, ExtractedDocument, Utterance
from memory.normal import searchable
from memory.records import Passage

CountTokens = Callable[[str], int]
_CONTEXT_CHARACTERS = 120
"""Longest title, and longest section path, that is embedded with a passage; more would crowd out its text."""
_STUB = 9
"""Pieces shorter than this fraction of the longest are joined to a neighbour."""


def full_text(document: ExtractedDocument) -> str:
    """The text that a document is stored with: blocks with a blank line between, or one ``Name: text`` line a turn."""
    if document.utterances:
        return "\n".join(f"{turn.speaker}: {turn.text}" for turn in document.utterances)
    return "\n\n".join(block.text for block in document.blocks)


def embedded_text(passage: Passage, *, title: str) -> str:
    """What the embedder is given for a passage: who speaks, or which document and section the words are from."""
    text = searchable(passage.text)
    if passage.speaker is not None:
        return f"{passage.speaker}: {text}"
    section = (passage.section or "")[-_CONTEXT_CHARACTERS:]
    context = title[:_CONTEXT_CHARACTERS] if not section.startswith(title) else ""
    return "\n".join(part for part in (context, section, text) if part)


def chunk_document(
    document: ExtractedDocument, *, max_characters: int, max_tokens: int, count_tokens: CountTokens
) -> list[Passage]:
    """Passages in order, with character offsets into `full_text`, page, section, speaker and date.

    :param max_tokens: of `embedded_text`, so that the embedder's window holds each passage with its context
    :param count_tokens: by the embedder's own tokenizer, special tokens and prefix included
    """

    def fits(passage: Passage) -> bool:
        return count_tokens(embedded_text(passage, title=document.title)) <= max_tokens

    splitter = _splitter(document.format, max_characters - max_characters // _STUB)
    whole = _turns(document.utterances) if document.utterances else _sections(document.blocks, document.at)
    return [
        piece
        for passage in whole
        for part in _split(passage, splitter, max_characters)
        for piece in _fitted(part, fits)
        if piece.text
    ]


def _turns(utterances: tuple[Utterance, ...]) -> Iterator[Passage]:
    start = 0
    for turn in utterances:
        start += len(turn.speaker) + 2
        end = start + len(turn.text)
        yield Passage(turn.text, start, end, speaker=turn.speaker, at=turn.at, external_ids=(turn.id,))
        start = end + 1


def _sections(blocks: tuple[Block, ...], at: str | None) -> Iterator[Passage]:
    start = 0
    for block in blocks:
        end = start + len(block.text)
        yield Passage(block.text, start, end, page=block.page, section=block.section, at=at)
        start = end + 2


def _splitter(kind: str, max_characters: int) -> Any:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    return (MarkdownSplitter if kind == "markdown" else TextSplitter)(max_characters)


def _split(passage: Passage, splitter: Any, longest: int) -> list[Passage]:
    if len(passage.text) <= longest and passage.text == passage.text.strip():
        return [passage]
    spans = [(offset, offset + len(text)) for offset, text in splitter.chunk_indices(passage.text)]
    return [
        replace(passage, text=passage.text[start:end], start=passage.start + start, end=passage.start + end)
        for start, end in _without_stubs(spans, longest)
    ]


def _without_stubs(spans: list[tuple[int, int]], longest: int) -> list[tuple[int, int]]:
    """A heading or a fence that the splitter left alone joins its neighbour, for which a ninth was kept free."""
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        shorter = min(end - start, joined[-1][1] - joined[-1][0]) if joined else longest
        if shorter < longest // _STUB and end - joined[-1][0] <= longest:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _fitted(passage: Passage, fits: Callable[[Passage], bool]) -> Iterator[Passage]:
    """The passage, or parts of it about half as long until each fits (900 Chinese characters are over 512 tokens)."""
    length = len(passage.text)
    if length < 2 or fits(passage):
        yield passage
        return
    capacity = max(1, length * 6 // 10)
    for part in _split(passage, _splitter("text", capacity), capacity):
        yield from _fitted(part, fits)
