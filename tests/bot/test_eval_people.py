"""Whose replies are measured: those named, else everyone with enough of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.eval_people import Person, people_of, replies_of
from memory.errors import FamiliarError
from tests.bot.test_eval_replies import write_dialogue


def test_everyone_with_enough_replies_or_those_named(tmp_path: Path) -> None:
    """Bo's first line answers nothing; a name counts in every dialogue in which it speaks."""
    long, short = write_dialogue(tmp_path / "long.jsonl"), write_dialogue(tmp_path / "short.jsonl", count=8)
    assert people_of([long, short], None) == [Person(long, "Ann"), Person(long, "Bo")]
    assert people_of([long, short], ["Ann"]) == [Person(long, "Ann")]
    assert people_of([long, short], ["Bo", "Ann"], fewest=5) == [
        Person(path, name) for path in (long, short) for name in ("Ann", "Bo")
    ]
    assert len(replies_of(Person(long, "Bo"), persona="")) == 29
    assert Person(long, "Ann").name == "long, Ann"


def test_unknown_speaker_and_too_few_replies_are_named(tmp_path: Path) -> None:
    """Who speaks in the file is said; a handful of replies can't be split and measured."""
    path = write_dialogue(tmp_path / "d.jsonl", count=8)
    with pytest.raises(FamiliarError, match=r"nobody of that name speaks in d\.jsonl; there are Ann, Bo"):
        people_of([path], ["Zoe"])
    for named in (["Ann"], None):
        with pytest.raises(FamiliarError, match=r"too few pairs: 8; need 20 replies of Ann in d\.jsonl"):
            people_of([path], named)
