"""A small shop's desk in a home of its own: a handbook, a few tickets, scripted model, word embedder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from bot.assistant import Assistant, Voice
from bot.config import ChatConfig, DeskConfig, ModelConfig
from bot.desk.desk import Desk, DeskHome
from bot.desk.made_engines import NoAdapters, Says
from bot.turn_parts import Turns
from memory.config import ImportConfig, SearchConfig
from memory.desk import set_template, templates_of
from memory.embedding import Embedder
from memory.index import Indexes
from memory.ingest import Ingestor
from memory.records import Turn, User
from memory.search import Searcher
from memory.store import Store
from memory.turns import open_conversation
from tests.embedder import WordEmbedder
from tests.tuning.tiny import HARMLESS

HANDBOOK = """# Handbook

## Shipping

Shipping to Austria costs 8.50 euros.

## Gift wrapping

Gift wrapping costs 2.50 euros.
"""
SETUP = """
[[rules]]
name = "refunds"
kind = "never say"
forms = ["we|i ... refund*", "money_back"]

[[rules]]
name = "policy"
kind = "word for word"
forms = ["return|returns|exchange"]
text = "Unopened tea can be returned within 30 days."

[[topics]]
name = "law"
forms = ["lawyer"]

[hours]
zone = "UTC"
days = ["mon"]
"""
BILL = ["where is my bill", "send me the bill again", "I need the bill of my order", "bill for taxes please", "a bill"]
POST = ["where is my parcel", "the parcel is late", "track the parcel please", "parcel not here yet", "a parcel"]


def write_shop(folder: Path) -> Path:
    """The folder of the desk: setup, handbook and tickets."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "knowledge").mkdir(exist_ok=True)
    (folder / "knowledge" / "handbook.md").write_text(HANDBOOK, encoding="utf-8")
    (folder / "desk.toml").write_text(SETUP, encoding="utf-8")
    rows = [f'bill,{question},"Hi Anna, your bill is in your account.",Anna' for question in BILL]
    rows += [f'post,{question},"Hi Anna, parcels take three days.",Anna' for question in POST]
    text = "intent,question,reply,customer\n" + "\n".join(rows)
    (folder / "tickets.csv").write_text(text, encoding="utf-8")
    return folder


@dataclass
class Serving:
    """What reads memory now."""

    embedder: Embedder
    searcher: Searcher
    assistant: Turns


@dataclass
class Shop:
    """The open home with its desk; ``now`` is a Monday at ten."""

    folder: Path
    config: DeskConfig = field(default_factory=DeskConfig)
    now: datetime = datetime(2026, 11, 30, 10, tzinfo=UTC)
    engine: Says = field(default_factory=lambda: Says(""))
    trusted: bool = False

    def __post_init__(self) -> None:
        write_shop(self.folder / "shop")
        self.store = Store(self.folder / "familiar.db")
        if self.store.owner() is None:
            self.store.add_user("ann", role="owner")
        self.config = replace(self.config, enabled=True, folder=str(self.folder / "shop"), confidence=0.5)
        embedder = WordEmbedder(dimensions=256, key="words-256")
        indexes = Indexes(self.folder / "index", self.store, embedder_key=embedder.key, dimensions=256)
        searcher = Searcher(self.store, indexes, embedder, SearchConfig(threshold=0.0))
        self.ingestor = Ingestor(self.store, embedder, ImportConfig())
        voice = Voice(self.engine, NoAdapters(), ModelConfig(), trusted=self.trusted)
        assistant = Assistant(self.store, searcher, embedder, voice, chat=ChatConfig())
        serving = Serving(embedder, searcher, assistant)
        self.desk = Desk(
            DeskHome(
                store=self.store,
                config=self.config,
                import_=ImportConfig(),
                serving=lambda: serving,
                ingestor=lambda: self.ingestor,
                detectors=lambda: HARMLESS,
                now=lambda: self.now,
            )
        )

    def learned(self) -> Shop:
        """With handbook and tickets imported, and all templates approved."""
        list(self.ingestor.import_paths([self.folder / "shop" / "knowledge"], user_id=self.desk.user.id))
        self.desk.learn(self.folder / "shop" / "tickets.csv", agents=())
        for template in templates_of(self.store, user_id=self.desk.user.id):
            set_template(self.store, template.id, "approved", user_id=self.desk.user.id)
        return self

    def customer(self, name: str = "Kim Lee") -> User:
        """A customer of that name."""
        return self.store.user(name) or self.store.add_user(name, role="guest")

    def ask(self, text: str, name: str = "Kim Lee") -> Turn:
        """What becomes of a customer's message."""
        customer = self.customer(name)
        where = open_conversation(self.store, user_id=customer.id, channel="desk", chat_id=customer.id)
        return self.desk.turn(text, user=customer, conversation_id=where)
