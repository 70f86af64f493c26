"""Learning over five periods: what is held out is never learned nor read in training, and changes are counted right."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path

import pytest

from bot.app import App
from bot.config import Settings
from bot.eval_continual import (
    PERIODS,
    PeriodScores,
    changes,
    evaluate_continual,
    period_scores,
    periods_of,
    reply_place,
    without_held_out,
    without_replies,
)
from bot.eval_people import Person, replies_of
from bot.reply_scores import Likelihood
from memory.records import Chunk, Hit, Message
from tests.bot.test_eval_replies import serve_tiny
from tests.embedder import WordEmbedder
from tests.tuning.tiny import CONFIG, PERSONA, dialogue_rows, tiny_base
from tuning.dataset import Example


def person_with(path: Path, *, count: int = 60) -> Person:
    rows = dialogue_rows(count).replace("day ", "number ")
    path.write_text(rows, encoding="utf-8")
    return Person(path, "Ann")


def test_held_out_replies_stand_in_no_training_prompt(tmp_path: Path) -> None:
    """The last 20 % of each period are the test; later prompts begin after them, and keep everything else."""
    examples = replies_of(person_with(tmp_path / "d.jsonl"), persona=PERSONA)
    periods = periods_of(examples)
    assert [(len(period.train), len(period.test)) for period in periods] == [(10, 2)] * 5
    held_out = {example.reply for period in periods for example in period.test}
    assert len(held_out) == 10
    for period in periods:
        for example in period.train:
            assert example.prompt[0] == Message("system", PERSONA)
            assert example.prompt[-1].role == "user"
            assert not held_out & {example.reply, *(message.content for message in example.prompt)}
    first = periods[1].train[0]
    assert [message.content for message in first.prompt[1:]] == ["how is number 12?"]
    assert periods[0].train == examples[:10]


def test_held_out_replies_are_not_recalled_in_training() -> None:
    """Memory holds the whole dialogue, so that passages of earlier periods' held-out replies are left out."""
    chunk = Chunk(1, 1, 1, None, 0, "line two", 0, 8, None, None, "Ann", None, (), "d.jsonl", "d")
    hits = [Hit(replace(chunk, id=n, text=text), 1.0) for n, text in enumerate(["line two", "other", "line"])]
    recall = without_held_out(lambda *_: hits, ["line one\nline two"])
    assert [hit.chunk.text for hit in recall("q", "2026")] == ["other"]


def test_cut_prompt_still_knows_its_place() -> None:
    """Windows compare positions: what is cut away moves the beginning."""
    prompt = (Message("system", PERSONA), Message("user", "a"), Message("assistant", "b"), Message("user", "c"))
    example = Example("x", prompt, "d", None, "", "talk", position=6)
    assert reply_place(example) == 9
    cut = without_replies(example, [2, 7, 9, 11])
    assert (cut.prompt, cut.position) == ((prompt[0], prompt[3]), 8)
    assert reply_place(cut) == 9
    assert without_replies(example, [5]) == example


def rows_with(loss: dict[tuple[int, int], float], speaker: str = "Ann") -> list[PeriodScores]:
    return [
        PeriodScores(
            "d.jsonl", speaker, tunes, period, nll, 0, tuple(Likelihood(f"{n}", 10 * nll + n, 10) for n in range(3))
        )
        for (tunes, period), nll in loss.items()
    ]


def table(*, base: float = 3.0, forgets: float = 0.0) -> dict[tuple[int, int], float]:
    """Each tune brings a period to 2; each later one adds ``forgets``."""
    places = [(tunes, period) for tunes in range(1, PERIODS + 1) for period in range(1, tunes + 1)]
    learned = {(tunes, period): 2.0 + forgets * (tunes - period) for tunes, period in places}
    return {(0, period): base for period in range(1, PERIODS + 1)} | learned


def test_change_of_earlier_periods_by_hand() -> None:
    """Mean of what four earlier periods lost since their own tune: 4, 3, 2 and 1 tunes ago."""
    [change] = changes(rows_with(table(forgets=0.1)))
    assert change.kept.value == 0.25
    assert change.gained.value == pytest.approx(-1.0 + 0.2)
    assert (change.fallen, change.pairs) == (10, 10)
    [kept] = changes(rows_with(table()))
    assert (kept.kept.value, kept.kept.low, kept.kept.high, kept.fallen) == (0.0, 0.0, 0.0, 0)


def test_several_people_are_told_together_too() -> None:
    """Each alone and all; somebody whose last tune is missing is left out."""
    rows = [*rows_with(table(forgets=0.1)), *rows_with(table(), "Bo"), *rows_with({(0, 1): 3.0}, "Cy")]
    found = changes(rows)
    assert [change.speaker for change in found] == ["Ann", "Bo", ""]
    assert found[-1].kept.value == 0.125
    assert period_scores(json.loads(json.dumps(asdict(rows[0])))) == rows[0]


def test_five_tunes_of_a_tiny_model_and_resuming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the base each time; what is finished is not done again, and the loss falls."""
    app = App(tmp_path / "home", Settings(tuning=replace(CONFIG, max_tokens=1600)))
    app.__dict__["embedder"] = WordEmbedder()
    serve_tiny(monkeypatch, tiny_base(tmp_path / "base"))
    person, results = person_with(tmp_path / "d.jsonl"), tmp_path / "results.jsonl"
    notes: list[str] = []
    rows = evaluate_continual(app, [person], results=results, note=notes.append)
    first = list(islice(rows, 6))  # and no more: it is stopped after the first tune
    assert [(row.tunes, row.period) for row in first] == [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (1, 1)]
    notes.clear()
    again = list(evaluate_continual(app, [person], results=results, note=notes.append))
    assert again[:6] == first
    assert [note for note in notes if "periods" in note] == [f"d, Ann: after {n} of 5 periods" for n in range(2, 6)]
    assert len(again) == PERIODS + sum(range(1, PERIODS + 1))
    assert [row.learned for row in again if row.period == 1] == [0, 10, 20, 30, 40, 50]
    [change] = changes(again)
    assert change.gained.high < 0
