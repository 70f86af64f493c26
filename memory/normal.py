"""Text as it is searched: what readers take for the same is written in one way.

Only for the words that are indexed or asked and for what is embedded; what is stored and shown stays as it was
written. Both sides of a search pass through here, so that a question typed on a keyboard finds what a typesetter,
a PDF or a chat program wrote with ligatures, full-width letters, invisible signs or words broken at the line's end.
"""

from __future__ import annotations

import re
import unicodedata

_COMPATIBLE = re.compile(
    "["
    "\u2e80-\u2fdf"  # radicals, which PDFs hold in place of the characters
    "\uf900-\ufb4f"  # compatibility ideographs, Latin and Hebrew ligatures
    "\ufb50-\ufdff\ufe70-\ufefc"  # Arabic presentation forms
    "\uff01-\uffee"  # full-width and half-width forms
    "\U0001d400-\U0001d7ff"  # mathematical letters, which chats use for bold
    "\U0002f800-\U0002fa1f"
    "]+"
)
_INVISIBLE = re.compile("[\u00ad\u034f\u061c\u0640\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]")
_NOTHING = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufff9-\uffff\U000f0000-\U0010ffff]"
)
_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_BROKEN = re.compile(r"(?<=[^\W\d_])([^\W\d_])(?:[-\u2010]|\u00ad)[ \t]*\r?\n[ \t]*([^\W\d_]{2})")
_HALVES = re.compile(r"([^\W\d_]{2,})[-\u2010]\r?\n[ \t]*([^\W\d_]{2,})")
_PLAIN = re.compile(r"[\t\n\r\x20-\x7e]*")


def searchable(text: str) -> str:
    """The text with ligatures and wide forms spelled out, invisible signs gone and broken words joined.

    >>> searchable("Ｆｕｌｌ ﬁles, under-\\nstand\\u00ading")
    'Full files, understanding'
    """
    if "-\n" not in text and "-\r" not in text and _PLAIN.fullmatch(text):
        return text
    text = _BROKEN.sub(_joined, text)
    text = _COMPATIBLE.sub(lambda found: unicodedata.normalize("NFKC", found.group()), text)
    return _SPACE.sub(" ", _NOTHING.sub(" ", _INVISIBLE.sub("", text)))


def broken_words(text: str) -> list[str]:
    """The halves of words broken at a line's end: `searchable` joins them, but people ask for "well-known" in parts."""
    if "-\n" not in text and "\u2010\n" not in text and "-\r" not in text:
        return []
    return [half for found in _HALVES.finditer(text) if found.group(2)[0].islower() for half in found.groups()]


def _joined(found: re.Match[str]) -> str:
    before, after = found.groups()
    # a capital after the line's end begins a name of its own (Nord-\nSüd)
    return before + after if after[0].islower() else found.group()
