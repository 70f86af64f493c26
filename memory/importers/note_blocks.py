"""Blocks that notes name by an id: their text stands in one place, and everywhere else is a reference to it.

Logseq writes ``id:: UUID`` under a block and ``((UUID))`` where it is meant; Obsidian writes ``^id`` at its end and
``[[Note#^id]]``. References often lead to another note, so an archive of notes gathers the blocks of all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_LOGSEQ_ID = re.compile(rf"\s*(?:[-*]\s+)?id::\s*({_UUID})\s*$")
_OBSIDIAN_ID = re.compile(r"(?:^|\s)\^(?!\d+\s*$)([A-Za-z0-9-]{2,60})\s*$")  # "r ^2" is none
_PROPERTY = re.compile(r"\s*(?:[-*]\s+)?[A-Za-z][\w.-]*::(?:\s|$)")
_LABELLED = re.compile(rf"\[([^\[\]]*)\]\(\(\({_UUID}\)\)\)")
_LOGSEQ_REFERENCE = re.compile(rf"\(\(({_UUID})\)\)")
_OBSIDIAN_REFERENCE = re.compile(r"!?\[\[([^\[\]|#\n]*)#\^([A-Za-z0-9-]{1,60})\]\]")
_MARKS = re.compile(r"^(?:[-*+>]\s+|\d+[.)]\s+|#{1,6}\s+|\[[ xX]\]\s+)*")


def block_texts(text: str, note: str = "") -> dict[str, str]:
    """Blocks of a note by id: Logseq's by their own, Obsidian's by ``note^id``; all in lower case.

    :param note: the note's name, without folder and ending
    """
    found: dict[str, str] = {}
    above = ""
    for line in text.split("\n"):
        if match := _LOGSEQ_ID.match(line):
            found.setdefault(match.group(1).lower(), above)
        elif match := _OBSIDIAN_ID.search(line):
            words = _words(line[: match.start()]) or above  # a table's id stands in a line of its own, below it
            found.setdefault(_key(note, match.group(1)), words)
        elif line.strip() and not _PROPERTY.match(line):
            above = _words(line)
    return {key: value for key, value in found.items() if value}


def with_references(text: str, texts: Mapping[str, str], note: str = "", *, keep_unknown: bool = False) -> str:
    """The text with each reference replaced by what it points to.

    :param keep_unknown: leave what isn't among ``texts`` as it is; else it goes, or becomes the words of its link
    """

    def logseq(match: re.Match[str]) -> str:
        return texts.get(match.group(1).lower(), match.group() if keep_unknown else "")

    def obsidian(match: re.Match[str]) -> str:
        words = f"[[{match.group(1)}]]" if match.group(1).strip() else ""
        return texts.get(_key(match.group(1) or note, match.group(2)), match.group() if keep_unknown else words)

    if "((" in text:
        text = _LOGSEQ_REFERENCE.sub(logseq, _LABELLED.sub(lambda match: match.group(1), text))
    return _OBSIDIAN_REFERENCE.sub(obsidian, text) if "#^" in text else text


def texts_of(data: bytes, note: str) -> dict[str, str]:
    """The named blocks of a note's bytes."""
    if b"id::" not in data and b"^" not in data:
        return {}
    return block_texts(data.decode("utf-8", "replace"), note)


def has_references(data: bytes) -> bool:
    """Whether the note's bytes may refer to a block."""
    return b"((" in data or b"#^" in data


def resolved(data: bytes, texts: Mapping[str, str]) -> bytes:
    """A note in UTF-8 with references to known blocks replaced; others stay for the note's own reader."""
    if not texts or not has_references(data):
        return data
    try:
        return with_references(data.decode("utf-8"), texts, keep_unknown=True).encode()
    except UnicodeDecodeError:
        return data


def without_block_id(line: str) -> str:
    """The line without Obsidian's id at its end; that it is one is for the caller to know."""
    return _OBSIDIAN_ID.sub("", line)


def _key(note: str, id_: str) -> str:
    return f"{note.rpartition('/')[2].strip()}^{id_}".lower()


def _words(line: str) -> str:
    return _MARKS.sub("", line.strip()).strip()
