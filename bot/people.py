"""The people of a home: who may do what, and how somebody is let in, made a guest or sent away.

Everybody has a memory of their own. A guest asks about the shared knowledge bases only; what guests write is kept for
their own history and erased after a while, and nothing is learned from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from memory.errors import FamiliarError
from memory.ledger import revoke_tokens
from memory.moving import gone
from memory.records import User
from memory.store import Store

Standing = Literal["member", "guest", "refused"]
"""What the owner can make of a person."""


def people(store: Store) -> list[User]:
    """Everyone with a Telegram account but the owner and those who moved to another home, those who wait first."""
    found = [user for user in store.users() if user.telegram_id is not None and user.role != "owner"]
    found = [user for user in found if user.role != "refused" or gone(store, user) is None]
    order = ("waiting", "member", "guest", "refused")
    return sorted((user for user in found if user.role in order), key=lambda user: order.index(user.role))


def person(store: Store, user_id: int) -> User | None:
    """One of `people`."""
    return next((user for user in people(store) if user.id == user_id), None)


def make(store: Store, user_id: int, standing: Standing) -> User | None:
    """Give a person a standing; None where there is no such person, or they have it already.

    Who is refused loses their tokens for the API for good: let in again, they need new ones.
    """
    with store.transaction():
        found = person(store, user_id)
        if found is None or found.role == standing:
            return None
        made = replace(found, role=standing)
        store.update_user(made)
        if standing == "refused":
            revoke_tokens(store, user_id=user_id)
    return made


def remove(store: Store, user_id: int, *, erase: Callable[[User], object] | None) -> User | None:
    """Send a person away; None where there is no such person.

    They are refused before anything is erased, so that nothing new is begun for them; what is under way, such as an
    import, is the caller's to wait for.

    :param erase: erases all that is theirs, where that is wanted; their name goes too
    :raises FamiliarError: it could not be erased; they are refused all the same
    """
    make(store, user_id, "refused")
    found = person(store, user_id)
    if found is None or erase is None:
        return found
    erase(found)
    with store.transaction():
        left = store.user_by_id(user_id)  # as it is now: their persona has gone with all else
        store.update_user(replace(left, name=f"person {left.telegram_id}"))
    return found


def old_turns(store: Store, *, days: int, now: datetime) -> list[tuple[User, list[int]]]:
    """Guests and those of their turns that are to be erased: older than ``days``, asked since they are guests."""
    if days <= 0:
        return []
    before = (now.astimezone(UTC) - timedelta(days=days)).isoformat()
    rows = store.rows(
        "SELECT t.id, t.user_id FROM turns t JOIN users u ON u.id = t.user_id WHERE u.role = 'guest'"
        " AND t.asked_at < ? AND t.asked_at >= coalesce(u.role_since, '') ORDER BY t.id",
        (before,),
    )
    by_user: dict[int, list[int]] = {}
    for row in rows:
        by_user.setdefault(row["user_id"], []).append(row["id"])
    return [(store.user_by_id(user_id), turns) for user_id, turns in by_user.items()]


def named(store: Store, name: str) -> User:
    """The person of that name.

    :raises FamiliarError: there is none
    """
    found = next((user for user in people(store) if user.name == name), None)
    if found is None:
        known = ", ".join(user.name for user in people(store)) or "nobody"
        raise FamiliarError(f"there is no person {name!r}; there are {known} (`familiar people`)")
    return found
