"""RTF by a walk over its tokens, without recursion: control words out, letters in the codepage of their font.

Written here because the small libraries for it decode every byte in one codepage, which garbles what another script's
font wrote, and keep deleted and hidden text.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field, replace

from memory.importers.cleaning import clean
from memory.importers.records import Block, ConversionError, ExtractedDocument
from memory.importers.sections import Outline

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])|[\r\n]+|([^\\{}\r\n]+)"
)
_CHARSETS = {0: 1252, 77: 10000, 128: 932, 129: 949, 134: 936, 136: 950, 161: 1253, 162: 1254, 163: 1258}
_CHARSETS |= {177: 1255, 178: 1256, 186: 1257, 204: 1251, 222: 874, 238: 1250}
"""Windows codepage by a font's character set."""
_ALIASES = {10000: "mac_roman", 936: "gb18030", 65001: "utf-8", 708: "iso8859_6", 850: "cp850"}
_SKIPPED = frozenset(
    b"fonttbl colortbl stylesheet pict object objdata themedata datastore xmlnstbl listtable listoverridetable rsidtbl "
    b"generator fldinst header footer headerl headerr headerf footerl footerr footerf template bkmkstart bkmkend "
    b"latentstyles datafield revtbl filetbl pgptbl mmathPr pntext pntxta pntxtb nonshppict info sp atrfstart atrfend "
    b"xe tc filetbl".split()
)
_MARKS = {b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"row": "\n", b"tab": "\t", b"cell": " | "}
_MARKS |= {b"nestcell": " | ", b"nestrow": "\n", b"emdash": "—", b"endash": "–", b"bullet": "•", b"lquote": "‘"}
_MARKS |= {b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”", b"emspace": " ", b"enspace": " ", b"qmspace": " "}
_SYMBOLS = {b"\\": "\\", b"{": "{", b"}": "}", b"~": "\u00a0", b"_": "-", b"\n": "\n", b"\r": "\n"}


@dataclass
class _Group:
    """What is set within a pair of braces."""

    codepage: str
    skipped: bool = False
    hidden: bool = False
    deleted: bool = False
    fallback: int = 1
    """Bytes that stand after ``\\u`` for readers without Unicode."""
    note: bool = False


@dataclass
class _Text:
    """What has been read so far."""

    outline: Outline = field(default_factory=Outline)
    blocks: list[Block] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    level: int | None = None
    headings: int = 0

    def end_line(self) -> None:
        text = clean("".join(self.words)).strip().removesuffix("|").rstrip()
        self.words = []
        if not text:
            return
        if self.level and len(self.lines) > self.headings:
            self.end_block()
        if self.level:
            self.outline.enter(self.level, text)
            self.headings += 1
        self.lines.append(text)

    def end_block(self) -> None:
        if self.lines:
            self.blocks.append(Block("\n".join(self.lines), section=self.outline.path))
        self.lines, self.headings = [], 0


def read_rtf(data: bytes, *, name: str, title: str) -> ExtractedDocument:
    """Blocks by heading, where the file marks outline levels; table cells joined by `` | ``; notes at the end.

    :raises ConversionError: it holds no text
    """
    reader = _Reader(_fonts(data))
    reader.read(data)
    text = reader.text
    text.end_line()
    text.end_block()
    notes = "\n".join(filter(None, (clean(line).strip() for line in "".join(text.notes).split("\n"))))
    blocks = [*text.blocks, *([Block(notes, section="Notes")] if notes else [])]
    if not blocks:
        raise ConversionError(f"{name} holds no text")
    found = re.search(rb"\\info\b.{0,2000}?\{\\title ([^{}\\]{1,300})\}", data, re.DOTALL)
    heading = clean(found.group(1).decode("cp1252", "replace")).strip() if found else ""
    return ExtractedDocument(title=heading or title, format="rtf", blocks=tuple(blocks))


def _fonts(data: bytes) -> dict[int, str]:
    """The codepage of each font of the font table."""
    start = data.find(b"\\fonttbl")
    table = data[start : start + 200_000] if start >= 0 else b""
    found = re.findall(rb"\\f(\d{1,6})\b[^{};]{0,200}?\\fcharset(\d{1,3})", table)
    return {int(number): _codec(_CHARSETS[int(charset)]) for number, charset in found if int(charset) in _CHARSETS}


def _codec(codepage: int) -> str:
    name = _ALIASES.get(codepage, f"cp{codepage}")
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "cp1252"


class _Reader:
    def __init__(self, fonts: dict[int, str]) -> None:
        self.text = _Text()
        self._fonts = fonts
        self._default = "cp1252"
        self._groups = [_Group(self._default)]
        self._bytes = bytearray()
        self._codepage = self._default
        self._to_skip = 0
        self._high = ""

    def read(self, data: bytes) -> None:
        """Take in all tokens; whatever is no token is passed over."""
        at = 0
        while (token := _TOKEN.search(data, at)) is not None:
            at = token.end()
            word, number, code, symbol, brace, plain = token.groups()
            if word == b"bin":
                at += max(0, int(number or 0))
            elif word:
                self._word(word, int(number) if number else None)
            elif code:
                self._letters(bytes.fromhex(code.decode("ascii")))
            elif symbol:
                self._symbol(symbol)
            elif brace:
                self._brace(brace)
            elif plain:
                self._letters(plain)
        self._flush()

    def _brace(self, brace: bytes) -> None:
        self._flush()
        self._to_skip = 0
        if brace == b"{":
            self._groups.append(replace(self._groups[-1]))
        elif len(self._groups) > 1:
            closed = self._groups.pop()
            if closed.note and not self._groups[-1].note:
                self.text.notes.append("\n")

    def _word(self, word: bytes, number: int | None) -> None:
        group = self._groups[-1]
        if word == b"u" and number is not None:
            self._unicode(number)
            return
        self._flush()
        if word in _SKIPPED:
            group.skipped = True
        elif word in _MARKS:
            self._add(_MARKS[word])
        elif word in (b"footnote", b"annotation"):
            group.note, group.skipped = True, self._groups[-2:][0].skipped  # the second undoes a ``\\*``
        elif word == b"shptxt":
            group.skipped = False
        elif word == b"ansicpg" and number:
            self._default = group.codepage = self._groups[0].codepage = _codec(number)
        elif word == b"f" and number is not None:
            group.codepage = self._fonts.get(number, self._default)
        elif word == b"uc":
            group.fallback = max(0, min(number or 0, 100))
        else:
            self._switch(group, word, number)

    def _switch(self, group: _Group, word: bytes, number: int | None) -> None:
        if word == b"v":
            group.hidden = number != 0
        elif word == b"deleted":
            group.deleted = number != 0
        elif word == b"plain":
            group.hidden = group.deleted = False
        elif word == b"pard":
            self.text.level = None
        elif word == b"outlinelevel" and number is not None and number < 9 and not group.skipped:
            self.text.level = number + 1

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._groups[-1].skipped = True  # undone by the destinations that are known to hold text
        elif symbol in _SYMBOLS:
            self._flush()
            self._add(_SYMBOLS[symbol])

    def _unicode(self, number: int) -> None:
        self._flush()
        unit = chr(number & 0xFFFF)
        if 0xD800 <= ord(unit) < 0xDC00:
            self._high = unit
        else:
            pair = (self._high + unit).encode("utf-16-le", "surrogatepass")
            self._high = ""
            self._add(pair.decode("utf-16-le", "replace"))
        self._to_skip = self._groups[-1].fallback

    def _letters(self, letters: bytes) -> None:
        skipped = min(self._to_skip, len(letters))
        self._to_skip -= skipped
        if self._codepage != self._groups[-1].codepage:
            self._flush()
            self._codepage = self._groups[-1].codepage
        self._bytes += letters[skipped:]

    def _flush(self) -> None:
        """Decode what came since the last token that is no letter: a character may be of two bytes."""
        if self._bytes:
            letters = bytes(self._bytes)
            self._bytes.clear()
            self._add(letters.decode(self._codepage, "replace"))

    def _add(self, text: str) -> None:
        group = self._groups[-1]
        if group.skipped or group.hidden or group.deleted:
            return
        if group.note:
            self.text.notes.append(text)
        elif text == "\n":
            self.text.end_line()
        else:
            self.text.words.append(text)
