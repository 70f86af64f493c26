"""Logs that other programs keep: tables as CSV, exports of Apple Health, Takeouts of Google Fit.

A file is read piece by piece, so that hundreds of megabytes cost no more memory than the days that they tell of. What
an entry was made from is its key, so that the same file, or a later export that holds the same, adds only what is new.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bot.locales import say
from bot.logbook.importing.apple import is_apple, read_apple
from bot.logbook.importing.google import is_google, read_google
from bot.logbook.importing.records import Imported
from bot.logbook.importing.tables import read_table
from bot.logbook.kinds import KINDS, plausible
from bot.logbook.wording import joined, kind_words
from bot.reminders.zones import zone_of
from memory.errors import FamiliarError
from memory.logs import NewLogEntry, import_entries
from memory.records import User
from memory.store import Store


@dataclass(frozen=True)
class ImportDone:
    """What became of a file."""

    file: str
    new: int
    known: int
    """Imported before."""
    left: int
    """Records of kinds that are not kept."""
    impossible: int
    """With values that no person can have."""
    kinds: dict[str, int]
    """Entries of each kind in the file, the most first."""

    def record(self) -> dict[str, object]:
        """For scripts."""
        return dict(vars(self))

    def text(self, language: str) -> str:
        """For people."""
        counts = ", ".join(f"{kind_words(kind, language)} {count}" for kind, count in self.kinds.items())
        doubtful = say(language, "log_import_doubtful", n=self.impossible) if self.impossible else ""
        head = say(language, "log_imported", file=self.file, new=self.new, known=self.known, left=self.left)
        return joined([head, say(language, "log_import_kinds", kinds=counts) if counts else "", doubtful])


def import_file(store: Store, path: Path, *, user: User) -> ImportDone:
    """Take the entries of a file into a user's log, all or none.

    :raises FamiliarError: it can't be read, or is none of these
    """
    left: Counter[str] = Counter()
    try:
        found = list(_read(path, user, left))
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError, json.JSONDecodeError, csv.Error) as exc:
        raise FamiliarError(
            f"{path} can't be read: {exc}; name a CSV file, an export of Apple Health (export.xml or"
            " export.zip), or a Takeout of Google Fit"
        ) from exc
    good = [item for item in found if plausible(item.entry) != "impossible"]
    kinds = Counter(item.entry.kind for item in good)
    new = import_entries(store, [_stored(item) for item in good], user_id=user.id)
    return ImportDone(str(path), new, len(good) - new, left.total(), len(found) - len(good), dict(kinds.most_common()))


def _read(path: Path, user: User, left: Counter[str]) -> Iterable[Imported]:
    zone = zone_of(user.profile)
    if is_apple(path):
        return read_apple(path, left=left)
    if is_google(path):
        return read_google(path, zone=zone, left=left)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(read_table(file, name=str(path), zone=zone, left=left))


def _stored(item: Imported) -> NewLogEntry:
    entry = item.entry
    values = (entry.second, entry.unit, entry.note)
    grows = KINDS[entry.kind].per_day == "sum"
    return NewLogEntry(item.key, entry.kind, entry.value, item.at, item.source, *values, grows=grows)
