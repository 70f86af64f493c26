"""Invitations: a code that makes whoever sends it a member or a guest, a number of times and until a day.

A code has 128 random bits and is kept as its hash; it is shown once. Each use is one transaction, so that two people
who send the last use of a code at the same time are not both let in.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from memory.errors import FamiliarError
from memory.store import Store

BOT_NAME = "bot_username"
"""Where the home keeps under which name its bot was last connected, for links that the terminal makes."""
InvitedRole = Literal["member", "guest"]
_CODE_BYTES = 16
MOST_DAYS, MOST_USES = 365, 1000
_ROLES: dict[str, InvitedRole] = {"member": "member", "成员": "member", "guest": "guest", "访客": "guest"}
_NUMBER = {
    "days": re.compile(r"(?:days?|天)\s*(\d{1,4})|(\d{1,4})\s*(?:days?|天)", re.IGNORECASE),
    "uses": re.compile(r"(?:uses?|times?|次)\s*(\d{1,4})|(\d{1,4})\s*(?:uses?|times?|次)", re.IGNORECASE),
}


@dataclass(frozen=True)
class Terms:
    """What an invitation gives."""

    role: InvitedRole = "member"
    days: int = 7
    """From now on."""
    uses: int = 1


@dataclass(frozen=True)
class Invitation:
    """A stored invitation; its code is not known any more."""

    id: int
    role: InvitedRole
    uses_left: int
    expires_at: str


def terms_of(text: str) -> Terms | None:
    """Read "guest days 3 uses 2" in any order, in English or Chinese; None where it holds anything else."""
    rest, found = text.strip(), {"days": Terms.days, "uses": Terms.uses}
    for name, pattern in _NUMBER.items():
        match = pattern.search(rest)
        if match is not None:
            found[name] = int(match[1] or match[2])
            rest = f"{rest[: match.start()]} {rest[match.end() :]}".strip()
    role = _ROLES.get(rest.lower()) if rest else Terms.role
    days, uses = found["days"], found["uses"]
    if role is None or not (1 <= days <= MOST_DAYS and 1 <= uses <= MOST_USES):
        return None
    return Terms(role, days, uses)


def link(code: str, *, bot: str) -> str:
    """The link that sends the code to the bot of that username."""
    return f"https://t.me/{bot}?start={code}"


def invite(store: Store, terms: Terms, *, now: datetime) -> tuple[Invitation, str]:
    """Make an invitation; gives it and its code, which is kept nowhere."""
    code = secrets.token_urlsafe(_CODE_BYTES)
    moment = now.astimezone(UTC)
    expires = (moment + timedelta(days=terms.days)).isoformat()
    with store.transaction() as db:
        cursor = db.execute(
            "INSERT INTO invitations (code_sha256, role, uses_left, created_at, expires_at) VALUES (?, ?, ?, ?, ?)",
            (_hash(code), terms.role, terms.uses, moment.isoformat(), expires),
        )
    return Invitation(cursor.lastrowid or 0, terms.role, terms.uses, expires), code


def find(store: Store, code: str, *, now: datetime) -> Invitation | None:
    """The invitation of that code, where it can still be used."""
    rows = store.rows(f"{_OPEN} AND code_sha256 = ?", (now.astimezone(UTC).isoformat(), _hash(code)))
    return Invitation(**dict(rows[0])) if rows else None


def use(store: Store, invitation: Invitation, *, user_id: int, now: datetime) -> None:
    """Note that somebody came in by an invitation; called in the transaction that lets them in.

    :raises FamiliarError: it is used up
    """
    with store.transaction() as db:
        left = db.execute(
            "UPDATE invitations SET uses_left = uses_left - 1 WHERE id = ? AND uses_left > 0", (invitation.id,)
        ).rowcount
        if not left:
            raise FamiliarError(f"invitation {invitation.id} is used up")
        db.execute(
            "INSERT OR IGNORE INTO arrivals (invitation_id, user_id, at) VALUES (?, ?, ?)",
            (invitation.id, user_id, now.astimezone(UTC).isoformat()),
        )


def open_invitations(store: Store, *, now: datetime) -> list[Invitation]:
    """Those that can still be used, oldest first."""
    return [Invitation(**dict(row)) for row in store.rows(f"{_OPEN} ORDER BY id", (now.astimezone(UTC).isoformat(),))]


def revoke(store: Store, invitation_id: int, *, now: datetime) -> bool:
    """Let an invitation be used no more; False where it could not be used anyway."""
    with store.transaction() as db:
        changed = db.execute(
            "UPDATE invitations SET revoked_at = ?1 WHERE id = ?2 AND revoked_at IS NULL AND uses_left > 0"
            " AND expires_at > ?1",
            (now.astimezone(UTC).isoformat(), invitation_id),
        ).rowcount
    return changed > 0


def has_used(store: Store, invitation: Invitation, *, user_id: int) -> bool:
    """Whether a person came in by an invitation: once, so that whom the owner made less is not raised by it again."""
    return bool(store.rows("SELECT 1 FROM arrivals WHERE invitation_id = ? AND user_id = ?", (invitation.id, user_id)))


def came_by(store: Store, user_id: int) -> int | None:
    """The number of the invitation by which a person came in first."""
    rows = store.rows("SELECT min(invitation_id) FROM arrivals WHERE user_id = ?", (user_id,))
    return rows[0][0] if rows else None


_OPEN = (
    "SELECT id, role, uses_left, expires_at FROM invitations WHERE revoked_at IS NULL AND uses_left > 0"
    " AND expires_at > ?"
)


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
