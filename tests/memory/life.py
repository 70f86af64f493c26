"""A home in which something of every kind has happened: imported, asked, answered, summarised, judged, tuned."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from bot.assistant import Assistant, Voice
from bot.config import ChatConfig, ModelConfig
from bot.engines.base import AdapterFiles
from bot.summaries import Summarizer
from memory.backup import Backup, make_backup
from memory.candidates import Answer, keep_candidates
from memory.config import ImportConfig, SearchConfig
from memory.index import Indexes
from memory.ingest import ImportOptions, Ingestor
from memory.records import Profile, User
from memory.reminders import Destination, NewReminder, add_reminder
from memory.search import Searcher
from memory.store import Store
from memory.turns import give_feedback, open_conversation, turn_by_id
from tests.embedder import WordEmbedder
from tests.engine import ScriptedEngine
from tests.tuning.tiny import CONFIG, EASY, HARMLESS, PERSONA, dialogue_rows, tiny_base
from tuning.adapters import AdapterEraser, Registry
from tuning.tune import TuneRequest, run_tune

SECRET = "The vault code at the lighthouse is quexzil-8842771936 and Ottomarina keeps the spare key."
CHINESE = "灯塔保险箱的密码是鹮鸼龘靐八八四二，备用钥匙由龘靐保管。"
OTHER_SECRET = "Bo hides the harbour ticket brillwax-5519 in the blue tin."
FERRY = "The ferry leaves at nine every morning from the north pier."

QUESTIONS = (
    "What is the vault code at the lighthouse, and who keeps the spare key?",
    "灯塔保险箱的密码是什么？备用钥匙由谁保管？",
    "And the ferry?",
    "Thank you!",
)


class NoAdapter:
    """Nobody's replies come from an adapter."""

    def live(self, user_id: int) -> AdapterFiles | None:
        """None for everyone."""
        del user_id
        return None


@dataclass
class Life:
    """The open home, and what the tests look for in it."""

    home: Path
    store: Store
    user_id: int
    other_id: int
    shared_id: int
    secret: str = SECRET
    chinese: str = CHINESE
    other_secret: str = OTHER_SECRET
    turns: list[int] = field(default_factory=list)
    embedder: WordEmbedder = field(default_factory=WordEmbedder)

    def user(self, profile: Profile | None = None) -> User:
        """The owner, with another profile where one is given."""
        found = next(item for item in self.store.users() if item.id == self.user_id)
        return replace(found, profile=profile or found.profile)

    @property
    def indexes(self) -> Indexes:
        """The indexes as a new process opens them."""
        key, dimensions = self.embedder.key, self.embedder.dimensions
        return Indexes(self.home / "index", self.store, embedder_key=key, dimensions=dimensions)

    def searcher(self) -> Searcher:
        """Search over this home."""
        return Searcher(self.store, self.indexes, self.embedder, SearchConfig(threshold=0.0))

    def registry(self) -> Registry:
        """The adapters."""
        return Registry(self.store, self.home / "adapters")

    def erasers_of(self, store: Store) -> Sequence[AdapterEraser]:
        """Those who learned, for this database or a copy."""
        return [AdapterEraser(Registry(store, self.home / "adapters"))]

    def ask(self, text: str, *, user: User | None = None, conversation: int | None = None) -> int:
        """A turn through the real assistant; its number."""
        user = user or self.user()
        engine = ScriptedEngine(lambda messages: messages[-1].content)
        voice = Voice(engine, NoAdapter(), ModelConfig(), trusted=True)
        assistant = Assistant(self.store, self.searcher(), self.embedder, voice, chat=ChatConfig())
        where = conversation or open_conversation(self.store, user_id=user.id, channel="terminal")
        return assistant.turn(text, user=user, conversation_id=where).id

    def document(self, title: str, *, user_id: int | None = None) -> int:
        """Number of a document of the owner, or of another user, by its title."""
        documents = self.store.documents(user_id=user_id or self.user_id)
        return next(item.id for item in documents if item.title == title)

    def backup(self, path: Path | None = None) -> Backup:
        """A backup, in the home where no other place is named."""
        return make_backup(self.store, self.home, path or self.home / "backups" / "one.familiar")


def live(home: Path) -> Life:
    """Import, talk, judge and summarise."""
    life = _people(home)
    notes = home.parent / f"{home.name}-notes"
    notes.mkdir()
    (notes / "vault.md").write_text(f"# vault\n\n{SECRET}\n\n{CHINESE}\n", encoding="utf-8")
    (notes / "ferry.md").write_text(f"# ferry\n\n{FERRY}\n\n## Prices\n\nA child pays two euros.\n", encoding="utf-8")
    talk = f'{{"id": "s1", "speaker": "Bo", "text": "what is the word? {SECRET}"}}\n{dialogue_rows(14)}'
    (notes / "talk.jsonl").write_text(talk, encoding="utf-8")
    _import(life, life.user_id, notes)
    (notes / "other.md").write_text(f"# tin\n\n{OTHER_SECRET}\n\n{FERRY}\n", encoding="utf-8")
    _import(life, life.other_id, notes / "other.md")
    (notes / "handbook.md").write_text("# handbook\n\nWash your hands before work.\n", encoding="utf-8")
    _import(life, life.shared_id, notes / "handbook.md")
    conversation = open_conversation(life.store, user_id=life.user_id, channel="terminal")
    for text in QUESTIONS:
        life.turns.append(life.ask(text, conversation=conversation))
    life.turns.append(life.ask(f"Please remember this: {SECRET}"))
    life.turns.append(life.ask("What did I ask you to remember about the vault code?"))
    give_feedback(life.store, life.turns[0], user_id=life.user_id, vote="up")
    give_feedback(life.store, life.turns[1], user_id=life.user_id, correction=f"It stands there: {CHINESE}")
    for turn, second in ((life.turns[0], f"I was told: {SECRET}"), (life.turns[3], f"You are welcome. {CHINESE}")):
        first = turn_by_id(life.store, turn, user_id=life.user_id)
        answers = (Answer(first.reply, first.generated, first.citations), Answer(second, second, first.citations))
        keep_candidates(life.store, turn, *answers, user_id=life.user_id)
    remind(life, f"open the vault: {SECRET}", turn_id=life.turns[4])
    other = next(item for item in life.store.users() if item.id == life.other_id)
    life.ask("Where is the harbour ticket?", user=other)
    Summarizer(life.store, life.searcher(), life.embedder, None, today=lambda: date(2026, 1, 2)).summarize(
        user=life.user(), about="the vault"
    )
    return life


def remind(life: Life, text: str, *, turn_id: int) -> None:
    """A reminder of the owner that a turn asked for."""
    due = datetime(2026, 3, 6, 9, tzinfo=UTC)
    new = NewReminder(f"turn:{turn_id}", text, due, "UTC", Destination("terminal"), turn_id=turn_id)
    add_reminder(life.store, new, user_id=life.user_id)


ANY = replace(EASY, max_length_ratio=math.inf)
"""Lets through also what answers nothing: a rejected adapter keeps no folder to look into."""


def tuned(life: Life, base: Path) -> str:
    """A real tune of a tiny model on what the owner gave to learn from; the adapter's id."""
    request = TuneRequest(life.user_id, PERSONA, replace(CONFIG, epochs=1), ANY, detectors=HARMLESS)
    result = run_tune(life.store, life.home, tiny_base(base), request)
    assert result.adapter is not None
    with life.store.transaction() as db:  # whatever the gate thinks of so small a model, this one answers
        db.execute("UPDATE adapters SET status = 'live' WHERE id = ?", (result.adapter,))
    return result.adapter


def _people(home: Path) -> Life:
    store = Store(home / "familiar.db")
    owner = store.add_user("ann", role="owner")
    other = store.add_user("bo", role="member")
    shared = store.add_user("handbook", role="shared")
    return Life(home, store, owner.id, other.id, shared.id)


def _import(life: Life, user_id: int, path: Path) -> None:
    options = ImportOptions(me="Ann", learn_from="Ann")
    ingestor = Ingestor(life.store, life.embedder, ImportConfig())
    receipts = list(ingestor.import_paths([path], user_id=user_id, options=options))
    assert {item.status for item in receipts} == {"indexed"}, receipts
