"""People spread over several homes: where each is, where new ones come, and how one moves with all that is theirs.

Where somebody is served is a fact of the homes, not of the hash: this only says where a new person comes. So a home
can be added at any time, and who would belong there by the hash stays where they are until they are moved.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.private import DATABASE
from memory.erasure import Eraser, forget_everything
from memory.errors import FamiliarError, UsageError
from memory.home_lock import HomeLock
from memory.moving import ADAPTERS, Moved, Step, check, copy_user, gone, let_go, note_erased, settle
from memory.reapply import erase_in_backups
from memory.records import User
from memory.sharding import home_for
from memory.store import Store
from tuning.adapters import AdapterEraser, Registry

_SERVED = ("owner", "member", "guest", "waiting")


@dataclass(frozen=True)
class Placed:
    """Where a person is."""

    name: str
    telegram_id: int | None
    home: Path
    by_hash: Path
    """Where they would come as somebody new."""


def homes_of(setting: str, home: Path) -> tuple[Path, ...]:
    """The homes of [shards]; the one in use where none are named.

    :raises UsageError: one is named twice
    """
    named = [Path(part.strip()).expanduser() for part in setting.split(",") if part.strip()]
    if len(set(named)) < len(named):
        raise UsageError(f"[shards] homes is {setting!r}; each home must be named once")
    return tuple(named) or (home,)


def hash_home(person: str, homes: Sequence[Path]) -> Path:
    """Where somebody new comes."""
    return Path(home_for(person, [str(home) for home in homes]))


def placed(homes: Sequence[Path]) -> Iterator[Placed]:
    """Everyone who is served, home by home.

    :raises FamiliarError: a home can't be opened
    """
    for home in homes:
        with _open(home) as store:
            people = [user for user in store.users() if user.role in _SERVED]
        for user in people:
            yield Placed(user.name, user.telegram_id, home, hash_home(_person(user), homes))


def find(person: str, homes: Sequence[Path]) -> Placed | None:
    """Where somebody is served, by name or by the number of their Telegram account; None: nowhere yet.

    :raises FamiliarError: a home can't be opened, or two have somebody of that name
    """
    found = [item for item in placed(homes) if person in (item.name, str(item.telegram_id))]
    if len(found) > 1:
        where = ", ".join(str(item.home) for item in found)
        raise FamiliarError(f"{person} is in {where}; name one of them by the number of the Telegram account")
    return found[0] if found else None


def unfinished(person: str, homes: Sequence[Path]) -> Moved | None:
    """A move that was killed after the person was served elsewhere, and before nothing was left behind."""
    for home in homes:
        with _open(home) as store:
            user = _user(store, person)
            left = gone(store, user) if user is not None else None
        if user is not None and left is not None and not left.erased:
            return Moved(user.name, home, left.home, 0, 0)
    return None


def _user(store: Store, person: str) -> User | None:
    by_number = store.user_by_telegram_id(int(person)) if person.isdecimal() else None
    return store.user(person) or by_number


def _person(user: User) -> str:
    return str(user.telegram_id or user.name)


@contextlib.contextmanager
def _open(home: Path, *, alone: bool = False) -> Iterator[Store]:
    """A home's database, with what a move left half done in it settled."""
    if not (home / DATABASE).is_file():
        raise FamiliarError(f"{home} is no home of Familiar: it has no {DATABASE}; `familiar --home {home} doctor`")
    lock = HomeLock(home, alone=alone)
    try:
        with contextlib.closing(Store(home / DATABASE)) as store:
            settle(store)
            yield store
    finally:
        lock.release()


def move(person: str, source_home: Path, target_home: Path, *, step: Step = lambda _: None) -> Moved:
    """Move somebody with all that is theirs; a move that was killed is finished by the same call.

    :raises FamiliarError: a home is open elsewhere (a bot, a chat, an import, a tune), or they can't move (`check`)
    """
    source_home, target_home = source_home.absolute(), target_home.absolute()
    if source_home == target_home:
        raise FamiliarError(f"{person} is in {source_home} already")
    with _open(source_home, alone=True) as source, _open(target_home, alone=True) as target:
        user = _user(source, person)
        if user is None:
            raise FamiliarError(f"{source_home} has no user {person}; `familiar shard list` shows who is where")
        rows = adapters = 0
        left = gone(source, user)
        if left is None:
            check(source, target, user)
            token, rows, adapters = copy_user(source, target, user, step=step)
            step("let go")
            let_go(source, target_home, user, token)
        elif left.erased or left.home != target_home:
            raise FamiliarError(f"{person} has moved to {left.home}; move them from there")
        step("serve")
        settle(target)
        step("erase")
        _erase(source, source_home, user.id, step=step)
    return Moved(user.name, source_home, target_home, rows, adapters)


def _erase(store: Store, home: Path, user_id: int, *, step: Step) -> None:
    """Erase what was left behind: tables, words, index, adapters, backups, and the bytes on disk."""

    def erasers_of(copy: Store) -> Sequence[Eraser]:
        return [AdapterEraser(Registry(copy, home / ADAPTERS))]

    forget_everything(store, None, user_id=user_id, erasers=erasers_of(store))
    step("scrub")
    with store.transaction() as db:
        db.execute("DELETE FROM adapters WHERE user_id = ?", (user_id,))
    for file in (home / "index").glob(f"{user_id}.*"):
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    store.scrub()
    Registry(store, home / ADAPTERS).recover()
    erase_in_backups(store, home, erasers_of=erasers_of)
    step("note")
    note_erased(store, user_id)
