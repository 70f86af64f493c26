"""Facts read by the language model between turns: a turn that begins interrupts the reading, which is done later.

Nothing is read until nobody has asked anything for a while, and the thread that reads has a low priority; so all that
a turn can wait for is the end of one step of the model.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice

from bot.engines.base import Engine
from bot.fact_reader import ModelReader
from memory.facts.by_model import Backlog, read_passage
from memory.facts.reading import Believed, Reader
from memory.records import User
from memory.reembedding import lower_priority
from memory.store import Store

QUIET_SECONDS = 20.0
"""Without a turn for so long, a conversation pauses: people who go on write within that time."""
_LOOK_SECONDS = 30.0
"""Between two looks whether something new was told or imported."""

OnRead = Callable[[Believed], None]


class FactReading:
    """Reads what the users of a home told and imported, until it is ended.

    :param engine: the language model, asked for when there is something to read
    :param wanted: whether the model is to read at all
    :param quiet_s: seconds without a turn before it reads
    """

    def __init__(
        self,
        store: Store,
        engine: Callable[[], Engine],
        *,
        wanted: Callable[[], bool],
        quiet_s: float = QUIET_SECONDS,
        look_s: float = _LOOK_SECONDS,
    ) -> None:
        self._store = store
        self._engine = engine
        self._wanted = wanted
        self._quiet_s = quiet_s
        self._look_s = look_s
        self._ended = threading.Event()
        self._give_way = threading.Event()
        self._counting = threading.Lock()
        self._turns = 0
        self._last_turn = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Somebody is being answered: what is being read is given up, and nothing is read until a while after."""
        with self._counting:
            self._turns += 1
            self._give_way.set()
        try:
            yield
        finally:
            with self._counting:
                self._turns -= 1
                self._last_turn = time.monotonic()
                if not self._turns and not self._ended.is_set():
                    self._give_way.clear()

    def end(self) -> None:
        """Give up what is being read, for good."""
        with self._counting:
            self._ended.set()
            self._give_way.set()

    def run(self) -> int:
        """Read at low priority until `end`; returns how many passages were read. Does nothing where it is not wanted.

        :raises FamiliarError: the model can't be run, or the database can't be written
        """
        if not self._wanted():
            return 0
        lower_priority()
        backlogs: dict[int, Backlog] = {}
        read = 0
        while not self._ended.is_set():
            before = read
            for user in self._store.users():
                if user.role in ("owner", "member"):
                    backlog = backlogs.setdefault(user.id, Backlog(self._store, user_id=user.id))
                    read += sum(1 for _ in islice(self._read(backlog), 1))  # one each, so that nobody waits for another
            if read == before:
                self._ended.wait(self._look_s)
        return read

    def read_now(self, user: User) -> Iterator[Believed]:
        """Read all of one user's passages that are left, giving what is believed of each as it is stored.

        :raises FamiliarError: the model can't be run, or the database can't be written
        """
        if self._wanted():
            yield from self._read(Backlog(self._store, user_id=user.id))

    def _read(self, backlog: Backlog) -> Iterator[Believed]:
        while self._is_quiet() and (passage := backlog.next()) is not None:
            reader: Reader = ModelReader(self._engine(), cancel=self._give_way)
            found = read_passage(self._store, reader, passage, user_id=backlog.user_id)
            if found is not None:
                backlog.done(passage)
                yield found

    def _is_quiet(self) -> bool:
        """Wait for a pause; False where it was ended."""
        while not self._ended.is_set():
            with self._counting:
                left = self._last_turn + self._quiet_s - time.monotonic() if self._last_turn else 0.0
                if not self._turns and left <= 0:
                    return True
            self._ended.wait(max(left, 0.05))
        return False
