"""PDF text by page. A page without text is named, never passed over: a scan that seems imported is worse than none."""

from __future__ import annotations

import io
import logging
from typing import Any

from memory.importers.cleaning import clean, spell_out_ligatures, unreadable_share
from memory.importers.records import Block, ConversionError, ExtractedDocument

_GARBLED = 0.05
"""Share of meaningless characters from which a page's font is taken to lack a map to Unicode."""


def read_pdf(data: bytes, *, name: str, title: str) -> ExtractedDocument:
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
    blocks = tuple(Block(text, page=number) for number, text in enumerate(texts, start=1) if text)
    if not blocks:
        raise ConversionError(
            f"{name} holds no text: its {len(pages)} pages are pictures or empty. Run it through text recognition first"
        )
    heading, at = _information(reader)
    return ExtractedDocument(title=heading or title, format="pdf", blocks=blocks, warnings=_warnings(texts), at=at)


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


def _warnings(texts: list[str]) -> tuple[str, ...]:
    found = []
    empty = [number for number, text in enumerate(texts, start=1) if not text]
    garbled = [number for number, text in enumerate(texts, start=1) if unreadable_share(text) > _GARBLED]
    if empty:
        found.append(f"no text on {page_list(empty)} of {len(texts)} (scanned or empty)")
    if garbled:
        found.append(f"text on {page_list(garbled)} is partly unreadable (its font lacks a map to letters)")
    return tuple(found)


def page_list(numbers: list[int]) -> str:
    """``page 3`` or ``pages 1-4, 9``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    written = ", ".join("-".join(str(end) for end in run) for run in runs)
    return f"page{'s' if len(numbers) > 1 else ''} {written}"
