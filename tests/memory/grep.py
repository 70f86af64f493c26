"""Looking for a text in every byte of a home, in every form in which a program could have kept it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from memory.words import split_words
from tests.embedder import WordEmbedder

TOKENS = 3
"""Fewest token ids in a row that count as the text."""


def contents(home: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file, and of each member of an archive, backups included."""
    for path in sorted(home.rglob("*")):
        if path.is_file():
            yield path.relative_to(home).as_posix(), path.read_bytes()
            yield from _members(path.relative_to(home).as_posix(), path.read_bytes())


def _members(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for member in packed.namelist():
                yield f"{name}/{member}", packed.read(member)


def forms(marker: str) -> dict[str, bytes]:
    """A rare text as bytes: encodings, JSON's escapes and the words by which it is found.

    Its numbers are long: in salted hashes of what was forgotten, four digits stand by chance in every hundredth home.
    """
    assert not [word for word in split_words(marker) if word.isdigit() and len(word) < 8]
    escaped = json.dumps(marker)[1:-1]
    found = {
        "utf-8": marker.encode(),
        "utf-16-le": marker.encode("utf-16-le"),
        "utf-16-be": marker.encode("utf-16-be"),
        "json": escaped.encode(),
        "json twice": json.dumps(escaped)[1:-1].encode(),
    }
    return found | {f"word {word}": word.encode() for word in split_words(marker)}


def vector_forms(texts: Iterable[str]) -> dict[str, bytes]:
    """The vectors of erased passages as the database (float16) and an index (float32) hold them."""
    rows = WordEmbedder().embed_passages(list(texts)).astype(np.float16)
    return {f"float16 {n}": row.tobytes() for n, row in enumerate(rows)} | {
        f"float32 {n}": row.astype(np.float32).tobytes() for n, row in enumerate(rows)
    }


def token_forms(ids: list[int]) -> dict[str, bytes]:
    """A text as a training set could hold it: ids of its tokens, binary of several widths or as JSON."""
    assert len(ids) >= TOKENS
    return {
        **{f"ids {kind}": np.array(ids, kind).tobytes() for kind in ("<u2", "<i4", "<i8")},
        "ids json": json.dumps(ids)[1:-1].encode(),
        "ids compact": json.dumps(ids, separators=(",", ":"))[1:-1].encode(),
    }


def grep(home: Path, wanted: dict[str, bytes]) -> list[str]:
    """Where any of the forms stands, whatever its case: ``file: form``."""
    found = []
    for name, data in contents(home):
        low = data.lower()
        found += [f"{name}: {form}" for form, text in wanted.items() if text in data or text.lower() in low]
    return found
