"""The converting process: whatever a file does to it, the caller gets a reason and the next file is converted."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bot.bench.made_files import drawn, pdf_of
from memory.config import ImportConfig
from memory.importers.convert import convert
from memory.importers.converter import Converter
from memory.importers.records import ConversionError, UnsupportedFormat
from tests.memory.importers.files import docx, paragraph, pdf, zip_bomb_docx
from tests.memory.importers.files_archives import archive


@pytest.fixture
def converter() -> Iterator[Converter]:
    with Converter(ImportConfig(convert_seconds=20)) as made:
        yield made


def _slow_pdf() -> bytes:
    """A page whose content stream takes pypdf minutes."""
    return pdf(["x) Tj (" * 3_000_000])


def _children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "memory.importers.child" in child.cmdline()]


def test_the_child_gives_what_conversion_gives(converter: Converter) -> None:
    """The pipe changes nothing, in any script."""
    for data, name in (
        (pdf(["one", ""]), "a.pdf"),
        ("# 标题\n\n你好 😀".encode(), "注.md"),
        (docx(paragraph("x")), "b"),
    ):
        assert converter.convert(data, name) == convert(data, name)
    row = json.dumps({"id": "1", "speaker": "A", "text": "t", "user": "u"}).encode()
    assert converter.convert(row, "c.jsonl") == convert(row, "c.jsonl")


def test_refusals_keep_their_kind(converter: Converter) -> None:
    """Unsupported and damaged are told apart across the pipe, and the child lives on."""
    with pytest.raises(UnsupportedFormat, match=r"a\.txt is an MP3 recording"):
        converter.convert(b"ID3\x03", "a.txt")
    first = _children()
    with pytest.raises(ConversionError, match=r"b\.pdf is a damaged PDF"):
        converter.convert(b"%PDF-1.7 nothing", "b.pdf")
    assert _children() == first


def test_one_child_converts_many_files_at_low_priority(converter: Converter) -> None:
    """A file costs no start of Python, and the chat stays responsive."""
    converter.convert(b"x", "a.md")
    (child,) = _children()
    started = time.perf_counter()
    for _ in range(50):
        converter.convert(b"x", "a.md")
    assert time.perf_counter() - started < 5
    assert _children() == [child]
    assert sys.platform == "win32" or child.nice() > psutil.Process().nice()


def test_a_file_that_takes_too_long_is_given_up() -> None:
    """The wall clock ends it; the next file gets a fresh child."""
    with Converter(ImportConfig(convert_seconds=5)) as converter:
        with pytest.raises(ConversionError, match=r"slow\.pdf took longer than 5 s .* \[import\] convert_seconds"):
            converter.convert(_slow_pdf(), "slow.pdf")
        assert converter.convert(b"x", "a.md") == convert(b"x", "a.md")


def test_a_file_that_takes_too_much_memory_is_given_up() -> None:
    """A bomb below the unpacked limit still meets the limit on memory, where the system has one."""
    limited = pytest.raises(ConversionError, match=r"bomb\.docx (needs more than 400 MB|is a damaged|crashed)")
    with Converter(ImportConfig(convert_memory_mb=400, convert_seconds=60)) as converter:
        with limited if sys.platform == "linux" else contextlib.suppress(ConversionError):
            converter.convert(zip_bomb_docx(250), "bomb.docx")
        assert converter.convert(b"x", "a.md").documents[0].title == "a"


def test_a_zip_bomb_ends_in_a_clear_failure(converter: Converter) -> None:
    """A file that unpacks to a thousand times its size is refused before it is unpacked."""
    bomb = zip_bomb_docx(400)
    started = time.perf_counter()
    with pytest.raises(ConversionError, match="at most 300 MB"):
        converter.convert(bomb, "bomb.docx")
    assert time.perf_counter() - started < 10


def test_a_child_that_dies_is_replaced(converter: Converter) -> None:
    """A killed child costs nothing but itself."""
    converter.convert(b"x", "a.md")
    (child,) = _children()
    child.kill()
    child.wait()
    assert converter.convert(b"y", "b.md").documents[0].blocks[0].text == "y"
    assert _children() != [child]


def test_no_child_is_left_behind() -> None:
    """Closing ends the process."""
    with Converter(ImportConfig()) as converter:
        converter.convert(b"x", "a.md")
    assert _children() == []


def test_the_child_sees_no_secret(converter: Converter) -> None:
    """A parser taken over by a file finds no token in its environment."""
    os.environ["TELEGRAM_BOT_TOKEN"] = "123:secret"
    try:
        converter.convert(b"x", "a.md")
        (child,) = _children()
        assert "TELEGRAM_BOT_TOKEN" not in child.environ()
    finally:
        del os.environ["TELEGRAM_BOT_TOKEN"]


def test_a_folder_called_memory_is_not_run(tmp_path: Path) -> None:
    """Python would look for the package where the user happens to stand."""
    trap = tmp_path / "memory" / "importers"
    trap.mkdir(parents=True)
    for file in (trap.parent / "__init__.py", trap / "__init__.py", trap / "child.py"):
        file.write_text("raise SystemExit(9)")
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        with Converter(ImportConfig()) as converter:
            assert converter.convert(b"x", "a.md").documents[0].title == "a"
    finally:
        os.chdir(before)


def test_pages_that_are_recognised_get_their_own_time_and_are_counted() -> None:
    """The models run under the child's limits; what the settings allow is read, the rest named."""
    scan = drawn(["Invoice 41"], size=(600, 800), text_size=40)
    with Converter(ImportConfig(ocr_pages=1)) as converter:
        found = converter.convert(pdf_of([scan, scan]), "scan.pdf")
        assert [(block.page, block.text) for block in found.documents[0].blocks] == [(1, "Invoice 41")]
        assert any("page 2 not recognised" in text for text in found.documents[0].warnings)
        assert converter.convert(b"x", "a.md").documents[0].title == "a"


def _kill_when_busy(child: psutil.Process) -> None:
    """Once it has worked for two seconds more, as it does in a member that takes minutes and before that in none."""
    before = child.cpu_times().user
    while child.cpu_times().user < before + 2:
        time.sleep(0.05)
    child.kill()


def test_a_member_over_which_the_child_dies_costs_itself(converter: Converter) -> None:
    """A library that aborts the process takes no archive with it: the rest is read without the member."""
    converter.convert(b"x", "a.md")
    (child,) = _children()
    killer = threading.Thread(target=_kill_when_busy, args=(child,))
    members = {"n.md": b"note", "slow.pdf": _slow_pdf()}
    killer.start()
    found = converter.convert(archive(members, compression=zipfile.ZIP_STORED), "a.zip")
    killer.join()
    assert [item.part for item in found.documents] == ["n.md"]
    assert found.warnings[1] == "slow.pdf crashed the converter: it is damaged or made to do harm"
    assert _children() != [child]


def test_a_member_that_takes_too_much_memory_costs_itself() -> None:
    """The same for one that needs more than there is."""
    data = archive({"n.md": "note", "bomb.docx": zip_bomb_docx(250)})
    with Converter(ImportConfig(convert_memory_mb=400, convert_seconds=60)) as converter:
        assert converter.convert(data, "a.zip").documents[0].part == "n.md"
