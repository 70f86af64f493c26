"""/export: all that is a user's as a zip file, which is packed beside the chat and kept nowhere.

It is not written down for delivery as texts are: a copy of everything in the database would double it. Where nobody
knows whether the file arrived, that is said.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bot.telegram.attachments import Attachment
from bot.telegram.desk import Visit
from bot.threads import in_thread
from memory.exporting import Exported, write_zip
from memory.records import User
from memory.store import Store

UPLOAD_LIMIT = 50 * 1024 * 1024
"""Telegram takes no larger file from a bot."""


async def export(visit: Visit) -> None:
    """Pack and send it; the chat goes on meanwhile."""
    visit.beside(_pack_and_send(visit))


async def _pack_and_send(visit: Visit) -> None:
    await visit.tell(visit.phrase("tg_exporting"))
    made = await in_thread(lambda: packed(visit.services.store, visit.person))
    if made.data is None:
        megabytes, most = f"{made.size / 2**20:.0f}", UPLOAD_LIMIT // 2**20
        await visit.tell(visit.phrase("tg_export_too_big", megabytes=megabytes, most=most))
        return
    file = Attachment(f"familiar-{datetime.now(UTC):%Y-%m-%d}.zip", made.data)
    if await visit.desk.sender.send_file(visit.place, file) is None:
        await visit.tell(visit.phrase("tg_export_unknown"))
    else:
        done = made.exported
        await visit.tell(visit.phrase("tg_exported", documents=done.documents, turns=done.turns))


@dataclass(frozen=True)
class Packed:
    """An export as a zip file."""

    exported: Exported
    size: int
    """Bytes."""
    data: bytes | None
    """None where it is larger than Telegram takes."""


def packed(store: Store, user: User, *, limit: int = UPLOAD_LIMIT) -> Packed:
    """A user's export; what is written meanwhile lies in a folder that goes with the call."""
    with tempfile.TemporaryDirectory(prefix="familiar-export-") as folder:
        file = Path(folder) / "export.zip"
        done = write_zip(store, file, user=user)
        size = file.stat().st_size
        return Packed(done, size, file.read_bytes() if size <= limit else None)
