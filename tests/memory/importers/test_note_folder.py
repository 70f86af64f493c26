"""Notes of one import refer to each other's blocks."""

from __future__ import annotations

import os
from pathlib import Path

from memory.config import ImportConfig
from memory.importers.note_folder import NoteFolder
from memory.ingest import Ingestor
from memory.store import Store
from tests.embedder import WordEmbedder

_ID = "64d1f0b0-1111-4222-8333-444455556666"


def test_a_graph_in_a_folder_reads_as_its_writer_sees_it(tmp_path: Path) -> None:
    """logseq#10784: a journal that only refers to a page's block is found by that block's words."""
    for name, text in {
        "graph/pages/boat.md": f"- The mast needs varnish\n  id:: {_ID}",
        "graph/journals/2024_05_01.md": f"- LATER (({_ID}))",
        "graph/vault.md": "See ![[boat#^none]] and ![[key#^k-1]]",
        "graph/key.md": "Behind the door ^k-1",
        "outside.md": f"- elsewhere\n  id:: {_ID[:-1]}7",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    store = Store(tmp_path / "home" / "familiar.db")
    owner = store.add_user("ada", role="owner").id
    list(Ingestor(store, WordEmbedder(), ImportConfig()).import_paths([tmp_path / "graph"], user_id=owner))
    texts = {item.title: store.document_text(item.id, user_id=owner) for item in store.documents(user_id=owner)}
    store.close()
    assert texts == {
        "boat": "- The mast needs varnish",
        "2024_05_01": "- LATER The mast needs varnish",
        "vault": "See boat and Behind the door",
        "key": "Behind the door",
    }


def test_what_is_no_file_holds_up_nothing(tmp_path: Path) -> None:
    """A pipe in a note's place, a link out of the folder, a note that is gone."""
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "secret").write_text(f"- secret\n  id:: {_ID}", encoding="utf-8")
    (tmp_path / "link.md").symlink_to(tmp_path / "secret")
    notes = NoteFolder(str(tmp_path / name) for name in ("pipe.md", "link.md", "gone.md", "a.md"))
    data = f"(({_ID}))".encode()
    assert notes.resolved(str(tmp_path / "a.md"), data) == data


def test_other_files_are_left_alone() -> None:
    """Brackets in a program are none of notes."""
    assert NoteFolder(["a.md", "b.md"]).resolved("a.txt", b"((x))") == b"((x))"
