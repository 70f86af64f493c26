"""DOCX as its author sees it with all changes accepted: insertions in, deletions out, text boxes and notes included.

The XML is read directly: python-docx leaves inserted runs and text boxes out of a paragraph's text. Elements are
matched by local name, so that strict and transitional OOXML read alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from memory.importers.cleaning import clean
from memory.importers.package import attribute, children, local, open_package, property_of
from memory.importers.records import Block, ConversionError, ExtractedDocument
from memory.importers.sections import blocks_by_heading

_DELETED = {"del", "moveFrom", "Fallback", "rPrChange", "pPrChange", "sectPrChange", "tblPrChange"}
_CONTAINERS = {"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"}
_HEADING_NAME = re.compile(r"(?:heading|überschrift|标题|titre|título)\s*(\d)", re.IGNORECASE)
_NOTES = (("word/footnotes.xml", "Footnotes"), ("word/endnotes.xml", "Endnotes"), ("word/comments.xml", "Comments"))


def read_docx(data: bytes, *, name: str, title: str) -> ExtractedDocument:
    """Blocks by heading; tables as rows of cells joined by `` | ``; notes and comments in sections at the end.

    :raises ConversionError: it is damaged, unpacks to too much or holds no text
    """
    with open_package(data, name=name, what="Word document") as package:
        body = package.parse("word/document.xml")
        levels = _heading_levels(package.parse("word/styles.xml"))
        notes = [(label, package.parse(part)) for part, label in _NOTES]
        core = package.parse("docProps/core.xml")
    if body is None:
        raise ConversionError(f"{name} is a damaged Word document (it has no word/document.xml)")
    blocks = [*_blocks(body, levels), *(block for label, root in notes for block in _notes(root, label))]
    if not blocks:
        raise ConversionError(f"{name} holds no text")
    return ExtractedDocument(
        title=property_of(core, "title") or title,
        format="docx",
        blocks=tuple(blocks),
        warnings=_pictures(body),
        at=property_of(core, "modified", "created"),
    )


def _setting(element: Any, *path: str) -> str | None:
    """The ``val`` of a nested property element."""
    for name in path:
        element = next(children(element, name), None)
        if element is None:
            return None
    return attribute(element, "val")


def _heading_levels(styles: Any | None) -> dict[str, int]:
    """Style ids that are headings, with their level; a style of the user's own inherits from what it is based on."""
    if styles is None:
        return {}
    own: dict[str, int] = {}
    based_on: dict[str, str] = {}
    for style in children(styles, "style"):
        id_ = attribute(style, "styleId") or ""
        named = _HEADING_NAME.fullmatch(_setting(style, "name") or "")
        outline = _setting(style, "pPr", "outlineLvl")
        if named:
            own[id_] = int(named.group(1))
        elif (_setting(style, "name") or "").lower() == "title":
            own[id_] = 1
        elif outline and outline.isdigit() and int(outline) < 9:
            own[id_] = int(outline) + 1
        based_on[id_] = _setting(style, "basedOn") or ""
    return {id_: level for id_ in based_on if (level := _inherited(id_, own, based_on))}


def _inherited(id_: str, own: dict[str, int], based_on: dict[str, str]) -> int | None:
    seen: set[str] = set()
    while id_ and id_ not in seen:
        if id_ in own:
            return own[id_]
        seen.add(id_)
        id_ = based_on.get(id_, "")
    return None


def _blocks(root: Any, levels: dict[str, int]) -> list[Block]:
    return blocks_by_heading(line for body in children(root, "body") for line in _paragraphs(body, levels))


def _paragraphs(container: Any, levels: dict[str, int]) -> Iterator[tuple[int | None, str]]:
    """Heading level (None for text) and words of each paragraph and table row, in reading order."""
    for child in container:
        name = local(child)
        if name == "p":
            level = _level(child, levels)
            texts = _paragraph_texts(child)
            for text in texts:
                yield (level if text is texts[0] else None), text
        elif name == "tbl":
            yield from ((None, row) for row in _rows(child))
        elif name in _CONTAINERS:
            yield from _paragraphs(child, levels)


def _level(paragraph: Any, levels: dict[str, int]) -> int | None:
    direct = _setting(paragraph, "pPr", "outlineLvl")
    if direct and direct.isdigit() and int(direct) < 9:
        return int(direct) + 1
    return levels.get(_setting(paragraph, "pPr", "pStyle") or "")


def _paragraph_texts(paragraph: Any) -> list[str]:
    """The paragraph's own words, then those of each text box anchored in it; blank ones are left out."""
    words: list[str] = []
    boxes: list[str] = []
    _collect(paragraph, words, boxes)
    listed = any(True for properties in children(paragraph, "pPr") for _ in children(properties, "numPr"))
    bullet = "- " if listed else ""
    own = clean("".join(words)).strip()
    return [text for text in (bullet + own if own else "", *boxes) if text]


def _collect(element: Any, words: list[str], boxes: list[str]) -> None:
    for child in element:
        name = local(child)
        if name in _DELETED:
            continue
        if name == "t":
            words.append(child.text or "")
        elif name in ("tab", "ptab") and local(element) == "r":
            words.append("\t")
        elif name in ("br", "cr"):
            words.append("\n")
        elif name == "noBreakHyphen":
            words.append("-")
        elif name == "txbxContent":
            boxes.extend(text for _, text in _paragraphs(child, {}))
        else:
            _collect(child, words, boxes)


def _rows(table: Any) -> Iterator[str]:
    for row in _members(table, "tr"):
        if any(local(mark) == "del" for props in children(row, "trPr") for mark in props):
            continue
        cells = [" ".join(text.replace("\n", " ") for _, text in _paragraphs(cell, {})) for cell in _members(row, "tc")]
        if any(cells):
            yield " | ".join(cells)


def _members(element: Any, name: str) -> Iterator[Any]:
    """Rows of a table or cells of a row, also those wrapped in content controls or insertions."""
    for child in element:
        if local(child) == name:
            yield child
        elif local(child) in _CONTAINERS:
            yield from _members(child, name)


def _notes(root: Any | None, label: str) -> Iterator[Block]:
    if root is None:
        return
    lines = []
    for note in children(root, "footnote", "endnote", "comment"):
        if attribute(note, "type") in ("separator", "continuationSeparator", "continuationNotice"):
            continue
        text = "\n".join(text for _, text in _paragraphs(note, {}))
        author = attribute(note, "author")
        if text:
            lines.append(f"Comment by {author or 'unknown'}: {text}" if local(note) == "comment" else text)
    if lines:
        yield Block("\n".join(lines), section=label)


def _pictures(body: Any) -> tuple[str, ...]:
    count = sum(1 for element in body.iter() if local(element) == "blip")
    return (f"{count} picture{'s' if count > 1 else ''} in it not read",) if count else ()
