"""ZIP packages of XML (DOCX, XLSX, PPTX, ODT, EPUB) opened under limits, so that no reader can forget one.

Sizes are checked before anything is unpacked; what an archive says of itself holds, as zipfile stops reading a member
at the size that its entry declares. Entities are never expanded and nothing outside the package is fetched.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from posixpath import dirname, join, normpath
from typing import Any

from memory.importers.cleaning import clean
from memory.importers.records import ConversionError

MAX_UNPACKED = 300_000_000
"""Bytes of all members but pictures and sound; a book of a thousand pages has about ten million."""
MAX_RATIO = 300
"""Unpacked to packed bytes over `_FREE`: tables of equal rows reach 100, a bomb 1,000."""
MAX_MEMBERS = 50_000
_FREE = 20_000_000
"""Unpacked bytes to which the limit on the ratio doesn't apply."""
_MEDIA = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".emf", ".wmf", ".svg", ".webp", ".mp3", ".mp4")
ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError)
"""What zipfile raises for an archive that is not what it says."""


class Package:
    """An open package; its parts are named as in the archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.names = tuple(archive.namelist())
        self._known = frozenset(self.names)

    def read(self, part: str) -> bytes | None:
        """The bytes of a part; None where there is none of that name."""
        return self._archive.read(part) if part in self._known else None

    def parse(self, part: str) -> Any | None:
        """The root element of an XML part; None where there is none of that name."""
        data = self.read(part)
        return None if data is None else parse_xml(data)

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """Of an OOXML part: by relation id, its kind (the last word of its type) and the part that it leads to."""
        folder, _, base = part.rpartition("/")
        root = self.parse(f"{folder}/_rels/{base}.rels".lstrip("/"))
        found = {}
        for relation in root if root is not None else ():
            kind = str(relation.get("Type", "")).rpartition("/")[2]
            target = str(relation.get("Target", ""))
            if relation.get("TargetMode") != "External":
                found[str(relation.get("Id"))] = (kind, resolve(part, target))
        return found


@contextmanager
def open_package(data: bytes, *, name: str, what: str) -> Iterator[Package]:
    """The package; damage found while it is open is told as the file's.

    :param what: the kind of file, as in "a damaged Word document"
    :raises ConversionError: it is damaged, or unpacks to too much
    """
    from lxml import etree

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [item for item in archive.infolist() if not item.filename.lower().endswith(_MEDIA)]
            check_members(members, name, called="parts", content="XML")
            yield Package(archive)
    except (*ZIP_DAMAGE, KeyError, etree.XMLSyntaxError) as exc:
        raise ConversionError(f"{name} is a damaged {what} ({exc})") from exc


def check_members(members: Sequence[zipfile.ZipInfo], name: str, *, called: str, content: str) -> None:
    """Refuse what would unpack to too much, before anything is read.

    :param called: what the members are, and :param content: of what their bytes are, in the message
    :raises ConversionError: they are over one of the limits
    """
    unpacked = sum(item.file_size for item in members)
    packed = sum(item.compress_size for item in members)
    if len(members) > MAX_MEMBERS:
        raise ConversionError(f"{name} has {len(members)} {called}; at most {MAX_MEMBERS} are read")
    if unpacked > MAX_UNPACKED:
        limit = MAX_UNPACKED // 1_000_000
        raise ConversionError(f"{name} unpacks to {unpacked // 1_000_000} MB of {content}; at most {limit} MB are read")
    if unpacked > _FREE and unpacked > MAX_RATIO * packed:
        raise ConversionError(f"{name} unpacks to {unpacked // max(1, packed)} times its size; it is made to do harm")


def parse_xml(data: bytes) -> Any:
    """The root element, entities left as they are.

    :raises lxml.etree.XMLSyntaxError: it is no XML, nested over 256 levels or holds a text over 10 MB
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    return etree.fromstring(data, parser)


def resolve(part: str, target: str) -> str:
    """The name of the part that a reference in ``part`` leads to; it never leaves the package."""
    path = target.lstrip("/") if target.startswith("/") else join(dirname(part), target)
    return normpath(path).lstrip("./")


def local(element: Any) -> str:
    """An element's name without its namespace, so that strict and transitional OOXML read alike."""
    return str(element.tag).rpartition("}")[2]


def children(element: Any, *names: str) -> Iterator[Any]:
    """Direct children of these local names."""
    return (child for child in element if local(child) in names)


def descendants(element: Any, *names: str) -> Iterator[Any]:
    """The element and all below of these local names, in document order."""
    return (child for child in element.iter() if local(child) in names)


def attribute(element: Any, name: str) -> str | None:
    """An attribute by its local name."""
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def property_of(core: Any | None, *names: str) -> str | None:
    """The first of these properties of a document's metadata that has a value."""
    for name in names if core is not None else ():
        for found in descendants(core, name):
            if text := clean(found.text or "").strip():
                return text
    return None
