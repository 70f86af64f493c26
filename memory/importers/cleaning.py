"""Text from anywhere made fit to store: composed characters, one kind of newline, nothing SQLite or JSON refuses."""

from __future__ import annotations

import re
import unicodedata

_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st", "\u00ad": None}
)
_NEWLINES = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_UNREADABLE = re.compile(r"[\x00\ufffd\ue000-\uf8ff]")


def clean(text: str) -> str:
    """The text in NFC with ``\\n`` newlines, without control characters, byte order marks and lone surrogates."""
    text = _CONTROL.sub("", _NEWLINES.sub("\n", text))
    return unicodedata.normalize("NFC", _SURROGATES.sub("\ufffd", text))


def one_line(text: str) -> str:
    """The text cleaned, without line breaks and doubled spaces, as names are shown."""
    return " ".join(clean(text).split())


def spell_out_ligatures(text: str) -> str:
    """``ﬁ`` as ``fi`` and so on, soft hyphens gone, so that a search for "classifies" finds what a typesetter set."""
    return text.translate(_LIGATURES)


def unreadable_share(text: str) -> float:
    """Share (0..1) of characters that stand for nothing: NUL, replacement and private-use characters."""
    return len(_UNREADABLE.findall(text)) / len(text) if text else 0.0
