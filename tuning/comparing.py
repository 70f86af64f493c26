"""Which turns the base model answers for comparison: decided by the turn alone, so that it can be repeated."""

from __future__ import annotations

import hashlib


def base_answers(conversation_id: int, turns: int, *, share: float) -> bool:
    """Whether the base model answers the next turn for comparison; the same for the same numbers, everywhere.

    :param turns: turns of the conversation so far
    """
    digest = hashlib.sha256(f"{conversation_id}:{turns}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64
