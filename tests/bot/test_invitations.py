"""Invitations in the store: for so many uses, until a day, and never as their code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.invitations import Terms, find, invite, open_invitations, revoke, terms_of, use
from memory.errors import FamiliarError
from memory.store import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new home's database."""
    opened = Store(tmp_path / "familiar.db")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", Terms()),
        ("guest", Terms("guest")),
        ("member days 3 uses 5", Terms("member", 3, 5)),
        ("uses 2 guest", Terms("guest", uses=2)),
        ("3 days", Terms(days=3)),
        ("访客 天 3 次 5", Terms("guest", 3, 5)),
        ("访客 3天 5次", Terms("guest", 3, 5)),
        ("owner", None),
        ("guest days 0", None),
        ("days 9999", None),
        ("uses -1", None),
        ("guest please", None),
    ],
)
def test_terms_are_read_in_any_order(text: str, terms: Terms | None) -> None:
    """In English and Chinese; anything else is no invitation."""
    assert terms_of(text) == terms


def test_a_code_is_kept_as_its_hash_only(store: Store) -> None:
    """Nobody comes in by what a backup holds."""
    _, code = invite(store, Terms(), now=NOW)
    dump = "\n".join(str(tuple(row)) for row in store.rows("SELECT * FROM invitations"))
    assert code not in dump
    assert len(code) >= 22
    assert find(store, code, now=NOW) is not None
    assert find(store, code.swapcase(), now=NOW) is None


def test_an_invitation_ends_by_its_uses_its_day_or_the_owner(store: Store) -> None:
    """And is not listed any more then."""
    person = store.add_user("Ben", role="member", telegram_id=8)
    twice, code = invite(store, Terms(uses=2), now=NOW)
    for _ in range(2):
        found = find(store, code, now=NOW)
        assert found is not None
        use(store, found, user_id=person.id, now=NOW)
    assert find(store, code, now=NOW) is None
    with pytest.raises(FamiliarError, match="used up"):
        use(store, twice, user_id=person.id, now=NOW)
    _, old = invite(store, Terms(days=1), now=NOW)
    assert find(store, old, now=NOW + timedelta(days=1)) is None
    gone, revoked = invite(store, Terms(), now=NOW)
    assert [revoke(store, gone.id, now=NOW), revoke(store, gone.id, now=NOW)] == [True, False]
    assert find(store, revoked, now=NOW) is None
    assert [item.id for item in open_invitations(store, now=NOW + timedelta(days=1))] == []
