"""Names that people give themselves, as data: on one line, of bearable length, and never what they pretend to be.

A name stands in prompts, in questions to the owner and in lists. It can hold anything: line breaks, marks that turn the
direction of writing, what looks like a role of the chat or like the name of a group's memory. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST = 64
"""Characters, as Telegram lets a first name have."""
_MEANT = frozenset('[](){}<>|:;：；【】「」『』《》〈〉＜＞［］｜`"“”„«»\\#*_~=')
"""What frames a citation, a role, a tag of a chat template, a quotation or a heading."""
_ROLE = re.compile(
    r"(?:system|assistant|user|human|developer|tool|owner)(?![^\W\d_])|(?:系统|助手|助理|用户|机器人|主人)|group[ -]*\d"
)


def clean_name(name: str, *, instead: str) -> str:
    """A name as it may be kept and shown; ``instead`` where nothing of it is left.

    Letters of any script and emoji stay. Control characters, marks of direction, characters of no width and signs that
    frame a role or a quotation become a space; what begins like a role of the chat gets an "@" before it.
    """
    composed = unicodedata.normalize("NFC", name[: LONGEST * 16])
    kept = "".join(" " if _is_unwanted(character) else character for character in composed)
    shown = " ".join(kept.split())[:LONGEST].strip()
    if not any(unicodedata.category(character)[0] in "LNS" for character in shown):
        shown = instead
    return f"@{shown}"[:LONGEST] if _ROLE.match(_plain(shown)) else shown


def free_name(name: str, taken: Iterable[str], *, telegram_id: int) -> str:
    """The name, or one like it that nobody has who looks the same: the account's number follows it then."""
    looks = {_plain(other) for other in taken}
    wanted, number = name, 1
    while _plain(wanted) in looks:
        tail = f"-{telegram_id}" if number == 1 else f"-{telegram_id}-{number}"
        wanted, number = f"{name[: LONGEST - len(tail)]}{tail}", number + 1
    return wanted


def _is_unwanted(character: str) -> bool:
    # Cc control, Cf format (direction, no width), Cs half a pair, Co private, Cn unassigned, Z separators
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or character in _MEANT


def _plain(name: str) -> str:
    """How a name looks: width, case and accents aside, the Cyrillic and Greek twins of Latin letters as these."""
    folded = unicodedata.normalize("NFKD", name).casefold().translate(_TWINS)
    return " ".join("".join(letter for letter in folded if unicodedata.category(letter) != "Mn").split())


_TWINS = str.maketrans("аеорсухіјѕԁһвкмнтαοριτνκ", "aeopcyxijsdhbkmhtaopitvk")
