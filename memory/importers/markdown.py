"""Markdown as people's note programs write it (Obsidian, Logseq, Notion, Jekyll): a block a heading's text.

Frontmatter stays as searchable lines before the first block; what of a line is the writer's is told by `note_lines`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from memory.importers.note_lines import lines_of
from memory.importers.records import Block, ExtractedDocument
from memory.importers.sections import Outline

_FRONTMATTER = re.compile(r"\A---[ \t]*\n(.*?\n|)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t]*#*[ \t]*$")
_TITLE = re.compile(r"title: +(\S.*)$")
"""Logseq's property of a page, as `note_lines` writes it."""
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_NO_PARAGRAPH = re.compile(r" {4}|\s*([-*+>|#]|\d+[.)])")


def read_markdown(text: str, *, title: str) -> ExtractedDocument:
    """Blocks by heading, with the frontmatter's lines before the first; ``title`` is used where the note has none."""
    front = _frontmatter(text)
    body = text[front.end :]
    lines = list(lines_of(body))
    blocks = _by_heading(lines)
    if front.lines:
        first = blocks[0] if blocks else Block("")
        blocks[:1] = [Block("\n".join((*front.lines, "", first.text)).rstrip(), section=first.section)]
    heading = next((match.group(2) for line, code in lines if not code and (match := _HEADING.match(line))), None)
    own = next((found.group(1) for line, code in lines[:5] if not code and (found := _TITLE.match(line))), None)
    return ExtractedDocument(
        title=front.title or own or heading or title,
        format="markdown",
        blocks=tuple(blocks),
        warnings=front.warnings,
        at=front.at,
    )


@dataclass(frozen=True)
class _Front:
    end: int = 0
    title: str | None = None
    at: str | None = None
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def _frontmatter(text: str) -> _Front:
    """YAML between ``---`` lines; broken YAML is kept as the lines it is, since notes written by hand hold it."""
    found = _FRONTMATTER.match(text)
    if not found:
        return _Front()
    import yaml

    try:
        values = yaml.safe_load(found.group(1))
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: a date like 2024-13-45
        lines = tuple(line for line in found.group(1).split("\n") if line.strip())
        return _Front(found.end(), lines=lines, warnings=("its frontmatter is no valid YAML and was kept as text",))
    if values is None:
        return _Front(found.end())
    if not isinstance(values, dict):
        return _Front()  # a rule between paragraphs, not frontmatter
    flat = {str(key).lower(): written for key, value in values.items() if (written := _flat(value))}
    written_at = next((flat[key] for key in ("date", "created", "created_at", "updated") if key in flat), None)
    return _Front(
        end=found.end(),
        title=flat.get("title"),
        at=_iso(written_at),
        lines=tuple(f"{key}: {value}" for key, value in flat.items()),
    )


def _flat(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_flat(item) for item in value if not isinstance(item, dict | list))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return "" if value is None or isinstance(value, dict) else " ".join(str(value).split())


def _iso(text: str | None) -> str | None:
    try:
        return text if text and datetime.fromisoformat(text) else None
    except ValueError:
        return None


def _by_heading(lines: list[tuple[str, bool]]) -> list[Block]:
    """Blocks that start with their heading; a heading without text of its own goes with the block after it."""
    outline = Outline()
    blocks: list[Block] = []
    held: list[str] = []
    has_text = False

    def close() -> None:
        nonlocal has_text
        if has_text:
            blocks.append(Block("\n".join(held).strip("\n"), section=outline.path))
            held.clear()
        has_text = False

    for position, (line, code) in enumerate(lines):
        heading = None if code else _heading(lines, position)
        if heading:
            close()
            outline.enter(*heading)
        held.append(line)
        has_text = has_text or bool(not heading and line.strip() and not _is_underline(lines, position))
    has_text = has_text or any(line.strip() for line in held)
    close()
    return blocks


def _heading(lines: list[tuple[str, bool]], position: int) -> tuple[int, str] | None:
    line = lines[position][0]
    found = _HEADING.match(line)
    if found:
        return len(found.group(1)), found.group(2)
    if position + 1 < len(lines) and _is_underline(lines, position + 1):
        return (1 if "=" in lines[position + 1][0] else 2), line.strip()
    return None


def _is_underline(lines: list[tuple[str, bool]], position: int) -> bool:
    """A setext heading's second line: under one line of words that is neither list, quote, table nor heading."""
    line, code = lines[position]
    if code or not _UNDERLINE.match(line) or len(line.strip()) < 2 or position == 0:
        return False
    above = lines[position - 1][0]
    alone = position < 2 or not lines[position - 2][0].strip()
    return alone and bool(above.strip()) and not _NO_PARAGRAPH.match(above)
