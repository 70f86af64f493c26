"""Memory from the terminal: import, search, summarise, forget."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bot.app import App
from bot.commands.output import Output, plain
from bot.interrupts import Interrupts
from bot.locales import say
from memory.errors import UsageError
from memory.importers.records import hints_from
from memory.importing_export import ExportReader, is_export
from memory.ingest import GoOn, ImportOptions, OnProgress, Request
from memory.records import Receipt, User
from memory.store import utc_now

if TYPE_CHECKING:
    from tuning.adapters import Adapter

_STATUSES = ("indexed", "duplicate", "skipped", "failed", "removed")


def _shared(app: App, name: str) -> User:
    """The knowledge base of that name, made where there is none.

    :raises UsageError: it is somebody's name, whose own memory it would go into
    """
    user = app.store.user(name) or app.store.add_user(name, role="shared")
    if user.role != "shared":
        raise UsageError(
            f"--shared {name}: that is the name of a person or a group; choose another for what all may read"
        )
    return user


def import_(app: App, args: argparse.Namespace, out: Output) -> int:
    """Import files and folders, with one receipt a file; with --watch, follow them until Ctrl-C."""
    user = app.user(args.user)
    language = user.profile.language
    if args.shared:
        user = _shared(app, args.shared)
    options = ImportOptions(me=args.me, learn_from=args.learn_from, hints=hints_from(args.encoding, args.columns))
    receipts: list[Receipt] = []

    def show(item: Receipt) -> None:
        receipts.append(item)
        out.result(plain(item), receipt_line(item))

    exports = [path for path in args.paths if is_export(path)]
    others = [path for path in args.paths if path not in exports]
    pausing, ending = (lambda: out.note(say(language, "import_paused"))), say(language, "import_ending")
    with Interrupts(quiet=app.store.quiet, on_pause=pausing, on_cancel=ending) as interrupts:
        for path in exports:
            import_export(app, path, user=user, on_receipt=show, go_on=interrupts.go_on)
        if others and args.watch:
            from bot.commands.watching import watch

            watch(app, others, request=Request(user.id, options), out=out, on_receipt=show, go_on=interrupts.go_on)
        elif others:
            import_folder(app, others, user=user, options=options, on_receipt=show, go_on=interrupts.go_on)
            tell_of_gone(app, others, user=user, out=out, language=language)
    counts = {status: sum(item.status == status for item in receipts) for status in _STATUSES}
    out.note(", ".join(f"{n} {status}" for status, n in counts.items() if n) or "no file found")
    if interrupts.cancelled and not args.watch:
        out.note(say(language, "import_cancelled"))
        return 130
    return 0 if args.watch and interrupts.cancelled else 1 if counts["failed"] or not receipts else 0


def tell_of_gone(app: App, paths: Sequence[Path], *, user: User, out: Output, language: str) -> None:
    """What was imported from these folders and is not there any more stays in memory, which is said."""
    from memory.following import find_gone

    gone = find_gone(app.store, paths, user_id=user.id)
    for doubt in gone.doubts:
        out.note(doubt)
    if gone.files:
        out.note(say(language, "import_gone", n=len(gone.files), path=gone.files[0].path))


def import_folder(
    app: App,
    paths: Sequence[Path],
    *,
    user: User,
    on_receipt: Callable[[Receipt], None],
    options: ImportOptions | None = None,
    go_on: GoOn | None = None,
) -> list[Receipt]:
    """Import with a progress bar where somebody watches."""
    receipts = []
    with progress_bar() as on_progress:
        for receipt in app.ingestor.import_paths(
            paths, user_id=user.id, options=options, on_progress=on_progress, go_on=go_on
        ):
            receipts.append(receipt)
            on_receipt(receipt)
    return receipts


@contextmanager
def progress_bar() -> Iterator[OnProgress]:
    """Shows the files done on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("importing", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def import_export(app: App, folder: Path, *, user: User, on_receipt: Callable[[Receipt], None], go_on: GoOn) -> None:
    """Take in what `familiar export` wrote, as it was."""
    for receipt in ExportReader(app.store, app.parts.embedder, folder, user_id=user.id).read():
        on_receipt(receipt)
        if not go_on():
            return


def receipt_line(receipt: Receipt) -> str:
    """A receipt for a person."""
    detail = f"{receipt.chunks} chunks" if receipt.status == "indexed" else receipt.reason or ""
    note = f" ({receipt.reason})" if receipt.status == "indexed" and receipt.reason else ""
    return f"{receipt.status:9}  {receipt.path}  {detail}{note}"


def search(app: App, args: argparse.Namespace, out: Output) -> int:
    """Passages about a text, best first."""
    user = app.user(args.user)
    found = app.searcher.search(args.text, user_id=user.id, k=args.k or app.settings.search.k)
    for hit in found.hits:
        chunk = hit.chunk
        record = {
            "id": chunk.id,
            "score": round(hit.score, 4),
            "source": chunk.source,
            "title": chunk.title,
            "text": chunk.text,
            "at": chunk.at,
            "ids": list(chunk.external_ids),
        }
        out.result(record, f"{hit.score:.3f}  {chunk.title}: {' '.join(chunk.text.split())[:200]}")
    if not found.hits:
        out.note("nothing found")
    elif not found.answerable:
        out.note(f"nothing here is likely to be an answer (confidence {found.confidence:.2f})")
    return 0


def documents(app: App, args: argparse.Namespace, out: Output) -> int:
    """What was imported."""
    user = app.user(args.user)
    for item in app.store.documents(user_id=user.id):
        out.result(plain(item), f"{item.id:5}  {item.format:9}  {item.chunks:4} chunks  {item.source}")
    return 0


def summarize(app: App, args: argparse.Namespace, out: Output) -> int:
    """A summary in the user's form and language."""
    from bot.summaries import summary_object

    summary = app.summarizer.summarize(user=app.user(args.user), about=args.about, since=args.since)
    sources = "\n".join(f"  [{item.n}] {item.title}" for item in summary.citations)
    out.result(summary_object(summary), f"{summary.text}\n\n{sources}" if sources else summary.text)
    return 0


def forget(app: App, args: argparse.Namespace, out: Output) -> int:
    """Remove a document, a turn, a text or everything of a user; adapters that learned from it can be trained again."""
    user = app.user(args.user)
    began = utc_now()
    erased = app.forget(
        user_id=user.id, document=args.document, turn=args.turn, text=args.text, everything=args.everything
    )
    withdrawn = app.registry.withdrawn_since(began)
    record = plain(erased) | {"withdrawn": [item.id for item in withdrawn]}
    out.result(record, ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in record.items()))
    missed = {item.user_id: item for item in withdrawn if item.withdrawn_from in ("live", "training")}
    for user_id, adapter in missed.items():
        if args.retrain:
            _retrain(app, adapter, out)
        else:
            _tell_of_withdrawal(app, adapter, user_id, out)
    return 0


def _tell_of_withdrawal(app: App, adapter: Adapter, user_id: int, out: Output) -> None:
    from bot.learned import answering

    live = app.registry.live(user_id)
    language = app.store.user_by_id(user_id).profile.language
    now = answering(live.id if live else None, language=language)
    out.note(say(language, "adapter_withdrawn", adapter=adapter.id, now=now))


def _retrain(app: App, adapter: Adapter, out: Output) -> None:
    """In the foreground, whether or not the schedule is switched on: it was asked for."""
    result = app.tunes.tune(app.store.user_by_id(adapter.user_id), started_by="hand", on_progress=out.note)
    reason = f": {result.reason}" if result.reason else ""
    out.note(f"{adapter.id} -> {result.status} {result.adapter or ''}{reason}")
