"""Mail as programs keep it, one message (EML) or a mailbox of them (MBOX): who wrote to whom, when, and what.

Mail in the wild breaks every rule: labels that name no charset or the wrong one, headers run together, unencoded
letters in headers. Nothing of it costs more than its own letters. The answer that a reply quotes is left out where the
mailbox itself holds it, since it would be found once a reply; a single message keeps it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from memory.importers.cleaning import clean, one_line
from memory.importers.encodings import decode
from memory.importers.html import read_html
from memory.importers.problems import first_few
from memory.importers.quoting import without_quotes
from memory.importers.records import Block, Conversion, ConversionError, ExtractedDocument, SourceFile
from memory.importers.within import STEP, Convert, Names, Within, file_step, title_step

if TYPE_CHECKING:
    from email.message import Message

_MAX_DEPTH = 5
"""Messages forwarded within messages; a chain of more is made to do harm."""
_MAX_ATTACHMENTS = 100
_FROM_LINE = re.compile(
    rb"^From [^\r\n]{0,200}?\d\d:\d\d(?::\d\d)?[^\r\n]{0,60}?\b(?:19|20)\d\d\b[^\r\n]{0,60}\r?\n", re.MULTILINE
)
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:")
_LENGTH = re.compile(rb"(\d{1,9}) *\r?\n(?=[A-Za-z-]+:)")
_MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^<>\s]{1,500}>)", re.MULTILINE | re.IGNORECASE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+?)(?=["';\s]|content-|$)""", re.IGNORECASE)
_NOT_READ = ("application/pgp-signature", "application/pkcs7-signature", "text/x-amp-html", "application/ms-tnef")
_TEXTS = ("text/plain", "text/html", "text/enriched")
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "iso-8859-1": "cp1252", "ks_c_5601-1987": "cp949"}
"""What programs write under these labels."""
_NO_LABELS = ("us-ascii", "ascii", "unknown-8bit", "punycode", "idna", "unicode_escape", "raw_unicode_escape")
"""Labels that say nothing, and Python's codecs that are no charsets."""
_LONGEST_HEADER = 10_000
"""Characters of a header that are read, and of those that are written into the text:"""
_SHOWN_OF_HEADER = 1000
_SHOWN = ("From", "To", "Cc", "Date", "Subject")


def is_mail(data: bytes, name: str) -> bool:
    """Whether the bytes begin as a message: header lines, among them one that only mail has."""
    head = _unwrapped(data[:8192])
    lines = re.split(rb"\r?\n", re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0])
    names = {line.partition(b":")[0].lower() for line in lines if _HEADER.match(line)}
    if not lines or not _HEADER.match(lines[0]) or b"from" not in names:
        return False
    certain = {b"message-id", b"mime-version", b"received", b"return-path", b"delivered-to"}
    return bool(names & certain) or name.lower().endswith((".eml", ".mht", ".mhtml"))


def _unwrapped(data: bytes) -> bytes:
    """The message, without a byte order mark and without what Apple Mail (EMLX) writes before and after it."""
    data = data.lstrip(b"\xef\xbb\xbf\r\n")
    found = _LENGTH.match(data)
    return data[found.end() : found.end() + int(found.group(1))] if found else data


def is_mailbox(data: bytes) -> bool:
    """Whether the bytes begin with the line that parts the messages of a mailbox, and a header after it."""
    data = data[:8192].lstrip(b"\xef\xbb\xbf\r\n")
    found = _FROM_LINE.match(data)
    return bool(found and _HEADER.match(data, found.end()))


def read_mail(data: bytes, file: SourceFile, convert: Convert) -> Conversion:
    """The message, then what is attached to it; ``part`` of an attachment is its name.

    :param convert: reads an attachment
    :raises ConversionError: it holds no text
    """
    message = _Reading(_parsed(_unwrapped(data)), title=file.title, encoding=file.hints.encoding)
    within = Within(file, convert)
    documents = (message.document(), *message.attached(within, ""))
    return Conversion(documents, (*message.problems, *within.warnings("attachments")))


def read_mailbox(data: bytes, file: SourceFile, convert: Convert) -> Conversion:
    """One document a message, in the mailbox's order; ``part`` is its subject, and what is attached comes after it.

    :param convert: reads an attachment
    :raises ConversionError: it holds more messages than are read
    """
    documents: list[ExtractedDocument] = []
    problems: list[str] = []
    within = Within(file, convert)
    messages = list(split_mailbox(data))
    file.allowance.take_members(file.name, len(messages))
    names = Names()
    ids = {found.decode("ascii", "replace") for found in _MESSAGE_ID.findall(data)}
    for number, raw in enumerate(messages, start=1):
        if file.recogniser.time_left() <= 0:
            left = len(messages) - number + 1
            problems.append(f"{left} messages were left for want of time; [import] convert_seconds allows more")
            break
        try:
            found = _Reading(_parsed(raw), title=f"{file.title} {number}", encoding=file.hints.encoding)
            documents += _of_mailbox(found, raw, names, within, drop_quotes=bool(ids & found.answers()))
            problems += [f"message {number}: {problem}" for problem in found.problems]
        except MemoryError:
            raise
        except Exception as exc:  # noqa: BLE001 - the edge of a job: a library may raise anything on a damaged message
            problems.append(f"message {number} could not be read ({type(exc).__name__}: {exc})"[:300])
    warnings = (*first_few(problems, most=8, what="messages"), *within.warnings("attachments"))
    return Conversion(tuple(documents), warnings)


def _parsed(data: bytes) -> Message:
    from email import message_from_bytes

    return message_from_bytes(data)


def split_mailbox(data: bytes) -> Iterator[bytes]:
    """The messages. A line of a body may begin with "From ": only one with a date, after an empty line and before
    a header, parts two messages."""
    data = data.lstrip(b"\xef\xbb\xbf\r\n")
    starts = [
        found
        for found in _FROM_LINE.finditer(data)
        if _HEADER.match(data, found.end()) and (not found.start() or _blank_before(data, found.start()))
    ]
    for place, found in enumerate(starts):
        end = starts[place + 1].start() if place + 1 < len(starts) else len(data)
        yield _QUOTED_FROM.sub(rb"\1", data[found.end() : end])


def _blank_before(data: bytes, at: int) -> bool:
    return data[max(0, at - 3) : at].replace(b"\r", b"").endswith(b"\n\n")


def _of_mailbox(
    found: _Reading, raw: bytes, names: Names, within: Within, *, drop_quotes: bool
) -> list[ExtractedDocument]:
    document = found.document(drop_quotes=drop_quotes)
    part = names.unique(title_step(document.title))
    sha256 = hashlib.sha256(raw.rstrip()).hexdigest()
    return [replace(document, part=part, sha256=sha256), *found.attached(within, f"{part}{STEP}")]


class _Reading:
    """One message, and what of it could not be read."""

    def __init__(self, message: Message, *, title: str, encoding: str | None = None, depth: int = 0) -> None:
        self._message = message
        self._title = title
        self._encoding = encoding
        self._depth = depth
        self.problems: list[str] = []

    def document(self, *, drop_quotes: bool = False) -> ExtractedDocument:
        """Its headers as lines, then its text."""
        headers = {name: text for name in _SHOWN if (text := self._header(name))}
        at = date_of(self._message.get("Date"))
        if at:
            headers["Date"] = at
        text = self._text()
        body = (without_quotes(text) or text) if drop_quotes else text
        lines = "\n".join(f"{name}: {value}" for name, value in headers.items())
        title = headers.get("Subject") or self._title
        return ExtractedDocument(title, "mail", (Block(f"{lines}\n\n{body}".strip(), section=None),), at=at)

    def answers(self) -> set[str]:
        """Ids of the messages that it answers."""
        return set(re.findall(r"<[^<>\s]+>", f"{self._message.get('In-Reply-To')} {self._message.get('References')}"))

    def attached(self, within: Within, folder: str) -> Iterator[ExtractedDocument]:
        """Documents of what is attached, forwarded messages among them; their names begin with ``folder``."""
        names = Names()
        for number, part in enumerate(self._attachments(), start=1):
            if number > _MAX_ATTACHMENTS:
                self.problems.append(f"only the first {_MAX_ATTACHMENTS} attachments were read")
                return
            name = folder + names.unique(_name_of(part) or f"attachment {number}")
            if part.get_content_type() == "message/rfc822":
                yield from self._forwarded(part, name, within)
            else:
                yield from within.read(name, partial(_payload, part))

    def _forwarded(self, part: Message, name: str, within: Within) -> Iterator[ExtractedDocument]:
        inner = _children(part)
        if not inner or self._depth >= _MAX_DEPTH:
            self.problems.append(f"{name}: a forwarded message in it was not read")
            return
        found = _Reading(inner[0], title=PurePath(name).name, encoding=self._encoding, depth=self._depth + 1)
        yield replace(found.document(), part=name)
        yield from found.attached(within, f"{name}{STEP}")
        self.problems += found.problems

    def _attachments(self) -> Iterator[Message]:
        body = {id(part) for part, _ in self._bodies()}
        for part in _parts(self._message):
            kind = part.get_content_type()
            if id(part) in body or (part.is_multipart() and kind != "message/rfc822") or kind in _NOT_READ:
                continue
            if kind.startswith("image/") and part.get("Content-ID") and part.get_content_disposition() != "attachment":
                continue  # a picture of the page's dress, such as a signature's logo
            if kind.startswith("text/") and part.get_content_disposition() != "attachment" and not _name_of(part):
                continue  # the other form of the same text
            yield part

    def _text(self) -> str:
        return "\n\n".join(text for text in (self._read(part, kind) for part, kind in self._bodies()) if text)

    def _bodies(self) -> list[tuple[Message, str]]:
        """Parts that are the message's own text: of alternatives the plain one, unless it is empty."""
        return list(self._bodies_of(self._message))

    def _bodies_of(self, part: Message, depth: int = 0) -> Iterator[tuple[Message, str]]:
        kind = part.get_content_type()
        if kind == "message/rfc822" or depth > 20:
            return
        if part.is_multipart():
            found = [item for child in _children(part) for item in self._bodies_of(child, depth + 1)]
            if kind == "multipart/alternative":
                found = self._preferred(found)
            yield from found
        elif kind in _TEXTS and part.get_content_disposition() != "attachment" and not (_name_of(part) and depth):
            yield part, kind

    def _preferred(self, found: list[tuple[Message, str]]) -> list[tuple[Message, str]]:
        plain = [item for item in found if item[1] == "text/plain" and self._read(*item)]
        return plain or [item for item in found if item[1] != "text/plain"]

    def _read(self, part: Message, kind: str) -> str:
        text = _decoded(_payload(part), _charset_of(part), self._encoding)
        if kind != "text/html" or not text.strip():
            return clean(text).strip()
        try:
            page = read_html(text, name=self._title, title=self._title)
        except ConversionError:
            return ""
        return "\n\n".join(block.text for block in page.blocks)

    def _header(self, name: str) -> str:
        # raw, as the parsed value has lost letters that were not encoded
        values = [value for key, value in self._message.raw_items() if key.lower() == name.lower()]
        text = ", ".join(header_text(value) for value in values[:_MAX_ATTACHMENTS] if value)
        text = one_line(text)
        return text if len(text) <= _SHOWN_OF_HEADER else f"{text[:_SHOWN_OF_HEADER].rpartition(' ')[0]} …"


def header_text(value: Any) -> str:
    """A header with its encoded words decoded; pieces that share a charset are joined first, as a letter may be cut."""
    from email.errors import HeaderParseError
    from email.header import decode_header

    raw = str(value)[:_LONGEST_HEADER]
    if any("\udc80" <= char <= "\udcff" for char in raw):
        raw = decode(raw.encode("utf-8", "surrogateescape")) or raw.encode("ascii", "replace").decode()
    raw = re.sub(r"\?=\s+=\?", "?==?", raw)
    try:
        pieces = decode_header(re.sub(r"\s*\r?\n\s+", " ", raw))
    except (HeaderParseError, ValueError):
        return raw
    joined: list[tuple[bytes, str | None]] = []
    for text, charset in pieces:
        data = text.encode("raw_unicode_escape" if charset else "utf-8") if isinstance(text, str) else text
        if joined and joined[-1][1] == charset:
            joined[-1] = (joined[-1][0] + data, charset)
        else:
            joined.append((data, charset))
    return "".join(_decoded(data, charset, None) for data, charset in joined)


def date_of(value: Any) -> str | None:
    """A Date header as ISO 8601, with its offset; None where it is none."""
    from email.utils import parsedate_to_datetime

    try:
        parsed: datetime = parsedate_to_datetime(str(value))
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return parsed.isoformat() if 1970 <= parsed.year < 2200 else None


def _decoded(data: bytes, charset: str | None, encoding: str | None) -> str:
    """UTF-8 where the bytes are that, as hardly anything else is by chance; else by the label, then by the bytes."""
    if encoding is None and not _is_utf8(data) and charset and charset.lower() not in _NO_LABELS:
        try:
            return data.decode(_WIDER.get(charset.lower(), charset))
        except (LookupError, ValueError):
            pass
    return decode(data, encoding=encoding) or ""


def _is_utf8(data: bytes) -> bool:
    """Whether letters outside ASCII show it; the escapes of ISO-2022 are ASCII."""
    try:
        return not data.isascii() and bool(data.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _charset_of(part: Message) -> str | None:
    found = _CHARSET.search(str(part.get("Content-Type", ""))[:_LONGEST_HEADER])
    return found.group(1) if found else None


def _payload(part: Message) -> bytes:
    encoding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
    if not encoding and (found := re.search(r"content-transfer-encoding:\s*([\w-]+)", str(part.get("Content-Type")))):
        part["Content-Transfer-Encoding"] = found.group(1)  # two headers that a program ran together
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _parts(message: Message) -> Iterator[Message]:
    """All parts but those of messages within it."""
    yield message
    if message.is_multipart() and message.get_content_type() != "message/rfc822":
        for child in _children(message):
            yield from _parts(child)


def _children(part: Message) -> list[Message]:
    from email.message import Message

    payload = part.get_payload()
    return [child for child in payload if isinstance(child, Message)] if isinstance(payload, list) else []


def _name_of(part: Message) -> str | None:
    try:
        name = part.get_filename()
    except (ValueError, LookupError, TypeError):  # of a parameter that is cut in pieces, some of which are missing
        return None
    return file_step(one_line(header_text(name))) if name else None
