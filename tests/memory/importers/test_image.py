"""Pictures with text: photos, screenshots, scans of several pages."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, ImageOps

from bot.bench.made_files import drawn
from memory.importers.convert import convert
from memory.importers.image import read_image
from memory.importers.ocr import Recogniser
from memory.importers.records import ConversionError


def _bytes(picture: Any, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_each_kind_is_told_by_its_content(kind: str) -> None:
    """Whatever the ending says."""
    found = convert(_bytes(drawn(["Gate 15"], size=(400, 200)), kind), "a.dat").documents[0]
    assert (found.format, found.blocks[0].text) == ("image", "Gate 15")


def test_exif_says_which_side_is_up_and_when_it_was_taken() -> None:
    """A phone stores what its sensor saw and how it was held."""
    picture = drawn(["Meter 58213"], size=(600, 200)).rotate(180)
    exif = picture.getexif()
    exif[274], exif[306] = 3, "2024:05:01 09:30:00"
    found = convert(_bytes(picture, "JPEG", exif=exif), "a.jpg").documents[0]
    assert found.blocks[0].text == "Meter 58213"
    assert found.at == "2024-05-01T09:30:00"


def test_a_transparent_picture_is_read_on_white() -> None:
    """Black words on nothing are no black rectangle."""
    ink = ImageOps.invert(drawn(["Clear"], size=(400, 200)).convert("L"))
    picture = Image.new("RGBA", ink.size, "black")
    picture.putalpha(ink)
    assert convert(_bytes(picture, "PNG"), "a.png").documents[0].blocks[0].text == "Clear"


def test_pages_of_a_tiff_are_numbered_and_those_over_the_budget_named() -> None:
    """Nothing is lost without a word."""
    pages = [drawn([text], size=(400, 200)) for text in ("first", "second", "third")]
    data = _bytes(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    found = read_image(data, name="a.tif", title="a", recogniser=Recogniser(pages=2))
    assert [(block.page, block.text) for block in found.blocks] == [(1, "first"), (2, "second")]
    assert found.warnings == ("no time was left to recognise page 3 of 3",)


def test_a_picture_without_text_fails() -> None:
    """No success is reported at zero text."""
    with pytest.raises(ConversionError, match=r"no text was found in a\.png"):
        convert(_bytes(Image.new("RGB", (200, 200), "white"), "PNG"), "a.png")


def test_a_picture_that_claims_to_be_huge_is_refused() -> None:
    """A few kilobytes may unpack to gigabytes of pixels."""
    with pytest.raises(ConversionError, match="at most 120 million"):
        convert(_bytes(Image.new("1", (20_000, 20_000)), "PNG"), "a.png")


@pytest.mark.parametrize("cut", [20, 60, 400])
def test_a_cut_off_picture_is_damaged(cut: int) -> None:
    """One line of reason."""
    data = _bytes(drawn(["x"]), "PNG")[:cut]
    with pytest.raises(ConversionError, match=r"a\.png is a damaged picture"):
        convert(data, "a.png")
