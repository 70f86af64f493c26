"""What people write around their message: commands, mentions, captions and the arguments of commands. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_COMMAND = re.compile(r"/(\w+)(?:@(\w+))?(?:\s+(.*))?\Z", re.DOTALL)
_ABOUT = r"about|关于"
_SINCE = r"since\b|自从|自(?=[\s\d上去昨今前本这])"  # 自行车 is a bicycle
_LEARN = re.compile(r"^\s*(?:/learn(?:@\w+)?|learn from|学习)\s*[:：]?\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_ME = re.compile(r"^\s*(?:me|我)\s*[:：]\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)


_STOP = re.compile(r"(?:/stop(?:@\w+)?|stop|stop it|停|停止|停下|别说了)[.!。！]?", re.IGNORECASE)


@dataclass(frozen=True)
class Command:
    """A command and what stands after it."""

    name: str
    argument: str


def command_of(text: str, *, bot: str) -> Command | None:
    """The command that a text begins with; None where it is none, or meant for another bot."""
    found = _COMMAND.match(text.strip())
    if found is None or (found[2] and found[2].lower() != bot.lower()):
        return None
    return Command(found[1].lower(), (found[3] or "").strip())


def is_stop(text: str) -> bool:
    """Whether a message says no more than that the bot should stop writing."""
    return _STOP.fullmatch(text.strip()) is not None


def without_mention(text: str, *, bot: str) -> str:
    """A text without the bot's own name in it."""
    return re.sub(rf"\s*@{re.escape(bot)}\b[,:，：]?\s*", " ", text, flags=re.IGNORECASE).strip()


def joined(texts: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Several messages as one text, a line each, and where each of them stands in it, as characters from and to."""
    text = "\n".join(part for part in texts if part)
    places, end = [], 0
    for part in texts:
        start = end + 1 if end and part else end
        end = start + len(part)
        places.append((start, end))
    return text, places


def mentions(text: str, *, bot: str) -> bool:
    """Whether a text calls the bot by its name."""
    return re.search(rf"@{re.escape(bot)}\b", text, re.IGNORECASE) is not None


@dataclass(frozen=True)
class SummaryWish:
    """What /summary is asked for."""

    about: str | None = None
    since: str | None = None


def summary_wish(argument: str) -> SummaryWish:
    """Read "about X since Y", "since Y", "X", and the same in Chinese."""
    rest, since = argument.strip(), None
    found = re.search(rf"(?:^|\s)(?:{_SINCE})\s*(.+)\Z", rest, re.IGNORECASE | re.DOTALL)
    if found:
        rest, since = rest[: found.start()].strip(), found[1].strip()
    about = re.sub(rf"^(?:{_ABOUT})\s*", "", rest, flags=re.IGNORECASE).strip()
    return SummaryWish(about or None, since)


@dataclass(frozen=True)
class ImportWish:
    """What the caption of a document asks for: which speaker of a dialogue the user is, and whom to learn from."""

    me: str | None = None
    learn_from: str | None = None


def import_wish(caption: str) -> ImportWish:
    """Read "learn from NAME", "/learn NAME" and "me: NAME", one a line or parted by commas."""
    lines = re.sub(r"[,;，；]\s*", "\n", caption)
    learn, me = _LEARN.search(lines), _ME.search(lines)
    return ImportWish(me[1] if me else None, learn[1] if learn else None)


def pressed(data: str) -> tuple[str, Sequence[str]]:
    """Callback data as its kind and its values."""
    name, *values = data.split(":")
    return name, values
