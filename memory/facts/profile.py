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
    user = store.user_by_id(user_id)
    if standing.applied(user.profile) != user.profile:
        store.update_user(replace(user, profile=standing.applied(user.profile)))
    with store.transaction() as db:
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
    store.update_user(replace(user, profile=replace(user.profile, **{name: getattr(Profile(), name)})))


def pinned_facts(store: Store, *, user_id: int) -> list[Fact]:
    """The user's name, as they said it last, and the facts they pinned, while they hold."""
    rows = store.rows(
        f"{FACT_ROWS} WHERE f.user_id = ? AND (f.subject_key, f.kind) IN (SELECT subject_key, kind FROM facts"
        " WHERE user_id = ? AND (pinned OR (subject_key = ? AND kind = 'name')))"
        " ORDER BY f.subject_key, f.kind, f.said_at, f.id",
        (user_id, user_id, USER),
    )
    return [item for item in with_ends(rows) if item.current and (item.pinned or _is_own_name(item))]


def _is_own_name(item: Fact) -> bool:
    return item.subject == USER and item.attribute == "name"


def about_user(store: Store, *, user_id: int) -> tuple[str, ...]:
    """One line for each thing that every prompt of this user says: name and pinned facts, then standing rules."""
    facts = [fact_line(item) for item in pinned_facts(store, user_id=user_id)[-_MOST_PINNED:]]
    rules = [rule_line(item.text) for item in rules_of(store, user_id=user_id)[-_MOST_RULES:]]
    return tuple(line[:_MOST_CHARACTERS] for line in [*facts, *rules])


def fact_line(item: Fact) -> str:
    """A fact in the beginning of a prompt."""
    whose = "" if item.subject == USER else f"{item.subject.removeprefix(_USERS)}, "
    return f"- {whose}{item.attribute}: {item.value}"


def rule_line(text: str) -> str:
    """A standing rule in the beginning of a prompt."""
    return f"- {text}"
