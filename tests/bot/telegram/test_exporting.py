"""/export: one's own data as a zip that imports again; only privately, and within what Telegram takes."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from bot.locales import say
from bot.telegram import exporting
from bot.telegram.exporting import packed
from memory.importing_export import ExportReader, is_export
from memory.records import User
from memory.store import Store
from tests.bot.telegram.bench import Bench
from tests.embedder import WordEmbedder
from tests.telegram_api import NoAnswer, UserDriver


async def sent_zip(bench: Bench, person: UserDriver, text: str) -> zipfile.ZipFile:
    """The file that answers."""
    asked = person.send(text)
    await bench.server.until(lambda: len(bench.server.replies(person.id, after=asked)) == 3)
    (message,) = [item for item in bench.server.replies(person.id, after=asked) if item.attachment]
    assert message.attachment is not None
    assert message.attachment.file.name.endswith(".zip")
    return zipfile.ZipFile(io.BytesIO(bench.server.file(message.attachment.file.file_id).content))


async def test_the_export_is_the_users_own_and_imports_again(live: Bench, tmp_path: Path) -> None:
    """By command and by plain words; nothing of anybody else is in it."""
    ada = await live.owner()
    ben = await live.friend(ada)
    await live.reply_to(ben, "/note Ben's secret garden")
    await live.reply_to(ada, "/note the kiln is hot")
    await live.reply_to(ada, "/persona brief and warm")
    for asked in ("/export", "导出我的数据"):
        archive = await sent_zip(live, ada, asked)
        assert b"secret garden" not in b"".join(archive.read(name) for name in archive.namelist())
    archive.extractall(tmp_path / "out")
    assert is_export(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "profile.json").read_text())["persona"] == "brief and warm"
    store = Store(tmp_path / "other.db")
    user = store.add_user("ann", role="owner")
    receipts = list(ExportReader(store, WordEmbedder(), tmp_path / "out", user_id=user.id).read())
    assert "failed" not in [item.status for item in receipts]
    assert [item.title for item in store.documents(user_id=user.id)] == ["the kiln is hot"]
    assert store.user_by_id(user.id).profile.persona == "brief and warm"
    store.close()


async def test_one_that_is_too_large_says_the_way_on_disk(live: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Telegram takes 50 MB."""
    ada = await live.owner("zh")

    def too_large(store: Store, user: User) -> exporting.Packed:
        made = packed(store, user, limit=10)
        assert made.data is None
        return made

    monkeypatch.setattr(exporting, "packed", too_large)
    asked = ada.send("/export")
    await live.server.until(lambda: len(live.server.replies(ada.id, after=asked)) == 2)
    told = live.server.replies(ada.id)[-1].text
    assert told == say("zh", "tg_export_too_big", megabytes="0", most=50)
    assert "familiar export" in told


async def test_a_file_of_which_nobody_knows_is_said(live: Bench) -> None:
    """It is not sent again unasked."""
    live.configure(timeout_seconds=0.3)
    await live.stop()
    await live.start()
    ada = await live.owner()
    live.server.fault("sendDocument", NoAnswer(delivered=True))
    ada.send("/export")
    await live.server.until(lambda: live.server.replies(ada.id)[-1].text == say("en", "tg_export_unknown"))
    assert len(live.server.calls("sendDocument")) == 1
