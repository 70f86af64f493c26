"""Bytes become text by evidence, in an order in which each step is surer than the next.

A byte order mark (UTF-32 before UTF-16, whose mark is its beginning), UTF-8, the NULs of UTF-16 without a mark, the
charset that an HTML page declares, GB18030 where the result reads as Chinese, then charset-normalizer. GB18030 is
tried rather than GB2312 or GBK, which are subsets without the rarer characters of names. Single-byte codecs are last:
they decode anything.
"""

from __future__ import annotations

import codecs
import re

from memory.words import HAN

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
_KANA = re.compile(r"[\u3040-\u30ff]")
_ASCII = re.compile(r"[\x20-\x7e\n]")
_WIDE = re.compile(r"[^\x00-\x7f]")
# The commonest characters are a third of any Chinese text; bytes of another encoding hit them by chance (one in fifty).
_COMMON = re.compile(
    "[的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日月，。、：；！？“”]"
)
_BINARY_SHARE = 0.01
_SAMPLE = 20_000
"""Characters outside ASCII that are looked at to tell which language they are."""


def decode(data: bytes, *, encoding: str | None = None) -> str | None:
    """The text, without its byte order mark; None where the bytes are no text in any encoding.

    :param encoding: what the user says it is; a byte that is wrong in it becomes U+FFFD
    """
    if encoding is not None:
        return data.decode(encoding, errors="replace").removeprefix("\ufeff")
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    text = _wide_text(data) if b"\x00" in data else None
    for read in (_utf8, _declared, _chinese, _guessed):
        if text is None:
            text = read(data)
    return text if text is not None and _is_text(text) else None


def _utf8(data: bytes) -> str | None:
    """UTF-8, also with a few bytes broken: guessing again would garble all the rest."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    return text if not broken or len(_WIDE.findall(text)) > 5 * broken else None


def _try(data: bytes, name: str) -> str | None:
    try:
        return data.decode(name)
    except (UnicodeDecodeError, LookupError):
        return None


def _is_text(text: str) -> bool:
    control = sum(text.count(chr(code)) for code in range(32) if chr(code) not in "\t\n\r\f\x1b")
    return control <= 1 + len(text) * _BINARY_SHARE


def _declared(data: bytes) -> str | None:
    found = _DECLARED.search(data[:4096])
    return _try(data, found.group(1).decode("ascii")) if found else None


def _wide_text(data: bytes) -> str | None:
    """UTF-32 or UTF-16 without a mark: NULs stand at the same place of every ASCII character."""
    names = ("utf-32-le", "utf-32-be") if data.count(0) > len(data) / 2 else ()
    best: tuple[float, str] | None = None
    for name in (*names, "utf-16-le", "utf-16-be"):
        text = _try(data, name)
        if text is None or "\x00" in text or not _ASCII.search(text) or not _is_text(text):
            continue
        head = text[:_SAMPLE]
        score = sum(_plausible(char) + char.isascii() for char in head) / max(1, len(head))
        if best is None or score > best[0]:
            best = (score, text)
    return best[1] if best and best[0] > 0.7 else None


def _plausible(char: str) -> bool:
    code = ord(char)
    return (
        code < 0x0530
        or 0x2010 <= code < 0x2040
        or 0x3000 <= code < 0x3100
        or 0x4E00 <= code < 0xA000
        or (0xAC00 <= code < 0xD7A4 or 0xFF00 <= code < 0xFFF0)
    )


def _chinese(data: bytes) -> str | None:
    text = _try(data, "gb18030")
    if text is None:
        return None
    wide = "".join(_WIDE.findall(text))[:_SAMPLE]
    if not HAN.search(wide) or len(_KANA.findall(wide)) > len(wide) / 10 or _everyday(wide) < 0.8 * len(wide):
        return None
    return text if len(wide) < 24 or len(_COMMON.findall(wide)) >= 0.12 * len(wide) else None


def _everyday(chars: str) -> int:
    """How many are punctuation or one of the 3,755 everyday characters of GB 2312 (rows 0xB0 to 0xD7)."""
    codes = [char.encode("gb18030") for char in chars]
    plain = [code for code in codes if len(code) == 2 and code[1] >= 0xA1]
    return sum(0xA1 <= code[0] <= 0xA3 or 0xB0 <= code[0] <= 0xD7 for code in plain)


def _guessed(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    return _try(data, best.encoding) if best else None
