"""What a turn holds of texts that were forgotten is taken out of its record: pure functions.

One and the same for turns that are stored and for one that is still being answered (`memory.under_way`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import pairwise

from memory.records import GIVEN_ID, Citation, Message, RecalledMemory, Turn
from memory.redaction import ERASED, Erasure, quotes, without_sentences


def without_chunks(turn: Turn, chunk_ids: frozenset[int], erasure: Erasure) -> tuple[Turn, list[str]]:
    """The turn without these chunks, and the sentences that were taken out of its reply."""
    reply, retold = without_sentences(turn.reply, erasure)
    generated, more = without_sentences(turn.generated, erasure)
    redacted = dataclasses.replace(
        turn,
        reply=reply,
        generated=generated,
        prompt=tuple(
            Message(message.role, ERASED) if quotes(message.content, erasure) else message for message in turn.prompt
        ),
        citations=tuple(
            Citation(item.n, ERASED, ERASED, ERASED, item.chunk_id)
            if item.chunk_id in chunk_ids or (item.chunk_id == GIVEN_ID and quotes(item.text, erasure))
            else item
            for item in turn.citations
        ),
        memories=tuple(
            RecalledMemory(item.id, item.score, ERASED, ERASED) if item.id in chunk_ids else item
            for item in turn.memories
        ),
    )
    return redacted, [sentence for sentence in [*retold, *more] if sentence]


def map_texts(turn: Turn, change: Callable[[str], str]) -> Turn:
    """The turn with each text changed that retells something; what the user wrote stays."""
    return dataclasses.replace(
        turn,
        reply=change(turn.reply),
        generated=change(turn.generated),
        prompt=tuple(Message(message.role, change(message.content)) for message in turn.prompt),
        citations=tuple(
            dataclasses.replace(item, source=change(item.source), title=change(item.title), text=change(item.text))
            for item in turn.citations
        ),
        memories=tuple(
            dataclasses.replace(item, source=change(item.source), text=change(item.text)) for item in turn.memories
        ),
    )


def sends_on(turn: Turn, told: Turn) -> bool:
    """Whether the history in a turn's prompt holds another turn as it was, message and reply; programs trim both."""
    said = [message.content.strip() for message in turn.prompt[1:-1]]
    return (told.user_text.strip(), told.reply.strip()) in pairwise(said)
