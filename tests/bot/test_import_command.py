"""`familiar import`: true counts however it ends, a pause that holds up nobody, and a followed folder."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil
import pytest

from memory.backup import make_backup
from memory.config import ImportConfig
from memory.ingest import Ingestor
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.memory.folder import write
from tests.memory.grep import forms, grep

ROOT = Path(__file__).parents[2]
FILES = 120
COMMAND = """
import sys, time
from bot import app, cli
from tests.embedder import WordEmbedder

class Slow(WordEmbedder):
    def embed_passages(self, texts):
        time.sleep(float(sys.argv[1]) * len(texts))
        return super().embed_passages(texts)

if sys.argv[2] == "clock":
    sys.modules["watchfiles"] = None
app.App.open_embedder = lambda self, config: Slow()
sys.exit(cli.main(sys.argv[3:]))
"""


class Import:
    """A `familiar import` in a process of its own."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self.child = child

    @property
    def out(self) -> IO[str]:
        """Receipts, as JSON lines."""
        assert self.child.stdout is not None
        return self.child.stdout

    def receipt(self) -> dict[str, Any]:
        """The next receipt."""
        line = self.out.readline()
        assert line, self.child.communicate()[1]
        return dict(json.loads(line))

    def end(self, number: int | None = None) -> tuple[int, list[dict[str, Any]], str]:
        """Exit status, receipts that were left and what was said, after a signal if one is given."""
        if number is not None:
            self.child.send_signal(number)
        out, said = self.child.communicate(timeout=60)
        return self.child.returncode, [json.loads(line) for line in out.splitlines()], said


@contextmanager
def importing(home: Path, *arguments: str, notices: str = "system", seconds_a_passage: float = 0.0) -> Iterator[Import]:
    """Run it; whatever happens, it ends."""
    options = ["import", *arguments, "--home", str(home), "--user", "ada", "--json"]
    command = [sys.executable, "-c", COMMAND, str(seconds_a_passage), notices, *options]
    environment = os.environ | {"FAMILIAR_IMPORT_WATCH_SECONDS": "0.3", "PYTHONPATH": str(ROOT), "LANG": "C"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdout=pipe, stderr=pipe, text=True, env=environment) as child:
        try:
            yield Import(child)
        finally:
            child.kill()


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder of short notes."""
    for number in range(FILES):
        write(tmp_path / "notes" / f"{number:03}.txt", f"note {number} of the folder")
    return tmp_path / "notes"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with its owner."""
    store = Store(tmp_path / "home" / "familiar.db")
    store.add_user("ada", role="owner")
    store.close()
    return tmp_path / "home"


def documents(home: Path) -> list[str]:
    """Names of the files that are in memory."""
    store = Store(home / "familiar.db")
    found = sorted(Path(item.source).name for item in store.documents(user_id=1))
    store.close()
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_import_counts_truly_and_goes_on(home: Path, notes: Path, number: int) -> None:
    """What was reported is stored and nothing else; the same command does the rest."""
    with importing(home, str(notes), seconds_a_passage=0.01) as run:
        first = run.receipt()
        status, receipts, said = run.end(number)
    reported = [Path(item["path"]).name for item in (first, *receipts)]
    assert status == 130
    assert 0 < len(reported) < FILES
    assert documents(home) == reported
    assert f"{len(reported)} indexed" in said
    assert "Ctrl-C again ends at once" in said
    assert "the same command goes on from here" in said
    assert "Traceback" not in said
    with importing(home, str(notes)) as run:
        status, receipts, said = run.end()
    assert (status, len(documents(home))) == (0, FILES)
    assert f"{FILES - len(reported)} indexed, {len(reported)} duplicate" in said


def test_a_second_interrupt_ends_at_once(home: Path, notes: Path) -> None:
    """Also in the middle of a long batch; nothing is half there."""
    with importing(home, str(notes), seconds_a_passage=2.0) as run:
        while not list(home.glob("familiar.db-wal")):
            time.sleep(0.05)
        time.sleep(1.5)
        run.child.send_signal(signal.SIGINT)
        time.sleep(0.5)
        begun = time.monotonic()
        status, _, said = run.end(signal.SIGINT)
    assert (status, time.monotonic() - begun < 10) == (130, True)
    assert "stopped; what was finished before is kept" in said


def _until(state: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not state():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
def test_a_paused_import_goes_on_where_it_was(home: Path, notes: Path, number: int) -> None:
    """Ctrl-Z waits until no transaction is open, so that others can write; `fg` goes on, and every file is there once.

    SIGSTOP, which nothing can put off, costs no more than the wait of others.
    """
    with importing(home, str(notes), seconds_a_passage=0.005) as run:
        first = run.receipt()
        process = psutil.Process(run.child.pid)
        run.child.send_signal(number)
        _until(lambda: process.status() == psutil.STATUS_STOPPED)
        if number == signal.SIGTSTP:
            store = Store(home / "familiar.db")
            store.set_state("examples_offered", "yes")
            store.close()
        time.sleep(0.5)
        status, receipts, said = run.end(signal.SIGCONT)
    assert status == 0
    assert ("paused" in said) == (number == signal.SIGTSTP)
    assert Counter(item["status"] for item in (first, *receipts)) == {"indexed": FILES}
    assert len(documents(home)) == FILES


def test_a_pause_is_not_the_time_of_a_conversion(tmp_path: Path) -> None:
    """A process that stood still while a file was converted does not call that file too slow."""
    write(tmp_path / "long.txt", "a line of a text that no pipe holds at once\n" * 200_000)
    code = (
        "import sys, os, signal, threading, time\n"
        "from pathlib import Path\n"
        "from memory.config import ImportConfig\n"
        "from memory.importers.converter import Converter\n"
        "data = Path(sys.argv[1]).read_bytes()\n"
        "threading.Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGSTOP)).start()\n"
        "print(len(Converter(ImportConfig(convert_seconds=2)).convert(data, 'long.txt').documents), flush=True)\n"
        "os._exit(0)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "long.txt")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        process = psutil.Process(child.pid)
        _until(lambda: process.status() == psutil.STATUS_STOPPED)
        time.sleep(3)
        child.send_signal(signal.SIGCONT)
        assert child.communicate(timeout=30)[0].strip() == "1"


def test_what_is_gone_is_told_and_kept(home: Path, notes: Path) -> None:
    """A plain import deletes nothing, and says what is missing and what to do."""
    with importing(home, str(notes)) as run:
        run.end()
    (notes / "007.txt").unlink()
    with importing(home, str(notes)) as run:
        status, receipts, said = run.end()
    assert (status, len(receipts), len(documents(home))) == (0, FILES - 1, FILES)
    assert f"1 imported earlier are no longer there ({notes / '007.txt'}) and stay in memory" in said


def test_a_deletion_reaches_the_backups(home: Path, notes: Path) -> None:
    """As with `familiar forget`: no byte is left of it, in the home and its backups."""
    write(notes / "vault.txt", "The code is quexzil-8842771936.")
    with importing(home, str(notes)) as run:
        run.end()
    store = Store(home / "familiar.db")
    make_backup(store, home, home / "backups" / "one.familiar")
    store.close()
    wanted = forms("quexzil-8842771936")
    assert grep(home, wanted)
    (notes / "vault.txt").unlink()
    with importing(home, str(notes), "--watch") as run:
        receipts = [run.receipt() for _ in range(FILES + 1)]
        run.end(signal.SIGINT)
    assert (receipts[-1]["status"], receipts[-1]["path"]) == ("removed", str(notes / "vault.txt"))
    assert not grep(home, wanted)


@pytest.mark.parametrize("notices", ["system", "clock"])
def test_a_watched_folder_is_followed_until_ctrl_c(home: Path, notes: Path, notices: str) -> None:
    """Changed, moved, new and deleted files, one receipt each as it happens; then true counts and success."""
    (notes / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    with importing(home, str(notes), "--watch", notices=notices) as run:
        statuses = Counter(run.receipt()["status"] for _ in range(FILES + 1))
        write(notes / "000.txt", "other words", age=30)
        changed = run.receipt()
        (notes / "sub").mkdir()
        (notes / "001.txt").rename(notes / "sub" / "001.txt")
        moved = run.receipt()
        write(notes / "new.md", "new words")
        new = run.receipt()
        (notes / "new.md").unlink()
        removed = run.receipt()
        status, left, said = run.end(signal.SIGINT)
    assert statuses == {"indexed": FILES, "failed": 1}
    assert (status, left) == (0, [])
    kinds = [(item["status"], Path(item["path"]).name) for item in (changed, moved, new, removed)]
    assert kinds == [("indexed", "000.txt"), ("duplicate", "001.txt"), ("indexed", "new.md"), ("removed", "new.md")]
    assert set(removed) == {"path", "status", "document", "chunks", "reason"}
    assert removed["document"] == new["document"]
    assert f"{FILES + 2} indexed, 1 duplicate, 1 failed, 1 removed" in said
    assert ("looking every 0.3 s" in said) == (notices == "clock")
    assert len(documents(home)) == FILES
    store = Store(home / "familiar.db")
    assert store.document_text(changed["document"], user_id=1) == "other words"
    assert b"new words" not in (home / "familiar.db").read_bytes()
    store.close()


def _shuffle(notes: Path, dice: random.Random) -> None:
    """Change, move, add or delete some file."""
    files = sorted(path for path in notes.rglob("*.txt"))
    path = dice.choice(files)
    what = dice.choice(["change", "move", "add", "delete"])
    if what == "change":
        text = "\n\n".join(f"passage {dice.random()} " * 40 for _ in range(dice.randint(1, 5)))
        write(path, text, age=dice.uniform(3, 900))
    elif what == "move":
        target = notes / f"folder{dice.randint(0, 3)}" / f"{dice.random()}.txt"
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    elif what == "add":
        write(notes / f"{dice.random()}.txt", f"added {dice.random()}", age=dice.uniform(3, 900))
    else:
        path.unlink()


def _check(home: Path, notes: Path) -> None:
    """Memory holds exactly what the files say, with words, vectors and places of every passage."""
    store = Store(home / "familiar.db")
    try:
        found = {item.source: item for item in store.documents(user_id=1)}
        assert set(found) == {str(path) for path in notes.rglob("*.txt")}
        for source, item in found.items():
            assert store.document_text(item.id, user_id=1).split() == Path(source).read_text().split()
            rows = store.rows("SELECT id FROM chunks WHERE document_id = ? ORDER BY position", (item.id,))
            assert [row["id"] for row in rows] == list(range(rows[0]["id"], rows[0]["id"] + item.chunks))
        counts = [store.rows(f"SELECT count(*) FROM {name}")[0][0] for name in ("chunks", "chunks_fts", "vectors")]
        assert len(set(counts)) == 1
        paths = [row["path"] for row in store.rows("SELECT path FROM files ORDER BY path")]
        assert paths == sorted(found)
        assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
    finally:
        store.close()


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.chaos) for seed in range(2, 21))])
def test_kill_while_watching_loses_nothing(home: Path, notes: Path, seed: int) -> None:
    """Killed three times at random moments while files change: the next start has memory as the files are."""
    dice = random.Random(seed)
    for _ in range(3):
        with importing(home, str(notes), "--watch", seconds_a_passage=0.003) as run:
            run.receipt()
            end = time.monotonic() + dice.uniform(0, 4)
            while time.monotonic() < end:
                _shuffle(notes, dice)
                time.sleep(dice.uniform(0, 0.3))
            run.child.kill()
    with importing(home, str(notes), "--watch") as run:
        while "watching" not in (line := run.child.stderr.readline() if run.child.stderr else ""):
            assert line, "it ended"
        run.end(signal.SIGINT)
    _check(home, notes)


def test_a_known_folder_loads_no_model(home: Path, notes: Path) -> None:
    """Nothing is embedded the second time, whatever the embedder costs."""
    store = Store(home / "familiar.db")
    list(Ingestor(store, WordEmbedder(), ImportConfig()).import_paths([notes], user_id=1))
    store.close()
    with importing(home, str(notes), seconds_a_passage=600) as run:
        status, receipts, _ = run.end()
    assert (status, {item["status"] for item in receipts}) == (0, {"duplicate"})
