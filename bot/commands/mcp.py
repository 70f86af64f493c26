"""`familiar mcp`: the memory as tools for other programs' assistants, until their end of the connection is closed."""

from __future__ import annotations

import argparse
import sys

from bot.app import App
from bot.commands.output import Output
from bot.commands.wrong_use import refuse
from memory.errors import UsageError


def mcp(app: App, args: argparse.Namespace, out: Output) -> int:
    """Serve over standard input and output.

    :raises UsageError: the extra is not installed, or there is no such user, or one whose memory isn't served
    """
    if args.http:
        return _over_http(app, args, out)
    refuse(args, "port", about="--http")
    try:
        from bot.mcp_server import stdio
    except ImportError as exc:
        raise UsageError(_MISSING.format(command="familiar mcp", extra="mcp", package=exc.name)) from exc
    if sys.stdin.isatty():
        out.note(_BY_HAND)
    stdio.serve(app, user=args.user, write=args.write)
    return 0


def _over_http(app: App, args: argparse.Namespace, out: Output) -> int:
    try:
        from bot.mcp_server import http
    except ImportError as exc:
        raise UsageError(_MISSING.format(command="familiar mcp --http", extra="mcp,web", package=exc.name)) from exc
    port = DEFAULT_PORT if args.port is None else args.port
    http.serve(app, port, user=args.user, write=args.write, note=out.note)
    return 0


DEFAULT_PORT = 8015
_MISSING = "`{command}` needs packages that are not installed: pip install -e '.[{extra}]' ({package})"
_BY_HAND = (
    "this speaks the Model Context Protocol over standard input and output: it is for an assistant's settings, not for"
    " a terminal (docs/mcp.md); Ctrl-D ends it"
)
