"""Documents sent to the bot: taken in beside the chat, which goes on meanwhile, with one receipt message a file."""

from __future__ import annotations

from telegram import Document

from bot.telegram.desk import Visit
from bot.telegram.limiting import note_work
from bot.telegram.render import Part
from bot.telegram.threads import in_thread
from bot.telegram.wording import ImportWish, import_wish
from memory.records import Receipt

DOWNLOAD_LIMIT = 20 * 1024 * 1024
"""Larger files the Bot API does not hand out."""


async def document(visit: Visit) -> None:
    """Take in a file, or say at once that it is too large to be fetched."""
    sent = visit.message.document
    assert sent is not None
    name, size = sent.file_name or "document", sent.file_size or 0
    if size > DOWNLOAD_LIMIT:
        await visit.tell(visit.phrase("tg_too_big", name=name, megabytes=f"{size / 2**20:.0f}"))
        return
    visit.beside(_import(visit, sent, name))


async def _import(visit: Visit, sent: Document, name: str) -> None:
    wish = import_wish(visit.message.caption or "")
    note_work(visit.services.store, visit.update_ids, "import", person=visit.person)
    async with visit.desk.importing(visit.user):
        progress = await visit.tell(visit.phrase("tg_reading", name=name))
        file = await visit.desk.bot.get_file(sent.file_id)
        data = bytes(await file.download_as_bytearray())
        receipt = await in_thread(
            lambda: visit.services.import_bytes(name, data, user=visit.user, me=wish.me, learn_from=wish.learn_from)
        )
    text = receipt_text(visit, receipt, wish, name=name)
    if progress:
        await visit.desk.sender.edit(visit.place, progress[0], Part(text))
    else:
        await visit.tell(text)


def receipt_text(visit: Visit, receipt: Receipt, wish: ImportWish, *, name: str) -> str:
    """What became of a file, and why."""
    lines = [visit.phrase(f"tg_{receipt.status}", name=name, chunks=receipt.chunks)]
    if receipt.reason:
        lines.append(receipt.reason)
    if receipt.status == "indexed" and wish.learn_from:
        lines.append(visit.phrase("tg_learning_from", name=wish.learn_from))
    return "\n".join(lines)
