"""A home with something of everything, served on a free port of this machine."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
import uvicorn

from bot.app import App
from bot.config import ModelConfig, Secret, Settings, TelegramConfig
from bot.engines.base import Engine
from bot.web.guard import Access
from bot.web.server import Address, application, config_of, listen
from bot.web.visit import Checkup, Site
from memory.facts.store import learn_document
from memory.records import NewDocument, Passage, Profile, User
from memory.reminders import Destination, NewReminder, add_reminder
from memory.store import Store, utc_now
from memory.turns import open_conversation
from tests.embedder import WordEmbedder
from tests.engine import ScoringEngine
from tests.tuning.tiny import HARMLESS, add_dialogue
from tuning.adapters import Outcome
from tuning.gate import Check
from tuning.job import BaseModel

TOKEN = "a-token-of-the-tests"
SECRET = "123456:never-to-be-shown"
CHECKS = (
    Check("held-out loss", 0.82, 0.99, True, "loss on kept examples over that without: 0.82, at most 0.99"),
    Check("facts copied", 1.0, 0.8, True, "facts copied from a given memory: 1, at least 0.8"),
)


class Bench:
    """One home and its page; `close` ends both."""

    def __init__(
        self,
        folder: Path,
        *,
        user: str | None = None,
        language: str = "en",
        names: tuple[str, ...] = (),
        engine: Engine | None = None,
        quality: float = 1.0,
    ) -> None:
        settings = Settings(
            model=ModelConfig(name="smollm2-135m", folder=str(folder / "models")),
            telegram=TelegramConfig(token=Secret(SECRET)),
        )
        settings = replace(settings, import_=replace(settings.import_, max_file_mb=1))
        self.app = App(folder / "home", settings)
        self.engine = ScoringEngine(lambda _: "A story from the base.")
        self.base = model_files(folder / "base")
        ready = _ready(self.base, quality)
        parts = {"embedder": WordEmbedder(), "engine": engine or self.engine, "base_model": ready}
        self.app.__dict__.update(parts)
        self.app.tunes.__dict__["detectors"] = HARMLESS
        self.ada = self.app.store.add_user("ada", role="owner", profile=Profile(language=language))
        self._serve(user, names)

    def _serve(self, user: str | None, names: tuple[str, ...]) -> None:
        listening = listen(Address("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        self.access = Access(Secret(TOKEN), "127.0.0.1", names, cookie=f"familiar_{self.port}")
        site = Site(self.app, user, self.access, Checkup(self.app))
        self._server = uvicorn.Server(config_of(application(site)))
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve(sockets=[listening])), name="web", daemon=True
        )
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def store(self) -> Store:
        """Its database."""
        return self.app.store

    def close(self) -> None:
        """Stop as a signal does, and close the home."""
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()
        self.app.close()

    def client(self, *, token: str | None = TOKEN) -> httpx.Client:
        """A client that sends the token as scripts do."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=20)

    # -- filling

    def document(
        self, title: str, text: str, *, user: User | None = None, source: str | None = None, at: str | None = None
    ) -> int:
        """A note with what it states."""
        owner, embedder = user or self.ada, WordEmbedder()
        with self.store.transaction():
            made = self.store.add_document(
                NewDocument(source or f"/notes/{title}.md", title, "markdown", f"sha {title} {text}", text, at=at),
                [Passage(text, 0, len(text))],
                embedder.embed_passages([text]),
                user_id=owner.id,
                embedder=embedder.key,
            )
            learn_document(self.store, made.id, user_id=owner.id)
        return made.id

    def turn(self, text: str, *, user: User | None = None, channel: str = "terminal") -> int:
        """A turn as the assistant stores it."""
        owner = user or self.ada
        conversation = open_conversation(self.store, user_id=owner.id, channel=channel)
        return self.app.assistant.turn(text, user=owner, conversation_id=conversation).id

    def dialogue(self, *, user: User | None = None, count: int = 6) -> int:
        """A talk whose replies are training examples."""
        return add_dialogue(self.store, user_id=(user or self.ada).id, count=count).id

    def reminder(self, text: str) -> int:
        """A reminder far ahead."""
        due = datetime(2999, 1, 1, 9, tzinfo=UTC)
        new = NewReminder(f"test:{text}", text, due, "Europe/Berlin", Destination("terminal"))
        return add_reminder(self.store, new, user_id=self.ada.id).id

    def adapter(self, *, user: User | None = None, checks: tuple[Check, ...] = CHECKS) -> str:
        """A trained adapter that answers now, with its curve; the one before is retired."""
        owner, registry = user or self.ada, self.app.registry
        begun = registry.begin(user_id=owner.id, base=self.base, examples=[], started_by="hand")
        begun.folder.mkdir(parents=True)
        (begun.folder / "adapter_model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
        (begun.folder / "adapter_config.json").write_text("{}", encoding="utf-8")
        lines = [{"kind": "training", "step": step, "loss": 3.0 / step, "rate": 0.001} for step in range(1, 21)]
        lines += [{"kind": "validating", "step": step, "loss": 3.2 / step} for step in (10, 20)]
        curve = "".join(json.dumps(line) + "\n" for line in lines)
        (begun.folder.parent / "curves.jsonl").write_text(curve, encoding="utf-8")
        manifest = json.dumps({"recipe": {"method": "lora", "rank": 16, "learning_rate": 0.001, "epochs": 3}})
        failed = [check.sentence for check in checks if not check.passed]
        outcome = Outcome("rejected" if failed else "live", "; ".join(failed) or None, checks, manifest)
        return registry.finish(begun.id, outcome, user_id=owner.id).id

    def undelivered(self, text: str, *, user: User | None = None) -> None:
        """A message of the bot that may not have arrived, and one update that waits."""
        owner = (user or self.ada).id
        with self.store.transaction() as db:
            reply = db.execute(
                "INSERT INTO telegram_replies (chat_id, private, user_id, at) VALUES (7, 1, ?, ?)", (owner, utc_now())
            ).lastrowid
            db.execute(
                "INSERT INTO telegram_outbox (reply_id, user_id, position, text, state, at)"
                " VALUES (?, ?, 0, ?, 'unknown', ?)",
                (reply, owner, text, utc_now()),
            )
            db.execute(
                "INSERT INTO telegram_inbox (update_id, user_id, payload, state, received_at)"
                " VALUES (?, ?, '{}', 'waiting', ?)",
                (1000 + (reply or 0), owner, utc_now()),
            )


def model_files(folder: Path) -> BaseModel:
    """A base model of which only what adapters are compared by is there."""
    folder.mkdir(parents=True)
    (folder / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    return BaseModel("scripted", folder, "sha-of-the-base")


def _ready(base: BaseModel, quality: float) -> object:
    entry = SimpleNamespace(answer_quality=quality)
    return SimpleNamespace(name=base.name, path=base.folder, sha256=base.sha256, revision="1", entry=entry)
