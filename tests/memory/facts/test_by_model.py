"""Facts by a model: each passage once, beside the rules' and behind them, gone with their passage."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlite_utils import Database

from memory.exporting import write_export
from memory.facts.by_model import Backlog, read_passage
from memory.facts.reading import Reading, Wording
from memory.facts.records import Fact
from memory.facts.store import correct, delete, facts_of, relearn_document
from memory.importing_export import ExportReader
from memory.records import User
from memory.schema import migrations
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.memory.facts.home import Home

ORBIS = "Since May I've been with Orbis as a welder."


class Scripted:
    """Reads by a function, and keeps what it was asked."""

    def __init__(self, read: Callable[[str], Sequence[tuple[str, str, str]] | None]) -> None:
        self.asked: list[str] = []
        self._read = read

    @property
    def name(self) -> str:
        """A name."""
        return "scripted"

    def read(self, sentences: Sequence[str]) -> Reading | None:
        """What the function makes of them."""
        self.asked.append(" ".join(sentences))
        claims = self._read(self.asked[-1])
        return None if claims is None else Reading(tuple(Wording(*claim) for claim in claims))


def works_at_orbis(text: str) -> list[tuple[str, str, str]]:
    """The employer."""
    return [("I", "employer", "Orbis")] if "Orbis" in text else []


def read_all(store: Store, reader: Scripted, user_id: int) -> list[str]:
    """Have all that is left read; what the reader was asked this time."""
    before = len(reader.asked)
    backlog = Backlog(store, user_id=user_id)
    while (passage := backlog.next()) is not None:
        read_passage(store, reader, passage, user_id=user_id)
        backlog.done(passage)
    return reader.asked[before:]


def known(home: Home) -> dict[str, Fact]:
    """The user's facts by value."""
    return {item.value: item for item in facts_of(home.store, owners=[home.user_id])}


def test_each_passage_is_asked_about_once_newest_first(home: Home) -> None:
    """Those without a likely fact, and other users', are not asked about."""
    home.told(("2026-01-01", ORBIS), ("2026-01-02", "I live in Utrecht."), ("2026-01-03", "My family is from Oaxaca."))
    home.told(("2026-01-04", "My family is from Lyon."), user_id=home.other("bo"))
    reader = Scripted(works_at_orbis)
    assert read_all(home.store, reader, home.user_id) == ["My family is from Oaxaca.", ORBIS]
    assert known(home)["Orbis"].by_model
    assert not known(home)["Utrecht"].by_model
    assert read_all(home.store, reader, home.user_id) == []
    assert [tuple(row) for row in home.store.rows("SELECT model, kept, dropped FROM fact_readings ORDER BY 1, 2")] == [
        ("scripted", 0, 0),
        ("scripted", 1, 0),
    ]


def test_what_comes_meanwhile_is_read_before_the_rest(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many passages wait; none is left out."""
    monkeypatch.setattr("memory.facts.by_model._AT_ONCE", 2)
    home.told(*((f"2026-01-0{n}", f"My family is from Oaxaca {n}.") for n in range(1, 6)))
    backlog = Backlog(home.store, user_id=home.user_id)
    seen = []
    while (passage := backlog.next()) is not None:
        seen.append(passage.told.text[-2])
        backlog.done(passage)
        if seen == ["5"]:
            home.told(*((f"2026-02-0{n}", f"My family is from Oaxaca {n}.") for n in (6, 7, 8)))
    assert seen[:3] == ["5", "8", "7"]
    assert sorted(seen) == list("12345678")


def test_an_interrupted_passage_is_read_later(home: Home) -> None:
    """Nothing is stored of it."""
    home.told(("2026-01-01", ORBIS))
    backlog = Backlog(home.store, user_id=home.user_id)
    passage = backlog.next()
    assert passage is not None
    assert read_passage(home.store, Scripted(lambda _: None), passage, user_id=home.user_id) is None
    assert backlog.next() == passage
    assert known(home) == {}
    assert home.store.rows("SELECT 1 FROM fact_readings") == []


def test_what_is_forgotten_while_it_is_read_stays_forgotten(home: Home) -> None:
    """It is looked at before it is asked about and before anything is stored; others' are never written to."""
    home.told(("2026-01-01", ORBIS))
    passage = Backlog(home.store, user_id=home.user_id).next()
    assert passage is not None
    other = home.other("bo")
    read_passage(home.store, Scripted(works_at_orbis), passage, user_id=other)

    def forget(text: str) -> list[tuple[str, str, str]]:
        with home.store.transaction() as db:
            db.execute("DELETE FROM turns")
        return works_at_orbis(text)

    reader = Scripted(forget)
    for _ in range(2):
        read_passage(home.store, reader, passage, user_id=home.user_id)
    assert len(reader.asked) == 1
    assert facts_of(home.store, owners=[home.user_id, other]) == []
    assert home.store.rows("SELECT 1 FROM fact_readings") == []


def test_facts_and_readings_go_with_the_passage(home: Home) -> None:
    """By the triggers and keys that erase a turn."""
    home.told(("2026-01-01", ORBIS))
    read_all(home.store, Scripted(works_at_orbis), home.user_id)
    assert known(home)
    with home.store.transaction() as db:
        db.execute("DELETE FROM turns")
    assert known(home) == {}
    assert home.store.rows("SELECT 1 FROM fact_readings") == []


@pytest.mark.parametrize(
    ("rule_at", "model_at", "holds"),
    [
        ("2026-01-02T08:00", "2026-01-02T20:00", "Halden"),
        ("2026-01-02T08:00", "2026-01-03T08:00", "Orbis"),
        ("2026-01-02T08:00", "2026-01-01T08:00", "Halden"),
    ],
)
def test_a_rule_holds_against_the_model_on_the_same_day(home: Home, rule_at: str, model_at: str, holds: str) -> None:
    """On different days the later statement holds, whoever read it."""
    home.told((rule_at, "I work at Halden."), (model_at, ORBIS))
    read_all(home.store, Scripted(works_at_orbis), home.user_id)
    assert {item.value for item in known(home).values() if item.current} == {holds}


def test_a_correction_holds_against_the_model(home: Home) -> None:
    """Also against what is said later; a corrected fact of the model's is the user's."""
    home.told(("2026-01-01", ORBIS))
    read_all(home.store, Scripted(works_at_orbis), home.user_id)
    fixed = correct(home.store, known(home)["Orbis"].id, "Halden", user_id=home.user_id)
    assert not fixed.by_model
    home.told(("2026-02-01", f"{ORBIS} Really."))
    read_all(home.store, Scripted(works_at_orbis), home.user_id)
    assert {item.value for item in known(home).values() if item.current} == {"Halden"}


def test_what_a_rule_reads_too_is_a_rules(home: Home) -> None:
    """Whichever came first; a value in more or fewer words is no second fact."""
    home.told(("2026-01-01", ORBIS))
    read_all(home.store, Scripted(works_at_orbis), home.user_id)
    home.told(("2026-01-02", "I work at Orbis."))
    assert not known(home)["Orbis"].by_model
    home.told(("2026-01-03", "Since June I've been with Orbis Steel as a welder."))
    read_all(home.store, Scripted(lambda _: [("I", "employer", "Orbis Steel")]), home.user_id)
    assert list(known(home)) == ["Orbis"]


def test_a_relative_is_known_by_the_name_that_the_passage_gives(home: Home) -> None:
    """As with the rules."""
    home.told(("2026-01-01", "My cousin Rosa lives in Lyon. My cousin joined a choir, the Lyon Voices, as a soprano."))
    read_all(home.store, Scripted(lambda _: [("my cousin", "member of", "Lyon Voices")]), home.user_id)
    assert known(home)["Lyon Voices"].subject == "Rosa"


def test_after_it_was_said_who_the_user_is_passages_are_read_again(home: Home) -> None:
    """The subject is another then."""
    document = home.dialogue([("Emi", "2026-01-01", ORBIS)])
    reader = Scripted(works_at_orbis)
    read_all(home.store, reader, home.user_id)
    assert known(home)["Orbis"].subject == "Emi"
    with home.store.transaction() as db:
        db.execute("UPDATE documents SET me = 'Emi'")
    relearn_document(home.store, document, user_id=home.user_id)
    assert read_all(home.store, reader, home.user_id) == [ORBIS]
    assert known(home)["Orbis"].subject == "user"


def test_an_export_is_not_read_again(home: Home, tmp_path: Path) -> None:
    """What the user deleted stays deleted, and who read the others is kept."""
    home.told(("2026-01-01", ORBIS), ("2026-01-02", "My cousin joined a choir, the Lyon Voices."))
    reader = Scripted(lambda _: [("I", "employer", "Orbis"), ("my cousin", "member of", "Lyon Voices")])
    read_all(home.store, reader, home.user_id)
    delete(home.store, known(home)["Orbis"].id, user_id=home.user_id)
    write_export(home.store, tmp_path / "out", user=User(home.user_id, "ann", "owner"))
    other = Store(tmp_path / "other.db")
    other.add_user("first", role="owner")
    user = other.add_user("ann", role="member").id
    for _ in range(2):
        list(ExportReader(other, WordEmbedder(), tmp_path / "out", user_id=user).read())
        (fact,) = facts_of(other, owners=[user])
        assert (fact.value, fact.by_model) == ("Lyon Voices", True)
        assert read_all(other, reader, user) == []
    other.close()


def test_a_home_from_before_has_its_facts_by_rules(tmp_path: Path) -> None:
    """Rows of an older schema stay and are the rules'; a step that fails midway leaves them as they were."""
    raw = Database(tmp_path / "familiar.db")
    migrations().apply(raw, stop_before="m0009_facts_by_model")
    raw.execute("INSERT INTO users (name, role, created_at) VALUES ('ada', 'owner', '2026-01-01')")
    raw.execute(
        "INSERT INTO facts (user_id, subject, attribute, value, subject_key, kind, value_key, said_at, valid_from)"
        " VALUES (1, 'user', 'home', 'Ghent', 'user', 'home', 'ghent', '2026-01-01', '2026-01-01')"
    )
    raw.execute("CREATE TABLE fact_readings (x)")
    raw.conn.commit()
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrations().apply(raw)
    assert "by_model" not in {column.name for column in raw["facts"].columns}
    raw.execute("DROP TABLE fact_readings")
    raw.conn.commit()
    raw.close()
    store = Store(tmp_path / "familiar.db")
    (fact,) = facts_of(store, owners=[1])
    assert (fact.value, fact.by_model) == ("Ghent", False)
    store.close()
