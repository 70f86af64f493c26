"""PPTX slide by slide, title as section and number as page, with tables, groups, diagrams, charts, notes, comments.

The XML is read directly: python-pptx passes over diagrams and charts' texts. Slide numbers, dates and footers, which
stand on every slide alike, are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from memory.importers.cleaning import clean
from memory.importers.package import Package, attribute, children, descendants, local, open_package, property_of
from memory.importers.records import Block, ConversionError, ExtractedDocument

_PRESENTATION = "ppt/presentation.xml"
_TITLES = ("title", "ctrTitle")
_FURNITURE = ("sldNum", "dt", "ftr", "hdr", "sldImg")


def read_pptx(data: bytes, *, name: str, title: str) -> ExtractedDocument:
    """One block a slide, one more for its notes.

    :raises ConversionError: it is damaged, unpacks to too much or holds no text
    """
    with open_package(data, name=name, what="presentation") as package:
        presentation = package.parse(_PRESENTATION)
        if presentation is None:
            raise ConversionError(f"{name} is a damaged presentation (it has no {_PRESENTATION})")
        slides = list(_slide_parts(package, presentation))
        blocks = [block for number, part in enumerate(slides, start=1) for block in _slide(package, part, number)]
        core = package.parse("docProps/core.xml")
    if not blocks:
        raise ConversionError(f"{name} holds no text: its {len(slides)} slides are pictures or empty")
    without = sorted(set(range(1, len(slides) + 1)) - {block.page for block in blocks})
    return ExtractedDocument(
        title=_useful(property_of(core, "title")) or title,
        format="pptx",
        blocks=tuple(blocks),
        warnings=(f"no text on {_slide_list(without)} of {len(slides)}",) if without else (),
        at=property_of(core, "modified", "created"),
    )


def _useful(title: str | None) -> str | None:
    return None if title in ("PowerPoint Presentation", "PowerPoint-Präsentation", "PowerPoint 演示文稿") else title


def _slide_list(numbers: Sequence[int | None]) -> str:
    shown = ", ".join(map(str, numbers[:20])) + (" and others" if len(numbers) > 20 else "")
    return f"slide{'s' if len(numbers) > 1 else ''} {shown}"


def _slide_parts(package: Package, presentation: Any) -> Iterator[str]:
    """In the order of the presentation, which the numbers in the parts' names often don't follow."""
    relations = package.relations(_PRESENTATION)
    for slide in descendants(presentation, "sldId"):
        id_ = next((value for key, value in slide.attrib.items() if key.endswith("}id")), "")
        kind, part = relations.get(id_, ("", ""))
        if kind == "slide" and part in package.names:
            yield part


def _slide(package: Package, part: str, number: int) -> Iterator[Block]:
    slide = package.parse(part)
    heading: list[str] = []
    lines: list[str] = []
    _shapes(slide, heading, lines)
    notes: list[str] = []
    for kind, target in package.relations(part).values():
        found = package.parse(target) if kind in _READERS and target.endswith(".xml") else None
        if kind == "notesSlide" and found is not None:
            _shapes(found, [], notes)
        elif found is not None:
            lines.extend(_READERS[kind](found))
    section = " ".join(heading) or None
    if heading or lines:
        yield Block("\n".join([*heading, *lines]), page=number, section=section)
    if notes:
        yield Block("\n".join(notes), page=number, section=f"{section} > Notes" if section else "Notes")


def _shapes(container: Any, heading: list[str], lines: list[str]) -> None:
    """Titles and other lines of all shapes, those in groups included, in reading order."""
    for child in container:
        kind = local(child)
        if kind == "sp":
            place = next((attribute(ph, "type") or "body" for ph in descendants(child, "ph")), None)
            if place not in _FURNITURE:
                (heading if place in _TITLES else lines).extend(_paragraphs(child))
        elif kind == "tbl":
            lines.extend(_rows(child))
        elif kind != "Fallback":
            _shapes(child, heading, lines)


def _paragraphs(container: Any) -> Iterator[str]:
    for paragraph in descendants(container, "p"):
        words = []
        for run in paragraph.iter():
            if local(run) == "t":
                words.append(run.text or "")
            elif local(run) in ("br", "tab"):
                words.append("\n" if local(run) == "br" else " ")
        if text := clean("".join(words)).strip():
            yield text


def _rows(table: Any) -> Iterator[str]:
    for row in children(table, "tr"):
        cells = [" ".join(" ".join(_paragraphs(cell)).split()) for cell in children(row, "tc")]
        if any(cells):
            yield " | ".join(cells)


def _chart(root: Any) -> Iterator[str]:
    """The title, then ``Series: category value; category value``."""
    for chart_title in descendants(root, "title"):
        yield from _paragraphs(chart_title)
    for series in descendants(root, "ser"):
        texts = {kind: _cached(series, kind) for kind in ("tx", "cat", "val")}
        pairs = zip(texts["cat"] or [""] * len(texts["val"]), texts["val"], strict=False)
        values = "; ".join(f"{category} {value}".strip() for category, value in pairs)
        if values:
            yield f"{' '.join(texts['tx']) or 'Series'}: {values}"


def _cached(series: Any, kind: str) -> list[str]:
    return [clean(value.text or "").strip() for part in children(series, kind) for value in descendants(part, "v")]


def _comments(root: Any) -> Iterator[str]:
    for comment in descendants(root, "cm"):
        text = " ".join("".join(found.text or "" for found in descendants(comment, "text", "t")).split())
        if text:
            yield f"Comment: {clean(text)}"


_READERS = {
    "notesSlide": _paragraphs,
    "diagramData": _paragraphs,
    "chart": _chart,
    "comments": _comments,
}
"""By the kind of a slide's relation: what is read of the part that it leads to."""
