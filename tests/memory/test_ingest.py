"""Import: one receipt a file, each document whole or not at all, and nothing from outside what was named."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memory.config import ImportConfig
from memory.errors import FamiliarError
from memory.importers.converter import Converter
from memory.importers.records import Conversion, ExtractedDocument, Hints, Utterance
from memory.ingest import ImportOptions, Ingestor
from memory.preparing import display_name, match_speaker, unknown_speakers
from memory.records import Receipt
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.memory.importers.files import docx, paragraph, pdf, zip_bomb_docx


def _ingestor(store: Store, embedder: WordEmbedder | None = None) -> Ingestor:
    return Ingestor(store, embedder or WordEmbedder(), ImportConfig())


def _import(store: Store, user: int, *paths: Path, options: ImportOptions | None = None) -> list[Receipt]:
    return list(_ingestor(store).import_paths(paths, user_id=user, options=options))


def _outcomes(receipts: Sequence[Receipt]) -> dict[str, tuple[str, str | None]]:
    return {Path(receipt.path).name: (receipt.status, receipt.reason) for receipt in receipts}


def _dialogue(path: Path, *rows: tuple[str, str], user: str | None = None) -> Path:
    with path.open("a", encoding="utf-8") as file:
        for number, (speaker, text) in enumerate(rows):
            row = {"id": f"{path.stem}:{number}", "speaker": speaker, "text": text, "at": "2024-01-01T10:00:00"}
            file.write(json.dumps(row | ({"user": user} if user else {})) + "\n")
    return path


def test_every_format_is_stored_with_its_place(store: Store, user: int, notes: Path) -> None:
    """Text, section, page, speaker and date of each kind of file reach the store."""
    (notes / "a.md").write_text("---\ndate: 2024-05-01\n---\n# Cabin\nThe key hangs.", encoding="utf-8")
    (notes / "b.pdf").write_bytes(pdf(["one", "", "three"]))
    (notes / "c.docx").write_bytes(docx(paragraph("words")))
    (notes / "d.html").write_text("<h1>Page</h1><p>text</p>", encoding="utf-8")
    (notes / "e.txt").write_bytes("你好，这是我的笔记。".encode("gb18030"))
    _dialogue(notes / "f.jsonl", ("Ada", "Hi"), ("Bo", "Yes"))
    receipts = _import(store, user, notes)
    assert [receipt.status for receipt in receipts] == ["indexed"] * 6
    rows = store.rows("SELECT text, page, section, speaker, at, external_ids FROM chunks ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("date: 2024-05-01\n\n# Cabin\nThe key hangs.", None, "Cabin", None, "2024-05-01", "[]"),
        ("one", 1, None, None, None, "[]"),
        ("three", 3, None, None, None, "[]"),
        ("words", None, None, None, None, "[]"),
        ("Page\ntext", None, "Page", None, None, "[]"),
        ("你好，这是我的笔记。", None, None, None, None, "[]"),
        ("Hi", None, None, "Ada", "2024-01-01T10:00:00", '["f:0"]'),
        ("Yes", None, None, "Bo", "2024-01-01T10:00:00", '["f:1"]'),
    ]
    assert receipts[1].reason == "no text on page 2 of 3 (scanned or empty)"
    for document in store.documents(user_id=user):
        text = store.document_text(document.id, user_id=user)
        for row in store.rows('SELECT text, start, "end" AS stop FROM chunks WHERE document_id = ?', (document.id,)):
            assert text[row["start"] : row["stop"]] == row["text"]


def test_vectors_belong_to_their_passages(store: Store, user: int, notes: Path) -> None:
    """Embedding many small files together mixes nothing up."""
    for number in range(40):
        (notes / f"{number:02}.txt").write_text(
            "\n\n".join(f"word{number} thing{i} " * 40 for i in range(number % 4 + 1))
        )
    _import(store, user, notes)
    embedder = WordEmbedder()
    for document in store.documents(user_id=user):
        ids = [row["id"] for row in store.rows("SELECT id FROM chunks WHERE document_id = ?", (document.id,))]
        for chunk in store.chunks(ids, owners=[user]):
            (row,) = store.rows("SELECT vector FROM vectors WHERE chunk_id = ?", (chunk.id,))
            stored = np.frombuffer(row["vector"], np.float16).astype(np.float32)
            text = f"{document.title}\n{chunk.text}"
            np.testing.assert_allclose(stored, embedder.embed_passages([text])[0], atol=1e-3)


def test_bad_files_get_a_reason_and_the_rest_is_imported(store: Store, user: int, notes: Path) -> None:
    """No file of a folder can sink the others."""
    (notes / "blank.md").write_text("  \n")
    (notes / "bomb.docx").write_bytes(zip_bomb_docx(400))
    (notes / "damaged.pdf").write_bytes(b"%PDF-1.7 nothing")
    (notes / "empty.md").write_bytes(b"")
    (notes / "folder.md").mkdir()
    (notes / "good.md").write_text("fine")
    (notes / "photo.md").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (notes / "scan.pdf").write_bytes(pdf([""]))
    (notes / ".hidden.md").write_text("x")
    found = _outcomes(_import(store, user, notes, notes / "missing.md"))
    assert found == {
        ".hidden.md": ("skipped", "hidden"),
        "blank.md": ("failed", "blank.md holds no text"),
        "bomb.docx": ("failed", "bomb.docx unpacks to 400 MB of XML; at most 300 MB are read"),
        "damaged.pdf": ("failed", "damaged.pdf is a damaged PDF (Stream has ended unexpectedly)"),
        "empty.md": ("skipped", "empty.md is empty"),
        "good.md": ("indexed", None),
        "photo.md": ("failed", "photo.md is a damaged picture (its header is incomplete)"),
        "scan.pdf": ("failed", "scan.pdf holds no text: its 1 pages are pictures or empty"),
        "missing.md": ("failed", "there is no such file or folder"),
    }


def test_links_never_lead_out_of_a_folder(store: Store, user: int, notes: Path) -> None:
    """oryxos#313: neither a linked file nor a linked folder is read, nor a link to nothing a crash."""
    secret = notes.parent / "secret"
    secret.mkdir()
    (secret / "key.md").write_text("swordfish")
    (notes / "escape.md").symlink_to(secret / "key.md")
    (notes / "folder").symlink_to(secret)
    (notes / "nothing.md").symlink_to(notes / "gone")
    assert {status for status, _ in _outcomes(_import(store, user, notes)).values()} == {"skipped"}
    assert store.documents(user_id=user) == []
    assert _outcomes(_import(store, user, notes / "nothing.md")) == {"nothing.md": ("failed", "a link to nothing")}
    (named,) = _import(store, user, notes / "escape.md")
    assert named.status == "indexed"
    assert store.documents(user_id=user)[0].source == str((secret / "key.md").resolve())


def test_a_pipe_does_not_hold_up_the_import(store: Store, user: int, notes: Path) -> None:
    """What is no regular file is passed over."""
    if hasattr(os, "mkfifo"):
        os.mkfifo(notes / "pipe.md")
    (notes / "a.md").write_text("x")
    found = _outcomes(_import(store, user, notes))
    assert found["a.md"] == ("indexed", None)
    assert found.get("pipe.md", ("skipped", ""))[0] == "skipped"


def test_a_file_over_the_limit_is_refused(store: Store, user: int, notes: Path) -> None:
    """The reason names the size and the setting."""
    (notes / "big.md").write_text("x" * 2_500_000)
    ingestor = Ingestor(store, WordEmbedder(), ImportConfig(max_file_mb=2))
    (receipt,) = ingestor.import_paths([notes], user_id=user)
    assert (receipt.status, receipt.reason) == ("failed", "big.md has 2 MB; [import] max_file_mb is 2")


def test_the_same_content_twice_is_one_document(store: Store, user: int, notes: Path) -> None:
    """openrag#2388: a duplicate says of what, in one import, in the next, and under another name."""
    for name in ("a.md", "b.md"):
        (notes / name).write_text("same")
    first = _outcomes(_import(store, user, notes, notes / "a.md"))
    assert first == {"a.md": ("indexed", None), "b.md": ("duplicate", f"same content as {(notes / 'a.md').resolve()}")}
    again = _outcomes(_import(store, user, notes))
    assert again["a.md"] == ("duplicate", "imported before, unchanged")
    assert len(store.documents(user_id=user)) == 1


def test_each_user_has_their_own(store: Store, user: int, notes: Path) -> None:
    """What one user imported is no duplicate for another, and stays theirs."""
    (notes / "a.md").write_text("same")
    other = store.add_user("bo", role="member").id
    assert [_import(store, who, notes)[0].status for who in (user, other)] == ["indexed", "indexed"]
    assert len(store.documents(user_id=other)) == 1


def test_a_changed_file_replaces_its_older_version(store: Store, user: int, notes: Path) -> None:
    """Search never finds two versions of a note."""
    (notes / "a.md").write_text("old words")
    _import(store, user, notes)
    (notes / "a.md").write_text("new words")
    (receipt,) = _import(store, user, notes)
    assert (receipt.status, receipt.reason) == ("indexed", "it replaces the version imported before")
    assert [row["text"] for row in store.rows("SELECT text FROM chunks")] == ["new words"]
    assert _counts(store) == (1, 1, 1, 1)


def test_a_file_changed_to_what_is_known_leaves_no_old_version(store: Store, user: int, notes: Path) -> None:
    """The outdated text goes even where the new one is a duplicate."""
    (notes / "a.md").write_text("one")
    (notes / "b.md").write_text("two")
    _import(store, user, notes)
    (notes / "b.md").write_text("one")
    assert "the version of this file imported before is gone" in str(_import(store, user, notes)[1].reason)
    assert [row["text"] for row in store.rows("SELECT text FROM chunks")] == ["one"]


def test_a_version_that_fails_leaves_the_older_one(store: Store, user: int, notes: Path) -> None:
    """A file damaged since costs nothing that was stored."""
    (notes / "a.pdf").write_bytes(pdf(["kept"]))
    _import(store, user, notes)
    (notes / "a.pdf").write_bytes(pdf(["kept"])[:100])
    assert _import(store, user, notes)[0].status == "failed"
    assert [row["text"] for row in store.rows("SELECT text FROM chunks")] == ["kept"]


def test_speakers_are_stored_and_can_be_said_later(store: Store, user: int, notes: Path) -> None:
    """Who is who is kept with the document, in the dialogue's spelling; a wrong name is told with the right ones."""
    path = _dialogue(notes / "chat.jsonl", ("Ada", "Hi"), ("Emi", "Yes"))
    (receipt,) = _import(store, user, path, options=ImportOptions(me="Zoe"))
    assert receipt.reason == "nobody in it is called 'Zoe'; its speakers are Ada, Emi"
    (receipt,) = _import(store, user, path, options=ImportOptions(me="ada", learn_from="Emi"))
    assert (receipt.status, receipt.reason) == (
        "duplicate",
        "imported before, unchanged; now yours: Ada, learned from: Emi",
    )
    _dialogue(path, ("Emi", "More"))
    _import(store, user, path)
    (document,) = store.documents(user_id=user)
    assert (document.me, document.learn_from, document.chunks) == ("Ada", "Emi", 3)


def test_rows_of_several_users_stay_apart(store: Store, user: int, notes: Path) -> None:
    """With a map each "user" has their own memory; without one a file can't write into anybody else's."""
    path = _dialogue(notes / "chat.jsonl", ("Ada", "mine"), user="u1")
    _dialogue(path, ("Bo", "his"), user="u2")
    other = store.add_user("bo", role="member").id
    options = ImportOptions(user_of={"u1": user, "u2": other}.__getitem__)
    (receipt,) = _import(store, user, path, options=options)
    assert (receipt.status, receipt.chunks) == ("indexed", 2)
    for who, text in ((user, "Ada: mine"), (other, "Bo: his")):
        (document,) = store.documents(user_id=who)
        assert store.document_text(document.id, user_id=who) == text
    assert _import(store, user, path, options=options)[0].status == "duplicate"
    third = store.add_user("cy", role="member").id
    _import(store, third, path)
    assert {row["user_id"] for row in store.rows("SELECT user_id FROM chunks")} == {user, other, third}
    assert store.documents(user_id=third)[0].chunks == 2


def test_an_upload_is_imported_by_its_name(store: Store, user: int) -> None:
    """A document sent to the bot goes the same way; its name is text, never a path."""
    ingestor = _ingestor(store)
    receipt = ingestor.import_bytes("..\\..\\报告.pdf", pdf(["hi"]), user_id=user)
    assert (receipt.status, receipt.path, receipt.chunks) == ("indexed", "报告.pdf", 1)
    assert ingestor.import_bytes("b.pdf", pdf(["hi"]), user_id=user).reason == "same content as 报告.pdf"
    assert ingestor.import_bytes("c.md", b"", user_id=user).status == "skipped"
    assert ingestor.import_bytes("d.pdf", b"%PDF-1.7", user_id=user).status == "failed"


@pytest.mark.parametrize(("name", "shown"), [("a/b.md", "b.md"), ("", "document"), ("x" * 999, "x" * 255)])
def test_display_name(name: str, shown: str) -> None:
    """Whatever the sender calls it, the name is short and not empty."""
    assert display_name(name) == shown


@pytest.mark.parametrize(
    ("name", "found"), [("Emi", "Emi"), ("emi ", "Emi"), ("ANN", None), ("Ann", "Ann"), ("Bo", None), (None, None)]
)
def test_match_speaker(name: str | None, found: str | None) -> None:
    """Case does not matter unless two differ by nothing else."""
    assert match_speaker(name, ["Emi", "Ann", "ann"]) == found


def test_many_speakers_are_not_all_listed() -> None:
    """A warning stays a line."""
    rows = tuple(Utterance(str(i), f"S{i}", "x") for i in range(20))
    (warning,) = unknown_speakers(
        ImportOptions(me="Z", learn_from="Z"), [ExtractedDocument("T", "dialogue", utterances=rows)]
    )
    assert warning.endswith("S7 and others")


def test_progress_grows_to_the_number_of_files(store: Store, user: int, notes: Path) -> None:
    """The bar moves within a long document and ends full."""
    (notes / "long.txt").write_text("\n\n".join(f"paragraph {i} " * 60 for i in range(600)))
    (notes / "short.txt").write_text("x")
    seen: list[tuple[float, int]] = []
    ingestor = _ingestor(store)
    list(ingestor.import_paths([notes], user_id=user, on_progress=lambda done, total: seen.append((done, total))))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert (seen[0], seen[-1]) == ((0, 2), (2, 2))
    assert any(0 < done < 1 for done, _ in seen)


def test_a_caller_that_stops_keeps_what_was_stored(store: Store, user: int, notes: Path) -> None:
    """Ctrl-C in the middle leaves whole documents and no process."""
    for number in range(60):
        (notes / f"{number:02}.txt").write_text(f"note {number}")
    receipts = _ingestor(store).import_paths([notes], user_id=user)
    assert isinstance(receipts, Iterator)
    next(receipts)
    receipts.close()  # type: ignore[attr-defined]
    documents, chunks, words, vectors = _counts(store)
    assert 1 <= documents < 60
    assert documents == chunks == words == vectors


class _Overtaking(WordEmbedder):
    """Holds the store from before the first document is written until the second is embedded."""

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._third, self._held, self._embedding = (threading.Event() for _ in range(3))
        self.overtook = False

    def count_tokens(self, text: str) -> int:
        if "third" in text:
            self._third.set()
        return super().count_tokens(text)

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if "first" not in texts[0]:
            self._embedding.set()
        elif not self._held.is_set():
            assert self._third.wait(60)  # so that the second is ready, and nobody else needs the store
            threading.Thread(target=self._hold, daemon=True).start()
            assert self._held.wait(60)
        return super().embed_passages(texts)

    def _hold(self) -> None:
        with self._store.transaction():
            self._held.set()
            self.overtook = self._embedding.wait(60)


def test_the_model_does_not_wait_for_the_store(store: Store, user: int, notes: Path) -> None:
    """The next document is embedded while the one before is written; receipts keep their order."""
    (notes / "a.txt").write_text("\n\n".join(f"first {n} " * 40 for n in range(300)))
    (notes / "b.txt").write_text("second")
    (notes / "c.txt").write_text("third")
    embedder = _Overtaking(store)
    receipts = list(_ingestor(store, embedder).import_paths([notes], user_id=user))
    assert embedder.overtook
    assert [Path(receipt.path).name for receipt in receipts] == ["a.txt", "b.txt", "c.txt"]
    assert [document.id for document in store.documents(user_id=user)] == [receipt.document for receipt in receipts]


def test_a_slow_file_holds_up_no_receipt(store: Store, user: int, notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is stored is told before the next file is waited for."""
    told, convert = threading.Event(), Converter.convert

    def slow(self: Converter, data: bytes, name: str, hints: Hints | None = None) -> Conversion:
        if name == "b.txt":
            assert told.wait(60)
        return convert(self, data, name, hints)

    monkeypatch.setattr(Converter, "convert", slow)
    for name in ("a.txt", "b.txt"):
        (notes / name).write_text(name)
    receipts = _ingestor(store).import_paths([notes], user_id=user)
    assert next(receipts).status == "indexed"
    told.set()
    assert [receipt.status for receipt in receipts] == ["indexed"]


class _Breaking(WordEmbedder):
    """Gives numbers that are no vectors."""

    def embed_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.full((len(texts), self.dimensions), np.nan, np.float32)


def test_an_import_that_cant_store_leaves_nothing(store: Store, user: int, notes: Path) -> None:
    """spiceai#11621: what is not finite is refused before anything of the document is kept."""
    (notes / "a.md").write_text("x")
    with pytest.raises(FamiliarError, match="not finite"):
        list(_ingestor(store, _Breaking()).import_paths([notes], user_id=user))
    assert _counts(store) == (0, 0, 0, 0)


def _counts(store: Store) -> tuple[int, ...]:
    tables = ("documents", "chunks", "chunks_fts", "vectors")
    return tuple(store.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"] for table in tables)


_IMPORT = """
import sys, time
from pathlib import Path
from memory.config import ImportConfig
from memory.ingest import Ingestor
from memory.store import Store
from tests.embedder import WordEmbedder

class Slow(WordEmbedder):
    def embed_passages(self, texts):
        time.sleep(0.002 * len(texts))
        return super().embed_passages(texts)

store = Store(Path(sys.argv[1]))
for receipt in Ingestor(store, Slow(), ImportConfig()).import_paths([Path(sys.argv[2])], user_id=1):
    print(receipt.status, flush=True)
"""


@pytest.mark.parametrize("seed", [1, 2, 3, *(pytest.param(seed, marks=pytest.mark.chaos) for seed in range(4, 21))])
def test_kill_during_import_leaves_nothing_half_there(tmp_path: Path, notes: Path, seed: int) -> None:
    """At whatever moment the process dies, each document is whole or absent, and the next import completes it."""
    for number in range(80):
        (notes / f"{number:02}.txt").write_text(
            "\n\n".join(f"note {number} line {i} " * 30 for i in range(number % 7 + 1))
        )
    database = tmp_path / "familiar.db"
    store = Store(database)
    user = store.add_user("ada", role="owner").id
    (notes / "00.txt").rename(tmp_path / "before.txt")
    assert _import(store, user, tmp_path / "before.txt")[0].status == "indexed"
    store.close()
    command = [sys.executable, "-c", _IMPORT, str(database), str(notes)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    moment = random.Random(seed)
    for _ in range(moment.randint(1, 40)):
        assert process.stdout.readline()
    time.sleep(moment.uniform(0, 0.2))
    process.kill()
    process.communicate()
    assert process.returncode != 0  # it was still at work
    store = Store(database)
    try:
        _check_whole(store, user)
        assert store.document_by(user_id=user, source=str((tmp_path / "before.txt").resolve())) is not None
        assert {receipt.status for receipt in _import(store, user, notes)} <= {"indexed", "duplicate"}
        assert len(store.documents(user_id=user)) == 80
        _check_whole(store, user)
    finally:
        store.close()


def _check_whole(store: Store, user: int) -> None:
    """The passages of each document cover its text, and each has its words and its vector."""
    for document in store.documents(user_id=user):
        text = store.document_text(document.id, user_id=user)
        rows = store.rows(
            'SELECT c.start, c."end" AS stop, f.rowid AS words, v.chunk_id AS vector FROM chunks c'
            " LEFT JOIN chunks_fts f ON f.rowid = c.id LEFT JOIN vectors v ON v.chunk_id = c.id"
            " WHERE c.document_id = ? ORDER BY c.position",
            (document.id,),
        )
        assert all(row["words"] and row["vector"] for row in rows)
        gaps = [0, *(end for row in rows for end in (row["start"], row["stop"])), len(text)]
        assert not "".join(text[a:b] for a, b in zip(gaps[::2], gaps[1::2], strict=True)).strip()
    _, chunks, words, vectors = _counts(store)
    assert chunks == words == vectors
