# ruff: noqa: E501 - each pattern reads best on one line
"""What a value must look like for its attribute, and which words a sentence must hold that speaks of an attribute.

A model names an attribute for almost anything; these are the words without which it has guessed. Words, not code: what
is missing here is not believed, which costs recall, never precision. Pure.
"""

from __future__ import annotations

import re

from memory.facts.rules_en import NOT_NAMES
from memory.facts.vocabulary import LANGUAGES, OCCUPATIONS, is_relation
from memory.words import HAN

_NAME = re.compile(
    r"[A-ZÀ-Þ][\w.'-]*(?: (?:de |van |von |der |of |and |& )?[A-ZÀ-Þ0-9][\w.'-]*){0,4}|[一-鿿·A-Za-z]{2,12}"
)
_NAMED = frozenset(["name", "home", "hometown", "birthplace", "employer", "school", "workplace", "client", "nickname"])
_JOB_ENDING = re.compile(r"(?:er|or|ist|ian|man|woman|chef|nurse|pilot|clerk|intern|student|teacher)$", re.IGNORECASE)
_EVIDENCE = {
    "home": r"\b(?:liv(?:e|es|ing)|mov(?:e|ed|ing)|home|based|resid\w+|settled|relocated|place|apartment|flat|house)\b|[住搬]|家|定居",
    "hometown": r"\b(?:from|grew up|raised|born|hometown|native)\b|老家|家乡|长大|出生|来自|[^一-鿿]?人$",
    "birthplace": r"\bborn\b|出生",
    "employer": r"\b(?:work\w*|job|employ\w*|joined|hired|started|with|intern\w*|company|position)\b|公司|上班|工作|任职|入职|单位",
    "workplace": r"\b(?:work\w*|job|office|shift)\b|上班|工作",
    "job": r"\b(?:work\w*|job|career|am|i'm|is|became|become|as|profession|position|train\w*)\b|是|当|做|工作|职业|担任",
    "name": r"\b(?:name|named|called|call|i'm)\b|叫|名",
    "age": r"\b(?:old|age|aged|turn\w*|birthday|i'm|am|is)\b|岁",
    "birthday": r"\b(?:birthday|born)\b|生日|出生",
    "phone number": r"\b(?:phone|number|call|text|mobile|reach)\b|电话|手机|号",
    "email": r"@",
    "allergy": r"\b(?:allerg\w*|intoleran\w*|hives|swell\w*)\b|过敏",
    "likes": r"\b(?:lik(?:e|es|ed|ing)|lov(?:e|es|ed|ing)|enjoy\w*|fan|favou?rites?|hobb\w+|passion\w*|into|obsess\w*|ador\w+|keen|fond)\b|喜欢|爱|热爱|迷上",
    "dislikes": r"\b(?:dislik\w*|hat(?:e|es|ed)|can't|cannot|don't|doesn't|detest\w*|loath\w*|afraid|scared|sick of)\b|讨厌|不喜欢|受不了|恨|不吃|怕",
    "language": r"\b(?:speak\w*|language|fluent\w*|native|learn\w*|bilingual)\b|说|讲|语言|学",
    "plan": r"\b(?:will|'ll|going|plan\w*|appointment|flight|fly\w*|leav\w*|start\w*|have|next|tomorrow|upcoming|\w+ing)\b|要|打算|计划|准备|将|预约",
    "event": r"\b(?:\w+ed|went|got|bought|met|ran|won|took|made|gave|had|did|flew|drove|saw|began|broke|lost|left)\b|了|过",
    "car": r"\b(?:drive\w*|drove|car|bought)\b|车",
    "diet": r"\b(?:vegetarian|vegan|pescatarian|keto|gluten|halal|kosher|diet|eat\w*|meat)\b|吃|素",
    "school": r"\b(?:school|university|college|stud\w+|graduat\w+|degree|attend\w*|academy)\b|大学|学校|毕业|上学|读|学院",
    "field of study": r"\b(?:stud\w+|major\w*|degree|graduat\w+|phd|master\w*|bachelor\w*)\b|专业|学|读|毕业",
    "member of": r"\b(?:member|join\w*|team|club|choir|band|league|play\w* for|volunteer\w*)\b|加入|成员|队|社团|会员",
}


KNOWN = frozenset(_EVIDENCE)
"""Attributes that a value can be checked for; any other must be named in the sentence."""


def evident(attribute: str, sentence: str) -> bool:
    """Whether a sentence has a word of those without which it does not speak of the attribute."""
    return re.search(_EVIDENCE[attribute], sentence, re.IGNORECASE) is not None


def fits(attribute: str, value: str) -> bool:
    """Whether a value is of the kind that the attribute asks for: a name, an occupation, a language, a number."""
    if is_relation(attribute) or attribute in _NAMED:
        return _is_name(value)
    if attribute == "job":
        return bool(HAN.search(value)) or _is_occupation(value)
    if attribute == "language":
        return value in LANGUAGES or bool(re.fullmatch(r"[一-鿿]{1,4}[语文话]", value))
    if attribute == "email":
        return re.fullmatch(r"[^\s@]+@[^\s@]+\.\w+", value) is not None
    if attribute in ("phone number", "age"):
        return any(sign.isdigit() for sign in value)
    return True


def _is_name(value: str) -> bool:
    return _NAME.fullmatch(value) is not None and value.split()[0] not in NOT_NAMES


def _is_occupation(value: str) -> bool:
    last = value.split()[-1].lower()
    return len(value.split()) <= 4 and (last in OCCUPATIONS or _JOB_ENDING.search(last) is not None)
