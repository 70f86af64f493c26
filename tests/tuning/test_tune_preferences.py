"""A whole tune with preferences: what was chosen is learned after the examples, named in the manifest, forgotten."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory.candidates import Answer, choose, keep_candidates
from memory.erasure import forget_turn
from memory.errors import UsageError
from memory.records import Message, NewTurn, Timings
from memory.store import Store
from memory.turns import add_turn, give_feedback, open_conversation
from tests.tuning.tiny import CONFIG, EASY, PERSONA, add_dialogue
from tuning.adapters import AdapterEraser, Registry
from tuning.job import BaseModel, Job, Metrics, drop_texts, read_job, read_metrics, write_job, write_metrics
from tuning.pair_sources import read_preferences, still_there
from tuning.pairs import split_preferences
from tuning.sources import read_dataset, unjudged_turns
from tuning.tune import FOLDER, TuneRequest, run_tune

CONFIGURED = replace(CONFIG, preference_min_pairs=6, preference_epochs=1, preference_learning_rate=0.01)
REQUEST = TuneRequest(user_id=1, persona=PERSONA, config=CONFIGURED, gate=EASY)


def said(store: Store, number: int, *, user_id: int = 1) -> int:
    """A turn whose reply is the model's own."""
    where = open_conversation(store, user_id=user_id, channel="telegram", chat_id=user_id)
    reply = f"Evening {number} was lovely."
    turn = NewTurn(
        conversation_id=where,
        user_text=f"how was evening {number}?",
        reply=reply,
        generated=reply,
        prompt=(Message("system", PERSONA), Message("user", f"how was evening {number}?")),
        citations=(),
        memories=(),
        engine="local",
        model="tiny",
        adapter=None,
        timings=Timings(),
        asked_at=f"2026-01-{number + 1:02d}T10:00:00+00:00",
    )
    return add_turn(store, turn, user_id=user_id, said=None).id


def chosen(store: Store, number: int, *, user_id: int = 1) -> int:
    """A turn at which the second, shorter answer was chosen."""
    turn_id = said(store, number, user_id=user_id)
    texts = (f"Evening {number} was lovely.", f"evening {number} ok")
    keep_candidates(store, turn_id, *(Answer(text, text) for text in texts), user_id=user_id)
    choose(store, turn_id, "second", user_id=user_id)
    return turn_id


def test_a_tune_learns_what_was_chosen(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """Pairs are trained on after the examples; figures, ids and reasons stand in the manifest, texts do not; an erased
    choice takes the adapter out of service."""
    add_dialogue(store, user_id=1)
    turns = [chosen(store, number) for number in range(9)]
    give_feedback(store, said(store, 20), user_id=1, vote="down")
    told: list[str] = []
    result = run_tune(store, tmp_path, base, REQUEST, on_progress=told.append)
    registry = Registry(store, tmp_path / FOLDER)
    adapter = registry.show(str(result.adapter), user_id=1)
    manifest = json.loads(adapter.manifest)
    assert manifest["preferences"]["pairs"] == [f"choice:{turn}" for turn in turns]
    assert manifest["preferences"]["votes"] == ["vote:10"]
    report = manifest["metrics"]["preference"]
    assert [(stage["method"], stage["items"]) for stage in report["stages"]] == [("dpo", 7), ("kto", 0)]
    assert [(item["after"], item["pairs"]) for item in report["accuracies"]] == [("base", 2), ("sft", 2), ("dpo", 2)]
    measures = manifest["metrics"]["measures"]
    assert measures["preference_pairs"] == 2
    shares = [item["likelier"] for item in report["accuracies"]]
    assert (measures["preference_base"], measures["preference_adapter"]) == (shares[0], shares[-1])
    assert result.notes[:2] == (
        "DPO: learned from 7 pairs",
        "KTO left out: 0 good and 0 bad single votes; KTO needs 6, at least 5 of each",
    )
    assert result.notes[2].startswith("the preferred of two replies is the likelier one in 2 pairs: base ")
    assert any(line.startswith("learning preferences by DPO: step 1 of 2") for line in told)
    assert "lovely" not in adapter.manifest
    assert {path.name for path in adapter.folder.parent.glob("*.jsonl")} <= {"curves.jsonl"}
    with store.transaction() as db:
        db.execute("UPDATE adapters SET status = 'live'")
    forget_turn(store, None, user_id=1, turn_id=turns[3], erasers=[AdapterEraser(registry)])
    assert registry.show(adapter.id, user_id=1).status == "withdrawn"


def test_preferences_cross_to_the_training_process_and_back(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """What is written for the child is read as it was, and goes with the other texts."""
    add_dialogue(store, user_id=1)
    for number in range(5):
        chosen(store, number)
    give_feedback(store, said(store, 7), user_id=1, vote="up")
    examples = read_dataset(store, user_id=1, persona=PERSONA).examples
    preferred = split_preferences(read_preferences(store, user_id=1), share=0.2, trained=(), tested=())
    learned, held_out = preferred
    head = ("tiny", str(base.folder), PERSONA, CONFIGURED)
    job = Job(*head, examples[:16], examples[16:], preferred=learned, preferred_test=held_out)
    write_job(tmp_path / "job", job)
    read = read_job(tmp_path / "job")
    assert (read.preferred.pairs, read.preferred.votes) == (preferred[0].pairs, preferred[0].votes)
    assert (read.preferred_test.pairs, read.preferred_test.votes) == (preferred[1].pairs, preferred[1].votes)
    drop_texts(tmp_path / "job")
    assert list((tmp_path / "job").iterdir()) == []


def test_an_unknown_setting_is_named() -> None:
    """Before anything starts."""
    with pytest.raises(UsageError, match='preference is \'always\'; it must be "auto" or "off"'):
        replace(CONFIGURED, preference="always")


def test_what_was_found_bad_after_it_was_chosen_is_no_better_text(store: Store) -> None:
    """The last word counts: a single bad vote is left of it."""
    give_feedback(store, chosen(store, 1), user_id=1, vote="down")
    found = read_preferences(store, user_id=1)
    assert (found.pairs, [vote.good for vote in found.votes]) == ((), [False])
    assert dict(found.left_out) == {"found bad after it was chosen": 1}


def test_neither_of_two_answers_is_accepted_in_silence(store: Store) -> None:
    """Going on after both were refused is no consent."""
    turns = [chosen(store, number) for number in (1, 2)]
    for number in (3, 4):
        said(store, number)
    choose(store, turns[1], "neither", user_id=1)
    accepted = {item.turn.id for item in unjudged_turns(store, user_id=1, now=datetime(2027, 1, 1, tzinfo=UTC))}
    assert turns[0] in accepted
    assert turns[1] not in accepted


def test_another_users_choices_are_never_read(store: Store) -> None:
    """Nor their votes."""
    chosen(store, 1, user_id=2)
    give_feedback(store, said(store, 2, user_id=2), user_id=2, vote="up")
    found = read_preferences(store, user_id=1)
    assert (found.pairs, found.votes) == ((), ())


def test_what_was_forgotten_since_it_was_filtered_is_not_learned(store: Store) -> None:
    """Nor what was decided otherwise since."""
    turns = [chosen(store, number) for number in range(3)]
    before = read_preferences(store, user_id=1)
    store.delete_turn(turns[0], user_id=1)
    choose(store, turns[1], "first", user_id=1)
    assert [pair.id for pair in still_there(store, before, user_id=1).pairs] == [f"choice:{turns[2]}"]


def test_choices_of_later_turns_rest_on_the_earlier_ones(store: Store) -> None:
    """A prompt that holds an earlier turn names it as a source."""
    first = chosen(store, 1)
    with store.transaction() as db:
        prompt = json.dumps([{"role": "user", "content": "how was evening 1?"}, {"role": "user", "content": "and 2?"}])
        second = chosen(store, 2)
        db.execute("UPDATE turns SET prompt = ? WHERE id = ?", (prompt, second))
    (_, pair) = read_preferences(store, user_id=1).pairs
    assert (pair.own_turns, pair.turn_ids) == ((second,), (first, second))


def test_metrics_keep_the_report(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """Metrics are read as they were written, with and without a report."""
    from tests.tuning.test_gate import GOOD
    from tuning.preferring import Accuracy, PreferenceReport, Stage

    del store, base
    report = PreferenceReport((Stage("dpo", 20, 10, 3.0, 0.6),), (Accuracy("base", 5, 0.4, None, 0, None),))
    for number, kept in enumerate((report, None)):
        folder = tmp_path / str(number)
        (folder / "adapter").mkdir(parents=True)
        metrics = Metrics(GOOD, 1, 1, 0, 1, 1, 1.0, "sha", (("torch", "2"),), preference=kept)
        write_metrics(folder, metrics)
        assert read_metrics(folder) == metrics
