# ruff: noqa: E501 - each pattern reads best on one line
"""Standing rules ("always answer in Chinese, short", "以后都用中文回答") in what a user wrote themselves. Pure.

A rule needs a word that says it holds on ("always", "from now on", 以后) and an instruction about how to answer; what
a statement or a question says of "always" is none. Language, form and length are the profile's, which /settings sets
too; the rest of the rule is kept in the user's words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from memory.records import Form, Length, Profile
from memory.words import HAN, split_words

_Value = TypeVar("_Value", bound=str)
_LONGEST = 160
"""Characters of a rule; what is longer is a text about something, not an instruction."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_VERBS = (
    r"answer|reply|respond|write|use|call|address|keep|be (?:brief|concise|short|polite|formal|informal|direct|honest|kind"
    r"|friendly|funny|precise|specific|clear|to the point)|give|speak|talk|include|add|end|start|begin|cite|quote"
    r"|explain|format|translate|avoid|mention|show|tell|send|make|put|sign|greet"
)
_ADVERB = r"(?:please |kindly )?"
_POLITE = re.compile(
    r"^(?:(?:can|could|would|will) you (?:please )?|i(?:'d| would) like you to |i want you to |please )", re.I
)
_RULES = (
    re.compile(rf"{_ADVERB}(?:always|never) (?:{_VERBS})\b.*", re.I),
    re.compile(rf"(?:from now on|in (?:the )?future|going forward|henceforth),? {_ADVERB}(?:always |never |only |do not |don't )?(?:{_VERBS})\b.*", re.I),
    re.compile(rf"{_ADVERB}(?:only )?(?:{_VERBS})\b.*\b(?:from now on|in (?:the )?future|every time|always|going forward)", re.I),
    re.compile(rf"{_ADVERB}(?:don't|do not|stop) (?:ever |{_VERBS}|\w+ing)\b.*\b(?:again|any ?more|ever|from now on)", re.I),
    re.compile(r"always (?:in|as|with) (?:plain |short )?(?:chinese|mandarin|english|prose|bullet|sentences|a list|detail)\b.*", re.I),
    re.compile(r"keep (?:all )?(?:your|the) (?:answers|replies|responses)\b.*", re.I),
)  # fmt: skip
_ON_ZH = r"(?:以后|今后|从现在起|从现在开始|从今以后|从今往后|总是|始终|永远|一直|每次|一律)"
_DO_ZH = r"(?:用|别|不要|不用|要|回答|回复|叫我|称呼|说|写|简短|简洁|尽量|保持|给我|加上|带上|直接|先)"
_RULE_ZH = (
    re.compile(rf"(?:请|麻烦)?(?:你|您)?(?:{_ON_ZH})(?:请|你|您|，|,|都|就|也|要|的?(?:回答|回复)(?:时|都|里)?)*(?:{_DO_ZH}).*"),
    re.compile(rf"(?:请|麻烦)?(?:你|您)?(?:的?)(?:回答|回复)(?:我|问题)?(?:时|的时候)?(?:请|都|要|，)*(?:{_ON_ZH}|都|一律).*"),
    re.compile(r"(?:请|麻烦)?(?:都|只)用(?:中文|汉语|英文|英语)(?:回答|回复).*"),
)  # fmt: skip
_POLITE_ZH = re.compile(
    r"^(?:你能(?:不能)?|能不能|可以|请你|我希望你|我想让你|请)(?=.*(?:以后|今后|总是|始终|每次|都))"
)
_LANGUAGES = {"zh": r"\b(?:chinese|mandarin)\b|中文|汉语|普通话", "en": r"\benglish\b|英文|英语"}
_LENGTHS: dict[Length, str] = {
    "short": r"\b(?:short(?:ly)?|brief(?:ly)?|concise(?:ly)?|to the point)\b|简短|简洁|精简|简单",
    "long": r"\b(?:long|detailed|in (?:full )?detail|at length|thorough(?:ly)?)\b|详细|详尽",
    "medium": r"\bmedium(?: length)?\b|中等长度",
}
_FORMS: dict[Form, str] = {
    "bullets": r"\b(?:as |in )?(?:a )?(?:bullet(?:ed)?(?: points?| lists?)?|bullets)\b|分点|要点|列表",
    "prose": r"\b(?:in )?(?:plain |full )?(?:prose|sentences|paragraphs)\b|完整的?句子|段落",
}
_NOT = re.compile(r"\b(?:never|not|don't|without|avoid|no|stop)\b|别|不要|不用", re.I)
_ABOUT_REPLIES = re.compile(r"\balways (?:in|as|with)\b|\b(?:answer|reply|replies|respond|response|write|speak|talk|be|use|keep)\w*|回答|回复|用|说|写|保持|尽量|简", re.I)  # fmt: skip
_FILLER = frozenset(
    split_words(
        "please always from now on in the future going forward henceforth answer answers reply replies respond your you"
        " me my and use keep be only with to it them a every time all make write speak talk give questions very language"
    )
)
_FILLER_ZH = re.compile(
    rf"{_ON_ZH}|请|麻烦|你|您|我|都|就|要|用|回答|回复|问题|时候?|的|地|一点|些|，|,|。|和|并且?|保持|尽量|说|写|也|可以|能|吗|[?？!！]"
)


@dataclass(frozen=True)
class Standing:
    """What a message lays down for later replies."""

    language: str | None = None
    form: Form | None = None
    length: Length | None = None
    rules: tuple[str, ...] = ()
    """Sentences that say more than the profile can hold."""

    def applied(self, profile: Profile) -> Profile:
        """The profile with what was laid down."""
        return replace(
            profile,
            language=self.language or profile.language,
            form=self.form or profile.form,
            length=self.length or profile.length,
        )


def standing_of(text: str) -> Standing:
    """The standing rules in a message.

    >>> standing_of("Always answer in Chinese, short.")
    Standing(language='zh', form=None, length='short', rules=())
    """
    found = Standing()
    for sentence in _rule_sentences(text):
        language = None if _NOT.search(sentence) else _named(_LANGUAGES, sentence)
        form = _named(_FORMS, sentence)
        if form is not None and _NOT.search(sentence):
            form = "prose" if form == "bullets" else None
        length = None if _NOT.search(sentence) else _named(_LENGTHS, sentence)
        whole = _says_no_more(sentence)
        found = Standing(
            language or found.language,
            form or found.form,
            length or found.length,
            found.rules if whole else (*found.rules, sentence),
        )
    return found


def only_rules(text: str) -> bool:
    """Whether a message lays something down and says nothing else, so that there is nothing to look up."""
    pieces = [piece for piece in _SENTENCE.split(text) if piece.strip()]
    return bool(pieces) and all(any(_rule_sentences(piece)) for piece in pieces)


def _rule_sentences(text: str) -> Iterator[str]:
    for piece in _SENTENCE.split(text.replace("’", "'")):
        plain = piece.strip()
        if not 3 < len(plain) <= _LONGEST or re.search(r"[\"“”「『]", plain):
            continue
        if HAN.search(plain):
            body = _POLITE_ZH.sub("", plain).rstrip("吗呢？?。!！ ")
            if (body != plain or not re.search(r"[吗呢？?]", plain)) and any(rule.fullmatch(body) for rule in _RULE_ZH):
                yield body
        else:
            body = _POLITE.sub("", plain)
            asks = plain.endswith("?") and body == plain
            body = body.rstrip(" .!?")
            if not asks and any(rule.fullmatch(body) for rule in _RULES):
                yield body


def _named(words: Mapping[_Value, str], sentence: str) -> _Value | None:
    """The value whose words stand in an instruction about replies."""
    if not _ABOUT_REPLIES.search(sentence):
        return None
    return next((value for value, pattern in words.items() if re.search(pattern, sentence, re.IGNORECASE)), None)


def _says_no_more(sentence: str) -> bool:
    """Whether the profile holds all that the rule says."""
    if _NOT.search(sentence) and not re.search(_FORMS["bullets"], sentence, re.IGNORECASE):
        return False
    rest = sentence
    for pattern in (*_LANGUAGES.values(), *_LENGTHS.values(), *_FORMS.values()):
        rest = re.sub(pattern, " ", rest, flags=re.IGNORECASE)
    if rest == sentence:
        return False
    rest = _NOT.sub(" ", rest)
    if HAN.search(sentence):
        return not _FILLER_ZH.sub("", rest).strip()
    return not [word for word in split_words(rest) if word not in _FILLER]
