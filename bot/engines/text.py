"""From tokens to what a person sees: whole characters only and no reasoning parts.

Pieces that were handed out are never taken back, so whatever may turn out to be half a character, half a tag or
trailing white space is held until that is known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

OPEN, CLOSE = "<think>", "</think>"

_HALF = "\ufffd"


class Detokenizer:
    """Turns token ids into text one by one; a piece is given out once all its bytes are there.

    :param decode: token ids to text, special tokens written out or left out as the caller wants
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._ids: list[int] = []
        self._start = 0
        self._done = 0

    def push(self, token: int) -> str:
        """The text that became certain with this token, often empty for scripts of several bytes a character."""
        self._ids.append(token)
        # Decoding from a few tokens before, not from the new one: some tokenizers drop a word's space at a beginning.
        before = self._decode(self._ids[self._start : self._done])
        after = self._decode(self._ids[self._start :])
        if after.endswith(_HALF) or len(after) <= len(before):
            return ""
        self._start, self._done = self._done, len(self._ids)
        return after[len(before) :]


class VisibleText:
    """The reply as shown, built from the model's raw text: reasoning parts and outer white space are left out.

    :param reasoning: the prompt opened a reasoning part already; without a closing tag all is reasoning
    """

    def __init__(self, *, reasoning: bool = False) -> None:
        self._reasoning = reasoning
        self._held = ""
        self.text = ""
        """What was given out, after a closing tag without an opening one only what follows it."""

    def push(self, raw: str) -> str:
        """The part that can be shown now."""
        self._held += raw
        shown = ""
        while True:
            tag = CLOSE if self._reasoning else _first_tag(self._held)
            before, found, after = self._held.partition(tag) if tag else (self._held, "", "")
            if not found:
                break
            shown += self._show("" if self._reasoning else before, whole=True)
            if tag == CLOSE and not self._reasoning:
                # A closing tag without an opening one: what came before it was reasoning.
                self.text = shown = ""
            self._reasoning = tag == OPEN
            self._held = after
        if self._reasoning:
            self._held = self._held[-len(CLOSE) :]
            return shown
        return shown + self._show(self._held, whole=False)

    def _show(self, ready: str, *, whole: bool) -> str:
        """Give out ``ready`` less what may be the beginning of a tag and less white space at either end."""
        kept = ready if whole else ready[: len(ready) - _half_tag(ready)]
        kept = kept.rstrip()
        self._held = ready[len(kept) :]
        if not self.text:
            kept = kept.lstrip()
        self.text += kept
        return kept

    def finish(self) -> str:
        """The last part: what was held as a possible tag and turned out to be text."""
        rest = "" if self._reasoning else self._held.rstrip()
        self._held = ""
        rest = rest if self.text else rest.lstrip()
        self.text += rest
        return rest


def _first_tag(text: str) -> str:
    found = re.search(f"{OPEN}|{CLOSE}", text)
    return found.group() if found else ""


def _half_tag(text: str) -> int:
    """Length of the longest end of ``text`` that begins a tag."""
    for length in range(min(len(CLOSE) - 1, len(text)), 0, -1):
        if OPEN.startswith(text[-length:]) or CLOSE.startswith(text[-length:]):
            return length
    return 0
