"""An export brings facts and standing rules back as they were, not as they would be read again."""

from __future__ import annotations

from pathlib import Path

from memory.exporting import write_export
from memory.facts.profile import rules_of
from memory.facts.recall import fact_chunks
from memory.facts.store import correct, delete, facts_of, pin
from memory.importing_export import ExportReader
from memory.records import User
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.memory.facts.home import Home


def shown(store: Store, user_id: int) -> list[tuple[object, ...]]:
    """Facts without the numbers that differ between homes, with the texts that state them."""
    return [
        (
            *(item.subject, item.attribute, item.value, item.said_at, item.valid_from, item.valid_to),
            *(item.pinned, item.corrected),
            [chunk.text for chunk in store.chunks([source.chunk_id for source in item.sources], owners=[user_id])],
        )
        for item in facts_of(store, owners=[user_id])
    ]


def test_corrected_pinned_and_deleted_facts_come_back_so(home: Home, tmp_path: Path) -> None:
    """In a home where all numbers differ; a second import changes nothing."""
    home.told(("2025-01-01", "I live in Utrecht."), ("2026-01-01", "I moved to Ghent last week."))
    home.told(("2026-01-02", "My boss is Ida. I like tea."), ("2026-01-03", "From now on use metric units."))
    home.dialogue([("Ann", "2026-01-04", "My sister Ottilie is a vet."), ("Bo", "2026-01-04", "I like rum.")], me="Ann")
    for item in facts_of(home.store, owners=[home.user_id]):
        if item.value == "Ida":
            correct(home.store, item.id, "Ada", user_id=home.user_id)
        if item.value == "Ottilie":
            pin(home.store, item.id, user_id=home.user_id)
        if item.value == "tea":
            delete(home.store, item.id, user_id=home.user_id)
    before = shown(home.store, home.user_id)
    assert len(before) == 6
    write_export(home.store, tmp_path / "out", user=User(home.user_id, "ann", "owner"))
    other = Store(tmp_path / "other.db")
    first = other.add_user("first", role="owner").id
    user = other.add_user("ann", role="member").id
    for _ in range(2):
        receipts = list(ExportReader(other, WordEmbedder(), tmp_path / "out", user_id=user).read())
        assert {item.status for item in receipts} <= {"indexed", "duplicate"}
        assert shown(other, user) == before
        assert [rule.text for rule in rules_of(other, user_id=user)] == ["From now on use metric units"]
    assert facts_of(other, owners=[first]) == []
    assert fact_chunks(other, "What is my sister's job?", owners=[user])
    other.close()
