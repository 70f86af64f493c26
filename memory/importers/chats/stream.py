"""JSON read a value at a time: an account of half a gigabyte never stands in memory as a tree of objects.

The decoder is Python's own, called for each message; only containers on the way to them are walked here. Exports in the
field break the grammar in two ways, and both are repaired: control characters within strings, and escapes that JSON
has not (``\\x0C``, ``\\'``).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

_WINDOW = 1_000_000
"""Characters read at once, and as many again as a value needs more."""
_MARGIN = 64
"""So near the end of what was read, an error may only mean that more must be read."""
_ESCAPE = re.compile(r"""\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.?))""", re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]*")

Content = str | bytes
_T = TypeVar("_T")


class DamagedJson(ValueError):
    """The text ends too early or breaks the grammar; what was read before it holds."""


class JsonStream:
    """A cursor before a value. Whoever is given a value reads it or leaves it; a container is read to its end."""

    def __init__(self, content: Content) -> None:
        self._read = _reader(content)
        self._decoder = json.JSONDecoder(strict=False)
        self._text = ""
        self._at = 0
        self._passed = 0
        self._ended = False
        self._unread = True

    def kind(self) -> str:
        """The first character of the value: ``{``, ``[``, a quote, a digit or a letter; empty at the end."""
        return self._peek()

    def members(self) -> Iterator[str]:
        """Keys of an object, with the cursor before the value of each."""
        self._expect("{")
        while self._peek() != "}":
            key = self._decoded()
            self._expect(":")
            yield from self._offer(str(key))
            if self._peek() != "}":
                self._expect(",")
        self._expect("}")

    def items(self) -> Iterator[int]:
        """Positions in an array, counted from 0, with the cursor before the value of each."""
        self._expect("[")
        position = 0
        while self._peek() != "]":
            yield from self._offer(position)
            position += 1
            if self._peek() != "]":
                self._expect(",")
        self._expect("]")

    def value(self) -> Any:
        """The value as Python has it.

        :raises DamagedJson: it can't be read
        """
        self._unread = False
        return self._decoded()

    def _offer(self, what: _T) -> Iterator[_T]:
        self._unread = True
        yield what
        if self._unread:
            self.value()

    def _peek(self) -> str:
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                return ""

    def _expect(self, char: str) -> None:
        self._unread = False
        if self._peek() != char:
            raise self._damaged(f"{char!r} is missing")
        self._at += 1

    def _decoded(self) -> Any:
        if not self._peek():
            raise self._damaged("it ends too early")
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as exc:
                if self._repair(exc) or (self._may_go_on(exc) and self._fill()):
                    continue
                raise self._damaged("it ends too early" if self._ended else exc.msg) from exc
            except RecursionError as exc:
                raise self._damaged("nested too deeply") from exc
            if isinstance(value, int | float) and end > len(self._text) - _MARGIN and self._fill():
                continue  # more digits may follow
            self._at = end
            return value

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated") or error.pos > len(self._text) - _MARGIN

    def _repair(self, error: json.JSONDecodeError) -> bool:
        """Whether escapes were repaired; one at the very end of what was read may go on in what follows."""
        if not error.msg.startswith("Invalid"):
            return False
        limit = len(self._text) - self._at - (0 if self._ended else 8)
        before = self._text[self._at :]
        after = _ESCAPE.sub(lambda found: _repaired(found) if found.start() < limit else found.group(), before)
        self._text, self._passed, self._at = after, self._passed + self._at, 0
        return after != before

    def _fill(self) -> bool:
        piece = "" if self._ended else self._read(max(_WINDOW, len(self._text) - self._at))
        self._ended = not piece
        if piece:
            self._text, self._passed, self._at = self._text[self._at :] + piece, self._passed + self._at, 0
        return bool(piece)

    def _damaged(self, why: str) -> DamagedJson:
        return DamagedJson(f"damaged JSON after {self._passed + self._at} characters ({why})")


def _reader(content: Content) -> Callable[[int], str]:
    if isinstance(content, bytes):
        return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", errors="replace", newline="").read
    at = 1 if content.startswith("\ufeff") else 0

    def read(size: int) -> str:
        nonlocal at
        piece = content[at : at + size]
        at += len(piece)
        return piece

    return read


def _repaired(found: re.Match[str]) -> str:
    known, code, other = found.groups()
    if known is not None:
        return found.group()
    return f"\\u00{code}" if code is not None else other if other == "'" else "\\\\" + other
