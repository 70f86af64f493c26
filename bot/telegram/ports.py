"""What the bot needs of the rest, as one frozen record of small Protocols: it is filled once, by the program or a test.

Everything here is synchronous and may take long; the bot calls it in worker threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.config import Settings
from bot.context import Given
from bot.desk.desk import Desk as CustomerDesk
from bot.hearing import Recording
from bot.influence import Influence, Missing
from bot.learned import Learned
from bot.seeing import Seen
from bot.taste import Taste
from bot.turn_parts import Turns
from memory.candidates import Candidates
from memory.notes import KeptNote, NewNote
from memory.records import Citation, Found, Receipt, Turn, User
from memory.store import Store
from tuning.preparing import Prepared

ReadPage = Callable[[str], Given]
"""Reads what an address leads to; raises PageError where it can't be read, or must not be."""


class ImportBytes(Protocol):
    """Takes in a file that was sent."""

    def __call__(
        self,
        name: str,
        data: bytes,
        *,
        user: User,
        me: str | None,
        learn_from: str | None,
        on_share: Callable[[float], None] = ...,
    ) -> Receipt:
        """Import one file; what goes wrong with it stands in the receipt.

        ``on_share`` is told, from any thread, which share of its passages is embedded.
        """
        ...


class KeepNote(Protocol):
    """Keeps notes."""

    def __call__(self, new: NewNote, *, user: User, stored: Callable[[KeptNote], None]) -> KeptNote:
        """Store a note; ``stored`` is called in the transaction that does, which what it raises undoes."""
        ...


class Search(Protocol):
    """Finds passages, as a turn does."""

    def __call__(self, words: str, *, user: User, k: int, own: bool = False) -> Found:
        """The best ``k``; ``own``: none of the shared knowledge bases."""
        ...


class Summary(Protocol):
    """A summary and its sources."""

    @property
    def text(self) -> str:
        """What is shown."""
        ...

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Its numbered sources."""
        ...


class Summarize(Protocol):
    """Summarises a user's memory."""

    def __call__(self, *, user: User, about: str | None, since: str | None) -> Summary:
        """Summarise all of it, a topic, or what is new since a day."""
        ...


class Forget(Protocol):
    """Erases what a user wants forgotten; exactly one of the three is given."""

    def __call__(self, *, user: User, document: int | None, turn: int | None, text: str | None) -> object:
        """Erase it everywhere, or nothing of it."""
        ...


class ReplaceTurn(Protocol):
    """Erases a turn whose message was changed; called in the transaction that stores the one in its place."""

    def __call__(self, turn_id: int, *, by: int, user: User) -> object:
        """Erase it everywhere but in turn ``by``, which may say the same words again."""
        ...


class Erase(Protocol):
    """Erases what a person leaves behind."""

    def turns(self, user: User, turn_ids: Sequence[int]) -> object:
        """Erase these turns everywhere."""
        ...

    def everything(self, user: User) -> object:
        """Erase all that is the user's."""
        ...


class Check(Protocol):
    """One check of a new adapter."""

    @property
    def passed(self) -> bool:
        """Whether it was passed."""
        ...

    @property
    def sentence(self) -> str:
        """The check for a person."""
        ...


class Tuned(Protocol):
    """What came of a tune."""

    @property
    def adapter(self) -> str | None:
        """The new adapter's name."""
        ...

    @property
    def status(self) -> str:
        """ "live", "rejected", "skipped" or "failed"."""
        ...

    @property
    def reason(self) -> str | None:
        """Why it was not put live."""
        ...

    @property
    def gate(self) -> Sequence[Check]:
        """The checks, in order."""
        ...


class Tune(Protocol):
    """Trains an adapter for a user."""

    def __call__(
        self,
        user: User,
        *,
        started_by: Literal["hand", "schedule"],
        on_progress: Callable[[str], None],
        cancel: threading.Event,
    ) -> Tuned:
        """Train, check and put live; ``on_progress`` gets a line now and then, ``cancel`` ends the training."""
        ...


class Reading(Protocol):
    """Reads facts by the language model while nobody is answered."""

    def run(self) -> int:
        """Read until the end; gives the number of passages."""
        ...

    def end(self) -> None:
        """End soon, and do not begin again."""
        ...


class Explain(Protocol):
    """Says what carried a reply."""

    def missing(self, turn: Turn) -> Missing | None:
        """Why that can't be computed, if it can't; at once."""
        ...

    def influence(self, turn: Turn) -> Influence:
        """Compute it, which takes a while."""
        ...


class SecondAnswer(Protocol):
    """Writes another answer to choose from."""

    def __call__(self, turn: Turn, *, user: User) -> Candidates | None:
        """Both answers, or None where there is nothing to ask about."""
        ...


class Look(Protocol):
    """Reads and describes pictures."""

    def __call__(self, pictures: Sequence[bytes], *, question: str) -> tuple[Seen, ...]:
        """What is known of each; ``question``: what the user wants to know of them, or nothing."""
        ...


class Transcribe(Protocol):
    """Writes down what is said in a recording."""

    def __call__(self, recording: Recording, *, cancel: threading.Event) -> str:
        """What is said (`bot.hearing.Transcriber`); ``cancel`` ends it soon."""
        ...


@dataclass(frozen=True)
class Names:
    """What answers."""

    model: str = ""
    embedder: str = ""
    version: str = ""


def no_second_answer(turn: Turn, *, user: User) -> Candidates | None:
    """Never offers one."""
    del turn, user
    return None


@dataclass(frozen=True)
class Services:
    """Everything the bot talks to."""

    store: Store
    assistant: Turns
    import_bytes: ImportBytes
    keep_note: KeepNote
    search: Search
    summarize: Summarize
    forget: Forget
    replace_turn: ReplaceTurn
    erase: Erase
    tune: Tune
    tune_due: Callable[[User], bool]
    """Whether a tune of this user should start by itself now."""
    fact_reading: Reading
    """Reads facts between turns."""
    examples: Callable[[User], Prepared]
    """What a tune of this user would learn from, and what is left out."""
    reembed: Callable[[threading.Event], int]
    """Embeds what another embedder has embedded, until the event is set; gives the number of passages."""
    live_adapter: Callable[[User], str | None]
    """The name of the adapter that answers this user; None: the base model."""
    look: Look
    transcribe: Transcribe
    explainer: Explain
    learned: Learned
    settings: Settings
    clock: Callable[[], float]
    """Seconds, only ever growing."""
    names: Callable[[], Names] = Names
    """What answers now."""
    second_answer: SecondAnswer = no_second_answer
    """Another answer to a turn, to choose from."""
    customers: CustomerDesk | None = None
    """None: there is no customer desk, as the owner has not switched it on."""
    taste: Taste | None = None
    """None: nothing is recommended, as the owner has not switched it on."""
    read_page: ReadPage | None = None
    """None: links are text, as the owner has not switched them on."""
