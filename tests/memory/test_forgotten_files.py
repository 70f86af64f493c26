"""What the user forgot does not come back with its folder, and leaves no path or hash behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memory import ledger
from memory.config import ImportConfig
from memory.erasure import forget_document, forget_everything, forget_gone, forget_text
from memory.files import Files
from memory.importers.converter import Converter
from memory.importers.walk import FoundFile
from memory.index import Indexes
from memory.ingest import Ingestor
from memory.preparing import Preparer, Request
from memory.records import Receipt
from memory.store import Store
from memory.storing import Writer
from tests.embedder import WordEmbedder
from tests.memory.folder import bring_in, texts, write, zipped

FORGOTTEN = "you had it forgotten; it is imported again where you name the file itself"
Forget = Callable[[Store, int, int], object]


def _indexes(store: Store) -> Indexes:
    embedder = WordEmbedder()
    return Indexes(store.path.parent / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)


def by_number(store: Store, user: int, document: int) -> None:
    """As `familiar forget --document` does."""
    forget_document(store, _indexes(store), user_id=user, document_id=document)


def by_text(store: Store, user: int, document: int) -> None:
    """As `familiar forget --text` does, of a text that is all the document holds."""
    del document
    forget_text(store, _indexes(store), user_id=user, text="quexzil-8842")


@pytest.mark.parametrize("forget", [by_number, by_text])
def test_it_stays_out_while_the_folder_is_imported(store: Store, user: int, notes: Path, forget: Forget) -> None:
    """Unchanged, touched, copied or renamed: the content counts. Changed, it is another text."""
    path = write(notes / "vault.md", "The code is quexzil-8842.")
    write(notes / "ferry.md", "The ferry leaves at nine.")
    document = bring_in(store, user, notes)["vault.md"].document
    assert document is not None
    forget(store, user, document)
    assert bring_in(store, user, notes)["vault.md"].reason == FORGOTTEN
    write(path, path.read_bytes(), age=30)
    write(notes / "copy.md", path.read_bytes())
    path.rename(notes / "renamed.md")
    receipts = bring_in(store, user, notes)
    assert [receipts[name].status for name in ("copy.md", "ferry.md", "renamed.md")] == [
        "skipped",
        "duplicate",
        "skipped",
    ]
    assert set(texts(store, user)) == {"ferry.md"}
    write(notes / "renamed.md", "The code has changed.", age=20)
    assert bring_in(store, user, notes)["renamed.md"].status == "indexed"


@pytest.mark.parametrize("name", ["renamed.txt", "renamed.md", "sub/vault.txt"])
def test_a_forgotten_passage_stays_out_when_its_file_moves(store: Store, user: int, notes: Path, name: str) -> None:
    """A new name gives a document its title, but not what was taken out of it."""
    path = write(notes / "vault.txt", "The code is quexzil-8842.\n\n" + "The ferry leaves at nine. " * 60)
    document = bring_in(store, user, notes)["vault.txt"].document
    by_text(store, user, 0)
    (notes / "sub").mkdir()
    path.rename(notes / name)
    receipt = bring_in(store, user, notes)[Path(name).name]
    assert (receipt.document, receipt.reason) == (document, f"moved from {path}")
    (text,) = texts(store, user).values()
    assert "quexzil" not in text
    assert "ferry" in text


def test_it_comes_back_when_the_user_names_it(store: Store, user: int, notes: Path) -> None:
    """The file itself, or sent as an upload; from then on it is a file like any other."""
    path = write(notes / "vault.md", "The code is quexzil-8842.")
    for again in ("named", "sent"):
        document = bring_in(store, user, notes)["vault.md"].document or bring_in(store, user, path)["vault.md"].document
        assert document is not None
        by_number(store, user, document)
        if again == "named":
            assert bring_in(store, user, path)["vault.md"].status == "indexed"
        else:
            ingestor = Ingestor(store, WordEmbedder(), ImportConfig())
            assert ingestor.import_bytes("v.md", path.read_bytes(), user_id=user).status == "indexed"
        assert bring_in(store, user, notes)["vault.md"].status == "duplicate"
    write(path, "something else", age=30)
    bring_in(store, user, notes)
    write(path, "The code is quexzil-8842.", age=20)
    assert bring_in(store, user, notes)["vault.md"].status in ("indexed", "duplicate")


def test_no_path_and_no_hash_is_left(store: Store, user: int, notes: Path) -> None:
    """Neither of a file whose document is gone, nor of an archive that held it."""
    write(notes / "quexzil-8842.md", "alone")
    write(notes / "bundle.zip", zipped({"a.md": b"one", "b.md": b"two"}))
    bring_in(store, user, notes)
    for document in store.documents(user_id=user):
        if not document.source.endswith("b.md"):
            by_number(store, user, document.id)
    rows = store.rows("SELECT path, sha256 FROM files")
    assert [(Path(row["path"]).name, row["sha256"]) for row in rows] == [("bundle.zip", None)]
    assert b"quexzil" not in store.path.read_bytes()
    assert bring_in(store, user, notes)["bundle.zip"].status == "duplicate"
    assert set(texts(store, user)) == {"b.md"}
    rows = store.rows("SELECT path FROM files")
    assert [Path(row["path"]).name for row in rows] == ["bundle.zip"]


def test_a_forgotten_name_is_not_learned_again(store: Store, user: int, notes: Path) -> None:
    """A text that stood in a file's name alone stays out of what is noted of files."""
    write(notes / "quexzil-8842.md", "# Ferry\n\nIt leaves at nine.")
    write(notes / "quexzil-8842.pdf", b"%PDF-1.7 nothing")
    bring_in(store, user, notes)
    by_text(store, user, 0)
    assert store.rows("SELECT path FROM files") == []
    ingestor = Ingestor(store, WordEmbedder(), ImportConfig())
    (receipt,) = ingestor.import_paths([notes / "quexzil-8842.md"], user_id=user)
    assert receipt.status == "duplicate"
    store.scrub()
    assert b"quexzil" not in store.path.read_bytes()


def test_after_everything_a_folder_is_new(store: Store, user: int, notes: Path) -> None:
    """Who starts afresh finds no old notes on files, and imports all again."""
    write(notes / "a.md", "words")
    bring_in(store, user, notes)
    forget_everything(store, _indexes(store), user_id=user)
    assert store.rows("SELECT * FROM files") == []
    assert bring_in(store, user, notes)["a.md"].status == "indexed"


def test_what_only_went_with_its_file_comes_back_with_it(store: Store, user: int, notes: Path) -> None:
    """A deletion on disk is erased as thoroughly, but a file that is put back is imported."""
    path = write(notes / "a.md", "words")
    document = bring_in(store, user, notes)["a.md"].document
    assert document is not None
    forget_gone(store, _indexes(store), user_id=user, document_ids=[document])
    (entry,) = ledger.entries(store)
    assert (entry.kind, entry.kept_out) == ("document", False)
    assert bring_in(store, user, path.parent)["a.md"].status == "indexed"


def test_a_file_forgotten_by_one_is_not_kept_from_another(store: Store, user: int, notes: Path) -> None:
    """Forgetting is each user's own."""
    write(notes / "a.md", "words")
    other = store.add_user("bo", role="member").id
    document = bring_in(store, user, notes)["a.md"].document
    assert document is not None
    by_number(store, user, document)
    assert bring_in(store, other, notes)["a.md"].status == "indexed"
    assert Files(store).below(str(notes), user_id=user) == []


def test_it_stays_out_of_a_copy_that_was_caught_up(store: Store, user: int, notes: Path, tmp_path: Path) -> None:
    """Kept in another copy, an erasure keeps the content out there too."""
    write(notes / "a.md", "words")
    document = bring_in(store, user, notes)["a.md"].document
    assert document is not None
    by_number(store, user, document)
    copy = Store(tmp_path / "copy" / "familiar.db")
    same = copy.add_user("ada", role="owner").id
    with copy.transaction() as db:
        ledger.keep(db, ledger.entries(store)[0])
    assert bring_in(copy, same, notes)["a.md"].reason == FORGOTTEN
    copy.close()


def test_a_copy_of_what_was_forgotten_after_it_was_read_stays_out(store: Store, user: int, notes: Path) -> None:
    """It was read when nothing was forgotten, and its vectors take long: it is looked at again when it is stored."""
    path, copy = write(notes / "a.md", "known words"), write(notes / "b.md", "known words")
    with Converter(ImportConfig()) as converter:
        preparer = Preparer(store, WordEmbedder(), ImportConfig(), converter)
        prepared = preparer.prepare_file(FoundFile(copy, str(copy)), Request(user))
        document = bring_in(store, user, path)["a.md"].document
        assert document is not None
        forget_document(store, None, user_id=user, document_id=document)
        writer, vectors = Writer(store, embedder=WordEmbedder().key), WordEmbedder().embed_passages(["known words"])
        assert writer.finish(prepared, vectors, Request(user)) is None
        again = preparer.prepare_file(FoundFile(copy, str(copy)), Request(user))
    assert isinstance(again.outcome, Receipt)
    assert again.outcome.status == "skipped"
    assert texts(store, user) == {}
