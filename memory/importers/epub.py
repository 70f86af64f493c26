"""EPUB in the order of its spine, each chapter under the title that the table of contents gives it.

Tables of contents, covers and what the spine leaves out are no text of the book. Chapters are read as saved pages are,
except that XHTML's empty elements are written out first: to an HTML parser ``<title/>`` begins a title that never ends.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from posixpath import basename
from typing import Any
from urllib.parse import unquote

from memory.importers.cleaning import one_line
from memory.importers.encodings import decode
from memory.importers.html import read_html
from memory.importers.package import Package, attribute, descendants, open_package, property_of, resolve
from memory.importers.records import Block, ConversionError, ExtractedDocument
from memory.importers.sections import SEPARATOR

_VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_EMPTY = re.compile(rf"<(?!(?:{_VOID})\b)([A-Za-z][\w:-]*)((?:\s[^<>]*)?)/>")
_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"""^[^<]{0,4}<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_.:-]+)""")
_FONT_SCRAMBLING = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_NO_TEXT = frozenset(("toc", "cover", "landmarks", "page-list"))


@dataclass(frozen=True)
class _Book:
    package: Package
    opf: Any
    folder_of: str
    """The OPF's own path, to which its references are relative."""


def read_epub(data: bytes, *, name: str, title: str) -> ExtractedDocument:
    """Blocks by chapter and heading.

    :raises ConversionError: it is damaged, protected, unpacks to too much or holds no text
    """
    with open_package(data, name=name, what="EPUB book") as package:
        _refuse_protected(package, name)
        book = _open(package, name)
        titles = _chapter_titles(book)
        blocks = [block for part in _spine(book) for block in _chapter(book, part, titles.get(part))]
        heading, at = property_of(book.opf, "title"), property_of(book.opf, "date")
    if not blocks:
        raise ConversionError(f"{name} holds no text: its pages are pictures or empty")
    return ExtractedDocument(title=heading or title, format="epub", blocks=tuple(blocks), at=_iso(at))


def _iso(at: str | None) -> str | None:
    return at if at and re.fullmatch(r"\d{4}(-\d\d(-\d\d(T.*)?)?)?", at) and len(at) >= 10 else None


def _refuse_protected(package: Package, name: str) -> None:
    root = package.parse("META-INF/encryption.xml")
    methods = (
        [attribute(item, "Algorithm") for item in descendants(root, "EncryptionMethod")] if root is not None else []
    )
    if any(method not in _FONT_SCRAMBLING for method in methods):
        raise ConversionError(f"{name} is copy-protected (DRM), so its text can't be read")


def _open(package: Package, name: str) -> _Book:
    container = package.parse("META-INF/container.xml")
    files = descendants(container, "rootfile") if container is not None else iter(())
    path = next((attribute(file, "full-path") for file in files), None)
    opf = package.parse(path) if path else None
    if path is None or opf is None:
        raise ConversionError(f"{name} is a damaged EPUB book (it names no content)")
    return _Book(package, opf, path)


def _manifest(book: _Book) -> dict[str, Any]:
    return {str(item.get("id")): item for item in descendants(book.opf, "item")}


def _part(book: _Book, href: str) -> str:
    return resolve(book.folder_of, unquote(href.partition("#")[0]))


def _spine(book: _Book) -> list[str]:
    items = _manifest(book)
    guides = {
        _part(book, str(item.get("href")))
        for item in descendants(book.opf, "reference")
        if item.get("type") in _NO_TEXT
    }
    parts = []
    for reference in descendants(book.opf, "itemref"):
        item = items.get(str(reference.get("idref")))
        if item is not None and "nav" not in str(item.get("properties", "")).split():
            parts.append(_part(book, str(item.get("href"))))
    return [part for part in dict.fromkeys(parts) if part not in guides]


def _chapter_titles(book: _Book) -> dict[str, str]:
    """The first title that the navigation (EPUB 3) or the NCX (EPUB 2) gives to each file."""
    titles: dict[str, str] = {}
    for item in _manifest(book).values():
        part = _part(book, str(item.get("href")))
        kind = str(item.get("media-type"))
        if kind == "application/x-dtbncx+xml" and (root := book.package.parse(part)) is not None:
            for point in descendants(root, "navPoint"):
                label = next((text.text for text in descendants(point, "text")), None)
                target = next((content.get("src") for content in descendants(point, "content")), None)
                _remember(titles, part, target, label)
        elif "nav" in str(item.get("properties", "")).split():
            for link in _links(book.package.read(part)):
                _remember(titles, part, link.get("href"), " ".join(link.itertext()))
    return titles


def _links(page: bytes | None) -> list[Any]:
    from lxml import etree, html

    try:
        root = html.document_fromstring(_EMPTY.sub(r"<\1\2></\1>", _decoded(page or b"")).encode("utf-8", "replace"))
    except (etree.ParserError, ValueError):
        return []
    return list(root.iterfind(".//nav//a"))


def _remember(titles: dict[str, str], page: str, target: str | None, label: str | None) -> None:
    text = one_line(label or "")
    if target and text:
        titles.setdefault(resolve(page, unquote(target.partition("#")[0])), text)


def _decoded(data: bytes) -> str:
    declared = _XML_ENCODING.match(data)
    try:
        text = data.decode(declared.group(1).decode("ascii")) if declared else None
    except (LookupError, UnicodeDecodeError):
        text = None
    text = text if text is not None else decode(data) or ""
    return re.sub(r"^\ufeff?\s*<\?xml[^>]*\?>", "", text)


def _chapter(book: _Book, part: str, title: str | None) -> list[Block]:
    data = book.package.read(part)
    if data is None or not data.strip():
        return []
    page = _EMPTY.sub(r"<\1\2></\1>", _decoded(data))
    page = _BODY.sub(r"\g<0><article>", page, count=1)  # a book's headers and asides are no furniture of a site
    try:
        blocks = read_html(page, name=basename(part), title="").blocks
    except ConversionError:
        return []  # a page that is a picture
    return [replace(block, section=_section(title, block.section)) for block in blocks]


def _section(title: str | None, headings: str | None) -> str | None:
    if title is None or headings is None:
        return title or headings
    alike = headings.casefold().startswith(title.casefold()) or title.casefold().endswith(headings.casefold())
    return headings if alike else f"{title}{SEPARATOR}{headings}"
