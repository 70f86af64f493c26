"""A user moves between two homes: nothing is lost or stays behind, and a kill leaves them whole in one of them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.app import App
from bot.cli import main
from bot.config import Settings
from bot.shards import find, homes_of, move, placed, unfinished
from bot.telegram.ledger import turn_shown_in
from bot.telegram.outbox import Outbox
from memory.digest import sha256_of
from memory.errors import FamiliarError, UsageError
from memory.facts.store import facts_of
from memory.home_lock import HomeLock
from memory.moving import gone, parts_named
from memory.places import TABLES
from memory.records import Profile
from memory.reembedding import serving
from memory.restoring import restore
from memory.store import Store
from memory.turns import turns_of
from tests.memory.life import FERRY, QUESTIONS, Life, live
from tuning.adapters import Outcome
from tuning.dataset import Example
from tuning.job import BaseModel

ROOT = Path(__file__).parents[2]
NAME, ACCOUNT = "ann", 8842771936


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two closed homes: one in which a member has lived a whole life beside others, and one with people of its own."""
    folder = tmp_path_factory.mktemp("homes")
    life = live(folder / "one")
    _adapter(life)
    with life.store.transaction() as db:
        db.execute("UPDATE users SET role = 'owner' WHERE name = 'bo'")
        db.execute("UPDATE users SET role = 'member', telegram_id = ? WHERE name = ?", (ACCOUNT, NAME))
    life.store.update_profile(life.user_id, Profile("zh", "bullets", "short", "Europe/Berlin", "You are a pirate."))
    _telegram_rows(life)
    life.ask("My sister is called Quennella and I live in Utrecht.")
    life.store.close()
    other = live(folder / "two")
    with other.store.transaction() as db:
        db.execute("UPDATE users SET name = 'cleo' WHERE name = ?", (NAME,))
    other.store.close()
    return folder


def _adapter(life: Life) -> None:
    """A live adapter as a tune leaves it, of weights that nobody trained."""
    talk, turn = life.document("talk"), life.turns[0]
    example = Example(f"document:{talk}:4", (), "Aye.", None, "", "c", document_ids=(talk,))
    own = dataclasses.replace(example, id=f"turn:{turn}", turn_ids=(turn,), document_ids=())
    model = Path(life.home.parent / "base")
    model.mkdir()
    (model / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    registry, base = life.registry(), BaseModel("tiny", model, "0" * 64)
    row = registry.begin(user_id=life.user_id, base=base, examples=(example, own), started_by="hand")
    row.folder.mkdir(parents=True)
    (row.folder / "adapter_model.safetensors").write_bytes(bytes(range(256)) * 40)
    (row.folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    manifest = json.dumps({"trained_on": [example.id], "tested_on": [own.id], "adapter": row.id})
    registry.finish(row.id, Outcome("live", manifest=manifest), user_id=life.user_id)


def _telegram_rows(life: Life) -> None:
    """What the bot has kept of a conversation that is over."""
    with life.store.transaction() as db:
        at, turn, user = "2026-01-02T03:04:05+00:00", life.turns[0], life.user_id
        db.execute(
            "INSERT INTO telegram_replies (key, chat_id, private, user_id, turn_id, at) VALUES ('7:0', ?, 1, ?, ?, ?)",
            (ACCOUNT, user, turn, at),
        )
        db.execute(
            "INSERT INTO telegram_outbox (reply_id, user_id, position, state, message_id, at)"
            " VALUES (1, ?, 0, 'sent', 12, ?)",
            (user, at),
        )
        db.execute(
            "INSERT INTO telegram_inbox (update_id, chat_id, user_id, state, received_at, reply_id, message_id)"
            " VALUES (7, ?, ?, 'done', ?, 1, 11)",
            (ACCOUNT, user, at),
        )
        db.execute("INSERT INTO telegram_messages VALUES (?, 12, ?, ?)", (ACCOUNT, user, turn))


@pytest.fixture
def homes(made: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Copies of the two homes, to move between."""
    for name in ("one", "two"):
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path / "one", tmp_path / "two"


@contextlib.contextmanager
def opened(home: Path) -> Iterator[Life]:
    """A home as a new process opens it, which settles moves."""
    app = App(home, Settings())
    store = app.store
    owner, member = store.owner(), store.user(NAME)
    assert owner is not None
    yield Life(home, store, member.id if member else 0, owner.id, 0)
    app.close()


def everything(home: Path, name: str = NAME) -> dict[str, Any]:
    """All that is somebody's in a home, without the numbers that rows have there."""
    with opened(home) as life:
        store, user = life.store, life.user_id
        held = store.user(name)
        assert held is not None
        searcher = life.searcher()
        found = [searcher.search_own(text, user_id=user, k=5) for text in (*QUESTIONS, FERRY, "sister")]
        facts = facts_of(store, owners=[user])
        return {
            "user": (held.name, held.role, held.telegram_id, held.profile),
            "found": [[(hit.chunk.text, round(hit.score, 9)) for hit in item.hits] for item in found],
            "facts": sorted((item.subject, item.attribute, item.value, item.said_at, item.valid_to) for item in facts),
            "sources": sorted(source.said_at or "" for item in facts for source in item.sources),
            "turns": [_turn(turn) for turn in turns_of(store, user_id=user)],
            "documents": [
                (d.title, d.source, d.sha256, d.chunks, d.imported_at, d.me) for d in _documents(store, user)
            ],
            "texts": [store.document_text(d.id, user_id=user) for d in _documents(store, user)],
            "rows": {table: _rows(store, table, user) for table in _PLAIN},
            "counts": {
                table.name: _count(store, table.name, table.owner, user)
                for table in TABLES
                if table.everything and table.name not in _STAYING
            },
            "adapters": _adapters(life),
        }


_STAYING = ("telegram_messages", "desk_examples", "desk_vectors", "desk_templates")
"""Of the bot that is left, or of its knowledge base."""
_PLAIN = {
    "feedback": "vote, correction, at",
    "reminders": "key, text, due_at, zone, rule, channel, created_at",
    "candidates": "first, second, chosen, offered_at",
    "telegram_replies": "chat_id, private, at",
    "telegram_outbox": "position, state, at",
    "telegram_inbox": "chat_id, state, work, tokens",
    "files": "path, size, mtime_ns, sha256, status",
    "fact_names": "word, name_key, size",
}


def _documents(store: Store, user: int) -> list[Any]:
    return sorted(store.documents(user_id=user), key=lambda item: item.id)


def _turn(turn: Any) -> Any:
    values = dataclasses.asdict(turn)
    cited = [(item["n"], item["source"], item["title"], item["text"]) for item in values["citations"]]
    recalled = [(item["score"], item["source"], item["text"]) for item in values["memories"]]
    same = ("user_text", "reply", "generated", "prompt", "engine", "model", "adapter", "timings", "asked_at")
    return [values[key] for key in same], cited, recalled


def _rows(store: Store, table: str, user: int) -> list[tuple[Any, ...]]:
    return sorted(store.tuples(f"SELECT {_PLAIN[table]} FROM {table} WHERE user_id = ?", (user,)), key=repr)


def _count(store: Store, table: str, owner: str, user: int) -> int:
    owner = "c.user_id = ?" if table in ("vectors", "chunks_fts") else owner
    joined = {"vectors": " v JOIN chunks c ON c.id = v.chunk_id", "chunks_fts": " f JOIN chunks c ON c.id = f.rowid"}
    return int(store.tuples(f"SELECT count(*) FROM {table}{joined.get(table, '')} WHERE {owner}", (user,))[0][0])


def _adapters(life: Life) -> list[Any]:
    found = []
    for item in life.registry().list(user_id=life.user_id):
        folder = life.home / "adapters" / item.id
        files = {path.relative_to(folder).as_posix(): sha256_of(path) for path in folder.rglob("*") if path.is_file()}
        sql = "SELECT turn_id IS NOT NULL FROM adapter_sources WHERE adapter_id = ?"
        found.append(
            (item.id, item.status, item.base_sha256, item.gate, files, sorted(life.store.tuples(sql, (item.id,))))
        )
    return found


def test_every_table_moves_or_is_said_to_stay() -> None:
    """A new table needs a line, or its rows would be lost with a move."""
    named = parts_named()
    assert sorted(named) == sorted(table.name for table in TABLES)


def test_nothing_is_lost(homes: tuple[Path, Path]) -> None:
    """Searches of their own memory with all scores, facts, turns, reminders, adapters' bytes are as before; numbers
    fit."""
    before, others = everything(homes[0]), _people(homes[1])
    assert before["adapters"]
    assert before["facts"]
    done = move(NAME, *homes)
    after = everything(homes[1])
    assert after == before
    assert (done.rows > 100, done.adapters) == (True, 1)
    assert _people(homes[1]) == sorted([*others, NAME])
    with opened(homes[1]) as life:
        assert life.store.rows("PRAGMA foreign_key_check") == []
        (trained,) = life.store.rows("SELECT manifest FROM adapters WHERE user_id = ?", (life.user_id,))
        documents = {item.id for item in life.store.documents(user_id=life.user_id)}
        learned = json.loads(trained["manifest"])["trained_on"]
        assert {int(name.split(":")[1]) for name in learned if name.startswith("document:")} <= documents
        turns = turns_of(life.store, user_id=life.user_id)
        cited = {item.chunk_id for turn in turns for item in turn.citations if item.chunk_id > 0}
        assert cited
        assert len(life.store.chunks(cited, owners=[life.user_id])) == len(cited)


def test_forgetting_reaches_what_moved(homes: tuple[Path, Path]) -> None:
    """In the new home an adapter is still withdrawn with the document that it learned from."""
    move(NAME, *homes)
    app = App(homes[1], Settings())
    user = app.store.user(NAME)
    assert user is not None
    documents = app.store.documents(user_id=user.id)
    talk = next(item.id for item in documents if item.learn_from)
    with app.store.transaction():
        for eraser in app.erasers_of(app.store):
            eraser.erase(user_id=user.id, turn_ids=[], document_ids=[talk])
    assert [item.status for item in app.registry.list(user_id=user.id)] == ["withdrawn"]
    app.close()


def test_nothing_stays_behind(homes: tuple[Path, Path]) -> None:
    """Not a byte of what they wrote is in the old home's files, whose other people have all that was theirs."""
    with opened(homes[0]) as life:
        life.backup()
    kept = homes[0] / "beginnings" / "base-1.safetensors"  # of a prompt, as an engine leaves it
    kept.parent.mkdir(exist_ok=True)
    kept.write_bytes(b"quexzil")
    move(NAME, *homes)
    for file in (path for path in homes[0].rglob("*") if path.is_file() and path.suffix != ".familiar"):
        held = file.read_bytes()
        assert not any(text.encode() in held for text in ("quexzil", "Quennella", "鹮鸼龘靐", "pirate")), file
    assert _people(homes[0]) == ["bo"]
    assert [item.name for item in (homes[0] / "adapters").iterdir() if item.is_dir()] == []
    with opened(homes[0]) as life:
        assert life.store.documents(user_id=life.other_id)


def test_the_old_home_says_where_they_are(homes: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """Naming them there is an error with the home to use; nobody can let them in a second time."""
    move(NAME, *homes)
    assert main(["--home", str(homes[0]), "--user", NAME, "documents"]) == 2
    assert f"has moved to {homes[1]}" in capsys.readouterr().err
    assert main(["--home", str(homes[0]), "people", "remove", NAME, "--keep"]) == 1
    with pytest.raises(FamiliarError, match="has moved"):
        move(NAME, *homes)


def test_what_is_about_others_is_left(homes: tuple[Path, Path]) -> None:
    """A choice about a shared passage, and what a withdrawn adapter had learned from the shared or the forgotten; an
    interrupted tune does not bring the texts of a shared document along."""
    store = Store(homes[0] / "familiar.db")
    with store.transaction() as db:
        (adapter,) = db.execute("SELECT id FROM adapters").fetchone()
        db.execute("UPDATE adapters SET status = 'failed', reason = 'interrupted'")
        (shared,) = db.execute("SELECT id FROM documents WHERE title = 'handbook'").fetchone()
        db.execute("INSERT INTO adapter_sources VALUES (?, 99999, NULL), (?, NULL, ?)", (adapter, adapter, shared))
        db.execute(
            "INSERT INTO example_choices (user_id, chunk_id, choice, at) SELECT u.id, min(c.id), 'struck', ''"
            " FROM users u, chunks c WHERE u.name = ? AND c.document_id = ?",
            (NAME, shared),
        )
    store.close()
    assert move(NAME, *homes).adapters == 0
    with opened(homes[1]) as life:
        kept = life.store.rows("SELECT s.* FROM adapter_sources s JOIN adapters a ON a.id = s.adapter_id")
        assert len(kept) == 2
        assert not any(row["choice"] for row in life.store.rows("SELECT choice FROM example_choices WHERE at = ''"))


def test_what_may_not_have_arrived_holds_nobody_up(homes: tuple[Path, Path]) -> None:
    """It waits for its reader, not for the bot; so it comes along, and the new home's bot offers it."""
    store = Store(homes[0] / "familiar.db")
    with store.transaction() as db:
        db.execute("UPDATE telegram_outbox SET state = 'unknown', text = 'Maybe.', message_id = NULL")
    store.close()
    move(NAME, *homes)
    with opened(homes[1]) as life:
        (row,) = life.store.rows("SELECT reply_id FROM telegram_outbox WHERE user_id = ?", (life.user_id,))
        assert row["reply_id"] in [reply.id for reply in Outbox(life.store, None).unannounced()]  # type: ignore[arg-type]


def test_messages_of_another_bot_name_nothing(homes: tuple[Path, Path]) -> None:
    """Each bot counts its messages by itself: a number of the old one's would be another message of the new one's, and
    judging or changing that would reach a turn that it has nothing to do with."""
    move(NAME, *homes)
    with opened(homes[1]) as life:
        assert turn_shown_in(life.store, ACCOUNT, 12, user_id=life.user_id) is None
        for table, columns in (("inbox", "message_id"), ("outbox", "message_id"), ("replies", "reply_to")):
            rows = life.store.tuples(f"SELECT {columns} FROM telegram_{table} WHERE user_id = ?", (life.user_id,))
            assert rows
            assert {value for (value,) in rows} == {None}


def test_an_older_backup_does_not_bring_them_back(homes: tuple[Path, Path]) -> None:
    """Restored after the move, it serves the old home's other people, and says where who left is."""
    with opened(homes[0]) as life:
        saved = life.backup().path
    move(NAME, *homes)
    restore(homes[0], saved, erasers_of=lambda _: ())
    assert (_people(homes[0]), _people(homes[1])) == (["bo"], ["ann", "bo", "cleo"])
    with opened(homes[0]) as life:
        left = life.store.user(NAME)
        assert left is not None
        where = gone(life.store, left)
        assert where is not None
        assert (where.home, where.erased) == (homes[1], True)


def test_they_can_move_back(homes: tuple[Path, Path]) -> None:
    """The second move is like the first."""
    before = everything(homes[0])
    move(NAME, *homes)
    move(str(ACCOUNT), homes[1], homes[0])
    assert everything(homes[0]) == before
    assert find(NAME, homes) == find(str(ACCOUNT), homes)


def _people(home: Path) -> list[str]:
    return sorted(item.name for item in placed([home]))


# -- killed

_DRIVER = """
import json, os, signal, sys
from pathlib import Path
from bot.shards import move
for number, source, target in json.loads(sys.argv[1]):
    child = os.fork()
    if child == 0:
        steps = iter(range(1000))
        def step(_): next(steps) == number and os.kill(os.getpid(), signal.SIGKILL)
        move(sys.argv[2], Path(source), Path(target), step=step)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_kill_leaves_them_whole_in_one_home(made: Path, tmp_path: Path) -> None:
    """Killed before each kind of step: afterwards one home serves them with all that is theirs, and the same call ends
    the move."""
    names: list[str] = []
    _copies(made, tmp_path / "dry")
    before = everything(tmp_path / "dry" / "one")
    move(NAME, tmp_path / "dry" / "one", tmp_path / "dry" / "two", step=names.append)
    last_copied = names.index("copy files")
    kills = [0, 5, *range(last_copied, len(names))]
    pairs = [_copies(made, tmp_path / str(number)) for number in kills]
    calls = [(number, str(one), str(two)) for number, (one, two) in zip(kills, pairs, strict=True)]
    command = [sys.executable, "-c", _DRIVER, json.dumps(calls), NAME]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert ended.stdout.split() == ["-9"] * len(kills), ended.stderr
    for number, pair in zip(kills, pairs, strict=True):
        where = find(NAME, pair)
        assert where is not None, names[number]
        gone = number > names.index("let go")
        assert where.home == pair[gone], names[number]
        if number in (kills[1], kills[-1], names.index("let go"), names.index("serve")):
            assert everything(where.home) == before, names[number]
        begun = unfinished(NAME, pair)
        assert (begun is not None) == gone
        move(NAME, *pair)
        assert everything(pair[1]) == before
        assert unfinished(NAME, pair) is None


def _copies(made: Path, folder: Path) -> tuple[Path, Path]:
    for name in ("one", "two"):
        shutil.copytree(made / name, folder / name)
    return folder / "one", folder / "two"


# -- refused


def test_a_home_in_use_is_not_moved_from(homes: tuple[Path, Path]) -> None:
    """A bot, an import or a tune has the home open; the move says so and changes nothing."""
    for home in homes:
        lock = HomeLock(home)
        with pytest.raises(FamiliarError, match="is open in another Familiar"):
            move(NAME, *homes)
        lock.release()
    assert _people(homes[0]) == [NAME, "bo"]


def test_nobody_is_overwritten(homes: tuple[Path, Path]) -> None:
    """The target has somebody of that name, or with that account."""
    for column, value in (("telegram_id", ACCOUNT), ("name", NAME)):
        store = Store(homes[1] / "familiar.db")
        with store.transaction() as db:
            db.execute(f"UPDATE users SET {column} = ? WHERE name = 'cleo'", (value,))
        store.close()
        with pytest.raises(FamiliarError, match="has a user with the"):
            move(NAME, *homes)


def test_vectors_of_another_embedder_are_refused(homes: tuple[Path, Path]) -> None:
    """With what to do about it."""
    store = Store(homes[1] / "familiar.db")
    with store.transaction() as db:
        db.execute("UPDATE vectors SET embedder = 'other'")
    assert serving(store, "") == "other"
    store.close()
    with pytest.raises(FamiliarError, match=r"doctor --reindex.*passages"):
        move(NAME, *homes)


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("UPDATE users SET role = 'owner' WHERE name = 'ann'", "owner of this home"),
        ("UPDATE users SET telegram_id = -5 WHERE name = 'ann'", "is a group"),
        ("UPDATE telegram_inbox SET state = 'waiting'", "1 messages of ann are not answered"),
        (
            "INSERT INTO adapter_sources SELECT a.id, NULL, d.id FROM adapters a, documents d"
            " WHERE d.title = 'handbook'",
            "shared knowledge base",
        ),
    ],
    ids=["owner", "group", "waiting", "shared"],
)
def test_what_can_not_move_is_said(homes: tuple[Path, Path], sql: str, reason: str) -> None:
    """Before anything is copied."""
    store = Store(homes[0] / "familiar.db")
    with store.transaction() as db:
        db.execute("UPDATE users SET role = 'member'")
        db.execute(sql)
    store.close()
    with pytest.raises(FamiliarError, match=reason):
        move(NAME, *homes)


# -- the command


def test_the_command_moves_and_finds(homes: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """of, list and move, over the homes of [shards]."""
    config = homes[0].parent / "shards.toml"
    given = homes[0].parent / "server" / "familiar-x"  # a server's copy of an adapter of the home that is left
    given.mkdir(parents=True)
    source = {"folder": str(next((homes[0] / "adapters").glob("*/adapter")))}
    (given / "familiar-source.json").write_text(json.dumps(source), encoding="utf-8")
    config.write_text(
        f'[shards]\nhomes = "{homes[0]}, {homes[1]}"\n'
        f'[server]\nadapters = "folder"\nadapter_folder = "{given.parent}"\n',
        encoding="utf-8",
    )

    def shard(*arguments: str) -> list[dict[str, Any]]:
        assert main(["--config", str(config), "--home", str(homes[0]), "--json", "shard", *arguments]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert shard("of", NAME) == [{"user": NAME, "home": str(homes[0]), "known": True}]
    (new,) = shard("of", "somebody")
    assert (new["known"], new["home"] in map(str, homes)) == (False, True)
    assert len(shard("list")) == 4
    (done,) = shard("move", NAME, "--to", str(homes[1]))
    assert (done["from"], done["to"], done["adapters"]) == (str(homes[0]), str(homes[1]), 1)
    assert not given.exists()
    assert shard("of", str(ACCOUNT)) == [{"user": str(ACCOUNT), "home": str(homes[1]), "known": True}]


def test_wrong_use_is_said(tmp_path: Path) -> None:
    """A home named twice, a folder that is no home, a move of nobody."""
    with pytest.raises(UsageError, match="named once"):
        homes_of("/a, /a", tmp_path)
    assert homes_of("", tmp_path) == (tmp_path,)
    with pytest.raises(FamiliarError, match="no home of Familiar"):
        list(placed([tmp_path]))
    assert main(["--home", str(tmp_path), "shard", "move"]) == 2
    assert main(["--home", str(tmp_path), "shard", "list", "ann"]) == 2
