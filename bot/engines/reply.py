"""The text of one reply while it is written, the same for every engine.

Whatever an engine writes goes through here, so that reasoning parts stay hidden, half tags are held back, and a loop
ends at the same place whichever library ran the model.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.engines.base import Stop
from bot.engines.text import VisibleText
from tuning.repeats import repeats_from

_LOOP_CHECK_PIECES = 8
_LOOP_CHECK_CHARACTERS = 4000


class ReplyText:
    """What has been written so far, and the pieces of it that were handed out.

    :param reasoning: the prompt opened a reasoning part already
    """

    def __init__(self, *, reasoning: bool, on_text: Callable[[str], None]) -> None:
        self._visible = VisibleText(reasoning=reasoning)
        self._on_text = on_text
        self._raw = ""
        self._pieces = 0

    def push(self, raw: str) -> None:
        """Take what one more token wrote, often nothing, and hand out what can be shown."""
        self._pieces += 1
        self._raw = (self._raw + raw)[-_LOOP_CHECK_CHARACTERS:]
        self._give(self._visible.push(raw))

    def loops(self) -> bool:
        """Whether the text goes round; looked at after every eighth token, since looking costs time."""
        return self._pieces % _LOOP_CHECK_PIECES == 0 and repeats_from(self._raw) is not None

    def finish(self, stop: Stop) -> str:
        """Hand out the rest and return the whole text, a loop cut after its first copy."""
        self._give(self._visible.finish())
        text = self._visible.text
        end = repeats_from(text) if stop == "loop" else None
        return text[:end].rstrip()

    def _give(self, piece: str) -> None:
        if piece:
            self._on_text(piece)
