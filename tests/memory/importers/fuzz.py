"""Thousands of damaged files of every format through the real import, into a home that holds something already.

``python -m tests.memory.importers.fuzz HOME FIRST NUMBER`` prints what became of files FIRST to FIRST + NUMBER; the
same HOME may be given again for the files after those.
"""

from __future__ import annotations

import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.bench.formats import every_made_file
from memory.config import ImportConfig, SearchConfig
from memory.index import Indexes
from memory.ingest import Ingestor
from memory.records import Receipt
from memory.search import Searcher
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.memory.importers.mutations import mutated

CONFIG = ImportConfig(convert_seconds=20, ocr_pages=1, ocr_seconds=20)
EARLIER = "The harbour master Eskil Brandvold keeps the lantern oil in the northern shed."
_AT_ONCE = 250
"""Files an import; each import starts a converting process."""
_SLOW = (".png", ".jpg", "mixed.pdf")
"""Recognising text takes a hundred times as long as reading most files."""
_UNFORESEEN = re.compile(r"\((\w+(?:Error|Exception|Exit|Interrupt)): ")


@dataclass
class Outcome:
    """What became of the files."""

    files: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    crashed: list[str] = field(default_factory=list)
    """Names of files over which the converting process died."""
    late: list[str] = field(default_factory=list)
    """Names of files that took longer than the limit."""
    unforeseen: dict[str, str] = field(default_factory=dict)
    """Reasons that name an exception that no reader raises on purpose, by file."""
    longest_wait: float = 0.0
    """Seconds between two receipts."""
    mutations: Counter[str] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)


def fuzz(home: Path, number: int, *, first: int = 0, slow_share: float = 0.04) -> Outcome:
    """Import so many mutated files into a home that holds one document.

    :param first: which of the endless row of mutated files, all of which are always the same
    :param slow_share: of all files, those that are pictures
    """
    made = {file.name: file.data for file in every_made_file()}
    slow = {name: data for name, data in made.items() if name.endswith(_SLOW)}
    quick = {name: data for name, data in made.items() if name not in slow}
    outcome = Outcome()
    store = Store(home / "familiar.db")
    ingestor = Ingestor(store, WordEmbedder(), CONFIG)
    user = (store.owner() or store.add_user("ada", role="owner")).id
    if not store.documents(user_id=user):
        ingestor.import_bytes("earlier.md", EARLIER.encode(), user_id=user)
    for start in range(first, first + number, _AT_ONCE):
        with tempfile.TemporaryDirectory() as folder:
            for place in range(start, min(first + number, start + _AT_ONCE)):
                dice = random.Random(f"file {place}")
                _write(Path(folder), place, slow if dice.random() < slow_share else quick, dice, outcome)
            _import(ingestor, Path(folder), user, outcome)
    store.close()
    return outcome


def _write(folder: Path, place: int, files: Mapping[str, bytes], dice: random.Random, outcome: Outcome) -> None:
    name, done, data = mutated(files, dice)
    path = Path(name)
    outcome.formats[path.suffix] += 1
    outcome.mutations.update(done.split("+"))
    (folder / f"{place:05} {done} {path.stem}{path.suffix}").write_bytes(data)


def _import(ingestor: Ingestor, folder: Path, user: int, outcome: Outcome) -> None:
    expected = sorted(str(path) for path in folder.iterdir())
    receipts: list[Receipt] = []
    before = time.monotonic()
    for receipt in ingestor.import_paths([folder], user_id=user):
        now = time.monotonic()
        outcome.longest_wait = max(outcome.longest_wait, now - before)
        before = now
        receipts.append(receipt)
    assert [receipt.path for receipt in receipts] == expected
    for receipt in receipts:
        _note(receipt, outcome)


def _note(receipt: Receipt, outcome: Outcome) -> None:
    name, reason = Path(receipt.path).name, receipt.reason or ""
    outcome.files += 1
    outcome.statuses[receipt.status] += 1
    outcome.crashed += [name] if "crashed the converter" in reason else []
    outcome.late += [name] if "took longer than" in reason else []
    if _UNFORESEEN.search(reason):
        outcome.unforeseen[name] = reason


def earlier_is_found(home: Path) -> bool:
    """Whether a search still finds the document that was there first, and all stored text is whole."""
    store = Store(home / "familiar.db")
    indexes = Indexes(home / "index", store, embedder_key=WordEmbedder().key, dimensions=WordEmbedder().dimensions)
    searcher = Searcher(store, indexes, WordEmbedder(), SearchConfig())
    hits = searcher.search("Where does harbour master Eskil Brandvold keep the lantern oil?", user_id=1).hits
    sound = [row[0] for row in store.rows("PRAGMA integrity_check")] == ["ok"]
    broken = store.rows(
        "SELECT c.id FROM chunks c JOIN documents d ON d.id = c.document_id"
        " WHERE substr(d.text, c.start + 1, c.end - c.start) <> c.text LIMIT 5"
    )
    store.close()
    return sound and not broken and any(hit.chunk.text == EARLIER for hit in hits)


def main(arguments: list[str]) -> int:
    """Print counts, then each reason that nobody foresaw."""
    started = time.monotonic()
    home = Path(arguments[0])
    outcome = fuzz(home, int(arguments[2]), first=int(arguments[1]))
    found = earlier_is_found(home)
    print(f"{outcome.files} files in {time.monotonic() - started:.0f} s: {dict(outcome.statuses)}")
    print(f"earlier document found: {found}; longest wait for a receipt {outcome.longest_wait:.1f} s")
    print(f"converter died over {len(outcome.crashed)}: {outcome.crashed[:10]}")
    print(f"given up at the limit {len(outcome.late)}: {outcome.late[:10]}")
    print(f"mutations {dict(outcome.mutations)}\nformats {dict(outcome.formats)}")
    print(f"reasons that nobody foresaw {len(outcome.unforeseen)}")
    for name, reason in outcome.unforeseen.items():
        print(f"  {name}: {reason[:200]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
