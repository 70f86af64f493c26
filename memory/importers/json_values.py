"""JSON of any structure as lines that can be read and found: ``path: value``, and a line for each record of a list.

Numbers stay as they are written. Data that no person reads (encoded files) is left out and counted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from memory.importers.cleaning import clean, one_line
from memory.importers.problems import first_few
from memory.importers.records import Block, ConversionError, ExtractedDocument

MAX_DEPTH = 64
"""Levels of nesting; what is written by hand or exported has ten."""
_NAMED = 3
_LONGEST = 700
"""Characters of a record that is written on one line."""
_ENCODED = re.compile(r"(data:[\w/+.-]+;base64,)?(?=\d*[A-Za-z+/=_-])[A-Za-z0-9+/=_-]{500,}")
Scalar = str | bool | None


def read_json(text: str, *, name: str, title: str) -> ExtractedDocument:
    """Blocks by the outermost keys.

    :raises ConversionError: it is no JSON, nested too deeply or holds no value
    """
    try:
        value = _parsed(text)
    except json.JSONDecodeError as exc:
        if exc.msg == "Extra data" and "\n" in text.strip():
            return read_json_lines(text, name=name, title=title)
        raise ConversionError(f"{name} is no valid JSON: {exc.msg} in line {exc.lineno}") from exc
    except RecursionError as exc:
        raise _too_deep(name) from exc
    reader = _Reader(name)
    parts = value.items() if isinstance(value, dict) else [(None, value)]
    loose = [(key, part) for key, part in parts if not isinstance(part, dict | list)]
    blocks = [Block("\n".join(reader.lines(dict(loose), "", 1)))] if loose and isinstance(value, dict) else []
    for key, part in parts:
        if isinstance(part, dict | list) or not isinstance(value, dict):
            lines = "\n".join(reader.lines(part, "", 1))
            blocks.append(Block(lines, section=None if key is None else one_line(key) or None))
    return _document(blocks, reader, title, name)


def read_json_lines(text: str, *, name: str, title: str) -> ExtractedDocument:
    """One JSON value a line; a bad line is named and costs itself.

    :raises ConversionError: no line can be read
    """
    reader = _Reader(name)
    lines: list[str] = []
    problems = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                lines.extend(reader.lines(_parsed(line), "", 2))
            except RecursionError as exc:
                raise _too_deep(name) from exc
            except json.JSONDecodeError as exc:
                problems.append(f"line {number}: no valid JSON ({exc.msg})")
    if not lines and problems:
        raise ConversionError(f"{name} holds no line that can be read ({problems[0]})")
    reader.problems = list(first_few(problems, most=_NAMED, what="lines"))
    return _document([Block("\n".join(lines))], reader, title, name)


def _parsed(text: str) -> Any:
    """The value, its numbers as text: 1e400 and numbers of a million digits are no reason to fail."""
    return json.loads(text.strip(), parse_int=str, parse_float=str, parse_constant=str, strict=False)


def _too_deep(name: str) -> ConversionError:
    return ConversionError(f"{name} is nested too deeply; at most {MAX_DEPTH} levels are read")


def _document(blocks: list[Block], reader: _Reader, title: str, name: str) -> ExtractedDocument:
    kept = tuple(block for block in blocks if block.text.strip())
    if not kept:
        raise ConversionError(f"{name} holds no text")
    left_out = [f"{reader.encoded} encoded value{'s' if reader.encoded > 1 else ''} left out"] if reader.encoded else []
    return ExtractedDocument(title=title, format="json", blocks=kept, warnings=(*reader.problems, *left_out))


class _Reader:
    def __init__(self, name: str) -> None:
        self._name = name
        self._encoded: set[int] = set()
        self.problems: list[str] = []

    @property
    def encoded(self) -> int:
        """How many values were left out; they are counted by identity, as a record may be written twice."""
        return len(self._encoded)

    def lines(self, value: Any, path: str, depth: int) -> Iterator[str]:
        """The lines of a value that stands at a path."""
        if depth > MAX_DEPTH:
            raise _too_deep(self._name)
        if isinstance(value, dict):
            yield from self._record(value, path, depth)
        elif isinstance(value, list):
            yield from self._list(value, path, depth)
        elif text := self._text(value):
            yield f"{path}: {text}" if path else text

    def _record(self, record: dict[str, Any], path: str, depth: int) -> Iterator[str]:
        if depth > 1 and all(map(_is_flat, record.values())):
            pairs = [f"{_key(key)}: {text}" for key, value in record.items() if (text := self._flat(value))]
            if sum(map(len, pairs)) <= _LONGEST:
                yield from [f"{path}: {'; '.join(pairs)}" if path else "; ".join(pairs)] if pairs else []
                return
        for key, value in record.items():
            yield from self.lines(value, f"{path}.{_key(key)}" if path else _key(key), depth + 1)

    def _list(self, items: list[Any], path: str, depth: int) -> Iterator[str]:
        if all(map(_is_scalar, items)) and (text := self._flat(items)) and len(text) <= _LONGEST:
            yield f"{path}: {text}" if path else text
            return
        for number, item in enumerate(items, start=1):
            yield from self.lines(item, f"{path}[{number}]" if path else "", depth + 1)

    def _flat(self, value: Any) -> str:
        texts = map(self._text, value) if isinstance(value, list) else [self._text(value)]
        return ", ".join(filter(None, texts))

    def _text(self, value: Scalar) -> str:
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if _ENCODED.fullmatch(value):
            self._encoded.add(id(value))
            return ""
        return clean(value).strip()


def _key(key: str) -> str:
    return one_line(key)


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _is_flat(value: Any) -> bool:
    return _is_scalar(value) or (isinstance(value, list) and all(map(_is_scalar, value)))
