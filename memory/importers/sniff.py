"""What a file is, by its content; the ending decides only between kinds of text that content can't tell apart."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import PurePath

from memory.importers.chats import formats as chats
from memory.importers.enex import is_enex
from memory.importers.mail import is_mail, is_mailbox
from memory.importers.package import ZIP_DAMAGE
from memory.importers.records import ConversionError, UnsupportedFormat

SUPPORTED = "documents, tables, notes, mail, calendars, pictures with text and dialogues are imported (docs/formats.md)"
_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x00\x00\x01\x00", "an icon"),
    (b"ID3", "an MP3 recording"),
    (b"OggS", "an Ogg recording"),
    (b"fLaC", "a FLAC recording"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3\x00", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
    (b"%!PS", "a PostScript document (save it as .pdf)"),
)
_BINARY_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"{\\rtf", "rtf"),
    (b"\x89PNG\r\n", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
)
"""Formats whose content begins with these bytes."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_STREAMS: tuple[tuple[str, str, str], ...] = (
    ("EncryptedPackage", "", "an Office file under a password (save a copy without one)"),
    ("Workbook", "spreadsheet", ""),
    ("Book", "spreadsheet", ""),
    ("WordDocument", "", "an old Word document (save it as .docx)"),
    ("PowerPoint Document", "", "an old PowerPoint presentation (save it as .pptx)"),
)
"""Of Microsoft's container: a stream's name, the format that it tells, or why it is not imported."""
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
_TEXT_ENDINGS: dict[str, str] = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd"), "markdown"),
    **dict.fromkeys((".txt", ".text", ".log", ".rst", ".adoc", ".org", ".tex"), "text"),
    **dict.fromkeys((".html", ".htm", ".xhtml"), "html"),
    **dict.fromkeys((".csv", ".tsv", ".tab"), "csv"),
    **dict.fromkeys((".json", ".geojson", ".canvas"), "json"),
    **dict.fromkeys((".jsonl", ".ndjson"), "json lines"),
}
_ZIP_KINDS: tuple[tuple[str, str], ...] = (
    ("word/document", "docx"),
    ("xl/workbook", "spreadsheet"),
    ("ppt/presentation", "pptx"),
    ("META-INF/container.xml", "epub"),
    ("content.xml", "odf"),
)
"""What the name of one of its members makes of a ZIP archive; the first that fits."""
_HTML = re.compile(
    r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_MARKDOWN = re.compile(r"\A---\n|^#{1,6} \S|\[\[[^\]\n]+\]\]", re.MULTILINE)


def sniff_binary(data: bytes, name: str) -> str | None:
    """The binary format of the bytes; None where they may be text.

    :raises UnsupportedFormat: it is of a known kind that is not imported
    :raises ConversionError: it is a damaged archive
    """
    refuse_unsupported(data, name)
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):  # before PDF, which may be its first member, not packed
        return _zip_format(data, name)
    if _is_pdf(data):
        return "pdf"
    if data.startswith(_OLE):
        return _ole_format(data, name)
    if _is_webp(data) or _is_bmp(data):
        return "image"
    if is_enex(data):
        return "enex"
    if is_mailbox(data):
        return "mailbox"
    if is_mail(data, name):
        return "mail"
    return next((kind for magic, kind in _BINARY_MAGIC if data.startswith(magic)), None) or chats.json_kind(data)


def refuse_unsupported(head: bytes, name: str) -> None:
    """Refuse what the first kilobytes show to be something else, before the rest is read.

    :raises UnsupportedFormat: it is of a known kind that is not imported
    """
    if _is_pdf(head):
        return
    for magic, description in _MAGIC:
        if head.startswith(magic):
            raise unsupported(name, description)
    if head[4:8] == b"ftyp":
        photo = head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif")
        raise unsupported(name, "a HEIC photo (save it as JPEG)" if photo else "a video or sound recording")
    if head.startswith(b"RIFF") and head[8:12] in (b"WAVE", b"AVI "):
        raise unsupported(name, "a recording")


def _is_pdf(data: bytes) -> bool:
    return b"%PDF-" in data[:1024]  # viewers open files with a mail header before it


def _is_webp(data: bytes) -> bool:
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def _is_bmp(data: bytes) -> bool:
    """A text may begin with BM as well; no text goes on with NULs and the size of a header."""
    return data.startswith(b"BM") and data[6:10] == bytes(4) and int.from_bytes(data[14:18], "little") in _BMP_HEADERS


def _ole_format(data: bytes, name: str) -> str:
    for stream, kind, reason in _OLE_STREAMS:
        entry = (stream + "\0").encode("utf-16-le")
        at = data.find(entry)
        while at >= 0 and at % 128:  # entries of the directory have 128 bytes, the name first
            at = data.find(entry, at + 1)
        if at >= 0 and kind:
            return kind
        if at >= 0:
            raise unsupported(name, reason)
    raise unsupported(name, "an old Office or Outlook file (save it in a newer format)")


def unsupported(name: str, description: str) -> UnsupportedFormat:
    """The refusal of a kind of file, naming what it is whatever its ending says."""
    return UnsupportedFormat(f"{name} is {description}; {SUPPORTED}")


def _zip_format(data: bytes, name: str) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = set(archive.namelist())
    except ZIP_DAMAGE as exc:
        raise ConversionError(f"{name} is a damaged ZIP archive or Office document ({exc})") from exc
    for prefix, kind in _ZIP_KINDS:
        if any(member.startswith(prefix) for member in members):
            return kind
    if export := chats.zip_kind(members):
        return export
    return "zip"


def sniff_text(text: str, name: str) -> str:
    """The format of a text.

    :raises UnsupportedFormat: it is source code or the like
    """
    ending = PurePath(name).suffix.lower()
    if kind := chats.text_kind(text, ending):
        return kind
    for known, fits in _TEXT_KINDS:
        if fits(text, ending):
            return known
    if ending in _TEXT_ENDINGS:
        return _TEXT_ENDINGS[ending]
    if not ending or " " in ending or ending[1:].isdigit():
        return "markdown" if _MARKDOWN.search(text) else "text"
    raise unsupported(name, f"a {ending} text file")


def _is_dialogue(text: str) -> bool:
    """One of the first lines is a row; a damaged first line must not turn a dialogue into plain text."""
    head = (line for line in text[:100_000].splitlines()[:5] if line.lstrip().startswith("{"))
    return any(_is_row(line) for line in head)


def _is_row(line: str) -> bool:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and "speaker" in row and "text" in row


_TEXT_KINDS: tuple[tuple[str, Callable[[str, str], bool]], ...] = (
    ("html", lambda text, _: bool(_HTML.match(text))),
    ("dialogue", lambda text, _: _is_dialogue(text)),
    ("calendar", lambda text, _: text[:200].lstrip("\ufeff \t\n").upper().startswith("BEGIN:VCALENDAR")),
    ("contacts", lambda text, _: text[:200].lstrip("\ufeff \t\n").upper().startswith("BEGIN:VCARD")),
)
"""Formats that a text's content tells whatever its ending; the first that fits. Each is given text and ending."""
