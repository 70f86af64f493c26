"""Embedding a home again: the old embedder serves until the new one has everything, whatever happens in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memory.config import ImportConfig, SearchConfig
from memory.erasure import forget_document, forget_everything, forget_text
from memory.errors import FamiliarError
from memory.index import Indexes
from memory.ingest import Ingestor
from memory.reembedding import Embedded, dimensions_of, embedded, lower_priority, reembed, serving
from memory.search import Searcher
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.memory.grep import grep

OLD, NEW = "old-64", "new-48"


class Watched(WordEmbedder):
    """Does something before each batch of passages."""

    def __init__(self, key: str, dimensions: int) -> None:
        super().__init__(key=key, dimensions=dimensions)
        self.batches: list[int] = []
        self.before: dict[int, object] = {}

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors, after what was asked for."""
        act = self.before.pop(len(self.batches), None)
        self.batches.append(len(texts))
        if callable(act):
            act()
        return super().embed_passages(texts)


@dataclass
class Home:
    """A home that the old embedder has embedded: two users and a shared memory."""

    store: Store
    old: WordEmbedder
    new: Watched

    def add(self, name: str, lines: Sequence[str], *, user_id: int = 1, embedder: WordEmbedder | None = None) -> int:
        """Import a note of one passage a line; its document."""
        ingestor = Ingestor(self.store, embedder or self.old, ImportConfig(chunk_characters=60))
        receipt = ingestor.import_bytes(f"{name}.md", "\n\n".join(lines).encode(), user_id=user_id)
        assert receipt.document is not None, receipt
        return receipt.document

    def indexes(self) -> Indexes:
        """The serving embedder's, as a new process opens them."""
        embedder = self.embedder()
        folder = self.store.path.parent / "index"
        return Indexes(folder, self.store, embedder_key=embedder.key, dimensions=embedder.dimensions)

    def embedder(self) -> WordEmbedder:
        """The serving one."""
        return {OLD: self.old, NEW: self.new}[serving(self.store, NEW)]

    def found(self, text: str, *, user_id: int = 1) -> str:
        """The best passage."""
        searcher = Searcher(self.store, self.indexes(), self.embedder(), SearchConfig(threshold=0.0))
        return searcher.search(text, user_id=user_id, k=1).hits[0].chunk.text


def lines(count: int, about: str) -> list[str]:
    """Passages that say something of their own each."""
    return [f"The {about} number {n} stands in row {n * 7} of hall {chr(65 + n % 26)}{n}." for n in range(count)]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Five batches of passages."""
    store = Store(tmp_path / "familiar.db")
    for name, role in (("ann", "owner"), ("ben", "member"), ("books", "shared")):
        store.add_user(name, role=role)  # type: ignore[arg-type]
    made = Home(store, WordEmbedder(key=OLD, dimensions=64), Watched(NEW, 48))
    made.add("boats", lines(150, "boat"))
    made.add("cars", lines(70, "car"), user_id=2)
    made.add("trees", lines(70, "tree"), user_id=3)
    yield made
    store.close()


def keys(store: Store) -> dict[str, int]:
    """How many vectors each embedder has."""
    return {row[0]: row[1] for row in store.rows("SELECT embedder, count(*) FROM vectors GROUP BY embedder")}


def test_the_old_embedder_serves_until_all_is_done(home: Home) -> None:
    """Searches find with the old vectors all the while; afterwards with the new ones, which alone are left."""
    seen: list[tuple[str, str]] = []
    total = sum(keys(home.store).values())

    def look() -> None:
        seen.append((serving(home.store, NEW), home.found("boat number 33")))

    home.new.before = dict.fromkeys(range(6), look)
    assert serving(home.store, NEW) == OLD
    assert reembed(home.store, home.new) == total
    assert len(home.new.batches) >= 5
    assert {key for key, _ in seen} == {OLD}
    assert all("boat number 33 " in text for _, text in seen)
    assert serving(home.store, NEW) == NEW
    assert keys(home.store) == {NEW: total}
    assert "boat number 33 " in home.found("boat number 33")
    assert "tree number 12 " in home.found("tree number 12", user_id=2)
    wanted = home.new.embed_query("The boat number 3 stands in row 21 of hall D3.")
    assert home.indexes().search(wanted, user_id=1, k=1)[1][0] > 0.8


def test_progress_and_doctor_count_the_same(home: Home) -> None:
    """How many have the new vector, of how many, and in which dimensions."""
    told: list[tuple[int, int]] = []
    total = sum(keys(home.store).values())
    assert embedded(home.store, OLD) == Embedded(OLD, total, 64, 0)
    assert embedded(home.store, NEW) == Embedded(NEW, 0, None, total)
    cancel = threading.Event()
    home.new.before = {2: cancel.set}
    reembed(home.store, home.new, cancel=cancel, on_progress=lambda *now: told.append(now))
    assert [done for done, _ in told] == [64, 128, told[-1][0]]
    assert {of for _, of in told} == {total}
    assert embedded(home.store, NEW) == Embedded(NEW, told[-1][0], 48, total - told[-1][0])
    assert dimensions_of(home.store, OLD) == 64


def test_what_was_stopped_goes_on_where_it_was(home: Home) -> None:
    """No passage is embedded twice, and nothing switches before the end."""
    total = sum(keys(home.store).values())
    cancel = threading.Event()
    home.new.before = {1: cancel.set}
    first = reembed(home.store, home.new, cancel=cancel)
    assert serving(home.store, NEW) == OLD
    assert keys(home.store) == {OLD: total, NEW: first}
    assert reembed(home.store, home.new) == total - first
    assert home.new.embedded == total
    assert reembed(home.store, home.new) == 0
    assert home.new.embedded == total


def test_what_comes_meanwhile_is_caught_up_with(home: Home) -> None:
    """A note imported while it runs is found at once, and by the new vectors after the switch."""
    home.new.before = {3: lambda: home.add("late", ["The lighthouse key hangs behind the stove."])}
    reembed(home.store, home.new)
    assert serving(home.store, NEW) == NEW
    assert embedded(home.store, NEW).lacking == 0
    assert "behind the stove" in home.found("where is the lighthouse key")


def test_a_process_that_has_not_noticed_is_caught_up_with(home: Home) -> None:
    """What it stores with the old embedder after the switch is found by words, and by meaning after the next run."""
    reembed(home.store, home.new)
    home.add("late", ["The lighthouse key hangs behind the stove."], embedder=home.old)
    assert embedded(home.store, NEW).lacking == 1
    assert "behind the stove" in home.found("where is the lighthouse key")
    index = home.indexes()
    question = home.new.embed_query("The lighthouse key hangs behind the stove.")
    before = index.search(question, user_id=1, k=1)[1][0]
    assert reembed(home.store, home.new) == 1
    assert index.search(question, user_id=1, k=1)[1][0] > before
    assert keys(home.store).keys() == {NEW}


def test_a_change_of_mind_leaves_no_third_embedder(home: Home) -> None:
    """Half done for one, then another is configured: only that one's vectors are left in the end."""
    cancel = threading.Event()
    home.new.before = {1: cancel.set}
    reembed(home.store, home.new, cancel=cancel)
    third = Watched("third-32", 32)
    reembed(home.store, third)
    assert keys(home.store).keys() == {"third-32"}
    assert serving(home.store, "third-32") == "third-32"


def test_back_to_the_old_one_costs_nothing(home: Home) -> None:
    """Who sets the name back before it is done has all the old vectors, and the half-made ones go."""
    cancel = threading.Event()
    home.new.before = {1: cancel.set}
    reembed(home.store, home.new, cancel=cancel)
    before = home.old.embedded
    assert reembed(home.store, home.old) == 0
    assert home.old.embedded == before
    assert keys(home.store).keys() == {OLD}


def test_a_new_home_is_served_by_what_is_configured(tmp_path: Path) -> None:
    """Nothing is written down where nothing was embedded."""
    store = Store(tmp_path / "familiar.db")
    assert serving(store, NEW) == NEW
    assert reembed(store, WordEmbedder(key=NEW)) == 0
    assert store.rows("SELECT * FROM state") == []
    store.close()


class Broken(WordEmbedder):
    """Gives numbers that are none."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """NaN for everything."""
        return np.full((len(texts), self.dimensions), np.nan, np.float32)


def test_a_broken_embedder_changes_nothing(home: Home) -> None:
    """It is named, and the old one serves on."""
    before = keys(home.store)
    with pytest.raises(FamiliarError, match="broken gave numbers that are not finite"):
        reembed(home.store, Broken(key="broken"))
    assert keys(home.store) == before
    assert serving(home.store, NEW) == OLD


def forget_boats(home: Home) -> None:
    """By document."""
    forget_document(home.store, home.indexes(), user_id=1, document_id=1)


def forget_a_line(home: Home) -> None:
    """By text."""
    forget_text(home.store, home.indexes(), user_id=1, text="boat number 3 stands")


def forget_ann(home: Home) -> None:
    """All of the owner's."""
    forget_everything(home.store, home.indexes(), user_id=1)


@pytest.mark.parametrize("forget", [forget_boats, forget_a_line, forget_ann], ids=lambda way: way.__name__)
@pytest.mark.parametrize("when", ["before the batch", "after it"])
def test_what_is_forgotten_meanwhile_has_neither_vector(home: Home, forget: object, when: str) -> None:
    """In no byte of the home: also a passage that was being embedded while it was forgotten."""
    text = lines(4, "boat")[3]
    stored = home.store.rows(
        "SELECT v.vector FROM vectors v JOIN chunks c ON c.id = v.chunk_id WHERE text = ?", (text,)
    )
    made = home.new.embed_passages([f"boats\n{text}"])[0].astype(np.float16)
    look_for = {"old": stored[0]["vector"], "new": made.tobytes(), "new, float32": made.astype(np.float32).tobytes()}
    home.new.batches.clear()
    assert callable(forget)
    if when == "before the batch":
        home.new.before = {0: lambda: forget(home)}
        reembed(home.store, home.new)
    else:
        cancel = threading.Event()
        home.new.before = {2: cancel.set}
        reembed(home.store, home.new, cancel=cancel)
        assert {item.rpartition(": ")[2] for item in grep(home.store.path.parent, look_for)} >= {"old", "new"}
        forget(home)
    assert grep(home.store.path.parent, look_for) == []


_CHILD = """
import sys, time
from pathlib import Path
from memory.reembedding import reembed
from memory.store import Store
from tests.embedder import WordEmbedder
class Slow(WordEmbedder):
    def embed_passages(self, texts):
        time.sleep(0.05)
        return super().embed_passages(texts)
store = Store(Path(sys.argv[1]))
reembed(store, Slow(key="new-48", dimensions=48), on_progress=lambda done, total: print(done, flush=True))
"""


def test_a_killed_process_loses_one_batch(home: Home) -> None:
    """kill -9 in the middle: the old one serves, what was stored stays, the next run ends it."""
    total = sum(keys(home.store).values())
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(home.store.path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    told = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    stored = keys(home.store).get(NEW, 0)
    assert told <= stored <= told + 128
    assert serving(home.store, NEW) == OLD
    assert "boat number 33 " in home.found("boat number 33")
    assert reembed(home.store, home.new) == total - stored
    assert keys(home.store) == {NEW: total}


def test_two_processes_end_with_one_vector_each(home: Home) -> None:
    """The bot and a terminal may run it at the same time."""
    total = sum(keys(home.store).values())
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(home.store.path)], stdout=subprocess.DEVNULL)
    time.sleep(0.2)
    reembed(home.store, home.new)
    assert child.wait(timeout=60) == 0
    assert keys(home.store) == {NEW: total}
    assert serving(home.store, NEW) == NEW


def test_only_the_job_is_at_low_priority() -> None:
    """The thread and those that it starts; the others keep theirs."""
    seen: list[int] = []

    def look() -> None:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    def job() -> None:
        lower_priority()
        inner = threading.Thread(target=look)
        inner.start()
        inner.join()

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    look()
    assert seen == [max(before, 10) if sys.platform == "linux" else before, before]


def test_an_older_home_keeps_its_vectors(tmp_path: Path) -> None:
    """The table of one vector a passage becomes one of several, row for row."""
    from sqlite_utils import Database

    from memory.schema import migrations

    path = tmp_path / "familiar.db"
    database = Database(path)
    migrations().apply(database, stop_before="m0007_vectors_by_embedder")
    vector = np.arange(4, dtype=np.float16).tobytes()
    database.execute("INSERT INTO users (name, role, created_at) VALUES ('ann', 'owner', '2026')")
    database.execute("INSERT INTO conversations (user_id, channel, started_at) VALUES (1, 'terminal', '2026')")
    turn = dict.fromkeys(("user_text", "reply", "generated", "engine", "model", "asked_at"), "x")
    turn |= {name: json.dumps([]) for name in ("prompt", "citations", "memories", "timings")}
    database.table("turns").insert(turn | {"user_id": 1, "conversation_id": 1})
    database.execute(
        'INSERT INTO chunks (user_id, turn_id, position, text, start, "end") VALUES (1, 1, 0, ?, 0, 1)', ("x",)
    )
    database.execute("INSERT INTO vectors VALUES (1, 'e', ?)", (vector,))
    database.conn.commit()
    database.close()
    store = Store(path)
    assert [tuple(row) for row in store.rows("SELECT * FROM vectors")] == [(1, "e", vector)]
    assert serving(store, "other") == "e"
    store.delete_turn(1, user_id=1)
    assert store.rows("SELECT * FROM vectors") == []
    store.close()
