"""Who may talk to the bot: the owner pairs with a code once, others have an invitation or wait for the owner's word.

The code is kept until it is used, so that a restart does not change what was noted down. Whoever is not allowed is
answered once and reaches no handler. In groups only owner and members are heard, and a group has a memory of its
own: what somebody told in private can't surface there, because it belongs to another user.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from bot.invitations import Invitation, InvitedRole, find, has_used, use
from bot.locales import language_of
from bot.naming import clean_name, free_name
from memory.records import Profile, User
from memory.store import Store

_CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE_LENGTH = 8
_PAIRING = "pairing_code"
MOST_WRONG_CODES = 5
IGNORED_SECONDS = 900.0
_GROUP = "group:"

Answer = Literal["allowed", "paired", "invited", "unpaired", "wrong code", "wrong invitation", "waiting", "silence"]


@dataclass(frozen=True)
class Person:
    """A Telegram account; its name has been cleaned (`person_of`)."""

    telegram_id: int
    name: str
    language_code: str | None


def person_of(telegram_id: int, first_name: str, language_code: str | None) -> Person:
    """An account as it introduces itself, with a name that can be shown."""
    return Person(telegram_id, clean_name(first_name, instead=str(telegram_id)), language_code)


@dataclass(frozen=True)
class Admission:
    """What becomes of a message before any handler sees it; ``user`` is who wrote it, where known."""

    answer: Answer
    user: User | None = None
    invitation: int | None = None
    """By which they came in just now."""


def is_paired(store: Store) -> bool:
    """Whether the owner has a Telegram account."""
    owner = store.owner()
    return owner is not None and owner.telegram_id is not None


def pairing_code(store: Store) -> str:
    """The code that makes its sender the owner, made at the first call and kept until it is used."""
    with store.transaction():
        code = store.state(_PAIRING)
        if code is None:
            code = "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
            store.set_state(_PAIRING, code)
    return code


def by_telegram_id(store: Store, telegram_id: int) -> User | None:
    """The user with this Telegram account."""
    return store.user_by_telegram_id(telegram_id)


class Access:
    """Decides about everyone who writes.

    :param clock: seconds, to let those who guessed codes try again after a while
    :param customers: whether there is a customer desk, for which whoever writes in private is a guest
    """

    def __init__(self, store: Store, clock: Callable[[], float], *, customers: bool = False) -> None:
        self._store = store
        self._clock = clock
        self._customers = customers
        self._wrong: dict[int, list[float]] = {}
        self._greeted: set[int] = set()
        self._one_at_a_time = threading.Lock()  # two strangers of one name would be given the same

    def admit(self, person: Person, *, code: str | None = None, private: bool = True, wrote: bool = True) -> Admission:
        """Decide about one message; ``code``: what stands after /start. May be called from any thread.

        :param wrote: False for a pressed button, by which nobody is let in
        """
        with self._one_at_a_time:
            return self._admit(person, code, private=private, wrote=wrote)

    def _admit(self, person: Person, code: str | None, *, private: bool, wrote: bool) -> Admission:
        user = by_telegram_id(self._store, person.telegram_id)
        if user is not None and (user.role in ("owner", "member") or (user.role == "guest" and private and not code)):
            return Admission("allowed", user)
        if not (private and wrote) or (user is not None and user.role == "refused"):
            return Admission("silence", user)
        if not is_paired(self._store):
            return self._pair(person, code)
        if code:
            return self._invited(person, user, code)
        if self._customers:
            return Admission("allowed", self._customer(person, user))
        return Admission("silence", user) if user is not None else Admission("waiting", self._add(person))

    def _customer(self, person: Person, user: User | None) -> User:
        """Somebody new, or who has waited since before there was a desk, is a customer."""
        if user is None:
            return self._add(person, role="guest")
        user = replace(user, role="guest")
        self._store.update_user(user)
        return user

    def _invited(self, person: Person, user: User | None, code: str) -> Admission:
        """Somebody who waits, is a guest or is not known has sent a code."""
        as_before = Admission("allowed", user) if user is not None and user.role == "guest" else Admission("silence")
        if self._guesses(person.telegram_id) >= MOST_WRONG_CODES:
            return as_before
        now = datetime.now(UTC)
        with self._store.transaction():
            invitation = find(self._store, code, now=now)
            if invitation is not None and (user is None or self._is_raised(user, invitation)):
                return self._let_in(person, user, invitation, now)
        if invitation is None:
            self._wrong.setdefault(person.telegram_id, []).append(self._clock())
        return as_before if as_before.answer == "allowed" else Admission("wrong invitation", user)

    def _is_raised(self, user: User, invitation: Invitation) -> bool:
        return user.role != invitation.role and not has_used(self._store, invitation, user_id=user.id)

    def _let_in(self, person: Person, user: User | None, invitation: Invitation, now: datetime) -> Admission:
        if user is None:
            user = self._add(person, role=invitation.role)
        else:
            user = replace(user, role=invitation.role)
            self._store.update_user(user)
        use(self._store, invitation, user_id=user.id, now=now)
        return Admission("invited", user, invitation.id)

    def _pair(self, person: Person, code: str | None) -> Admission:
        if self._guesses(person.telegram_id) >= MOST_WRONG_CODES:
            return Admission("silence")
        if not code:
            first = person.telegram_id not in self._greeted
            self._greeted.add(person.telegram_id)
            return Admission("unpaired" if first else "silence")
        if not hmac.compare_digest(code.strip().upper().encode(), pairing_code(self._store).encode()):
            self._wrong.setdefault(person.telegram_id, []).append(self._clock())
            return Admission("wrong code")
        return Admission("paired", self._own(person))

    def _guesses(self, telegram_id: int) -> int:
        since = self._clock() - IGNORED_SECONDS
        recent = [at for at in self._wrong.get(telegram_id, ()) if at > since]
        if recent:
            self._wrong[telegram_id] = recent
        else:
            self._wrong.pop(telegram_id, None)
        return len(recent)

    def _own(self, person: Person) -> User:
        """Link the owner of the terminal to the account, or make the owner."""
        language = language_of(person.language_code)
        with self._store.transaction():
            owner = self._store.owner()
            if owner is None:
                owner = self._add(person, role="owner")
            else:
                profile = replace(owner.profile, language=language)
                owner = replace(owner, telegram_id=person.telegram_id, profile=profile)
                self._store.update_user(owner)
            self._store.set_state(_PAIRING, None)
        return owner

    def _add(self, person: Person, *, role: Literal["owner", "waiting", InvitedRole] = "waiting") -> User:
        # Names of groups and of customers have a colon, which a cleaned name has not: nobody takes over their memory.
        name = free_name(person.name, (user.name for user in self._store.users()), telegram_id=person.telegram_id)
        profile = Profile(language=language_of(person.language_code))
        return self._store.add_user(name, role=role, telegram_id=person.telegram_id, profile=profile)


def group_name(chat_id: int) -> str:
    """The name of the user whose memory a group's is."""
    return f"{_GROUP}{chat_id}"


def group_user(store: Store, chat_id: int, *, language: str) -> User:
    """Whose memory a group's conversation is: a user of its own, made at the first message."""
    name = group_name(chat_id)
    return store.user(name) or store.add_user(name, role="member", profile=Profile(language=language))


def outside_user(store: Store, kind: Literal["business", "summoned"], chat_id: int, *, language: str) -> User:
    """Whose history that of a customer, or of somebody who calls the bot elsewhere, is: a guest of its own."""
    name = f"{kind}:{chat_id}"
    return store.user(name) or store.add_user(name, role="guest", profile=Profile(language=language))
