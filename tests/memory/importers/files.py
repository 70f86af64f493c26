"""Small files of each format, made on the spot, so that each test shows what it is about."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

from pypdf import PdfReader, PdfWriter

from bot.bench.made_files import pdf_from

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf(pages: Sequence[str]) -> bytes:
    """A PDF with a line of text a page (an empty string: a page without text); ``~`` is set as the fi ligature."""
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding << /Differences [126 /fi] >> >>"
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", font]
    kids = []
    for text in pages:
        content = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET".encode("latin-1") if text else b""
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    return pdf_from(objects)


def locked_pdf(pages: Sequence[str], *, user_password: str) -> bytes:
    """The same under AES-256; with an empty user password viewers open it and only restrict what may be done."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(pages))))
    writer.encrypt(user_password=user_password, owner_password="owner", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def docx(body: str, *, styles: str = "", parts: dict[str, str] | None = None) -> bytes:
    """A Word document from the XML of its body, of its styles and of further parts, with ``w`` bound."""
    members = {"word/document.xml": f"<w:document {NAMESPACES}><w:body>{body}</w:body></w:document>"}
    members["word/styles.xml"] = f"<w:styles {NAMESPACES}>{styles}</w:styles>"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, xml in {**members, **(parts or {})}.items():
            archive.writestr(name, xml)
    return out.getvalue()


NAMESPACES = (
    f'xmlns:w="{_WORD}" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    ' xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
)


def paragraph(text: str, *, style: str | None = None) -> str:
    """The XML of a Word paragraph."""
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}<w:r><w:t>{text}</w:t></w:r></w:p>"


def zip_bomb_docx(megabytes: int) -> bytes:
    """A Word document of a few kilobytes whose text is so many megabytes of spaces."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("word/document.xml", "w") as member,
    ):
        member.write(f"<w:document {NAMESPACES}><w:body><w:p><w:r><w:t>".encode())
        for _ in range(megabytes):
            member.write(b" " * 1_000_000)
        member.write(b"</w:t></w:r></w:p></w:body></w:document>")
    return out.getvalue()
