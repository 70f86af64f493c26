"""What the owner reads and what a tune learns are the same, and the report holds no text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memory.config import ImportConfig
from memory.errors import FamiliarError
from memory.ingest import ImportOptions, Ingestor
from memory.store import Store
from memory.turns import give_feedback, open_conversation
from tests.embedder import WordEmbedder
from tests.tuning.test_sources import say
from tests.tuning.tiny import CONFIG, HARMLESS, PERSONA, add_dialogue
from tuning.config import TuneConfig
from tuning.filters import Detectors
from tuning.preparing import Prepared, decide, languages_of, prepare

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def prepared(store: Store, *, config: TuneConfig = CONFIG, detectors: Detectors = HARMLESS) -> Prepared:
    return prepare(store, user_id=1, persona=PERSONA, config=config, detectors=detectors, now=NOW)


def test_report_counts_and_names_no_text(store: Store) -> None:
    """Sources, reasons, dates, forms; nothing that anybody wrote."""
    add_dialogue(store, user_id=1, count=8)
    conversation = open_conversation(store, user_id=1, channel="terminal")
    give_feedback(store, say(store, "hello there", user_id=1, conversation=conversation), user_id=1, vote="up")
    first = prepared(store)
    decide(store, "document:1:3", "struck", examples=first.examples, user_id=1)
    decide(store, "turn:1", "approved", examples=first.examples, user_id=1)
    found = prepared(store)
    report = found.report
    assert (report.found, report.kept, report.approved, report.conversations) == (9, 8, 1, 2)
    assert dict(report.by_source) == {"imported": 7, "approved": 1}
    assert dict(report.left_out) == {"struck out": 1}
    assert (report.oldest, report.newest) == ("2026-01-01T10:00:00", "2026-01-08T10:00:07")
    written = json.dumps(report.record()) + "\n".join(report.lines())
    assert "day" not in written
    assert "hello" not in written
    assert "  left out      1  struck out" in report.lines()


def test_unknown_example_is_said(store: Store) -> None:
    """Nothing can be decided about what is not there."""
    with pytest.raises(FamiliarError, match="there is no example turn:9"):
        decide(store, "turn:9", "struck", examples=(), user_id=1)


def test_unjudged_replies_come_with_their_weight(store: Store) -> None:
    """Off by default; with a weight, those that were followed by something else and are old enough."""
    conversation = open_conversation(store, user_id=1, channel="terminal")
    for text in ("where is the key", "what is the plan for tomorrow", "no, wrong"):
        say(store, text, user_id=1, conversation=conversation)
    assert prepared(store).examples == ()
    (found,) = prepared(store, config=replace(CONFIG, accepted_weight=0.3)).examples
    assert (found.id, found.source, found.weight) == ("turn:1", "accepted", 0.3)
    decide(store, "turn:1", "approved", examples=(found,), user_id=1)
    (found,) = prepared(store, config=replace(CONFIG, accepted_weight=0.3)).examples
    assert found.weight == 1.0


def test_languages_setting() -> None:
    """Two letters each; anything else is named."""
    assert languages_of(" en, ZH ") == ("en", "zh")
    assert languages_of("") == ()
    with pytest.raises(FamiliarError, match=r"\[tuning\] languages is 'english'"):
        languages_of("english")


def test_table_without_the_named_speaker_gives_no_pairs(store: Store, tmp_path: Path) -> None:
    """A group chat as CSV in which nobody answers by that name: no example, no error, and the report says so."""
    path = tmp_path / "group.csv"
    path.write_text("speaker,text,at\nBo,hello all,2026-01-01\nCy,hi Bo,2026-01-01\n", encoding="utf-8")
    ingestor = Ingestor(store, WordEmbedder(), ImportConfig())
    list(ingestor.import_paths([path], user_id=1, options=ImportOptions(learn_from="Zoe")))
    found = prepared(store)
    assert (found.examples, found.report.lines()) == ((), ["0 of 0 pairs to learn from"])
