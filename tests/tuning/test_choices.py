"""A decision about an example holds for what was seen, and goes where its source goes."""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database

from memory.config import ImportConfig
from memory.erasure import forget_document, forget_text, forget_turn
from memory.exporting import write_export
from memory.importing_export import ExportReader
from memory.ingest import ImportOptions, Ingestor
from memory.schema import migrations
from memory.store import Store
from memory.turns import give_feedback, open_conversation
from tests.embedder import WordEmbedder
from tests.tuning.test_sources import say
from tests.tuning.tiny import PERSONA, add_dialogue, dialogue_rows
from tuning.choices import choices_of, choose
from tuning.dataset import Example
from tuning.filters import Choices
from tuning.sources import read_dataset


def examples(store: Store, user_id: int = 1) -> tuple[Example, ...]:
    return read_dataset(store, user_id=user_id, persona=PERSONA).examples


def decided(store: Store, user_id: int = 1) -> Choices:
    return choices_of(store, examples(store, user_id), user_id=user_id)


def approved_turn(store: Store) -> int:
    conversation = open_conversation(store, user_id=1, channel="terminal")
    turn = say(store, "where is the key", user_id=1, conversation=conversation)
    give_feedback(store, turn, user_id=1, vote="up")
    return turn


def count(store: Store) -> int:
    return int(store.rows("SELECT count(*) FROM example_choices")[0][0])


def test_the_newest_decision_counts(store: Store) -> None:
    """Approved, then struck out, of a turn and of a dialogue's reply: one row each."""
    approved_turn(store)
    add_dialogue(store, user_id=1, count=3)
    rows = examples(store)
    for row in rows:
        choose(store, row, "approved", user_id=1)
    assert decided(store).approved == {row.id for row in rows}
    choose(store, rows[0], "struck", user_id=1)
    found = decided(store)
    assert found.struck == {rows[0].id}
    assert (len(found.approved), count(store)) == (len(rows) - 1, len(rows))


def test_nobody_elses_decision_counts(store: Store) -> None:
    """Each has their own, of a source that only they have."""
    add_dialogue(store, user_id=1, count=2)
    add_dialogue(store, user_id=2, count=2)
    for row in examples(store):
        choose(store, row, "struck", user_id=1)
    assert decided(store, user_id=2) == Choices()


def test_a_reply_that_is_judged_anew_is_no_longer_approved(store: Store) -> None:
    """The approval was of another text; what was struck out stays out."""
    turn = approved_turn(store)
    choose(store, examples(store)[0], "approved", user_id=1)
    with store.transaction() as db:
        db.execute("UPDATE example_choices SET at = '2026-01-01T00:00:00+00:00'")
    give_feedback(store, turn, user_id=1, correction="In the tin.")
    assert decided(store) == Choices()
    choose(store, examples(store)[0], "struck", user_id=1)
    with store.transaction() as db:
        db.execute("UPDATE example_choices SET at = '2026-01-01T00:00:00+00:00'")
    assert decided(store).struck == {f"turn:{turn}"}


def test_decisions_are_forgotten_with_their_source(store: Store) -> None:
    """Turn, passage of a document that stays, document: no row is left that names one."""
    turn = approved_turn(store)
    document = add_dialogue(store, user_id=1, count=4)
    for row in examples(store):
        choose(store, row, "struck", user_id=1)
    assert count(store) == 5
    forget_turn(store, None, user_id=1, turn_id=turn)
    assert count(store) == 4
    forget_text(store, None, user_id=1, text="day 2 ok!")
    assert count(store) == 3
    forget_document(store, None, user_id=1, document_id=document.id)
    assert count(store) == 0


def test_a_new_version_of_a_dialogue_keeps_what_was_decided(store: Store, tmp_path: Path) -> None:
    """Rows are put before it, so that all positions move: the same reply is still struck out."""
    path = tmp_path / "talk.jsonl"
    ingestor = Ingestor(store, WordEmbedder(), ImportConfig())
    options = ImportOptions(learn_from="Ann")
    path.write_text(dialogue_rows(3, first=5), encoding="utf-8")
    list(ingestor.import_paths([path], user_id=1, options=options))
    choose(store, examples(store)[1], "struck", user_id=1)
    path.write_text(f"{dialogue_rows(2)}\n{dialogue_rows(3, first=5)}", encoding="utf-8")
    list(ingestor.import_paths([path], user_id=1, options=options))
    (struck,) = decided(store).struck
    assert {row.id: row.reply for row in examples(store)}[struck] == "day 6 ok!"


def test_an_export_brings_decisions_back(store: Store, tmp_path: Path) -> None:
    """Under the numbers of the home that they come into, where others were first."""
    approved_turn(store)
    add_dialogue(store, user_id=1, count=2)
    for row, choice in zip(examples(store), ("approved", "struck", "struck"), strict=True):
        choose(store, row, choice, user_id=1)  # type: ignore[arg-type]
    before = {row.reply for row in examples(store) if row.id in decided(store).struck}
    (ann,) = [user for user in store.users() if user.name == "ann"]
    write_export(store, tmp_path / "out", user=ann)
    other = Store(tmp_path / "other.db")
    first = other.add_user("first", role="owner")
    add_dialogue(other, user_id=first.id, count=5)
    user = other.add_user("ann", role="member")
    list(ExportReader(other, WordEmbedder(), tmp_path / "out", user_id=user.id).read())
    rows = examples(other, user.id)
    found = choices_of(other, rows, user_id=user.id)
    assert {row.reply for row in rows if row.id in found.struck} == before
    assert count(other) == 3
    other.close()


def test_a_home_from_before_gets_the_table(tmp_path: Path) -> None:
    """Its rows stay, and a decision can be kept about them."""
    raw = Database(tmp_path / "old.db")
    migrations().apply(raw, stop_before="m0010_examples")
    raw.execute("INSERT INTO users (name, role, created_at) VALUES ('ada', 'owner', '2026-01-01')")
    raw.close()
    store = Store(tmp_path / "old.db")
    add_dialogue(store, user_id=1, count=1)
    choose(store, examples(store)[0], "struck", user_id=1)
    assert len(decided(store).struck) == 1
    store.close()
