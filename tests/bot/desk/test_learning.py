"""Past conversations in all formats become cleaned pairs, and pairs teach a calibrated classifier."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.desk.deciding import Prediction
from bot.desk.intents import calibration_error, fit_intents
from bot.desk.learning import searchable_text, templates_in
from bot.desk.pairs import Pair, clean_pair, clean_pairs, exchanges, merge
from bot.desk.reading import Conversation, Line, read_conversations
from memory.config import ImportConfig
from memory.errors import FamiliarError, UsageError
from tests.embedder import WordEmbedder
from tests.tuning.tiny import Harmless


class Mails(Harmless):
    """Finds e-mail addresses by their sign."""

    def personal(self, text: str) -> tuple[str, ...]:
        """Whether there is one."""
        return ("e-mail",) if "@" in text else ()


class Broken(Harmless):
    """A filter whose package is missing."""

    def personal(self, text: str) -> tuple[str, ...]:
        """No verdict."""
        del text
        raise FamiliarError("nothing is trained without the filter")


def write(folder: Path, name: str, content: Any) -> Path:
    """A file of a text, or of JSON."""
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def pairs_in(path: Path, **options: Any) -> list[tuple[str, str, str, tuple[str, ...]]]:
    """Question, reply, intent and names of each conversation's first exchange."""
    found = read_conversations(path, config=ImportConfig(), **options)
    return [(*exchanges(item)[0], item.intent, item.names) for item in found.conversations]


def test_tables_of_questions_and_of_messages(tmp_path: Path) -> None:
    """A row may be a whole exchange, or one message of a ticket; columns have many names."""
    rows = write(
        tmp_path, "a.csv", "Customer,Category,Question,Answer\nAnna,bill,Where is it?,In your account.\nBo,,,x\n"
    )
    found = read_conversations(rows, config=ImportConfig())
    assert pairs_in(rows) == [("Where is it?", "In your account.", "bill", ("Anna",))]
    assert dict(found.left_out) == {"no question with a reply": 1}
    messages = (
        "ticket_id;role;text;intent\n1;customer;Hi;bill\n1;customer;Where is it?;\n1;agent;Here.;\n2;customer;x;\n"
    )
    assert pairs_in(write(tmp_path, "b.csv", messages)) == [("Hi\nWhere is it?", "Here.", "bill", ())]


def test_json_lines(tmp_path: Path) -> None:
    """One exchange, or a list of messages a line; a broken line costs itself."""
    lines = [
        json.dumps({"question": "Where?", "reply": "Here.", "intent": "bill"}),
        "{broken",
        json.dumps({"messages": [{"role": "user", "content": "When?"}, {"role": "assistant", "content": "Now."}]}),
    ]
    path = write(tmp_path, "a.jsonl", "\n".join(lines))
    assert [pair[:2] for pair in pairs_in(path)] == [("Where?", "Here."), ("When?", "Now.")]
    assert read_conversations(path, config=ImportConfig()).left_out["a line that is no JSON"] == 1


ZENDESK = {
    "tickets": [
        {
            "id": 1,
            "requester_id": 7,
            "tags": ["vip", "intent:bill"],
            "comments": [
                {"author_id": 7, "plain_body": "Where is my bill?", "public": True},
                {"author_id": 9, "plain_body": "angry customer", "public": False},
                {"author_id": 9, "plain_body": "Hi Anna, in your account.", "public": True},
            ],
        },
        {
            "id": 2,
            "requester_id": 7,
            "satisfaction_rating": {"score": "bad"},
            "comments": [{"author_id": 7, "body": "Hm?"}, {"author_id": 9, "body": "No."}],
        },
    ],
    "users": [{"id": 7, "name": "Anna Berg"}, {"id": 9, "name": "Paul Moore"}, {"id": 11, "name": "Else"}],
}


def test_zendesk(tmp_path: Path) -> None:
    """Internal notes are left out, so are badly rated tickets; users beside the tickets give the names."""
    path = write(tmp_path, "z.json", ZENDESK)
    assert pairs_in(path) == [("Where is my bill?", "Hi Anna, in your account.", "bill", ("Anna Berg", "Paul Moore"))]
    assert read_conversations(path, config=ImportConfig()).left_out["rated bad by the customer"] == 1


def test_chatwoot(tmp_path: Path) -> None:
    """Message types tell the sides; activity and private notes are left out."""
    conversation = {
        "meta": {"sender": {"name": "Anna Berg"}},
        "labels": ["bill"],
        "messages": [
            {"message_type": 0, "content": "Where is my bill?"},
            {"message_type": 2, "content": "Assigned to Paul"},
            {"message_type": 1, "private": True, "content": "look it up"},
            {"message_type": 1, "content": "In your account.", "sender": {"name": "Paul"}},
        ],
    }
    path = write(tmp_path, "c.json", {"data": {"payload": [conversation]}})
    assert pairs_in(path) == [("Where is my bill?", "In your account.", "bill", ("Anna Berg", "Paul"))]


def test_a_telegram_group_needs_its_agents_named(tmp_path: Path) -> None:
    """Who answers can't be told from a chat; it is said by hand."""
    messages = [
        {
            "id": 1,
            "type": "message",
            "date": "2026-01-01T10:00:00",
            "from": "Anna",
            "from_id": "user1",
            "text": "Where?",
        },
        {
            "id": 2,
            "type": "message",
            "date": "2026-01-01T10:01:00",
            "from": "Paul",
            "from_id": "user2",
            "text": "Here.",
        },
    ]
    path = write(tmp_path, "result.json", {"name": "Shop", "type": "private_supergroup", "id": 5, "messages": messages})
    with pytest.raises(UsageError, match="--agent NAME"):
        read_conversations(path, config=ImportConfig())
    assert pairs_in(path, agents=["Paul"]) == [("Where?", "Here.", "", ("Anna", "Paul"))]


def test_a_file_that_holds_nothing_is_named(tmp_path: Path) -> None:
    """With what is wrong with it."""
    with pytest.raises(FamiliarError, match="no question with an agent's reply"):
        read_conversations(write(tmp_path, "a.csv", "question,reply\nonly this,\n"), config=ImportConfig())
    with pytest.raises(UsageError, match="can't be read"):
        read_conversations(tmp_path / "none.csv", config=ImportConfig())


def conversation(question: str, reply: str, *names: str, intent: str = "bill") -> Conversation:
    """A ticket of one exchange."""
    return Conversation((Line("customer", question), Line("agent", reply)), intent, names)


def test_personal_data_goes_first() -> None:
    """Names and numbers become blanks, sentences with more go, and a pair without a side is left out."""
    cleaned = clean_pairs(
        [
            conversation(
                "Anna Berg here. Where is order #48123? Mail me at a@b.example.", "Hi Anna, soon.", "Anna Berg"
            ),
            conversation("Where?", "Write to a@b.example"),
        ],
        detectors=Mails(),
    )
    (pair,) = cleaned.pairs
    assert pair.question == "[name] here. Where is order #[number]?"
    assert (pair.reply, pair.template, pair.language) == ("Soon.", "Hi {name}, soon.", "en")
    assert dict(cleaned.left_out) == {"nothing is left without personal data": 1}


def test_without_the_filter_nothing_is_imported() -> None:
    """It fails closed."""
    with pytest.raises(FamiliarError, match="without the filter"):
        clean_pair("Where?", "Here.", names=(), intent="", detectors=Broken())


def test_duplicates_are_merged_and_counted() -> None:
    """The same exchange, and nearly the same one; an intent that only one of them names stays."""
    one = Pair("Where can I find the bill of my last order?", "You find it in your account.", "T", "", "en")
    other = Pair("where can I find the bill of my last order? ", "You find it in your account.", "T", "bill", "en")
    near = Pair("Where can I find the bill of my last order ?", "You find it in your account!", "T", "bill", "en")
    (kept,) = merge([one, other, near])
    assert kept.intent == "bill"
    assert {pair.count for pair in merge([one, other])} == {2}


def test_templates_are_proposed_by_how_often_they_were_said() -> None:
    """Of pairs with an intent; those of a single case are none."""
    pairs = [
        Pair("a?", "x", "X {name}", "bill", "en"),
        Pair("b?", "y", "Y", "bill", "en", count=3),
        Pair("c?", "z", "", "bill", "en"),
        Pair("d?", "w", "W", "", "en"),
    ]
    assert [(item.reply, item.times) for item in templates_in(pairs)] == [("Y", 3), ("X {name}", 1)]
    assert searchable_text([Pair("a?", "Hi [name]. It is here.", "", "", "en")]) == "## a?\n\nIt is here."


BILL = [
    "where is my bill",
    "send the bill again",
    "bill of my order please",
    "I need a bill",
    "bill for taxes",
    "a bill",
]
POST = ["where is my parcel", "parcel is late", "track the parcel", "parcel not here", "my parcel please", "a parcel"]
ELSE = ["what is love", "write a poem on rain", "who won the cup", "add two and two", "tell a joke", "capital of Peru"]


def test_intents_are_told_and_what_is_foreign_is_not_sure() -> None:
    """Messages in other words are told; one about something else gets little confidence."""
    embed = WordEmbedder()
    vectors, names = embed.embed_passages([*BILL, *POST]), ["bill"] * 6 + ["post"] * 6
    model = fit_intents(vectors, names, foreign=embed.embed_passages(ELSE))
    assert model is not None
    known = model.predict(embed.embed_query("please the bill"))
    foreign = model.predict(embed.embed_query("sing a song about rain"))
    assert known.intent == "bill"
    assert model.predict(embed.embed_query("no parcel yet")).intent == "post"
    assert known.confidence > 0.6 > foreign.confidence
    assert isinstance(foreign, Prediction)


def test_too_little_to_learn_from_is_no_classifier() -> None:
    """One intent, or fewer than three messages of the second."""
    embed = WordEmbedder()
    vectors = embed.embed_passages([*BILL, "parcel", "my parcel"])
    assert fit_intents(vectors, ["bill"] * 6 + ["post"] * 2, foreign=vectors[:2]) is None


def test_calibration_error() -> None:
    """Nothing where confidence is accuracy; the distance where it is not."""
    assert calibration_error([1.0, 1.0, 0.0], [True, True, False]) == pytest.approx(0.0)
    assert calibration_error([0.95] * 10, [True] * 5 + [False] * 5) == pytest.approx(0.45)
    assert np.isclose(calibration_error([0.5, 0.5], [True, False]), 0.0)
    with pytest.raises(FamiliarError):
        calibration_error([], [])
