"""Bytes become text by evidence, in an order in which each step is surer than the next.

A byte order mark (UTF-32 before UTF-16, whose mark is its beginning), UTF-8, the NULs of UTF-16 without a mark, the
escapes of ISO-2022-JP, the charset that an HTML page declares, English with the quotes and dashes of Windows, then
chardet, which scores the encodings that people's files are in by the letters of each language. What chardet calls by
an older name is read as the superset that programs write under it (GB18030 for GB2312, cp932 for Shift-JIS).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.IGNORECASE)
_ASCII = re.compile(r"[\x20-\x7e\n]")
_WIDE = re.compile(r"[^\x00-\x7f]")
_MIXED = re.compile(r"[A-Za-z][\u0370-\u06ff]|[\u0370-\u06ff][A-Za-z]")
_ENGLISH = re.compile(r"[\x00-\x7f‘’‚“”„–—…•€£§©®°«»·½¼¾×™]|(?<=[a-z])[éèïöüñç](?![^\W\d_a-z])|[éèïöüñç](?=[a-z])")
_BINARY_SHARE = 0.01
_SAMPLE = 20_000
"""Characters, or bytes of lines with letters outside ASCII, that tell how a text is encoded."""
_CANDIDATES = (
    *("gb18030", "big5hkscs", "cp932", "euc_jis_2004", "cp949"),
    *("cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258"),
    *("iso8859-2", "iso8859-5", "iso8859-7", "koi8-r", "koi8-u", "cp866", "mac-roman"),
)
_NAME_CANDIDATES = (*_CANDIDATES, "cp437", "cp850", "cp852")
"""DOS code pages are in names within ZIP archives, hardly ever in files."""
_SUPERSETS = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "big5": "big5hkscs", "euc_kr": "cp949"}


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
    for read in (_escaped, _utf8, _declared, _typographic, _scored):
        if text is None:
            text = read(data)
    return text if text is not None and _is_text(text) else None


def decode_together(names: Sequence[bytes]) -> list[str]:
    """Short texts of one origin, such as the names in an archive: what one leaves open the others tell."""
    try:
        return [name.decode("utf-8") for name in names]
    except UnicodeDecodeError:
        encoding = _best(b"\n".join(name for name in names if not name.isascii())[:_SAMPLE], _NAME_CANDIDATES)
    return [name.decode(encoding or "cp437", errors="replace") for name in names]


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


def _escaped(data: bytes) -> str | None:
    """ISO-2022-JP is ASCII with escapes; read as UTF-8 it would be noise."""
    return _try(data, "iso2022_jp_2") if b"\x1b$" in data and b"\x1b(" in data else None


def _typographic(data: bytes) -> str | None:
    """English of a Windows program: no letters but ASCII ones, and a few accents at most (café, naïve)."""
    text = _try(data, "cp1252")
    if text is None or _ENGLISH.sub("", text):
        return None
    accents = sum(char.isalpha() for char in _WIDE.findall(text))
    return text if accents <= 1 + len(text) / 500 else None


def _scored(data: bytes) -> str | None:
    lines = b"\n".join(_telling_lines(data))
    encoding = _best(lines, _CANDIDATES)
    return None if encoding is None else data.decode(encoding, errors="replace")


def _telling_lines(data: bytes) -> list[bytes]:
    """Lines with bytes outside ASCII, for a page of English says nothing about the one name in it."""
    found: list[bytes] = []
    size = 0
    for line in data.splitlines():
        if size < _SAMPLE and not line.isascii():
            found.append(line[:_SAMPLE])
            size += len(line)
    return found


def _best(sample: bytes, candidates: Sequence[str]) -> str | None:
    """The likeliest encoding in which no word mixes Latin letters with those of another alphabet."""
    import chardet

    found = chardet.detect_all(sample, ignore_threshold=True, include_encodings=candidates, compat_names=False)
    names = [codecs.lookup(item["encoding"]).name for item in found if item["encoding"]]
    names = [_SUPERSETS.get(name, name) for name in names]
    unmixed = (name for name in names if not _MIXED.search(sample.decode(name, errors="replace")))
    return next(unmixed, names[0] if names else None)
