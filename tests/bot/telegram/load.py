"""Many people at once: how long each waits behind how many, whether memory stays flat, what a flood costs others.

The bot is a process of its own and talks to the loopback server. One engine answers one request at a time. Alone:
`python -m tests.bot.telegram.load --users 200 --turns 10000`, `--model smollm2-135m --turns 100`, `--flood`.
"""

from __future__ import annotations

import argparse
import heapq
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from memory.store import Store
from tests.bot.telegram.bench import OWNER
from tests.bot.telegram.chaos import Accounts, account
from tests.bot.telegram.watching import Wait, Watch, figures, percentile, ready_process, slope
from tests.telegram_api import TOKEN, Message, TelegramServer, UserDriver

TOKEN_SECONDS = 0.003
"""Of the scripted engine, whose replies have eight tokens."""
_BURSTS = (1, 1, 1, 2, 4, 8, 16, 32, 64)
_LEFT = (0, 0, 2, 5)
"""A burst of messages begins when so many are left unanswered of the one before."""
FLOODER = 999_999
Flood = Literal["none", "texts", "replies", "groups"]


@dataclass(frozen=True)
class Plan:
    """How many people write how much."""

    users: int
    turns: int
    model: str | None = None
    """A real model; None: the scripted engine."""
    seed: int = 1
    token_seconds: float = TOKEN_SECONDS
    warm_up: int = 1000
    """Turns before memory is looked at: caches fill, and every person has come once."""
    sample: int = 100
    """Turns between two looks at memory."""
    seconds: float = 1200.0
    """Everything must be answered after so long."""


@dataclass
class Load:
    """What came of a run."""

    waits: list[Wait]
    accounts: Accounts
    memory: list[tuple[int, float]] = field(default_factory=list)
    """Turns and resident megabytes, after the warm-up."""
    seconds: float = 0.0

    @property
    def slope(self) -> float:
        """Megabytes per thousand turns."""
        return slope(self.memory)

    def lines(self) -> list[str]:
        """The figures for a terminal."""
        found = self.accounts
        wrong = sum(count != 1 for count in found.in_turns.values())
        lines = [
            *figures(self.waits),
            f"{len(self.waits)} messages in {self.seconds:.0f} s; not answered {len(found.unanswered)},"
            f" not in exactly one turn {wrong}, shown twice {len(found.doubled)}, lost {len(found.missing)}",
        ]
        if len(self.memory) > 1:
            (first, low), (last, high) = self.memory[0], self.memory[-1]
            size = f"resident {low:.1f} MB after {first} turns, {high:.1f} MB after {last}"
            lines.append(f"{size}: {self.slope:+.2f} MB a thousand turns")
        return lines


def run_load(home: Path, server: TelegramServer, plan: Plan) -> Load:
    """Let people write in bursts of one to many, so that every queue length comes up; then look at what was stored."""
    people = add_people(home, server, plan.users)
    chances, watch = random.Random(plan.seed), Watch(server)
    load, chat_of = Load(watch.waits, Accounts()), dict[str, int]()
    began = time.monotonic()
    with running_bot(home, server, plan) as bot:
        while len(chat_of) < plan.turns:
            idle = [person for person in people if person.id not in watch.open]
            size = min(chances.choice(_BURSTS), len(idle), plan.turns - len(chat_of))
            for person in chances.sample(idle, size):
                word = f"word-{person.id}-{len(chat_of)}"
                chat_of[word] = person.id
                watch.send(person, asked(word))
                if len(chat_of) % plan.sample == 0 and len(chat_of) >= plan.warm_up:
                    load.memory.append((len(chat_of), bot.memory_info().rss / 1e6))
            watch.until(chances.choice(_LEFT), seconds=plan.seconds)
        watch.until(0, seconds=plan.seconds)
        load.seconds = time.monotonic() - began
    load.accounts = account(home, server, chat_of)
    return load


@dataclass(frozen=True)
class FloodPlan:
    """People who write again a while after each answer, and one who floods."""

    users: int = 20
    messages: int = 400
    """Of the people, all together; the first of each warms up and does not count."""
    flood: int = 500
    flood_seconds: float = 10.0
    """In which the flood is sent; 0: at once."""
    think_seconds: float = 1.0
    """At most, between an answer and the next message."""
    token_seconds: float = 0.01
    """More than in the load run, so that the engine is what people wait for, as with a real one."""
    seed: int = 1
    seconds: float = 300.0


class FloodRun:
    """The people and the flood of one run."""

    def __init__(self, home: Path, server: TelegramServer, plan: FloodPlan, kind: Flood) -> None:
        people = add_people(home, server, plan.users, FLOODER)
        self._home, self._server, self._plan = home, server, plan
        self._flooder, self._people = people.pop(), {person.id: person for person in people}
        self._chances, self._watch = random.Random(plan.seed), Watch(server)
        self._due: list[tuple[float, int]] = []
        self._flood = Flooding(server, self._flooder, kind)

    def run(self) -> list[float]:
        """Seconds that each of the people's messages waited for its whole reply."""
        plan, watch = self._plan, self._watch
        with running_bot(self._home, self._server, Plan(plan.users, 0, token_seconds=plan.token_seconds)):
            for id_ in self._people:
                self._write(id_)
            watch.until(0, seconds=plan.seconds)
            self._due = [(self._soon(), id_) for id_ in self._people]
            heapq.heapify(self._due)
            began = time.monotonic()
            while len(watch.waits) < plan.messages or watch.open:
                self._step(began)
                if time.monotonic() > began + plan.seconds:
                    raise TimeoutError(f"{len(watch.open)} messages were not answered within {plan.seconds} s")
        return [wait.done_s for wait in watch.waits[plan.users :]]

    def _step(self, began: float) -> None:
        """Send what is due, of the people and of the flood, and look who was answered."""
        with self._server.world.lock:
            self._server.world.changed.wait(0.005)
        now = time.monotonic()
        for _ in range(due_by(now - began, self._plan.flood, self._plan.flood_seconds) - self._flood.sent):
            self._flood.send()
        for wait in self._watch.look():
            heapq.heappush(self._due, (self._soon(), wait.chat))
        while self._due and self._due[0][0] <= now and len(self._watch.waits) < self._plan.messages:
            self._write(heapq.heappop(self._due)[1])

    def _soon(self) -> float:
        return time.monotonic() + self._chances.uniform(0, self._plan.think_seconds)

    def _write(self, id_: int) -> None:
        self._watch.send(self._people[id_], asked(f"word-{id_}-{len(self._watch.waits)}"))


def due_by(passed: float, count: int, seconds: float) -> int:
    """How many of so many messages, spread evenly over so many seconds, are sent when some have passed."""
    return count if passed >= seconds else int(count * passed / seconds)


class Flooding:
    """One person's messages: plain texts, replies, which are turns of their own, or requests in twenty groups."""

    def __init__(self, server: TelegramServer, person: UserDriver, kind: Flood) -> None:
        self._person, self._kind = person, kind
        self._groups = [server.group(-1_000_001 - number) for number in range(20)] if kind == "groups" else []
        self._first: Message | None = None
        self.sent = 0

    def send(self) -> None:
        """Write the next one; of no flood nothing is written."""
        text, self.sent = asked(f"word-0-{self.sent}"), self.sent + 1
        if self._kind == "none":
            return
        if self._groups:
            group = self._groups[self.sent % len(self._groups)]
            self._person.send(f"@familiar_test_bot {text}", chat=group)
            return
        written = self._person.send(text, reply_to=self._first if self._kind == "replies" else None)
        self._first = self._first or written


def asked(word: str) -> str:
    """A message that the model is asked to answer, and that becomes no memory."""
    return f"Write a line about {word}."


def add_people(home: Path, server: TelegramServer, count: int, *others: int) -> list[UserDriver]:
    """People who may talk to the bot, the owner first."""
    store = Store(home / "familiar.db")
    people = [server.user(id_, f"User{id_}") for id_ in (*range(OWNER, OWNER + count), *others)]
    for person in people:
        store.add_user(person.user.first_name, role="owner" if person.id == OWNER else "member", telegram_id=person.id)
    store.close()
    return people


@contextmanager
def running_bot(home: Path, server: TelegramServer, plan: Plan) -> Iterator[psutil.Process]:
    """The bot from when it is ready until it has ended."""
    module = [sys.executable, "-m", "tests.bot.telegram.load_bot", str(home), server.base_url, server.base_file_url]
    command = [*module, str(plan.token_seconds)]
    environment = dict(os.environ)
    if plan.model is not None:
        command = [sys.executable, "-m", "bot.cli", "--home", str(home), "run"]
        environment |= {
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "FAMILIAR_MODEL_NAME": plan.model,
            "FAMILIAR_TELEGRAM_API_URL": server.base_url,
            "FAMILIAR_TELEGRAM_FILE_URL": server.base_file_url,
        }
    with ready_process(command, home / "output.txt", environment) as process:
        yield psutil.Process(process.pid)


def flood_ratio(plan: FloodPlan, kind: Flood) -> tuple[float, float]:
    """The others' 95th percentile without and with a flood, in seconds, one run after the other."""
    found = []
    kinds: tuple[Flood, Flood] = ("none", kind)
    for each in kinds:
        with tempfile.TemporaryDirectory() as home, TelegramServer() as server:
            found.append(percentile(FloodRun(Path(home), server, plan, each).run(), 95))
    return found[0], found[1]


def main(arguments: Sequence[str]) -> int:
    """Run one kind of load and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--turns", type=int, default=10_000)
    parser.add_argument("--model", help="a real model instead of the scripted engine")
    parser.add_argument("--flood", choices=("texts", "replies", "groups"), help="others' waits beside one who floods")
    parser.add_argument("--pairs", type=int, default=3, help="with --flood: runs without and with it")
    parser.add_argument("--flood-seconds", type=float, default=FloodPlan.flood_seconds, help="in which it is sent")
    wanted = parser.parse_args(arguments)
    if wanted.flood:
        for seed in range(1, wanted.pairs + 1):
            alone, beside = flood_ratio(FloodPlan(seed=seed, flood_seconds=wanted.flood_seconds), wanted.flood)
            print(f"{wanted.flood}: p95 {alone:.3f} s without, {beside:.3f} s with: {beside / alone:.2f}", flush=True)
        return 0
    with tempfile.TemporaryDirectory() as home, TelegramServer() as server:
        tenth = wanted.turns // 10
        plan = Plan(wanted.users, wanted.turns, wanted.model, warm_up=tenth, sample=max(1, tenth // 10))
        load = run_load(Path(home), server, plan)
    print("\n".join(load.lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
