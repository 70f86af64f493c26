"""The command line keeps its contract: JSON on standard output, one line for an error, the right exit status."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.app import App
from bot.cli import main, parser
from bot.config import Settings
from bot.locales import say
from memory.errors import FamiliarError
from memory.records import NewDocument, Passage
from memory.store import Store

ROOT = Path(__file__).parents[2]
NOTES = ROOT / "examples" / "notes"


def familiar(
    capsys: pytest.CaptureFixture[str], home: Path, *arguments: str, status: int = 0
) -> tuple[list[dict[str, Any]], str]:
    """Run a command in this process with --json: its objects and what it said on standard error."""
    capsys.readouterr()
    assert main([*arguments, "--home", str(home), "--json"]) == status
    printed = capsys.readouterr()
    return [json.loads(line) for line in printed.out.splitlines()], printed.err


@pytest.fixture
def models(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real small models, wherever this machine keeps them."""
    monkeypatch.setenv("FAMILIAR_MODEL_FOLDER", str(model_folder))
    monkeypatch.setenv("FAMILIAR_MODEL_NAME", "smollm2-135m")
    monkeypatch.delenv("TELEGRAM_BOT_TOKEN", raising=False)


@pytest.mark.model
@pytest.mark.usefixtures("models")
def test_commands_print_what_scripts_rely_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Import, search, ask, explain, judge, summarise, forget: each object has the keys of the contract."""
    home = tmp_path / "home"
    receipts, _ = familiar(capsys, home, "import", str(NOTES / "cabin.md"), str(NOTES / "passport.md"))
    assert [set(item) for item in receipts] == [{"path", "status", "document", "chunks", "reason"}] * 2
    assert {item["status"] for item in receipts} == {"indexed"}
    again, _ = familiar(capsys, home, "import", str(NOTES / "cabin.md"))
    assert again[0]["status"] == "duplicate"

    hits, _ = familiar(capsys, home, "search", "wifi password at the cabin", "-k", "3")
    assert set(hits[0]) == {"id", "score", "source", "title", "text", "at", "ids"}
    assert "blueberry42" in hits[0]["text"]

    (turn,), _ = familiar(capsys, home, "chat", "--once", "What is the wifi password at the cabin?")
    keys = {"turn", "reply", "citations", "unsupported", "memories", "engine", "model", "adapter", "timings"}
    assert set(turn) == keys
    assert set(turn["citations"][0]) == {"n", "source", "title", "text"}
    assert set(turn["memories"][0]) == {"id", "score", "source", "text"}
    assert set(turn["timings"]) == {"retrieve_s", "first_token_s", "total_s", "prompt_tokens", "reply_tokens"}
    assert "blueberry42" in turn["reply"]
    assert turn["model"] == "smollm2-135m"

    (why,), _ = familiar(capsys, home, "why", str(turn["turn"]))
    assert why["prompt"][-1]["content"].endswith("What is the wifi password at the cabin?")
    (judged,), _ = familiar(capsys, home, "feedback", str(turn["turn"]), "up")
    assert judged == {"turn": turn["turn"], "vote": "up", "correction": None}

    (tuned,), _ = familiar(capsys, home, "tune", "--now")
    assert (tuned["status"], tuned["adapter"]) == ("skipped", None)
    assert "too few pairs: 0" in tuned["reason"]
    assert "1 secret or personal data" in tuned["reason"]
    assert familiar(capsys, home, "adapters")[0] == []

    (summary,), _ = familiar(capsys, home, "summarize", "--about", "the cabin")
    assert summary["sentences"]
    assert all(sentence["citations"] for sentence in summary["sentences"])

    documents, _ = familiar(capsys, home, "documents")
    cabin = next(item["id"] for item in documents if item["source"].endswith("cabin.md"))
    familiar(capsys, home, "forget", "--document", str(cabin))
    (after,), _ = familiar(capsys, home, "chat", "--once", "What is the wifi password at the cabin?")
    assert "blueberry42" not in json.dumps(after)
    assert after["reply"].startswith(say("en", "nothing_found"))


@pytest.mark.model
@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    "arguments",
    [
        ["--home", "there", "--user", "ann", "--json", "doctor"],
        ["doctor", "--home", "there", "--user", "ann", "--json"],
        ["--home", "there", "doctor", "--user", "ann", "--json"],
        ["--home", "there", "--json", "eval", "--user", "ann", "summaries"],
        ["--home", "elsewhere", "eval", "summaries", "--home", "there", "--user", "ann", "--json"],
    ],
)
def test_common_options_count_wherever_they_stand(arguments: list[str]) -> None:
    """--home before the command holds as well as after it; the last one given wins."""
    args = parser().parse_args(arguments)
    assert (args.home, args.user, args.json, args.config, args.debug) == ("there", "ann", True, None, False)


@pytest.mark.model
@pytest.mark.usefixtures("models")
def test_doctor_looks_and_mends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A home whose vectors another embedder made is refused with the remedy, and the remedy works."""
    home = _home_with_owner(tmp_path / "home")
    store = Store(home / "familiar.db")
    owner = store.owner()
    assert owner is not None
    note = NewDocument("/n.md", "n", "markdown", "n", "The code is 12.")
    row = np.ones((1, 4), np.float32)
    store.add_document(note, [Passage("The code is 12.")], row, user_id=owner.id, embedder="old")
    store.close()
    _, said = familiar(capsys, home, "search", "code", status=1)
    assert "doctor --reindex" in said
    findings, said = familiar(capsys, home, "doctor", "--reindex")
    assert "1 passages embedded again" in said
    assert all(finding["ok"] for finding in findings)
    assert [hit["text"] for hit in familiar(capsys, home, "search", "code")[0]] == ["The code is 12."]


@pytest.mark.parametrize(("offline", "status"), [("false", 0), ("true", 1)])
def test_doctor_on_a_machine_without_models(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    offline: str,
    status: int,
) -> None:
    """A model that is fetched when it is needed is nothing to mend; one that may not be fetched is."""
    monkeypatch.setenv("FAMILIAR_MODEL_FOLDER", str(tmp_path / "none"))
    monkeypatch.setenv("FAMILIAR_MODEL_OFFLINE", offline)
    findings, _ = familiar(capsys, _home_with_owner(tmp_path / "home"), "doctor", status=status)
    about = [finding for finding in findings if finding["check"].startswith("model ")]
    assert len(about) == 2
    assert {finding["ok"] for finding in about} == {status == 0}
    assert all(finding["remedy"] for finding in about)


@pytest.mark.model
@pytest.mark.usefixtures("models")
def test_what_was_said_is_found_after_a_restart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A later process answers from an earlier conversation and cites its date."""
    home = tmp_path / "home"
    familiar(capsys, home, "chat", "--once", "My locker at the swimming pool has the number 4711.")
    (turn,), _ = familiar(capsys, home, "chat", "--once", "Which number has my locker at the swimming pool?")
    assert "4711" in turn["reply"]
    assert turn["citations"][0]["source"] == "conversation"


def test_errors_are_one_line_with_the_right_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage and configuration end with 2, what failed with 1; no traceback."""
    (tmp_path / "config.toml").write_text("[search]\nk = 'many'\n", encoding="utf-8")
    _, said = familiar(capsys, tmp_path, "documents", status=2)
    assert said == f"familiar: {tmp_path / 'config.toml'}: [search] k is 'many'; it must be a whole number\n"
    (tmp_path / "config.toml").unlink()
    assert "--user nobody" in familiar(capsys, _home_with_owner(tmp_path), "documents", "--user", "nobody", status=2)[1]
    assert "there is no turn 9" in familiar(capsys, tmp_path, "why", "9", status=1)[1]
    assert "needs the id of an adapter" in familiar(capsys, tmp_path, "adapters", "show", status=2)[1]
    with pytest.raises(SystemExit) as usage:
        main(["import"])
    assert usage.value.code == 2
    with pytest.raises(FamiliarError):
        main(["why", "9", "--home", str(tmp_path), "--debug"])


def _home_with_owner(home: Path) -> Path:
    store = Store(home / "familiar.db")
    store.add_user("ann", role="owner")
    store.close()
    return home


def test_damaged_database_is_named_and_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the file; the file stays as it was."""
    (tmp_path / "familiar.db").write_bytes(b"no database" * 1000)
    _, said = familiar(capsys, tmp_path, "documents", status=1)
    assert "familiar.db can't be opened" in said
    assert (tmp_path / "familiar.db").read_bytes() == b"no database" * 1000


def test_home_that_can_not_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file in the place of the home is named."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    _, said = familiar(capsys, tmp_path / "file" / "home", "documents", status=2)
    assert "can't be made" in said


def test_full_disk_keeps_what_was_stored(tmp_path: Path) -> None:
    """SQLite's own "database or disk is full": the write fails with one line, the rest stays."""
    store = Store(tmp_path / "familiar.db")
    user = store.add_user("ann", role="owner")
    row = np.ones((1, 4), np.float32)

    def add(name: str, text: str) -> None:
        document = NewDocument(f"/{name}.md", name, "markdown", name, text)
        store.add_document(document, [Passage(text)], row, user_id=user.id, embedder="e")

    add("a", "kept")
    pages = store.rows("PRAGMA page_count")[0][0]
    store.rows(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(FamiliarError, match=r"disk is full.*What was stored before is unchanged"):
        add("b", "x" * 100_000)
    assert [item.title for item in store.documents(user_id=user.id)] == ["a"]
    assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
    store.close()


def test_backup_restore_and_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A backup comes back whole; a damaged one is refused and replaces nothing; an export can be read."""
    home = _home_with_owner(tmp_path / "home")
    store = Store(home / "familiar.db")
    owner = store.owner()
    assert owner is not None
    note = NewDocument("/n.md", "n", "markdown", "n", "The code is 12.")
    store.add_document(note, [Passage("The code is 12.")], np.ones((1, 4), np.float32), user_id=owner.id, embedder="e")
    store.close()
    saved = tmp_path / "saved.familiar"
    (made,), _ = familiar(capsys, home, "backup", str(saved))
    assert (made["file"], made["documents"]) == (str(saved), 1)
    assert "exists already" in familiar(capsys, home, "backup", str(saved), status=1)[1]
    (inside,), _ = familiar(capsys, home, "backup")
    assert Path(inside["file"]).parent == home / "backups"
    broken = tmp_path / "broken"
    broken.write_bytes(saved.read_bytes()[:3000])
    assert "nothing was changed" in familiar(capsys, home, "restore", str(broken), status=1)[1]
    assert len(familiar(capsys, home, "documents")[0]) == 1
    other = tmp_path / "other"
    (restored,), _ = familiar(capsys, other, "restore", str(saved))
    assert restored == {"users": 1, "documents": 1, "turns": 0, "replaced": None}
    assert familiar(capsys, other, "documents")[0] == familiar(capsys, home, "documents")[0]
    familiar(capsys, home, "export", str(tmp_path / "out"))
    assert "The code is 12." in next((tmp_path / "out" / "documents").iterdir()).read_text(encoding="utf-8")
    assert "not empty" in familiar(capsys, home, "export", str(tmp_path / "out"), status=1)[1]


def test_restore_waits_for_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A home that another Familiar has open is not replaced under it; the one that runs goes on."""
    home = _home_with_owner(tmp_path / "home")
    familiar(capsys, home, "backup", str(tmp_path / "saved"))
    running = App(home, Settings())
    assert running.store.owner() is not None
    assert "open in another Familiar" in familiar(capsys, home, "restore", str(tmp_path / "saved"), status=1)[1]
    running.close()
    (restored,), _ = familiar(capsys, home, "restore", str(tmp_path / "saved"))
    assert Path(restored["replaced"]).parent == home / "backups"


def test_home_is_private(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody else on the machine may look into a new home."""
    familiar(capsys, tmp_path / "home", "documents")
    if os.name == "posix":
        assert (tmp_path / "home").stat().st_mode & 0o077 == 0
    with sqlite3.connect(tmp_path / "home" / "familiar.db") as raw:
        assert raw.execute("SELECT role FROM users").fetchone() == ("owner",)
    raw.close()


@pytest.mark.model
@pytest.mark.usefixtures("models")
def test_ctrl_c_ends_a_chat_in_one_line(tmp_path: Path) -> None:
    """Status 130, no traceback, and what was answered before is kept."""
    command = [sys.executable, "-m", "bot.cli", "chat", "--home", str(tmp_path), "--json"]
    _home_with_owner(tmp_path)
    store = Store(tmp_path / "familiar.db")
    store.set_state("examples_offered", "yes")
    store.close()
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdin.write("Where is the moon key?\n")
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["turn"] == 1
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
        errors = child.stderr.read()
        assert child.wait(30) == 130
    assert "stopped; what was finished before is kept" in errors
    assert "Traceback" not in errors
