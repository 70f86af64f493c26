"""A bad day: many people write while calls fail, updates come twice and in disorder, and the bot is killed again
and again. What is checked afterwards holds for every message: `account`.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from memory.store import Store
from tests.bot.telegram.bench import OWNER
from tests.telegram_api import (
    BadNetwork,
    Fault,
    GroupDriver,
    NoAnswer,
    Refusal,
    TelegramServer,
    TooManyRequests,
)

ROOT = Path(__file__).parents[3]
_FAULTS: Mapping[Fault, float] = {
    TooManyRequests(retry_after=1): 0.05,
    Refusal(502, "Bad Gateway"): 0.05,
    NoAnswer(delivered=False, seconds=3.0): 0.05,
    NoAnswer(delivered=True, seconds=3.0): 0.05,
}
_METHODS = ("sendMessage", "editMessageText", "sendMessageDraft", "sendChatAction")
_WORD = re.compile(r"word-\d+-\d+")
_TURN = re.compile(r"\(turn (\d+)\)")


@dataclass(frozen=True)
class Plan:
    """How bad the day is."""

    messages: int
    users: int
    kills: int
    seed: int = 1
    seconds: float = 600.0
    """Everything must be answered after so long."""


@dataclass
class Accounts:
    """What became of everything that was written."""

    messages: int = 0
    unanswered: list[int] = field(default_factory=list)
    """Updates that are not done, or not by a reply."""
    in_turns: Counter[str] = field(default_factory=Counter)
    """Words written, and in how many stored turns each stands."""
    doubled: list[int] = field(default_factory=list)
    """Turns whose reply a chat shows more than once."""
    out_of_order: list[int] = field(default_factory=list)
    """Chats whose replies do not come in the order of their messages."""
    unknown: int = 0
    """Messages of the bot of which it can't know whether they arrived."""
    missing: list[int] = field(default_factory=list)
    """Turns that no chat shows although the bot takes them as delivered."""
    unannounced: list[int] = field(default_factory=list)
    """Replies that may not have arrived, and whose reader was not told."""
    faults: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def lines(self) -> list[str]:
        """The figures for a terminal."""
        wrong = sum(count != 1 for count in self.in_turns.values())
        return [
            f"messages {self.messages}, in {self.seconds:.0f} s; faults: {self.faults}",
            f"not answered {len(self.unanswered)}, not in exactly one turn {wrong}, shown twice {len(self.doubled)},"
            f" out of order in {len(self.out_of_order)} chats, lost {len(self.missing)}",
            f"outcome unknown {self.unknown}, of these not announced {len(self.unannounced)}",
        ]


class BadDay:
    """Runs a plan in a home against a server."""

    def __init__(self, home: Path, server: TelegramServer, plan: Plan) -> None:
        self._home, self._server, self._plan = home, server, plan
        self._random = random.Random(plan.seed)
        self._people = [server.user(OWNER + number, f"User{number}") for number in range(plan.users)]
        self._groups: list[GroupDriver] = []
        self.chat_of: dict[str, int] = {}

    def run(self) -> Accounts:
        """Write everything, kill the bot now and then, wait until all is quiet, and look."""
        self._allow_everyone()
        started = time.monotonic()
        network = BadNetwork(_FAULTS, methods=_METHODS, seed=self._plan.seed)
        with self._server.world.lock:
            self._server.world.faults.network = network
            self._server.world.disorder = random.Random(self._plan.seed)
        self._write_and_kill()
        with self._bot():
            self._wait_until_quiet()
        found = account(self._home, self._server, self.chat_of)
        found.seconds = time.monotonic() - started
        found.faults = {type(fault).__name__ + _detail(fault): count for fault, count in network.happened.items()}
        return found

    def _allow_everyone(self) -> None:
        store = Store(self._home / "familiar.db")
        for number, person in enumerate(self._people):
            role = "member" if number else "owner"
            store.add_user(person.user.first_name, role=role, telegram_id=person.id)  # type: ignore[arg-type]
        store.close()
        self._groups = [self._server.group(-1000 - number) for number in range(max(1, self._plan.users // 10))]

    def _write_and_kill(self) -> None:
        share = self._plan.messages // (self._plan.kills + 1)
        written = 0
        for part in range(self._plan.kills + 1):
            last = part == self._plan.kills
            count = self._plan.messages - written if last else share
            with self._bot(kill=not last) as bot:
                for number in range(written, written + count):
                    self._write(number)
                    time.sleep(self._random.expovariate(60.0))
                written += count
                bot.wait_some(self._random.uniform(0.0, 2.0))

    def _write(self, number: int) -> None:
        person = self._random.choice(self._people)
        word = f"word-{person.id}-{number}"
        in_group = self._random.random() < 0.1
        group = self._random.choice(self._groups) if in_group else None
        if self._random.random() < 0.05:
            self._server.deliver_twice()
        said = person.send(f"@familiar_test_bot tell {word}" if group else f"tell {word}", chat=group)
        self.chat_of[word] = said.chat.id

    @contextmanager
    def _bot(self, *, kill: bool = False) -> Iterator[Bot]:
        command = [sys.executable, "-m", "tests.bot.telegram.chaos_bot", str(self._home)]
        command += [self._server.base_url, self._server.base_file_url]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            while "ready" not in (line := process.stdout.readline()):
                assert line, "the bot ended before it was ready"
            try:
                yield Bot(process)
            finally:
                process.kill() if kill else process.terminate()
                process.wait(30)

    def _wait_until_quiet(self) -> None:
        deadline = time.monotonic() + self._plan.seconds
        store = Store(self._home / "familiar.db")
        try:
            while self._server.pending_updates() or open_rows(store) or unannounced(store):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not quiet after {self._plan.seconds} s: {open_rows(store)} open")
                time.sleep(0.3)
        finally:
            store.close()


@dataclass(frozen=True)
class Bot:
    """A running bot."""

    process: subprocess.Popen[str]

    def wait_some(self, seconds: float) -> None:
        """Let it work for so long."""
        time.sleep(seconds)


def open_rows(store: Store) -> int:
    """Updates not handled and messages not delivered."""
    waiting = store.rows("SELECT count(*) FROM telegram_inbox WHERE state = 'waiting'")[0][0]
    return int(waiting + store.rows("SELECT count(*) FROM telegram_outbox WHERE state IN ('waiting', 'sending')")[0][0])


def unannounced(store: Store) -> list[int]:
    """Replies that may not have arrived and of which no announcement was written."""
    rows = store.rows(
        "SELECT id FROM telegram_replies r WHERE id IN (SELECT reply_id FROM telegram_outbox WHERE state = 'unknown')"
        " AND coalesce(\"key\", '') NOT LIKE 'again:%'"
        " AND NOT EXISTS (SELECT 1 FROM telegram_replies WHERE \"key\" = 'again:' || r.id)"
    )
    return [row["id"] for row in rows]


def account(home: Path, server: TelegramServer, chat_of: dict[str, int]) -> Accounts:
    """Hold what people wrote, what is stored and what the chats show against each other."""
    store = Store(home / "familiar.db")
    found = Accounts(messages=len(chat_of), in_turns=Counter(dict.fromkeys(chat_of, 0)))
    rows = store.rows("SELECT update_id FROM telegram_inbox WHERE state <> 'done' OR reply_id IS NULL")
    found.unanswered = [row["update_id"] for row in rows]
    turns = store.rows("SELECT id, user_text FROM turns ORDER BY id")
    for turn in turns:
        found.in_turns.update(_WORD.findall(turn["user_text"]))
    shown = {chat: _turns_shown(server, chat) for chat in set(chat_of.values())}
    times = Counter(turn for turns_shown in shown.values() for turn in turns_shown)
    found.doubled = [turn for turn, count in times.items() if count > 1]
    found.out_of_order = [chat for chat, order in shown.items() if order != sorted(order)]
    unknown = store.rows(
        "SELECT reply_id, turn_id FROM telegram_outbox o JOIN telegram_replies r ON r.id = reply_id"
        " WHERE o.state = 'unknown'"
    )
    found.unknown = len(unknown)
    excused = {row["turn_id"] for row in unknown}
    found.missing = [row["id"] for row in turns if row["id"] not in times and row["id"] not in excused]
    found.unannounced = unannounced(store)
    store.close()
    return found


def _turns_shown(server: TelegramServer, chat: int) -> list[int]:
    """Numbers of the turns whose replies a chat shows, in order."""
    return [int(number) for message in server.replies(chat) for number in _TURN.findall(message.text)]


def _detail(fault: object) -> str:
    return {True: " after", False: " before"}[fault.delivered] if isinstance(fault, NoAnswer) else ""
