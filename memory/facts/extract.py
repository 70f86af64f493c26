"""From a text that a person wrote to the facts it states: only what is said plainly and by them.

What is asked, imagined, wished, doubted, quoted, joked or asked to be translated states nothing; the sentence goes as
a whole. What is left is read clause by clause. Pure: text, speaker and day in, claims out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from memory.facts.records import USER, Claim
from memory.facts.rules_en import claims_en
from memory.facts.rules_zh import claims_zh
from memory.facts.vocabulary import is_relation, key_of
from memory.intent import intent_of
from memory.words import HAN

_LONGEST = 400
"""Characters of a sentence that is read; a longer one is no plain statement."""
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+|(?<=[。！？])[”’」』）]*|\n+|\s+[-–—]\s+")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|No|vs|etc|Prof)\.$")
_MARKUP = re.compile(r"^\s*(?:#{1,6}|[-*+•>]|\d+[.)])\s+|\*\*|__|`|\[\[|\]\]")
_CLAUSE = re.compile(
    r"(?:[,;]\s*(?:and |but |so |because |yet )?|\s+(?:and|but|so|because|while|though) )"
    r"(?=(?:I|I'm|I've|I'll|we|we're|my|our|My|Our|[A-Z]\w+ (?:is|lives|works|has))\b)"
)
_FILLER = re.compile(
    r"^(?:(?:yes|yeah|yep|no|nope|well|oh|ok|okay|so|and|but|btw|by the way|actually|also|hey|hi|hello|anyway|fyi|ah"
    r"|wow|hmm|honestly|basically|anyways|sure|right|thanks|thank you|lol|plus|remember(?: that| this)?|note(?: that)?"
    r"|please (?:note|remember) that|just so you know|for the record|in fact|like|p\.?s\.?|yup|unfortunately|luckily"
    r"|(?:hey|hi|hello|thanks|yes|yeah) [A-Z]\w+)\b[\s,!.:-]*)+",
    re.IGNORECASE,
)
_FILLER_ZH = re.compile(
    r"^(?:嗯+|哦+|对了?|其实|另外|还有|顺便说一下|记住|请记住|记一下|"
    r"话说|不过|而且|然后|所以|因为|对呀|是的|好的)[，,：:、 ]*"
)
_DOUBT = re.compile(
    r"\b(?:if|unless|imagine|suppose|pretend|wish|maybe|perhaps|probably|might|may have|would|wouldn't|i'd|we'd|could"
    r"|should|let's say|say my|haha+|hehe|lol|jk|kidding|joke|hypothetically|translate|dreamt|dreamed|in my dream"
    r"|in (?:the|this|that|a) (?:novel|movie|film|story|game|book|song|play|dream|series|show)|role-?play|as an example"
    r"|for example|e\.g|according to|i think|not sure|thought (?:i|my)|used to|wasn't|almost|hopefully|someday"
    r"|one day)\b|如果|要是|假如|假设|假装|想象|也许|可能|大概|或许|说不定|希望"
    r"|但愿|就好了|哈哈|嘿嘿|开玩笑|翻译|梦见|梦到|小说里|电影里"
    r"|游戏里|故事里|比如|例如|好像|以为|据说|听说|差点|是不是|有没有|能不能|难道|以前|曾经|原来",
    re.IGNORECASE,
)
_QUOTE = re.compile(r"[\"“”「『]")


@dataclass(frozen=True)
class Told:
    """A text, who wrote it, and the day on which they did."""

    text: str
    day: date
    me: str | None = USER
    """Who "I" is; None where that is not known, so that what "I" says states nothing."""


def claims_of(told: Told) -> tuple[Claim, ...]:
    """The facts that a text states, each once, in order."""
    found: dict[tuple[str, str, str], Claim] = {}
    for sentence in stated(told.text):
        for claim in claims_in(sentence, told):
            key = (key_of(claim.subject), claim.attribute, key_of(claim.value))
            found.setdefault(key, claim)
    return tuple(found.values())


def claims_in(sentence: str, told: Told) -> tuple[Claim, ...]:
    """The facts that one of its sentences states."""
    found = _claims(sentence, told)
    return tuple(claim for claim in found if told.me is not None or not claim.subject.startswith(USER))


def stated(text: str) -> Iterator[str]:
    """The sentences of a text that can state a fact, without marks of lists and headings, in order."""
    waiting = ""
    for piece in _SENTENCE.split(text):
        waiting = f"{waiting} {piece}".strip() if waiting else (piece or "").strip()
        if _ABBREVIATION.search(waiting):
            continue
        plain = _MARKUP.sub("", waiting).strip()
        waiting = ""
        if states(plain):
            yield plain
    if waiting and states(waiting):
        yield waiting


def states(sentence: str) -> bool:
    """Whether a sentence can state a fact at all: no question, request, doubt, wish, joke or quotation."""
    if not 3 < len(sentence) <= _LONGEST or sentence.endswith(("?", "？", "...", "…")):
        return False
    if _DOUBT.search(sentence) or _QUOTE.search(sentence):
        return False
    if HAN.search(sentence):
        return not _asks_zh(sentence)
    return intent_of(_FILLER.sub("", sentence)) == "statement"


def _asks_zh(sentence: str) -> bool:
    return intent_of(sentence) in ("request", "greeting") or bool(
        re.search(r"[吗呢么][。！]?$|什么|谁|哪|多少|怎么|为什么|如何|告诉我|请问|帮我", sentence)
    )


def _claims(sentence: str, told: Told) -> Iterator[Claim]:
    me = told.me or USER
    if HAN.search(sentence):
        whole = list(claims_zh(_FILLER_ZH.sub("", sentence), said=told.day, me=me)) if "，" in sentence else []
        if whole:
            yield from whole
            return
        name = ""
        for clause in re.split(r"[，,；;。！!]", sentence):
            plain = _FILLER_ZH.sub("", clause.strip())
            for claim in claims_zh(
                re.sub(r"^[其他她]的?", f"{name}的", plain) if name else plain, said=told.day, me=me
            ):
                name = claim.value if is_relation(claim.attribute) else name
                yield claim
        return
    for clause in _CLAUSE.split(sentence):
        yield from claims_en(_FILLER.sub("", clause.strip()).rstrip(" .!,"), said=told.day, me=me)


def with_relations(claims: tuple[Claim, ...]) -> tuple[Claim, ...]:
    """Claims about "user's sister" moved to her name where the same text gives it."""
    named = {f"{item.subject}'s {item.attribute}": item.value for item in claims}
    return tuple(replace(item, subject=named.get(item.subject, item.subject)) for item in claims)
