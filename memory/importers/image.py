"""A picture with text: a screenshot, a photo of a letter, a scan of several pages in one TIFF."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from memory.importers.cleaning import clean
from memory.importers.ocr import MAX_PIXELS, MISSING, OcrMissing, Recogniser
from memory.importers.page_list import page_list
from memory.importers.records import Block, ConversionError, ExtractedDocument, NoText

_TAKEN = 36867
"""EXIF's number for the moment a photo was taken; 306 is when the file was written."""


def read_image(data: bytes, *, name: str, title: str, recogniser: Recogniser) -> ExtractedDocument:
    """One block a page (a TIFF may have several), as recognised.

    :raises NoText: it was read, and shows none
    :raises ConversionError: it is damaged or too large, or the extra ocr is missing
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as exc:
        raise ConversionError(f"{name} is a picture; {MISSING}") from exc
    Image.MAX_IMAGE_PIXELS = None  # Pillow would print a warning and go on; the size is checked before decoding
    try:
        with Image.open(io.BytesIO(data)) as picture:
            at = _taken(picture)
            blocks, warnings = _read(picture, name, recogniser)
    except OcrMissing as exc:
        raise ConversionError(f"{name} is a picture; {exc}") from exc
    except UnidentifiedImageError as exc:
        raise ConversionError(f"{name} is a damaged picture (its header is incomplete)") from exc
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError) as exc:
        raise ConversionError(f"{name} is a damaged picture ({exc})") from exc
    if not blocks:
        reason = "; ".join((f"no text was found in {name}", *warnings))
        raise ConversionError(reason) if warnings else NoText(reason)
    return ExtractedDocument(title=title, format="image", blocks=tuple(blocks), warnings=warnings, at=at)


def _read(picture: Any, name: str, recogniser: Recogniser) -> tuple[list[Block], tuple[str, ...]]:
    blocks, unread, cut = [], [], []
    for number, frame in _frames(picture):
        if frame.size[0] * frame.size[1] > MAX_PIXELS:
            size = f"{frame.size[0]} x {frame.size[1]}"
            raise ConversionError(f"{name} has {size} pixels; at most {MAX_PIXELS // 1_000_000} million are read")
        found = recogniser.read(frame)
        if found is None:
            unread.append(number)
            continue
        cut += [] if found.complete else [number]
        if text := clean(found.text).strip():
            blocks.append(Block(text, page=number if _count(picture) > 1 else None))
    warnings = [f"no time was left to recognise {page_list(unread)} of {_count(picture)}"] if unread else []
    warnings += [f"{page_list(cut)} recognised in part (too much for the time or memory)"] if cut else []
    return blocks, tuple(warnings)


def _count(picture: Any) -> int:
    """Of pages; the frames of an animation show one thing."""
    return int(getattr(picture, "n_frames", 1)) if picture.format == "TIFF" else 1


def _frames(picture: Any) -> Iterator[tuple[int, Any]]:
    for index in range(_count(picture)):
        picture.seek(index)
        yield index + 1, picture


def _taken(picture: Any) -> str | None:
    exif = picture.getexif()
    written = exif.get_ifd(0x8769).get(_TAKEN) or exif.get(306)
    try:
        return datetime.strptime(str(written).strip("\0 "), "%Y:%m:%d %H:%M:%S").isoformat() if written else None
    except ValueError:
        return None
