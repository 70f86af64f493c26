"""Everything about a user as files that people can read and any program can use, and that import to the same memory.

Documents are Markdown files with front matter and their text as it was extracted, their passages lie beside them as
JSON lines of offsets, conversations are JSON lines. Written row by row, so that an export larger than the computer's
memory works. Vectors, indexes and adapters are derived and stay out.
"""

from __future__ import annotations

import json
import re
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

from memory.errors import FamiliarError
from memory.facts.keeping import exported_facts, exported_readings, exported_rules
from memory.places import TABLES, Table
from memory.records import Document, User
from memory.store import Store, utc_now

MARKER = "familiar-export.json"
FORMAT = "familiar-export"
VERSION = 1
_ELSEWHERE = (
    *("users", "documents", "conversations", "turns", "feedback", "chunks", "facts", "standing_rules", "files"),
    *("telegram_messages", "telegram_inbox", "telegram_replies", "telegram_outbox", "timeless_reminders"),
    *("telegram_forwards", "personas"),
)
"""Tables that have their own file here, or say nothing outside this home."""
_PAGE = 200


@dataclass(frozen=True)
class Exported:
    """What was written."""

    documents: int
    turns: int
    feedback: int


def write_export(store: Store, folder: Path, *, user: User) -> Exported:
    """Write a user's documents, conversations, judgements, profile and what else is theirs; the marker comes last.

    :raises FamiliarError: the folder is not empty, or can't be written
    """
    try:
        if folder.exists() and any(folder.iterdir()):
            raise FamiliarError(f"{folder} is not empty; name a new folder")
        for name in ("documents", "passages", "tables"):
            (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        with store.snapshot():
            done = _write(store, folder, user)
        head = {"format": FORMAT, "version": VERSION, "made_at": utc_now(), "user": user.name, **asdict(done)}
        _write_json(folder / MARKER, head)
    except OSError as exc:
        raise FamiliarError(f"{folder} can't be written: {exc}") from exc
    return done


def write_zip(store: Store, file: Path, *, user: User) -> Exported:
    """The same as one zip file, beside which the files lie while they are packed.

    :raises FamiliarError: it can't be written
    """
    try:
        with tempfile.TemporaryDirectory(dir=file.parent) as name:
            folder = Path(name)
            done = write_export(store, folder, user=user)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in sorted(folder.rglob("*")):
                    archive.write(path, path.relative_to(folder).as_posix())
    except OSError as exc:
        raise FamiliarError(f"{file} can't be written: {exc}") from exc
    return done


def _write(store: Store, folder: Path, user: User) -> Exported:
    documents = store.documents(user_id=user.id)
    for document in documents:
        stem = _stem(document)
        text = store.document_text(document.id, user_id=user.id)
        _write_text(folder / "documents" / f"{stem}.md", _front_matter(document) + text)
        _write_lines(folder / "passages" / f"{stem}.jsonl", _passages(store, "document_id", document.id, text))
    turns = _write_lines(folder / "conversations.jsonl", _turns(store, user.id))
    feedback = [dict(row) for row in _rows(store, "feedback", "user_id = ?", user.id)]
    _write_json(folder / "feedback.json", feedback)
    _write_lines(folder / "facts.jsonl", exported_facts(store, user_id=user.id))
    _write_lines(folder / "readings.jsonl", exported_readings(store, user_id=user.id))
    _write_lines(folder / "rules.jsonl", exported_rules(store, user_id=user.id))
    _write_json(folder / "profile.json", {"name": user.name, **asdict(user.profile)})
    for table in exported_tables():
        _write_lines(folder / "tables" / f"{table.name}.jsonl", _rows(store, table.name, table.owner, user.id))
    return Exported(len(documents), turns, len(feedback))


def exported_tables() -> tuple[Table, ...]:
    """Those whose rows are written, and read back, as they are."""
    return tuple(
        table for table in TABLES if table.everything and table.on_text != "derived" and table.name not in _ELSEWHERE
    )


def _stem(document: Document) -> str:
    name = re.sub(r"[^\w-]+", "_", PurePath(document.source).stem).strip("_")[:60]
    return f"{document.id}-{name}" if name else str(document.id)


def _front_matter(document: Document) -> str:
    values = {key: value for key, value in asdict(document).items() if key not in ("user_id", "chunks")}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()]
    return f"---\n{''.join(lines)}---\n"


def _passages(store: Store, column: str, value: int, text: str) -> Iterator[dict[str, Any]]:
    """Chunks in order; a text that stands at its offsets is not written twice."""
    rows = store.rows(f"SELECT * FROM chunks WHERE {column} = ? ORDER BY position", (value,))
    for row in rows:
        passage = {key: row[key] for key in ("id", "start", "end", "page", "section", "speaker", "at")}
        passage["external_ids"] = json.loads(row["external_ids"])
        if text[row["start"] : row["end"]] != row["text"]:
            passage["text"] = row["text"]
        yield passage


def _turns(store: Store, user_id: int) -> Iterator[dict[str, Any]]:
    last = 0
    while rows := store.rows(
        "SELECT t.*, c.channel, c.chat_id, c.started_at FROM turns t JOIN conversations c ON c.id = t.conversation_id"
        " WHERE t.user_id = ? AND t.id > ? ORDER BY t.id LIMIT ?",
        (user_id, last, _PAGE),
    ):
        for row in rows:
            turn = {key: row[key] for key in row.keys() if key != "user_id"}  # noqa: SIM118 - a Row iterates values
            turn |= {key: json.loads(row[key]) for key in ("prompt", "citations", "memories", "timings", "unsupported")}
            yield turn | {"passages": list(_passages(store, "turn_id", row["id"], row["user_text"]))}
            last = row["id"]


def _rows(store: Store, table: str, owner: str, user_id: int) -> Iterator[dict[str, Any]]:
    for row in store.rows(f"SELECT * FROM {table} WHERE {owner}", (user_id,)):
        yield {key: value for key, value in _items(row) if key != "user_id"}


def _items(row: sqlite3.Row) -> Iterator[tuple[str, Any]]:
    return zip(row.keys(), tuple(row), strict=True)


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    return count


def _write_json(path: Path, value: Any) -> None:
    _write_text(path, json.dumps(value, ensure_ascii=False, indent=1))


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:  # line ends stay as they were: offsets count them
        file.write(text)
