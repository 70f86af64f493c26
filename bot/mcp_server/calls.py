"""From a request of the protocol to a tool and back.

Arguments are checked against the tool's record, the work is done in a thread so that the connection goes on, and a
client that waits is told every few seconds that it is still going. Whatever fails is an error that the calling model
can read; what anybody wrote goes into no log.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any, TypeVar

from mcp.server import Server
from mcp.server.context import ServerRequestContext
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)
from pydantic import ValidationError

from bot.mcp_server.memory import Call, UserMemory
from bot.mcp_server.tools import INSTRUCTIONS, Tool, tools
from bot.threads import in_thread
from memory.errors import FamiliarError

_log = logging.getLogger(__name__)
_AT_ONCE = 4
"""Calls at work at once; more wait, so that a client that asks for hundreds doesn't make as many threads."""
_PROGRESS_SECONDS = 2.0
_NAME_CHARACTERS = 60
T = TypeVar("T")
Tell = Callable[[float], Awaitable[None]]
"""Takes seconds."""


def make_server(memory: UserMemory, *, write: bool) -> Server[Any]:
    """The server of one user's memory, which any transport can run."""
    calls = Calls(memory, tools(write=write))
    return Server(
        "familiar",
        version=version("familiar-assistant"),
        title="Familiar",
        instructions=INSTRUCTIONS,
        on_list_tools=calls.list,
        on_call_tool=calls.call,
    )


class Calls:
    """Answers what clients ask of the tools."""

    def __init__(self, memory: UserMemory, known: Mapping[str, Tool[Any, Any]]) -> None:
        self._memory = memory
        self._tools = known
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def list(self, _context: ServerRequestContext[Any], _page: PaginatedRequestParams | None) -> ListToolsResult:
        """All tools, on one page."""
        return ListToolsResult(tools=[tool.listed for tool in self._tools.values()])

    async def call(self, context: ServerRequestContext[Any], asked: CallToolRequestParams) -> CallToolResult:
        """Use a tool; what fails is a result that says so."""
        tool = self._tools.get(asked.name)
        if tool is None:
            return _failed(f"there is no tool {asked.name[:_NAME_CHARACTERS]!r}; there are {', '.join(self._tools)}")
        try:
            arguments = tool.arguments.validate_python(asked.arguments or {})
        except ValidationError as exc:
            return _failed(f"{tool.name}: {wrong_arguments(exc)}")
        call = Call(client_of(context))
        try:
            async with self._room:
                work = in_thread(lambda: tool.work(self._memory, arguments, call))
                result = await telling(work, context.session.report_progress, every=_PROGRESS_SECONDS)
        except FamiliarError as exc:
            return _failed(f"{tool.name}: {exc}")
        except Exception:  # noqa: BLE001 - the edge of a call; `bot.logs` writes its type alone
            _log.exception("the tool %s failed", tool.name)
            return _failed(f"{tool.name} failed; the log of `familiar mcp` says where")
        finally:
            call.cancel.set()
        return _succeeded(tool.results.dump_python(result, mode="json"))


async def telling(work: Awaitable[T], tell: Tell, *, every: float) -> T:
    """Wait for the work, and tell every so many seconds how many it has taken so far."""
    began, doing = time.monotonic(), asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({doing}, timeout=every))[0]:
            await tell(round(time.monotonic() - began, 1))
        return doing.result()
    finally:
        doing.cancel()


def wrong_arguments(exc: ValidationError) -> str:
    """What is wrong with each argument, without its value."""
    found = ((".".join(map(str, item["loc"])), item["msg"]) for item in exc.errors(include_input=False))
    return "; ".join(f"{name}: {message}" if name else message for name, message in found)


def client_of(context: ServerRequestContext[Any]) -> str:
    """The name that the program at the other end gives itself."""
    named = context.session.client_params
    return named.client_info.name if named else ""


def _succeeded(structured: dict[str, Any]) -> CallToolResult:
    """Also as text, for clients from before there were structured results."""
    text = json.dumps(structured, ensure_ascii=False)
    return CallToolResult(content=[TextContent(text=text)], structured_content=structured)


def _failed(reason: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(text=reason)], is_error=True)
