"""A home with several people, and a client of the MCP server that tests can use without an event loop of their own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client import Transport
from mcp.server import Server
from mcp.types import CallToolResult, Implementation, TextContent, Tool

from bot.config import Settings
from memory.notes import NewNote, Words, keep_note
from memory.records import User
from memory.store import Store
from tests.bot.mcp_server.bare_run import BareApp
from tests.embedder import WordEmbedder

ROOT = Path(__file__).parents[3]
CLIENT = "test-assistant"
ANN, BO = "Ann keeps the brass key of the boathouse under the third flowerpot.", "Bo hid the silver key in the attic."
SHARED = "The handbook says the key of the gate hangs in the office."


def filled(home: Path) -> Path:
    """A home of Ann, its owner; Bo is a member, Gus a guest, and the handbook is shared."""
    store = Store(home / "familiar.db")
    ann = store.add_user("ann", role="owner")
    bo = store.add_user("bo", role="member")
    store.add_user("gus", role="guest")
    note(store, ann, ANN)
    note(store, ann, "I live in Utrecht.", at="2025-01-01T10:00:00+01:00")
    note(store, ann, "I live in Ghent.", at="2026-01-02T10:00:00+01:00")
    note(store, bo, BO)
    note(store, bo, "I live in Oslo.")
    note(store, store.add_user("handbook", role="shared"), SHARED)
    store.close()
    return home


def note(store: Store, user: User, text: str, *, at: str = "2026-03-01T10:00:00+01:00") -> int:
    """A note as its user wrote it; its document's id."""
    new = NewNote(text[:12], text[:20], text[:20], (Words(user.name, text, at),), user.name)
    return keep_note(store, WordEmbedder(), new, user=user, config=Settings().import_).document.id


@dataclass(frozen=True)
class Talk:
    """An open connection."""

    portal: BlockingPortal
    client: Client

    def tools(self) -> dict[str, Tool]:
        """The tools by name."""
        return {tool.name: tool for tool in self.portal.call(self.client.list_tools).tools}

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """What a tool gives; the client has checked it against the tool's schema."""
        result = self.raw(name, **arguments)
        assert not result.is_error, text_of(result)
        assert result.structured_content is not None
        return dict(result.structured_content)

    def refused(self, name: str, **arguments: Any) -> str:
        """Why a call failed."""
        result = self.raw(name, **arguments)
        assert result.is_error
        return text_of(result)

    def raw(self, name: str, **arguments: Any) -> CallToolResult:
        """The result as it came."""
        result: CallToolResult = self.portal.call(self.client.call_tool, name, arguments)
        return result

    def texts(self, query: str) -> list[str]:
        """The passages that a search finds."""
        return [item["text"] for item in self.call("search", query=query)["passages"]]


def text_of(result: CallToolResult) -> str:
    """The text of a result."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


@contextmanager
def talking(server: Server[Any] | Transport) -> Iterator[Talk]:
    """A connection to a server, in a thread with an event loop of its own."""
    client = Client(server, client_info=Implementation(name=CLIENT, version="1"), read_timeout_seconds=60)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client):
        yield Talk(portal, client)


@contextmanager
def process(home: Path, *arguments: str, errors: TextIO) -> Iterator[Talk]:
    """A connection to `familiar mcp` in a process of its own."""
    parameters = StdioServerParameters(command=sys.executable, args=command(home, *arguments)[1:], cwd=ROOT)
    with talking(stdio_client(parameters, errlog=errors)) as talk:
        yield talk


def command(home: Path, *arguments: str) -> list[str]:
    """What starts it."""
    return [sys.executable, "-m", "tests.bot.mcp_server.bare_run", "mcp", "--home", str(home), *arguments]


@contextmanager
def opened(home: Path) -> Iterator[BareApp]:
    """A home in this process."""
    app = BareApp(home, Settings())
    try:
        yield app
    finally:
        app.close()
