"""Measurements that take minutes each are kept as they are made, so that a run that was stopped goes on where it was.

A file of JSON lines, one for each finished piece of work with all its rows: a piece is there whole or not at all. What
it is known by (`key_of`) holds everything that its figures depend on, so that other settings are measured anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, TypeVar

from bot.app import App
from bot.prompts import system_prompt
from memory.digest import sha256_of
from memory.errors import FamiliarError
from memory.records import Profile
from tuning.precision import dtype_here

Row = TypeVar("Row")


class Results(Generic[Row]):
    """The finished pieces of one kind of measurement.

    :param path: None: nothing is kept
    :param read: makes a row of its JSON object
    """

    def __init__(self, path: Path | None, read: Callable[[Mapping[str, Any]], Row]) -> None:
        self._path = path
        self._read = read

    def finished(self, key: str) -> tuple[Row, ...] | None:
        """The rows of a piece; None where it is not finished.

        :raises FamiliarError: the file can't be read, or is something else
        """
        for piece in reversed(self._pieces()):
            if piece.get("key") == key:
                try:
                    return tuple(self._read(row) for row in piece["rows"])
                except (KeyError, TypeError) as exc:
                    raise FamiliarError(f"{self._path} holds rows of another version ({exc}); name a new file") from exc
        return None

    def piece(self, key: str, make: Callable[[], Sequence[Row]], part: str) -> tuple[Row, ...]:
        """The rows of a part of a piece: as they were kept, else made now and kept.

        :raises FamiliarError: as `finished` and `add` do
        """
        name = f"{key} {part}"
        rows = self.finished(name)
        if rows is None:
            rows = tuple(make())
            self.add(name, rows)
        return rows

    def add(self, key: str, rows: Sequence[Row]) -> None:
        """Keep a finished piece, on disk when this returns.

        :raises FamiliarError: the file can't be written
        """
        if self._path is None:
            return
        values = {"key": key, "rows": [asdict(row) for row in rows]}  # type: ignore[call-overload]
        lines = [json.dumps(piece, ensure_ascii=False) + "\n" for piece in [*self._pieces(), values]]
        fresh = self._path.with_name(self._path.name + ".new")
        try:
            with fresh.open("w", encoding="utf-8") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as exc:
            raise FamiliarError(f"--results {self._path} can't be written: {exc.strerror}") from exc

    def folder(self, key: str) -> Path | None:
        """Where what belongs to a piece may lie until it is finished, and after; None where nothing is kept.

        :raises FamiliarError: its parent can't be made
        """
        if self._path is None:
            return None
        folder = self._path.with_name(self._path.name + ".adapters")
        try:
            folder.mkdir(exist_ok=True, mode=0o700)
        except OSError as exc:
            raise FamiliarError(f"--results {self._path}: {folder} can't be made: {exc.strerror}") from exc
        return folder / key[:16]

    def _pieces(self) -> list[dict[str, Any]]:
        if self._path is None or not self._path.exists():
            return []
        try:
            pieces = [json.loads(line) for line in self._path.read_text(encoding="utf-8").splitlines()]
        except (OSError, ValueError) as exc:
            raise FamiliarError(f"--results {self._path} is no file of results: {exc}; name a new file") from exc
        if not all(isinstance(piece, dict) and {"key", "rows"} <= piece.keys() for piece in pieces):
            raise FamiliarError(f"--results {self._path} is no file of results: a line lacks key or rows")
        return pieces


def key_of(app: App, dialogue: Path, speaker: str, *what: object) -> str:
    """Identity of a piece of work: dialogue, speaker, ``what`` is measured, and every setting that bears on it.

    :raises FamiliarError: the dialogue can't be read
    """
    return base_key(app, dialogue, speaker, *what, "tuned", asdict(app.settings.tuning))


def base_key(app: App, dialogue: Path, speaker: str, *what: object) -> str:
    """The same of a piece that no adapter has a part in: other recipes leave it as it is.

    :raises FamiliarError: the dialogue can't be read
    """
    settings = app.settings
    try:
        dialogue_sha256 = sha256_of(dialogue)
    except OSError as exc:
        raise FamiliarError(f"{dialogue} can't be read: {exc.strerror}") from exc
    values = [
        dialogue_sha256,
        speaker,
        app.base.sha256,
        app.embedder.key,
        system_prompt(settings.chat.persona, Profile()),
        (settings.tuning.max_tokens, settings.tuning.max_prompt_tokens, dtype_here(settings.tuning.dtype)),
        asdict(settings.search),
        app.trusted,
        *what,
    ]
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()
