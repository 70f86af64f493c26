"""What kind of message a person wrote: something asked, something told, or something else.

What is told becomes memory; what is only asked does not, or the next search for the same thing would find the
question instead of its answer. Rules, not a model: the same message always gets the same treatment.
"""

from __future__ import annotations

import re
from typing import Literal

import regex

Intent = Literal["question", "statement", "request", "greeting"]

_ASKS = re.compile(
    r"^(?:(?:and|so|but|ok|okay|hey|hi|please|well|then|also)[ ,]+)*"
    r"(?:who|whom|whose|what|what's|when|where|which|why|how|is|are|am|was|were|do|does|did|can|could|will|would|should"
    r"|has|have|had|may|might|tell me|remind me (?:what|who|when|where|which|how)|do you|show me|find|look up"
    r"|list|any idea|i(?:'d| would) like to know|i want to know|i wonder)\b",
    re.IGNORECASE,
)
_ASKS_CHINESE = re.compile(
    r"[吗呢]\s*[。？?!！]*$|什么|谁|哪|多少|几[点号个岁月天次年位]|怎么|怎样|为什么|为何|是否|如何|何时|多大|多久|多远|多高|告诉我|查一下|找一下"
)
_REQUEST = re.compile(
    r"^(?:please |can you |could you |would you )*(?:write|translate|explain|summari[sz]e|draft|rewrite|suggest|make"
    r"|create|compose|give me|help me|tell me a|describe|compare|calculate|imagine)\b",
    re.IGNORECASE,
)
_REQUEST_CHINESE = re.compile(r"^(?:请|帮我|麻烦)?(?:写|翻译|解释|总结|改写|建议|介绍|描述|比较|计算)")
_GREETING = re.compile(
    r"^(?:hi|hello|hey|good (?:morning|evening|afternoon|night)|thanks|thank you|bye|how are you|how's it going"
    r"|你好吗?|您好|早上好|晚上好|晚安|谢谢|再见)"
    r"(?:[ ,]+(?!what|who|when|where|how|why|which|is|do|can|tell|my)\w+){0,2}[\s!?.！？。~]*$",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(r"\b(?:i|i'm|i've|i'll|i'd|my|we|we're|we've|our|me|us|mine)\b|我|咱", re.IGNORECASE)
_VERB = re.compile(
    r"\b(?:is|are|was|were|am|has|have|had|will|would|can|must|should|went|goes|likes?|lives?|moved|bought|got)\b"
    r"|\w+(?:ed|s)\b|[是有在了去过]",
    re.IGNORECASE,
)
_EMOJI = regex.compile(
    r"(?:(?:[#*0-9]\uFE0F?\u20E3|\p{Regional_Indicator}{2}|\p{Extended_Pictographic}"
    r"(?:[\uFE0F\p{Emoji_Modifier}\U000E0020-\U000E007F]|\u200D\p{Extended_Pictographic})*)\s*)+"
)
"""Keycaps, flags, and all other emoji with what colours and joins them (https://www.unicode.org/reports/tr51)."""


def only_emoji(text: str) -> bool:
    """Whether a text is emoji and nothing else."""
    return _EMOJI.fullmatch(text.strip()) is not None


def intent_of(text: str) -> Intent:
    """The kind of a message; a bare noun phrase ("wifi password cabin") counts as a question, emoji as a greeting."""
    plain = text.strip().replace("’", "'")
    if _GREETING.match(plain) or only_emoji(plain):
        return "greeting"
    if _REQUEST.match(plain) or _REQUEST_CHINESE.match(plain):
        return "request"
    if is_question(plain):
        return "question"
    if _FIRST_PERSON.search(plain) or _VERB.search(plain) or len(plain.split()) > 8:
        return "statement"
    return "question"


def is_question(text: str) -> bool:
    """Whether the last sentence asks something, by its mark or by its words."""
    plain = text.strip().replace("’", "'")
    if not plain:
        return False
    return plain.rstrip("\"'”’) ").endswith(("?", "？")) or bool(_ASKS.match(plain) or _ASKS_CHINESE.search(plain))


def told_part(text: str) -> str:
    """The sentences of a message that tell something; empty when it only asks or greets."""
    pieces = [piece.strip() for piece in re.split(r"(?<=[.!?])\s+|(?<=[。！？])|\n+", text)]
    return " ".join(piece for piece in pieces if piece and intent_of(piece) == "statement")
