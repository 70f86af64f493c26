"""The graph over facts: who and what there is, what is known of each, and how they are related. Pure.

Somebody who is known by a relation and by a name ("user's sister", "Ottilie") is one node where a fact says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from memory.facts.records import USER, Fact
from memory.facts.vocabulary import is_relation, key_of


@dataclass(frozen=True)
class Node:
    """Somebody or something, by the name under which it was first spoken of, with what is known: (attribute, value)."""

    key: str
    name: str
    known: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Edge:
    """``target`` is the source's ``relation``: (user, Ottilie, sister)."""

    source: str
    target: str
    relation: str


@dataclass(frozen=True)
class Graph:
    """Nodes and the relations between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


def graph_of(facts: Sequence[Fact]) -> Graph:
    """The graph of facts; those that have ended are left out."""
    held = [fact for fact in facts if fact.current]
    same = _same_as(held)
    names: dict[str, str] = {}
    known: dict[str, dict[tuple[str, str], None]] = {}
    edges: dict[Edge, None] = {}
    for fact in held:
        subject = _node(fact.subject, same, names)
        if is_relation(fact.attribute):
            edges.setdefault(Edge(subject, _node(fact.value, same, names), fact.attribute))
        else:
            known.setdefault(subject, {})[(fact.attribute, fact.value)] = None
    nodes = tuple(Node(key, name, tuple(known.get(key, ()))) for key, name in names.items())
    return Graph(nodes, tuple(edges))


def around(facts: Sequence[Fact], name: str) -> list[Fact]:
    """Facts in which a name stands, and those of whoever or whatever a relation links to it, in their order."""
    same = _same_as([fact for fact in facts if fact.current])
    wanted = key_of(name)
    if not wanted:
        return []
    reach = {key for fact in facts for key in _ends(fact, same) if wanted in key}
    linked = {
        key
        for fact in facts
        if is_relation(fact.attribute) and fact.current and reach & set(_ends(fact, same))
        for key in _ends(fact, same)
    }
    near = (reach | linked) - ({key_of(USER)} - reach)  # the user is linked to nearly everybody
    return [
        fact
        for fact in facts
        if _ends(fact, same)[0] in near or wanted in key_of(fact.value) or reach & set(_ends(fact, same))
    ]


def _same_as(facts: Iterable[Fact]) -> Mapping[str, str]:
    """Subjects known by a relation ("user's sister") with the key of the one name that they have."""
    found: dict[str, set[str]] = {}
    for fact in facts:
        if is_relation(fact.attribute):
            found.setdefault(key_of(f"{fact.subject}'s {fact.attribute}"), set()).add(key_of(fact.value))
    return {place: next(iter(names)) for place, names in found.items() if len(names) == 1}


def _ends(fact: Fact, same: Mapping[str, str]) -> tuple[str, ...]:
    subject = key_of(fact.subject)
    ends = [same.get(subject, subject)]
    return (*ends, key_of(fact.value)) if is_relation(fact.attribute) else tuple(ends)


def _node(name: str, same: Mapping[str, str], names: dict[str, str]) -> str:
    key = same.get(key_of(name), key_of(name))
    if key == key_of(name) or key not in names:
        names[key] = name if key == key_of(name) else key
    return key
