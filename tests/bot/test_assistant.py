"""A turn says only what memory or the user said, and is stored with everything that explains it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.assistant import Assistant, Voice, plan_for
from bot.commands.chat import footer, turn_object
from bot.config import ChatConfig, ModelConfig
from bot.context import Context
from bot.engines.base import AdapterFiles
from bot.explain import explain
from bot.locales import say
from memory.records import Found, Message, User
from memory.store import Store
from memory.turns import open_conversation, turn_by_id
from tests.bot.test_answers import hit
from tests.embedder import WordEmbedder
from tests.engine import ScriptedEngine
from tuning.comparing import base_answers

NOTHING = Found((), 0.0, answerable=False)
DOOR = Found((hit("The code of the front door is 4711."), hit("Plants need water on Mondays.")), 0.9, answerable=True)


@dataclass
class FixedRecall:
    """Finds what it was given, and remembers what it was asked."""

    found: Found
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def search(self, query: str, *, user_id: int, k: int, recent: Sequence[str]) -> Found:  # noqa: ARG002
        self.asked.append((query, tuple(recent)))
        return self.found


@dataclass(frozen=True)
class OneAdapter:
    """The same adapter for everyone."""

    files: AdapterFiles | None = None

    def live(self, user_id: int) -> AdapterFiles | None:  # noqa: ARG002
        return self.files


@dataclass
class Room:
    """An assistant with a real store, for one user."""

    assistant: Assistant
    store: Store
    user: User
    conversation: int
    engine: ScriptedEngine
    recall: FixedRecall

    def say(self, text: str, cancel: threading.Event | None = None) -> tuple[str, int]:
        pieces: list[str] = []
        turn = self.assistant.turn(
            text, user=self.user, conversation_id=self.conversation, on_text=pieces.append, cancel=cancel
        )
        assert "".join(pieces).strip() == turn.reply.strip()
        return turn.reply, turn.id

    def remembered(self) -> list[str]:
        return [row["text"] for row in self.store.rows("SELECT text FROM chunks ORDER BY id")]


Reply = Callable[[tuple[Message, ...]], str]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Callable[..., Room]]:
    store = Store(tmp_path / "familiar.db")
    user = store.add_user("ann", role="owner")

    def make(
        found: Found,
        reply: Reply = lambda _: "Fine.",
        *,
        trusted: bool = False,
        adapter: AdapterFiles | None = None,
        share: float = 0.0,
    ) -> Room:
        engine, recall = ScriptedEngine(reply), FixedRecall(found)
        voice = Voice(engine, OneAdapter(adapter), ModelConfig(), trusted=trusted, compare_share=share)
        assistant = Assistant(store, recall, WordEmbedder(), voice, chat=ChatConfig(), passages=4)
        conversation = open_conversation(store, user_id=user.id, channel="terminal")
        return Room(assistant, store, user, conversation, engine, recall)

    yield make
    store.close()


def test_nothing_found_is_said_and_the_model_not_asked(room: Callable[..., Room]) -> None:
    """A question without evidence is refused, whatever the model would invent."""
    for trusted in (False, True):
        here = room(NOTHING, trusted=trusted)
        reply, turn = here.say("What is the office wifi password?")
        assert reply == say("en", "nothing_found")
        assert here.engine.requests == []
        assert turn_by_id(here.store, turn, user_id=here.user.id).citations == ()


def test_weak_model_quotes_the_passage(room: Callable[..., Room]) -> None:
    """The passage's own sentence is the reply, cited; an invented number never shows."""
    here = room(DOOR, lambda _: "The code is 4712. You enter the code at the front door.")
    reply, turn = here.say("What is the code of the front door?")
    assert reply == "The code of the front door is 4711. [1]\n\nYou enter the code at the front door."
    stored = turn_by_id(here.store, turn, user_id=here.user.id)
    assert [(item.n, item.title) for item in stored.citations] == [(1, "house.md, Door")]
    assert stored.generated.startswith("The code is 4712.")
    assert "4711" in stored.prompt[-1].content
    assert len(stored.memories) == 2


@pytest.mark.parametrize("trusted", [False, True])
def test_near_miss_is_no_answer(room: Callable[..., Room], trusted: bool) -> None:
    """A passage about something like it is shown as that; even a capable model is not asked to answer from it."""
    here = room(DOOR, trusted=trusted)
    reply, turn = here.say("What is the code of the garage?")
    assert reply == f"{say('en', 'nothing_found')} {say('en', 'nearest')}\nThe code of the front door is 4711. [1]"
    assert here.engine.requests == []
    stored = turn_by_id(here.store, turn, user_id=here.user.id)
    assert (stored.prompt, stored.generated, len(stored.memories)) == ((), "", 1)


def test_passages_that_name_what_is_asked_come_first(room: Callable[..., Room]) -> None:
    """Whatever search ranks above them."""
    found = Found((DOOR.hits[1], DOOR.hits[0]), 0.9, answerable=True)
    here = room(found, trusted=True)
    here.say("What is the code of the front door?")
    assert "[1] House, Door (2026-01-02): The code" in here.engine.requests[0].messages[-1].content


def test_trusted_model_answers_with_checked_citations(room: Callable[..., Room]) -> None:
    """Its text is streamed as it is; citations must exist."""
    here = room(DOOR, lambda _: "It is 4711 [1].", trusted=True)
    reply, turn = here.say("What is the code of the front door?")
    assert reply == "It is 4711 [1]."
    assert [item.n for item in turn_by_id(here.store, turn, user_id=here.user.id).citations] == [1]


def test_what_the_sources_don_t_support_is_kept_with_the_turn(room: Callable[..., Room]) -> None:
    """The reply stays as it was streamed; the sentence stands beside it, told by `why`, and not in the next prompt."""
    here = room(DOOR, lambda _: "It is 4711 [1]. The door was painted by Marek.", trusted=True)
    reply, turn = here.say("What is the code of the front door?")
    assert reply == "It is 4711 [1]. The door was painted by Marek."
    stored = turn_by_id(here.store, turn, user_id=here.user.id)
    assert [(item.text, item.missing) for item in stored.unsupported] == [
        ("The door was painted by Marek.", ("Marek",))
    ]
    assert "not in the sources: Marek" in explain(stored, language="en")
    assert "来源中没有：Marek" in explain(stored, language="zh")
    assert footer(stored, here.user).count("The door was painted by Marek.") == 1
    assert turn_object(stored)["unsupported"] == [
        {"text": "The door was painted by Marek.", "missing": ("Marek",), "shared": 0.0, "nearness": None}
    ]


def test_what_was_told_in_the_conversation_is_a_source(room: Callable[..., Room]) -> None:
    """The model had the user's earlier messages and what is known of them; its own earlier replies prove nothing."""
    replies = iter(["Noted.", "Marek painted it blue.", "Your parrot Zoltan is loud. Marek painted it blue."])
    here = room(DOOR, lambda _: next(replies), trusted=True)
    here.say("My parrot is called Zoltan and is very loud.")
    here.say("What is the code of the front door?")
    _, turn = here.say("What is the code of the front door?")
    stored = turn_by_id(here.store, turn, user_id=here.user.id)
    assert [item.text for item in stored.unsupported] == ["Marek painted it blue."]


@pytest.mark.parametrize(
    ("text", "trusted", "marks"),
    [
        ("Write a poem about the front door.", True, 1),
        ("What is the code of the front door?", False, 0),
    ],
)
def test_only_answers_and_what_cites_is_checked(
    room: Callable[..., Room], text: str, trusted: bool, marks: int
) -> None:
    """A poem need not stand in a note, unless it says so; quotes stand there anyway."""
    here = room(DOOR, lambda _: "Roses bloom everywhere. The wood is oak [1].", trusted=trusted)
    _, turn = here.say(text)
    assert len(turn_by_id(here.store, turn, user_id=here.user.id).unsupported) == marks


def test_a_reply_that_only_cites_becomes_a_quote(room: Callable[..., Room]) -> None:
    """A capable model sometimes writes just the number of its source."""
    here = room(DOOR, lambda _: "[1]", trusted=True)
    reply, turn = here.say("What is the code of the front door?")
    assert reply == "The code of the front door is 4711. [1]"
    stored = turn_by_id(here.store, turn, user_id=here.user.id)
    assert (stored.generated, stored.timings.reply_tokens) == ("[1]", 1)


def test_only_what_was_told_becomes_memory(room: Callable[..., Room]) -> None:
    """Questions, replies and retrieved text are not stored as if the user had said them."""
    here = room(DOOR, lambda _: "Noted: you moved.")
    here.say("I moved to Oslo. What is the code of the front door?")
    here.say("What is the code of the front door?")
    assert here.remembered() == ["I moved to Oslo."]


def test_weak_model_invents_nothing_about_a_statement(room: Callable[..., Room]) -> None:
    """Wording about what was told is checked against it; if nothing is left, it is noted."""
    here = room(NOTHING, lambda _: "Bergen is lovely.")
    assert here.say("I moved to Oslo.")[0] == say("en", "noted")


def test_follow_up_is_searched_with_the_last_messages(room: Callable[..., Room]) -> None:
    """Recall is told what was asked before, and the model sees the conversation."""
    here = room(DOOR, trusted=True)
    here.say("What is the code of the front door?")
    here.say("And when does it change?")
    assert here.recall.asked[-1] == ("And when does it change?", ("What is the code of the front door?",))
    assert [message.role for message in here.engine.requests[-1].messages] == ["system", "user", "assistant", "user"]


def test_adapter_is_used_and_named(room: Callable[..., Room]) -> None:
    """The live adapter answers and stands with the turn."""
    here = room(DOOR, adapter=AdapterFiles("a-1", Path("a-1")))
    _, turn = here.say("What is the code of the front door?")
    assert turn_by_id(here.store, turn, user_id=here.user.id).adapter == "a-1"
    assert here.engine.requests[0].adapter == AdapterFiles("a-1", Path("a-1"))


def test_cancelled_reply_keeps_what_was_written(room: Callable[..., Room]) -> None:
    """Stopping ends the reply; the turn is stored."""
    cancel = threading.Event()
    cancel.set()
    here = room(DOOR, lambda _: "It is 4711 [1].", trusted=True)
    reply, turn = here.say("What is the code of the front door?", cancel)
    assert reply == ""
    assert turn_by_id(here.store, turn, user_id=here.user.id).reply == ""


def test_passages_with_only_headings_are_no_answer(room: Callable[..., Room]) -> None:
    """With no sentence to quote, nothing is known."""
    heading = Found((hit("# Front door code"),), 0.9, answerable=True)
    assert room(heading).say("What is the code of the front door?")[0] == say("en", "nothing_found")


def test_plan() -> None:
    """Only a question without evidence is refused, only a weak model quotes."""
    assert plan_for("question", answerable=False, about=False, trusted=True) == "nothing"
    assert plan_for("question", answerable=True, about=False, trusted=True) == "near"
    assert plan_for("question", answerable=True, about=True, trusted=False) == "quote"
    assert plan_for("question", answerable=True, about=True, trusted=True) == "generate"
    assert plan_for("statement", answerable=False, about=False, trusted=False) == "generate"


def test_the_base_answers_a_share_of_the_turns(room: Callable[..., Room]) -> None:
    """Those that the conversation and its length say; each stored turn names who answered it."""
    files = AdapterFiles("ada-1", Path("ada-1"))
    here = room(NOTHING, trusted=True, adapter=files, share=0.5)
    turns = [here.say("Thank you!")[1] for _ in range(12)]
    expected = [None if base_answers(here.conversation, count, share=0.5) else "ada-1" for count in range(12)]
    assert [turn_by_id(here.store, turn, user_id=here.user.id).adapter for turn in turns] == expected
    assert [request.adapter.id if request.adapter else None for request in here.engine.requests] == expected
    assert set(expected) == {None, "ada-1"}


def test_a_turn_that_takes_anothers_place_knows_nothing_of_it(room: Callable[..., Room]) -> None:
    """Not even by the name that every prompt begins with."""
    here = room(NOTHING, trusted=True)
    _, old = here.say("My name is Anna.")
    here.say("Tell me a story.")
    assert "name: Anna" in here.engine.requests[-1].messages[0].content
    here.assistant.turn(
        "My name is Anne.", user=here.user, conversation_id=here.conversation, context=Context(replaces=old)
    )
    assert "Anna" not in here.engine.requests[-1].messages[0].content
