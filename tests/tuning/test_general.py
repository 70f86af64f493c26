"""General examples are the base model's own words, made once, and made again when what they came from changed."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from memory.errors import FamiliarError
from tests.tuning.tiny import CONFIG, PERSONA, tiny_base
from tuning.general import Replayed, ensure_replay, general_examples, read_prompts, replay_file
from tuning.job import Job, read_job, write_job

ANSWERS = [Replayed(f"p{n}", f"r{n}") for n in range(60)]


def test_prompts_are_of_many_kinds_in_both_languages() -> None:
    """At least fifty, none twice."""
    rows = read_prompts()
    assert len({row.prompt for row in rows}) == len(rows) >= 50
    assert len({row.kind for row in rows}) >= 12
    assert min(Counter(row.language for row in rows).values()) >= 20


def test_share_is_of_all_that_is_trained_on() -> None:
    """A fifth of the whole beside forty is ten; none beside nothing; never more than there are; always the same."""
    found = general_examples(ANSWERS, share=0.2, beside=40, seed=1)
    assert len(found) == 10
    assert found == general_examples(ANSWERS, share=0.2, beside=40, seed=1)
    assert found[0].prompt[-1].content.removeprefix("p") == found[0].reply.removeprefix("r")
    assert general_examples(ANSWERS, share=0.2, beside=0, seed=1) == ()
    assert len(general_examples(ANSWERS, share=0.5, beside=1000, seed=1)) == 60
    with pytest.raises(FamiliarError, match=r"general_share is 1\.0"):
        general_examples(ANSWERS, share=1.0, beside=1, seed=1)


def test_job_carries_them(tmp_path: Path) -> None:
    """Beside the user's own, so that counts of these stay right."""
    rows = general_examples(ANSWERS, share=0.2, beside=8, seed=1)
    job = Job("tiny", "/models/tiny", PERSONA, CONFIG, (), (), general=rows)
    write_job(tmp_path / "job", job)
    assert read_job(tmp_path / "job") == job


def test_answers_are_made_once_per_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the model itself in a process of its own; kept beside its folder; a broken or foreign file is made again."""
    base = tiny_base(tmp_path / "tiny")
    made = ensure_replay(base)
    path = replay_file(base.folder)
    assert path.parent == base.folder.parent
    written = path.read_bytes()
    values = json.loads(written)
    assert [row["prompt"] for row in values["replies"]] == [item.prompt for item in made]
    path.write_text("{", encoding="utf-8")
    assert ensure_replay(base) == made
    assert path.read_bytes() == written
    assert ensure_replay(replace(base, sha256="other")) == made
    assert path.read_bytes() != written

    def never(*_: object, **__: object) -> None:
        raise AssertionError("they were there")

    monkeypatch.setattr(subprocess, "run", never)
    assert ensure_replay(replace(base, sha256="other")) == made


def test_a_base_that_cannot_answer_is_named(tmp_path: Path) -> None:
    """The last line of what went wrong is told."""
    base = tiny_base(tmp_path / "tiny")
    (base.folder / "model.safetensors").unlink()
    with pytest.raises(FamiliarError, match="general examples of tiny can't be made"):
        ensure_replay(base)
