"""An export comes back as it was: passages, dates, speakers and conversations are taken as they are written.

Nothing is chunked again; the passages are embedded by whatever embedder this home uses. What is here already (the same
content, the same turn) is left, so that an import that was cut short is finished by running it again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from memory.chunking import embedded_text
from memory.embedding import Embedder
from memory.errors import FamiliarError
from memory.exporting import FORMAT, MARKER, VERSION, exported_tables
from memory.facts.keeping import take_facts, take_readings, take_rules
from memory.logs import is_readable_log
from memory.records import Citation, Message, NewDocument, NewTurn, Passage, Profile, RecalledMemory, Receipt, Timings
from memory.reminders import is_readable
from memory.store import Store
from memory.turns import Said, add_turn, unsupported_of

_AT_ONCE = 256


def is_export(folder: Path) -> bool:
    """Whether a folder was written by `familiar export`."""
    return (folder / MARKER).is_file()


@dataclass
class _Ids:
    """What a document, passage, turn or conversation of the export is called here."""

    documents: dict[int, int] = field(default_factory=dict)
    chunks: dict[int, int] = field(default_factory=dict)
    turns: dict[int, int] = field(default_factory=dict)
    conversations: dict[int, int] = field(default_factory=dict)

    def of(self, column: str) -> Mapping[int, int] | None:
        """The numbers that a column of another table refers to."""
        named = {"document_id": self.documents, "chunk_id": self.chunks, "turn_id": self.turns}
        return self.conversations if column == "conversation_id" else named.get(column)


class ExportReader:
    """Takes one export into a user's memory."""

    def __init__(self, store: Store, embedder: Embedder, folder: Path, *, user_id: int) -> None:
        self._store = store
        self._embedder = embedder
        self._folder = folder
        self._user_id = user_id
        self._ids = _Ids()

    def read(self) -> Iterator[Receipt]:
        """One receipt a file; each document and each turn is whole or not at all.

        :raises FamiliarError: the folder is no export or a newer one, or the store can't be written
        """
        self._check()
        for path in sorted((self._folder / "documents").glob("*.md"), key=_number):
            yield _received(path, lambda path=path: self._document(path))
        for name, take in (
            ("conversations.jsonl", self._conversations),
            ("feedback.json", self._feedback),
            ("profile.json", self._profile),
            ("facts.jsonl", self._facts),
            ("rules.jsonl", self._rules),
            ("readings.jsonl", self._readings),
        ):
            path = self._folder / name
            yield _received(path, lambda path=path, take=take: take(path))
        for path in sorted((self._folder / "tables").glob("*.jsonl")):
            if path.stat().st_size:
                yield _received(path, lambda path=path: self._table(path))

    def _check(self) -> None:
        path = self._folder / MARKER
        try:
            head = json.loads(path.read_text(encoding="utf-8"))
            found, version = head["format"], int(head["version"])
        except (OSError, ValueError, TypeError, KeyError) as exc:
            raise FamiliarError(f"{path} can't be read; name a folder written by `familiar export`") from exc
        if found != FORMAT or version > VERSION:
            raise FamiliarError(f"{path} says {found} {version}, this version reads {FORMAT} up to {VERSION}")

    def _document(self, path: Path) -> Receipt:
        head, text = _split(path)
        rows = list(_lines(self._folder / "passages" / f"{path.stem}.jsonl"))
        known = self._store.document_by(user_id=self._user_id, sha256=head["sha256"])
        if known is not None:
            self._map(rows, "document_id", known.id)
            self._ids.documents[head["id"]] = known.id
            return Receipt(str(path), "duplicate", known.id, known.chunks, "imported before, unchanged")
        new = NewDocument(
            text=text, **{key: head[key] for key in ("source", "title", "format", "sha256", "at", "me", "learn_from")}
        )
        passages = [_passage(row, text) for row in rows]
        vectors = self._embed([embedded_text(passage, title=new.title) for passage in passages])
        with self._store.transaction() as db:
            added = self._store.add_document(new, passages, vectors, user_id=self._user_id, embedder=self._embedder.key)
            db.execute("UPDATE documents SET imported_at = ? WHERE id = ?", (head["imported_at"], added.id))
        self._map(rows, "document_id", added.id)
        self._ids.documents[head["id"]] = added.id
        return Receipt(str(path), "indexed", added.id, added.chunks)

    def _conversations(self, path: Path) -> Receipt:
        added = known = 0
        for row in _lines(path):
            here = self._store.rows(
                "SELECT id FROM turns WHERE user_id = ? AND asked_at = ? AND user_text = ?",
                (self._user_id, row["asked_at"], row["user_text"]),
            )
            if here:
                turn_id, known = here[0]["id"], known + 1
            else:
                turn_id, added = self._turn(row), added + 1
            self._ids.turns[row["id"]] = turn_id
            self._map(row["passages"], "turn_id", turn_id)
        return Receipt(str(path), "indexed" if added or not known else "duplicate", None, added, f"{added} turns")

    def _turn(self, row: dict[str, Any]) -> int:
        passages = tuple(_passage(item, row["user_text"]) for item in row["passages"])
        vectors = self._embed([embedded_text(passage, title="") for passage in passages])
        same = {
            item.name: row[item.name] for item in dataclasses.fields(NewTurn) if item.name in row
        }  # older exports lack some
        same |= {
            "prompt": tuple(Message(**item) for item in row["prompt"]),
            "citations": tuple(
                Citation(**item | {"chunk_id": self._here(item["chunk_id"])}) for item in row["citations"]
            ),
            "memories": tuple(RecalledMemory(**item | {"id": self._here(item["id"])}) for item in row["memories"]),
            "timings": Timings(**row["timings"]),
            "unsupported": unsupported_of(row.get("unsupported", ())),
        }
        with self._store.transaction():
            same["conversation_id"] = self._conversation(row)
            said = Said(passages, vectors, self._embedder.key)
            return add_turn(self._store, NewTurn(**same), user_id=self._user_id, said=said, learn=False).id

    def _here(self, chunk_id: int) -> int:
        """The passage's number here; 0, which no passage has, for one of somebody else's or that was gone."""
        return self._ids.chunks.get(chunk_id, 0)

    def _conversation(self, row: dict[str, Any]) -> int:
        known = self._ids.conversations.get(row["conversation_id"])
        if known is not None:
            return known
        values = (self._user_id, row["channel"], row["chat_id"], row["started_at"])
        with self._store.transaction() as db:
            here = db.execute(
                "SELECT id FROM conversations WHERE user_id = ? AND channel = ? AND chat_id IS ? AND started_at = ?",
                values,
            ).fetchone()
            cursor = db.execute(
                "INSERT INTO conversations (user_id, channel, chat_id, started_at) SELECT ?, ?, ?, ? WHERE ? IS NULL",
                (*values, here and here["id"]),
            )
        self._ids.conversations[row["conversation_id"]] = here["id"] if here else cursor.lastrowid or 0
        return self._ids.conversations[row["conversation_id"]]

    def _feedback(self, path: Path) -> Receipt:
        rows = json.loads(path.read_text(encoding="utf-8"))
        with self._store.transaction() as db:
            for row in rows:
                db.execute(
                    "INSERT OR IGNORE INTO feedback (turn_id, user_id, vote, correction, at) VALUES (?, ?, ?, ?, ?)",
                    (self._ids.turns[row["turn_id"]], self._user_id, row["vote"], row["correction"], row["at"]),
                )
        return Receipt(str(path), "indexed", None, 0, f"{len(rows)} judgements")

    def _profile(self, path: Path) -> Receipt:
        values = json.loads(path.read_text(encoding="utf-8"))
        values.pop("name", None)
        self._store.update_profile(self._user_id, Profile(**values))
        return Receipt(str(path), "indexed")

    def _facts(self, path: Path) -> Receipt:
        new = take_facts(self._store, _lines(path), user_id=self._user_id, chunks=self._ids.chunks)
        return Receipt(str(path), "indexed", None, 0, f"{new} facts")

    def _readings(self, path: Path) -> Receipt:
        if not path.exists():
            return Receipt(str(path), "skipped", reason="the export is from before a model read facts")
        count = take_readings(self._store, _lines(path), chunks=self._ids.chunks)
        return Receipt(str(path), "indexed", None, 0, f"{count} passages read by a model")

    def _rules(self, path: Path) -> Receipt:
        new = take_rules(self._store, _lines(path), user_id=self._user_id, turns=self._ids.turns)
        return Receipt(str(path), "indexed", None, 0, f"{new} standing rules")

    def _table(self, path: Path) -> Receipt:
        """Rows of a table that this version knows, under the numbers that they have here."""
        if path.stem not in {table.name for table in exported_tables()}:
            return Receipt(str(path), "skipped", reason=f"this version keeps nothing called {path.stem}")
        added = lost = 0
        with self._store.transaction() as db:
            known = {row["name"] for row in db.execute(f"PRAGMA table_info({path.stem})")}
            for row in _lines(path):
                row.pop("id", None)  # a row's own number may be another's here
                values = self._renumbered({key: value for key, value in row.items() if key in known})
                unreadable = not _is_readable(path.stem, row)
                if unreadable or any(values[key] is None and row[key] is not None for key in values):
                    lost += 1
                    continue
                if "user_id" in known:
                    values["user_id"] = self._user_id
                names, marks = ", ".join(f'"{key}"' for key in values), ", ".join("?" * len(values))
                cursor = db.execute(
                    f"INSERT OR IGNORE INTO {path.stem} ({names}) VALUES ({marks})", tuple(values.values())
                )
                added += cursor.rowcount
        left_out = f", {lost} left out: what they belong to is not here" if lost else ""
        return Receipt(str(path), "indexed", None, 0, f"{added} rows{left_out}")

    def _renumbered(self, row: dict[str, Any]) -> dict[str, Any]:
        numbered = {
            key: ids.get(value) if (ids := self._ids.of(key)) is not None and value is not None else value
            for key, value in row.items()
        }
        return numbered | {key: self._cited(row[key]) for key in row if key.endswith("_citations")}

    def _cited(self, citations: str) -> str:
        """Citations of an answer that can be chosen, with the passages' numbers here."""
        items = [item | {"chunk_id": self._here(item["chunk_id"])} for item in json.loads(citations)]
        return json.dumps(items, ensure_ascii=False)

    def _map(self, rows: Sequence[dict[str, Any]], column: str, value: int) -> None:
        """Remember what the passages are called here; they are in the same order."""
        ids = self._store.rows(
            f"SELECT id FROM chunks WHERE {column} = ? AND user_id = ? ORDER BY position", (value, self._user_id)
        )
        self._ids.chunks.update({row["id"]: here["id"] for row, here in zip(rows, ids, strict=False)})

    def _embed(self, texts: Sequence[str]) -> Any:
        parts = [self._embedder.embed_passages(texts[at : at + _AT_ONCE]) for at in range(0, len(texts), _AT_ONCE)]
        return np.concatenate(parts) if parts else self._embedder.embed_passages([])


def _is_readable(table: str, row: dict[str, Any]) -> bool:
    """Whether a row can be used by whoever reads its table."""
    if table == "reminders":
        return is_readable(row)
    return is_readable_log(table, row) if table in ("log_entries", "log_goals") else True


def _received(path: Path, take: Any) -> Receipt:
    try:
        receipt: Receipt = take()
    except (OSError, ValueError, KeyError, TypeError) as exc:
        return Receipt(str(path), "failed", reason=f"it is not as `familiar export` wrote it ({exc!r:.200})")
    return receipt


def _split(path: Path) -> tuple[dict[str, Any], str]:
    with path.open(encoding="utf-8", newline="") as file:
        whole = file.read()
    head, mark, text = whole.removeprefix("---\n").partition("\n---\n")
    if not mark:
        raise ValueError("its front matter has no end")
    pairs = (line.partition(": ") for line in head.split("\n"))
    return {key: json.loads(value) for key, _, value in pairs}, text


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        for line in file:
            yield json.loads(line)


def _number(path: Path) -> int:
    return int(path.stem.partition("-")[0])


def _passage(row: dict[str, Any], text: str) -> Passage:
    values = {key: row[key] for key in ("start", "end", "page", "section", "speaker", "at")}
    own = row.get("text", text[row["start"] : row["end"]])
    return Passage(own, **values, external_ids=tuple(row["external_ids"]))
