"""A turn that is killed at any moment is either stored whole or not at all, and nothing stored before is lost."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from memory.index import Indexes
from memory.store import Store
from memory.turns import turns_of
from tests.embedder import WordEmbedder

TALKER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from bot.assistant import Assistant, Voice
    from bot.config import ChatConfig, ModelConfig
    from memory.config import SearchConfig
    from memory.index import Indexes
    from memory.search import Searcher
    from memory.store import Store
    from memory.turns import open_conversation
    from tests.embedder import WordEmbedder
    from tests.engine import ScriptedEngine

    class NoAdapter:
        def live(self, user_id):
            return None

    home = Path(sys.argv[1])
    store = Store(home / "familiar.db")
    user = store.owner() or store.add_user("ann", role="owner")
    embedder = WordEmbedder()
    indexes = Indexes(home / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
    searcher = Searcher(store, indexes, embedder, SearchConfig())
    voice = Voice(ScriptedEngine(lambda _: "Noted, thank you."), NoAdapter(), ModelConfig(), trusted=True)
    assistant = Assistant(store, searcher, embedder, voice, chat=ChatConfig())
    conversation = open_conversation(store, user_id=user.id, channel="terminal")
    n = 0
    while True:
        n += 1
        turn = assistant.turn(f"My locker number {n} is at pool {n * 7}.", user=user, conversation_id=conversation)
        print(turn.id, flush=True)
    """
)


def kill_while_talking(home: Path, *, seconds: float) -> list[int]:
    """Talk in a process of its own, kill it after so long, and return the turns that it said were stored."""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", TALKER, str(home)]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        return [int(line) for line in [first, *child.stdout.read().splitlines()] if line.strip().isdigit()]


def check_whole(home: Path, said: list[int]) -> None:
    """Every turn that was reported is there, with its memory; nothing hangs half."""
    store = Store(home / "familiar.db")
    try:
        owner = store.owner()
        assert owner is not None
        stored = {turn.id for turn in turns_of(store, user_id=owner.id)}
        assert set(said) <= stored
        chunks = {row["turn_id"] for row in store.rows("SELECT turn_id FROM chunks")}
        assert chunks == stored
        count = len(store.rows("SELECT 1 FROM chunks"))
        assert len(store.rows("SELECT 1 FROM vectors")) == count
        assert len(store.rows("SELECT rowid FROM chunks_fts")) == count
        assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
        embedder = WordEmbedder()
        indexes = Indexes(home / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
        assert indexes.sync(owner.id) == count
    finally:
        store.close()


def kill_at_random_moments(home: Path, *, times: int, seed: int) -> None:
    """Kill the talker again and again in the same home."""
    rng = random.Random(seed)
    said: list[int] = []
    for _ in range(times):
        said += kill_while_talking(home, seconds=rng.random())
        check_whole(home, said)
    assert len(said) > times


def test_three_kills_during_turns(tmp_path: Path) -> None:
    """Three random moments."""
    kill_at_random_moments(tmp_path, times=3, seed=1)


@pytest.mark.chaos
def test_twenty_kills_during_turns(tmp_path: Path) -> None:
    """Twenty random moments."""
    kill_at_random_moments(tmp_path, times=20, seed=2)
