"""People over several homes: `familiar shard of|list|move`."""

from __future__ import annotations

import argparse
from pathlib import Path

from bot.app import App
from bot.commands.output import Output
from bot.commands.wrong_use import refuse
from bot.engines.server.adapters import sweep
from bot.shards import Placed, find, hash_home, homes_of, move, placed, unfinished
from memory.errors import FamiliarError, UsageError


def shard(app: App, args: argparse.Namespace, out: Output) -> int:
    """Say where somebody is, list everyone, or move one.

    :raises FamiliarError: a home can't be opened, or the person can't move
    """
    homes = homes_of(app.settings.shards.homes, app.home)
    if args.action != "move":
        refuse(args, "to", about="a move: `familiar shard move USER --to HOME`")
    if args.action == "list":
        if args.person is not None:
            raise UsageError("`familiar shard list` shows everyone; `familiar shard of USER` shows one")
        for item in placed(homes):
            _show(item, out)
        return 0
    if args.person is None:
        raise UsageError(f"familiar shard {args.action} needs a USER: a name, or a Telegram account's number")
    if args.action == "of":
        return _of(homes, args, out)
    try:
        return _move(homes, args, out)
    finally:
        sweep(app.settings.server)  # copies of adapters that lay in the home that was left


def _of(homes: tuple[Path, ...], args: argparse.Namespace, out: Output) -> int:
    found = find(args.person, homes)
    home = found.home if found else hash_home(args.person, homes)
    record = {"user": args.person, "home": str(home), "known": found is not None}
    out.result(record, str(home) if found else f"{home} (by its hash: nobody of that name is in a home)")
    return 0


def _move(homes: tuple[Path, ...], args: argparse.Namespace, out: Output) -> int:
    begun = unfinished(args.person, homes)
    if begun is not None:
        source, target = begun.source, begun.target
    else:
        found = find(args.person, homes)
        if found is None:
            raise FamiliarError(f"no home has a user {args.person}; `familiar shard list` shows who is where")
        source, target = found.home, args.to or found.by_hash
    done = move(args.person, source, target)
    record = {"user": done.name, "from": str(done.source), "to": str(done.target), "rows": done.rows}
    out.result(record | {"adapters": done.adapters}, f"{done.name} is in {done.target} now ({done.rows} rows)")
    return 0


def _show(item: Placed, out: Output) -> None:
    record = {"user": item.name, "telegram_id": item.telegram_id, "home": str(item.home), "by_hash": str(item.by_hash)}
    note = "" if item.home == item.by_hash else f" (a new one would come to {item.by_hash})"
    out.result(record, f"{item.name}: {item.home}{note}")
