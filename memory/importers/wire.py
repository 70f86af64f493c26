"""What a file holds, on its way from the converting process: lines of JSON, none of which holds all of it.

A chat of a million messages crosses without ever standing in memory as one text: the first line has what is known of
the documents, and each that follows some of their blocks or utterances.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from itertools import islice
from typing import Any

from memory.importers.records import Block, Conversion, ExtractedDocument, Utterance

_ROWS = 2000
"""Blocks or utterances a line."""
_LISTS = ("blocks", "utterances")


def pack(conversion: Conversion) -> bytes:
    """The bytes that `unpack` reads; what has no UTF-8 form becomes a question mark."""
    documents = [_facts(item) | {name: len(getattr(item, name)) for name in _LISTS} for item in conversion.documents]
    out = io.BytesIO()
    _write(out, {"documents": documents, "warnings": conversion.warnings})
    for document in conversion.documents:
        for items in (document.blocks, document.utterances):
            for start in range(0, len(items), _ROWS):
                _write(out, _values(items[start : start + _ROWS]))
    return out.getvalue()


def unpack(payload: bytes) -> Conversion:
    """The conversion that was packed.

    :raises ValueError: the bytes are not whole
    """
    stream = io.BytesIO(payload)
    head = json.loads(stream.readline())
    rows = (row for line in stream for row in json.loads(line))
    documents = tuple(_document(facts, rows) for facts in head["documents"])
    return Conversion(documents, tuple(head["warnings"]))


def _facts(document: ExtractedDocument) -> dict[str, Any]:
    return {field.name: getattr(document, field.name) for field in fields(document) if field.name not in _LISTS}


def _values(items: Sequence[Block | Utterance]) -> list[list[str | int | None]]:
    """Each as its values in order, without their names, which would be half of it."""
    names = [field.name for field in fields(items[0])]
    return [[getattr(item, name) for name in names] for item in items]


def _write(out: io.BytesIO, value: object) -> None:
    out.write(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


def _document(facts: dict[str, Any], rows: Iterator[list[Any]]) -> ExtractedDocument:
    blocks, utterances = facts.pop("blocks"), facts.pop("utterances")
    facts["warnings"] = tuple(facts["warnings"])
    return ExtractedDocument(
        **facts,
        blocks=tuple(Block(*row) for row in _taken(rows, blocks)),
        utterances=tuple(Utterance(*row) for row in _taken(rows, utterances)),
    )


def _taken(rows: Iterable[list[Any]], number: int) -> Iterator[list[Any]]:
    taken = 0
    for row in islice(rows, number):
        taken += 1
        yield row
    if taken < number:
        raise ValueError(f"{number - taken} rows are missing")
