"""What is recovered of each format: facts planted in a file are looked for in what the converting process gives back.

``python -m bot.bench.formats FOLDER`` writes the files with ``facts.json``, for scripts/compare_formats.py to try other
programs on.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from bot.bench.made_chats import made_chats
from bot.bench.made_collections import made_collections
from bot.bench.made_files import Fact, MadeFile, made_files
from bot.bench.rows import BenchRow
from memory.config import ImportConfig
from memory.errors import FamiliarError
from memory.importers.converter import Converter
from memory.importers.records import Conversion, ConversionError, UnsupportedFormat


def every_made_file() -> list[MadeFile]:
    """A file or more of each format that is imported.

    :raises ImportError: the libraries of the extra test are missing
    """
    return [*made_files(), *made_collections(), *made_chats()]


def bench_formats() -> Iterator[BenchRow]:
    """A row for each file: how many facts were found where they stand; 0 where anything was read that must not be."""
    try:
        files = every_made_file()
    except ImportError as exc:
        raise FamiliarError(f"making the files needs the extra test ({exc})") from exc
    with Converter(ImportConfig()) as converter:
        converter.convert(b"started", "warm.txt")
        for file in files:
            yield _row(converter, file)


def _row(converter: Converter, file: MadeFile) -> BenchRow:
    name = f"{file.name} ({file.quirks})"
    started = time.perf_counter()
    try:
        found = converter.convert(file.data, file.name)
    except (ConversionError, UnsupportedFormat) as exc:
        return BenchRow(name, 0, len(file.facts), f"of {len(file.facts)} facts: {exc}")
    milliseconds = 1000 * (time.perf_counter() - started)
    kept = sum(holds(found, fact) for fact in file.facts)
    wrong = [text for text in file.absent if text in text_of(found)]
    said = f"of {len(file.facts)} facts in {milliseconds:.0f} ms" + (f"; read wrongly: {wrong}" if wrong else "")
    return BenchRow(name, 0 if wrong else kept, len(file.facts), said)


def text_of(found: Conversion) -> str:
    """All text of all documents."""
    return "\n".join(text for _, text in _passages(found))


def holds(found: Conversion, fact: Fact) -> bool:
    """Whether a line has all words of a fact, in a block or an utterance that says where it stands."""
    wanted = re.compile(re.escape(fact.place or "") + r"(?!\d)")
    texts = [text for place, text in _passages(found) if wanted.search(place)]
    lines = [" ".join(line.split()) for text in texts for line in text.split("\n")]
    return any(all(word in line for word in fact.words) for line in lines)


def _passages(found: Conversion) -> Iterator[tuple[str, str]]:
    """Texts, each with its place: part, title, section and page, or speaker and day."""
    for document in found.documents:
        whole = document.part or document.title
        yield from ((f"{whole}; {block.section or ''}; page {block.page}", block.text) for block in document.blocks)
        yield from ((f"{line.speaker}, {(line.at or '')[:10]}", line.text) for line in document.utterances)


def main(arguments: list[str]) -> int:
    """Write the files and their facts into a folder."""
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    facts = {}
    for file in every_made_file():
        (folder / file.name).write_bytes(file.data)
        facts[file.name] = {"facts": [asdict(fact) for fact in file.facts], "absent": file.absent}
    (folder / "facts.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
