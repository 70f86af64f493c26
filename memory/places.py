"""Nothing by heart: every place of a home that can hold what somebody wrote is listed here, with how it is erased.

Erasure reads this list, so a new table is erased by adding its line. A test lives a whole life in a home and fails
where it finds a table, a text column or a file that has no line here.
"""

from __future__ import annotations

import fnmatch
import json
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

OnText = Literal["erasure", "row", "blank", "derived"]


@dataclass(frozen=True)
class Table:
    """A table: rows of a forgotten document, turn or chunk go by foreign keys; a forgotten text by ``on_text``."""

    name: str
    texts: tuple[str, ...] = ()
    """Columns that can hold what somebody wrote."""
    plain: tuple[str, ...] = ()
    """Other columns of text or bytes: dates, codes, hashes, settings, names of models."""
    on_text: OnText = "row"
    """erasure: `memory.erasure` has its own code for it; row: the row that holds the text goes; blank: the text is
    taken out of the row; derived: made from another table, whose rows take theirs along."""
    owner: str = "user_id = ?"
    """The condition by which a row is a user's."""
    everything: bool = True
    """All rows of the user go when everything is forgotten."""


@dataclass(frozen=True)
class Files:
    """Files below the home, by a pattern in which * also matches folders."""

    pattern: str
    how: str
    """How what was forgotten leaves them."""


TABLES = (
    Table(
        "users",
        (),
        ("name", "role", "language", "form", "length", "zone", "created_at", "role_since"),
        everything=False,
    ),
    Table(
        "documents",
        ("source", "title", "text", "me", "learn_from"),
        ("format", "sha256", "at", "imported_at"),
        on_text="erasure",
    ),
    Table("conversations", (), ("channel", "started_at")),
    Table(
        "turns",
        ("user_text", "reply", "generated", "prompt", "citations", "memories", "unsupported"),
        ("engine", "model", "adapter", "timings", "asked_at"),
        on_text="erasure",
    ),
    Table(
        "turns_under_way",
        ("user_text", "prompt", "citations", "memories"),
        ("matched", "asked_at"),
        on_text="erasure",
    ),
    Table(
        "candidates",
        (
            *("first", "second", "first_generated", "second_generated"),
            *("first_citations", "second_citations"),
        ),
        ("chosen", "offered_at", "chosen_at"),
    ),
    Table("feedback", ("correction",), ("vote", "at"), on_text="erasure"),
    Table("chunks", ("text", "section", "speaker", "external_ids"), ("at",), on_text="erasure"),
    Table("vectors", ("vector",), ("embedder",), on_text="derived"),
    Table("memory_sizes", everything=False),
    Table("vector_changes", everything=False),
    Table("chunks_fts", ("words",), (), on_text="derived"),
    Table(
        "adapters",
        ("reason",),  # the other two are figures and ids as JSON, which a word taken out of would break
        (
            *("manifest", "gate"),
            "id",
            "kind",
            "status",
            "base_model",
            "base_sha256",
            "template_sha256",
            "started_by",
            *("started_at", "finished_at", "live_at"),
            *("withdrawn_at", "withdrawn_from", "rolled_back_at"),
        ),
        on_text="blank",
        everything=False,
    ),
    Table("adapter_sources", (), ("adapter_id",), everything=False),
    Table("telegram_inbox", ("payload",), ("state", "received_at", "work")),
    Table("telegram_replies", (), ("key", "at", "business_id")),
    Table("telegram_outbox", ("text", "spans", "buttons", "file_name", "file_text"), ("state", "at")),
    Table("telegram_messages"),
    Table("telegram_forwards", ("said",), ("decided", "asked_at")),
    Table("telegram_blocked", (), ("at",), everything=False),
    Table("state", (), ("key", "value"), everything=False),
    Table("backups", (), ("id", "path", "sha256", "made_at"), everything=False),
    Table(
        "facts",
        ("subject", "attribute", "value", "subject_key", "kind", "value_key", "was"),
        ("said_at", "valid_from"),
    ),
    Table("fact_sources", (), ("said_at",), everything=False),
    Table("fact_names", ("word", "name_key"), on_text="derived"),
    Table("fact_readings", (), ("model",), everything=False),
    Table("standing_rules", ("text",), ("at",)),
    Table("files", ("path", "reason"), ("sha256", "status", "conversion")),
    Table("file_documents", everything=False),
    Table(
        "reminders",
        ("text",),
        ("key", "channel", "zone", "rule", "due_at", "created_at", "delivered_at", "ended_at"),
    ),
    Table("example_choices", (), ("choice", "at")),
    Table("taste_items", ("tags",), ("kind", "added_at")),
    Table("taste_events", (), ("action", "at")),
    Table("personas", ("text",)),
    Table("digests", (), ("rule", "zone", "due_at", "since")),
    Table("timeless_reminders", ("text",), ("asked_at",)),
    Table("invitations", (), ("code_sha256", "role", "created_at", "expires_at", "revoked_at"), everything=False),
    Table("arrivals", (), ("at",), everything=False),
    Table("group_rules", (), ("decided_at", "told_at"), everything=False),
    Table("turn_authors", everything=False),
    Table("business_connections", (), ("id", "at"), everything=False),
    Table("api_tokens", (), ("salt", "sha256", "created_at"), everything=False),
    Table("api_uses", (), ("work", "at"), everything=False),
    Table("desk_examples", ("question", "reply", "intent"), ("language", "added_at")),
    Table("desk_vectors", ("vector",), ("embedder",), on_text="derived"),
    Table("desk_templates", ("question", "text", "intent"), ("language", "state", "added_at")),
    Table("desk_cases", ("suggestion",), ("state", "reason", "intent", "opened_at", "answered_at")),
    Table("desk_events", (), ("kind", "reason", "intent", "at")),
    Table("counters", (), ("name", "label"), everything=False),
    Table("log_entries", (), ("key", "kind", "unit", "note", "at", "source", "created_at")),
    Table("log_goals", (), ("kind", "way", "unit", "since")),
    Table("moves", (), ("token", "state", "role", "other_home", "at"), everything=False),
    Table("erasures", (), ("kind", "salt", "target", "at"), everything=False),
)
"""Every table but SQLite's own and those that FTS5 keeps beside ``chunks_fts``."""

FILES = (
    Files("familiar.db", "rewritten by Store.scrub"),
    Files("familiar.db-wal", "emptied by Store.scrub"),
    Files("familiar.db-shm", "holds page numbers only"),
    Files("index/*", "derived: made again from the vectors that are left"),
    Files("adapters/.lock", "empty"),
    Files("adapters/*", "the adapter is withdrawn and its folder deleted by Registry.sweep"),
    Files("backups/*.familiar", "erased in place by memory.reapply.erase_in_backups"),
    Files("backups/replaced-*.db*", "named to the user as out of reach: it could not be read when it was put aside"),
    Files("home.lock", "empty"),
    Files("bot.lock", "empty"),
    Files("config.toml", "the user's own settings"),
    Files("beginnings/*.safetensors*", "deleted, all of them, by bot.engines.prefix_files.PrefixEraser"),
    Files("beginnings/*", "a lock and a random mark"),
    Files("models/local-speed.json", "numbers of threads"),
    Files("models/*.general.json", "derived: a base model's own answers to the project's prompts"),
    Files("models/*", "weights as published"),
    Files("gate-figures/*", "derived: numbers that the base model gets for fixed questions"),
)


def files_of(path: str) -> Files | None:
    """The line that a file's path, relative to the home and with slashes, falls under."""
    return next((line for line in FILES if fnmatch.fnmatchcase(path, line.pattern)), None)


def erase_text(db: sqlite3.Connection, pattern: re.Pattern[str], *, user_id: int, instead: str) -> int:
    """Take a text out of the user's rows of all tables that `memory.erasure` has no own code for; returns how many."""
    db.create_function("holds", 1, lambda text: isinstance(text, str) and pattern.search(text) is not None)
    db.create_function("without", 1, lambda text: pattern.sub(instead, text) if isinstance(text, str) else text)
    changed = 0
    for table in TABLES:
        if table.on_text not in ("row", "blank") or not table.texts:
            continue
        held = " OR ".join(f'holds("{column}")' for column in table.texts)
        values = ", ".join(f'"{column}" = without("{column}")' for column in table.texts)
        verb = f"DELETE FROM {table.name}" if table.on_text == "row" else f"UPDATE {table.name} SET {values}"
        changed += db.execute(f"{verb} WHERE {table.owner} AND ({held})", (user_id,)).rowcount
    return changed


def erase_undelivered(db: sqlite3.Connection, *, user_id: int, turn_ids: Sequence[int]) -> None:
    """Take the texts out of messages that were not delivered yet, or maybe not, and show one of these turns.

    A digest and a case told to a desk's agents retell turns without being one's reply, so that all of the user's go.
    """
    db.execute(
        "UPDATE telegram_outbox SET state = 'refused', text = NULL, spans = NULL, buttons = NULL, file_name = NULL,"
        " file_text = NULL WHERE state IN ('waiting', 'sending', 'unknown') AND reply_id IN (SELECT id"
        " FROM telegram_replies WHERE turn_id IN (SELECT value FROM json_each(?))"
        " OR (user_id = ? AND (\"key\" LIKE 'digest:%' OR \"key\" LIKE 'case:%')))",
        (json.dumps(list(turn_ids)), user_id),
    )


def erase_everything(db: sqlite3.Connection, *, user_id: int) -> None:
    """Delete the user's rows of every table that says so, FTS words first: they are found through the chunks."""
    db.execute("DELETE FROM chunks_fts WHERE rowid IN (SELECT id FROM chunks WHERE user_id = ?)", (user_id,))
    for table in reversed(TABLES):
        if table.everything and table.on_text != "derived":
            db.execute(f"DELETE FROM {table.name} WHERE {table.owner}", (user_id,))
