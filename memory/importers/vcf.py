"""Address books (VCF) of every version: a block a contact, each value under the words that its owner gave it.

Version 2.1 writes values in quoted-printable, over several lines and in any charset, and types without a name
(``TEL;CELL:``); Apple labels values by a group (``item1.X-ABLabel``). Photos and keys are left out.
"""

from __future__ import annotations

import quopri
import re
from dataclasses import dataclass

from memory.importers.cleaning import clean, one_line
from memory.importers.content_lines import components, unfolded
from memory.importers.encodings import decode
from memory.importers.records import Block, ConversionError, ExtractedDocument

_LABELS = {
    **{"TEL": "Phone", "EMAIL": "Email", "ADR": "Address", "ORG": "Organisation", "TITLE": "Position", "ROLE": "Role"},
    **{"BDAY": "Birthday", "ANNIVERSARY": "Anniversary", "URL": "Website", "NOTE": "Note", "NICKNAME": "Nickname"},
    **{"IMPP": "Chat", "RELATED": "Related", "CATEGORIES": "Groups", "LANG": "Language", "X-SKYPE": "Skype"},
    **{"X-ABDATE": "Date", "X-ABRELATEDNAMES": "Related", "X-ANNIVERSARY": "Anniversary", "X-JABBER": "Jabber"},
    **{"X-SOCIALPROFILE": "Profile", "X-WECHAT": "WeChat", "X-QQ": "QQ", "X-SPOUSE": "Spouse"},
}
_NO_TYPES = frozenset(("pref", "internet", "voice", "x400", "quoted-printable", "base64", "8bit", "7bit", "b", "type"))
_QUOTED = re.compile(r"[;:]ENCODING=QUOTED-PRINTABLE|;QUOTED-PRINTABLE[;:]", re.IGNORECASE)
_DAY = re.compile(r"(\d{4})(\d{2})(\d{2})(T.*)?")
_NO_YEAR = re.compile(r"--(\d{2})-?(\d{2})")
_UNKNOWN_YEAR = "1604"
"""Apple's year of a birthday whose year isn't known."""
_APPLE_LABEL = re.compile(r"_\$!<(.*)>!\$_")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def read_vcf(text: str, *, name: str, title: str) -> ExtractedDocument:
    """One block a contact, the name as section.

    :raises ConversionError: it holds no contact
    """
    lines = list(unfolded(_without_soft_breaks(clean(text))))
    blocks = [block for card in components(lines, "VCARD") if (block := _block(card))]
    if not blocks:
        raise ConversionError(f"{name} holds no contact")
    return ExtractedDocument(title, "contacts", tuple(blocks))


def _without_soft_breaks(text: str) -> str:
    """With lines of quoted-printable, which end in ``=`` where they go on, joined."""
    if "quoted-printable" not in text.lower():
        return text
    lines: list[str] = []
    goes_on = False
    for line in text.split("\n"):
        if goes_on:
            lines[-1] = lines[-1][:-1] + line.lstrip(" \t")
        else:
            lines.append(line)
        goes_on = line.endswith("=") and (goes_on or bool(_QUOTED.search(line)))
    return "\n".join(lines)


@dataclass(frozen=True)
class _Property:
    name: str
    group: str
    types: tuple[str, ...]
    value: str


def _block(card: list[str]) -> Block | None:
    found = [item for line in card[1:] if (item := _property(line)) is not None]
    groups = {item.group: _label(item.value) for item in found if item.name == "X-ABLABEL" and item.group}
    lines: dict[str, None] = {}
    for item in found:
        if item.name in _LABELS and (value := _value(item)):
            types = [groups[item.group]] if groups.get(item.group) else [*item.types]
            label = f"{_LABELS[item.name]} ({', '.join(types)})" if types else _LABELS[item.name]
            lines[f"{label}: {value}"] = None
    name = _name(found) or next((line.partition(": ")[2] for line in lines), "")
    return Block("\n".join((name, *lines)), section=name) if name else None


def _property(line: str) -> _Property | None:
    head, colon, value = _parted(line)
    if not colon:
        return None
    name, *parameters = head.split(";")
    group, _, name = name.rpartition(".")
    pairs = [parameter.partition("=") for parameter in parameters]
    named = {key.strip().upper(): given.strip('" ') for key, equals, given in pairs if equals}
    bare = [key.strip() for key, equals, _ in pairs if not equals]
    encoding = named.get("ENCODING", "").upper()
    if encoding in ("B", "BASE64") or "BASE64" in (item.upper() for item in bare) or value.startswith("data:"):
        return None
    if encoding == "QUOTED-PRINTABLE" or "QUOTED-PRINTABLE" in (item.upper() for item in bare):
        value = _unquoted(value, named.get("CHARSET"))
    types = [kind for key, _, given in pairs if key.strip().upper() == "TYPE" for kind in given.strip('"').split(",")]
    written = dict.fromkeys(kind.strip().lower() for kind in (*types, *bare))
    return _Property(name.strip().upper(), group.lower(), tuple(k for k in written if k and k not in _NO_TYPES), value)


def _parted(line: str) -> tuple[str, str, str]:
    """At the first colon that stands in no quotes."""
    quoted = False
    for place, char in enumerate(line[:2000]):
        quoted ^= char == '"'
        if char == ":" and not quoted:
            return line[:place], char, line[place + 1 :]
    return line.partition(":")


def _unquoted(value: str, charset: str | None) -> str:
    data = quopri.decodestring(value.encode("utf-8", "replace"))
    try:
        return data.decode(charset or "utf-8")
    except (LookupError, ValueError):
        return decode(data) or ""


def _name(found: list[_Property]) -> str:
    by_name = {item.name: item for item in reversed(found)}
    formatted = by_name.get("FN")
    if formatted and (text := _joined([formatted.value], " ")):
        return text
    parts = _parts(by_name["N"].value) if "N" in by_name else []
    family, given, middle, prefix, suffix = [*parts, "", "", "", "", ""][:5]
    return _joined([prefix, given, middle, family, suffix], " ")


def _value(item: _Property) -> str:
    if item.name in ("ADR", "ORG"):
        return _joined(_parts(item.value), ", ")
    text = _joined([item.value], " ")
    if item.name in ("BDAY", "ANNIVERSARY", "X-ABDATE", "X-ANNIVERSARY"):
        return _date(text)
    return re.sub(r"^(tel|mailto|xmpp|skype):", "", text) if item.name in ("TEL", "EMAIL", "IMPP") else text


def _parts(value: str) -> list[str]:
    """At semicolons that aren't escaped."""
    return re.split(r"(?<!\\);", value)


def _joined(parts: list[str], between: str) -> str:
    texts = (one_line(_ESCAPED.sub(_unescaped, part)) for part in parts)
    return between.join(filter(None, texts))


def _unescaped(found: re.Match[str]) -> str:
    return " " if found.group(1) in "nN" else found.group(1)


def _date(text: str) -> str:
    if found := _NO_YEAR.match(text):
        return f"{found.group(1)}-{found.group(2)} (month and day)"
    if found := _DAY.fullmatch(text):
        text = "-".join(found.groups()[:3])
    text = text.partition("T")[0] if re.match(r"\d{4}-\d\d-\d\dT", text) else text
    return f"{text[5:]} (month and day)" if text.startswith(_UNKNOWN_YEAR) else text


def _label(value: str) -> str:
    found = _APPLE_LABEL.fullmatch(value.strip())
    return (found.group(1) if found else value.strip()).lower()
