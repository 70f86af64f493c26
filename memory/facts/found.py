"""Facts in a search: passages that state exactly what is asked come first, with what became of their statement.

"Exactly" is narrow, because a wrong first place costs more than a right one gains: the question names the thing or
person and the attribute, over links that it names, and nothing else (`memory.facts.exact`), and few facts answer it.
All else is left to the ranking.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from memory.facts.exact import answers
from memory.facts.recall import ASKED, LINK, Match, related, understand_facts
from memory.facts.records import Fact
from memory.facts.vocabulary import MANY, key_of, kind_of
from memory.records import Chunk, Found, Hit
from memory.store import Store

_MOST_ANSWERS = 4
"""Values that hold of what is asked; more of them are a topic, not an answer."""
_MOST_ENDED = 2
_MOST_LINKS = 2
_SELF = re.compile(r"\b(?:I|we)\b")
"""Who asks about somebody and says "I" may ask about both."""
SURE = 0.99
"""Confidence where a fact is what was asked for."""


def answering(store: Store, questions: Sequence[str], *, owners: Sequence[int]) -> tuple[Fact, ...]:
    """The facts that answer these questions exactly: those that hold, the newest that ended, the links to them."""
    found: dict[int, Fact] = {}
    for question in questions if _knows_any(store, owners) else ():
        matches = related(store, question, owners=owners)
        if not matches:
            continue
        links = [item.fact for item in matches if _is_link(item)]
        holding = [item.fact for item in matches if item.strength == ASKED and item.fact.current]
        holding = [fact for fact in _at_the_end(holding, links, question) if answers(question, fact, links)]
        if not 0 < len(holding) <= _MOST_ANSWERS or len({_slot(fact) for fact in holding}) > 2:
            continue
        slots = {_slot(fact) for fact in holding}
        ended = [item.fact for item in matches if not item.fact.current and _slot(item.fact) in slots]
        way = [fact for fact in links if fact not in holding]
        for fact in [*holding, *ended[:_MOST_ENDED], *way[:_MOST_LINKS]]:
            found.setdefault(fact.id, fact)
    return tuple(found.values())


def _knows_any(store: Store, owners: Sequence[int]) -> bool:
    return any(store.rows("SELECT 1 FROM facts WHERE user_id = ? LIMIT 1", (owner,)) for owner in owners)


def _at_the_end(holding: list[Fact], links: Sequence[Fact], question: str) -> list[Fact]:
    """Of "where does my sister live" what is known of the sister, not where the user lives."""
    relations = understand_facts(question).relations if holding else ()
    if not relations:
        return holding
    ends = {
        key_of(name)
        for link in links
        for name in ([link.value] if kind_of(link.attribute) in relations else [link.subject])
    } | {key_of(f"{link.subject}'s {link.attribute}") for link in links}
    reached = [
        fact
        for fact in holding
        if key_of(fact.subject) in ends or "'s " in fact.subject or kind_of(fact.attribute) in relations
    ]
    return holding if _SELF.search(question) and not reached else reached


def _slot(fact: Fact) -> tuple[int, str, str]:
    return (fact.user_id, fact.subject, fact.attribute)


def _is_link(match: Match) -> bool:
    return match.strength == LINK and match.fact.current


def facts_first(
    found: Found,
    store: Store,
    questions: Sequence[str],
    *,
    owners: Sequence[int],
    k: int,
    may_find: Callable[[Chunk], bool],
) -> Found:
    """The search with the passages of the facts that answer in front, newest of each fact's.

    :param may_find: whether the search may find a passage, whoever's it is of these owners
    """
    facts = answering(store, questions, owners=owners)
    sources = {source.chunk_id for fact in facts for source in fact.sources}
    chunks = {chunk.id: chunk for chunk in store.chunks(sources, owners=owners) if may_find(chunk)}
    newest = {fact: fact.newest_of(chunks) for fact in facts}
    kept = tuple(fact for fact in facts if newest[fact] is not None)
    if not kept:
        return found
    hits = {hit.chunk.id: hit for hit in found.hits}
    top = max((hit.score for hit in found.hits), default=1.0)
    first: dict[int, Hit] = {}
    for fact in kept:
        chunk = chunks[newest[fact] or 0]
        first.setdefault(chunk.id, replace(hits.get(chunk.id) or Hit(chunk, top), remark=remark(fact)))
    rest = [hit for hit in found.hits if hit.chunk.id not in first]
    sure = any(fact.attribute not in MANY and fact.current for fact in kept)
    confidence = max(found.confidence, SURE) if sure else found.confidence
    return Found((*first.values(), *rest)[:k], confidence, found.answerable or sure, kept)


def remark(fact: Fact) -> str:
    """What a note's reader should know of its statement."""
    if fact.corrected:
        return f"corrected by the user: {fact.attribute} is {fact.value}"
    if fact.valid_to:
        return f"no longer so since {fact.valid_to}"
    return f"so since {fact.valid_from}"
