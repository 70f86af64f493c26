"""A small retrieval task made of the committed examples: what a change of numbers in the vectors does to what is found.

Three kinds of questions over the same few hundred passages, English and Chinese: the questions about the notes, whose
passage holds the answer; the title of each page, for all passages of it in both languages; and each passage of a page
itself, for the others of that page.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memory.chunking import chunk_document, embedded_text
from memory.config import ImportConfig
from memory.embedding import Embedder
from memory.importers.converter import Converter

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_CHARACTERS = 160
"""Longest passage: a sentence or two, so that there are some hundreds."""
_FIRST = 10


@dataclass(frozen=True)
class RecallSet:
    """Passages, and for each question the places of those that belong to it."""

    texts: tuple[str, ...]
    asked: tuple[str, ...]
    asked_evidence: tuple[frozenset[int], ...]
    """Of each question that is asked in words."""
    like: tuple[int, ...]
    """Passages that are questions themselves."""
    like_evidence: tuple[frozenset[int], ...]

    @property
    def questions(self) -> int:
        """Of both kinds."""
        return len(self.asked) + len(self.like)

    def recall(self, embedder: Embedder) -> float:
        """Mean over the questions of the evidence among the nearest ten, as a share of what could be there."""
        vectors = embedder.embed_passages(self.texts)
        shares = [
            share(vectors @ embedder.embed_query(text), evidence)
            for text, evidence in zip(self.asked, self.asked_evidence, strict=True)
        ]
        for place, evidence in zip(self.like, self.like_evidence, strict=True):
            scores = vectors @ vectors[place]
            scores[place] = -np.inf
            shares.append(share(scores, evidence))
        return float(np.mean(shares))


def share(scores: NDArray[np.float32], evidence: frozenset[int]) -> float:
    """Of the evidence, or of ten pieces of it, the share that is among the ten best scores."""
    best = np.argsort(-scores, kind="stable")[:_FIRST].tolist()
    return len(evidence.intersection(best)) / min(_FIRST, len(evidence))


def read_recall_set(folder: Path = EXAMPLES, *, count_tokens: Callable[[str], int]) -> RecallSet:
    """Read and cut the examples."""
    files = sorted(path for part in ("notes", "pages/en", "pages/zh") for path in (folder / part).iterdir())
    passages: list[tuple[Path, str, str]] = []
    with Converter(ImportConfig()) as converter:
        for path in files:
            for document in converter.convert(path.read_bytes(), path.name).documents:
                cut = chunk_document(document, max_characters=_CHARACTERS, max_tokens=512, count_tokens=count_tokens)
                passages += [(path, item.text, embedded_text(item, title="")) for item in cut]
    asked, evidence = _about_notes(folder, passages)
    pages = _by_page(passages)
    for name, places in pages.items():
        for language in ("en", "zh"):
            title = (folder / "pages" / language / name).read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
            asked.append(title)
            evidence.append(places)
    like = [(place, places - {place}) for places in pages.values() for place in sorted(places)]
    return RecallSet(
        texts=tuple(text for _, _, text in passages),
        asked=tuple(asked),
        asked_evidence=tuple(evidence),
        like=tuple(place for place, _ in like),
        like_evidence=tuple(others for _, others in like),
    )


def _about_notes(folder: Path, passages: Sequence[tuple[Path, str, str]]) -> tuple[list[str], list[frozenset[int]]]:
    """The questions whose answer stands word for word in a passage of its note, and those passages."""
    asked, evidence = [], []
    for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        places = frozenset(
            place
            for place, (path, text, _) in enumerate(passages)
            if row["answer"] and path.name == row["source"] and row["answer"] in " ".join(text.split())
        )
        if places:
            asked.append(row["text"])
            evidence.append(places)
    return asked, evidence


def _by_page(passages: Sequence[tuple[Path, str, str]]) -> dict[str, frozenset[int]]:
    pages: dict[str, set[int]] = {}
    for place, (path, _, _) in enumerate(passages):
        if path.parent.parent.name == "pages":
            pages.setdefault(path.name, set()).add(place)
    return {name: frozenset(places) for name, places in pages.items()}
