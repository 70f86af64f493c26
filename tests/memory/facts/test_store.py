"""Facts keep sources and dates: newer ones close older ones, corrections win, forgetting takes them along."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memory.config import ImportConfig
from memory.erasure import forget_everything, forget_text, forget_turn
from memory.errors import FamiliarError
from memory.facts.store import correct, delete, facts_of, name_of, pin
from memory.ingest import ImportOptions, Ingestor
from tests.embedder import WordEmbedder
from tests.memory.facts.home import Home


def shown(home: Home, user_id: int | None = None) -> list[tuple[str, str, str, str, str | None]]:
    """The facts of a user."""
    found = facts_of(home.store, owners=[user_id or home.user_id])
    return [(item.subject, item.attribute, item.value, item.valid_from, item.valid_to) for item in found]


def test_newer_statement_closes_the_older(home: Home) -> None:
    """Both stay visible with their dates."""
    home.told(("2025-04-02T09:00:00", "I live in Utrecht."), ("2026-02-10T09:00:00", "I moved to Ghent last week."))
    week = "2026-02-02/2026-02-08"
    assert shown(home) == [
        ("user", "home", "Utrecht", "2025-04-02", week),
        ("user", "home", "Ghent", week, None),
    ]


def test_order_of_import_does_not_matter(home: Home) -> None:
    """What was said last holds, even where older notes come in later."""
    home.told(("2026-02-10T09:00:00", "I live in Ghent."))
    home.dialogue([("Ann", "2019-05-01T10:00:00", "I live in Utrecht.")], me="Ann")
    assert [(value, end) for _, _, value, _, end in shown(home)] == [("Utrecht", "2026-02-10"), ("Ghent", None)]


def test_back_again_is_a_third_fact(home: Home) -> None:
    """Living somewhere a second time is not the first time."""
    home.told(*[(f"202{n}-01-01", f"I live in {place}.") for n, place in enumerate(["Oslo", "Rome", "Oslo"])])
    assert [(value, end) for _, _, value, _, end in shown(home)] == [
        ("Oslo", "2021-01-01"),
        ("Rome", "2022-01-01"),
        ("Oslo", None),
    ]


def test_duplicates_are_one_fact_with_sources(home: Home) -> None:
    """The same said twice, whatever its case."""
    home.told(("2026-01-01", "I'm allergic to walnuts."), ("2026-01-02", "I am allergic to Walnuts!"))
    (fact,) = facts_of(home.store, owners=[home.user_id])
    assert len(fact.sources) == 2
    assert fact.said_at == "2026-01-01"


def test_values_add_up_where_there_can_be_many(home: Home) -> None:
    """Likes and sisters don't close each other; a boss does."""
    home.told(("2026-01-01", "I like tea."), ("2026-01-02", "I like jazz."))
    home.told(("2026-01-03", "My sister Ann is a vet."), ("2026-01-04", "My sister Eve is a vet."))
    home.told(("2026-01-05", "My boss is Ida."), ("2026-01-06", "My manager is Gus."))
    ends = {value: end for _, _, value, _, end in shown(home)}
    assert ends == {"tea": None, "jazz": None, "Ann": None, "Eve": None, "vet": None, "Ida": "2026-01-06", "Gus": None}


def test_said_to_be_over(home: Home) -> None:
    """A job that was quit ends on that day and nothing takes its place."""
    home.told(("2025-01-01", "I work for Halden Optics."), ("2026-03-11", "I quit my job at Halden Optics yesterday."))
    assert [end for *_, end in shown(home)] == ["2026-03-10", "2026-03-10"]


def test_replies_teach_nothing(home: Home) -> None:
    """Each stored reply says "I live in Atlantis", which nobody told."""
    home.told(("2026-01-01", "Good to know."))
    assert shown(home) == []


def test_correction_wins_for_good(home: Home) -> None:
    """Over what was said before and over what is said later, whether it repeats the mistake or not."""
    home.told(("2026-01-01", "I live in Utrecht."))
    (fact,) = facts_of(home.store, owners=[home.user_id])
    assert correct(home.store, fact.id, "Ghent", user_id=home.user_id).corrected
    home.told(("2026-02-01", "I live in Utrecht."), ("2026-02-02", "I live in Bruges."))
    current = [item.value for item in facts_of(home.store, owners=[home.user_id]) if item.current]
    assert current == ["Ghent"]


def test_pin_and_delete(home: Home) -> None:
    """A fact can be pinned and deleted; the passage stays."""
    home.told(("2026-01-01", "I like tea."))
    (fact,) = facts_of(home.store, owners=[home.user_id])
    assert pin(home.store, fact.id, user_id=home.user_id).pinned
    delete(home.store, fact.id, user_id=home.user_id)
    assert shown(home) == []
    assert home.store.rows("SELECT count(*) FROM chunks")[0][0] == 1


def test_others_facts_are_out_of_reach(home: Home) -> None:
    """Nobody reads, corrects, pins or deletes another's; what is shared can be read by all."""
    other, shared = home.other("bo"), home.other("kb", "shared")
    home.told(("2026-01-01", "I like tea."))
    home.note("I like rum. Nordwind's lawyer is Ida Stein.", user_id=shared)
    (fact,) = facts_of(home.store, owners=[home.user_id])
    with pytest.raises(FamiliarError, match=f"no fact {fact.id}"):
        correct(home.store, fact.id, "x", user_id=other)
    with pytest.raises(FamiliarError, match=f"no fact {fact.id}"):
        pin(home.store, fact.id, user_id=other)
    with pytest.raises(FamiliarError, match=f"no fact {fact.id}"):
        delete(home.store, fact.id, user_id=other)
    readable = facts_of(home.store, owners=home.store.readable_by(other))
    assert [(item.subject, item.value) for item in readable] == [("Nordwind", "Ida Stein")]


def test_forgetting_the_source_forgets_the_fact(home: Home) -> None:
    """The last source takes the fact along, and what it had closed holds again."""
    home.told(("2025-01-01", "I live in Utrecht."))
    (turn,) = home.told(("2026-01-01", "I live in Ghent."))
    forget_turn(home.store, None, user_id=home.user_id, turn_id=turn)
    assert shown(home) == [("user", "home", "Utrecht", "2025-01-01", None)]
    assert home.store.rows("SELECT count(*) FROM fact_names")[0][0] == 0


def test_forgetting_a_text_or_everything(home: Home) -> None:
    """No row of facts holds it afterwards; a correction that holds it goes too."""
    home.told(("2026-01-01", "My sister Ann lives in Bergen."), ("2026-01-02", "I live in Rome."))
    fact = next(item for item in facts_of(home.store, owners=[home.user_id]) if item.value == "Rome")
    correct(home.store, fact.id, "Vrangfoss", user_id=home.user_id)
    forget_text(home.store, None, user_id=home.user_id, text="Vrangfoss")
    assert {subject for subject, *_ in shown(home)} == {"user", "Ann"}
    forget_everything(home.store, None, user_id=home.user_id)
    for table in ("facts", "fact_sources", "fact_names"):
        assert home.store.rows(f"SELECT count(*) FROM {table}")[0][0] == 0


def test_who_i_is(home: Home) -> None:
    """In a dialogue each speaker; in notes the user; in a book nobody."""
    home.dialogue([("Bo", "2026-01-01", "I live in Oslo."), ("Ann", "2026-01-01", "I live in Rome.")], me="Ann")
    home.note("I like tea.")
    home.note("I like rum.", format="epub")
    assert [(subject, value) for subject, _, value, *_ in shown(home)] == [
        ("Bo", "Oslo"),
        ("user", "Rome"),
        ("user", "tea"),
    ]


def test_who_the_user_is_may_be_said_later(home: Home, tmp_path: Path) -> None:
    """An import that names the user makes what they said theirs; what was corrected or pinned stays."""
    path = tmp_path / "talk.jsonl"
    lines = [("Ann", "I live in Rome."), ("Bo", "I live in Oslo."), ("Ann", "I like tea.")]
    path.write_text(
        "".join(json.dumps({"id": f"{n}", "speaker": who, "text": text}) + "\n" for n, (who, text) in enumerate(lines))
    )
    ingestor = Ingestor(home.store, WordEmbedder(), ImportConfig())
    list(ingestor.import_paths([path], user_id=home.user_id, options=ImportOptions()))
    tea = next(item for item in facts_of(home.store, owners=[home.user_id]) if item.value == "tea")
    correct(home.store, tea.id, "green tea", user_id=home.user_id)
    (receipt,) = ingestor.import_paths([path], user_id=home.user_id, options=ImportOptions(me="Ann"))
    assert receipt.status == "duplicate"
    found = {(subject, value) for subject, _, value, *_ in shown(home)}
    assert found == {("user", "green tea"), ("user", "Rome"), ("Bo", "Oslo")}


def test_name(home: Home) -> None:
    """The name that the user gave last."""
    assert name_of(home.store, user_id=home.user_id) is None
    home.told(("2026-01-01", "My name is Dana."), ("2026-01-02", "我叫陈思远。"))
    assert name_of(home.store, user_id=home.user_id) == "陈思远"
