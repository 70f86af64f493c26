"""Who is related to whom, and what stands around a name."""

from __future__ import annotations

from memory.facts.graph import Edge, around, graph_of
from memory.facts.store import facts_of
from tests.memory.facts.home import Home

TOLD = (
    ("2026-01-01", "My sister Ottilie is a vet."),
    ("2026-01-02", "My sister lives in Bremen."),
    ("2026-01-03", "Project Kestrel is for Nordwind."),
    ("2026-01-04", "Nordwind's contact person is Emeka Obi."),
    ("2026-01-05", "Emeka Obi lives in Lagos."),
    ("2026-01-06", "I live in Ghent."),
)


def test_one_node_for_a_person_of_two_names(home: Home) -> None:
    """The user's sister is Ottilie, so what is said of either is known of one."""
    home.told(*TOLD)
    graph = graph_of(facts_of(home.store, owners=[home.user_id]))
    nodes = {node.name: dict(node.known) for node in graph.nodes}
    assert nodes["Ottilie"] == {"job": "vet", "home": "Bremen"}
    assert "user's sister" not in nodes
    assert Edge("user", "ottilie", "sister") in graph.edges
    assert len(graph.edges) == 3


def test_ended_facts_are_not_drawn(home: Home) -> None:
    """The picture shows what holds."""
    home.told(("2025-01-01", "My boss is Ida."), ("2026-01-01", "My boss is Gus."))
    graph = graph_of(facts_of(home.store, owners=[home.user_id]))
    assert {node.name for node in graph.nodes} == {"user", "Gus"}


def test_around_a_name_is_one_link_further(home: Home) -> None:
    """Nordwind's project and contact, and what is known of these; nothing of the user's own."""
    home.told(*TOLD)
    found = around(facts_of(home.store, owners=[home.user_id]), "nordwind")
    assert {(item.subject, item.value) for item in found} == {
        ("Project Kestrel", "Nordwind"),
        ("Nordwind", "Emeka Obi"),
        ("Emeka Obi", "Lagos"),
    }
    sister = around(facts_of(home.store, owners=[home.user_id]), "Ottilie")
    assert {item.value for item in sister} == {"Ottilie", "vet", "Bremen"}


def test_around_the_user_and_around_nobody(home: Home) -> None:
    """Asked about the user it shows them and theirs; an unknown or empty name has nothing."""
    home.told(*TOLD)
    facts = facts_of(home.store, owners=[home.user_id])
    assert {item.value for item in around(facts, "user")} == {"Ottilie", "vet", "Bremen", "Ghent"}
    assert around(facts, "Zoe") == []
    assert around(facts, "  ") == []
