"""What a user wishes for themselves is theirs, kept across a restart, and erased with what they wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database

from memory.digest_plans import DigestPlan, digest_of, digests_to_look_at, end_digest, move_on, set_digest
from memory.erasure import forget_everything, forget_text
from memory.happened import AdapterChange, Happened, Judged, happened
from memory.records import NewTurn, Profile, Timings
from memory.schema import migrations
from memory.store import Store
from memory.timeless import Asked, ask, ask_no_more, asked_about
from memory.turns import add_turn, give_feedback, open_conversation

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
PLAN = DigestPlan(1, "rule", "UTC", NOW, NOW - timedelta(days=1))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A database with two users."""
    opened = Store(tmp_path / "familiar.db")
    for name in ("ann", "ben"):
        opened.add_user(name, role="member", profile=Profile(zone="UTC", persona=f"like {name}"))
    yield opened
    opened.close()


def test_a_home_from_before_opens(tmp_path: Path) -> None:
    """Its users have no persona and no digest."""
    raw = Database(tmp_path / "old.db")
    migrations().apply(raw, stop_before="m0016_digests")
    raw.execute("INSERT INTO users (name, role, created_at) VALUES ('ann', 'owner', '2026')")
    raw.conn.commit()
    raw.close()
    store = Store(tmp_path / "old.db")
    user = store.owner()
    assert user is not None
    assert user.profile.persona == ""
    assert digest_of(store, user_id=user.id) is None
    store.close()


def test_a_persona_is_stored_changed_and_erased(store: Store) -> None:
    """By its words, and with everything; the other user's stays."""
    ann = store.user_by_id(1)
    assert ann.profile.persona == "like ann"
    store.update_user(replace(ann, profile=replace(ann.profile, persona="like a captain")))
    forget_text(store, None, user_id=1, text="captain")
    assert store.user_by_id(1).profile.persona == ""
    store.update_user(ann)
    forget_everything(store, None, user_id=1)
    assert [user.profile.persona for user in store.users()] == ["", "like ben"]


def test_a_digest_is_due_once(store: Store) -> None:
    """Who plans the next one second changes nothing; one planned anew is not moved."""
    set_digest(store, PLAN)
    assert digests_to_look_at(store, until=NOW - timedelta(seconds=1)) == []
    assert digests_to_look_at(store, until=NOW) == [1]
    following = NOW + timedelta(days=1)
    assert move_on(store, PLAN, due=following, zone="UTC", since=NOW)
    assert not move_on(store, PLAN, due=following, zone="UTC", since=NOW)
    assert digest_of(store, user_id=1) == replace(PLAN, due=following, since=NOW)
    assert digests_to_look_at(store, until=NOW) == []
    assert end_digest(store, user_id=1)
    assert not end_digest(store, user_id=1)
    assert digest_of(store, user_id=2) is None


def test_who_has_moved_is_looked_at(store: Store) -> None:
    """Although nothing is due."""
    set_digest(store, replace(PLAN, due=NOW + timedelta(days=1)))
    assert digests_to_look_at(store, until=NOW) == []
    ann = store.user_by_id(1)
    store.update_user(replace(ann, profile=replace(ann.profile, zone="Asia/Shanghai")))
    assert digests_to_look_at(store, until=NOW) == [1]


def test_a_reminder_without_time_waits_an_hour_for_one_person(store: Store) -> None:
    """The newest question counts; another chat, person or user has none."""
    asked = Asked(1, 7, 70)
    ask(store, asked, "call Mum", at=NOW)
    ask(store, asked, "feed the cat", at=NOW)
    assert asked_about(store, asked, now=NOW + timedelta(minutes=60)) == "feed the cat"
    assert asked_about(store, asked, now=NOW + timedelta(minutes=61)) is None
    for other in (Asked(2, 7, 70), Asked(1, 8, 70), Asked(1, 7, 71)):
        assert asked_about(store, other, now=NOW) is None
    forget_text(store, None, user_id=1, text="the cat")
    assert asked_about(store, asked, now=NOW) is None
    ask(store, asked, "call Mum", at=NOW)
    assert ask_no_more(store, asked)
    assert not ask_no_more(store, asked)


def adapter(store: Store, name: str, *, status: str, user_id: int = 1, **times: str) -> None:
    """A row of an adapter."""
    columns = {"id": name, "user_id": user_id, "status": status, "started_at": times.get("finished_at", ""), **times}
    columns |= dict.fromkeys(("base_model", "base_sha256", "template_sha256", "started_by"), "x")
    with store.transaction() as db:
        marks = ", ".join("?" * len(columns))
        db.execute(f"INSERT INTO adapters ({', '.join(columns)}) VALUES ({marks})", tuple(columns.values()))


def test_what_happened_is_of_the_time_and_of_the_user(store: Store) -> None:
    """Judgements and adapters between two moments; nothing before, and nothing of others."""
    before, within = (NOW - timedelta(days=2)).isoformat(), (NOW - timedelta(hours=1)).isoformat()
    adapter(store, "a-1", status="live", finished_at=within, live_at=within)
    adapter(store, "a-2", status="rejected", finished_at=within)
    adapter(store, "a-3", status="retired", finished_at=before, live_at=before, rolled_back_at=within)
    adapter(store, "a-4", status="failed", finished_at=within)
    adapter(store, "a-5", status="retired", finished_at=before, live_at=before)
    adapter(store, "b-1", status="live", user_id=2, finished_at=within, live_at=within)
    for user_id in (1, 2):
        chat = open_conversation(store, user_id=user_id, channel="terminal")
        new = NewTurn(chat, "hi", "ho", "", (), (), (), "e", "m", None, Timings(), within)
        turn = add_turn(store, new, user_id=user_id, said=None)
        give_feedback(store, turn.id, user_id=user_id, vote="down", correction="hey")
    with store.transaction() as db:
        db.execute("UPDATE feedback SET at = ?", (within,))
    seen = happened(store, user_id=1, since=NOW - timedelta(days=1), until=NOW)
    assert {item.id: item.change for item in seen.adapters} == {
        "a-1": "live",
        "a-2": "rejected",
        "a-3": "rolled back",
    }
    assert seen.judged == Judged(0, 1, 1)
    assert happened(store, user_id=1, since=NOW, until=NOW + timedelta(days=1)) == Happened()
    assert AdapterChange("b-1", "live") not in seen.adapters
