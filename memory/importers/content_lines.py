"""The lines that calendars (ICS) and address books (VCF) are made of: ``NAME;PARAMETER=VALUE:value``, folded.

A program that forgets to fold or to escape leaves lines that are none; they belong to the value before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_BEGINNING = re.compile(r"(?:[A-Za-z0-9-]+\.)?[A-Za-z0-9-]+(?:[:;]|$)")


def unfolded(text: str) -> Iterator[str]:
    """Whole lines, white space that folds them taken out and stray line ends put back as ``\\n`` escapes."""
    held: list[str] = []
    for line in text.split("\n"):
        if line[:1] in (" ", "\t"):
            held.append(line[1:])
        elif held and _is_stray(line):
            held.append("\\n" + line)
        else:
            if held:
                yield "".join(held)
            held = [line] if line.strip() else []
    if held:
        yield "".join(held)


def _is_stray(line: str) -> bool:
    found = _BEGINNING.match(line)
    return bool(line.strip()) and (found is None or not found.group().endswith((":", ";")))


def components(lines: list[str], *names: str) -> Iterator[list[str]]:
    """The lines of each component of these names (``BEGIN:VEVENT`` to ``END:VEVENT``), outermost ones whole.

    One that is never closed ends where the next of its kind begins, or with the file.
    """
    begins = {f"BEGIN:{name}" for name in names}
    held: list[str] = []
    open_: list[str] = []
    for line in lines:
        mark, _, name = line.strip().upper().partition(":")
        if f"{mark}:{name}" in begins:
            if held:
                yield held
            held, open_ = [line], [name]
        elif held and mark == "END" and name not in open_:  # what it lies in ends, so it does too
            yield held
            held = []
        elif held:
            held.append(line)
            open_ += [name] if mark == "BEGIN" else []
            if mark == "END":
                del open_[open_.index(name) :]
            if not open_:
                yield held
                held = []
    if held:
        yield held
