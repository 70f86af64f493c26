"""WhatsApp's text export of Android and iOS, in the language of the phone that wrote it.

The form of the lines and the order of day and month are decided once for the file, by all its lines. What has no
header continues the message above it, and what only looks like one is read as one: the file alone can't tell.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from memory.importers.chats.common import Chat, single
from memory.importers.chats.dates import DATE, TIME, Clock, Date, Decided, decide_order, local_time, parts_of
from memory.importers.chats.whatsapp_words import EDITED, ENCRYPTION, is_notice, placeholder
from memory.importers.cleaning import one_line
from memory.importers.records import ExtractedDocument

_MARKS = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_WHEN = rf"{DATE}[,\s]*(?:(?:à|às|um|at|alle|a las|de|kl\.?)\s)?{TIME}(?:\s?(?:Uhr|h))?"
_HEADERS = (re.compile(rf"\[{_WHEN}\]\s?"), re.compile(rf"{_WHEN}\s[-–—]\s"))
"""The forms of iOS and of Android."""
_SENDER = re.compile(r"([^\n]{1,120}?):(?:\s|$)")
_LOG_LEVEL = re.compile(r"\W*(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\W*")
_SNIFFED_LINES = 40


@dataclass(frozen=True)
class _Message:
    date: Date
    clock: Clock
    body: str
    """What follows the header, with the lines that continue it."""
    marked: bool
    """The program itself wrote the body: it begins with a left-to-right mark after the sender."""


def is_whatsapp(text: str) -> bool:
    """Whether one of the first lines that aren't blank, and a sender somewhere after, look like an export."""
    lines = [_MARKS.sub("", line) for line in text[:20_000].splitlines()[:_SNIFFED_LINES] if line.strip()]
    form = _form(lines)
    headed = [line for line in lines if form.match(line)]
    first = bool(lines) and form.match(lines[0]) is not None
    senders = [found.group(1) for line in headed if (found := _SENDER.match(line, _end(form, line)))]
    spoken = sum(not _LOG_LEVEL.fullmatch(sender) for sender in senders)
    return first and (spoken >= 2 or (spoken == 1 and len(headed) * 2 >= len(lines)) or _has_notice(headed, form))


def _has_notice(lines: Sequence[str], form: re.Pattern[str]) -> bool:
    return any(ENCRYPTION.search(line[_end(form, line) :]) for line in lines)


def _end(form: re.Pattern[str], line: str) -> int:
    found = form.match(line)
    return found.end() if found else 0


def _form(lines: Sequence[str]) -> re.Pattern[str]:
    return max(_HEADERS, key=lambda form: sum(form.match(line) is not None for line in lines))


def read_whatsapp(text: str, *, name: str, title: str) -> ExtractedDocument:
    """The messages of a chat with local times; the program's own notices are left out, media are placeholders.

    :raises ConversionError: nothing in it is a message
    """
    messages = list(_messages(text))
    decided = decide_order(
        [message.date for message in messages],
        twelve_hours=any(message.clock[0] or message.clock[4] for message in messages),
        slashes=not all("." in line for line in text[:200].splitlines()[:1]),
    )
    chat = Chat(title, "whatsapp")
    spoken = [(message, *pair) for message in messages if (pair := _spoken(message)) is not None]
    prefixes = _longer_names([(speaker, body) for _, speaker, body in spoken])
    for number, (message, speaker, body) in enumerate(spoken, start=1):
        if speaker in prefixes:
            speaker, body = f"{speaker}: {prefixes[speaker]}", body[len(prefixes[speaker]) + 2 :]
        shown = _shown(body, marked=message.marked)
        chat.add(number, speaker, shown, at=local_time(message.date, message.clock, decided.order))
    chat.problems += _problems(decided, chat)
    chat.me = _owner(title, [line.speaker for line in chat.lines])
    return single(chat, name=name)


def _problems(decided: Decided, chat: Chat) -> list[str]:
    lost = sum(line.at is None for line in chat.lines)
    found = [f"no line tells whether day or month comes first; {decided.order} is assumed"] if not decided.sure else []
    return [*found, *([f"{lost} messages have a date that doesn't exist"] if lost else [])]


def _messages(text: str) -> Iterator[_Message]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    bare = [_MARKS.sub("", line) for line in lines]
    form = _form(bare)
    current: _Message | None = None
    for line, original in zip(bare, lines, strict=True):
        found = form.match(line)
        if found is None or not _exists(found):
            current = current and replace(current, body=f"{current.body}\n{line}")
            continue
        if current is not None:
            yield current
        rest = line[found.end() :]
        current = _Message(*parts_of(found), rest, _is_marked(original, rest))
    if current is not None:
        yield current


def _exists(header: re.Match[str]) -> bool:
    """Whether some order makes a day of the numbers: 99/99/9999 heads no message."""
    return any(local_time(*parts_of(header), order) for order in ("day first", "month first", "year first"))


def _is_marked(original: str, rest: str) -> bool:
    sender = _SENDER.match(rest)
    return "\u200e" in original[1:] and re.search(r":\s\u200e", original) is not None if sender else False


def _spoken(message: _Message) -> tuple[str, str] | None:
    """Who says what; None for a notice of the program."""
    found = _SENDER.match(message.body)
    if found is None or is_notice(found.group(1)):
        return None
    body = message.body[found.end() :]
    if ENCRYPTION.search(body) or (message.marked and is_notice(body)):
        return None
    return one_line(found.group(1)), body


def _longer_names(lines: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Of names that hold a colon ("Mum: home"), what follows it: all lines of that sender begin with it."""
    said: dict[str, list[str]] = {}
    for speaker, body in lines:
        said.setdefault(speaker, []).append(body)
    found = {}
    for speaker, bodies in said.items():
        begin, colon, _ = bodies[0].partition(": ")
        if colon and len(bodies) > 2 and len(begin) < 40 and all(body.startswith(f"{begin}: ") for body in bodies):
            found[speaker] = begin
    return found


def _shown(body: str, *, marked: bool) -> str:
    first, newline, rest = EDITED.sub("", body).partition("\n")
    shown = placeholder(first.strip(), marked=marked)
    return "" if shown == "" else (first if shown is None else shown) + newline + rest


def _owner(title: str, speakers: Sequence[str]) -> str | None:
    """In a chat of two, the one whose name is not in that of the file, "WhatsApp Chat with Bo"."""
    names = list(Counter(speakers))
    named = [name for name in names if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", title)]
    return next((name for name in names if name not in named), None) if len(names) == 2 and len(named) == 1 else None
