"""PDF text by page. A page without text is named, never passed over: a scan that seems imported is worse than none.

A page that is a picture, or whose font has no map to letters, is drawn and read as a picture where that is installed;
pages with text are taken as they are.
"""

from __future__ import annotations

import io
import logging
from dataclasses import dataclass, field
from typing import Any

from memory.importers.cleaning import clean, spell_out_ligatures, unreadable_share
from memory.importers.ocr import MISSING, OcrMissing, Recogniser
from memory.importers.page_list import page_list
from memory.importers.records import Block, ConversionError, ExtractedDocument

_GARBLED = 0.05
"""Share of meaningless characters from which a page's font is taken to lack a map to Unicode."""


_STAMP = 60
"""Characters that a page may have besides the picture that fills it: a number, or what a scanner prints on it."""
_FILLED = 0.5
"""Share of a page's area that its picture must fill to be a scan."""
_DOTS_PER_INCH = 200
_MOST_DOTS = 3000
"""On a page's longer side; pages of posters would not fit into memory."""


def read_pdf(data: bytes, *, name: str, title: str, recogniser: Recogniser | None = None) -> ExtractedDocument:
    """One block a page.

    :raises ConversionError: it is damaged, needs a password or holds no text
    """
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it warns of each flaw of a file that opens all the same
    from pypdf.errors import PyPdfError

    try:
        reader = _open(data, name)
        pages = list(reader.pages)
    except (PyPdfError, *_DAMAGE) as exc:
        raise ConversionError(f"{name} is a damaged PDF ({exc})") from exc
    texts = [_page_text(page) for page in pages]
    scans = _recognise(data, texts, recogniser or Recogniser())
    texts = [scans.texts.get(number, text) for number, text in enumerate(texts, start=1)]
    blocks = tuple(Block(text, page=number) for number, text in enumerate(texts, start=1) if text)
    if not blocks:
        reason = f"its {len(pages)} pages are pictures or empty"
        raise ConversionError("; ".join((f"{name} holds no text: {reason}", *scans.warnings())))
    heading, at = _information(reader)
    warnings = (*_warnings(texts, told=[*scans.unread, *scans.cut]), *scans.warnings())
    return ExtractedDocument(title=heading or title, format="pdf", blocks=blocks, warnings=warnings, at=at)


@dataclass
class _Scans:
    """Pages that were read as pictures."""

    texts: dict[int, str] = field(default_factory=dict)
    cut: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    """Pages that the budget didn't reach."""
    problems: list[str] = field(default_factory=list)

    def warnings(self) -> tuple[str, ...]:
        found = [f"text on {page_list(sorted(self.texts))} was recognised from pictures"] if self.texts else []
        found += [f"{page_list(self.cut)} recognised in part (too much for the time or memory)"] if self.cut else []
        if self.unread:
            limits = "[import] ocr_pages and ocr_seconds allow no more in one file"
            found.append(f"{page_list(self.unread)} not recognised: {limits}")
        return (*found, *self.problems)


def _recognise(data: bytes, texts: list[str], recogniser: Recogniser) -> _Scans:
    """The texts of pages that hold no words of their own, or hardly any beside a picture."""
    scans = _Scans()
    wanted = [number for number, text in enumerate(texts, 1) if len(text) < _STAMP or _is_garbled(text)]
    if not wanted:
        return scans
    try:
        import pypdfium2
    except ImportError:
        scans.problems = [MISSING] if not all(texts) else []
        return scans
    try:
        with pypdfium2.PdfDocument(data) as document:
            _read_pages(document, wanted, texts, recogniser, scans)
    except OcrMissing as exc:
        scans.problems.append(str(exc))
    except (pypdfium2.PdfiumError, OSError, ValueError) as exc:
        scans.problems.append(f"pages could not be drawn to be recognised ({exc})")
    return scans


def _read_pages(document: Any, wanted: list[int], texts: list[str], recogniser: Recogniser, scans: _Scans) -> None:
    for number in wanted:
        own = texts[number - 1]
        picture = None if number > len(document) else _drawn(document[number - 1], always=_is_garbled(own))
        if picture is None:
            continue
        found = recogniser.read(picture)
        if found is None:
            scans.unread.append(number)
            continue
        text = clean(found.text).strip()
        scans.cut += [] if found.complete else [number]
        if len(text) > len(own) or (text and _is_garbled(own)):
            scans.texts[number] = text


def _drawn(page: Any, *, always: bool) -> Any | None:
    """A PIL image of the page; None where nothing on it could hold words that its text lacks."""
    width, height = page.get_size()
    if not always and not _is_picture(page, width * height):
        return None
    scale = min(_DOTS_PER_INCH / 72, _MOST_DOTS / max(width, height, 1))
    picture = page.render(scale=scale).to_pil().convert("L")
    darkest, lightest = picture.getextrema()
    return picture if lightest - darkest > 16 else None


def _is_picture(page: Any, area: float) -> bool:
    import pypdfium2.raw as pdfium

    kinds = (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_SHADING)
    bounds = [item.get_bounds() for item in page.get_objects(filter=kinds)]
    filled = sum(max(0.0, right - left) * max(0.0, top - bottom) for left, bottom, right, top in bounds)
    return bool(filled > _FILLED * area)


def _is_garbled(text: str) -> bool:
    return unreadable_share(text) > _GARBLED


_DAMAGE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError, AssertionError, RuntimeError)
"""What pypdf lets through, besides its own errors, where a file's structure is not what it says."""


def _open(data: bytes, name: str) -> Any:
    """The reader, opened with the empty user password where permissions alone are restricted."""
    from pypdf import PasswordType, PdfReader

    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise ConversionError(f"{name} needs a password to open; save a copy without one and import that")
    return reader


def _page_text(page: Any) -> str:
    from pypdf.errors import PyPdfError

    try:
        return clean(spell_out_ligatures(page.extract_text())).strip()
    except (PyPdfError, *_DAMAGE):
        return ""  # named in the warnings like any page without text


def _information(reader: Any) -> tuple[str | None, str | None]:
    """Title and date of creation, where the file has usable ones."""
    from pypdf.errors import PyPdfError

    try:
        info = reader.metadata
        title = clean(str(info.title)).strip() if info and info.title else None
        created = info.creation_date if info else None
    except (PyPdfError, *_DAMAGE):
        return None, None
    return title or None, created.isoformat() if created else None


def _warnings(texts: list[str], *, told: list[int]) -> tuple[str, ...]:
    """Pages that lack text, but for those of which another warning tells the reason."""
    found = []
    empty = [number for number, text in enumerate(texts, start=1) if not text and number not in told]
    garbled = [number for number, text in enumerate(texts, start=1) if _is_garbled(text)]
    if empty:
        found.append(f"no text on {page_list(empty)} of {len(texts)} (scanned or empty)")
    if garbled:
        found.append(f"text on {page_list(garbled)} is partly unreadable (its font lacks a map to letters)")
    return tuple(found)
