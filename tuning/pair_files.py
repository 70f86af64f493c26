"""Preferences and what became of them as files of a job: everything that went in comes out as it was."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from memory.records import Message
from tuning.pairs import Pair, Preferences, Vote
from tuning.preferring import Accuracy, PreferenceReport, Stage

PREFERENCES = "preferences.jsonl"
"""In a job's folder, until its texts are dropped."""


def write_preferences(path: Path, train: Preferences, test: Preferences) -> None:
    """One line a pair or vote."""
    with path.open("w", encoding="utf-8") as file:
        for part, preferences in (("train", train), ("test", test)):
            for kind, items in (("pair", preferences.pairs), ("vote", preferences.votes)):
                for item in items:
                    row = {"part": part, "what": kind, "item": dataclasses.asdict(item)}
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_preferences(path: Path) -> tuple[Preferences, Preferences]:
    """What was written; none where there is no such file."""
    pairs: dict[str, list[Pair]] = {"train": [], "test": []}
    votes: dict[str, list[Vote]] = {"train": [], "test": []}
    for line in path.read_text(encoding="utf-8").split("\n") if path.is_file() else ():
        row = json.loads(line) if line else None
        if row is None:
            continue
        if row["what"] == "pair":
            pairs[row["part"]].append(Pair(**_frozen(row["item"])))
        else:
            votes[row["part"]].append(Vote(**_frozen(row["item"])))
    train, test = (Preferences(tuple(pairs[part]), tuple(votes[part])) for part in ("train", "test"))
    return train, test


def report_of(values: dict[str, Any]) -> PreferenceReport:
    """A report as JSON holds it."""
    return PreferenceReport(
        tuple(Stage(**stage) for stage in values["stages"]), tuple(Accuracy(**item) for item in values["accuracies"])
    )


def _frozen(item: dict[str, Any]) -> dict[str, Any]:
    prompt = tuple(Message(**message) for message in item["prompt"])
    return item | {"prompt": prompt} | {key: tuple(item[key]) for key in ("own_turns", "turn_ids", "document_ids")}
