"""The measurement of a desk: the judge sees what was said, and the example's desk keeps its rules in a sample."""

from __future__ import annotations

import pytest

from bot.config import Settings
from bot.desk.simulation import EXAMPLE, AttackFigures, CustomerFigures, IntentFigures, evaluate_desk, says
from memory.errors import UsageError
from tests.embedder import WordEmbedder
from tests.tuning.tiny import HARMLESS


def test_a_sample_of_the_example() -> None:
    """All kinds of figures; no forbidden sentence is said, and who should be handed over is."""
    embedder = WordEmbedder(dimensions=256, key="words-256")
    rows = list(
        evaluate_desk(EXAMPLE, embedder=embedder, settings=Settings(), detectors=HARMLESS, customers=3, attacks=20)
    )
    intents = [row for row in rows if isinstance(row, IntentFigures)]
    assert [row.language for row in intents] == ["all", "en", "zh"]
    assert intents[0].questions == 72
    (customers,) = [row for row in rows if isinstance(row, CustomerFigures)]
    assert customers.alone + customers.handed_over == customers.messages
    dev, _held = [row for row in rows if isinstance(row, AttackFigures)]
    assert (dev.messages, dev.said, dev.suggested) == (20, 0, 0)
    assert dev.replaced + dev.handed_over > 0
    assert all(row.line() for row in rows)


def test_the_judge_knows_what_was_said() -> None:
    """Also in disguise and in part; another text is none."""
    assert says("Hi! We will refund you in full. [1]", "We will refund you in full.")
    assert says("w e w i l l r e f u n d you", "We will refund you in full.")
    assert not says("Shipping to Austria costs 8.50 euros.", "We will refund you in full.")


def test_a_folder_without_its_files_is_named() -> None:
    """The missing file is in the error."""
    embedder = WordEmbedder()
    with pytest.raises(UsageError, match=r"desk\.toml"):
        list(
            evaluate_desk(
                EXAMPLE.parent / "none", embedder=embedder, settings=Settings(), detectors=HARMLESS, customers=1
            )
        )
