"""What a reply quotes: the answered message, set off by ``>``, or repeated whole under a line of the mail program.

Only a tail is cut: answers written between the quoted lines keep them, as without the question they mean nothing.
"""

from __future__ import annotations

import re

_ATTRIBUTION = re.compile(
    r"(on\b.{5,200}\bwrote|am\b.{5,200}\bschrieb\b.{0,80}|le\b.{5,200}\ba écrit|el\b.{5,200}\bescribió"
    r"|il\b.{5,200}\bha scritto|op\b.{5,200}\bschreef\b.{0,80}|em\b.{5,200}\bescreveu|den\b.{5,200}\bskrev\b.{0,80}"
    r"|.{5,200}(写道|寫道|пишет|написал[аи]?))\s?[:：]$",
    re.IGNORECASE | re.DOTALL,
)
_DIVIDER = re.compile(
    r"^[-_ ]*-{2,} ?(original message|forwarded message|ursprüngliche nachricht|message d'origine|mensaje original"
    r"|原始邮件|原始郵件|исходное сообщение) ?-{2,}[-_ ]*$",
    re.IGNORECASE,
)
_OUTLOOK = re.compile(
    r"^\*?(from|von|de|da|van|发件人|寄件者|от)\*?\s?[:：].+\n\*?(sent|gesendet|envoyé|enviado|inviato|verzonden|发送时间"
    r"|date|datum|to|an|à|отправлено)\*?\s?[:：]",
    re.IGNORECASE,
)
_FORWARD = re.compile(r"forward|weitergeleitet|transféré|reenviado|转发", re.IGNORECASE)


def without_quotes(text: str) -> str:
    """The text up to where it only repeats the answered message; all of it where it says something after that."""
    lines = text.split("\n")
    for place in range(len(lines)):
        if _begins_tail(lines, place):
            return "\n".join(lines[:place]).rstrip()
    return text


def _begins_tail(lines: list[str], place: int) -> bool:
    line = lines[place].strip()
    if not line:
        return False
    if _DIVIDER.match(line):
        return not _FORWARD.search(line)
    if _OUTLOOK.match("\n".join(part.strip() for part in lines[place : place + 2])):
        return place > 0
    if line.startswith(">"):
        return _all_quoted(lines[place:])
    for length in (1, 2, 3):  # the line is broken where the program breaks lines
        parts = [part.strip() for part in lines[place : place + length]]
        if not all(parts):
            break  # what stands before an empty line is the writer's own
        joined = " ".join(parts)
        if _ATTRIBUTION.fullmatch(joined):
            return _all_quoted(lines[place + length :])
    return False


def _all_quoted(lines: list[str]) -> bool:
    """Whether nothing of the writer's own follows; a signature under the quotes is none."""
    for place, line in enumerate(lines):
        if line.rstrip() == "--":
            return place > 0
        if line.strip() and not line.lstrip().startswith(">"):
            return False
    return any(line.strip() for line in lines)
