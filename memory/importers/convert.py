"""Bytes and a name become documents: the one place that knows all formats. Runs in the child process only.

A format is one line in a table here and one in `sniff`, which tells it by its content; readers import their libraries
when they are called, as a child starts for the first file of every import.
"""

from __future__ import annotations

import re
from collections.abc import Callable
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
from memory.importers.records import Conversion, ConversionError, ExtractedDocument, Hints, SourceFile
from memory.importers.sniff import sniff_binary, sniff_text, unsupported

Extracted = ExtractedDocument | Conversion

_DAY = re.compile(r"(?<!\d)(\d{4})[-_.](\d{2})[-_.](\d{2})(?!\d)")

_BINARY: dict[str, Callable[[bytes, SourceFile], Extracted]] = {
    "pdf": lambda data, file: read_pdf(data, name=file.name, title=file.title),
    "docx": lambda data, file: read_docx(data, name=file.name, title=file.title),
}
_TEXT: dict[str, Callable[[str, SourceFile], Extracted]] = {
    "html": lambda text, file: read_html(text, name=file.name, title=file.title),
    "dialogue": lambda text, file: read_dialogue(text, name=file.name, title=file.title),
    "markdown": lambda text, file: read_markdown(clean(text), title=file.title),
    "text": lambda text, file: read_plain(clean(text), title=file.title),
}


def convert(data: bytes, name: str, hints: Hints | None = None) -> Conversion:
    """What the bytes hold; ``name`` gives a title and decides between kinds of text.

    :raises UnsupportedFormat: it is of a kind that is not imported
    :raises ConversionError: it is damaged, locked or without text
    """
    file = SourceFile(name, PurePath(name).stem.strip() or name, hints or Hints())
    kind = sniff_binary(data, name)
    extracted = _BINARY[kind](data, file) if kind else _convert_text(data, file)
    if isinstance(extracted, ExtractedDocument):
        extracted = Conversion((extracted,))
    documents = tuple(replace(item, at=item.at or _day_in(item.part or name)) for item in extracted.documents)
    documents = tuple(item for item in documents if _has_text(item))
    if not documents:
        raise ConversionError("; ".join((f"{name} holds no text", *extracted.warnings)))
    return replace(extracted, documents=documents)


def _convert_text(data: bytes, file: SourceFile) -> Extracted:
    text = decode(data, encoding=file.hints.encoding)
    if text is None:
        raise unsupported(file.name, "a binary file")
    return _TEXT[sniff_text(text, file.name)](text, file)


def _has_text(document: ExtractedDocument) -> bool:
    return bool(document.utterances) or any(block.text.strip() for block in document.blocks)


def _day_in(name: str) -> str | None:
    """The day that daily notes carry in their name (2024-05-01.md, 2024_05_01.md)."""
    found = _DAY.search(name)
    try:
        return date(*map(int, found.groups())).isoformat() if found else None
    except ValueError:
        return None
