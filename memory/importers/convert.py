"""Bytes and a name become a document: the one place that knows all formats. Runs in the child process only."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import PurePath

from memory.importers.cleaning import clean
from memory.importers.dialogue import read_dialogue
from memory.importers.docx import read_docx
from memory.importers.encodings import decode
from memory.importers.html import read_html
from memory.importers.markdown import read_markdown
from memory.importers.pdf import read_pdf
from memory.importers.plain import read_plain
from memory.importers.records import ConversionError, ExtractedDocument
from memory.importers.sniff import sniff_binary, sniff_text, unsupported

_DAY = re.compile(r"(?<!\d)(\d{4})[-_.](\d{2})[-_.](\d{2})(?!\d)")


def convert(data: bytes, name: str) -> ExtractedDocument:
    """What the bytes hold; ``name`` gives a title and decides between kinds of text.

    :raises UnsupportedFormat: it is of a kind that is not imported
    :raises ConversionError: it is damaged, locked or without text
    """
    title = PurePath(name).stem.strip() or name
    kind = sniff_binary(data, name)
    if kind == "pdf":
        document = read_pdf(data, name=name, title=title)
    elif kind == "docx":
        document = read_docx(data, name=name, title=title)
    else:
        document = _convert_text(data, name, title)
    if not document.utterances and not any(block.text.strip() for block in document.blocks):
        raise ConversionError(f"{name} holds no text")
    return replace(document, at=document.at or _day_in(name))


def _convert_text(data: bytes, name: str, title: str) -> ExtractedDocument:
    text = decode(data)
    if text is None:
        raise unsupported(name, "a binary file")
    kind = sniff_text(text, name)
    if kind == "html":
        return read_html(text, name=name, title=title)
    if kind == "dialogue":
        return read_dialogue(text, name=name, title=title)
    text = clean(text)
    return read_markdown(text, title=title) if kind == "markdown" else read_plain(text, title=title)


def _day_in(name: str) -> str | None:
    """The day that daily notes carry in their name (2024-05-01.md, 2024_05_01.md)."""
    found = _DAY.search(name)
    try:
        return date(*map(int, found.groups())).isoformat() if found else None
    except ValueError:
        return None
