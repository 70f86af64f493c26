"""The answer to "when shall I remind you?": a time, a way out, or something else that the chat answers. Pure.

Only an answer that says little but a time is one: "the meeting is tomorrow at 9" tells something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.reminders.parsing import Missing, Wish, complete, parse_reminder

_LONGEST = 100
"""Characters of an answer."""
_BARE_HOUR = re.compile(r"\s*(?:[01]?\d|2[0-4])\s*[.!]?\s*")
_FILLER = re.compile(
    r"(?:(?:please|okay|ok|yes|yeah|sure|well|hm+|let['’]s say|say|maybe|perhaps|how about|what about|what|make it|then"
    r"|i think|thanks|thank you)\b|好的|好|吧|那么?|就|嗯|可以|呢|哦|请|是|啊|行|谢谢|要不|[\s,.!?，。！？、…~-])*",
    re.IGNORECASE,
)
_GIVES_UP = re.compile(
    r"(?:never ?mind|forget it|forget about it|cancel(?: it| that)?|no(?: thanks| thank you)?|leave it|don't|not at all"
    r"|算了|不用了?|不必了?|取消|不提醒了?|没事了?|不要了?)(?:吧|,? (?:please|thanks))?[\s.!。！]*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class GivenUp:
    """The user wants no reminder after all."""


def answer_to_when(missing: Missing, answer: str, *, now: datetime, zone: ZoneInfo) -> Wish | Missing | GivenUp | None:
    """The reminder with the time that was asked for, or what has still to be asked; None where it answers nothing.

    :param now: an aware moment
    """
    plain = answer.strip()
    if _GIVES_UP.fullmatch(plain):
        return GivenUp()
    if not plain or len(plain) > _LONGEST:
        return None
    done = complete(missing, plain, now=now, zone=zone)
    if _BARE_HOUR.fullmatch(plain):
        return done
    read = parse_reminder(plain, now=now, zone=zone, asked=True)
    if read is None or (isinstance(read, Missing) and read.what == "when" and read.text == plain):
        return None
    if _FILLER.fullmatch(read.text):
        return done
    # where it was not said of what either, the answer may say both
    return read if not missing.text and isinstance(read, Wish) else None
