"""Dialogue JSONL, one row a line: a bad line is named with its number and costs itself, not the file."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from memory.importers.cleaning import clean
from memory.importers.problems import first_few
from memory.importers.records import ConversionError, ExtractedDocument, Utterance


def read_dialogue(text: str, *, name: str, title: str) -> ExtractedDocument:
    """Rows of ``{"id", "speaker", "text", "at"}`` with optional "user" and "role"; rows without words are left out.

    A row without an id gets its line number. A date that is no ISO 8601 date is left out and named.

    :raises ConversionError: no line is a row
    """
    utterances: list[Utterance] = []
    problems: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = _row(line)
        except ValueError as exc:
            problems.append(f"line {number}: {exc}")
            continue
        if row["at"] and not _is_date(row["at"]):
            problems.append(f'line {number}: "at" is {row["at"][:40]!r}, no ISO 8601 date')
            row["at"] = None
        if row["text"].strip():
            utterances.append(Utterance(**{**row, "id": row["id"] or str(number)}))
    if not utterances:
        what = problems[0] if problems else "all rows are without text"
        raise ConversionError(f"{name} holds no dialogue row that can be read ({what})")
    return ExtractedDocument(
        title=title,
        format="dialogue",
        utterances=tuple(utterances),
        warnings=first_few(problems, what="lines"),
        at=utterances[0].at,
    )


def _row(line: str) -> dict[str, Any]:
    """The fields of an utterance.

    :raises ValueError: the line is no row; the message says why
    """
    try:
        row = json.loads(line)
    except RecursionError as exc:
        raise ValueError("JSON nested too deeply") from exc
    except json.JSONDecodeError as exc:
        raise ValueError(f"no valid JSON ({exc.msg})") from exc
    if not isinstance(row, dict):
        raise ValueError("no JSON object")
    for key in ("speaker", "text"):
        if not isinstance(row.get(key), str):
            raise ValueError(f'"{key}" is {"missing" if key not in row else "no text"}')
    if not row["speaker"].strip():
        raise ValueError('"speaker" is empty')
    optional = {key: None if row.get(key) is None else clean(str(row[key])) for key in ("id", "at", "user", "role")}
    return {"speaker": clean(row["speaker"]).strip(), "text": clean(row["text"]).strip(), **optional}


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
