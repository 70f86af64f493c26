"""Text as words for full-text search: what is indexed and what is asked are split by the same rules.

Chinese has no spaces: unicode61 takes a whole clause for one word and trigram can't find words of two characters, so
runs of CJK characters become overlapping pairs. Latin words are folded (case, accents, width) and lightly stemmed, so
that "cameras" finds "camera". Codes and dates (POL-358, 2026-05-08) are kept as one word besides their parts, because
the whole is what makes them rare. Every word is plain letters and digits: SQLite's tokenizer leaves it as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from memory.days import day_words
from memory.normal import broken_words, searchable

_CJK_CLASS = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af"
_RUN = re.compile(rf"[{_CJK_CLASS}]+|[^\W_{_CJK_CLASS}]+(?:[-./_:@'’][^\W_{_CJK_CLASS}]+)*")
_PART = re.compile(r"[-./_:@'’]")
_CJK = re.compile(rf"[{_CJK_CLASS}]")
HAN = re.compile(r"[\u3400-\u9fff]")
"""A Chinese character."""
_VOWEL = re.compile(r"[aeiouy]")

STOP_WORDS = frozenset(
    """a about after again all also am an and any are as at be because been before being both but by can could d did
    do does doing done down each ever few for from further get go going gone got had has have having he her here hers
    him his how i if in into is it its itself just kind let like ll m made make many may me might mine more most much
    must my no nor not of off often on once only or other our ours out over own please re s same say she should so some
    still such t than that the their theirs them then there these they thing this those through to too type under
    until up upon us ve very was we were what when where which while who whom whose why will with would yes you your
    yours 多少 一个 另外 几个 时候
    """.split()  # noqa: SIM905 - read as a text
)
"""Words (unstemmed) that say nothing about what a question is about."""

_EMPTY_SIGN = re.compile(r"[的了是吗呢吧啊么什哪怎这那我你他她它们请问来着]")
"""Chinese characters of grammar: a pair that holds one lies across two words or is no word."""


def fold(text: str) -> str:
    """One form for letters that readers take for the same: width, case and accents."""
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(sign for sign in decomposed if not unicodedata.combining(sign))
    return unicodedata.normalize("NFKC", plain).casefold()


def split_words(text: str) -> list[str]:
    """Stemmed words, codes and character pairs of a text, in order, then the days that it names."""
    return [*(stem(word) for word in raw_words(text)), *day_words(text)]


def content_words(text: str) -> list[str]:
    """The distinct words of a question that it is about, in order; all of them where only stop words are left."""
    words = list(dict.fromkeys(raw_words(text)))
    content = [word for word in words if word not in STOP_WORDS and not (_CJK.match(word) and _EMPTY_SIGN.search(word))]
    return list(dict.fromkeys([*(stem(word) for word in content or words), *day_words(text)]))


def raw_words(text: str) -> list[str]:
    """Folded words, codes and character pairs, not stemmed."""
    words: list[str] = []
    for run in _RUN.findall(fold(searchable(text))):
        if _CJK.match(run):
            words += _pairs(run)
            continue
        parts = _PART.split(run)
        words += parts
        if len(parts) > 1 and any(sign.isdigit() for sign in run):
            words.append("".join(parts))
    return words


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [run[i : i + 2] for i in range(len(run) - 1)]


def stem(word: str) -> str:
    """A light English stemmer (plural, -ing, -ed, final e): what it gets wrong, it gets wrong on both sides alike."""
    if len(word) < 4 or not word.isascii() or not word.isalpha():
        return word
    word = _without_plural(word)
    for suffix in ("ing", "ed", "ly"):
        root = word.removesuffix(suffix)
        if root != word and len(root) >= 3 and _VOWEL.search(root):
            word = _undoubled(root)
            break
    if word.endswith("y") and len(word) > 3:
        return word[:-1] + "i"
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _without_plural(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _undoubled(root: str) -> str:
    return root[:-1] if len(root) > 3 and root[-1] == root[-2] and root[-1] not in "lsz" else root


def index_words(text: str, *, speaker: str | None = None, section: str | None = None) -> str:
    """What goes into the full-text index for a passage: its words and those of its speaker and section."""
    whole = " ".join(part for part in (speaker, section, text) if part)
    return " ".join([*split_words(whole), *split_words(" ".join(broken_words(text)))])


def owned_word(word: str, *, user_id: int) -> str:
    """How a word of an owner's passage stands in the full-text index; no two owners' words are one.

    >>> owned_word("key", user_id=12)
    '12xkey'
    """
    return f"{user_id}x{word}"


def owned_words(words: Iterable[str], *, user_id: int) -> str:
    """Words of an owner's passage as one text for the full-text index."""
    return " ".join(owned_word(word, user_id=user_id) for word in words)


def unowned_word(word: str) -> str:
    """The word that ``owned_word`` took.

    >>> unowned_word(owned_word("key", user_id=12))
    'key'
    """
    return word.partition("x")[2]
