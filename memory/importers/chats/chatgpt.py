"""ChatGPT's export: each conversation is the branch that its owner last saw, from its newest node back to the root.

What the program gave the model on its own (system messages, hidden nodes such as the user's profile) was said by
nobody and is left out, and the owner of the account is "You", so that an answer is never taken as the user's words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from memory.importers.chats.common import Chat, account
from memory.importers.chats.dates import from_epoch
from memory.importers.chats.stream import Content, DamagedJson, JsonStream
from memory.importers.cleaning import one_line
from memory.importers.records import Conversion

ME = "You"
_ASSISTANT = "ChatGPT"
_MEDIA = {
    "image_asset_pointer": "[image]",
    "audio_asset_pointer": "[audio]",
    "real_time_user_audio_video_asset_pointer": "[video]",
}
_NOT_SAID = ("model_editable_context", "user_editable_context", "thoughts", "reasoning_recap", "system_error")


def read_chatgpt(contents: Iterable[Content], *, name: str) -> Conversion:
    """All conversations of an export, which may be in several files, oldest first.

    :raises ConversionError: none can be read
    """
    found: list[tuple[float, Chat]] = []
    problems: list[str] = []
    total = empty = other = 0
    for content in contents:
        try:
            for conversation in _conversations(content):
                total += 1
                try:
                    chat, left_out = _chat(conversation)
                except (KeyError, TypeError, ValueError, AttributeError) as exc:
                    problems.append(f"{_named(conversation, total)} can't be read ({exc})")
                    continue
                empty, other = empty + (not chat.lines), other + left_out
                found.append((_number(conversation.get("create_time")), chat))
        except DamagedJson as exc:
            problems.append(f"{exc}; what follows is missing")
    problems = _counted(problems, total=total, read=len(found), empty=empty)
    problems += [f"{other} messages of other branches are left out"] if other else []
    return account((chat for _, chat in sorted(found, key=itemgetter(0))), name=name, problems=problems)


def _counted(problems: list[str], *, total: int, read: int, empty: int) -> list[str]:
    """The problems, with true numbers before them."""
    without = f", {empty} of them without a message" if empty else ""
    return [f"{read} of {total} conversations read{without}", *problems] if problems or empty else []


def _conversations(content: Content) -> Iterator[Any]:
    stream = JsonStream(content)
    if stream.kind() == "{":
        yield stream.value()
        return
    for _ in stream.items():
        yield stream.value()


def _named(conversation: object, number: int) -> str:
    title = conversation.get("title") if isinstance(conversation, dict) else None
    return f"conversation {number}" + (f" ({one_line(title)[:60]})" if isinstance(title, str) else "")


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _chat(conversation: Mapping[str, Any]) -> tuple[Chat, int]:
    """The chat, and how many messages of other branches are not in it.

    :raises ValueError: it has no tree of messages
    """
    mapping = conversation.get("mapping")
    if not isinstance(mapping, dict):
        raise ValueError("it has no messages")
    chat = Chat(str(conversation.get("title") or "New chat"), "chatgpt", me=ME)
    branch = _branch(mapping, conversation.get("current_node"))
    for node in branch:
        message = mapping[node].get("message")
        if isinstance(message, dict) and _is_said(message):
            role = message["author"]["role"]
            speaker = ME if role == "user" else _ASSISTANT
            chat.add(message.get("id") or node, speaker, _text(message), at=_at(message, conversation), role=role)
    return chat, len(_said(mapping, set(mapping) - set(branch)))


def _said(mapping: Mapping[str, Any], nodes: Iterable[str]) -> list[str]:
    messages = ((node, mapping[node].get("message")) for node in nodes if isinstance(mapping[node], dict))
    return [node for node, message in messages if isinstance(message, dict) and _is_said(message) and _text(message)]


def _branch(mapping: Mapping[str, Any], current: object) -> list[str]:
    """Nodes from the root to the current one, which may be missing: then to the newest leaf."""
    node = current if isinstance(current, str) and current in mapping else _newest_leaf(mapping)
    found: dict[str, None] = {}
    while isinstance(node, str) and node in mapping and node not in found:  # a cycle must not hold up the import
        found[node] = None
        node = mapping[node].get("parent")
    return list(reversed(found))


def _newest_leaf(mapping: Mapping[str, Any]) -> str | None:
    leaves = [key for key, node in mapping.items() if isinstance(node, dict) and not node.get("children")]
    return max(leaves, key=lambda key: _number((mapping[key].get("message") or {}).get("create_time")), default=None)


def _is_said(message: Mapping[str, Any]) -> bool:
    """Whether the user or the assistant says it to the other."""
    author, metadata, content = message.get("author"), message.get("metadata"), message.get("content")
    if not isinstance(author, dict) or author.get("role") not in ("user", "assistant") or not isinstance(content, dict):
        return False
    hidden = isinstance(metadata, dict) and metadata.get("is_visually_hidden_from_conversation")
    to_tool = message.get("recipient") not in (None, "all")
    return not hidden and not to_tool and content.get("content_type") not in _NOT_SAID


def _at(message: Mapping[str, Any], conversation: Mapping[str, Any]) -> str | None:
    return from_epoch(message.get("create_time")) or from_epoch(conversation.get("create_time"))


def _text(message: Mapping[str, Any]) -> str:
    content = message["content"]
    kind = content.get("content_type")
    if kind == "code":
        return f"```{content.get('language') or ''}\n{content.get('text') or ''}\n```".replace("```unknown", "```")
    if kind == "tether_quote":
        return f"> {content.get('title') or content.get('url') or ''}\n> {content.get('text') or ''}"
    parts = content.get("parts")
    if isinstance(parts, list):
        return "\n".join(text for part in parts if (text := _part(part)))
    return next((str(content[key]) for key in ("text", "result") if isinstance(content.get(key), str)), "")


def _part(part: object) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return ""
    return str(part.get("text") or _MEDIA.get(str(part.get("content_type")), ""))
