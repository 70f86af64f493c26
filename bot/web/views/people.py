"""Who has a memory here: names and counts, never what they wrote. A page shows the contents of one user alone."""

from __future__ import annotations

from dataclasses import dataclass

from memory.records import Role
from memory.store import Store


@dataclass(frozen=True)
class Person:
    """A user in figures."""

    name: str
    role: Role
    telegram: bool
    """Whether they talk here by Telegram."""
    documents: int
    turns: int
    adapters: int
    since: str


def people_of(store: Store) -> list[Person]:
    """Everyone, oldest first."""
    rows = store.rows(
        "SELECT u.name, u.role, u.telegram_id IS NOT NULL AS telegram, u.created_at,"
        " (SELECT count(*) FROM documents d WHERE d.user_id = u.id) AS documents,"
        " (SELECT count(*) FROM turns t WHERE t.user_id = u.id) AS turns,"
        " (SELECT count(*) FROM adapters a WHERE a.user_id = u.id) AS adapters"
        " FROM users u ORDER BY u.id"
    )
    return [
        Person(
            *(row["name"], row["role"], bool(row["telegram"])),
            *(row["documents"], row["turns"], row["adapters"], row["created_at"]),
        )
        for row in rows
    ]
