"""A followed folder: memory changes as the files do, and only what is surely deleted goes."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from memory.config import ImportConfig
from memory.erasure import forget_document, forget_gone
from memory.errors import FamiliarError
from memory.files import Files
from memory.following import Followed, Follower, find_gone
from memory.index import Indexes
from memory.ingest import GoOn, Ingestor, Request
from memory.noticing import Clock, Notifier
from memory.records import Receipt
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.memory.folder import bring_in, texts, write
from tests.memory.importers.files import pdf


class Home:
    """An open home that follows a folder, one look after the other."""

    def __init__(self, folder: Path) -> None:
        self.notes = folder / "notes"
        self.notes.mkdir()
        self.store = Store(folder / "home" / "familiar.db")
        self.user = self.store.add_user("ada", role="owner").id
        self.embedder = WordEmbedder()
        self.told: list[str] = []
        self.forgotten: list[int] = []
        self.looks = 0
        self.follower = self.follow(self.notes)

    def follow(self, *paths: Path) -> Follower:
        """A follower of these paths."""
        return Follower(
            self.store,
            Followed(paths, Request(self.user)),
            ingestor=lambda: Ingestor(self.store, self.embedder, ImportConfig()),
            forget=self.forget,
            tell=self.told.append,
        )

    def forget(self, documents: Sequence[int]) -> None:
        """Erase, and note what."""
        self.forgotten += documents
        key, dimensions = self.embedder.key, self.embedder.dimensions
        indexes = Indexes(self.store.path.parent / "index", self.store, embedder_key=key, dimensions=dimensions)
        forget_gone(self.store, indexes, user_id=self.user, document_ids=documents)

    def start(self) -> dict[str, Receipt]:
        """The first pass: receipts by file name."""
        return {Path(item.path).name: item for item in self.follower.start(go_on=lambda: True)}

    def after(self, *steps: Callable[[], object]) -> dict[str, Receipt]:
        """Receipts of two looks, and one more before each of the steps, by file name."""
        script = Script([*steps, lambda: None, lambda: None])
        return {Path(item.path).name: item for item in self.follower.follow(script, go_on=script.go_on)}


def _delete(*paths: Path) -> None:
    for path in paths:
        path.unlink()


class Script:
    """Does something on disk before each look, and ends after the last one."""

    def __init__(self, steps: Sequence[Callable[[], object]]) -> None:
        self.steps: list[Callable[[], object]] = [*steps, _end]
        self.waits: list[float | None] = []

    def go_on(self) -> bool:
        """Whether a look is left."""
        return bool(self.steps)

    def wait(self, at_most: float | None, go_on: GoOn) -> None:
        """The next step; the last one only ends it."""
        del go_on
        self.waits.append(at_most)
        self.steps.pop(0)()


def _end() -> None:
    """After the last look."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """Two notes in it."""
    opened = Home(tmp_path)
    write(opened.notes / "a.md", "first words")
    write(opened.notes / "b.md", "second words")
    yield opened
    opened.store.close()


def test_a_change_is_followed(home: Home) -> None:
    """The document keeps its number; what did not change is neither reported nor opened."""
    first = home.start()
    receipts = home.after(lambda: write(home.notes / "a.md", "other words", age=30))
    assert {name: (item.status, item.document) for name, item in receipts.items()} == {
        "a.md": ("indexed", first["a.md"].document)
    }
    assert texts(home.store, home.user) == {"a.md": "other words", "b.md": "second words"}


def test_new_and_deleted_files_are_followed(home: Home) -> None:
    """A deletion erases the document, and the receipt says so."""
    first = home.start()
    (home.notes / "sub").mkdir()
    receipts = home.after(
        lambda: write(home.notes / "sub" / "c.md", "third words"),
        lambda: _delete(home.notes / "a.md"),
    )
    assert {name: item.status for name, item in receipts.items()} == {"c.md": "indexed", "a.md": "removed"}
    assert receipts["a.md"] == Receipt(
        str(home.notes / "a.md"), "removed", first["a.md"].document, reason="its file is gone"
    )
    assert home.forgotten == [first["a.md"].document]
    assert texts(home.store, home.user) == {"b.md": "second words", "c.md": "third words"}
    assert b"first words" not in home.store.path.read_bytes()


def test_a_move_is_followed(home: Home) -> None:
    """A file, and a folder that is renamed: the same documents, nothing is embedded, nothing erased."""
    write(home.notes / "trips" / "c.html", "<title>Oslo</title><p>fjord</p>")
    first = home.start()
    embedded = home.embedder.embedded
    receipts = home.after(
        lambda: (home.notes / "trips").rename(home.notes / "journeys"),
        lambda: (home.notes / "a.md").rename(home.notes / "journeys" / "a.md"),
    )
    assert {name: item.document for name, item in receipts.items()} == {
        name: first[name].document for name in ("a.md", "c.html")
    }
    assert all(str(item.reason).startswith("moved from ") for item in receipts.values())
    assert (home.embedder.embedded, home.forgotten) == (embedded, [])
    sources = {Path(item.source).relative_to(home.notes).as_posix() for item in home.store.documents(user_id=home.user)}
    assert sources == {"journeys/a.md", "journeys/c.html", "b.md"}


def test_a_file_that_becomes_a_folder_is_followed(home: Home) -> None:
    """It moves where it is put into the folder that takes its name, and is deleted where it is not."""
    first = home.start()
    for name in ("a.md", "b.md"):
        (home.notes / name).rename(home.notes / f"{name}.bak")
        (home.notes / name).mkdir()
    (home.notes / "a.md.bak").rename(home.notes / "a.md" / "a.md")
    (home.notes / "b.md.bak").unlink()
    receipts = home.after()
    assert receipts["a.md"].reason == f"moved from {home.notes / 'a.md'}"
    assert (receipts["b.md"].status, home.forgotten) == ("removed", [first["b.md"].document])
    assert [item.source for item in home.store.documents(user_id=home.user)] == [str(home.notes / "a.md" / "a.md")]


def _save_by_renaming(path: Path, text: str) -> None:
    """As many editors do: a new file beside it, which takes its name."""
    write(path.with_name(".a.md.swp"), text, age=20)
    os.replace(path.with_name(".a.md.swp"), path)


def _save_by_backup(path: Path, text: str) -> None:
    """As others do: the old file becomes a copy, a new one is written."""
    path.rename(path.with_name("a.md~"))
    write(path, text, age=20)


@pytest.mark.parametrize("save", [_save_by_renaming, _save_by_backup])
def test_an_editor_that_saves_by_renaming_changes_a_file(home: Home, save: Callable[[Path, str], None]) -> None:
    """The document keeps its number, and the editor's copy is no document."""
    first = home.start()
    receipts = home.after(lambda: save(home.notes / "a.md", "edited words"))
    assert {name: item.document for name, item in receipts.items()} == {"a.md": first["a.md"].document}
    assert texts(home.store, home.user) == {"a.md": "edited words", "b.md": "second words"}


def test_a_file_missing_for_a_moment_is_not_deleted(home: Home) -> None:
    """Between two looks it is away and comes back changed: a change; the other file that is away for good goes."""
    write(home.notes / "c.md", "third words")
    first = home.start()
    receipts = home.after(
        lambda: _delete(home.notes / "b.md"),
        lambda: _delete(home.notes / "a.md"),
        lambda: write(home.notes / "a.md", "new words", age=20),
        lambda: None,
    )
    assert home.forgotten == [first["b.md"].document]
    assert {name: (item.status, item.document) for name, item in receipts.items()} == {
        "a.md": ("indexed", first["a.md"].document),
        "b.md": ("removed", first["b.md"].document),
    }


def test_a_file_that_is_being_written_waits(home: Home) -> None:
    """It is read once, when it has stayed as it is from one look to the next."""
    home.start()
    parts = [lambda n=n: write(home.notes / "c.txt", "line\n" * n, age=50 - n) for n in range(1, 5)]
    counting = home.embedder.embedded
    receipts = home.after(*parts)
    assert set(receipts) == {"c.txt"}
    assert texts(home.store, home.user)["c.txt"].count("line") == 4
    assert home.embedder.embedded == counting + 1


def test_it_looks_again_soon_while_something_is_open(home: Home) -> None:
    """After a change it looks in a second; where all is quiet it waits for the next change."""
    home.start()
    script = Script(
        [lambda: None, lambda: None, lambda: write(home.notes / "a.md", "x", age=20), lambda: None, lambda: None]
    )
    list(home.follower.follow(script, go_on=script.go_on))
    assert script.waits[:5] == [1.0, None, None, 1.0, None]


def test_a_copy_takes_over_when_its_twin_goes(home: Home) -> None:
    """What lies in another file of the folder as well is not erased."""
    write(home.notes / "copy.md", "first words")
    first = home.start()
    receipts = home.after(lambda: _delete(home.notes / "a.md"))
    assert receipts["a.md"].reason == "its file is gone; nothing is stored of it alone"
    assert home.forgotten == []
    sources = {item.id: Path(item.source).name for item in home.store.documents(user_id=home.user)}
    assert sources[first["a.md"].document or 0] == "copy.md"


def test_a_copy_on_a_disk_that_is_away_takes_over_too(home: Home) -> None:
    """It is not deleted, so its words stay; where both copies are deleted at once, they go."""
    disk = home.notes.parent / "disk"
    write(disk / "c.md", "first words")
    write(home.notes / "d.md", "second words")
    home.follower = home.follow(home.notes, disk)
    home.start()
    disk.rename(disk.with_name("away"))
    home.after(lambda: _delete(home.notes / "a.md"), lambda: None)
    assert home.forgotten == []
    assert {item.source for item in home.store.documents(user_id=home.user)} >= {str(disk / "c.md")}
    home.after(lambda: disk.with_name("away").rename(disk), lambda: None)
    write(home.notes / "e.md", "x")
    home.after(lambda: _delete(home.notes / "b.md", home.notes / "d.md"))
    assert texts(home.store, home.user) == {"c.md": "first words", "e.md": "x"}


def test_what_was_forgotten_meanwhile_stays_so(home: Home) -> None:
    """By another process, while the folder is followed, and when following starts again."""
    first = home.start()
    document = first["a.md"].document
    assert document is not None
    forget_document(home.store, None, user_id=home.user, document_id=document)
    assert home.after() == {}
    home.follower = home.follow(home.notes)
    assert home.start()["a.md"].status == "skipped"
    assert set(texts(home.store, home.user)) == {"b.md"}


def test_what_the_rules_pass_over_later_stays(home: Home) -> None:
    """As in git: what is in memory is not taken out by a new rule, and is followed no more."""
    home.start()
    receipts = home.after(
        lambda: write(home.notes / ".gitignore", "a.md\n"), lambda: write(home.notes / "a.md", "x", age=20)
    )
    assert (receipts, home.forgotten) == ({}, [])
    assert texts(home.store, home.user)["a.md"] == "first words"


def test_a_folder_that_vanishes_costs_nothing(home: Home) -> None:
    """Renamed or unplugged as a whole: it is said once, all stays, and when it is back it is followed on."""
    home.start()
    away = home.notes.with_name("away")
    receipts = home.after(lambda: home.notes.rename(away), lambda: None, lambda: None)
    assert (receipts, home.forgotten) == ({}, [])
    assert home.told == [f"{home.notes} is not there: what was imported from it (2 files) stays in memory"]
    back = home.after(lambda: away.rename(home.notes), lambda: write(home.notes / "a.md", "new", age=20))
    assert back["a.md"].status == "indexed"
    assert set(texts(home.store, home.user)) == {"a.md", "b.md"}


def test_a_folder_named_twice_is_doubted_once(home: Home) -> None:
    """Named by itself and within another: what is said to stay does."""
    write(home.notes / "sub" / "c.md", "third words")
    home.follower = home.follow(home.notes, home.notes / "sub")
    home.start()
    home.after(lambda: shutil.rmtree(home.notes / "sub"), lambda: None)
    assert home.forgotten == []
    assert home.told == [f"{home.notes / 'sub'} is not there: what was imported from it (1 files) stays in memory"]


def test_a_folder_whose_names_are_kept_secret_is_doubted(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """All its files are missing and it can't be listed: no reason to erase, and none to end."""
    home.start()
    _delete(home.notes / "a.md", home.notes / "b.md")

    def refused(path: Path) -> list[str]:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("memory.following.os.listdir", refused)
    gone = find_gone(home.store, [home.notes], user_id=home.user)
    assert gone.files == ()
    assert gone.doubts == (
        f"{home.notes} can't be looked at (Permission denied): what was imported from it (2 files) stays in memory",
    )


def test_a_folder_that_is_suddenly_empty_costs_nothing(home: Home) -> None:
    """A mount point without its disk is an empty folder; hidden files in it don't count."""
    home.start()
    write(home.notes / ".keep", "")
    home.after(lambda: _delete(home.notes / "a.md", home.notes / "b.md"), lambda: None)
    assert home.forgotten == []
    assert home.told == [
        f"{home.notes} is empty: what was imported from it (2 files) stays in memory; `familiar forget` removes it"
    ]


def test_files_of_a_disk_that_is_gone_stay(home: Home) -> None:
    """A disk mounted within the folder: without it its files are missing, but not deleted."""
    write(home.notes / "disk" / "c.md", "third words")
    home.start()
    shutil.rmtree(home.notes / "disk")
    with home.store.transaction() as db:
        db.execute("UPDATE files SET device = device + 1 WHERE path LIKE '%c.md'")
    assert (home.after(), home.forgotten) == ({}, [])
    assert home.told == [f"1 files below {home.notes} lay on a disk that is not there now; they stay in memory"]
    assert "c.md" in texts(home.store, home.user)


def test_a_large_disk_that_is_gone_is_seen_at_once(home: Home) -> None:
    """Each round looks for it, so its files must not be compared with each other."""
    home.start()
    row = "INSERT INTO files SELECT NULL, user_id, ?, 1, 1, 1, device + 1, 1, NULL, status, NULL, '' FROM files"
    paths = [(str(home.notes / "disk" / f"{number}.md"),) for number in range(20_000)]
    with home.store.transaction() as db:
        db.executemany(f"{row} WHERE id = 1", paths)
    start = time.monotonic()
    assert find_gone(home.store, [home.notes], user_id=home.user).files == ()
    assert time.monotonic() - start < 15.0


def test_a_folder_that_cant_be_read_costs_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be looked at is not gone."""
    write(home.notes / "sub" / "c.md", "third words")
    home.start()
    real = os.lstat

    def refused(path: str) -> os.stat_result:
        if "sub" in str(path):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr("memory.files.os.lstat", refused)
    assert find_gone(home.store, [home.notes], user_id=home.user).files == ()


def test_an_import_without_following_deletes_nothing(home: Home) -> None:
    """It is found, so that it can be said; the document stays."""
    bring_in(home.store, home.user, home.notes)
    (home.notes / "a.md").unlink()
    bring_in(home.store, home.user, home.notes)
    gone = find_gone(home.store, [home.notes], user_id=home.user)
    assert [Path(file.path).name for file in gone.files] == ["a.md"]
    assert set(texts(home.store, home.user)) == {"a.md", "b.md"}
    other = home.store.add_user("bo", role="member").id
    assert find_gone(home.store, [home.notes], user_id=other).files == ()


def test_a_start_follows_what_happened_in_between(home: Home) -> None:
    """Deleted while nobody watched: gone with the first pass."""
    home.start()
    (home.notes / "a.md").unlink()
    home.follower = home.follow(home.notes)
    receipts = home.start()
    assert {name: item.status for name, item in receipts.items()} == {"a.md": "removed", "b.md": "duplicate"}


def test_a_named_file_is_followed_but_not_deleted(home: Home) -> None:
    """Where the user named the file itself, its disappearance is no order."""
    home.follower = home.follow(home.notes / "a.md")
    assert set(home.start()) == {"a.md"}
    home.after(lambda: write(home.notes / "a.md", "new words", age=20), lambda: None, (home.notes / "a.md").unlink)
    assert home.forgotten == []
    assert texts(home.store, home.user) == {"a.md": "new words"}


def test_a_damaged_file_stops_nothing(home: Home) -> None:
    """It gets its receipt once, the others go on, and mended it is imported."""
    home.start()
    receipts = home.after(
        lambda: (write(home.notes / "c.pdf", b"%PDF-1.7 nothing"), write(home.notes / "d.md", "fine", age=20)),
    )
    assert {name: item.status for name, item in receipts.items()} == {"c.pdf": "failed", "d.md": "indexed"}
    assert home.after() == {}
    assert home.after(lambda: write(home.notes / "c.pdf", pdf(["mended"]), age=10))["c.pdf"].status == "indexed"


def test_bytes_that_stay_on_disk_are_told_and_end_nothing(home: Home) -> None:
    """Erased, but another process is reading: said once; the receipt is true and following goes on."""
    home.start()
    erase = home.forget

    def busy(documents: Sequence[int]) -> None:
        erase(documents)
        raise FamiliarError("the log can't be emptied")

    home.follower._forget = busy
    receipts = home.after((home.notes / "a.md").unlink)
    assert (receipts["a.md"].status, home.told) == ("removed", ["the log can't be emptied"])
    assert set(texts(home.store, home.user)) == {"b.md"}


def test_what_could_not_be_erased_is_not_said_to_be(home: Home) -> None:
    """A database that can't be written: no receipt, and the next start tries again."""
    home.start()

    def refuse(documents: Sequence[int]) -> None:
        del documents
        raise FamiliarError("can't be written")

    home.follower._forget = refuse
    assert home.after((home.notes / "a.md").unlink) == {}
    assert len(Files(home.store).below(str(home.notes), user_id=home.user)) == 2
    home.follower = home.follow(home.notes)
    assert home.start()["a.md"].status == "removed"


def test_the_clock_returns_after_its_time_or_when_told() -> None:
    """A wish to stop is heard within a moment."""
    asked: list[int] = []
    Clock(0.3).wait(None, lambda: not asked.append(1))  # type: ignore[func-returns-value]
    assert len(asked) >= 2
    Clock(600).wait(None, lambda: False)
    Clock(600).wait(0.01, lambda: True)


def test_the_system_tells_of_a_change(tmp_path: Path) -> None:
    """Long before the next regular look, and not without one."""
    with Notifier([tmp_path], seconds=600) as notifier:
        done = threading.Event()

        def wait() -> None:
            notifier.wait(None, lambda: True)
            done.set()

        threading.Thread(target=wait, daemon=True).start()
        for n in range(100):
            (tmp_path / f"{n}.md").write_text("x")
            if done.wait(0.1):
                break
        assert done.is_set()


def test_where_the_system_cant_tell_the_clock_does(tmp_path: Path) -> None:
    """A folder that is missing can't be watched by the system."""
    with Notifier([tmp_path / "none"], seconds=0.2) as notifier:
        for _ in range(3):
            notifier.wait(None, lambda: True)
        assert notifier._failed.is_set()
