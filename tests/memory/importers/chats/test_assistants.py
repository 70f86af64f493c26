"""Exports of ChatGPT and Claude."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from memory.importers.convert import convert
from memory.importers.records import Conversion, ConversionError, ExtractedDocument


def node(id_: str, parent: str | None, role: str, text: str, /, **message: Any) -> dict[str, Any]:
    """A node of ChatGPT's tree."""
    content = {"content_type": "text", "parts": [text]}
    fields = {"id": id_, "author": {"role": role}, "create_time": 1709629200.5, "content": content} | message
    return {"id": id_, "parent": parent, "children": [], "message": fields}


def conversation(*nodes: dict[str, Any], title: str | None = "Trip", **facts: Any) -> dict[str, Any]:
    """A conversation whose newest node is the last one given."""
    root: dict[str, Any] = {"id": "root", "parent": None, "children": [], "message": None}
    mapping = {item["id"]: item for item in (root, *nodes)}
    for item in nodes:
        mapping[item["parent"]]["children"].append(item["id"])
    return {"title": title, "create_time": 1709629000.0, "mapping": mapping, "current_node": nodes[-1]["id"]} | facts


def archive(**members: Any) -> bytes:
    """A ZIP of JSON files, whose names stand for themselves with `__` for the dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, value in members.items():
            file.writestr(name.replace("__", "."), value if isinstance(value, str) else json.dumps(value))
    return out.getvalue()


PLAIN = conversation(node("a", "root", "user", "My cat is called Tofu"), node("b", "a", "assistant", "Nice name!"))


def _read(*conversations: Any) -> Conversion:
    return convert(json.dumps(conversations).encode(), "conversations.json")


def _only(*nodes: dict[str, Any], **facts: Any) -> ExtractedDocument:
    (found,) = _read(conversation(*nodes, **facts)).documents
    return found


def test_a_conversation_is_the_users_talk_with_the_assistant() -> None:
    """The user is "You" and is known as the user, so that an answer is never taken as said by them."""
    (found,) = _read(PLAIN).documents
    assert [(line.id, line.speaker, line.role, line.text, line.at) for line in found.utterances] == [
        ("a", "You", "user", "My cat is called Tofu", "2024-03-05T09:00:00+00:00"),
        ("b", "ChatGPT", "assistant", "Nice name!", "2024-03-05T09:00:00+00:00"),
    ]
    assert (found.title, found.part, found.me, found.format) == ("Trip", "Trip", "You", "chatgpt")


def test_only_the_branch_that_was_last_seen() -> None:
    """A question that was edited leaves a branch behind, which is counted, not imported."""
    nodes = (
        node("a", "root", "user", "first wording"),
        node("b", "a", "assistant", "first answer"),
        node("c", "root", "user", "second wording"),
        node("d", "c", "assistant", "second answer"),
    )
    found = _read(conversation(*nodes))
    assert [line.text for line in found.documents[0].utterances] == ["second wording", "second answer"]
    assert found.warnings == ("2 messages of other branches are left out",)


def test_hidden_and_system_nodes_were_said_by_nobody() -> None:
    """LibreChat#13630: the hidden profile is no message of the user; thoughts and calls of tools are none either."""
    hidden = {"metadata": {"is_visually_hidden_from_conversation": True}}
    found = _only(
        node("a", "root", "system", "You are ChatGPT"),
        node("b", "a", "user", "about me", **hidden, content={"content_type": "user_editable_context"}),
        node("c", "b", "user", "profile", **hidden),
        node("d", "c", "user", "Hi"),
        node("e", "d", "assistant", "search('x')", recipient="browser"),
        node("f", "e", "tool", "results"),
        node("g", "f", "assistant", "", content={"content_type": "thoughts", "thoughts": [{"content": "hm"}]}),
        node("h", "g", "assistant", "Hello"),
    )
    assert [line.text for line in found.utterances] == ["Hi", "Hello"]


_IMAGE = {"content_type": "image_asset_pointer"}
_SPOKEN = {"content_type": "audio_transcription", "text": "said"}


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ({"content_type": "multimodal_text", "parts": [_IMAGE, "look"]}, "[image]\nlook"),
        ({"content_type": "multimodal_text", "parts": [_SPOKEN]}, "said"),
        ({"content_type": "code", "language": "python", "text": "x = 1"}, "```python\nx = 1\n```"),
        ({"content_type": "code", "language": "unknown", "text": "x"}, "```\nx\n```"),
        ({"content_type": "tether_quote", "title": "Page", "text": "quoted"}, "> Page\n> quoted"),
        ({"content_type": "execution_output", "text": "42"}, "42"),
        ({"content_type": "of tomorrow", "result": "text"}, "text"),
    ],
)
def test_kinds_of_content(content: dict[str, Any], shown: str) -> None:
    """Whatever holds words gives them."""
    assert _only(node("a", "root", "user", "", content=content)).utterances[0].text == shown


def test_messages_without_metadata_author_or_time() -> None:
    """LibreChat#15229: fields that are missing cost nothing; the conversation's time stands in."""
    found = _only(node("a", "root", "user", "Hi", create_time=None), node("b", "a", "", "x", author=None))
    assert [(line.text, line.at) for line in found.utterances] == [("Hi", "2024-03-05T08:56:40+00:00")]


@pytest.mark.parametrize(
    "bad", [None, {"title": "Lost"}, {"title": "Lost", "mapping": {"a": None}, "current_node": "a"}]
)
def test_a_bad_conversation_does_not_sink_the_file(bad: Any) -> None:
    """It is named, with true counts."""
    found = _read(PLAIN, bad, conversation(node("a", "root", "user", "x"), title="Other"))
    assert [item.title for item in found.documents] == ["Trip", "Other"]
    assert found.warnings[0] == "2 of 3 conversations read"
    assert "conversation 2" in found.warnings[1]


def test_a_tree_without_current_node_and_one_in_a_circle() -> None:
    """The newest leaf is where the talk ended; a circle ends where it closes."""
    nodes = (node("a", "root", "user", "old", create_time=5), node("b", "root", "user", "new", create_time=9))
    assert [line.text for line in _only(*nodes, current_node=None).utterances] == ["new"]
    circle = conversation(node("a", "root", "user", "x"), node("b", "a", "user", "y"))
    circle["mapping"]["a"]["parent"] = "b"
    assert [line.text for line in _read(circle).documents[0].utterances] == ["x", "y"]


def test_shards_of_a_large_account() -> None:
    """LibreChat#15388: 60 shards in the archive are one account, oldest conversation first, titles numbered."""
    shards = {
        f"conversations-{number:03}__json": [
            conversation(node("a", "root", "user", f"text {number}"), title="New chat", create_time=2000 - number)
        ]
        for number in range(60)
    }
    found = convert(archive(**shards, chat__html="<html>", user__json={"id": 1}), "export.zip")
    assert len(found.documents) == 60
    assert found.documents[0].utterances[0].text == "text 59"
    assert [item.part for item in found.documents[:3]] == ["New chat", "New chat (2)", "New chat (3)"]


def test_a_damaged_shard_costs_what_follows_in_it() -> None:
    """The other shards are read, and the damage is told."""
    found = convert(
        archive(**{"conversations-000__json": [PLAIN], "conversations-001__json": json.dumps([PLAIN, PLAIN])[:-40]}),
        "x.zip",
    )
    assert len(found.documents) == 2
    assert found.warnings[0] == "2 of 2 conversations read"
    assert "what follows is missing" in found.warnings[1]


def test_an_archive_that_unpacks_to_too_much_is_refused() -> None:
    """Before anything of it is unpacked."""
    with pytest.raises(ConversionError, match="times its size"):
        convert(archive(conversations__json="[" + " " * 40_000_000), "x.zip")


def test_a_damaged_archive_is_named() -> None:
    """Offsets that lead out of the file are damage like any other."""
    data = archive(conversations__json=[PLAIN])
    with pytest.raises(ConversionError, match=r"x\.zip is a damaged"):
        convert(data[:10] + data[40:], "x.zip")


CLAUDE: dict[str, Any] = {
    "uuid": "c1",
    "name": "Garden",
    "created_at": "2024-03-05T10:00:00.000000Z",
    "chat_messages": [
        {
            "uuid": "m1",
            "sender": "human",
            "text": "Read this",
            "created_at": "2024-03-05T10:00:00.000000Z",
            "attachments": [{"file_name": "plan.txt", "extracted_content": "Tomatoes on the left"}],
            "files": [{"file_name": "photo.png"}],
        },
        {
            "uuid": "m2",
            "sender": "assistant",
            "text": "",
            "content": [{"type": "tool_use", "input": {}}, {"type": "text", "text": "I see tomatoes"}],
            "created_at": "2024-03-05T10:00:05Z",
            "attachments": [],
        },
    ],
}


def test_claude_with_attachments() -> None:
    """An attachment's text belongs to the message; text may stand in blocks only; the user is known."""
    (found,) = convert(json.dumps([CLAUDE]).encode(), "conversations.json").documents
    assert [(line.speaker, line.role, line.text) for line in found.utterances] == [
        ("You", "user", "Read this\n\n[file: plan.txt]\nTomatoes on the left\n\n[file: photo.png]"),
        ("Claude", "assistant", "I see tomatoes"),
    ]
    assert (found.title, found.me, found.at) == ("Garden", "You", "2024-03-05T10:00:00+00:00")


def test_claudes_bad_conversation_and_odd_senders() -> None:
    """Named with true counts; a message of neither is counted."""
    odd = CLAUDE | {"name": "Odd", "chat_messages": [{"sender": "moderator", "text": "x"}, *CLAUDE["chat_messages"]]}
    found = convert(json.dumps([CLAUDE, {"uuid": "broken"}, odd]).encode(), "conversations.json")
    assert found.warnings == ("2 of 3 conversations read", "conversation 2 can't be read (it has no messages)")
    assert found.documents[1].warnings == ("1 messages can't be read",)


def test_claudes_projects_are_documents() -> None:
    """Beside the conversations of the archive, and on their own."""
    projects = [
        {
            "uuid": "p",
            "name": "House",
            "prompt_template": "",
            "docs": [{"filename": "roof.md", "content": "Slate tiles", "created_at": "2024-01-01T00:00:00Z"}],
        }
    ]
    found = convert(archive(conversations__json=[CLAUDE], projects__json=projects, users__json=[]), "data.zip")
    assert [(item.part, len(item.utterances), len(item.blocks)) for item in found.documents] == [
        ("Garden", 2, 0),
        ("House: roof.md", 0, 1),
    ]
    alone = convert(json.dumps(projects).encode(), "projects.json").documents
    assert [item.blocks[0].text for item in alone] == ["Slate tiles"]
