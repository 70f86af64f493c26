"""What a user laid down or pinned, as it stands in the beginning of every prompt, and where it is kept.

Language, form and length are columns of the user, as /settings sets them; other standing rules are rows of their own
with the turn that said them. Name and pinned facts are facts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from memory.errors import FamiliarError
from memory.facts.records import USER, Fact
from memory.facts.standing import standing_of
from memory.facts.store import FACT_ROWS, with_ends
from memory.records import Profile, User
from memory.store import Store

_MOST_RULES, _MOST_PINNED = 12, 20
"""Newest ones that stand in a prompt; a beginning that grows without end takes the place of what is asked."""
_MOST_CHARACTERS = 200
_USERS = f"{USER}'s "
_TOLD_BY = "SELECT 1 FROM fact_sources s JOIN chunks c ON c.id = s.chunk_id WHERE s.fact_id = f.id AND c.turn_id"
PROFILE = ("language", "form", "length", "persona")
"""Settings that are listed and taken back like facts."""


@dataclass(frozen=True)
class StandingRule:
    """How to answer, in the user's own words."""

    id: int
    text: str
    turn_id: int | None
    at: str


def learn_rules(store: Store, text: str, *, user_id: int, turn_id: int, at: str) -> None:
    """Keep what a user's own message lays down for later replies; within the transaction that stores the turn."""
    standing = standing_of(text)
    with store.transaction() as db:
        profile = store.user_by_id(user_id).profile
        if standing.applied(profile) != profile:
            store.update_profile(user_id, standing.applied(profile))
        for rule in standing.rules:
            db.execute("DELETE FROM standing_rules WHERE user_id = ? AND text = ?", (user_id, rule))
            db.execute(
                "INSERT INTO standing_rules (user_id, turn_id, text, at) VALUES (?, ?, ?, ?)",
                (user_id, turn_id, rule, at),
            )


def rules_of(store: Store, *, user_id: int) -> list[StandingRule]:
    """The user's standing rules, oldest first."""
    rows = store.rows("SELECT id, text, turn_id, at FROM standing_rules WHERE user_id = ? ORDER BY id", (user_id,))
    return [StandingRule(**dict(row)) for row in rows]


def delete_rule(store: Store, rule_id: int, *, user_id: int) -> None:
    """Let a standing rule no longer hold.

    :raises FamiliarError: the user has no such rule
    """
    with store.transaction() as db:
        done = db.execute("DELETE FROM standing_rules WHERE id = ? AND user_id = ?", (rule_id, user_id)).rowcount
    if not done:
        raise FamiliarError(f"there is no standing rule r{rule_id} of yours; `familiar facts` lists them")


def reset_setting(store: Store, name: str, *, user: User) -> None:
    """Set language, form, length or persona back to its default."""
    with store.transaction():
        profile = store.user_by_id(user.id).profile
        store.update_profile(user.id, replace(profile, **{name: getattr(Profile(), name)}))


def pinned_facts(store: Store, *, user_id: int, without: int | None = None) -> list[Fact]:
    """The user's name, as they said it last, and the facts they pinned, while they hold.

    :param without: a turn; what only it told is left out, and what it ended still holds
    """
    rows = store.rows(
        f"{FACT_ROWS} WHERE f.user_id = ?1 AND (f.subject_key, f.kind) IN (SELECT subject_key, kind FROM facts"
        " WHERE user_id = ?1 AND (pinned OR (subject_key = ?2 AND kind = 'name')))"
        f" AND (NOT EXISTS ({_TOLD_BY} IS ?3) OR EXISTS ({_TOLD_BY} IS NOT ?3))"
        " ORDER BY f.subject_key, f.kind, f.said_at, f.id",
        (user_id, USER, without or 0),
    )
    return [item for item in with_ends(rows) if item.current and (item.pinned or _is_own_name(item))]


def _is_own_name(item: Fact) -> bool:
    return item.subject == USER and item.attribute == "name"


def about_user(store: Store, *, user_id: int, without: int | None = None) -> tuple[str, ...]:
    """One line for each thing that every prompt of this user says: name and pinned facts, then standing rules.

    :param without: a turn of which nothing is said, as it is about to be replaced
    """
    pinned = pinned_facts(store, user_id=user_id, without=without)
    rules = [item for item in rules_of(store, user_id=user_id) if without is None or item.turn_id != without]
    lines = [*map(fact_line, pinned[-_MOST_PINNED:]), *(rule_line(item.text) for item in rules[-_MOST_RULES:])]
    return tuple(line[:_MOST_CHARACTERS] for line in lines)


def fact_line(item: Fact) -> str:
    """A fact in the beginning of a prompt."""
    whose = "" if item.subject == USER else f"{item.subject.removeprefix(_USERS)}, "
    return f"- {whose}{item.attribute}: {item.value}"


def rule_line(text: str) -> str:
    """A standing rule in the beginning of a prompt."""
    return f"- {text}"
