"""What is stored of a group: decided by its admins, and told once.

While storing is off, what is addressed to the bot is answered, and neither the turn nor anything in it is kept. What
was stored before stays until it is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.locales import say
from memory.records import User
from memory.store import Store, utc_now


@dataclass(frozen=True)
class GroupRules:
    """What was decided about a group."""

    storing: bool = True
    decided_by: int | None = None
    """Telegram id of an admin; None: nobody, or an anonymous one."""
    decided_at: str | None = None
    told: bool = False


def rules_of(store: Store, user_id: int) -> GroupRules:
    """The rules of the group whose memory is that user's."""
    rows = store.rows("SELECT * FROM group_rules WHERE user_id = ?", (user_id,))
    if not rows:
        return GroupRules()
    row = rows[0]
    return GroupRules(bool(row["storing"]), row["decided_by"], row["decided_at"], row["told_at"] is not None)


def set_storing(store: Store, user_id: int, storing: bool, *, by: int | None) -> None:
    """Keep what an admin decided.

    :param by: the admin's Telegram id, None for an anonymous one
    """
    with store.transaction() as db:
        db.execute(
            "INSERT INTO group_rules (user_id, storing, decided_by, decided_at) VALUES (?1, ?2, ?3, ?4)"
            " ON CONFLICT (user_id) DO UPDATE SET storing = ?2, decided_by = ?3, decided_at = ?4",
            (user_id, storing, by, utc_now()),
        )


def mark_told(store: Store, user_id: int) -> None:
    """The group has been told what is stored."""
    with store.transaction() as db:
        db.execute(
            "INSERT INTO group_rules (user_id, told_at) VALUES (?1, ?2)"
            " ON CONFLICT (user_id) DO UPDATE SET told_at = coalesce(told_at, ?2)",
            (user_id, utc_now()),
        )


def move_rules(store: Store, user_id: int, *, to: int) -> None:
    """Let what was decided about one memory hold for another: storing is off where it was off in either."""
    with store.transaction() as db:
        db.execute(
            "INSERT INTO group_rules (user_id, storing, decided_by, decided_at, told_at)"
            " SELECT ?, storing, decided_by, decided_at, told_at FROM group_rules WHERE user_id = ?"
            " ON CONFLICT (user_id) DO UPDATE SET storing = min(storing, excluded.storing),"
            " decided_by = iif(excluded.storing < storing, excluded.decided_by, decided_by),"
            " decided_at = iif(excluded.storing < storing, excluded.decided_at, decided_at),"
            " told_at = coalesce(told_at, excluded.told_at)",
            (to, user_id),
        )
        db.execute("DELETE FROM group_rules WHERE user_id = ?", (user_id,))


def keep_author(store: Store, turn_id: int, *, person_id: int) -> None:
    """Note who of a group wrote a turn; called in the transaction that stores it."""
    with store.transaction() as db:
        db.execute("INSERT INTO turn_authors (turn_id, user_id) VALUES (?, ?)", (turn_id, person_id))


def wrote_turn(store: Store, turn_id: int, *, person_id: int) -> bool:
    """Whether somebody wrote a turn of a group."""
    return bool(store.rows("SELECT 1 FROM turn_authors WHERE turn_id = ? AND user_id = ?", (turn_id, person_id)))


def notice_of(store: Store, user: User) -> str:
    """What a group is told once, under the bot's first message; empty where it has been told."""
    rules = rules_of(store, user.id)
    if rules.told:
        return ""
    return say(user.profile.language, "tg_group_notice" if rules.storing else "tg_group_notice_off")
