"""Reminders are added once, delivered once, seen by their own user only, and forgotten with everything else."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlite_utils import Database

from memory.backup import make_backup
from memory.erasure import forget_everything, forget_text, forget_turn
from memory.errors import FamiliarError
from memory.exporting import write_export
from memory.importing_export import ExportReader
from memory.reapply import erase_in_backups
from memory.records import Profile
from memory.reminders import (
    Destination,
    NewReminder,
    Reminder,
    add_reminder,
    cancel_reminder,
    due_reminders,
    mark_delivered,
    next_due,
    reminder_by_id,
    reminders_of,
    snooze_reminder,
)
from memory.restoring import restore
from memory.schema import migrations
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.memory.life import live

NOON = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
RULE = "DTSTART:20260306T120000\nRRULE:FREQ=DAILY;INTERVAL=1"
ANN, BO = 1, 2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A home with two users."""
    opened = Store(tmp_path / "home" / "familiar.db")
    opened.add_user("ann", role="owner")
    opened.add_user("bo", role="member")
    yield opened
    opened.close()


def add(
    store: Store, key: str, *, user_id: int = ANN, due: datetime = NOON, rule: str | None = None, text: str = "tea"
) -> Reminder:
    """A reminder for a topic of a chat."""
    new = NewReminder(key, text, due, "Europe/Berlin", Destination("telegram", 7, 3), rule)
    return add_reminder(store, new, user_id=user_id)


def test_the_same_key_adds_one(store: Store) -> None:
    """A message that is handled again gives what is there, also when it was cancelled since; keys are per user."""
    first = add(store, "telegram:1")
    assert (first.text, first.due, first.zone, first.to) == (
        "tea",
        NOON,
        "Europe/Berlin",
        Destination("telegram", 7, 3),
    )
    assert add(store, "telegram:1", text="other") == first
    cancelled = cancel_reminder(store, first.id, user_id=ANN)
    assert add(store, "telegram:1") == cancelled
    assert reminders_of(store, user_id=ANN) == []
    assert add(store, "telegram:1", user_id=BO).id != first.id


def test_moments_are_kept_in_utc(store: Store) -> None:
    """Whatever their offset, they are in order; one without an offset is refused."""
    late = add(store, "a", due=NOON)
    early = add(store, "b", due=(NOON - timedelta(minutes=1)).astimezone(timezone(timedelta(hours=9))))
    assert [item.id for item in reminders_of(store, user_id=ANN)] == [early.id, late.id]
    assert next_due(store) == early.due
    with pytest.raises(FamiliarError, match="no time zone"):
        add(store, "c", due=datetime(2026, 3, 6, 12))


def test_nobody_reaches_anothers_reminders(store: Store) -> None:
    """Reading, cancelling, putting off and delivering need the user whose it is."""
    item = add(store, "a")
    assert reminders_of(store, user_id=BO) == []
    for reach in (reminder_by_id, cancel_reminder):
        with pytest.raises(FamiliarError, match="no reminder"):
            reach(store, item.id, user_id=BO)
    with pytest.raises(FamiliarError, match="no reminder"):
        snooze_reminder(store, item.id, user_id=BO, until=NOON)
    assert not mark_delivered(store, item, user_id=BO, following=None)
    assert reminder_by_id(store, item.id, user_id=ANN) == item


def test_delivery_moves_on_or_ends(store: Store) -> None:
    """A repetition gets its next moment, what is once ends; a second mark of the same delivery does nothing."""
    once, daily = add(store, "a"), add(store, "b", user_id=BO, rule=RULE)
    add(store, "c", due=NOON + timedelta(seconds=1))
    assert due_reminders(store, until=NOON) == [once, daily]
    tomorrow = NOON + timedelta(days=1)
    assert mark_delivered(store, once, user_id=ANN, following=None)
    assert mark_delivered(store, daily, user_id=BO, following=tomorrow)
    assert not mark_delivered(store, daily, user_id=BO, following=tomorrow + timedelta(days=1))
    assert due_reminders(store, until=NOON) == []
    (now,) = reminders_of(store, user_id=BO)
    assert (now.due, now.rule, now.ended_at) == (tomorrow, RULE, None)
    assert now.delivered_at is not None


def test_cancelled_or_put_off_meanwhile_is_not_marked(store: Store) -> None:
    """What the user did while the message was on its way counts."""
    one, two = add(store, "a", rule=RULE), add(store, "b", rule=RULE)
    cancel_reminder(store, one.id, user_id=ANN)
    snooze_reminder(store, two.id, user_id=ANN, until=NOON + timedelta(minutes=10))
    for item in (one, two):
        assert not mark_delivered(store, item, user_id=ANN, following=NOON + timedelta(days=1))
    assert [item.due for item in reminders_of(store, user_id=ANN)] == [NOON + timedelta(minutes=10)]


def test_what_was_delivered_can_be_put_off(store: Store) -> None:
    """It is open again until the new moment."""
    item = add(store, "a")
    mark_delivered(store, item, user_id=ANN, following=None)
    later = snooze_reminder(store, item.id, user_id=ANN, until=NOON + timedelta(minutes=10))
    assert reminders_of(store, user_id=ANN) == [later]


def test_a_home_from_before_opens(tmp_path: Path) -> None:
    """Its users have no zone of their own yet and can have reminders."""
    raw = Database(tmp_path / "familiar.db")
    migrations().apply(raw, stop_before="m0014_reminders")
    raw.execute("INSERT INTO users (name, role, language, created_at) VALUES ('ada', 'owner', 'zh', '2026-01-01')")
    raw.close()
    store = Store(tmp_path / "familiar.db")
    (ada,) = store.users()
    assert ada.profile == Profile("zh")
    store.update_user(dataclasses.replace(ada, profile=Profile("zh", zone="Asia/Shanghai")))
    assert store.user_by_id(ada.id).profile.zone == "Asia/Shanghai"
    assert add(store, "a").user_id == ada.id
    store.close()


def test_failing_midway_leaves_the_home_as_it_was(tmp_path: Path) -> None:
    """A table of that name that is there already takes the new column back with it."""
    raw = Database(tmp_path / "familiar.db")
    migrations().apply(raw, stop_before="m0014_reminders")
    raw.execute("CREATE TABLE reminders (x TEXT)")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrations().apply(raw)
    assert "zone" not in {row[1] for row in raw.execute("PRAGMA table_info(users)")}
    raw.close()


def test_forgotten_by_its_text_in_backups_too(store: Store, tmp_path: Path) -> None:
    """What stood in a reminder alone leaves the home and the copies made of it; another user's stays."""
    home = tmp_path / "home"
    add(store, "a", text="Call Ottilie about the heron")
    other = add(store, "b", user_id=BO, text="feed the heron")
    saved = make_backup(store, home, tmp_path / "one.familiar")
    forget_text(store, None, user_id=ANN, text="the HERON")
    assert reminders_of(store, user_id=ANN) == []
    assert reminders_of(store, user_id=BO) == [other]
    assert erase_in_backups(store, home, erasers_of=lambda _: ()).erased == (str(saved.path),)
    store.close()
    restore(home, saved.path, erasers_of=lambda _: ())
    again = Store(home / "familiar.db")
    assert reminders_of(again, user_id=ANN) == []
    assert reminders_of(again, user_id=BO) == [other]
    forget_everything(again, None, user_id=BO)
    assert again.rows("SELECT 1 FROM reminders") == []
    again.close()


def test_exported_and_taken_in(store: Store, tmp_path: Path) -> None:
    """Under a number of their own beside somebody else's, once however often it is imported; the zone comes too."""
    add(store, "a", rule=RULE)
    cancel_reminder(store, add(store, "b").id, user_id=ANN)
    write_export(
        store, tmp_path / "out", user=dataclasses.replace(store.users()[0], profile=Profile(zone="Asia/Tokyo"))
    )
    other = Store(tmp_path / "other.db")
    other.add_user("zed", role="owner")
    other.add_user("ann", role="member")
    mine = add(other, "x")
    for _ in range(2):
        receipts = list(ExportReader(other, WordEmbedder(), tmp_path / "out", user_id=BO).read())
        assert "failed" not in {item.status for item in receipts}
    (back,) = reminders_of(other, user_id=BO)
    (there,) = reminders_of(store, user_id=ANN)
    assert back == dataclasses.replace(there, id=back.id, user_id=BO)
    assert other.user_by_id(BO).profile.zone == "Asia/Tokyo"
    assert reminders_of(other, user_id=ANN) == [mine]
    assert len(other.rows("SELECT 1 FROM reminders")) == 3
    other.close()


def test_forgotten_with_the_turn_that_asked(tmp_path: Path) -> None:
    """What the turn's text says stands in no reminder any longer."""
    life = live(tmp_path / "home")
    (item,) = reminders_of(life.store, user_id=life.user_id)
    assert item.turn_id is not None
    forget_turn(life.store, None, user_id=life.user_id, turn_id=item.turn_id)
    assert reminders_of(life.store, user_id=life.user_id) == []
    life.store.close()
