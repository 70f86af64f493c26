"""`familiar doctor`: each thing that can be wrong is found, with what to do, and what is in order is left alone."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.cli import main
from bot.config import Secret, Settings, TelegramConfig
from bot.doctor.examine import examine
from bot.doctor.home import journal, room, tune_under_way, zones
from bot.doctor.memory import indexes
from bot.doctor.records import Finding
from bot.doctor.telegram import clock, delivery, telegram_findings
from bot.telegram.checking import Asked, Webhook, ask
from memory.index import Indexes
from memory.records import NewDocument, Passage, Profile
from memory.reminders import Destination, NewReminder, add_reminder
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.telegram_api import TOKEN, Drop, TelegramServer
from tuning.lock import tune_lock

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
POLLING = TelegramConfig(token=Secret(TOKEN))
HOOK = "https://example.org/hook"


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    """A loopback Bot API server."""
    with TelegramServer() as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with its owner, on a machine without models."""
    monkeypatch.setenv("FAMILIAR_MODEL_FOLDER", str(tmp_path / "models"))
    made = tmp_path / "home"
    store = Store(made / "familiar.db")
    store.add_user("ada", role="owner")
    store.close()
    (made / "familiar.db").chmod(0o600)
    return made


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """Its database."""
    opened = Store(home / "familiar.db")
    yield opened
    opened.close()


def doctor(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The command's status, and its findings by name."""
    status = main(["--home", str(home), "doctor", "--json", *arguments])
    shown = capsys.readouterr()
    assert TOKEN not in shown.out + shown.err
    return status, {item["check"]: item for item in map(json.loads, shown.out.splitlines())}


def by_name(found: list[Finding]) -> dict[str, Finding]:
    """Findings by name."""
    return {item.check: item for item in found}


def test_a_home_in_order(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0, every check named once, and nobody is asked without a token."""
    status, found = doctor(capsys, home)
    assert status == 0
    assert all(item["ok"] for item in found.values())
    checks = {"free disk space", "database", "journal mode", "home is private", "database is private", "tune"}
    assert checks | {"backups", "reminders", "vectors", "Telegram token"} <= found.keys()
    assert found["journal mode"]["value"] == "wal"


@pytest.mark.parametrize("offline", [False, True])
def test_telegram_is_asked_unless_offline(
    home: Path,
    server: TelegramServer,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    offline: bool,
) -> None:
    """Over real HTTP; the token is in no line."""
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("FAMILIAR_TELEGRAM_API_URL", server.base_url)
    monkeypatch.setenv("FAMILIAR_LOG_LEVEL", "debug")
    status, found = doctor(capsys, home, *(["--offline"] if offline else []))
    assert status == 0
    assert found["Telegram token"]["value"] == ("set" if offline else "of @familiar_test_bot")
    assert [call.method for call in server.calls()] == ([] if offline else ["getMe", "getWebhookInfo"])
    assert ("clock" in found) is not offline


def test_a_wrong_token_and_no_network(server: TelegramServer) -> None:
    """Told apart, without the token in any of it."""
    wrong = f"1:{'x' * 35}"
    config = replace(POLLING, token=Secret(wrong), api_url=server.base_url)
    found = by_name(list(telegram_findings(ask(config), config, now=datetime.now(UTC))))
    assert not found["Telegram token"].ok
    assert "401" in found["Telegram token"].value
    assert found["clock"].ok
    config = replace(POLLING, api_url=server.base_url)
    server.fault("getMe", Drop())
    (away,) = telegram_findings(ask(config), config, now=NOW)
    assert not away.ok
    assert "can't be reached" in away.value
    assert not any(token in f"{found} {away}" for token in (wrong, TOKEN))


def test_a_webhook_that_takes_the_messages_away(server: TelegramServer) -> None:
    """Set by somebody, while the settings poll."""
    config = replace(POLLING, api_url=server.base_url)
    server.world.webhook = replace(server.world.webhook, url=HOOK, last_error="Connection refused")
    found = by_name(list(telegram_findings(ask(config), config, now=datetime.now(UTC))))
    assert not found["Telegram webhook"].ok
    assert HOOK in found["Telegram webhook"].value
    assert found["Telegram groups"].value == "the bot sees commands, mentions and replies"
    server.world.webhook = replace(server.world.webhook, url="")


@pytest.mark.parametrize(
    ("hook", "configured", "ok", "value"),
    [
        (Webhook(), "", True, "messages are fetched"),
        (Webhook(HOOK), HOOK, True, HOOK),
        (Webhook(), HOOK, False, "none is set"),
        (Webhook("https://other.org"), HOOK, False, "other.org is set, but"),
        (Webhook(HOOK, 3, "SSL error", NOW - timedelta(minutes=5)), HOOK, False, "SSL error"),
        (Webhook(HOOK, 3, "SSL error", NOW - timedelta(days=2)), HOOK, True, HOOK),
    ],
)
def test_how_messages_come(hook: Webhook, configured: str, ok: bool, value: str) -> None:
    """By the way that the settings say, and an error of long ago is over."""
    item = delivery(Asked(True, webhook=hook), replace(POLLING, webhook_url=configured), now=NOW)
    assert (item.ok, bool(item.remedy)) == (ok, not ok)
    assert value in item.value


@pytest.mark.parametrize(("seconds", "ok"), [(0, True), (29, True), (-29, True), (31, False), (-3600, False)])
def test_a_wrong_clock(seconds: int, ok: bool) -> None:
    """By how much, and which way."""
    item = clock(NOW, NOW + timedelta(seconds=seconds))
    assert item.ok is ok
    assert item.value == f"{abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} Telegram's"


def test_messages_that_pile_up() -> None:
    """Telegram drops them after a day."""
    found = by_name(list(telegram_findings(Asked(True, webhook=Webhook(waiting=500)), POLLING, now=NOW)))
    assert not found["Telegram messages waiting"].ok


def test_rights(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A home that others can read is closed with a note; a config.toml with a token is left to its owner."""
    config = home / "config.toml"
    config.write_text('[telegram]\ntoken = "keyring:familiar/telegram.token"\n', encoding="utf-8")
    config.chmod(0o644)
    home.chmod(0o755)
    assert main(["--home", str(home), "reminders"]) == 0
    assert "was open to other accounts" in capsys.readouterr().err
    config.write_text(f'[telegram]\ntoken = "{TOKEN}"\n', encoding="utf-8")
    status, found = doctor(capsys, home, "--offline")
    assert found["home is private"]["value"] == "700"
    assert (status, found["config.toml is private"]["ok"]) == ((1, False) if os.name == "posix" else (0, True))
    assert found["config.toml is private"]["remedy"] == f"chmod 600 {config}"
    config.chmod(0o600)
    assert doctor(capsys, home, "--offline")[0] == 0


def test_a_token_that_can_not_be_read(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its source is named; a file of one that others can read is too."""
    (tmp_path / "token").write_text(TOKEN, encoding="utf-8")
    (tmp_path / "token").chmod(0o644)
    settings = Settings(telegram=TelegramConfig(token=Secret(read=lambda: TOKEN, file=tmp_path / "token")))
    app = App(home, settings)
    found = by_name(examine(app, online=False))
    app.close()
    assert not found["file of a secret"].ok
    assert found["Telegram token"].ok
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN_FILE", str(tmp_path / "none"))
    status, read = doctor(capsys, home, "--offline")
    assert status == 1
    assert "TELEGRAM_BOT_TOKEN_FILE is" in read["Telegram token"]["value"]


def test_little_room() -> None:
    """How much is needed is said."""
    assert room(501).ok
    assert room(12) == Finding("free disk space", False, "12 MB", "make room: 500 MB are needed")


def test_a_journal_that_can_not_be_shared(tmp_path: Path) -> None:
    """As on a network file system, where SQLite refuses the write-ahead log."""
    store = Store(tmp_path / "familiar.db")
    store.rows("PRAGMA journal_mode = DELETE")
    assert (journal(store).ok, journal(store).value) == (False, "delete")
    store.close()


def test_a_damaged_database(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SQLite's own word for it, and the way back."""
    with sqlite3.connect(home / "familiar.db") as db:
        db.execute("PRAGMA writable_schema = ON")
        db.execute("UPDATE sqlite_master SET rootpage = 3 WHERE name = 'reminders_due'")
    db.close()
    status, found = doctor(capsys, home)
    assert status == 1
    assert found["database"]["remedy"] == "familiar restore BACKUP"


def test_a_tune_that_is_noted_but_does_not_run(store: Store, home: Path) -> None:
    """The lock goes with its process; the note is put right by the next command that looks."""
    folder = home / "adapters"
    assert tune_under_way(store, folder).value == "none is running"
    with store.transaction() as db:
        db.execute(
            "INSERT INTO adapters (id, user_id, status, base_model, base_sha256, template_sha256, started_by,"
            " started_at) VALUES ('a', 1, 'training', 'm', 'x', 'y', 'hand', '2026')"
        )
    assert not tune_under_way(store, folder).ok
    with tune_lock(folder):
        assert tune_under_way(store, folder) == Finding("tune", True, "one is running")


def test_zones_and_rules_that_can_not_be_read(store: Store) -> None:
    """Of reminders and of users, by their numbers."""
    assert zones(store).value == "0 to come"
    store.add_user("ben", role="member", profile=Profile(zone="Moon/Base"))
    for key, zone, rule in (("a", "Europe/Berlin", None), ("b", "Mars/Base", None), ("c", "UTC", "whenever")):
        new = NewReminder(key, "call", NOW, zone, Destination("telegram"), rule)
        add_reminder(store, new, user_id=1)
    item = zones(store)
    assert not item.ok
    assert item.value.endswith("reminder 2, reminder 3, user 2")


def test_an_index_that_lacks_passages(store: Store, tmp_path: Path) -> None:
    """It follows the database by itself; a passage without a vector it can't have, and another embedder's neither."""
    embedder = WordEmbedder()
    made = Indexes(tmp_path / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
    note = NewDocument("/n.md", "n", "markdown", "n", "The code is 12.")
    vectors = embedder.embed_passages([note.text])
    store.add_document(note, [Passage(note.text)], vectors, user_id=1, embedder=embedder.key)
    assert indexes(store, made.sync) == Finding("indexes", True, "1 vectors")
    with store.transaction() as db:
        db.execute("DELETE FROM vectors")
    made.drop(1)
    item = indexes(store, made.sync)
    assert (item.ok, item.remedy) == (False, "familiar doctor --reindex")
    other = NewDocument("/m.md", "m", "markdown", "m", "The code is 13.")
    store.add_document(other, [Passage(other.text)], vectors, user_id=1, embedder="other")
    made.drop(1)
    assert not indexes(store, made.sync).ok
