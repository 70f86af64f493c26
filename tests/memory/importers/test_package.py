"""Packages of XML under limits, whatever they claim."""

from __future__ import annotations

import pytest
from lxml import etree

from bot.bench.made_files import packed
from memory.importers.convert import convert
from memory.importers.package import open_package, parse_xml, resolve
from memory.importers.records import ConversionError

_LAUGHS = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))


@pytest.mark.parametrize(
    "part", ["word/document.xml", "xl/workbook.xml", "ppt/presentation.xml", "content.xml", "META-INF/container.xml"]
)
def test_a_bomb_is_refused_in_every_format(part: str) -> None:
    """A member that unpacks to hundreds of times its size is refused before it is unpacked."""
    with pytest.raises(ConversionError, match="made to do harm"):
        convert(packed({part: "<a>" + " " * 40_000_000 + "</a>"}), "bomb.bin")


def test_entities_are_not_expanded() -> None:
    """Billion laughs: ten levels of ten references to a word."""
    bomb = f'<!DOCTYPE a [<!ENTITY a "ha">{_LAUGHS}]><a>&j;</a>'
    with pytest.raises(etree.XMLSyntaxError, match="amplification"):
        parse_xml(bomb.encode())


def test_nothing_outside_is_read() -> None:
    """An entity that names a file stays a name."""
    root = parse_xml(b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>')
    assert etree.tostring(root).decode().endswith("<a>&x;</a>")


def test_deep_nesting_is_damage() -> None:
    """A hundred thousand elements inside of each other are a reason, not a crash."""
    deep = "<a>" * 100_000 + "</a>" * 100_000
    with pytest.raises(ConversionError, match="damaged"):
        convert(packed({"content.xml": deep}), "a.odt")


def test_references_never_leave_the_package() -> None:
    """Upwards of the root is the root."""
    assert resolve("ppt/slides/slide1.xml", "../notes/n1.xml") == "ppt/notes/n1.xml"
    assert resolve("a/b.opf", "../../../etc/passwd") == "etc/passwd"
    assert resolve("a/b.xml", "/c/d.xml") == "c/d.xml"


def test_a_cut_off_package_is_named() -> None:
    """Damage found while it is read is the file's."""
    with (
        pytest.raises(ConversionError, match=r"a\.x is a damaged book"),
        open_package(packed({"a": "b"})[:-30], name="a.x", what="book"),
    ):
        pass
