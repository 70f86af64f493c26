"""What counts as new since the last tune, and which tune was the last."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from memory.records import Message
from memory.store import Store
from tests.tuning.tiny import CONFIG, EASY, PERSONA, add_dialogue
from tuning.adapters import Registry
from tuning.due import last_try, preferred_after, tune_due
from tuning.job import BaseModel
from tuning.pairs import Preferences, Vote
from tuning.resume import CANCELLED, INTERRUPTED
from tuning.tune import FOLDER, TuneRequest, run_tune

DAYS = [f"2026-01-0{day}T00:00:00+00:00" for day in range(1, 9)]


def test_due_counts_what_is_new_since_the_last_tune(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """Enough new examples make a tune due; those it learned don't count again, unless it failed or was withdrawn."""
    config = replace(CONFIG, min_examples=8, min_hours=1.0)
    now = datetime.now(UTC)

    def due_at(moment: datetime) -> bool:
        return tune_due(store, user_id=1, persona=PERSONA, config=config, now=moment).due

    assert not due_at(now)
    add_dialogue(store, user_id=1)
    assert due_at(now)
    registry = Registry(store, tmp_path / FOLDER)
    registry.begin(user_id=1, base=base, examples=(), started_by="schedule")
    assert not due_at(now), "it runs"
    registry.recover()
    assert due_at(now), "what a crash ended is gone on with at once"
    registry.begin(user_id=1, base=base, examples=(), started_by="schedule")
    registry.recover()
    assert not due_at(now), "but not what crashes again and again"
    assert due_at(now + timedelta(hours=2)), "what an interrupted run had learned is not learned"
    with store.transaction() as db:
        db.execute("UPDATE adapters SET status = 'retired'")
    assert not due_at(now + timedelta(hours=2))
    add_dialogue(store, user_id=1, count=9, first=30)
    assert due_at(now + timedelta(hours=2))


def test_too_little_to_learn_is_not_looked_through_again_at_once(store: Store, base: BaseModel, tmp_path: Path) -> None:
    """Filters may leave too little of what looked enough: the next look waits as after any tune."""
    config = replace(CONFIG, min_examples=8, min_hours=1.0, min_pairs=1000)
    add_dialogue(store, user_id=1)
    now = datetime.now(UTC)
    assert tune_due(store, user_id=1, persona=PERSONA, config=config, now=now).due
    request = TuneRequest(user_id=1, persona=PERSONA, config=config, gate=EASY)
    assert run_tune(store, tmp_path, base, request).status == "skipped"
    assert "wait 1.0 h" in tune_due(store, user_id=1, persona=PERSONA, config=config, now=now).reason
    assert tune_due(store, user_id=1, persona=PERSONA, config=config, now=now + timedelta(hours=2)).due


def tune_row(day: int, status: str = "live", reason: str | None = None) -> dict[str, str | None]:
    return {"status": status, "reason": reason, "started_at": DAYS[day]}


def test_one_crash_does_not_count_as_a_try() -> None:
    """The tune before it does; two crashes in a row, a cancelled tune and an open one count."""
    crash = tune_row(3, "failed", f"{INTERRUPTED}: its process ended")
    assert last_try([], skipped_at=None) is None
    assert last_try([crash], skipped_at=None) is None
    assert last_try([tune_row(1), crash], skipped_at=None) == datetime.fromisoformat(DAYS[1])
    again = {**crash, "started_at": DAYS[4]}
    assert last_try([tune_row(1), crash, again], skipped_at=None) == datetime.fromisoformat(DAYS[4])
    assert last_try([tune_row(1), tune_row(2, "skipped", CANCELLED)], skipped_at=None) == datetime.fromisoformat(
        DAYS[2]
    )
    assert last_try([tune_row(1)], skipped_at=DAYS[5]) == datetime.fromisoformat(DAYS[5])


def vote(turn: int, day: int) -> Vote:
    prompt = (Message("user", "hello"),)
    return Vote(
        f"vote:{turn}", prompt, "hi", good=False, at=None, learned_at=DAYS[day], conversation="c", own_turns=(turn,)
    )


def test_votes_alone_make_a_tune_due_where_they_can_be_learned() -> None:
    """Enough of them, since the last tune, on turns that are no examples, and with the stage switched on."""
    config = replace(CONFIG, preference="auto", preference_min_pairs=3)
    votes = Preferences(votes=tuple(vote(turn, turn) for turn in (1, 2, 3)))
    assert preferred_after(votes, None, config=config, examples=()) == 3
    assert preferred_after(votes, DAYS[1], config=config, examples=()) == 2
    assert preferred_after(votes, DAYS[1], config=config, examples={3}) == 1
    assert preferred_after(votes, None, config=replace(config, preference="off"), examples=()) == 0
    assert preferred_after(votes, None, config=replace(config, preference_min_pairs=4), examples=()) == 0
