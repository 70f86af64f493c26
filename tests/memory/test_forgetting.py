"""What was cited, summarised, trained on, indexed and backed up is gone from every byte of the home once forgotten.

A real tune of a tiny model learns from it, a real backup holds it. The markers are rare: each form in which they could
be kept is looked for first (it must be found, or the test would prove nothing) and then again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memory.config import ImportConfig
from memory.erasure import forget_document, forget_everything, forget_text, forget_turn
from memory.ingest import Ingestor
from memory.reapply import erase_in_backups
from memory.restoring import restore
from memory.store import Store
from tests.memory.grep import forms, grep, token_forms, vector_forms
from tests.memory.life import CHINESE, FERRY, OTHER_SECRET, SECRET, Life, live, tuned
from tests.tuning.tiny import add_dialogue
from tests.tuning.tokenizers import TWO_ENDS, tokenizer

MARKER, HAN = "quexzil-8842771936", "鹮鸼龘靐"
NAME = "Ottomarina"


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after a whole life, closed; each test takes a copy."""
    folder = tmp_path_factory.mktemp("life")
    life = live(folder / "home")
    tuned(life, folder / "base")
    life.searcher().search("vault", user_id=life.user_id, k=3)
    life.searcher().search("ticket", user_id=life.other_id, k=3)
    life.backup()
    life.indexes.sync(life.user_id)
    life.indexes.sync(life.other_id)
    life.store.close()
    return life.home


@pytest.fixture
def life(lived: Path, tmp_path: Path) -> Iterator[Life]:
    """The home opened again, as the next process would."""
    shutil.copytree(lived, tmp_path / "home")
    store = Store(tmp_path / "home" / "familiar.db")
    ids = {user.name: user.id for user in store.users()}
    turns = [row["id"] for row in store.rows("SELECT id FROM turns WHERE user_id = ? ORDER BY id", (ids["ann"],))]
    opened = Life(tmp_path / "home", store, ids["ann"], ids["bo"], ids["handbook"], turns=turns)
    yield opened
    opened.store.close()


def everything_forgotten(life: Life) -> None:
    """What `familiar forget` does after the database: adapters' files and backups."""
    life.registry().sweep()
    assert erase_in_backups(life.store, life.home, erasers_of=life.erasers_of).unreached == ()


Forget = Callable[[Life], None]


def wanted(life: Life) -> dict[str, bytes]:
    """Every form of the secrets, and the vectors of the owner's passages that hold them."""
    rows = life.store.rows("SELECT c.text, v.vector FROM chunks c JOIN vectors v ON v.chunk_id = c.id")
    vectors = {
        f"vector {n}": row["vector"] for n, row in enumerate(rows) if MARKER in row["text"] or HAN in row["text"]
    }
    assert len(vectors) >= 3
    ids = tokenizer(TWO_ENDS)(SECRET, add_special_tokens=False)["input_ids"][5:25]
    return {
        **forms(MARKER),
        **forms(HAN),
        **{key: value for key, value in forms(NAME).items() if not key.startswith("json")},
        **vectors,
        **vector_forms([f"Please remember this: {SECRET}"]),
        **token_forms(ids),
    }


def forget_all_that_holds_it(life: Life) -> None:
    """By document and by turn."""
    for title in ("vault", "talk"):
        number = life.document(title)
        forget_document(
            life.store, life.indexes, user_id=life.user_id, document_id=number, erasers=life.erasers_of(life.store)
        )
    said = life.store.rows("SELECT id FROM turns WHERE user_text LIKE ?", (f"%{MARKER}%",))
    assert len(said) == 1
    forget_turn(
        life.store, life.indexes, user_id=life.user_id, turn_id=said[0]["id"], erasers=life.erasers_of(life.store)
    )


def forget_the_texts(life: Life) -> None:
    """By what they say."""
    for text in (MARKER.upper(), HAN, NAME):
        held = life.store.rows("SELECT 1 FROM chunks WHERE user_id = ? AND text LIKE ?", (life.user_id, f"%{text}%"))
        if held:
            erasers = life.erasers_of(life.store)
            forget_text(life.store, life.indexes, user_id=life.user_id, text=text, erasers=erasers)


def forget_the_user(life: Life) -> None:
    """All of the owner."""
    forget_everything(life.store, life.indexes, user_id=life.user_id, erasers=life.erasers_of(life.store))


WAYS = (forget_all_that_holds_it, forget_the_texts, forget_the_user)


@pytest.mark.parametrize("forget", WAYS, ids=lambda way: way.__name__)
def test_no_byte_is_left(life: Life, forget: Forget) -> None:
    """Database, log, free pages, words, vectors, indexes, adapters and backups hold nothing of it in any form."""
    cited = [row["citations"] for row in life.store.rows("SELECT citations FROM turns ORDER BY id")]
    assert MARKER in cited[0]
    assert HAN in cited[1]
    assert [row for row in life.store.rows("SELECT value FROM facts") if HAN in row["value"]]
    look_for = wanted(life)
    before = grep(life.home, look_for)
    for name in ("familiar.db: utf-8", "familiar.db: word 8842771936", "backups/one.familiar/familiar.db: utf-8"):
        assert name in before
    assert [item for item in before if item.startswith("index/") and ("vector" in item or "float16" in item)]
    assert life.registry().live(life.user_id) is not None
    forget(life)
    everything_forgotten(life)
    assert grep(life.home, look_for) == []
    assert life.registry().live(life.user_id) is None
    assert [path.name for path in (life.home / "adapters").iterdir()] == [".lock"]
    life.store.close()
    assert grep(life.home, look_for) == []


@pytest.mark.parametrize("forget", WAYS[:2], ids=lambda way: way.__name__)
def test_no_byte_comes_back_with_the_retraining(life: Life, tmp_path: Path, forget: Forget) -> None:
    """The adapter that is trained without it, its folder, manifest and row, and a new backup hold nothing of it."""
    look_for = wanted(life)
    add_dialogue(life.store, user_id=life.user_id, count=14, first=50)
    forget(life)
    everything_forgotten(life)
    adapter = tuned(life, tmp_path / "base")
    life.backup(life.home / "backups" / "two.familiar")
    live = life.registry().live(life.user_id)
    assert live is not None
    assert live.id == adapter
    assert (live.folder.parent / "manifest.json").is_file()
    assert (live.folder / "adapter_model.safetensors").is_file()
    assert grep(life.home, look_for) == []


@pytest.mark.parametrize("forget", WAYS[:2], ids=lambda way: way.__name__)
def test_the_rest_stays(life: Life, forget: Forget) -> None:
    """What was not forgotten is found as before, in the home and in the backup."""
    forget(life)
    everything_forgotten(life)
    found = life.searcher().search("When does the ferry leave?", user_id=life.user_id, k=3)
    assert FERRY in found.hits[0].chunk.text
    assert [item for item in grep(life.home, {"ferry": FERRY.encode()}) if item.startswith("backups/")]


@pytest.mark.parametrize("forget", WAYS, ids=lambda way: way.__name__)
def test_other_users_keep_every_row(life: Life, forget: Forget) -> None:
    """Rows of the others are the same to the byte, and their searches find the same."""
    rows, found = others(life)
    forget(life)
    everything_forgotten(life)
    assert others(life) == (rows, found)
    assert [item for item in grep(life.home, {"other": OTHER_SECRET.encode()}) if item.startswith("backups/")]


def others(life: Life) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """All rows of the member and the knowledge base, and what their questions find."""
    queries = [
        f"SELECT '{table}', t.* FROM {table} t WHERE user_id <> ? ORDER BY t.rowid"
        for table in ("documents", "conversations", "turns", "feedback", "chunks")
    ]
    queries.append(
        "SELECT v.*, f.words FROM vectors v JOIN chunks c ON c.id = v.chunk_id JOIN chunks_fts f ON f.rowid = c.id"
        " WHERE c.user_id <> ? ORDER BY c.id"
    )
    rows: list[tuple[object, ...]] = [
        tuple(row) for query in queries for row in life.store.rows(query, (life.user_id,))
    ]
    found: list[tuple[object, ...]] = [
        (user_id, hit.chunk)
        for user_id in (life.other_id, life.shared_id)
        for question in ("harbour ticket", "ferry in the morning", "wash your hands", MARKER, HAN)
        for hit in life.searcher().search(question, user_id=user_id, k=5).hits
    ]
    return rows, found


def test_backup_out_of_reach_is_named_and_caught_up_with(life: Life, tmp_path: Path) -> None:
    """A backup on a disk that is away is named; back in its place, it forgets with the next erasure."""
    away, disk = tmp_path / "away", tmp_path / "disk" / "b.familiar"
    life.backup(disk)
    disk.parent.rename(away)
    forget_all_that_holds_it(life)
    life.registry().sweep()
    assert erase_in_backups(life.store, life.home, erasers_of=life.erasers_of).unreached == (str(disk),)
    away.rename(disk.parent)
    assert grep(disk.parent, forms(MARKER)) != []
    assert erase_in_backups(life.store, life.home, erasers_of=life.erasers_of).erased == (str(disk),)
    assert grep(disk.parent, {**forms(MARKER), **forms(HAN)}) == []
    assert erase_in_backups(life.store, life.home, erasers_of=life.erasers_of).erased == ()


@pytest.mark.parametrize("forget", WAYS, ids=lambda way: way.__name__)
def test_restored_backup_forgets_again(life: Life, tmp_path: Path, forget: Forget) -> None:
    """A copy that nobody told of the erasure comes back without what was forgotten, and with the rest."""
    look_for = wanted(life)
    hidden = tmp_path / "usb.familiar"
    shutil.copyfile(life.home / "backups" / "one.familiar", hidden)
    forget(life)
    everything_forgotten(life)
    life.store.close()
    done = restore(life.home, hidden, erasers_of=life.erasers_of)
    assert done.kept is not None
    life.store = Store(life.home / "familiar.db")
    assert grep(life.home, look_for) == []
    found = life.searcher().search("harbour ticket", user_id=life.other_id, k=3)
    assert OTHER_SECRET in found.hits[0].chunk.text


def test_ledger_holds_no_text(life: Life) -> None:
    """What was forgotten is noted by numbers and hashes alone."""
    forget_the_texts(life)
    kept = [str(tuple(row)) for row in life.store.rows("SELECT * FROM erasures")]
    assert kept
    assert not [row for row in kept if MARKER in row.lower() or HAN in row or NAME in row]


def test_forgotten_document_can_be_imported_again(life: Life, tmp_path: Path) -> None:
    """Forgetting is not forbidding: what the user brings back later is kept, also through a restore."""
    forget_all_that_holds_it(life)
    note = tmp_path / "home-notes.md"
    note.write_text(f"# vault\n\n{SECRET}\n\n{CHINESE}\n", encoding="utf-8")
    ingestor = Ingestor(life.store, life.embedder, ImportConfig())
    receipt = ingestor.import_bytes("vault.md", note.read_bytes(), user_id=life.user_id)
    assert receipt.status == "indexed"
    saved = life.backup(tmp_path / "later.familiar").path
    life.store.close()
    restore(life.home, saved, erasers_of=life.erasers_of)
    life.store = Store(life.home / "familiar.db")
    assert life.document("vault") == receipt.document
