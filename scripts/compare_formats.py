"""What another program recovers of the files of ``python -m bot.bench.formats FOLDER``, for docs/formats.md.

Runs in that program's own environment, with nothing of this project: ``python scripts/compare_formats.py FOLDER NAME``,
NAME being markitdown, kreuzberg or docling. A fact counts as found where all its words stand on one line; where a
passage says it is from isn't asked, as these programs give one text.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

Read = Callable[[Path], str]


def _markitdown() -> Read:
    from markitdown import MarkItDown

    reader = MarkItDown()
    return lambda path: str(reader.convert(str(path)).text_content)


def _kreuzberg() -> Read:
    from kreuzberg import extract_file

    def read(path: Path) -> str:
        return str(asyncio.run(extract_file(str(path))).content)

    return read


def _docling() -> Read:
    from docling.document_converter import DocumentConverter

    reader = DocumentConverter()
    return lambda path: str(reader.convert(str(path)).document.export_to_markdown())


_PROGRAMS: dict[str, Callable[[], Read]] = {
    "markitdown": _markitdown,
    "kreuzberg": _kreuzberg,
    "docling": _docling,
}


def _row(read: Read, path: Path, wanted: dict[str, list[dict[str, list[str]]]]) -> str:
    started = time.perf_counter()
    try:
        text = read(path)
    except Exception as exc:  # noqa: BLE001 - whatever a program raises on a file is its result for the table
        return f"{path.name:18} failed: {type(exc).__name__}: {str(exc)[:90]!r}"
    milliseconds = 1000 * (time.perf_counter() - started)
    lines = [" ".join(line.replace("**", "").replace("\\", "").split()) for line in text.split("\n")]
    kept = sum(any(all(word in line for word in fact["words"]) for line in lines) for fact in wanted["facts"])
    wrong = [word for word in wanted["absent"] if str(word) in text]
    said = f"; read wrongly: {wrong}" if wrong else ""
    return f"{path.name:18} {kept} of {len(wanted['facts'])} in {milliseconds:.0f} ms{said}"


def main(folder: Path, program: str) -> None:
    """Print a row for each file, the second reading of the first file warming the program up."""
    read = _PROGRAMS[program]()
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    warm = folder / "news.html"
    _row(read, warm, facts["news.html"])
    for name, wanted in facts.items():
        print(_row(read, folder / name, wanted), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
