"""What people call a kind of entry, as in "/trend weight" or the heading of a column. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAMES: Mapping[str, str] = {
    "blood_pressure": r"blood[ _]?pressures?|bp|systolic|diastolic|血压|高压|低压",
    "heart_rate": r"(?:resting |average )?heart[ _]?rates?|hr|pulse|bpm|静息心率|心率|心跳|脉搏",
    "glucose": r"(?:blood )?(?:glucose|sugar)|血糖",
    "oxygen": r"(?:blood )?oxygen(?: saturation)?|spo2|血氧(?:饱和度)?",
    "temperature": r"(?:body )?temp(?:erature)?|fever|体温",
    "sleep": r"sleep(?:ing)?(?: (?:time|duration))?|slept|睡眠|睡觉|睡",
    "steps": r"steps?(?: count)?|步数|步",
    "run": r"runs?|running|ran|jog(?:ging|s)?|跑步|跑",
    "walk": r"walks?|walking|walked|hikes?|hiking|走路|散步|步行|徒步",
    "ride": r"(?:bike |bicycle )?rides?|cycling|biking|cycled|骑行|骑车|骑",
    "swim": r"swims?|swimming|swam|游泳",
    "workout": r"work ?outs?|exercise|gym|training|yoga|锻炼|健身|运动|瑜伽",
    "meditation": r"meditations?|meditating|meditated|冥想|打坐",
    "water": r"water(?: intake)?|喝水量?|饮水量?|水",
    "coffee": r"coffees?|咖啡",
    "alcohol": r"alcohol|drinks|beers?|wine|酒|饮酒|喝酒",
    "cigarettes": r"cigarettes?|smoking|抽烟|吸烟|烟",
    "mood": r"mood|心情|情绪",
    "waist": r"waist(?:line)?|腰围",
    "height": r"height|身高",
    "weight": r"(?:body )?weight|weigh(?:ed|ing)?|体重",
}
_KIND = {
    name: re.compile(rf"(?:\b(?:{pattern})\b|(?:{pattern})(?<=[\u4e00-\u9fff]))") for name, pattern in _NAMES.items()
}


def kind_in(text: str) -> str | None:
    """The kind that a text names, the first where it names several; None where it names none.

    >>> kind_in("my blood pressure"), kind_in("体重"), kind_in("the weather")
    ('blood_pressure', 'weight', None)
    """
    plain = text.lower().replace("_", " ")
    found = [(match.start(), -match.end(), name) for name, form in _KIND.items() if (match := form.search(plain))]
    return min(found)[2] if found else None


def without_kind(text: str, kind: str) -> str:
    """The text without the first naming of a kind."""
    return _KIND[kind].sub(" ", text.lower().replace("_", " "), count=1)
