"""Verdicts: right, refused, and what stands in no passage."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bot.eval_answers import Question, figures, judge, read_questions, token_f1
from bot.locales import say
from memory.errors import FamiliarError
from memory.records import Citation, Message, RecalledMemory, Timings, Turn

TURN = Turn(
    id=1,
    user_id=1,
    conversation_id=1,
    user_text="Which code?",
    reply="From your notes:\n- The code is 12. [1]",
    generated="",
    prompt=(Message("system", "s"), Message("user", "[1] a: The code is 12.")),
    citations=(Citation(1, "/a.md", "a.md", "The code is 12.", 1),),
    memories=(RecalledMemory(1, 1.0, "a", "The code is 12."),),
    engine="e",
    model="m",
    adapter=None,
    timings=Timings(total_s=2.0),
    asked_at="2026-01-01",
)


def test_right_answer_with_its_source() -> None:
    """The answer's words are there, and nothing is invented; the frame and the citation numbers don't count."""
    verdict = judge(Question("1", "Which code?", "12"), TURN)
    assert (verdict.correct, verdict.refused, verdict.unsupported, verdict.cited) == (True, False, (), True)


def test_invented_number_is_found() -> None:
    """A number that no passage holds is named, though another one is right."""
    wrong = dataclasses.replace(TURN, reply="The code is 12 or 4711.")
    assert judge(Question("1", "Which code?", "12"), wrong).unsupported == ("4711",)


def test_refusing_is_right_only_where_there_is_no_answer() -> None:
    """The same reply is right for one question and wrong for the other."""
    refused = dataclasses.replace(TURN, reply=say("zh", "nothing_found"), citations=(), memories=())
    assert judge(Question("1", "Which code?", None), refused).correct
    assert not judge(Question("1", "Which code?", "12"), refused).correct


def test_figures_are_shares_of_their_group() -> None:
    """Answerable and unanswerable questions are counted apart."""
    verdicts = [judge(Question("1", "Which code?", "12"), TURN), judge(Question("2", "Which key?", None), TURN)]
    found = figures(verdicts)
    assert (found.questions, found.unanswerable, found.correct, found.refused_unanswerable) == (1, 1, 1.0, 0.0)
    assert (found.replies_with_unsupported, found.cited, found.median_s) == (0, 1.0, 2.0)


def test_token_f1() -> None:
    """Two of three words said, two of two wanted: precision 2/3, recall 1."""
    assert token_f1(["a", "b", "c"], ["a", "b"]) == pytest.approx(0.8)
    assert token_f1(["a"], ["b"]) == 0.0


def test_questions_are_read_and_faults_named(tmp_path: Path) -> None:
    """A line that is no question is named by its number."""
    path = tmp_path / "questions.jsonl"
    path.write_text('{"id": 1, "text": "a?", "answer": 2022}\n\n{"id": 2, "text": "b?"}\n', encoding="utf-8")
    assert read_questions(path) == [Question("1", "a?", "2022"), Question("2", "b?", None)]
    assert read_questions(path, limit=1, answerable=False) == [Question("1", "a?", None)]
    path.write_text('{"id": 1}\n', encoding="utf-8")
    with pytest.raises(FamiliarError, match="line 1"):
        read_questions(path)
