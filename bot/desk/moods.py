"""Whether a customer wants a person, or is angry: by listed forms, so that the same words always get a person.

A customer who shouts (capitals, rows of exclamation marks) counts as angry too. Misses cost a customer an answer by the
desk first; false finds cost an agent a look.
"""

from __future__ import annotations

import re
from functools import cache

from bot.desk.forms import Form, Reading, form_of, found

_WANTS_PERSON = (
    "real|actual|living|live human|person|agent|being",
    "speak|talk|talking|speaking|chat|connect|connected|transfer|transferred|put|pass|forward|escalate|reach ..."
    " human|person|agent|someone|somebody|representative|operator|manager|supervisor|colleague|staff|employee",
    "want|need|get|give|prefer|have|find|call a|an|me|the|some human|person|agent|representative|operator|manager",
    "want|need|give|get me|us a|an human|person|agent|representative|operator|manager|supervisor",
    "human|person|agent please",
    "customer service|support agent|representative|person",
    "stop|no more bot|robot|machine|ai",
    "call me back",
    "转人工",
    "转接|接|找|要|叫|换|来|联系|有|让 ... 人工|真人|客服人员|客服主管|经理",
    "人工客服|人工服务|真人客服",
    "活人",
)
_ANGRY = (
    "absolute|absolutely|totally|utterly|completely|this|its|simply|really ... unacceptable|outrageous|disgusting"
    "|useless|pathetic|appalling|disgrace|disgraceful",
    "this|its|thats|is|just|absolutely|totally|really|utterly ridiculous",
    "absolutely|simply|this|your ... horrible|terrible|awful service|experience|support|company|shop",
    "unacceptable",
    "im|am|are|youre|we ... furious|livid|angry|fuming|outraged|liars|thieves|crooks|incompetent|idiots",
    "scam|scammers|fraud|ripoff|robbery",
    "rip off",
    "fed up",
    "sick of",
    "had enough",
    "worst ... company|service|shop|experience|support",
    "waste of ... time|money",
    "never ... buy|order|shop ... again",
    "third|fourth|fifth|tenth|hundredth time",
    "complaint|complain",
    "what the hell|heck|fuck",
    "fuck*|bullshit|shitty|crap|damn",
    "how dare you",
    "气死|愤怒|火大|恼火|生气|忍无可忍",
    "骗子|骗人|坑人|垃圾|无耻|太差|差劲|恶心|离谱|过分",
    "投诉",
    "受够",
    "什么破|烂",
)
_SHORT = re.compile(
    r"(?:(?:human|person|agent|representative|operator|manager|someone|please|now|pls|hello|i need|help"
    r"|人工|客服|真人)[ .]*){1,4}"
)
_NAMED = re.compile(r"human|person|agent|representative|operator|manager|人工|真人")
"""A message of these words alone asks for a person, though it has no verb."""
_SHOUTED = 0.7
"""Share of capitals from which on a text of some length is shouted."""


def wants_person(reading: Reading) -> bool:
    """Whether a message asks for a human being."""
    short = _SHORT.fullmatch(reading.plain) and _NAMED.search(reading.plain)
    return bool(short) or found(reading, _wants_person()) is not None


def is_angry(text: str, reading: Reading) -> bool:
    """Whether a message is angry, or shouted."""
    return _is_shouted(text) or found(reading, _angry()) is not None


def _is_shouted(text: str) -> bool:
    if re.search(r"[!！]{3,}", text):
        return True
    letters = [sign for sign in text if sign.isalpha() and sign.isascii()]
    capitals = sum(sign.isupper() for sign in letters)
    return len(letters) >= 15 and len(text.split()) >= 4 and capitals >= _SHOUTED * len(letters)


@cache
def _wants_person() -> tuple[Form, ...]:
    return tuple(form_of(written, where="forms of asking for a person") for written in _WANTS_PERSON)


@cache
def _angry() -> tuple[Form, ...]:
    return tuple(form_of(written, where="forms of anger") for written in _ANGRY)
