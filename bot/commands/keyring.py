"""Secrets in the system's keyring, put there by hand: asked for at the terminal, never given as an argument."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from bot.app import App
from bot.commands.output import Output
from bot.config import Secret, Settings
from bot.secret_sources import discard, keep
from bot.settings_file import apply
from memory.errors import UsageError


def secret_names() -> Sequence[str]:
    """All settings that are secrets, such as "telegram.token"."""
    sections = {item.name.rstrip("_"): getattr(Settings(), item.name) for item in fields(Settings)}
    return [
        f"{name}.{key}" for name, of in sections.items() for key, value in vars(of).items() if type(value) is Secret
    ]


def secret(app: App, args: argparse.Namespace, out: Output) -> int:
    """Keep a secret in the keyring and have config.toml name it there, or take both away.

    :raises UsageError: there is no such setting, nothing was given, or the extra is missing
    """
    if args.name not in secret_names():
        raise UsageError(f"{args.name!r} is no secret; there are {', '.join(secret_names())}")
    section, _, key = args.name.partition(".")
    if args.action == "set":
        reference = keep(args.name, _asked(args.name))
    else:
        discard(args.name)
        reference = ""
    file: Path = args.config or app.home / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    apply(file, section, {key: reference})
    text = f'{file} says now: [{section}] {key} = "{reference}"'
    out.result({"name": args.name, "kept": args.action == "set", "file": str(file)}, text)
    return 0


def _asked(name: str) -> str:
    """What is typed, unseen, or a line of standard input.

    :raises UsageError: nothing
    """
    given = getpass.getpass(f"{name}: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not given.strip():
        raise UsageError(f"{name}: nothing was given")
    return given.strip()
