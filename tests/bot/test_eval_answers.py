"""Verdicts and figures over arms: right, refused, invented, supported, each with its interval."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app import App
from bot.cli import main
from bot.config import Settings
from bot.eval_answer_arms import evaluate_answers, materials_of
from bot.eval_answers import Answered, Arm, Question, figures, judge, read_questions, share_interval, token_f1
from bot.eval_support import evaluate_support
from bot.locales import say
from memory.config import SearchConfig
from memory.errors import FamiliarError, UsageError
from tests.embedder import WordEmbedder
from tests.engine import ScriptedEngine
from tuning.job import BaseModel

REPLY = Answered("From your notes:\n- The code is 12. [1]", ("[1] a: The code is 12.",), cited=True, seconds=2.0)
ASKED = Question("1", "Which code?", "12")


def test_right_answer_with_its_source() -> None:
    """The answer is there, and nothing is invented; the frame and the citation numbers don't count."""
    verdict = judge(ASKED, REPLY, "quoting", statements=1, unsupported=0)
    assert (verdict.correct, verdict.refused, verdict.invented, verdict.cited) == (True, False, (), True)


def test_invented_number_is_found() -> None:
    """A number that no passage holds is named, though another one is right."""
    wrong = dataclasses.replace(REPLY, text="The code is 12 or 4711.")
    assert judge(ASKED, wrong, "memory", statements=1, unsupported=1).invented == ("4711",)


def test_refusing_is_right_only_where_there_is_no_answer() -> None:
    """The same reply is right for one question and wrong for the other."""
    refused = Answered(say("zh", "nothing_found"), (), cited=False, seconds=0.0)
    assert judge(dataclasses.replace(ASKED, answer=None), refused, "memory", statements=0, unsupported=0).correct
    assert not judge(ASKED, refused, "memory", statements=0, unsupported=0).correct


def test_figures_are_shares_of_their_group() -> None:
    """Arms, and questions with and without answer, are counted apart."""
    verdicts = [
        judge(ASKED, REPLY, "memory", statements=3, unsupported=1),
        judge(Question("2", "Which key?", None), REPLY, "memory", statements=1, unsupported=1),
        judge(ASKED, dataclasses.replace(REPLY, text="It is 13."), "base", statements=1, unsupported=1),
    ]
    found = figures("memory", verdicts)
    assert (found.questions, found.unanswerable, found.correct.value, found.refused_unanswerable) == (1, 1, 1.0, 0.0)
    assert (found.unsupported.value, found.statements) == (0.5, 4)
    assert (found.replies_with_inventions, found.cited, found.median_s) == (0, 1.0, 2.0)
    assert figures("base", verdicts).correct.value == 0.0
    assert figures("quoting", verdicts).questions == 0


def test_interval_of_a_share() -> None:
    """Around the share, wider for fewer questions, the same every time, and nothing of nothing."""
    few, many = (share_interval([(1, 1), (0, 1)] * count) for count in (5, 50))
    assert few.value == many.value == 0.5
    assert few.low < many.low < 0.5 < many.high < few.high
    assert few == share_interval([(1, 1), (0, 1)] * 5)
    assert share_interval([(0, 0)]).high == share_interval([]).high == 0.0


def test_token_f1() -> None:
    """Two of three words said, two of two wanted: precision 2/3, recall 1."""
    assert token_f1(["a", "b", "c"], ["a", "b"]) == pytest.approx(0.8)
    assert token_f1(["a"], ["b"]) == 0.0


def test_questions_are_read_and_faults_named(tmp_path: Path) -> None:
    """Evenly spread where only some are wanted; a line that is no question is named by its number."""
    path = tmp_path / "questions.jsonl"
    path.write_text('{"id": 1, "text": "a?", "answer": 2022}\n\n{"id": 2, "text": "b?"}\n', encoding="utf-8")
    assert read_questions(path) == [Question("1", "a?", "2022"), Question("2", "b?", None)]
    assert read_questions(path, limit=1, answerable=False) == [Question("1", "a?", None)]
    path.write_text("".join(f'{{"id": {n}, "text": "q{n}?"}}\n' for n in range(9)), encoding="utf-8")
    assert [item.id for item in read_questions(path, limit=3)] == ["0", "4", "8"]
    path.write_text('{"id": 1}\n', encoding="utf-8")
    with pytest.raises(FamiliarError, match="line 1"):
        read_questions(path)


@pytest.fixture
def talk(tmp_path: Path) -> tuple[Path, Path]:
    """A dialogue and a question about it."""
    turns, questions = tmp_path / "talk.turns.jsonl", tmp_path / "talk.questions.jsonl"
    said = [
        ("Tom", "I bought a red kayak yesterday."),
        ("Ann", "Lovely, where will you paddle?"),
        ("Tom", "On the lake."),
    ]
    rows = [
        {"id": f"{n}", "speaker": who, "text": text, "at": f"2026-03-0{n}T10:00:00"}
        for n, (who, text) in enumerate(said, 2)
    ]
    turns.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    questions.write_text(
        json.dumps({"id": "k", "text": "When did Tom buy the red kayak?", "answer": "1 March 2026"}), encoding="utf-8"
    )
    return turns, questions


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """Settings with a trusted scripted model, and words for an embedder, in every home."""
    engine = ScriptedEngine(
        lambda messages: "On 2026-03-01 [1]." if "kayak yesterday" in messages[-1].content else "In 1999."
    )
    monkeypatch.setattr(App, "engine", engine)
    monkeypatch.setattr(App, "embedder", WordEmbedder())
    monkeypatch.setattr(App, "base", BaseModel("scripted", tmp_path, "0" * 64))
    monkeypatch.setattr(App, "trusted", True)
    made = App(tmp_path / "home", Settings(search=SearchConfig(threshold=0.0)))
    yield made
    made.close()


def test_arms_answer_the_same_questions(app: App, talk: tuple[Path, Path]) -> None:
    """Alone the model guesses; with memory it is told what "yesterday" meant; quoting is the passage itself."""
    arms: tuple[Arm, ...] = ("base", "memory", "quoting")
    verdicts = list(evaluate_answers(app, materials_of(talk, limit=None, other=None), arms, results=None, note=print))
    assert [(item.arm, item.correct) for item in verdicts] == [("base", False), ("memory", True), ("quoting", True)]
    assert [(item.statements, item.unsupported) for item in verdicts] == [(1, 1), (1, 0), (2, 0)]
    system = app.engine.requests[0].messages  # type: ignore[attr-defined]
    assert [message.role for message in system] == ["system", "user"]
    assert "notes" not in system[0].content


def test_a_measurement_goes_on_where_it_was(app: App, talk: tuple[Path, Path], tmp_path: Path) -> None:
    """What is kept is not asked again, another question is, and so is everything with other settings."""
    results = tmp_path / "results.jsonl"

    def run(limit: int | None = None) -> int:
        before = len(app.engine.requests)  # type: ignore[attr-defined]
        materials = materials_of(talk, limit=limit, other=None)
        assert list(evaluate_answers(app, materials, ("memory", "base"), results=results, note=lambda _: None))
        return len(app.engine.requests) - before  # type: ignore[attr-defined]

    assert [run(), run()] == [2, 0]
    app.settings = dataclasses.replace(app.settings, chat=dataclasses.replace(app.settings.chat, persona="Other."))
    assert run() == 2


def test_files_come_in_pairs(talk: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Material without questions is refused, by name."""
    with pytest.raises(UsageError, match=r"talk\.turns\.jsonl: no questions"):
        materials_of(talk[:1], limit=None, other=None)
    assert main(["eval", "answers", str(talk[0])]) == 2
    assert "in pairs" in capsys.readouterr().err


def test_the_made_pairs_are_whole() -> None:
    """Both parts hold sentences of both kinds; names and numbers alone find many, and words alone are less lenient."""
    rows = list(evaluate_support(embedder=WordEmbedder(), chat=Settings().chat))
    assert [row.split for row in rows] == ["dev", "held"]
    assert all(min(row.supported, row.unsupported) >= 10 for row in rows)
    assert all(row.marked > row.marked_by_words > 0.3 for row in rows)
