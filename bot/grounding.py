"""What a text claims, checked against its sources: no number and no name may come from nowhere.

A weak model copies some facts right and invents others in the same breath. Rather than trusting it, each name and
each number in a sentence is looked up in the passages; whatever stands in none of them is unsupported. The check
errs towards refusing: a refused sentence costs some wording, an invented policy number costs trust.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from memory.words import split_words

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[A-Z0-9À-Þ])|(?<=[。！？])[”’」』）]*|\n+")
_ABBREVIATION = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|St|No|Nr|vs|etc|e\.g|i\.e|p|pp|approx|Prof|[A-Z])\.$")
_LATIN = "0-9A-Za-zÀ-ɏͰ-ӿ"
_TOKEN = re.compile(rf"[{_LATIN}]+(?:[-.,:/@_'’][{_LATIN}]+)*")
_CHINESE_NUMBER = re.compile(
    r"[零〇一二两三四五六七八九十百千万亿]+(?:公里|分钟|[年月日号点分元块个岁次天周米斤克度楼室])"
)
_CHINESE_DIGITS = "零〇一二两三四五六七八九十百千万亿"
_NUMBER_WORDS = frozenset(
    """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion
    first second third fourth fifth sixth seventh eighth ninth tenth once twice half dozen monday tuesday wednesday
    thursday friday saturday sunday january february march april may june july august september october november
    december today tomorrow yesterday""".split()  # noqa: SIM905 - read as a text
)
_OPENERS = frozenset(
    """a about according after all also although an and any are as at based because before both but by can could
    currently did do does during each either every for from had has have he hello her here hi his how however i if in
    is it its let maybe my no not note of on once one or our perhaps please see she since so some sorry sure thank
    thanks that the their then there these they this those to under unfortunately until was we well were what when
    where which while who why will with would yes yet you your""".split()  # noqa: SIM905 - read as a text
)


def sentences(text: str) -> list[str]:
    """The sentences of an English or Chinese text, in order, stripped; a line break always ends one."""
    found: list[str] = []
    for piece in _SENTENCE_END.split(text):
        piece = piece.strip() if piece else ""
        if not piece:
            continue
        if found and _ABBREVIATION.search(found[-1]):
            found[-1] = f"{found[-1]} {piece}"
        else:
            found.append(piece)
    return found


def claims(text: str) -> list[str]:
    """Names, numbers, dates and ids in a text: what must stand in a source.

    A capitalised word is a name, unless it opens its sentence and is one of the usual openers: an invented name is
    worse than a refused sentence. Chinese names have no capitals, so there numbers with their measure word, Latin
    words and quoted terms count; callers ask more ``overlap`` of Chinese text.
    """
    found: list[str] = []
    for sentence in sentences(text):
        for n, match in enumerate(_TOKEN.finditer(sentence)):
            token = match.group()
            opener = n == 0 and token.lower().split("'")[0].split("’")[0] in _OPENERS
            if not opener and (_is_number(token) or _is_name(token)):
                found.append(token)
        found += _CHINESE_NUMBER.findall(sentence)
        found += re.findall(r"[「『“《]([^」』”》]{2,})[」』”》]", sentence)
    return found


def _is_number(token: str) -> bool:
    return any(c.isdigit() for c in token) or token.lower() in _NUMBER_WORDS


def _is_name(token: str) -> bool:
    return token[0].isupper() and token.split("'")[0].split("’")[0] not in ("I", "OK")


def unsupported(text: str, sources: Sequence[str]) -> list[str]:
    """The claims of a text that stand in none of its sources, compared without case, accents of style or plural."""
    joined = "\n".join(sources)
    haystack = _plain(joined)
    words = set(split_words(joined))
    return [claim for claim in claims(text) if not _stands_in(claim, haystack, words)]


def _stands_in(claim: str, haystack: str, words: set[str]) -> bool:
    wanted = _plain(claim)
    if _CHINESE_NUMBER.fullmatch(wanted):  # ends with its measure word, so only what stands before can lengthen it
        return bool(re.search(rf"(?<![{_CHINESE_DIGITS}]){re.escape(wanted)}", haystack))
    if re.search(rf"(?<![{_LATIN}]){re.escape(wanted)}(?![{_LATIN}])", haystack):
        return True
    if any(c.isdigit() for c in wanted) or not wanted.isascii():
        return False
    pieces = split_words(claim)
    return bool(pieces) and all(piece in words for piece in pieces)


def _plain(text: str) -> str:
    return text.lower().replace("’", "'").removesuffix("'s")


def overlap(sentence: str, source: str) -> float:
    """Share of a sentence's words that stand in a source, 0..1."""
    words = set(split_words(sentence))
    return len(words & set(split_words(source))) / len(words) if words else 0.0
