"""A customer's turn over a real store and search: answered, handed over, answered by a person, counted, forgotten."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.config import DeskConfig
from bot.context import Context
from bot.desk.desk import Desk, DeskHome
from bot.desk.figures import approve_entry, clusters, figures, figures_text, unanswered
from bot.desk.made_engines import Says
from bot.desk.slots import Values
from bot.desk.turns import HandedOver, summary_of
from memory.config import ImportConfig
from memory.desk import case_by_id, examples_of, open_cases, templates_of
from memory.erasure import forget_document, forget_everything, forget_turn, replace_turn
from memory.errors import FamiliarError, UsageError
from memory.records import Turn
from memory.store import Store
from memory.turns import give_feedback, turns_of
from tests.bot.desk.shop import Shop
from tests.tuning.tiny import HARMLESS
from tuning.sources import read_dataset


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a desk that has learned, once for all tests."""
    folder = tmp_path_factory.mktemp("taught")
    Shop(folder).learned().store.close()
    return folder


@pytest.fixture
def home(taught: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(taught, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def shop(home: Path) -> Iterator[Shop]:
    """A desk that has learned."""
    made = Shop(home)
    yield made
    made.store.close()


def test_a_known_question_gets_the_template_with_the_name(shop: Shop) -> None:
    """In the customer's own name, at once, without the model."""
    turn = shop.ask("please send my bill")
    assert (turn.reply, turn.engine, turn.model) == ("Hi Kim, your bill is in your account.", "desk", "template")
    assert turns_of(shop.store, user_id=shop.customer().id)[0] == turn


def test_a_template_whose_slot_is_empty_is_not_sent(shop: Shop) -> None:
    """A chat without a person's name: what follows is looked up, or handed over."""
    turn = shop.ask("please send my bill", name="business:77")
    assert "{" not in turn.reply
    assert "Hi" not in turn.reply


def test_a_new_question_is_answered_with_its_source(shop: Shop) -> None:
    """Out of the knowledge base, by the assistant that everybody has."""
    turn = shop.ask("What does shipping to Austria cost?")
    assert "8.50" in turn.reply
    assert turn.citations[0].title.startswith("handbook")
    assert open_cases(shop.store) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("I want to talk to a human", "asked for a person"),
        ("转人工", "asked for a person"),
        ("this is absolutely unacceptable", "angry"),
        ("my lawyer will write", "listed topic"),
        ("Do you rent out elephants?", "nothing found"),
    ],
)
def test_what_goes_to_a_person(shop: Shop, text: str, reason: str) -> None:
    """With the reason, and the customer is told."""
    turn = shop.ask(text)
    (case,) = open_cases(shop.store)
    assert (case.reason, case.turn_id, turn.model) == (reason, turn.id, "hand over")
    assert "colleague" in turn.reply or "同事" in turn.reply


def test_outside_of_hours_the_customer_hears_when(shop: Shop) -> None:
    """The next opening, in the desk's own zone."""
    shop.now += timedelta(hours=12)
    assert "2026-12-07 09:00" in shop.ask("I want to talk to a human").reply


def test_a_rule_answers_word_for_word(shop: Shop) -> None:
    """Whatever could be looked up."""
    assert shop.ask("can I return the tea?").reply == "Unopened tea can be returned within 30 days."


def test_a_customer_writes_on_in_an_open_case(shop: Shop) -> None:
    """The person has it; after a day the desk answers again."""
    told: list[HandedOver] = []
    shop.desk.announce = told.append
    shop.ask("I want to talk to a human")
    assert shop.ask("please send my bill").model == "hand over"
    assert [item.more for item in told] == [False, True]
    assert summary_of(told[1]).splitlines()[0] == "> I want to talk to a human"
    shop.now += timedelta(days=400)  # turns have the real clock
    assert shop.ask("please send my bill").model == "template"


def test_a_person_answers_and_the_desk_learns(shop: Shop) -> None:
    """One conversation, once; what was answered is an example to train on and can become a template."""
    asked = shop.ask("Do you rent out elephants?")
    (case,) = open_cases(shop.store)
    assert shop.desk.answer(case, "Hi Kim, we rent out nothing.")
    assert not shop.desk.answer(case, "me too")
    (turn,) = turns_of(shop.store, user_id=shop.customer().id)
    assert turn.reply == f"{asked.reply}\n\nHi Kim, we rent out nothing."
    assert case_by_id(shop.store, case.id).state == "answered"
    example = examples_of(shop.store, user_id=shop.desk.user.id)[-1]
    assert (example.question, example.reply) == ("Do you rent out elephants?", "We rent out nothing.")
    data = read_dataset(shop.store, user_id=shop.desk.user.id, persona="P")
    learned = {item.reply: item for item in data.examples}
    assert learned["We rent out nothing."].turn_ids == (turn.id,)
    assert learned["Your bill is in your account."].prompt[0].content == "P"
    assert len(learned["Parcels take three days."].prompt) == 2
    approve_entry(shop.store, shop.desk.knowledge, case.id, intent="rent")
    assert templates_of(shop.store, user_id=shop.desk.user.id, state="approved")[-1].text == "We rent out nothing."


def test_a_changed_message_keeps_its_case(shop: Shop) -> None:
    """The case of the old turn goes with it, so the new one has its own."""
    asked = shop.ask("I want to talk to a human")
    kim, where = shop.customer(), asked.conversation_id

    def replaced(new: Turn) -> None:
        replace_turn(shop.store, user_id=kim.id, turn_id=asked.id, by=[new.id])

    text, context = "I want to talk to a human about tea", Context(replaces=asked.id)
    turn = shop.desk.turn(text, user=kim, conversation_id=where, stored=replaced, context=context)
    (case,) = open_cases(shop.store)
    assert case.turn_id == turn.id


def test_no_customer_reads_anothers(shop: Shop) -> None:
    """Neither in a search nor in slots."""
    shop.ask("My order 48123 is for the zebra garden")
    reply = shop.ask("what is in the zebra garden, and my order?", name="Bo").reply
    assert "48123" not in reply
    assert "zebra" not in reply


def test_figures(shop: Shop) -> None:
    """Alone, handed over, votes, waiting, and what could not be answered, most often first."""
    turn = shop.ask("please send my bill")
    give_feedback(shop.store, turn.id, user_id=shop.customer().id, vote="up")
    for name in ("Bo", "Cy"):
        shop.ask("Do you rent out elephants?", name=name)
    shop.ask("I want a human", name="Di")
    found = figures(shop.store, since="")
    assert (found.messages, found.alone, found.handed_over, found.alone_share) == (4, 1, 3, 0.25)
    assert (found.waiting, found.votes_up, found.votes_down) == (3, 1, 0)
    assert dict(found.reasons) == {"nothing found": 2, "asked for a person": 1}
    (open_,) = unanswered(shop.store, shop.desk.knowledge, since="")
    assert (open_.count, open_.question, open_.reply) == (2, "Do you rent out elephants?", None)
    text = figures_text(found, [open_], days=30, language="zh")
    assert "2 × Do you rent out elephants?" in text
    with pytest.raises(FamiliarError, match="no answer of a person"):
        approve_entry(shop.store, shop.desk.knowledge, open_.case, intent="x")
    assert clusters(shop.desk.knowledge.embed([])) == []


def test_what_a_model_makes_up_is_not_sent(home: Path) -> None:
    """A model that says what an attacker wants is stopped by rules and sources, and the rule is counted."""
    engine = Says("We will refund you 8.50 euros for shipping to Austria.")
    shop = Shop(home, engine=engine, trusted=True)
    turn = shop.ask("What does shipping to Austria cost?")
    assert turn.model == "hand over"
    assert dict(figures(shop.store, since="").rules) == {"refunds": 1}
    assert "refund" not in (open_cases(shop.store)[0].suggestion or "")
    engine.says = "Shipping to Austria is done by dragons."
    assert shop.ask("What does shipping to Austria cost?", name="Bo").model == "hand over"
    engine.says = "Shipping to Austria costs 8.50 euros."
    answered = shop.ask("What does shipping to Austria cost?", name="Cy")
    assert (answered.engine, "8.50" in answered.reply) == ("made", True)
    assert len(turns_of(shop.store, user_id=shop.customer("Cy").id)) == 1
    shop.store.close()


def test_forgetting_reaches_all_of_it(shop: Shop) -> None:
    """A turn takes its case and lesson, a file its examples and templates, everything a customer's events."""
    desk = shop.desk.user.id
    asked = shop.ask("Do you rent out elephants?")
    shop.desk.answer(open_cases(shop.store)[0], "We rent out nothing.")
    before = len(examples_of(shop.store, user_id=desk))
    forget_turn(shop.store, None, user_id=shop.customer().id, turn_id=asked.id)
    assert len(examples_of(shop.store, user_id=desk)) == before - 1
    shop.ask("please send my bill, I want a human", name="Bo")
    document = next(item for item in shop.store.documents(user_id=desk) if "conversations" in item.source)
    forget_document(shop.store, None, user_id=desk, document_id=document.id)
    assert (examples_of(shop.store, user_id=desk), templates_of(shop.store, user_id=desk)) == ([], [])
    assert shop.store.rows("SELECT suggestion FROM desk_cases")[0][0] is None
    assert shop.desk.knowledge.look("my bill", language="en", values=Values()).prediction is None
    forget_everything(shop.store, None, user_id=shop.customer("Bo").id)
    left = shop.store.rows("SELECT user_id FROM desk_events UNION ALL SELECT user_id FROM desk_cases")
    assert {row[0] for row in left} <= {shop.customer().id}


def test_a_desk_that_is_off_or_misconfigured_says_so(tmp_path: Path) -> None:
    """The setting is named."""
    store = Store(tmp_path / "familiar.db")
    store.add_user("ann", role="owner")

    def unused() -> object:
        raise AssertionError

    home = DeskHome(store, DeskConfig(), ImportConfig(), unused, unused, lambda: HARMLESS, unused)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="enabled = true"):
        Desk(home)
    with pytest.raises(UsageError, match="confidence is 2"):
        Desk(replace(home, config=DeskConfig(enabled=True, confidence=2.0)))
    with pytest.raises(UsageError, match="knowledge is 'ann'"):
        Desk(replace(home, config=DeskConfig(enabled=True, knowledge="ann")))
    store.close()
