"""`familiar serve`: the web page and the API, until Ctrl-C."""

from __future__ import annotations

import argparse
import os

from bot.app import App
from bot.commands.api_tokens import token
from bot.commands.output import Output
from bot.threads import end_after
from memory.errors import UsageError

_CLOSE_SECONDS = 3.0
"""With the three that requests under way are given, well within the ten in which a service has to end."""


def serve(app: App, args: argparse.Namespace, out: Output) -> int:
    """Serve the page and the API, or see to the API's tokens.

    :raises UsageError: the extra is not installed, there is no such user, or the address can't be listened on
    """
    if args.what == "token":
        return token(app, args, out)
    try:
        from bot.web import server
    except ImportError as exc:
        raise UsageError(f"`familiar serve` needs packages that are not installed: {_EXTRA} ({exc.name})") from exc
    app.user(args.user)
    address = server.Address(args.host, args.port, tuple(args.allow_host))
    server.serve(app, address, user=args.user, environment=os.environ, note=out.note)
    end_after(_CLOSE_SECONDS)  # a reply that the model is still writing for a page can't be ended
    return 0


_EXTRA = "pip install -e '.[web]'"
