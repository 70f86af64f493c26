"""Text as words for full-text search: what is indexed and what is asked are split by the same rules.

Chinese has no spaces: unicode61 takes a whole clause for one word and trigram can't find words of two characters, so
runs of CJK characters become overlapping pairs. Latin words are lower-cased and lightly stemmed, so that "cameras"
finds "camera".
"""

from __future__ import annotations

import re

_WORD = re.compile(r"[0-9A-Za-zÀ-ɏЀ-ӿ]+|[\u3400-\u9fff\uf900-\ufaff]+|[^\W_]+")
_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")


def split_words(text: str) -> list[str]:
    """Stemmed words and character pairs of a text, in order."""
    words: list[str] = []
    for run in _WORD.findall(text):
        words += _pairs(run) if _CJK.match(run) else [stem(run.lower())]
    return words


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]


def stem(word: str) -> str:
    """A light English stemmer (plural, -ing, -ed): what it gets wrong, it gets wrong for index and query alike."""
    for suffix, kept in (("ies", 3), ("ing", 4), ("ed", 3), ("es", 3), ("s", 3)):
        if word.endswith(suffix) and len(word) - len(suffix) >= kept and not word.endswith("ss"):
            return word[: -len(suffix)] + ("y" if suffix == "ies" else "")
    return word


def index_words(text: str, *, speaker: str | None = None, section: str | None = None) -> str:
    """What goes into the full-text index for a passage: its words and those of its speaker and section."""
    return " ".join(split_words(" ".join(part for part in (speaker, section, text) if part)))
