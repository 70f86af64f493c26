"""`familiar import --watch`: all of it once, then what changes on disk, until Ctrl-C."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from bot.app import App
from bot.commands.library import progress_bar
from bot.commands.output import Output
from bot.locales import say
from memory.following import Changes, Followed, Follower
from memory.ingest import GoOn, Request
from memory.noticing import Clock, Notifier
from memory.records import Receipt


def watch(
    app: App,
    paths: Sequence[Path],
    *,
    request: Request,
    out: Output,
    on_receipt: Callable[[Receipt], None],
    go_on: GoOn,
) -> None:
    """Import and follow; returns when ``go_on`` says no."""
    language = app.store.user_by_id(request.user_id).profile.language

    def forget(document_ids: Sequence[int]) -> None:
        done = app.forget_gone(document_ids, user_id=request.user_id)
        if done.unreached:
            out.note(say(language, "unreached_backups", paths=", ".join(done.unreached)))

    follower = Follower(
        app.store,
        Followed(tuple(paths), request),
        ingestor=lambda: app.ingestor,
        forget=forget,
        tell=out.note,
    )
    with ExitStack() as stack:
        changes = _changes(app, paths, stack)
        with progress_bar() as on_progress:
            for receipt in follower.start(on_progress=on_progress, go_on=go_on):
                on_receipt(receipt)
        if go_on():
            out.note(say(language, "watching", folders=", ".join(map(str, paths))))
            if isinstance(changes, Clock):
                seconds = app.settings.import_.watch_seconds
                out.note(say(language, "watching_by_clock", seconds=seconds))
        for receipt in follower.follow(changes, go_on=go_on):
            on_receipt(receipt)


def _changes(app: App, paths: Sequence[Path], stack: ExitStack) -> Changes:
    """What tells of changes: the system, of folders and where watchfiles is installed, else the clock."""
    seconds = app.settings.import_.watch_seconds
    folders = [path.expanduser().resolve() for path in paths]
    if importlib.util.find_spec("watchfiles") is None or not all(folder.is_dir() for folder in folders):
        return Clock(seconds)
    return stack.enter_context(Notifier(folders, seconds=seconds))
