"""Text in pictures, read within a budget: what was recognised before it is spent is kept, and what is left is named.

The models (PP-OCRv6, Chinese, English and other languages in Latin letters) come inside of the package's wheel, so
nothing is downloaded. One thread: the converting process is of low priority, and its limit on processor time counts
the time of all threads.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from memory.errors import FamiliarError

MISSING = "reading text in pictures needs the extra ocr: pip install 'familiar-assistant[ocr]'"
MAX_PIXELS = 120_000_000
"""Of a picture; phones take 50 million, and a picture of a few kilobytes may claim to be far larger."""
_MAX_SIDE = 4000
_MARGIN = 60
"""Pixels of background that are left around what is drawn."""
_SURE = 0.5
"""Least confidence of a line (0..1)."""
_PROSE = 10
"""Width over height of a line from which it is taken for prose; a row of a table has shorter pieces."""


class OcrMissing(FamiliarError):
    """The packages that read text in pictures aren't installed; the message names the extra."""


@dataclass(frozen=True)
class Recognised:
    """What a picture says."""

    text: str
    complete: bool = True
    """False: the time for it ran out before its last line."""


@dataclass(frozen=True)
class Line:
    """A recognised line; pixels from the picture's upper left corner."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


class Recogniser:
    """Reads pictures until the budget of one file is spent.

    :param pages: most pictures or pages that are read
    :param seconds: for all of them; :param page_seconds: for each
    :param page_begins: called before each, so that whoever watches the clock knows that work goes on
    """

    def __init__(
        self,
        *,
        pages: int = 100,
        seconds: float = 600.0,
        page_seconds: float = 45.0,
        page_begins: Callable[[], None] = lambda: None,
    ) -> None:
        self._pages = pages
        self._seconds = seconds
        self._page_seconds = page_seconds
        self._page_begins = page_begins
        self._watched_since = time.monotonic()

    def time_left(self) -> float:
        """Seconds until whoever watches the clock may lose patience: a page's time from the last sign of life."""
        return self._page_seconds - (time.monotonic() - self._watched_since)

    def read(self, picture: Any) -> Recognised | None:
        """The text of a PIL image; None where the budget is spent.

        :raises OcrMissing: the extra isn't installed
        """
        if self._pages < 1 or self._seconds <= 0:
            return None
        engine = _engine()
        self._page_begins()
        self._watched_since = time.monotonic()
        self._pages -= 1
        started = time.monotonic()
        try:
            lines, complete = _lines(engine, picture, started + min(self._page_seconds, self._seconds))
        except MemoryError:
            lines, complete = [], False  # what was read of other pages is worth more than an end with nothing
        self._seconds -= time.monotonic() - started
        return Recognised("\n".join(in_reading_order(lines)), complete)


@functools.cache  # loading takes as long as reading a small picture, and a folder of photos is read by one process
def _engine() -> Any:
    try:
        import onnxruntime  # noqa: F401 - rapidocr imports it when it first reads, where its absence has no clear error
        from rapidocr import RapidOCR
    except ImportError as exc:
        raise OcrMissing(MISSING) from exc
    threads = "EngineConfig.onnxruntime.{}_op_num_threads"
    return RapidOCR(params={threads.format("intra"): 1, threads.format("inter"): 1, "Global.log_level": "critical"})


def _lines(engine: Any, picture: Any, deadline: float) -> tuple[list[Line], bool]:
    import numpy as np
    from rapidocr.utils.process_img import get_rotate_crop_image

    pixels = np.asarray(prepared(picture))[:, :, ::-1]  # the models were trained on OpenCV's order of colours
    found = engine(pixels, use_det=True, use_cls=False, use_rec=False)
    boxes = [] if found.boxes is None else list(found.boxes)
    lines: list[Line] = []
    for box in boxes:
        if time.monotonic() > deadline:
            return lines, False
        crop = get_rotate_crop_image(pixels, np.asarray(box, np.float32))
        read = engine(crop, use_det=False, use_cls=True, use_rec=True)
        if read.txts and read.txts[0].strip() and read.scores[0] >= _SURE:
            xs, ys = [float(point[0]) for point in box], [float(point[1]) for point in box]
            lines.append(Line(read.txts[0].strip(), min(xs), min(ys), max(xs), max(ys)))
    return lines, True


def prepared(picture: Any) -> Any:
    """Upright as its EXIF data says, on white where it is transparent, in 8-bit RGB, at most 4,000 pixels a side."""
    from PIL import Image, ImageOps

    picture.draft("RGB", (_MAX_SIDE, _MAX_SIDE))  # a JPEG is decoded at half or a quarter of its size at once
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):
        picture = picture.convert("I").point(lambda value: value / 256).convert("L")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    picture = picture.convert("RGB")
    picture.thumbnail((_MAX_SIDE, _MAX_SIDE))
    return without_margins(picture)


def without_margins(picture: Any) -> Any:
    """The part of a picture that differs from its background: one line on a large empty page is not found else."""
    from PIL import ImageChops, ImageStat

    grey = picture.convert("L")
    background = ImageStat.Stat(grey).median[0]
    differing = ImageChops.difference(grey, grey.point(lambda _: background)).point(lambda value: 255 * (value > 48))
    box = differing.getbbox()
    if box is None:
        return picture
    left, top, right, bottom = box
    return picture.crop(
        (
            max(0, left - _MARGIN),
            max(0, top - _MARGIN),
            min(picture.width, right + _MARGIN),
            min(picture.height, bottom + _MARGIN),
        )
    )


def in_reading_order(lines: list[Line]) -> list[str]:
    """Lines from top to bottom, columns of prose one after the other, pieces of one row side by side."""
    gutter = _gutter(lines)
    if gutter is not None:
        above = [line for line in lines if line.left < gutter < line.right]
        first = min((line.top for line in lines if line not in above), default=0.0)
        head = [line for line in above if line.top <= first]
        foot = [line for line in above if line not in head]
        left = [line for line in lines if line.right <= gutter]
        right = [line for line in lines if line.left >= gutter]
        return [text for part in (head, left, right, foot) for text in _rows(part)]
    return _rows(lines)


def _gutter(lines: list[Line]) -> float | None:
    """Where two columns of prose part: at least three lines, most of them long, end before it and begin after it."""
    for edge in sorted({line.left for line in lines}):
        left = [line for line in lines if line.right <= edge]
        right = [line for line in lines if line.left >= edge - 1]
        across = len(lines) - len(left) - len(right)
        if len(left) >= 3 and len(right) >= 3 and across <= len(lines) / 5 and _is_prose(left) and _is_prose(right):
            return edge - 1
    return None


def _is_prose(lines: list[Line]) -> bool:
    return sum(line.right - line.left > _PROSE * (line.bottom - line.top) for line in lines) > len(lines) / 2


def _rows(lines: list[Line]) -> list[str]:
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.top + line.bottom):
        last = rows[-1][0] if rows else None
        middle = (line.top + line.bottom) / 2
        if last is not None and last.top < middle < last.bottom:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [" ".join(line.text for line in sorted(row, key=lambda line: line.left)) for row in rows]
