"""OpenDocument texts and presentations as their author sees them: tracked deletions out, notes and comments labelled.

Styles aren't needed: a heading is an element of its own and says its level. Spreadsheets are read by `spreadsheet`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memory.importers.cleaning import clean
from memory.importers.package import attribute, children, descendants, local, open_package, property_of
from memory.importers.records import Block, ConversionError, ExtractedDocument
from memory.importers.sections import blocks_by_heading

_SKIPPED = {"tracked-changes", "sequence-decls", "variable-decls", "table-of-content", "alphabetical-index"}
_SKIPPED |= {"bibliography", "illustration-index", "table-index", "forms", "desc"}
_NOTED = {"note", "annotation"}
_MOST_REPEATED = 1000
"""Spaces or cells that one element stands for; a file may claim any number."""


def read_odf(data: bytes, *, name: str, title: str) -> ExtractedDocument:
    """Blocks by heading, or by slide with its number as page; tables as rows of cells joined by `` | ``.

    :raises ConversionError: it is damaged, locked, unpacks to too much or holds no text
    """
    with open_package(data, name=name, what="OpenDocument file") as package:
        manifest = package.parse("META-INF/manifest.xml")
        if manifest is not None and any(True for _ in descendants(manifest, "encryption-data")):
            raise ConversionError(f"{name} needs a password to open; save a copy without one and import that")
        content = package.parse("content.xml")
        meta = package.parse("meta.xml")
    body = next(descendants(content, "body"), None) if content is not None else None
    if body is None:
        raise ConversionError(f"{name} is a damaged OpenDocument file (it has no content.xml with a body)")
    pages = [page for show in children(body, "presentation", "drawing") for page in children(show, "page")]
    blocks = [block for number, page in enumerate(pages, start=1) for block in _slide(page, number)]
    blocks = blocks or _text_blocks(body)
    if not blocks:
        raise ConversionError(f"{name} holds no text")
    at = property_of(meta, "date", "creation-date")
    return ExtractedDocument(property_of(meta, "title") or title, "odp" if pages else "odt", tuple(blocks), at=at)


class _Lines:
    """Heading level (None for text) and words of what is walked over, in reading order; notes are put aside."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def of(self, container: Any, bullet: str = "") -> Iterator[tuple[int | None, str]]:
        for child in container:
            kind = local(child)
            if kind in ("p", "h"):
                boxes: list[str] = []
                text = clean(self._words(child, boxes)).strip()
                level = int(attribute(child, "outline-level") or 1) if kind == "h" else None
                yield from [(level, bullet + text)] if text else []
                yield from ((None, line) for line in boxes)
                bullet = "  " if bullet else ""
            elif kind == "list-item":
                yield from self.of(child, "- ")
            elif kind == "table-row":
                row = [" ".join(self._cell(cell).split()) for cell in children(child, "table-cell")]
                yield from [(None, " | ".join(row).rstrip(" |"))] if any(row) else []
            elif kind == "annotation":
                self._note(child)
            elif kind not in _SKIPPED:
                yield from self.of(child, bullet)

    def _cell(self, cell: Any) -> str:
        return " ".join(text for _, text in self.of(cell))

    def _words(self, element: Any, boxes: list[str]) -> str:
        words = [element.text or ""]
        for child in element:
            kind = local(child)
            if kind == "s":
                words.append(" " * min(_MOST_REPEATED, int(attribute(child, "c") or 1)))
            elif kind in ("tab", "line-break"):
                words.append("\t" if kind == "tab" else "\n")
            elif kind in _NOTED:
                self._note(child)
            elif kind == "text-box":
                boxes.extend(line for _, line in self.of(child))
            elif kind == "ruby":
                words.extend(self._words(base, boxes) for base in children(child, "ruby-base"))
            elif kind not in _SKIPPED and isinstance(child.tag, str):
                words.append(self._words(child, boxes))
            words.append(child.tail or "")
        return "".join(words)

    def _note(self, note: Any) -> None:
        text = " ".join(line for part in _note_bodies(note) for _, line in self.of(part))
        author = next((item.text for item in children(note, "creator")), None)
        if text:
            self.notes.append(f"Comment by {author or 'unknown'}: {text}" if local(note) == "annotation" else text)


def _note_bodies(note: Any) -> list[Any]:
    return list(children(note, "note-body")) or [note]


def _text_blocks(body: Any) -> list[Block]:
    lines = _Lines()
    blocks = blocks_by_heading(lines.of(body))
    return [*blocks, *([Block("\n".join(lines.notes), section="Notes")] if lines.notes else [])]


def _slide(page: Any, number: int) -> Iterator[Block]:
    lines = _Lines()
    titles = [item for item in page if attribute(item, "class") == "title"]
    heading = " ".join(text for item in titles for _, text in lines.of(item)) or None
    rest = [item for item in page if item not in titles and local(item) != "notes"]
    texts = [text for item in rest for _, text in lines.of([item])]
    spoken = [text for item in children(page, "notes") for _, text in lines.of(item)] + lines.notes
    if heading or texts:
        yield Block("\n".join([*([heading] if heading else []), *texts]), page=number, section=heading)
    if spoken:
        yield Block("\n".join(spoken), page=number, section=f"{heading} > Notes" if heading else "Notes")
