"""Claude's export: conversations with the text of their attachments, and the documents of projects.

The owner of the account is "You", so that an answer is never taken as the user's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from memory.importers.chats.common import Chat, account, with_parts
from memory.importers.chats.dates import iso
from memory.importers.chats.stream import Content, DamagedJson, JsonStream
from memory.importers.cleaning import clean, one_line
from memory.importers.problems import first_few
from memory.importers.records import Block, Conversion, ConversionError, ExtractedDocument

ME = "You"
_SENDERS = {"human": (ME, "user"), "assistant": ("Claude", "assistant")}


def read_claude(content: Content, *, name: str, projects: Content = "") -> Conversion:
    """All conversations, oldest first, then the projects' documents.

    :raises ConversionError: nothing in it can be read
    """
    problems: list[str] = []
    found: list[tuple[str, Chat]] = []
    total = 0
    for value in _values(content, problems):
        total += 1
        try:
            found.append((str(value.get("created_at")), _chat(value)))
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            problems.append(f"conversation {total} can't be read ({exc})")
    if problems:
        problems.insert(0, f"{len(found)} of {total} conversations read")
    documents = list(_project_documents(projects, problems)) if projects else []
    chats = [chat for _, chat in sorted(found, key=lambda item: item[0])]
    if not documents:
        return account(chats, name=name, problems=problems)
    talks = [chat.document() for chat in chats if chat.lines]
    return Conversion(tuple(with_parts([*talks, *documents])), first_few(problems))


def read_claude_projects(content: Content, *, name: str) -> Conversion:
    """The documents that a projects.json holds.

    :raises ConversionError: it holds none
    """
    problems: list[str] = []
    documents = tuple(with_parts(_project_documents(content, problems)))
    if not documents:
        raise ConversionError("; ".join((f"{name} holds no document with text", *first_few(problems))))
    return Conversion(documents, first_few(problems))


def _values(content: Content, problems: list[str]) -> Iterator[Any]:
    stream = JsonStream(content)
    try:
        for _ in stream.items():
            yield stream.value()
    except DamagedJson as exc:
        problems.append(f"{exc}; what follows is missing")


def _chat(conversation: Mapping[str, Any]) -> Chat:
    """:raises ValueError: it has no list of messages"""
    messages = conversation.get("chat_messages")
    if not isinstance(messages, list):
        raise ValueError("it has no messages")
    chat = Chat(str(conversation.get("name") or "New chat"), "claude", me=ME)
    unreadable = 0
    for number, message in enumerate(messages, start=1):
        known = _SENDERS.get(str(message.get("sender"))) if isinstance(message, dict) else None
        if known is None:
            unreadable += 1
            continue
        speaker, role = known
        chat.add(message.get("uuid") or number, speaker, _text(message), at=iso(message.get("created_at")), role=role)
    if unreadable:
        chat.problems.append(f"{unreadable} messages can't be read")
    return chat


def _text(message: Mapping[str, Any]) -> str:
    parts = message.get("content") if isinstance(message.get("content"), list) else []
    blocks = [part for part in parts or () if isinstance(part, dict)]
    said = "\n\n".join(str(part["text"]) for part in blocks if part.get("type") == "text" and part.get("text"))
    attached = [item for item in message.get("attachments") or () if isinstance(item, dict)]
    files = [item for item in message.get("files") or () if isinstance(item, dict) and item.get("file_name")]
    return "\n\n".join(
        (
            said or str(message.get("text") or ""),
            *(_attachment(item) for item in attached),
            *(f"[file: {one_line(str(item['file_name']))}]" for item in files),
        )
    )


def _attachment(item: Mapping[str, Any]) -> str:
    named = f"[file: {one_line(str(item.get('file_name') or 'pasted text'))}]"
    content = item.get("extracted_content")
    return f"{named}\n{content}" if isinstance(content, str) and content.strip() else named


def _project_documents(content: Content, problems: list[str]) -> Iterator[ExtractedDocument]:
    for project in _values(content, problems):
        if not isinstance(project, dict):
            continue
        named = one_line(str(project.get("name") or "Project"))
        for item in project.get("docs") or ():
            text = (
                clean(item["content"]).strip()
                if isinstance(item, dict) and isinstance(item.get("content"), str)
                else ""
            )
            if text:
                title = f"{named}: {one_line(str(item.get('filename') or 'document'))}"
                yield ExtractedDocument(title, "claude", blocks=(Block(text),), at=iso(item.get("created_at")))
