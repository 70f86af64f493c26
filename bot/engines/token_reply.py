"""From written token ids to the reply, for engines that hand out tokens instead of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from bot.engines.reply import ReplyText
from bot.engines.text import CLOSE, OPEN, Detokenizer


class TokenReply:
    """What the written tokens say.

    :param reasoning: the prompt opened a reasoning part already
    """

    def __init__(self, tokenizer: Any, *, reasoning: bool, on_text: Callable[[str], None]) -> None:
        self._detokenizer = Detokenizer(partial(_decode, tokenizer, _unseen_ids(tokenizer)))
        self._text = ReplyText(reasoning=reasoning, on_text=on_text)
        self.loops, self.finish = self._text.loops, self._text.finish
        self.tokens = 0

    def push(self, token: int) -> None:
        """Take one more token."""
        self.tokens += 1
        self._text.push(self._detokenizer.push(token))


def _decode(tokenizer: Any, unseen: frozenset[int], ids: Sequence[int]) -> str:
    kept = [token for token in ids if token not in unseen]
    return str(tokenizer.decode(kept, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _unseen_ids(tokenizer: Any) -> frozenset[int]:
    """Special tokens, but not the tags of reasoning parts, which some tokenizers count among them."""
    tags = set(tokenizer.convert_tokens_to_ids([OPEN, CLOSE]))
    return frozenset(tokenizer.all_special_ids) - tags
