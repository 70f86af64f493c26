"""A served home of Ada's, in which Bo is a member and Gus a guest, and clients with their tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import openai
import pytest

from bot.api.tokens import add_token
from memory.records import Message, Role, User
from tests.bot.web.bench import TOKEN, Bench
from tests.engine import ScriptedEngine

Reply = Callable[[tuple[Message, ...]], str]
WIFI = "The wifi password at the cabin is pinecone-42."
ASKED = "What is the wifi password at the cabin?"


@dataclass
class Home:
    """The home and the model that answers in it."""

    bench: Bench
    engine: ScriptedEngine
    clients: list[openai.OpenAI]

    def client(self, token: str = TOKEN) -> openai.OpenAI:
        """The official client with a token; it sends nothing twice."""
        made = openai.OpenAI(base_url=f"{self.bench.url}/v1", api_key=token, max_retries=0, timeout=20)
        self.clients.append(made)
        return made

    def person(self, name: str, *, guest: bool = False) -> tuple[User, openai.OpenAI]:
        """A further person with a client."""
        store = self.bench.store
        number = 100 + len(store.users())
        user = store.add_user(name, role="guest" if guest else "member", telegram_id=number)
        return user, self.client(add_token(store, user)[1])

    def configure(self, section: str, **values: Any) -> None:
        """Change settings, before anything has read them."""
        app = self.bench.app
        app.settings = replace(app.settings, **{section: replace(getattr(app.settings, section), **values)})

    def role(self, user: User, role: Role) -> None:
        """Make somebody something else."""
        self.bench.store.update_user(replace(user, role=role))

    def idle(self) -> bool:
        """Whether the model has nothing to do."""
        return len(self.engine.queue) == 0

    def kept(self) -> list[str]:
        """All that can be found."""
        return [row["text"] for row in self.bench.store.rows("SELECT text FROM chunks ORDER BY id")]

    def turns(self) -> int:
        """How many turns are stored."""
        return int(self.bench.store.rows("SELECT count(*) FROM turns")[0][0])


MakeHome = Callable[..., Home]


@pytest.fixture
def make_home(tmp_path: Path) -> Iterator[MakeHome]:
    """Makes the home, with a model that says what it is told to."""
    made: list[Home] = []

    def make(
        reply: Reply = lambda _: "It is pinecone-42 [1].",
        *,
        quality: float = 1.0,
        before_word: Callable[[str], None] = lambda _: None,
    ) -> Home:
        engine = ScriptedEngine(reply, before_word=before_word)
        made.append(Home(Bench(tmp_path / str(len(made)), engine=engine, quality=quality), engine, []))
        return made[-1]

    yield make
    for home in made:
        for client in home.clients:
            client.close()
        home.bench.close()


@pytest.fixture
def home(make_home: MakeHome) -> Home:
    """A home that knows the cabin's password, with a model that is trusted."""
    found = make_home()
    found.bench.document("cabin", WIFI)
    return found
