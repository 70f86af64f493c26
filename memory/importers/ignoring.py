"""Which files of a folder its owner wants passed over: .gitignore and .familiarignore at each level, as git reads them.

The file that lies deepest decides, and of its lines the last that matches; below a folder that is passed over nothing
is looked at, so that nothing there can be taken back in. Only files within the folder that was named are read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec
from pathspec.pattern import RegexPattern

IGNORE_FILES = (".gitignore", ".familiarignore")
"""Read in this order, as if they were one file: what the second says holds."""
_LONGEST = 1_000_000
"""Bytes read of one; a longer one is a mistake, and matching would take long."""


@dataclass(frozen=True)
class _Rule:
    line: str
    ignores: bool
    pattern: re.Pattern[str]

    def is_about(self, inner: str) -> bool:
        """Whether it matches this very file, or folder with a slash at its end, and not only a folder around it.

        pathspec's patterns, made for whole paths, match what lies below a folder too, with a group for its slash. A
        walk has asked about that folder before, and later rules may have taken it back in.
        """
        for found in self.pattern.finditer(inner):
            to_end = found.end() == len(inner) and inner.endswith("/")
            if found.lastindex is None and not to_end:  # to the end: `deep/**` is what lies in it, not `deep/`
                return True
            if found.lastindex is not None and found.end(found.lastindex) == len(inner):
                return True
        return False


@dataclass(frozen=True)
class _Level:
    folder: str
    rules: tuple[_Rule, ...]
    """Last first."""


@dataclass(frozen=True)
class Rules:
    """The rules that hold in one folder: its own, then those of the folders around it."""

    levels: tuple[_Level, ...] = ()
    """Deepest first."""

    def within(self, folder: Path) -> Rules:
        """The rules in a folder below: with its own files, where it has any."""
        rules = [rule for name in IGNORE_FILES for line in _lines(folder / name) for rule in _rules(line)]
        return Rules((_Level(str(folder), tuple(reversed(rules))), *self.levels))

    def reason(self, path: str, *, is_folder: bool) -> str | None:
        """Why something is passed over: the rule and where it stands; None where it is taken."""
        for level in self.levels:
            inner = os.path.relpath(path, level.folder).replace(os.sep, "/") + ("/" if is_folder else "")
            rule = next((rule for rule in level.rules if rule.is_about(inner)), None)
            if rule is not None:
                return f"ignored by {rule.line!r} in {level.folder}" if rule.ignores else None
        return None


def _rules(line: str) -> Iterable[_Rule]:
    """The rule of a line; none of a comment, and of what is no pattern, which git passes over too."""
    try:
        patterns = GitIgnoreSpec.from_lines([line], backend="simple").patterns
    except ValueError:
        return
    for item in patterns:
        if isinstance(item, RegexPattern) and item.include is not None and item.regex is not None:
            yield _Rule(line.strip(), item.include, item.regex)


def _lines(path: Path) -> list[str]:
    """The lines of an ignore file; none where there is none or it can't be read."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb") as stream:
            return stream.read(_LONGEST).decode("utf-8-sig", errors="replace").splitlines()
    except OSError:
        return []
