"""What a file is, whatever it is called."""

from __future__ import annotations

import io
import zipfile

import pytest

from memory.errors import UsageError
from memory.importers.convert import convert
from memory.importers.records import ConversionError, Hints, UnsupportedFormat, hints_from
from tests.memory.importers.files import docx, paragraph, pdf

_ROW = b'{"speaker": "Ada", "text": "Hi"}\n'


def _zip(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def _stream(name: str) -> bytes:
    """An entry of the directory of Microsoft's container."""
    return (name + "\0").encode("utf-16-le").ljust(128, b"\0")


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (pdf(["hi"]), "report.txt", "pdf"),
        (docx(paragraph("hi")), "report.pdf", "docx"),
        (b"<!DOCTYPE html><p>hi", "page.txt", "html"),
        (_ROW, "chat.txt", "dialogue"),
        (b"{broken\n" + _ROW, "chat.md", "dialogue"),
        (b"# Heading\n", "note.md", "markdown"),
        (b"\xef\xbb\xbf# Heading\n\ntext", "README", "markdown"),
        (b"a,b\n1,2\n", "table.csv", "csv"),
        (b'{"a": 1}', "data.json", "json"),
        (b'{"a": 1}\n{"a": 2}', "data.jsonl", "json"),
        (b"{\\rtf1 hi}", "letter.doc", "rtf"),
        (b"just words", "README", "text"),
        (b"just words", "list.TXT", "text"),
    ],
)
def test_content_decides(data: bytes, name: str, kind: str) -> None:
    """A PDF called .txt is a PDF; the ending only tells kinds of text apart."""
    assert convert(data, name).documents[0].format == kind


@pytest.mark.parametrize(
    ("data", "name", "what"),
    [
        (b"ID3\x03", "song.txt", "an MP3 recording"),
        (_OLE + bytes(500), "table.csv", "an old Office or Outlook file"),
        (_OLE + bytes(504) + _stream("EncryptedPackage"), "table.xlsx", "an Office file under a password"),
        (_OLE + bytes(504) + _stream("WordDocument"), "a.docx", "an old Word document"),
        (b"\x00\x00\x00\x18ftypheic" + bytes(50), "photo.jpg", "a HEIC photo"),
        (bytes(range(256)) * 9, "data.txt", "a binary file"),
        (b"print(1)", "tool.py", "a .py text file"),
    ],
)
def test_what_is_not_imported_is_named(data: bytes, name: str, what: str) -> None:
    """WeClone#81: the refusal says what the file is, not what it is called."""
    with pytest.raises(UnsupportedFormat, match=f"{name} is {what}"):
        convert(data, name)


@pytest.mark.parametrize("data", [b"  \n\t", b"\xef\xbb\xbf", b"---\n---\n"])
def test_blank_files_fail(data: bytes) -> None:
    """chat-langchain#68: no text is a reason, not a crash."""
    with pytest.raises(ConversionError, match="holds no text"):
        convert(data, "a.md")


def test_a_day_in_the_name_dates_the_note() -> None:
    """Daily notes carry their date in their name; a number that is no date is none."""
    assert convert(b"x", "2024_05_01.md").documents[0].at == "2024-05-01"
    assert convert(b"x", "2024-13-45.md").documents[0].at is None


def test_text_is_composed_and_free_of_control_characters() -> None:
    """What is stored can be searched and displayed."""
    assert convert("cafe\u0301\r\nbar\x0c\x07".encode(), "a.txt").documents[0].blocks[0].text == "café\nbar"


def test_hints_from_what_a_person_types() -> None:
    """Codec names are normalised; columns are pairs."""
    assert hints_from("GBK", "speaker=From, text=Body") == Hints("gbk", (("speaker", "From"), ("text", "Body")))
    assert hints_from(None, None) == Hints()


@pytest.mark.parametrize(
    ("encoding", "columns", "named"), [("klingon", None, "klingon"), (None, "who=From", "who=From")]
)
def test_wrong_hints_are_named(encoding: str | None, columns: str | None, named: str) -> None:
    """The message holds what was given and what would be right."""
    with pytest.raises(UsageError, match=named):
        hints_from(encoding, columns)


def test_a_given_encoding_is_used() -> None:
    """What the user says of the encoding holds against every guess."""
    data = "Ärger".encode("cp437")
    assert convert(data, "a.txt", Hints("cp437")).documents[0].blocks[0].text == "Ärger"
