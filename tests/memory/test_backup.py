"""A backup is whole or refused: made beside a writer, read with any byte wrong, restored with a kill at any moment."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from memory.backup import make_backup, unpack, working_folder
from memory.errors import FamiliarError
from memory.home_lock import HomeLock
from memory.records import NewDocument, Passage
from memory.restoring import restore
from memory.store import Store
from tests.embedder import WordEmbedder

ROOT = Path(__file__).parents[2]
EMBEDDER = WordEmbedder()

Small = tuple[bytes, tuple[str, int, int, list[str]]]
"""A backup's bytes, and the state that they restore."""

WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from memory.store import Store
    from tests.memory.test_backup import add_notes

    store = Store(Path(sys.argv[1]) / "familiar.db")
    first = 1000
    while True:
        add_notes(store, f"w{first}", count=3, passages=7)
        first += 1
        print(first, flush=True)
    """
)

RESTORER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from memory.restoring import restore

    while True:
        for source in sys.argv[2:]:
            print("begin", flush=True)
            restore(Path(sys.argv[1]), Path(source), erasers_of=lambda _store: ())
    """
)


def add_notes(store: Store, name: str, *, count: int, passages: int = 3) -> None:
    """Documents of one transaction: either all of them are in a copy or none."""
    with store.transaction():
        for number in range(count):
            texts = [f"{name} note {number} passage {part}" for part in range(passages)]
            chunks = [Passage(text, 0, len(text)) for text in texts]
            title = f"{name}-{number}"
            note = NewDocument(f"/{title}.md", title, "markdown", title, "\n".join(texts))
            vectors = EMBEDDER.embed_passages(texts)
            store.add_document(note, chunks, vectors, user_id=1, embedder=EMBEDDER.key)


def home_with(path: Path, name: str, *, count: int = 5) -> Path:
    """A home with an owner, some notes and an adapter that answers."""
    with closing(Store(path / "familiar.db")) as store:
        store.add_user("ann", role="owner")
        add_notes(store, name, count=count)
        with store.transaction() as db:
            db.execute(
                "INSERT INTO adapters (id, user_id, status, base_model, base_sha256, template_sha256, started_by,"
                " started_at) VALUES (?, 1, 'live', 'm', 'b', 't', 'hand', '2026')",
                (f"ad-{name}",),
            )
    (path / "adapters" / f"ad-{name}" / "adapter").mkdir(parents=True)
    weights = np.random.default_rng(len(name)).bytes(20_000)
    (path / "adapters" / f"ad-{name}" / "adapter" / "adapter_model.safetensors").write_bytes(weights)
    return path


def saved(home: Path, target: Path) -> Path:
    """A backup of a home."""
    with closing(Store(home / "familiar.db")) as store:
        return make_backup(store, home, target).path


def state(home: Path) -> tuple[str, int, int, list[str]]:
    """Soundness, documents, chunks that have words and a vector, and the adapters whose weights are there."""
    with closing(Store(home / "familiar.db")) as store:
        whole = "SELECT count(*) FROM chunks c JOIN vectors v ON v.chunk_id = c.id JOIN chunks_fts f ON f.rowid = c.id"
        live = [row["id"] for row in store.rows("SELECT id FROM adapters WHERE status = 'live'")]
        there = [id_ for id_ in live if (home / "adapters" / id_ / "adapter" / "adapter_model.safetensors").is_file()]
        assert there == live
        assert store.rows("SELECT count(*) FROM chunks")[0][0] == store.rows(whole)[0][0]
        return (
            store.rows("PRAGMA integrity_check")[0][0],
            store.rows("SELECT count(*) FROM documents")[0][0],
            store.rows(whole)[0][0],
            live,
        )


def test_restore_brings_back_everything(tmp_path: Path) -> None:
    """Memory and weights come back; what they replace is kept as a backup that can be restored as well."""
    one, two = home_with(tmp_path / "one", "alpha"), home_with(tmp_path / "two", "beta", count=2)
    before_one, before_two = state(one), state(two)
    done = restore(two, saved(one, tmp_path / "b.familiar"), erasers_of=lambda _: ())
    assert state(two) == before_one
    assert (done.users, done.documents) == (1, 5)
    assert done.kept is not None
    restore(two, done.kept, erasers_of=lambda _: ())
    assert state(two) == before_two
    assert not list(two.glob(".partial-*"))


def test_backup_beside_a_writer_is_consistent(tmp_path: Path) -> None:
    """Another process writes all the time; each copy holds whole transactions and passes every check."""
    home = home_with(tmp_path / "home", "alpha", count=200)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(home)], cwd=ROOT, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        counts = []
        for number in range(2):
            copy = restored(saved(home, tmp_path / f"{number}.familiar"), tmp_path / f"copy{number}")
            sound, documents, chunks, _ = state(copy)
            assert sound == "ok"
            assert (documents - 200) % 3 == 0
            assert chunks == 200 * 3 + (documents - 200) * 7
            counts.append(documents)
        assert writer.poll() is None
        writer.kill()
    assert counts == sorted(set(counts))


def restored(source: Path, home: Path) -> Path:
    """A backup in a home of its own."""
    restore(home, source, erasers_of=lambda _: ())
    return home


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """The bytes of a backup, and the state that it restores."""
    folder = tmp_path_factory.mktemp("small")
    home = home_with(folder / "home", "alpha")
    return saved(home, folder / "b.familiar").read_bytes(), state(home)


def check_flips(small: Small, folder: Path, *, times: int, seed: int) -> int:
    """Flip one to three bytes: refused with the home untouched, or restored right; returns how many were refused."""
    data, expected = small
    rng = random.Random(seed)
    refused = 0
    for number in range(times):
        broken = bytearray(data)
        places = [rng.randrange(len(data)) for _ in range(rng.randint(1, 3))]
        if number % 3 == 0:
            places = [len(data) - 1 - rng.randrange(900)]  # the directory at the end, where most of the form is
        for place in places:
            broken[place] ^= 1 << rng.randrange(8)
        (folder / "broken").write_bytes(broken)
        target = folder / f"home{number}"
        try:
            restore(target, folder / "broken", erasers_of=lambda _: ())
        except FamiliarError:
            refused += 1
            assert not (target / "familiar.db").exists()
        else:
            assert state(target) == expected
        shutil.rmtree(target, ignore_errors=True)
    return refused


def test_flipped_bytes_are_refused(small: Small, tmp_path: Path) -> None:
    """Sixty damaged copies: none is restored half."""
    assert check_flips(small, tmp_path, times=60, seed=1) > 40


@pytest.mark.chaos
def test_many_flipped_bytes_are_refused(small: Small, tmp_path: Path) -> None:
    """A thousand."""
    assert check_flips(small, tmp_path, times=1000, seed=2) > 700


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_truncated_backup_is_refused(small: Small, tmp_path: Path, share: float) -> None:
    """A copy that was cut off replaces nothing."""
    home = home_with(tmp_path / "home", "beta", count=1)
    before = state(home)
    (tmp_path / "cut").write_bytes(small[0][: int(len(small[0]) * share)])
    with pytest.raises(FamiliarError, match="nothing was changed"):
        restore(home, tmp_path / "cut", erasers_of=lambda _: ())
    assert state(home) == before


def repacked(source: Path, target: Path, **changes: object) -> Path:
    """A backup with other values in its manifest."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "familiar-backup.json":
                data = json.dumps(json.loads(data) | changes).encode()
            new.writestr(name, data)
    return target


def test_foreign_and_newer_files_are_refused(tmp_path: Path) -> None:
    """A text, another archive, a bare database, a newer format, a newer schema, a member that leads out."""
    home = home_with(tmp_path / "home", "alpha")
    good = saved(home, tmp_path / "good.familiar")
    text, archive = tmp_path / "text", tmp_path / "archive"
    text.write_text("hello " * 1000, encoding="utf-8")
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("x.txt", "x")
    for path in (text, archive, home / "familiar.db"):
        with pytest.raises(FamiliarError, match="no backup"):
            restore(home, path, erasers_of=lambda _: ())
    with pytest.raises(FamiliarError, match="newer version of Familiar"):
        restore(home, repacked(good, tmp_path / "newer", version=2), erasers_of=lambda _: ())
    out = [["../../evil", 1, "0"], ["familiar.db", 1, "0"]]
    with pytest.raises(FamiliarError, match="damaged"):
        restore(home, repacked(good, tmp_path / "evil", members=out), erasers_of=lambda _: ())
    with pytest.raises(FamiliarError, match="no such file"):
        restore(home, tmp_path / "missing", erasers_of=lambda _: ())


def test_backup_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A database that this version can't read stays out."""
    newer = home_with(tmp_path / "newer", "alpha")
    good = saved(newer, tmp_path / "good.familiar")
    with working_folder(tmp_path) as work:
        unpack(good, work)
        with sqlite3.connect(work / "familiar.db") as raw:
            raw.execute(
                "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('familiar', 'm9', '')"
            )
        raw.close()
        data = (work / "familiar.db").read_bytes()
    with zipfile.ZipFile(good) as old, zipfile.ZipFile(tmp_path / "new.familiar", "w") as new:
        manifest = json.loads(old.read("familiar-backup.json"))
        manifest["members"] = [
            ["familiar.db", len(data), hashlib.sha256(data).hexdigest()] if name == "familiar.db" else [name, size, sha]
            for name, size, sha in manifest["members"]
        ]
        for name in old.namelist():
            kept = {"familiar.db": data, "familiar-backup.json": json.dumps(manifest).encode()}
            new.writestr(name, kept.get(name) or old.read(name))
    with pytest.raises(FamiliarError, match="newer version of Familiar"):
        restore(tmp_path / "home", tmp_path / "new.familiar", erasers_of=lambda _: ())


def test_damaged_home_is_put_aside(tmp_path: Path) -> None:
    """Where the database can't be read any more, a restore keeps it as it is and brings the memory back."""
    good = saved(home_with(tmp_path / "one", "alpha"), tmp_path / "good.familiar")
    home = tmp_path / "home"
    home.mkdir()
    (home / "familiar.db").write_bytes(b"no database" * 1000)
    done = restore(home, good, erasers_of=lambda _: ())
    assert done.kept is not None
    assert done.kept.read_bytes() == b"no database" * 1000
    assert state(home)[:2] == ("ok", 5)


def test_open_database_is_not_replaced(tmp_path: Path) -> None:
    """A program that holds the home, or only its database, stops a restore before anything changes."""
    home = home_with(tmp_path / "home", "alpha")
    good = saved(home, tmp_path / "good.familiar")
    lock = HomeLock(home)
    with pytest.raises(FamiliarError, match="open in another Familiar"):
        restore(home, good, erasers_of=lambda _: ())
    lock.release()
    with closing(Store(home / "familiar.db")) as store:
        store.rows("SELECT count(*) FROM chunks")
        with pytest.raises(FamiliarError, match="open elsewhere"):
            restore(home, good, erasers_of=lambda _: ())
    alone = HomeLock(home, alone=True)
    with pytest.raises(FamiliarError, match="is being restored"):
        HomeLock(home)
    alone.release()
    restore(home, good, erasers_of=lambda _: ())


def test_backup_that_can_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    """An existing file is not overwritten, and a folder that is a file is named."""
    home = home_with(tmp_path / "home", "alpha")
    (tmp_path / "there").write_bytes(b"mine")
    with pytest.raises(FamiliarError, match="exists already"):
        saved(home, tmp_path / "there")
    assert (tmp_path / "there").read_bytes() == b"mine"
    with closing(Store(home / "familiar.db")) as store:
        assert store.rows("SELECT count(*) FROM backups")[0][0] == 0


def kill_while_restoring(folder: Path, *, times: int, seed: int) -> None:
    """Restore two backups in turn in a process that is killed at random moments: always one of them, whole."""
    home = home_with(folder / "home", "alpha", count=30)
    one = saved(home, folder / "one.familiar")
    two = saved(home_with(folder / "other", "beta", count=20), folder / "two.familiar")
    whole = [state(home), state(folder / "other")]
    rng = random.Random(seed)
    seen = set()
    for _ in range(times):
        command = [sys.executable, "-c", RESTORER, str(home), str(two), str(one)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(rng.random() * 1.5)
            child.send_signal(signal.SIGKILL)
        now = state(home)
        assert now in whole
        seen.add(whole.index(now))
        shutil.rmtree(home / "backups", ignore_errors=True)  # each holds a whole copy: the disk of a test is small
    assert restored(one, home)
    assert not list(home.glob(".partial-*"))
    assert times < 10 or seen == {0, 1}


def test_three_kills_during_restores(tmp_path: Path) -> None:
    """Three random moments."""
    kill_while_restoring(tmp_path, times=3, seed=1)


@pytest.mark.chaos
def test_thirty_kills_during_restores(tmp_path: Path) -> None:
    """Thirty random moments."""
    kill_while_restoring(tmp_path, times=30, seed=2)
