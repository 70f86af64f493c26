"""What the tools give and refuse, by the official client connected in this process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.mcp_server import calls
from bot.mcp_server.calls import make_server
from bot.mcp_server.memory import UserMemory, note_of, passage_of, served_user
from bot.mcp_server.records import MOST_FACTS, MOST_NOTE_CHARACTERS, MOST_PASSAGE_CHARACTERS, MOST_PASSAGES, cut
from memory.errors import UsageError
from memory.facts.store import PROGRAM_NOTE, facts_of, learn_all
from memory.records import Chunk, Hit, User
from tests.bot.mcp_server.bare_run import BareApp
from tests.bot.mcp_server.bench import ANN, BO, CLIENT, SHARED, Talk, filled, note, opened, talking, text_of
from tests.engine import ScriptedEngine


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BareApp]:
    """A home with several people, for all tests that leave them as they are."""
    with opened(filled(tmp_path_factory.mktemp("mcp") / "home")) as made:
        yield made


@pytest.fixture
def own_app(tmp_path: Path) -> Iterator[BareApp]:
    """Such a home for one test."""
    with opened(filled(tmp_path / "home")) as made:
        yield made


@pytest.fixture(scope="module")
def ann(app: BareApp) -> Iterator[Talk]:
    """A client of Ann's memory that may write."""
    with talking(make_server(memory_of(app, "ann"), write=True)) as talk:
        yield talk


def memory_of(app: BareApp, name: str) -> UserMemory:
    """What is served of a user."""
    return UserMemory(app, served_user(app, name).id)


def test_search_names_source_date_and_score(ann: Talk) -> None:
    """The best passage first; a limit holds; numbers that a model writes as text are numbers."""
    found = ann.call("search", query="Where is the key of the boathouse?")
    best = found["passages"][0]
    assert (best["text"], best["date"]) == (ANN, "2026-03-01T10:00:00+01:00")
    assert best["title"] == ANN[:20]
    assert best["source"].endswith(ANN[:20])
    assert (best["speaker"], best["turn"], best["truncated"]) == ("ann", None, False)
    scores = [item["score"] for item in found["passages"]]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= found["confidence"] <= 1
    assert len(ann.call("search", query="key", limit="1")["passages"]) == 1


def test_a_result_is_also_text(ann: Talk) -> None:
    """The same JSON, in its own letters, for clients that know no structured results."""
    ann.call("remember", text="我的自行车锁密码是四七一一")
    result = ann.raw("search", query="自行车锁密码")
    assert json.loads(text_of(result)) == result.structured_content
    assert "我的自行车锁密码是四七一一" in text_of(result)


def test_facts_are_what_holds_now(ann: Talk) -> None:
    """Not what ended; with a name only what is linked to it; the limit says how many there are."""
    known = ann.call("facts")
    (home,) = [item for item in known["facts"] if item["value"] == "Ghent"]
    assert (home["subject"], home["since"], home["origin"]) == ("user", "2026-01-02", "rule")
    assert "Utrecht" not in json.dumps(known)
    assert ann.call("facts", about="nobody of that name") == {"facts": [], "total": 0}
    few = ann.call("facts", limit=1)
    assert (len(few["facts"]), few["total"]) == (1, known["total"])


def test_summary_names_its_sources(ann: Talk) -> None:
    """By numbers that stand in the text; since a day too; a day that is none is named."""
    summary = ann.call("summarise", about="the boathouse")
    assert "brass key" in summary["text"]
    assert all(f"[{item['n']}]" in summary["text"] for item in summary["sources"])
    assert ann.call("summarise", since="2099-01-01")["sources"] == []
    assert "'someday' names no day" in ann.refused("summarise", since="someday")


def test_a_remembered_text_is_the_programs(app: BareApp, ann: Talk) -> None:
    """It is found at once with the program's name, and states nothing of the user, also when all is read again."""
    made = ann.call("remember", text="I live in Lisbon and my sister is called Zita.")
    assert made["title"].startswith(f"{CLIENT}: I live in Lisbon")
    again = ann.call("remember", text="  I live in Lisbon and my sister is called Zita. ")
    assert (made["known"], again["known"], again["document"]) == (False, True, made["document"])
    (found,) = [item for item in ann.call("search", query="Zita")["passages"] if "Zita" in item["text"]]
    assert (found["speaker"], found["document"]) == (CLIENT, made["document"])
    user = app.user("ann")
    learn_all(app.store, user_id=user.id)
    assert "Lisbon" not in {fact.value for fact in facts_of(app.store, owners=[user.id])}
    assert app.store.document(made["document"], user_id=user.id).format == PROGRAM_NOTE
    assert len(ann.call("facts")["facts"]) == 1


def test_what_is_forgotten_is_not_found(app: BareApp, ann: Talk) -> None:
    """By a connection that was open before: neither the passage nor the fact."""
    user = app.user("ann")
    where = note(app.store, user, "My dentist is called Quimby.")
    assert "My dentist is called Quimby." in ann.texts("dentist")
    app.forget(user_id=user.id, document=where)
    assert "Quimby" not in json.dumps([ann.call("search", query="dentist Quimby"), ann.call("facts")])


@pytest.mark.parametrize(("name", "own", "others"), [("ann", ANN, (BO, "Oslo")), ("bo", BO, (ANN, "Ghent"))])
def test_nothing_of_another_user_is_given(app: BareApp, name: str, own: str, others: tuple[str, ...]) -> None:
    """Whatever is asked; what is shared is given to both, and a note goes to its own user alone."""
    with talking(make_server(memory_of(app, name), write=True)) as talk:
        talk.call("remember", text=f"a note for {name}")
        given = [talk.call("search", query=query, limit=20) for query in ("key", BO, ANN, "live", "note for")]
        given += [talk.call(tool, **about) for tool in ("facts", "summarise") for about in ({}, {"about": "key"})]
        asked = json.dumps(given, ensure_ascii=False)
    assert own in asked
    assert SHARED in asked
    assert not [text for text in others if text in asked]
    notes = [(item.user_id, item.title) for user in app.store.users() for item in app.store.documents(user_id=user.id)]
    assert [owner for owner, title in notes if f"a note for {name}" in title] == [app.user(name).id]


@pytest.mark.parametrize("name", ["gus", "handbook", "nobody"])
def test_only_people_with_a_memory_are_served(app: BareApp, name: str) -> None:
    """No guest, no knowledge base, nobody unknown."""
    with pytest.raises(UsageError, match=f"--user {name}"):
        served_user(app, name)


def test_who_becomes_a_guest_is_served_no_more(own_app: BareApp) -> None:
    """Also by a connection that was open before, whatever it asks."""
    with talking(make_server(memory_of(own_app, "bo"), write=True)) as talk:
        talk.call("facts")
        own_app.store.update_user(replace(own_app.user("bo"), role="guest"))
        for tool, arguments in (
            ("search", {"query": "key"}),
            ("facts", {}),
            ("summarise", {}),
            ("remember", {"text": "x"}),
        ):
            assert "may not be used any more" in talk.refused(tool, **arguments)


def test_without_write_nothing_can_be_remembered(app: BareApp) -> None:
    """The tool is not even listed, and calling it says which there are; the others say that they only read."""
    with talking(make_server(memory_of(app, "ann"), write=False)) as talk:
        hints = {name: tool.annotations for name, tool in talk.tools().items()}
        assert list(hints) == ["search", "facts", "summarise"]
        assert all(hint and hint.read_only_hint and hint.open_world_hint is False for hint in hints.values())
        assert talk.refused("remember", text="x") == "there is no tool 'remember'; there are search, facts, summarise"


def test_a_writing_tool_says_that_it_only_adds(ann: Talk) -> None:
    """So that a client can decide whom to ask; every tool has schemas for both ways that bound what they take."""
    tools = ann.tools()
    hint = tools["remember"].annotations
    assert hint is not None
    assert (hint.read_only_hint, hint.destructive_hint, hint.idempotent_hint) == (False, False, True)
    for tool in tools.values():
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema is not None
    assert tools["search"].input_schema["properties"]["query"]["maxLength"] == 2000


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("search", {}, "query: Field required"),
        ("search", {"query": "  "}, "query: String should have at least 1 character"),
        ("search", {"query": "x" * 2001}, "query: String should have at most 2000 characters"),
        ("search", {"query": "x", "limit": MOST_PASSAGES + 1}, "limit: Input should be less than or equal to 20"),
        ("search", {"query": "x", "user": "bo"}, "user: Unexpected keyword argument"),
        ("search", {"query": ["x"]}, "query: Input should be a valid string"),
        ("facts", {"limit": MOST_FACTS + 1}, "limit: Input should be less than or equal to 200"),
        ("summarise", {"about": 4}, "about: Input should be a valid string"),
        ("remember", {"text": ""}, "text: String should have at least 1 character"),
        ("remember", {"text": "x" * (MOST_NOTE_CHARACTERS + 1)}, "text: String should have at most 20000 characters"),
    ],
)
def test_wrong_arguments_are_named(ann: Talk, tool: str, arguments: dict[str, object], said: str) -> None:
    """Which one and what would be right, without its value; nothing is done."""
    assert ann.refused(tool, **arguments) == f"{tool}: {said}"


def test_what_breaks_is_told_without_its_text(
    app: BareApp, ann: Talk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The client learns that a tool failed, no more; the next call is answered."""

    def breaks(*_arguments: object, **_options: object) -> None:
        raise ValueError("the secret of the boathouse")

    with monkeypatch.context() as patch:
        patch.setattr(type(app.searcher), "search", breaks)
        assert ann.refused("search", query="key") == "search failed; the log of `familiar mcp` says where"
    assert caplog.messages == ["the tool search failed"]
    assert ANN in ann.texts("key of the boathouse")


def test_a_summary_holds_nothing_up_and_can_be_cancelled(own_app: BareApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a model writes one, progress is told and other calls are answered; cancelled, it stops writing."""
    writing, told = threading.Event(), threading.Event()

    def before_word(_word: str) -> None:
        writing.set()
        time.sleep(0.01)

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        assert (progress > 0, total, message) == (True, None, None)
        told.set()

    monkeypatch.setattr(calls, "_PROGRESS_SECONDS", 0.02)
    engine = ScriptedEngine(lambda _: "word " * 5000, before_word=before_word)
    own_app.writes = True
    own_app.__dict__["engine"] = engine
    with talking(make_server(memory_of(own_app, "ann"), write=False)) as talk:

        async def summarise() -> None:
            await talk.client.call_tool("summarise", {}, progress_callback=on_progress)

        asked = talk.portal.start_task_soon(summarise)
        assert writing.wait(10)
        assert told.wait(10)
        assert talk.call("facts")["total"] == 1
        assert not asked.done()
        asked.cancel()
        began = time.monotonic()
        engine.generate(replace(engine.requests[0], max_tokens=1), on_text=lambda _: None)  # waits for the other's end
        assert time.monotonic() - began < 2
    assert len(engine.requests) == 2


def test_a_note_bears_its_programs_name_whatever_that_is() -> None:
    """On one line and short; a program without a name is called by the protocol's."""
    user = User(1, "ann", "owner")
    now = datetime.now(UTC)
    for client, name in (
        ("a\nb\x00 c", "a b c"),
        ("n" * 500, "n" * 60),
        (" ", "MCP"),
        ("Ann", "Ann (MCP)"),
        ("我", "我 (MCP)"),
    ):
        made = note_of("I am\nhere " + "x" * 200, client=client, user=user, now=now)
        assert (made.words[0].speaker, made.me, made.format) == (name, None, PROGRAM_NOTE)
        assert made.title.startswith(f"{name}: I am here x")
        assert len(made.title) <= 60 + 2 + 60


def test_long_texts_are_cut_and_say_so() -> None:
    """So that no document fills another model's context."""
    chunk = Chunk(1, 1, 2, None, 0, "y" * 9000, 0, 9000, None, None, None, None, (), "/a.md", "t" * 9000)
    made = passage_of(Hit(chunk, 1.23456))
    assert (len(made.text), made.truncated, len(made.title), made.score) == (MOST_PASSAGE_CHARACTERS, True, 500, 1.2346)
    assert not passage_of(Hit(replace(chunk, text="y"), 1.0)).truncated
    assert (cut("abc", 3), cut("abcd", 3)) == ("abc", "ab…")
