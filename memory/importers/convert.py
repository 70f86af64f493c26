"""Bytes and a name become documents: the one place that knows all formats. Runs in the child process only.

A format is one line in a table here and one in `sniff`, which tells it by its content; readers import their libraries
when they are called, as a child starts for the first file of every import.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Protocol, TypeVar

from memory.importers.archive import read_archive
from memory.importers.chats import formats as chats
from memory.importers.cleaning import clean
from memory.importers.delimited import read_csv
from memory.importers.dialogue import read_dialogue
from memory.importers.docx import read_docx
from memory.importers.encodings import decode
from memory.importers.enex import read_enex
from memory.importers.epub import read_epub
from memory.importers.html import read_html
from memory.importers.ics import read_ics
from memory.importers.image import read_image
from memory.importers.json_values import read_json, read_json_lines
from memory.importers.mail import read_mail, read_mailbox
from memory.importers.markdown import read_markdown
from memory.importers.note_names import title_of
from memory.importers.ocr import Recogniser
from memory.importers.odf import read_odf
from memory.importers.pdf import read_pdf
from memory.importers.plain import read_plain
from memory.importers.pptx import read_pptx
from memory.importers.records import Allowance, Conversion, ConversionError, ExtractedDocument, Hints, SourceFile
from memory.importers.rtf import read_rtf
from memory.importers.sniff import sniff_binary, sniff_text, unsupported
from memory.importers.spreadsheet import read_spreadsheet
from memory.importers.vcf import read_vcf
from memory.importers.within import Convert

Extracted = ExtractedDocument | Conversion

_DAY = re.compile(r"(?<!\d)(\d{4})[-_.](\d{2})[-_.](\d{2})(?!\d)")

_Content = TypeVar("_Content", contravariant=True)


class _Reader(Protocol[_Content]):
    def __call__(self, content: _Content, /, *, name: str, title: str) -> ExtractedDocument: ...


def _named(read: _Reader[_Content]) -> Callable[[_Content, SourceFile], Extracted]:
    """A reader that needs no more than a file's name and title."""
    return lambda content, file: read(content, name=file.name, title=file.title)


def _container(read: Callable[[bytes, SourceFile, Convert], Conversion]) -> Callable[[bytes, SourceFile], Extracted]:
    """A reader that hands the files within its file back to be converted."""
    return lambda data, file: read(data, file, lambda inner, name: _inner(inner, name, file))


_BINARY: dict[str, Callable[[bytes, SourceFile], Extracted]] = {
    "pdf": lambda data, file: read_pdf(data, name=file.name, title=file.title, recogniser=file.recogniser),
    "docx": _named(read_docx),
    "spreadsheet": _named(read_spreadsheet),
    "pptx": _named(read_pptx),
    "odf": lambda data, file: _read_open_document(data, file),
    "epub": _named(read_epub),
    "rtf": _named(read_rtf),
    **chats.JSON,
    **chats.ZIP,
    "zip": _container(read_archive),
    "enex": _container(read_enex),
    "mail": _container(read_mail),
    "mailbox": _container(read_mailbox),
    "image": lambda data, file: read_image(data, name=file.name, title=file.title, recogniser=file.recogniser),
}
_TEXT: dict[str, Callable[[str, SourceFile], Extracted]] = {
    **chats.TEXT,
    "html": _named(read_html),
    "dialogue": _named(read_dialogue),
    "calendar": _named(read_ics),
    "contacts": _named(read_vcf),
    "csv": _named(read_csv),
    "json": _named(read_json),
    "json lines": _named(read_json_lines),
    "markdown": lambda text, file: read_markdown(clean(text), title=file.title),
    "text": lambda text, file: read_plain(clean(text), title=file.title),
}


def convert(
    data: bytes,
    name: str,
    hints: Hints | None = None,
    *,
    recogniser: Recogniser | None = None,
    allowance: Allowance | None = None,
) -> Conversion:
    """What the bytes hold; ``name`` gives a title and decides between kinds of text.

    :param recogniser: what reads pictures, with the budget of the whole file
    :param allowance: what the files within it may take

    :raises UnsupportedFormat: it is of a kind that is not imported
    :raises ConversionError: it is damaged, locked or without text
    """
    file = SourceFile(name, title_of(name), hints or Hints(), recogniser or Recogniser())
    return _convert(data, replace(file, allowance=allowance or Allowance()))


def _inner(data: bytes, name: str, file: SourceFile) -> Conversion:
    """What a file within a file holds, under what is left of the outer one's limits."""
    return _convert(data, replace(file, name=name, title=title_of(name), depth=file.depth + 1))


def _convert(data: bytes, file: SourceFile) -> Conversion:
    kind = sniff_binary(data, file.name)
    extracted = _BINARY[kind](data, file) if kind else _convert_text(data, file)
    if isinstance(extracted, ExtractedDocument):
        extracted = Conversion((extracted,))
    documents = tuple(replace(item, at=item.at or _day_in(item.part or file.name)) for item in extracted.documents)
    documents = tuple(item for item in documents if _has_text(item))
    if not documents:
        raise ConversionError("; ".join((f"{file.name} holds no text", *extracted.warnings)))
    return replace(extracted, documents=documents)


def _convert_text(data: bytes, file: SourceFile) -> Extracted:
    text = decode(data, encoding=file.hints.encoding)
    if text is None:
        raise unsupported(file.name, "a binary file")
    kind = chats.TABLE if chats.is_table(file) else sniff_text(text, file.name)
    return _TEXT[kind](text, file)


def _read_open_document(data: bytes, file: SourceFile) -> ExtractedDocument:
    """By the type that such a file begins with: its members are called the same whatever it is."""
    reader = read_spreadsheet if b"opendocument.spreadsheet" in data[:200] else read_odf
    return reader(data, name=file.name, title=file.title)


def _has_text(document: ExtractedDocument) -> bool:
    return bool(document.utterances) or any(block.text.strip() for block in document.blocks)


def _day_in(name: str) -> str | None:
    """The day that daily notes carry in their name (2024-05-01.md, 2024_05_01.md)."""
    found = _DAY.search(name)
    try:
        return date(*map(int, found.groups())).isoformat() if found else None
    except ValueError:
        return None
