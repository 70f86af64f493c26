"""Documents: find, open, take in, forget."""

from __future__ import annotations

from pathlib import PurePosixPath

from starlette.responses import Response

from bot.web.pages.forgetting import forget_and_tell
from bot.web.views.library import learned_adapters, opened, quoting_turns, receipts_of, shelf_of
from bot.web.visit import Visit
from memory.errors import FamiliarError
from memory.ingest import ImportOptions
from memory.records import Receipt

_NAME_CHARACTERS = 200


def show(visit: Visit) -> Response:
    """A user's documents, found by title or source."""
    text = visit.query("q")
    view = shelf_of(visit.app.store, user_id=visit.user.id, text=text, page=visit.page_number)
    return visit.page("documents.html", view=view, text=text, most_mb=visit.app.settings.import_.max_file_mb)


def receipts(visit: Visit) -> Response:
    """What became of each file."""
    left_out = visit.query("only") == "left-out"
    view = receipts_of(visit.app.store, user_id=visit.user.id, left_out=left_out, page=visit.page_number)
    return visit.page("receipts.html", view=view, left_out=left_out)


def one(visit: Visit) -> Response:
    """One document with its passages."""
    store, id_, page = visit.app.store, visit.number("id"), visit.page_number
    view = visit.found(lambda: opened(store, id_, user_id=visit.user.id, page=page))
    return visit.page("document.html", view=view)


def upload(visit: Visit) -> Response:
    """Take in a file and say what became of it.

    :raises FamiliarError: no file was sent
    """
    if visit.upload is None or not visit.upload.name:
        raise FamiliarError(visit.phrase("no_file"))
    name = file_name(visit.upload.name)
    options = ImportOptions(me=visit.form.get("me") or None, learn_from=visit.form.get("learn_from") or None)
    receipt = visit.app.ingestor.import_bytes(name, visit.upload.data, user_id=visit.user.id, options=options)
    went = "well" if receipt.status in ("indexed", "duplicate") else "badly"
    where = f"/documents/{receipt.document}" if receipt.document is not None else "/documents"
    return visit.go(where, note=_said(visit, receipt), went="well" if went == "well" else "badly")


def file_name(sent: str) -> str:
    """The last part of what a browser calls a file; some send the whole path."""
    name = PurePosixPath(sent.replace("\\", "/")).name
    return "".join(sign for sign in name if sign.isprintable())[-_NAME_CHARACTERS:] or "upload"


def _said(visit: Visit, receipt: Receipt) -> str:
    said = visit.phrase(f"receipt_{receipt.status}", name=receipt.path, chunks=receipt.chunks)
    return f"{said} {receipt.reason}" if receipt.reason else said


def ask_to_forget(visit: Visit) -> Response:
    """What forgetting a document would take along."""
    store, user_id = visit.app.store, visit.user.id
    id_ = visit.number("id")
    document = visit.found(lambda: store.document(id_, user_id=user_id))
    lines = [visit.phrase("forget_document_what", title=document.title, chunks=document.chunks)]
    turns = quoting_turns(store, document.id, user_id=user_id)
    if turns:
        lines.append(visit.phrase("forget_document_turns", turns=turns))
    adapters = learned_adapters(store, user_id=user_id, document_id=document.id)
    if adapters:
        lines.append(visit.phrase("forget_adapters", adapters=", ".join(adapters)))
    return visit.confirm(
        title=visit.phrase("forget_document"),
        lines=[*lines, visit.phrase("forget_kept_out"), visit.phrase("forget_for_good")],
        button=visit.phrase("forget_button"),
        action=f"/documents/{document.id}/forget",
        back=f"/documents/{document.id}",
    )


def forget(visit: Visit) -> Response:
    """Erase a document everywhere."""
    id_ = visit.number("id")
    return forget_and_tell(visit, lambda: visit.app.forget(user_id=visit.user.id, document=id_), where="/documents")
