"""The home as a place: room, rights, the database's file, locks, backups."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

from bot.app import App
from bot.config import Settings, secrets_of
from bot.doctor.records import Finding, finding
from bot.private import DATABASE, open_to_others
from bot.reminders.rules import read_rule
from bot.reminders.zones import named_zone
from bot.secret_sources import KEYRING
from memory.errors import FamiliarError
from memory.store import Store
from tuning.lock import TuneRunning, tune_lock

NEEDED_MB = 500


def home_findings(app: App) -> Iterator[Finding]:
    """Everything about the folder and the file in it."""
    store = app.store
    free = shutil.disk_usage(app.home).free // 2**20
    yield room(free)
    yield database(store)
    yield journal(store)
    yield privacy(app.home, "home is private", "700")
    yield privacy(app.home / DATABASE, "database is private", "600")
    yield from settings_privacy(app.home / "config.toml")
    yield tune_under_way(store, app.home / "adapters")
    yield backups(store)
    yield zones(store)


def room(free_mb: int) -> Finding:
    """Whether there is room to work."""
    remedy = None if free_mb > NEEDED_MB else f"make room: {NEEDED_MB} MB are needed"
    return finding("free disk space", f"{free_mb} MB", remedy)


def database(store: Store) -> Finding:
    """Whether the file is whole."""
    broken = str(store.rows("PRAGMA quick_check")[0][0])
    return finding("database", broken, None if broken == "ok" else "familiar restore BACKUP")


def journal(store: Store) -> Finding:
    """Whether several processes can use it at a time, which SQLite refuses on network file systems."""
    mode = str(store.rows("PRAGMA journal_mode")[0][0])
    remedy = "move the home to a disk of this machine: terminal and bot can't share it here"
    return finding("journal mode", mode, None if mode == "wal" else remedy)


def privacy(path: Path, check: str, mode: str) -> Finding:
    """Whether a file or folder is closed to other accounts."""
    value = oct(path.stat().st_mode)[-3:]
    return finding(check, value, f"chmod {mode} {path}" if open_to_others(path) else None)


def settings_privacy(file: Path) -> Iterator[Finding]:
    """Whether a config.toml with a secret in it is closed to other accounts."""
    if not file.is_file():
        return
    tables = tomllib.loads(file.read_text(encoding="utf-8"))
    names = [name.split(".") for name in secrets_of(Settings())]
    secrets = [tables.get(section, {}).get(key, "") for section, key in names]
    if not any(value and not value.startswith(KEYRING) for value in secrets):
        return
    check, value = "config.toml is private", f"{oct(file.stat().st_mode)[-3:]}, with a secret in it"
    yield finding(check, value, f"chmod 600 {file}" if open_to_others(file) else None)


def tune_under_way(store: Store, adapters: Path) -> Finding:
    """Whether a tune runs, or one is noted as running that does not: the lock goes with its process, the note stays."""
    noted = int(store.rows("SELECT count(*) FROM adapters WHERE status = 'training'")[0][0])
    if not noted:
        return finding("tune", "none is running", None)
    try:
        with tune_lock(adapters):
            pass
    except TuneRunning:
        return finding("tune", "one is running", None)
    return finding("tune", f"{noted} noted as running, but none is", "`familiar adapters` puts that right")


def backups(store: Store) -> Finding:
    """Whether backups hold what was forgotten."""
    newest = "SELECT coalesce(max(id), 0) FROM erasures WHERE kind <> 'token'"
    behind = store.rows(f"SELECT count(*) FROM backups WHERE erased_to < ({newest})")[0][0]
    remedy = "put them back where they were made and run `familiar backup`, or delete them"
    return finding("backups", f"{behind} hold what was forgotten", remedy if behind else None)


def zones(store: Store) -> Finding:
    """Whether the time zones and rules of users and reminders can be read on this machine."""
    open_ = store.tuples("SELECT id, zone, rule FROM reminders WHERE ended_at IS NULL ORDER BY id")
    users = store.tuples("SELECT id, zone FROM users WHERE zone <> '' ORDER BY id")
    wrong = [f"reminder {id_}" for id_, zone, rule in open_ if not _readable(zone, rule)]
    wrong += [f"user {id_}" for id_, zone in users if not _readable(zone, None)]
    if not wrong:
        return finding("reminders", f"{len(open_)} to come", None)
    remedy = "install tzdata (pip install tzdata); else cancel them, or set the zone anew by /timezone"
    return finding("reminders", f"no clock or rule can be read for {', '.join(wrong)}", remedy)


def _readable(zone: str, rule: str | None) -> bool:
    try:
        named_zone(zone)
        if rule is not None:
            read_rule(rule)
    except FamiliarError:
        return False
    return True
