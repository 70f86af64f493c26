"""What is given to a command must be of use to it: left out in silence, it would seem to have been obeyed."""

from __future__ import annotations

import argparse

from memory.errors import UsageError


def refuse(args: argparse.Namespace, *options: str, about: str) -> None:
    """Refuse these options where one of them was given.

    :param about: what they are for, as it is typed
    :raises UsageError: one was given
    """
    for option in options:
        if getattr(args, option) not in (None, False):
            raise UsageError(f"--{option.replace('_', '-')} is about {about}")


def refuse_id(args: argparse.Namespace, *, command: str) -> None:
    """Refuse an id where the action takes none.

    :raises UsageError: one was given
    """
    if args.id is not None:
        raise UsageError(f"familiar {command} {args.action} takes no ID, but got {args.id}")
