"""Over standard input and output, for a client that starts this program: output carries the protocol and nothing else.

The library has its descriptor lead to standard error meanwhile, for child processes too. What Python code prints would
still come out at the end, when that is over, from the stream's buffer; so the stream is exchanged as well.

The client ends it by closing the input. A signal can't, as a thread waits in a read that nothing interrupts; so the
process is ended here.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType

import anyio
from mcp.server.stdio import stdio_server

from bot.app import App
from bot.mcp_server.calls import make_server
from bot.mcp_server.memory import UserMemory, served_user
from bot.threads import end_after

_CLOSE_SECONDS = 2.0
"""As long as clients wait for the end before they kill."""


def serve(app: App, *, user: str | None, write: bool) -> None:
    """Answer until the input ends, SIGINT or SIGTERM.

    :raises UsageError: there is no such user, or it is none whose memory is served
    """
    memory = UserMemory(app, served_user(app, user).id)

    def end(_number: int, _frame: FrameType | None) -> None:
        end_after(_CLOSE_SECONDS)
        app.close()
        os._exit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    anyio.run(_answer, memory, write)
    end_after(_CLOSE_SECONDS)


async def _answer(memory: UserMemory, write: bool) -> None:
    server = make_server(memory, write=write)
    async with stdio_server() as (incoming, outgoing):
        with contextlib.redirect_stdout(sys.stderr):
            await server.run(incoming, outgoing, server.create_initialization_options())
