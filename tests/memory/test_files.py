"""Re-import: what is unchanged is not opened, what changed or moved stays the same document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlite_utils import Database

from memory.config import ImportConfig
from memory.erasure import forget_document
from memory.facts.store import correct, delete, facts_of, pin
from memory.files import Files, FileState, is_unchanged
from memory.importers.converter import Converter
from memory.importers.records import Hints
from memory.importers.walk import FoundFile
from memory.ingest import ImportOptions, Request
from memory.preparing import Preparer
from memory.records import Citation, NewTurn, RecalledMemory, Receipt, Timings
from memory.schema import migrations
from memory.store import Store
from memory.storing import Writer
from memory.turns import add_turn, open_conversation, turn_by_id
from tests.embedder import WordEmbedder
from tests.memory.folder import bring_in, texts, write, zipped
from tests.memory.importers.files import pdf

ROOT = Path(__file__).parents[2]


_AGAIN = """
import json, sys
from pathlib import Path
from memory.config import ImportConfig
from memory.ingest import Ingestor
from memory.store import Store
from tests.embedder import WordEmbedder

class Untouchable(WordEmbedder):
    def embed_passages(self, texts):
        raise AssertionError("the model was asked")

opened, listed = [], []
folder = sys.argv[2]

def watch(event, arguments):
    if event in ("open", "os.scandir", "os.listdir") and str(arguments[0]).startswith(folder):
        (opened if event == "open" else listed).append(str(arguments[0]))

store = Store(Path(sys.argv[1]))
sys.addaudithook(watch)
receipts = list(Ingestor(store, Untouchable(), ImportConfig()).import_paths([Path(folder)], user_id=1))
reasons = sorted({(item.status, item.reason) for item in receipts})
print(json.dumps({"opened": opened, "listed": len(listed), "files": len(receipts), "reasons": reasons}))
"""


def test_an_unchanged_folder_costs_a_look_at_each_file(tmp_path: Path, notes: Path) -> None:
    """Of some hundred files, broken and unsupported ones among them, none is opened the second time."""
    for number in range(300):
        write(notes / f"{number % 7}" / f"{number}.md", f"note {number}")
    write(notes / "broken.pdf", b"%PDF-1.7 nothing")
    write(notes / "program.exe", b"MZ" + bytes(200))
    store = Store(tmp_path / "familiar.db")
    user = store.add_user("ada", role="owner").id
    first = bring_in(store, user, notes)
    store.close()
    command = [sys.executable, "-c", _AGAIN, str(tmp_path / "familiar.db"), str(notes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout)
    assert (seen["opened"], seen["listed"], seen["files"]) == ([], 8, 302)
    assert seen["reasons"] == [
        ["duplicate", "imported before, unchanged"],
        ["failed", first["broken.pdf"].reason],
        ["skipped", first["program.exe"].reason],
    ]


SEEN = FileState(10, 5_000_000_000, 7, 1, 9_000_000_000)


@pytest.mark.parametrize(
    ("before", "now", "unchanged"),
    [
        (SEEN, SEEN, True),
        (SEEN, replace(SEEN, size=11), False),
        (SEEN, replace(SEEN, mtime_ns=5_000_000_001), False),
        (SEEN, replace(SEEN, inode=8), False),
        (SEEN, replace(SEEN, device=2, seen_ns=99), True),
        (replace(SEEN, seen_ns=6_900_000_000), SEEN, False),  # read 1.9 s after its last change
        (replace(SEEN, seen_ns=4_000_000_000), SEEN, False),  # changed in the future
    ],
)
def test_what_a_look_can_tell(before: FileState, now: FileState, unchanged: bool) -> None:
    """Size, time and inode; not where the file could have changed within the time that it shows."""
    assert is_unchanged(before, now) is unchanged


def test_a_change_within_the_same_moment_is_noticed(store: Store, user: int, notes: Path) -> None:
    """Same size, same times: a file that was read as soon as it was written is read again."""
    path = write(notes / "a.md", "code 1111", age=0)
    bring_in(store, user, notes)
    state = path.stat()
    path.write_bytes(b"code 2222")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert bring_in(store, user, notes)["a.md"].status == "indexed"
    assert texts(store, user) == {"a.md": "code 2222"}


def test_a_file_that_was_only_touched_is_read_and_no_more(store: Store, user: int, notes: Path) -> None:
    """Its content is what it was: no conversion, no embedding; the next import does not open it."""
    write(notes / "bundle.zip", zipped({"a.md": b"one", "b.md": b"two"}))
    bring_in(store, user, notes)
    write(notes / "bundle.zip", (notes / "bundle.zip").read_bytes(), age=30)
    embedder = WordEmbedder()
    receipt = bring_in(store, user, notes, embedder=embedder)["bundle.zip"]
    assert (receipt.status, receipt.reason, receipt.chunks) == ("duplicate", "imported before, unchanged", 2)
    assert embedder.embedded == 0
    file = Files(store).at(str(notes / "bundle.zip"), user_id=user)
    assert file is not None
    assert len(file.documents) == 2


@pytest.mark.parametrize("again", ["settings", "hints", "named"])
def test_a_failure_is_remembered_until_something_may_help(
    store: Store, user: int, notes: Path, again: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broken file is not converted again, unless settings or options are others or the user names it."""
    path = write(notes / "a.pdf", b"%PDF-1.7 nothing")
    reason = bring_in(store, user, notes)["a.pdf"].reason
    monkeypatch.setattr("memory.preparing.read_file", lambda *_, **__: pdf(["mended"]))
    assert bring_in(store, user, notes)["a.pdf"].reason == reason
    options = ImportOptions(hints=Hints(encoding="gb18030")) if again == "hints" else None
    config = ImportConfig(convert_seconds=59) if again == "settings" else None
    folder = path if again == "named" else notes
    assert bring_in(store, user, folder, options=options, config=config)["a.pdf"].status == "indexed"


def test_a_file_that_could_not_be_read_is_tried_again(
    store: Store, user: int, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A permission or a disk that fails says nothing of the content."""
    write(notes / "a.md", "x")

    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr("memory.importers.walk.os.open", refused)
        assert bring_in(store, user, notes)["a.md"].reason == "a.md can't be read: Permission denied"
    assert bring_in(store, user, notes)["a.md"].status == "indexed"


def test_of_a_changed_file_only_what_is_new_is_embedded(store: Store, user: int, notes: Path) -> None:
    """Passages whose text stays keep their vectors, all of them stand in a row, and the document keeps its number."""
    rows = [f"Line number {n} of this long diary speaks of place {n}. " * 8 for n in range(12)]
    path = write(notes / "diary.txt", "\n\n".join(rows))
    first = bring_in(store, user, notes, config=ImportConfig(chunk_characters=450))["diary.txt"]
    before = {
        row["text"]: row["vector"]
        for row in store.rows("SELECT text, vector FROM chunks JOIN vectors ON chunk_id = id")
    }
    rows[5] = "Something else stands here now. " * 12
    write(path, "\n\n".join([*rows, "And a new end."]), age=30)
    embedder = WordEmbedder()
    second = bring_in(store, user, notes, embedder=embedder, config=ImportConfig(chunk_characters=450))["diary.txt"]
    assert (second.document, second.status) == (first.document, "indexed")
    assert 0 < embedder.embedded < first.chunks / 2
    after = store.rows("SELECT id, position, text, vector FROM chunks JOIN vectors ON chunk_id = id ORDER BY position")
    assert [row["id"] for row in after] == list(range(after[0]["id"], after[0]["id"] + second.chunks))
    assert [row["position"] for row in after] == list(range(second.chunks))
    kept = [row for row in after if row["text"] in before]
    assert len(kept) >= 10
    assert all(row["vector"] == before[row["text"]] for row in kept)


def test_facts_and_turns_stay_with_what_did_not_change(store: Store, user: int, notes: Path) -> None:
    """What the user corrected, pinned or deleted holds, an old statement is not said anew, a reply keeps its source."""
    lines = ["My dentist is Mia Wong.", "My doctor is Oskar Lind.", "My lawyer is Ines Duval."]
    path = write(notes / "people.md", "\n\n".join(f"# {n}\n\n{line}" for n, line in enumerate(lines)))
    document = bring_in(store, user, notes)["people.md"].document
    facts = {fact.attribute: fact for fact in facts_of(store, owners=[user])}
    assert {"dentist", "doctor", "lawyer"} <= set(facts)
    correct(store, facts["dentist"].id, "Mia Wang", user_id=user)
    pin(store, facts["doctor"].id, user_id=user)
    delete(store, facts["lawyer"].id, user_id=user)
    (chunk,) = [row["id"] for row in store.rows("SELECT id FROM chunks WHERE text LIKE '%Oskar%'")]
    turn = _reply_from(store, user, chunk)
    write(path, path.read_bytes() + b"\n\n# 4\n\nMy manager is Tom Reed.\n", age=30)
    assert bring_in(store, user, notes)["people.md"].document == document
    after = {fact.attribute: fact for fact in facts_of(store, owners=[user])}
    assert (after["dentist"].value, after["dentist"].corrected) == ("Mia Wang", True)
    assert (after["doctor"].id, after["doctor"].pinned, after["doctor"].said_at) == (
        facts["doctor"].id,
        True,
        facts["doctor"].said_at,
    )
    assert ("lawyer" in after, after["manager"].value) == (False, "Tom Reed")
    (now,) = [row["id"] for row in store.rows("SELECT id FROM chunks WHERE text LIKE '%Oskar%'")]
    stored = turn_by_id(store, turn, user_id=user)
    assert now != chunk
    assert (stored.memories[0].id, stored.citations[0].chunk_id) == (now, now)


def _reply_from(store: Store, user: int, chunk: int) -> int:
    """A turn that recalled and cited a passage; its number."""
    new = NewTurn(
        conversation_id=open_conversation(store, user_id=user, channel="terminal"),
        user_text="Who is my doctor?",
        reply="Oskar Lind [1]",
        generated="",
        prompt=(),
        citations=(Citation(1, "people.md", "people", "My doctor is Oskar Lind.", chunk),),
        memories=(RecalledMemory(chunk, 0.9, "people.md", "My doctor is Oskar Lind."),),
        engine="e",
        model="m",
        adapter=None,
        timings=Timings(),
        asked_at="2026-01-01T00:00:00+00:00",
    )
    return add_turn(store, new, user_id=user, said=None).id


def test_a_moved_file_keeps_its_document(store: Store, user: int, notes: Path) -> None:
    """In another folder, or with its folder renamed: the source follows, nothing is converted or embedded."""
    write(notes / "old" / "a.md", "# Title\n\nwords")
    write(notes / "old" / "bundle.zip", zipped({"b.md": b"one", "c.md": b"two"}))
    bring_in(store, user, notes)
    before = {item.id: Path(item.source).name for item in store.documents(user_id=user)}
    (notes / "old").rename(notes / "new")
    embedder = WordEmbedder()
    receipts = bring_in(store, user, notes, embedder=embedder)
    assert receipts["a.md"].status == receipts["bundle.zip"].status == "duplicate"
    assert receipts["a.md"].reason == f"moved from {notes / 'old' / 'a.md'}"
    assert receipts["bundle.zip"].reason == f"moved from {notes / 'old' / 'bundle.zip'}"
    assert embedder.embedded == 0
    after = {item.id: item for item in store.documents(user_id=user)}
    assert {id_: Path(item.source).name for id_, item in after.items()} == before
    assert all(item.source.startswith(str(notes / "new")) for item in after.values())
    assert [file.path for file in Files(store).below(str(notes), user_id=user)] == [
        str(notes / "new" / name) for name in ("a.md", "bundle.zip")
    ]


def test_a_renamed_file_gets_the_title_of_its_name(store: Store, user: int, notes: Path) -> None:
    """Title and vectors are what a new import would give them; the document is the same."""
    write(notes / "harbour.txt", "The boat is blue.")
    write(notes / "cabin.html", "<title>Keys</title><p>The key hangs.</p>")
    first = bring_in(store, user, notes)
    (notes / "harbour.txt").rename(notes / "marina.txt")
    (notes / "cabin.html").rename(notes / "hut.html")
    embedder = WordEmbedder()
    receipts = bring_in(store, user, notes, embedder=embedder)
    moved = receipts["marina.txt"]
    assert (moved.status, moved.document) == ("indexed", first["harbour.txt"].document)
    assert moved.reason == f"moved from {notes / 'harbour.txt'}"
    assert (receipts["hut.html"].status, receipts["hut.html"].document) == ("duplicate", first["cabin.html"].document)
    assert embedder.embedded == 1
    fresh = Store(notes.parent / "fresh" / "familiar.db")
    other = fresh.add_user("ada", role="owner").id
    bring_in(fresh, other, notes)
    both = [
        [
            tuple(row)
            for row in each.rows(
                "SELECT title, c.text, vector FROM documents d JOIN chunks c ON c.document_id = d.id"
                " JOIN vectors ON chunk_id = c.id ORDER BY title"
            )
        ]
        for each in (store, fresh)
    ]
    fresh.close()
    assert both[0] == both[1]


def test_a_file_moved_over_another_leaves_no_trace_of_its_place(store: Store, user: int, notes: Path) -> None:
    """Also where its new name would give it another title: each document is where its file is."""
    write(notes / "a.txt", "words")
    write(notes / "b.txt", "other words")
    first = bring_in(store, user, notes)
    (notes / "a.txt").rename(notes / "b.txt")
    receipt = bring_in(store, user, notes)["b.txt"]
    assert (receipt.document, receipt.reason) == (
        first["a.txt"].document,
        f"moved from {notes / 'a.txt'}; the version of this file imported before is gone",
    )
    assert [item.source for item in store.documents(user_id=user)] == [str(notes / "b.txt")]


def test_of_two_copies_one_may_be_renamed(store: Store, user: int, notes: Path) -> None:
    """The document passes to the one that keeps its name, and the other is a copy of that."""
    write(notes / "a.txt", "words")
    bring_in(store, user, notes)
    write(notes / "b.txt", "words")
    bring_in(store, user, notes)
    (notes / "a.txt").rename(notes / "c.txt")
    assert bring_in(store, user, notes)["c.txt"].reason == f"same content as {notes / 'b.txt'}"
    assert [item.source for item in store.documents(user_id=user)] == [str(notes / "b.txt")]
    assert {Path(row["path"]).name for row in store.rows("SELECT path FROM files")} == {"b.txt", "c.txt"}


@pytest.mark.parametrize(("old", "new"), [("sub/Note.md", "sub/note.md"), ("Sub/boat.zip", "sub/boat.zip")])
def test_a_new_spelling_is_a_move(
    store: Store, user: int, notes: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    """On a disk that takes upper and lower case for equal, where the old path still finds the file."""
    path = write(notes / old, zipped({"a.md": b"one"}) if old.endswith("zip") else "words")
    first = bring_in(store, user, notes)[Path(old).name]
    if path.parent.name == "Sub":
        path.parent.rename(notes / "sub")
    else:
        path.rename(notes / new)
    real = os.lstat

    def insensitive(path: str) -> os.stat_result:
        return real(str(path).replace(str(notes / old), str(notes / new)))

    monkeypatch.setattr("memory.files.os.lstat", insensitive)
    moved = bring_in(store, user, notes)[Path(new).name]
    assert (moved.document, moved.reason) == (first.document, f"moved from {path}")
    assert [row["path"] for row in store.rows("SELECT path FROM files")] == [str(notes / new)]
    write(notes / new, zipped({"a.md": b"two"}) if new.endswith("zip") else "other words", age=20)
    bring_in(store, user, notes)
    assert list(texts(store, user).values()) in (["two"], ["other words"])


def test_a_copy_is_no_move(store: Store, user: int, notes: Path) -> None:
    """While the first file is there, its document stays where it is; then the copy takes it over."""
    write(notes / "a.md", "words")
    bring_in(store, user, notes)
    write(notes / "b.md", "words")
    assert bring_in(store, user, notes)["b.md"].reason == f"same content as {notes / 'a.md'}"
    write(notes / "a.md", "other words")
    bring_in(store, user, notes)
    assert texts(store, user) == {"a.md": "other words", "b.md": "words"}
    again = bring_in(store, user, notes)
    assert {item.reason for item in again.values()} == {"imported before, unchanged"}


def test_a_copy_that_is_away_keeps_the_words(store: Store, user: int, notes: Path) -> None:
    """On a disk that is not there while the other copy changes: once it is back, it is what it was."""
    first, second = write(notes / "a.md", "words"), write(notes.parent / "disk" / "b.md", "words")
    bring_in(store, user, first.parent, second.parent)
    second.parent.rename(notes.parent / "away")
    write(first, "other words", age=30)
    bring_in(store, user, notes)
    assert texts(store, user) == {"a.md": "other words", "b.md": "words"}
    (notes.parent / "away").rename(second.parent)
    bring_in(store, user, first.parent, second.parent)
    assert texts(store, user) == {"a.md": "other words", "b.md": "words"}


def test_an_archive_that_is_away_keeps_its_other_parts(store: Store, user: int, notes: Path) -> None:
    """A file taken out of it moves; what was not taken out stays, as an import deletes nothing."""
    archive = write(notes.parent / "disk" / "bundle.zip", zipped({"a.md": b"one", "b.md": b"two"}))
    bring_in(store, user, archive.parent)
    archive.parent.rename(notes.parent / "away")
    write(notes / "a.md", "one")
    assert bring_in(store, user, notes)["a.md"].reason == f"moved from {archive}!/a.md"
    assert {item.source for item in store.documents(user_id=user)} == {str(notes / "a.md"), f"{archive}!/b.md"}


def test_a_folder_with_an_exclamation_mark_is_no_archive(store: Store, user: int, notes: Path) -> None:
    """Its files have one version each; a copy is a copy; what lies in an archive there is found."""
    path = write(notes / "wow!" / "a.md", "words")
    archive = write(notes / "wow!" / "bundle.zip", zipped({"b.md": b"one"}))
    bring_in(store, user, notes)
    write(path, "new words", age=30)
    write(archive, zipped({"b.md": b"two"}), age=30)
    bring_in(store, user, notes)
    assert [item.source for item in store.documents(user_id=user)] == [str(path), f"{archive}!/b.md"]
    write(notes / "copy.md", "new words")
    assert bring_in(store, user, notes)["copy.md"].reason == f"same content as {path}"
    write(path, "newer words", age=20)
    bring_in(store, user, notes)
    assert texts(store, user) == {"a.md": "newer words", "b.md": "two", "copy.md": "new words"}
    (notes / "wow!").rename(notes / "oh")
    bring_in(store, user, notes)
    sources = {item.source for item in store.documents(user_id=user)}
    assert sources == {str(notes / name) for name in ("oh/a.md", "oh/bundle.zip!/b.md", "copy.md")}
    assert {Path(row["path"]).name for row in store.rows("SELECT path FROM files")} == {"a.md", "bundle.zip", "copy.md"}


def test_two_files_that_change_names_change_documents(store: Store, user: int, notes: Path) -> None:
    """However names are dealt out, each path ends with the words of its file, once."""
    write(notes / "a.txt", "first words")
    write(notes / "b.txt", "second words")
    bring_in(store, user, notes)
    (notes / "a.txt").rename(notes / "c.txt")
    (notes / "b.txt").rename(notes / "a.txt")
    (notes / "c.txt").rename(notes / "b.txt")
    for _ in range(2):
        bring_in(store, user, notes)
    assert texts(store, user) == {"a.txt": "second words", "b.txt": "first words"}


@pytest.mark.parametrize("kind", ["md", "txt"])
def test_files_that_change_names_at_once_keep_their_words(store: Store, user: int, notes: Path, kind: str) -> None:
    """As logs are rotated, or two notes swapped, where no title changes: one import is enough, with a receipt each."""
    newest, older, oldest = (notes / f"log{n}.{kind}" for n in ("", ".1", ".2"))
    write(newest, "first words")
    write(older, "second words")
    bring_in(store, user, notes)
    older.rename(oldest)
    newest.rename(older)
    write(newest, "third words", age=30)
    assert list(bring_in(store, user, notes)) == sorted([older.name, oldest.name, newest.name])
    assert texts(store, user) == {newest.name: "third words", older.name: "first words", oldest.name: "second words"}
    older.rename(notes / "between")
    newest.rename(older)
    (notes / "between").rename(newest)
    bring_in(store, user, notes)
    assert texts(store, user) == {newest.name: "first words", older.name: "third words", oldest.name: "second words"}
    assert {item.reason for item in bring_in(store, user, notes).values()} == {"imported before, unchanged"}


def test_a_document_forgotten_after_its_file_was_read_is_not_known(store: Store, user: int, notes: Path) -> None:
    """Files are read ahead of their turn, and a bot on the same home may forget meanwhile: it is read again."""
    path = write(notes / "a.md", "known words")
    document = bring_in(store, user, notes)["a.md"].document
    assert document is not None
    with Converter(ImportConfig()) as converter:
        preparer = Preparer(store, WordEmbedder(), ImportConfig(), converter)
        prepared = preparer.prepare_file(FoundFile(path, str(path)), Request(user))
        forget_document(store, None, user_id=user, document_id=document)
        writer = Writer(store, embedder=WordEmbedder().key)
        assert writer.finish(prepared, np.zeros((0, 0), np.float32), Request(user)) is None
        again = preparer.prepare_file(FoundFile(path, str(path)), Request(user))
    assert isinstance(again.outcome, Receipt)
    assert again.outcome.status == "skipped"


def test_parts_that_a_file_no_longer_holds_go(store: Store, user: int, notes: Path) -> None:
    """A new version of an archive leaves nothing of what was taken out of it."""
    path = write(notes / "bundle.zip", zipped({"a.md": b"one", "b.md": b"two"}))
    bring_in(store, user, notes)
    write(path, zipped({"a.md": b"one", "c.md": b"three"}), age=30)
    bring_in(store, user, notes)
    assert texts(store, user) == {"a.md": "one", "c.md": "three"}


def test_a_failing_version_leaves_the_older_one_followed(store: Store, user: int, notes: Path) -> None:
    """The document of the last good version stays with its file, also when that moves on to a good one."""
    path = write(notes / "a.pdf", pdf(["kept"]))
    document = bring_in(store, user, notes)["a.pdf"].document
    write(path, pdf(["kept"])[:100], age=40)
    assert bring_in(store, user, notes)["a.pdf"].status == "failed"
    file = Files(store).at(str(path), user_id=user)
    assert file is not None
    assert (file.status, file.documents) == ("failed", (document,))
    write(path, pdf(["new"]), age=20)
    assert bring_in(store, user, notes)["a.pdf"].document == document


def test_each_user_follows_their_own(store: Store, user: int, notes: Path) -> None:
    """A shared knowledge base made of the same folder has its own documents and its own notes on the files."""
    write(notes / "a.md", "words")
    other = store.add_user("handbook", role="shared").id
    statuses = [bring_in(store, who, notes)["a.md"].status for who in (user, other, user, other)]
    assert statuses == ["indexed", "indexed", "duplicate", "duplicate"]


def test_a_home_from_before_follows_its_files(tmp_path: Path, notes: Path) -> None:
    """Rows of the oldest schema stay; the first import after it reads each file once and knows it."""
    old = write(notes / "a.md", "words")
    raw = Database(tmp_path / "familiar.db")
    migrations().apply(raw, stop_before="m0008_files")
    raw.execute("INSERT INTO users (name, role, created_at) VALUES ('ada', 'owner', '2026-01-01')")
    sha256 = "5ecf4b2b68c7d1a2d7a4bd4ffb8ad3f5f5e1e3c1"
    raw.execute(
        "INSERT INTO documents (user_id, source, title, format, sha256, text, imported_at)"
        " VALUES (1, ?, 'a', 'markdown', ?, 'old words', '2026-01-01')",
        (str(old), sha256),
    )
    raw.execute("INSERT INTO erasures (user_id, kind, salt, target, at) VALUES (1, 'document', 's', '\"t\"', '2026')")
    raw.close()
    store = Store(tmp_path / "familiar.db")
    assert [tuple(row) for row in store.rows("SELECT kind, kept_out FROM erasures")] == [("document", 1)]
    receipt = bring_in(store, 1, notes)["a.md"]
    assert (receipt.document, receipt.reason) == (1, "it replaces the version imported before")
    assert bring_in(store, 1, notes)["a.md"].status == "duplicate"
    store.close()


def test_the_files_of_a_folder(store: Store, user: int, notes: Path) -> None:
    """Below a folder is what lies in it, not in one whose name begins alike."""
    for name in ("notes/a.md", "notes/sub/b.md", "notes-old/c.md", "notes.md"):
        write(notes.parent / name, name)
    bring_in(store, user, notes.parent)
    names = [Path(file.path).name for file in Files(store).below(str(notes), user_id=user)]
    assert names == ["a.md", "b.md"]
