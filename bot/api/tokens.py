"""Tokens for the API, each of one person: shown once when they are made, and kept as salted hashes.

They open the API alone, never the page, which shows its owner's memory to whoever comes in.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from bot.people import people
from memory.errors import FamiliarError
from memory.ledger import revoke_tokens
from memory.records import Role, User
from memory.store import Store, utc_now

_BYTES = 32
SERVED: tuple[Role, ...] = ("owner", "member", "guest")
"""Who may use the API."""


@dataclass(frozen=True)
class ApiToken:
    """A stored token; its text is not known any more."""

    id: int
    user_id: int
    name: str
    """Its person's."""
    role: Role
    created_at: str


def add_token(store: Store, user: User) -> tuple[ApiToken, str]:
    """Make a token for somebody; gives it and its text, which is kept nowhere."""
    text, salt, now = secrets.token_urlsafe(_BYTES), secrets.token_hex(16), utc_now()
    with store.transaction() as db:
        cursor = db.execute(
            "INSERT INTO api_tokens (user_id, salt, sha256, created_at) VALUES (?, ?, ?, ?)",
            (user.id, salt, _hash(salt, text), now),
        )
    return ApiToken(cursor.lastrowid or 0, user.id, user.name, user.role, now), text


def tokens(store: Store) -> list[ApiToken]:
    """All tokens, oldest first."""
    rows = store.rows(
        "SELECT t.id, t.user_id, u.name, u.role, t.created_at FROM api_tokens t JOIN users u ON u.id = t.user_id"
        " ORDER BY t.id"
    )
    return [ApiToken(**dict(row)) for row in rows]


def revoke_token(store: Store, token_id: int) -> ApiToken:
    """Let a token be used no more, from the next request on.

    :raises FamiliarError: there is none of that number
    """
    with store.transaction():
        found = next((token for token in tokens(store) if token.id == token_id), None)
        if found is None:
            raise FamiliarError(f"there is no token {token_id}; `familiar serve token list` names them")
        revoke_tokens(store, user_id=found.user_id, token_id=token_id)
    return found


def user_of_token(store: Store, given: str) -> int | None:
    """Whose token a text is; the time that this takes does not tell how far it agrees with one."""
    user_id = None
    for row in store.rows("SELECT user_id, salt, sha256 FROM api_tokens"):
        if hmac.compare_digest(_hash(row["salt"], given), row["sha256"]):
            user_id = row["user_id"]
    return user_id


def person_named(store: Store, name: str) -> User:
    """Whom a token can be made for: the owner, or a member or guest whom `familiar people` lists.

    :raises FamiliarError: there is no such person
    """
    owner = store.owner()
    known = [*([owner] if owner else []), *(user for user in people(store) if user.role in SERVED)]
    found = next((user for user in known if user.name == name), None)
    if found is None:
        names = ", ".join(user.name for user in known)
        raise FamiliarError(f"there is nobody called {name!r} here; there are {names} (`familiar people`)")
    return found


def _hash(salt: str, text: str) -> str:
    return hashlib.sha256((salt + text).encode("utf-8", "surrogatepass")).hexdigest()
