"""The lines of a note without what its program added: links become their words, ids, logs and queries go.

Code keeps its brackets: ``[[ -f x ]]`` in a shell script is no link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from memory.importers.note_blocks import block_texts, with_references, without_block_id

_FENCE = re.compile(r"\s*(?:[-*+]\s+)?(`{3,}|~{3,})\s*([\w-]*)")
_MACHINERY = re.compile(
    r"\s*(?:[-*]\s+)?(?:id|collapsed|heading|background-color|card-[\w-]+|file-path|logseq\.[\w.-]+)::.*$"
    r"|\s*CLOCK: \[.*|</?aside>$"
)
_PROPERTY = re.compile(r"(\s*(?:[-*]\s+)?)([A-Za-z][\w./-]*)::(?:\s+(.*)|)$")
_QUERY = re.compile(r"\{\{\{?(?:query|renderer|function|cards)\b.*?\}\}\}?")
_EMBED = re.compile(r"\{\{embed\s+(.*?)\}\}")
_INLINE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)|(!?)\[\[([^\[\]]+)\]\]")
_NOTION_LINK = re.compile(r"\[([^\[\]]*)\]\((?!\w+:)[^()\s]*[0-9a-f]{32}[^()\s]*\)")
_NOTION_SITE = re.compile(r"\[([^\[\]]*)\]\(https?://(?:www\.)?notion\.so/[^()\s]*\)")
_SIZE = re.compile(r"\d+(?:x\d+)?")
_DRAWING = "compressed-json"


def lines_of(body: str) -> Iterator[tuple[str, bool]]:
    """Each line that is the writer's, links resolved, and whether it stands in fenced code."""
    marked = list(_marked(body))
    prose = "\n".join("" if code else line for line, code in marked)
    texts = block_texts(prose) if "id::" in prose or "^" in prose else {}
    in_log = False
    for line, code in marked:
        stripped = line.strip()
        in_log = not code and (in_log or stripped in (":LOGBOOK:", ":PROPERTIES:"))
        if code:
            yield line, True
        elif not in_log and not _MACHINERY.match(line):
            yield _words(line, texts), False
        in_log = in_log and stripped != ":END:"


def _marked(body: str) -> Iterator[tuple[str, bool]]:
    """Lines, and whether each stands in fenced code; the code of a drawing, which no person reads, is left out."""
    fence, left_out = "", False
    for line in body.split("\n"):
        found = _FENCE.match(line)
        if found and not fence:
            fence, left_out = found.group(1), found.group(2) == _DRAWING
            if not left_out:
                yield line, True
        elif found and line.strip()[0] == fence[0] and len(found.group(1)) >= len(fence):
            if not left_out:
                yield line, True
            fence, left_out = "", False
        elif not left_out:
            yield line, bool(fence)


def _words(line: str, texts: dict[str, str]) -> str:
    if "{{" in line:
        line = _QUERY.sub("", _EMBED.sub(r"\1", line))
    line = without_block_id(with_references(line, texts))
    if found := _PROPERTY.match(line):
        line = f"{found.group(1)}{found.group(2)}: {found.group(3) or ''}".rstrip()
    if "](" in line:
        line = _NOTION_SITE.sub(r"\1", _NOTION_LINK.sub(r"\1", line))
    return _INLINE.sub(lambda found: found.group() if found.group(1) else _link_words(found), line)


def _link_words(found: re.Match[str]) -> str:
    page, _, alias = found.group(3).replace("\\|", "|").partition("|")
    if alias.strip() and not (found.group(2) and _SIZE.fullmatch(alias.strip())):
        return alias.strip()
    page, _, heading = page.partition("#")
    return " ".join(part for part in (page.rsplit("/", 1)[-1].strip(), heading.lstrip("^#").strip()) if part)
