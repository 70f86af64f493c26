"""What programs for notes make of names, undone: the words that a person gave.

Notion puts an id of 32 digits after each and writes a second table of each database's view; it and Logseq write
letters as web addresses do, and Logseq has ``___`` for the slash of a page within a page.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePath
from urllib.parse import unquote

from memory.importers.cleaning import clean

_ID = re.compile(r"(?<=\S)[ _-]+[0-9a-f]{32}(?=(?:_all)?(?:\.\w{1,8})?$)(?:_all)?")
_VIEW = re.compile(r"(.+ [0-9a-f]{32})\.csv$")


def is_note(name: str) -> bool:
    """Whether a file is Markdown, as its ending says."""
    return name.lower().endswith((".md", ".markdown"))


def without_ids(path: str) -> str:
    """The path with the ids of its pages taken out: ``Trips 0f3a....md`` is ``Trips.md``."""
    return "/".join(_ID.sub("", part) for part in path.split("/"))


def is_view(path: str, others: Collection[str]) -> bool:
    """Whether it is a table of the rows that a view shows, beside one of all rows."""
    found = _VIEW.match(path)
    return found is not None and f"{found.group(1)}_all.csv" in others


def title_of(name: str) -> str:
    """A file's name without its ending and without what programs add, as the title of what has none."""
    stem = without_ids(PurePath(name).stem).strip() or name
    return unquoted(stem.replace("___", "/")) if name.lower().endswith(".md") else stem


def unquoted(name: str) -> str:
    """``%D0%A0`` as the letter that it stands for, where all such pieces stand for one."""
    if "%" not in name:
        return name
    try:
        return clean(unquote(name, errors="strict"))
    except UnicodeDecodeError:
        return name
