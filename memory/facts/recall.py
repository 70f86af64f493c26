"""Which passages state the facts that a question asks for, over at most two links between people and things.

"Where does my sister live?" leads from the user over "sister" to Ottilie, and to the passage that says where she lives.
Names and the words of attributes are looked up in the database, so the cost follows what the question names, not how
much is known; a question that names nothing known costs one query. Strengths are an order, not a measurement:
stated and asked for 1, the links on the way 0.8, ended 0.3 of that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from memory.facts.records import USER, Fact
from memory.facts.store import FACT_ROWS, with_ends
from memory.facts.vocabulary import INVERSE, MANY, ONE_OF_KIND, RELATIONS, SYNONYMS, key_of, kind_of
from memory.store import Store
from memory.words import HAN, STOP_WORDS, fold, raw_words, split_words, stem

ASKED, LINK, ENDED = 1.0, 0.8, 0.3
_MOST_NODES = 12
"""People and things that are followed; a question that names more asks for none in particular."""
_MOST_NAMES = 200
_FIRST_PERSON = re.compile(r"\b(?:i|i'm|i've|my|me|mine|we|our|us)\b|[我咱]", re.IGNORECASE)
_RELATION_WORDS = sorted(RELATIONS, key=len, reverse=True)
_LATIN_RELATION = re.compile(
    rf"\b({'|'.join(re.escape(word) for word in _RELATION_WORDS if not HAN.search(word))})(?:'s|s|’s)?\b"
)
_HAN_RELATION = re.compile("|".join(word for word in _RELATION_WORDS if HAN.search(word)))


@dataclass(frozen=True)
class Hints:
    """Words that ask for an attribute, in the forms in which a question is looked through."""

    whole: frozenset[str]
    stems: frozenset[str]
    chinese: tuple[str, ...]

    def asked_in(self, raw: set[str], stems: frozenset[str], text: str) -> bool:
        """Whether one of them stands in a question, given as its words, their stems and its text."""
        return bool(self.whole & raw or self.stems & stems) or any(hint in text for hint in self.chinese)


def _hints_of(words: str) -> Hints:
    latin = [word for word in words.split() if not HAN.search(word)]
    chinese = tuple(word for word in words.split() if HAN.search(word))
    return Hints(frozenset(latin), frozenset(map(stem, latin)), chinese)


_HINTS = {name: _hints_of(words) for name, words in SYNONYMS.items()}


@dataclass(frozen=True)
class Asked:
    """What a question asks for."""

    words: frozenset[str]
    """Stemmed words and character pairs."""
    text: str
    first_person: bool
    relations: tuple[str, ...]
    """Kinds of relations that it names."""
    attributes: frozenset[str]
    """Attributes whose words it holds."""
    places: tuple[tuple[str, str], ...] = ()
    """Each relation as it was written, with its kind."""


@dataclass(frozen=True)
class Match:
    """A fact that a question asks for, and how strongly."""

    fact: Fact
    strength: float


def fact_chunks(store: Store, question: str, *, owners: Sequence[int]) -> dict[int, float]:
    """Passages that state what the question asks for, with a strength of 0..1; those of ended facts get less."""
    found: dict[int, float] = {}
    for match in related(store, question, owners=owners):
        newest = max((source.said_at or "" for source in match.fact.sources), default="")
        for source in match.fact.sources:
            strength = match.strength if (source.said_at or "") == newest else 0.9 * match.strength
            found[source.chunk_id] = max(found.get(source.chunk_id, 0.0), strength)
    return found


def related(store: Store, question: str, *, owners: Sequence[int]) -> list[Match]:
    """The facts that a question asks for, strongest and newest first, with the links that lead to them."""
    asked = understand_facts(question)
    found: dict[int, Match] = {}
    followed: set[tuple[int, str]] = set()
    nodes = _named(store, asked, owners)
    for hop in range(3):
        nodes = [node for node in nodes if node not in followed][:_MOST_NODES]
        if not nodes:
            break
        followed.update(nodes)
        facts = _facts_on(store, nodes, asked)
        for fact in facts:
            strength = _strength(fact, asked) * (1.0 if fact.current else ENDED)
            if strength and strength > (found[fact.id].strength if fact.id in found else 0.0):
                found[fact.id] = Match(fact, strength)
        if hop < 2:
            nodes = _linked(store, facts, nodes, asked, found)
    newest = sorted(_answers(list(found.values())), key=lambda item: item.fact.said_at, reverse=True)
    return sorted(newest, key=lambda item: -item.strength)


def _answers(matches: list[Match]) -> list[Match]:
    """A link at which the way ends is itself what was asked for, where nothing else was."""
    if any(match.strength == ASKED for match in matches):
        return matches
    onward = {(match.fact.user_id, key_of(match.fact.subject)) for match in matches}
    return [
        Match(match.fact, match.strength / LINK)
        if match.strength in (LINK, LINK * ENDED) and (match.fact.user_id, key_of(match.fact.value)) not in onward
        else match
        for match in matches
    ]


def understand_facts(question: str) -> Asked:
    """Read a question for names, relations and attributes."""
    text = fold(question).replace("’", "'")
    words = frozenset(split_words(question))
    if stem("expire") in words:
        words |= {stem("expiry")}
    written = [*_LATIN_RELATION.findall(text), *_HAN_RELATION.findall(text)]
    kinds = tuple(dict.fromkeys(RELATIONS[word] for word in written))
    if re.search(r"\bprojects?\b|项目", text) and "client" not in kinds:
        kinds = (*kinds, "project")
    raw = set(raw_words(question))
    asked = {name for name, hints in _HINTS.items() if hints.asked_in(raw, words, text)}
    places = tuple((word, RELATIONS[word]) for word in dict.fromkeys(written))
    return Asked(words, text, bool(_FIRST_PERSON.search(question)), kinds, frozenset(asked), places)


def _named(store: Store, asked: Asked, owners: Sequence[int]) -> list[tuple[int, str]]:
    """People and things whose whole name, or whose first name, stands in the question; the user for "I"."""
    nodes = [(owner, USER) for owner in owners] if asked.first_person else []
    rows = store.rows(
        "SELECT user_id, name_key, group_concat(DISTINCT word) AS words, max(size) AS size FROM fact_names"
        " WHERE user_id IN (SELECT value FROM json_each(?)) AND word IN (SELECT value FROM json_each(?))"
        f" GROUP BY user_id, name_key LIMIT {_MOST_NAMES}",
        (json.dumps(list(owners)), json.dumps(sorted(word for word in asked.words if word not in STOP_WORDS))),
    )
    names = [(row["user_id"], row["name_key"], set(row["words"].split(",")), row["size"]) for row in rows]
    whole = {word for *_, there, size in names if len(there) == size for word in there}
    scored = [
        (len(there) / size, (owner, name))
        for owner, name, there, size in names
        if len(there) == size or (2 * len(there) >= size and not there <= whole and _names_end(name, there))
    ]
    return nodes + [node for _, node in sorted(scored, key=lambda item: -item[0])]


def _names_end(name: str, there: set[str]) -> bool:
    """Whether the words are a first or last name, rather than one in the middle of it."""
    words = split_words(name)
    return words[0] in there or words[-1] in there


def _facts_on(store: Store, nodes: Sequence[tuple[int, str]], asked: Asked) -> list[Fact]:
    """What is asked for of these nodes and of their relations by the question's words ("user's boss")."""
    subjects = [(owner, f"{name}'s {word}") for owner, name in nodes for word, _ in asked.places]
    found: list[Fact] = []
    for owner, subject in dict.fromkeys([*subjects, *nodes]):
        for row in store.rows(_KINDS, (owner, subject, owner, subject)):
            if row["kind"] is not None and _asks_for(row["kind"], asked):
                most = _MOST_OF_MANY if row["kind"] in MANY else _MOST_VALUES
                found += with_ends(store.rows(_SLOT, (owner, subject, row["kind"], most)))
    return found


_KINDS = (
    "WITH RECURSIVE kinds(kind) AS (SELECT min(kind) FROM facts WHERE user_id = ? AND subject_key = ? UNION ALL"
    " SELECT (SELECT min(kind) FROM facts WHERE user_id = ? AND subject_key = ? AND kind > kinds.kind) FROM kinds"
    " WHERE kinds.kind IS NOT NULL) SELECT kind FROM kinds"
)
"""One step in the index a kind, where DISTINCT would read all that is known of the user."""
_SLOT = (
    f"{FACT_ROWS} WHERE f.user_id = ? AND f.subject_key = ? AND f.kind = ?"
    " ORDER BY f.corrected DESC, f.said_at DESC LIMIT ?"
)
_MOST_VALUES, _MOST_OF_MANY = 12, 60
"""Newest facts of one subject and kind that are read; ended ones that are older are not asked for."""


def _asks_for(kind: str, asked: Asked) -> bool:
    return kind in asked.relations or kind in asked.attributes or _share(kind, asked, least=0.6) > 0


def _strength(fact: Fact, asked: Asked) -> float:
    kind = RELATIONS.get(fact.attribute)
    if kind is not None:
        return LINK if kind in asked.relations else 0.0
    if fact.attribute in ("event", "plan"):
        return _share(fact.value, asked, least=0.3)
    if fact.attribute in asked.attributes:
        return ASKED
    return _share(fact.attribute, asked, least=0.6)


def _share(text: str, asked: Asked, *, least: float) -> float:
    """Whether the words of an attribute, or of an event, stand in the question."""
    words = {word for word in split_words(text) if word not in STOP_WORDS}
    if not words:
        return 0.0
    share = sum(word in asked.words or (bool(HAN.search(word)) and word in asked.text) for word in words) / len(words)
    return (ASKED if share > 0.99 else LINK * share) if share >= least else 0.0


def _linked(
    store: Store, facts: Sequence[Fact], nodes: Sequence[tuple[int, str]], asked: Asked, found: dict[int, Match]
) -> list[tuple[int, str]]:
    """Where the relations that the question names lead from these nodes, in either direction."""
    ahead = [
        (fact.user_id, key_of(fact.value))
        for fact in facts
        if RELATIONS.get(fact.attribute) in asked.relations and fact.current
    ]
    wanted = sorted({kind for asked_kind in asked.relations for kind in INVERSE.get(asked_kind, ())})
    back: list[tuple[int, str]] = []
    for fact in _links_to(store, nodes):
        kind = RELATIONS.get(fact.attribute)
        if kind in wanted and fact.current:
            back.append((fact.user_id, key_of(fact.subject)))
            found.setdefault(fact.id, Match(fact, LINK))
        if kind is not None:  # whoever is somebody's sister may be known as that
            ahead.append((fact.user_id, f"{key_of(fact.subject)}'s {fact.attribute}"))
    return list(dict.fromkeys([*ahead, *back]))


def _links_to(store: Store, nodes: Sequence[tuple[int, str]]) -> list[Fact]:
    """Relations whose value is one of these nodes."""
    # without ORDER BY: for the sake of it SQLite walks another index through everything known
    sql = f"{FACT_ROWS} WHERE f.user_id = ? AND f.value_key = ? LIMIT {_MOST_VALUES}"
    found: list[Fact] = []
    for node in nodes:
        if node[1] != USER:
            rows = sorted(store.rows(sql, node), key=lambda row: (row["subject_key"], row["kind"]))
            found += [_in_its_time(store, fact) for fact in with_ends(rows)]
    return found


def _in_its_time(store: Store, fact: Fact) -> Fact:
    """The fact with its end, which others of its subject give it."""
    kind = kind_of(fact.attribute)
    if kind not in ONE_OF_KIND:
        return fact
    rows = store.rows(_SLOT, (fact.user_id, key_of(fact.subject), kind, _MOST_VALUES))
    return next((item for item in with_ends(rows) if item.id == fact.id), fact)
