"""The table that shows whether the bot adapts sees nothing that lies in the future."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bot.app import App
from bot.config import Settings
from bot.eval_arms import Arm, ArmRun, WrittenReply, arm_run, build_cases, spread
from bot.eval_people import Person
from bot.eval_replies import HELD_OUT, ArmScores, evaluate_people, rows_of, split_replies, verdict
from bot.reply_scores import Likelihood
from memory.config import SearchConfig
from memory.errors import FamiliarError
from memory.evaluation import NOBODY, remember
from memory.index import Indexes
from memory.records import Chunk, Hit, Message
from memory.search import Searcher
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.tuning.tiny import CONFIG, PERSONA, tiny_base
from tests.tuning.tokenizers import TWO_ENDS, tokenizer
from tuning.config import TuneConfig
from tuning.dataset import Example
from tuning.job import BaseModel
from tuning.windows import Windowing

WINDOWING = Windowing(tokenizer(TWO_ENDS), max_tokens=100_000, max_prompt_tokens=120)
SECRET = "the harbour tour starts at seven by the red lighthouse"


def write_dialogue(path: Path, *, count: int = 30) -> Path:
    rows = []
    for number in range(count):
        day = f"2026-01-{1 + number:02d}"
        question = "when does the harbour tour start?" if number >= count - 3 else f"what about day {number}?"
        answer = SECRET if number >= count - 2 else f"day {number} is fine"
        rows.append({"id": f"q{number}", "speaker": "Bo", "text": question, "at": f"{day}T10:00:00"})
        rows.append({"id": f"a{number}", "speaker": "Ann", "text": answer, "at": f"{day}T10:05:00"})
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_first_part_trains_and_the_rest_is_the_test(tmp_path: Path) -> None:
    """80 % of the replies in order of time, and nothing of the test in a training prompt."""
    train, test = split_replies(Person(write_dialogue(tmp_path / "d.jsonl"), "Ann"), persona=PERSONA)
    assert (len(train), len(test)) == (24, 6)
    assert len(test) == HELD_OUT * 30
    assert max(str(item.at) for item in train) < min(str(item.at) for item in test)
    texts = {message.content for item in train for message in item.prompt} | {item.reply for item in train}
    assert not texts & {item.reply for item in test}


def test_memory_never_holds_the_reply_that_is_predicted_nor_a_later_one(tmp_path: Path) -> None:
    """The future reply is planted where search would find it first: before its time it is not used, after it is."""
    path = write_dialogue(tmp_path / "d.jsonl")
    _, test = split_replies(Person(path, "Ann"), persona=PERSONA)
    embedder, store = WordEmbedder(), Store(tmp_path / "familiar.db")
    user_id = remember(path, store=store, embedder=embedder)[NOBODY]
    indexes = Indexes(tmp_path / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
    searcher = Searcher(store, indexes, embedder, SearchConfig(k=8))

    def recall(message: str, before: str) -> tuple[Hit, ...]:
        hits = searcher.search(message, user_id=user_id, before=before).hits
        assert hits
        assert all((hit.chunk.at or "9999") < before for hit in hits)
        return hits

    cases = build_cases(test, recall=recall, windowing=WINDOWING, passages=8)
    store.close()
    first, second, third = cases[-3:]
    assert SECRET not in first.with_memory[-1].content, "asked before anyone had said it"
    assert SECRET not in second.with_memory[-1].content, "it is the very reply that is predicted"
    everything = "\n".join(message.content for message in third.with_memory)
    assert SECRET in everything, "once said, it may be used"
    for case in cases:
        assert case.example.reply == SECRET or case.example.reply not in case.with_memory[-1].content


def test_all_arms_see_the_same_last_messages(tmp_path: Path) -> None:
    """Memory changes the newest message only, by notes put before it."""
    _, test = split_replies(Person(write_dialogue(tmp_path / "d.jsonl"), "Ann"), persona=PERSONA)
    cases = build_cases(test, recall=lambda *_: (), windowing=WINDOWING, passages=8)
    assert [case.with_memory for case in cases] == [case.without for case in cases]
    assert all(case.passages == 0 for case in cases)


def test_most_passages_are_those_of_a_turn(tmp_path: Path) -> None:
    """Of what is found the first ones are given, what stands in the prompt not counted."""
    _, test = split_replies(Person(write_dialogue(tmp_path / "d.jsonl"), "Ann"), persona=PERSONA)
    hits = [
        Hit(Chunk(n, 1, 1, None, 0, text, 0, 15, None, None, "Bo", None, (), "d.jsonl", "d"), 1.0)
        for n, text in enumerate(["what about day", "a cat", "a dog", "a bird"])
    ]
    cases = build_cases(test, recall=lambda *_: hits, windowing=WINDOWING, passages=2)
    assert [case.passages for case in cases] == [2] * len(cases)
    assert "Bo: a cat" in cases[0].with_memory[-1].content
    assert "a bird" not in str(cases[0].with_memory)


def run(arm: Arm, *nll: float) -> ArmRun:
    likelihoods = tuple(Likelihood(f"day {place}", value, 10) for place, value in enumerate(nll))
    return ArmRun(arm, likelihoods, (WrittenReply("document:1:1", "day 0 is fine"),), probes=1.0)


def rows_for(runs: list[ArmRun], path: Path) -> tuple[ArmScores, ...]:
    person = Person(path, "Ann")
    train, test = split_replies(person, persona=PERSONA)
    return rows_of(person, runs, examples=(*train, *test), embedder=WordEmbedder())


def test_rows_compare_the_arms_on_the_same_replies(tmp_path: Path) -> None:
    """Both are 0.1 a token better than the adapter in each reply: surely, though the replies differ by much more."""
    runs = [
        run("base", 30, 60, 90),
        run("memory", 29, 61, 89),
        run("adapter", 25, 55, 85),
        run("both", 24, 54, 84),
    ]
    rows = rows_for(runs, write_dialogue(tmp_path / "d.jsonl"))
    assert [row.arm for row in rows] == ["base", "memory", "adapter", "both"]
    base, memory, _, both = rows
    assert (base.minus_base, base.nll, base.nll_ci) == (None, 6.0, (3.0, 9.0))
    assert both.minus_base is not None
    assert both.minus_base.value == -0.6
    assert both.minus_adapter is not None
    assert (both.minus_adapter.low, both.minus_adapter.high) == (-0.1, -0.1)
    assert memory.minus_base is not None
    assert memory.minus_base.low < 0 < memory.minus_base.high
    assert (both.chrf, both.similarity, both.probes, both.generated) == (1.0, 1.0, 1.0, 1), "its own words"
    found = verdict(rows)
    assert (found.people, found.both_best, found.surely_best) == (1, 1, 1)
    assert arm_run(json.loads(json.dumps(asdict(runs[0])))) == runs[0]
    assert both.line().startswith("d, Ann: both")


def test_verdict_counts_people_for_whom_both_is_not_best(tmp_path: Path) -> None:
    """Memory that harms the adapter is told."""
    runs = [run("base", 30, 60), run("memory", 29, 59), run("adapter", 25, 55), run("both", 26, 56)]
    found = verdict(rows_for(runs, write_dialogue(tmp_path / "d.jsonl")))
    assert (found.both_best, found.below_base, found.below_memory, found.below_adapter) == (0, 1, 1, 0)
    assert "for 0 of 1 people" in found.line()


def serve_tiny(monkeypatch: pytest.MonkeyPatch, base: BaseModel) -> None:
    """The model of every App, one that quotes."""
    monkeypatch.setattr(App, "base", property(lambda _: base))
    monkeypatch.setattr(App, "trusted", property(lambda _: False))


def test_four_arms_of_a_tiny_model_and_resuming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kept run is not made again; with another recipe only the adapter's arms are."""
    path, results = write_dialogue(tmp_path / "d.jsonl", count=20), tmp_path / "results.jsonl"
    recipe = replace(CONFIG, max_tokens=1600, max_prompt_tokens=100)
    serve_tiny(monkeypatch, tiny_base(tmp_path / "base"))

    def measured(config: TuneConfig) -> tuple[list[ArmScores], list[str]]:
        app = App(tmp_path / "home", Settings(tuning=config, search=SearchConfig(threshold=0.0)))
        app.__dict__["embedder"] = WordEmbedder()
        notes: list[str] = []
        rows = list(evaluate_people(app, [Person(path, "Ann")], results=results, note=notes.append))
        return rows, [note for note in notes if " replies to learn" in note]

    rows, trained = measured(recipe)
    assert [row.arm for row in rows] == ["base", "memory", "adapter", "both"]
    assert [row.replies for row in rows] == [4] * 4
    assert len(trained) == 1
    adapter = rows[2].minus_base
    assert adapter is not None
    assert adapter.high < 0, "even a tiny model learns this manner"
    assert measured(recipe) == (rows, [])
    other, trained = measured(replace(recipe, recalled_share=1.0))
    assert [row.nll for row in other[:2]] == [row.nll for row in rows[:2]]
    assert other[2].nll != rows[2].nll
    assert len(trained) == 1


def test_replies_that_fit_nowhere_are_told() -> None:
    """An empty table would be a division by nothing."""
    tight = Windowing(tokenizer(TWO_ENDS), max_tokens=5, max_prompt_tokens=5)
    example = Example("document:1:1", (Message("user", "hi"),), "a long reply", None, "", "talk", document_ids=(1,))
    with pytest.raises(FamiliarError, match="none of 1 test replies fits"):
        build_cases([example], recall=lambda *_: (), windowing=tight, passages=2)


def test_sample_is_spread_evenly() -> None:
    """From first to last, never more than there are."""
    assert spread(100, 5) == [0, 25, 50, 74, 99]
    assert spread(3, 24) == [0, 1, 2]
    assert spread(0, 24) == []
