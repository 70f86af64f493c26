"""Updates are kept once, until they are handled, and what they said no longer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.telegram import inbox
from bot.telegram.outbox import Outbox
from bot.telegram.render import Part
from bot.telegram.sending import Place, Sender
from memory.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new database."""
    opened = Store(tmp_path / "familiar.db")
    yield opened
    opened.close()


def keep(store: Store, update_id: int) -> bool:
    return inbox.keep(store, update_id, f'{{"update_id": {update_id}}}', inbox.Origin(chat_id=7))


def test_each_update_is_kept_once_and_waits_in_order(store: Store) -> None:
    """Whatever order they come in, and also after it was handled."""
    assert [keep(store, number) for number in (3, 1, 3, 2)] == [True, True, False, True]
    assert [received.update_id for received in inbox.waiting(store)] == [1, 2, 3]
    inbox.done(store, [2])
    assert not keep(store, 2)
    assert [received.update_id for received in inbox.waiting(store)] == [1, 3]


def test_what_is_done_keeps_no_text(store: Store) -> None:
    """Only that it was there, and which reply answers it."""
    keep(store, 1)
    inbox.done(store, [1])
    (row,) = store.rows("SELECT payload, state, reply_id FROM telegram_inbox")
    assert tuple(row) == (None, "done", None)


def test_an_update_belongs_to_the_first_reply_sent_for_it(store: Store) -> None:
    """Unless it is said which; another's of a similar number is not taken for its."""
    outbox = Outbox(store, Sender.__new__(Sender))
    for number in (12, 1):
        keep(store, number)
        outbox.open(Place(7, private=True), key=f"{number}:0")
    second = outbox.open(Place(7, private=True), key="1:1")
    inbox.done(store, [1])
    inbox.done(store, [12], reply_id=second.id)
    rows = store.rows("SELECT update_id, reply_id FROM telegram_inbox ORDER BY update_id")
    assert [tuple(row) for row in rows] == [(1, 2), (12, second.id)]


def test_tries_are_counted(store: Store) -> None:
    """So that an update which ends the process is not handled for ever."""
    keep(store, 1)
    inbox.begin(store, [1])
    inbox.begin(store, [1])
    assert [received.tries for received in inbox.waiting(store)] == [2]


def test_updates_seen_by_an_older_version_stay_seen(store: Store) -> None:
    """The state of a row that its migration makes."""
    with store.transaction() as db:
        db.execute("INSERT INTO telegram_inbox (update_id, state, received_at) VALUES (9, 'done', '2026-01-01')")
    assert not keep(store, 9)
    assert inbox.waiting(store) == []


def test_what_is_old_goes_but_not_what_still_waits(store: Store) -> None:
    """Neither a message without an answer nor a reply that was not delivered."""
    outbox = Outbox(store, Sender.__new__(Sender))
    for number in (1, 2):
        keep(store, number)
    outbox.open(Place(7, private=True), key="1:0")
    waits = outbox.open(Place(7, private=True), key="3:0")
    outbox.put(waits, [Part("one")])
    inbox.done(store, [1])
    assert inbox.drop_old(store, before=datetime.now(UTC) - timedelta(days=1)) == 0
    assert inbox.drop_old(store, before=datetime.now(UTC) + timedelta(days=1)) == 1
    assert [received.update_id for received in inbox.waiting(store)] == [2]
    assert [reply.id for reply in outbox.recover()] == [waits.id]


def test_an_orderly_end_counts_as_no_crash(store: Store) -> None:
    """But that handling was begun is kept."""
    for number in (1, 2):
        keep(store, number)
    for _ in range(2):
        inbox.begin(store, [1])
    inbox.forget_tries(store)
    assert [received.tries for received in inbox.waiting(store)] == [1, 0]


def version(store: Store, update_id: int, *, chat: int = 7) -> int:
    """A version of the one message of a chat."""
    inbox.keep(store, update_id, "{}", inbox.Origin(chat_id=chat, message_id=3))
    return update_id


def test_an_earlier_version_is_no_change(store: Store) -> None:
    """It may come after a later one; beside a message that came after both it is none either."""
    version(store, 1)
    version(store, 2)
    inbox.keep(store, 5, "{}", inbox.Origin(chat_id=7, message_id=4))
    assert not inbox.changed_meanwhile(store, 7, [3], besides=[2])
    version(store, 4)
    assert inbox.changed_meanwhile(store, 7, [3, 4], besides=[2, 5])


def test_what_was_not_acted_on_is_not_known(store: Store) -> None:
    """As what a group's members say to each other; what waits, was answered or was counted is."""
    outbox = Outbox(store, Sender.__new__(Sender))
    inbox.done(store, [version(store, 1)])
    assert not inbox.is_known(store, 7, 3, besides=[9])
    version(store, 2, chat=8)
    assert inbox.is_known(store, 8, 3, besides=[9])
    outbox.open(Place(8, private=True), key="2:0")
    inbox.done(store, [2])
    assert inbox.is_known(store, 8, 3, besides=[9])
    assert inbox.settled(store, [1, 2, 9]) == [1, 2]
