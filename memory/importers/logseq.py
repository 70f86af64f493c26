"""Logseq's block references: the text of a block stands in one place, and everywhere else is its id."""

from __future__ import annotations

import re

_BLOCK_ID = re.compile(r"\s*(?:[-*]\s+)?id::\s*([0-9a-fA-F-]{36})\s*$")
_PROPERTY = re.compile(r"\s*(?:[-*]\s+)?[A-Za-z][\w.-]*::(?:\s|$)")
_REFERENCE = re.compile(rb"(?<!\()\(\(([0-9a-fA-F-]{36})\)\)(?!\))")


def block_texts(text: str) -> dict[str, str]:
    """Block ids (lower case) with the text of the line that each stands under."""
    found: dict[str, str] = {}
    above = ""
    for line in text.split("\n"):
        if match := _BLOCK_ID.match(line):
            found.setdefault(match.group(1).lower(), above)
        elif line.strip() and not _PROPERTY.match(line):
            above = line.strip().lstrip("-*# ").strip()
    return {key: value for key, value in found.items() if value}


def resolve_references(data: bytes, texts: dict[str, str]) -> bytes:
    """A note in UTF-8 with references to blocks of other notes replaced by their text; others stay as they are."""
    if not texts or b"((" not in data:
        return data

    def text_of(match: re.Match[bytes]) -> bytes:
        known = texts.get(match.group(1).decode().lower())
        return match.group() if known is None else known.encode()

    return _REFERENCE.sub(text_of, data)
