"""A fact as a reply: the sentence that states it, in the words of whoever said it, with its dates and its source.

What holds now comes first and says since when; what held before follows with its end, so that an older note that is
found can't be taken for the present. Pure: facts and their passages in, text and citations out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.answers import Quoted, cite
from bot.grounding import sentences
from bot.locales import say
from memory.facts.records import Fact
from memory.facts.vocabulary import key_of
from memory.records import Chunk, Hit
from memory.words import split_words

_MARKUP = re.compile(r"^(?:#{1,6}\s+|[-*+]\s+|\d+[.)]\s+|>\s+)|\*\*|__|`")


def quote_facts(facts: Sequence[Fact], hits: Sequence[Hit], *, language: str) -> Quoted | None:
    """These facts as sentences, each with the number of its passage; None where no passage states one."""
    chunks = {hit.chunk.id: hit.chunk for hit in hits}
    numbers: dict[int, int] = {}
    lines: dict[str, None] = {}
    for fact in facts:
        newest = fact.newest_of(chunks)
        if newest is not None:
            chunk = chunks[newest]
            number = numbers.setdefault(chunk.id, len(numbers) + 1)
            lines.setdefault(f"{_sentence(fact, chunk, facts, language=language)} [{number}]")
    if not lines:
        return None
    return Quoted("\n".join(lines), tuple(cite(n, chunks[id_], language=language) for id_, n in numbers.items()))


def _sentence(fact: Fact, chunk: Chunk, facts: Sequence[Fact], *, language: str) -> str:
    text, said = stating(chunk.text, fact), (chunk.at or fact.said_at)[:10]
    if chunk.speaker and chunk.document_id is not None:
        text = f"{chunk.speaker}: {text}"
    if fact.corrected:
        return say(language, "fact_corrected", value=f"{fact.attribute}: {fact.value}", text=text)
    if fact.valid_to:
        replaced = any(item.current and _slot(item) == _slot(fact) for item in facts)
        key = "fact_ended" if replaced else "fact_over"
        return say(language, key, text=text, said=said, until=fact.valid_to)
    if fact.valid_from != said and fact.value != fact.valid_from:
        return say(language, "fact_holds_since", text=text, said=said, since=fact.valid_from)
    return say(language, "fact_holds", text=text, said=said)


def _slot(fact: Fact) -> tuple[int, str, str]:
    return (fact.user_id, key_of(fact.subject), fact.attribute)


def stating(text: str, fact: Fact) -> str:
    """The sentence of a passage that holds most of a fact's words; a value that was a date stands there otherwise."""
    wanted = {*split_words(fact.value), *split_words(fact.subject), *split_words(fact.attribute)}
    found = [_MARKUP.sub("", item).strip() for item in sentences(text)] or [text.strip()]
    return max(found, key=lambda item: (key_of(fact.value) in item.casefold(), len(wanted & set(split_words(item)))))
