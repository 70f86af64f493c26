"""Votes on adapters: counted per adapter and for the base in the same time, and what takes one out of service."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from memory.errors import FamiliarError, UsageError
from memory.records import Message, NewTurn, Timings
from memory.store import Store
from memory.turns import add_turn, feedback_of, open_conversation
from tests.tuning.test_adapters import EXAMPLE
from tuning.adapters import Outcome, Registry
from tuning.comparing import base_answers
from tuning.config import TuneConfig, VotesConfig
from tuning.job import BaseModel
from tuning.votes import (
    Votes,
    chance_above_even,
    chance_worse,
    compared,
    judge_turn,
    judge_votes,
    roll_back_if_worse,
    votes_of,
)

CONFIG = VotesConfig()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    store = Store(tmp_path / "familiar.db")
    for name, role in (("ann", "owner"), ("bo", "member")):
        user = store.add_user(name, role=role)  # type: ignore[arg-type]
        open_conversation(store, user_id=user.id, channel="terminal")
    base = tmp_path / "base"
    base.mkdir()
    (base / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    yield Registry(store, tmp_path / "adapters")
    store.close()


def make_live(registry: Registry, *, user_id: int = 1) -> str:
    base = BaseModel("tiny", registry.root.parent / "base", "sha")
    adapter = registry.begin(user_id=user_id, base=base, examples=[EXAMPLE], started_by="hand")
    return registry.finish(adapter.id, Outcome("live"), user_id=user_id).id


def say(registry: Registry, adapter: str | None, *, user_id: int = 1, generated: str = "x") -> int:
    number = registry.store.rows("SELECT count(*) FROM turns")[0][0]
    turn = NewTurn(
        conversation_id=user_id,
        user_text="q",
        reply="a",
        generated=generated,
        prompt=(Message("user", "q"),),
        citations=(),
        memories=(),
        engine="e",
        model="m",
        adapter=adapter,
        timings=Timings(),
        asked_at=f"2099-01-01T00:{number // 60:02d}:{number % 60:02d}+00:00",
    )
    return add_turn(registry.store, turn, user_id=user_id, said=None).id


def vote(registry: Registry, adapter: str | None, votes: Votes, *, user_id: int = 1) -> list[str]:
    """Judge so many new replies of an adapter; the adapters that this took out of service."""
    gone = []
    bad: list[str | None] = [*[None] * votes.down, *["better"] * votes.corrected]
    given: list[tuple[Literal["up", "down"], str | None]] = [("up", None) for _ in range(votes.up)]
    given += [("down", text) for text in bad]
    for kind, text in given:
        turn = say(registry, adapter, user_id=user_id)
        judged = judge_turn(registry, turn, user_id=user_id, config=CONFIG, vote=kind, correction=text)
        if judged.rolled_back is not None:
            gone.append(judged.rolled_back.adapter)
    return gone


def live_id(registry: Registry, user_id: int = 1) -> str | None:
    live = registry.live(user_id)
    return live.id if live else None


def test_closed_forms_are_what_sampling_gives() -> None:
    """The probabilities agree with draws from the posteriors."""
    rng = random.Random(0)
    live, before = Votes(3, 4, 2), Votes(12, 3, 2)
    draws = [(rng.betavariate(7, 4), rng.betavariate(6, 13)) for _ in range(20000)]
    assert chance_worse(live, before) == pytest.approx(sum(a > b for a, b in draws) / 20000, abs=0.01)
    assert chance_above_even(live) == pytest.approx(sum(a > 0.5 for a, _ in draws) / 20000, abs=0.01)
    assert chance_worse(Votes(), Votes()) == pytest.approx(0.5)
    assert chance_above_even(Votes()) == 0.5


@pytest.mark.parametrize(
    ("live", "before", "worse"),
    [
        (Votes(0, 7), Votes(20, 1), False),  # one vote too few
        (Votes(0, 8), Votes(20, 1), True),
        (Votes(2, 4, 4), Votes(20, 1), True),  # corrected ones count as bad
        (Votes(9, 1), Votes(20, 1), False),
        (Votes(1, 9), Votes(1, 9), False),  # as bad as before is no reason to go back
        (Votes(1, 9), Votes(0, 0), True),  # nothing to compare with: mostly bad
        (Votes(6, 4), Votes(0, 0), False),
    ],
)
def test_verdicts(live: Votes, before: Votes, worse: bool) -> None:
    """Enough votes, and clearly worse than what answered before, or mostly bad where that is not known."""
    assert judge_votes(live, before, CONFIG).worse is worse


def test_verdict_says_its_figures() -> None:
    """Counts, probability and limit, or what is missing."""
    said = judge_votes(Votes(2, 6, 2), Votes(19, 1), CONFIG)
    assert said.sentence.startswith("8 of 10 judged replies were found bad, against 1 of 20 before it: worse with")
    assert "7 votes; 8 are needed" in judge_votes(Votes(7), Votes(), CONFIG).sentence


def test_falling_votes_bring_the_one_before_back(registry: Registry) -> None:
    """Between two votes, with the figures kept as the reason, and it does not come back by itself."""
    first = make_live(registry)
    assert vote(registry, first, Votes(15, 1)) == []
    second = make_live(registry)
    assert vote(registry, second, Votes(1, 5)) == []
    assert vote(registry, second, Votes(0, 0, 4)) == [second]
    assert live_id(registry) == first
    adapter = registry.show(second, user_id=1)
    assert adapter.status == "retired"
    assert adapter.rolled_back_at is not None
    assert "judged replies were found bad, against 1 of 16 before it" in (adapter.reason or "")
    assert roll_back_if_worse(registry, user_id=1, config=CONFIG) is None


def test_what_is_promoted_by_hand_is_judged_anew(registry: Registry) -> None:
    """Its user knew the votes before; only those on what it says from then on count."""
    vote(registry, None, Votes(15, 1))
    adapter = make_live(registry)
    assert vote(registry, adapter, Votes(0, 8)) == [adapter]
    assert live_id(registry) is None
    registry.show(adapter, user_id=1).folder.mkdir(parents=True)
    (registry.show(adapter, user_id=1).folder / "adapter_model.safetensors").write_bytes(b"w")
    base = BaseModel("tiny", registry.root.parent / "base", "sha")
    promoted = registry.promote(adapter, user_id=1, base=base)
    with registry.store.transaction() as db:  # as if the turns above had been before it
        db.execute("UPDATE adapters SET live_at = '2099-01-01T01' WHERE id = ?", (promoted.id,))
    assert roll_back_if_worse(registry, user_id=1, config=CONFIG) is None
    assert live_id(registry) == adapter


def test_votes_are_counted_per_adapter_and_user(registry: Registry) -> None:
    """The base only by turns that a model wrote, in the adapter's time; another user's never."""
    vote(registry, None, Votes(up=3))
    mine, theirs = make_live(registry), make_live(registry, user_id=2)
    vote(registry, theirs, Votes(down=2), user_id=2)
    vote(registry, mine, Votes(4, 1, 1))
    vote(registry, None, Votes(0, 2))
    quoted = say(registry, None, generated="")
    judge_turn(registry, quoted, user_id=1, config=CONFIG, vote="down")
    counted = compared(registry.store, registry.show(mine, user_id=1))
    assert (counted.adapter, counted.base) == (Votes(4, 1, 1), Votes(0, 2, 0))
    assert votes_of(registry.store, user_id=1, adapter=theirs) == Votes()
    assert votes_of(registry.store, user_id=1, adapter=None) == Votes(3, 2, 0)
    assert counted.adapter.text() == "+4 -1 ✎1"


def test_vote_and_rollback_are_one_transaction(registry: Registry) -> None:
    """Where the rollback fails the vote is not kept either, and the adapter answers on."""
    vote(registry, None, Votes(15, 1))
    adapter = make_live(registry)
    vote(registry, adapter, Votes(0, 7))
    turn = say(registry, adapter)
    with registry.store.transaction() as db:
        db.execute("CREATE TRIGGER full BEFORE UPDATE ON adapters BEGIN SELECT RAISE(FAIL, 'full'); END")
    with pytest.raises(sqlite3.IntegrityError, match="full"):
        judge_turn(registry, turn, user_id=1, config=CONFIG, vote="down")
    assert turn not in {item.turn_id for item in feedback_of(registry.store, user_id=1)}
    assert live_id(registry) == adapter
    with pytest.raises(FamiliarError, match="there is no turn"):
        judge_turn(registry, turn, user_id=2, config=CONFIG, vote="down")


def test_switched_off_votes_change_nothing(registry: Registry) -> None:
    """[votes] rollback = false counts and shows only."""
    vote(registry, None, Votes(15, 1))
    adapter = make_live(registry)
    for _ in range(20):
        turn = say(registry, adapter)
        config = replace(CONFIG, rollback=False)
        assert judge_turn(registry, turn, user_id=1, config=config, vote="down").rolled_back is None
    assert live_id(registry) == adapter


def test_the_share_of_the_base_is_kept_and_repeats() -> None:
    """The same turns each time, near the share that was asked for; none where that is 0."""
    turns = [(conversation, turn) for conversation in range(50) for turn in range(40)]
    chosen = [pair for pair in turns if base_answers(*pair, share=0.2)]
    assert chosen == [pair for pair in turns if base_answers(*pair, share=0.2)]
    assert len(chosen) / len(turns) == pytest.approx(0.2, abs=0.03)
    assert set(chosen) <= {pair for pair in turns if base_answers(*pair, share=0.5)}
    assert not any(base_answers(*pair, share=0.0) for pair in turns)


@pytest.mark.parametrize("share", [-0.1, 0.51])
def test_more_than_half_is_refused(share: float) -> None:
    """The setting is named with what would be right."""
    with pytest.raises(UsageError, match=r"\[tuning\] compare_share is .*; it must be from 0 to 0.5"):
        TuneConfig(compare_share=share)
