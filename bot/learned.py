"""The adapters of a home's users as terminal and Telegram show and change them: the same words, the same rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.locales import say
from bot.support import without_marks
from memory.records import User
from memory.turns import turn_by_id, withdraw_vote
from tuning.adapters import Adapter, Registry
from tuning.config import VotesConfig
from tuning.votes import Compared, Judged, RolledBack, compared, judge_turn, roll_back_if_worse


@dataclass(frozen=True)
class Shown:
    """An adapter and what was thought of it, and of the base model in the same time."""

    adapter: Adapter
    votes: Compared

    def line(self, *, language: str) -> str:
        """One line: id, status, votes."""
        own, base = self.votes.adapter, self.votes.base
        said = say(language, "adapter_votes", own=own.text(), base=base.text()) if own.all or base.all else ""
        why = f"  ({self.adapter.reason})" if self.adapter.reason else ""
        return f"{self.adapter.id}  {self.adapter.status:9}  {said}{why}".rstrip()


class Learned:
    """Shows, judges and rolls back; every change is one transaction."""

    def __init__(self, registry: Registry, config: VotesConfig) -> None:
        self._registry = registry
        self._config = config

    def adapters(self, user: User) -> Sequence[Shown]:
        """A user's adapters, newest first."""
        return [self._shown(item) for item in self._registry.list(user_id=user.id)]

    def show(self, adapter_id: str, user: User) -> Shown:
        """One of them.

        :raises FamiliarError: the user has none of that id
        """
        return self._shown(self._registry.show(adapter_id, user_id=user.id))

    def rollback(self, adapter_id: str, user: User) -> Adapter | None:
        """Let the one before the live adapter answer again, if it is still that one; gives what answers now."""
        with self._registry.store.transaction():
            live = self._registry.live(user.id)
            if live is None or live.id != adapter_id:
                return live
            return self._registry.rollback(user_id=user.id)

    def judge(
        self, turn_id: int, *, user: User, vote: Literal["up", "down"] | None = None, correction: str | None = None
    ) -> Judged:
        """Keep what a user thinks of a reply; an adapter whose replies are found worse no longer answers after it.

        :raises FamiliarError: the user has no turn of that id, or the correction is empty
        """
        registry, config = self._registry, self._config
        if correction is not None and turn_by_id(registry.store, turn_id, user_id=user.id).unsupported:
            correction = without_marks(correction)  # it may be a copy of what was shown
        return judge_turn(registry, turn_id, user_id=user.id, config=config, vote=vote, correction=correction)

    def withdraw(self, turn_id: int, vote: Literal["up", "down"], *, user: User) -> bool:
        """Take a vote back; False where another judgement holds by now."""
        return withdraw_vote(self._registry.store, turn_id, vote, user_id=user.id)

    def check(self) -> Sequence[RolledBack]:
        """Take adapters out of service that the votes speak against; call it when the program starts."""
        users = self._registry.store.users()
        found = [roll_back_if_worse(self._registry, user_id=user.id, config=self._config) for user in users]
        return [item for item in found if item is not None]

    def _shown(self, adapter: Adapter) -> Shown:
        return Shown(adapter, compared(self._registry.store, adapter))


def rolled_back_text(item: RolledBack, *, language: str) -> str:
    """Which adapter no longer answers, why in figures, and which does."""
    return say(
        language,
        "rolled_back",
        adapter=item.adapter,
        bad=item.votes.bad,
        all=item.votes.all,
        before_bad=item.before.bad,
        before_all=item.before.all,
        now=answering(item.now, language=language),
    )


def answering(adapter: str | None, *, language: str) -> str:
    """The name of what answers."""
    return adapter or say(language, "the_base_model")
