"""What Telegram refuses in texts, entities and keyboards, as pure functions that raise `ApiError`.

Error texts are Telegram's own where they are known. One thing is deliberately stricter than Telegram: entities that
overlap in a way the documentation forbids, or are more than a hundred, are refused, where Telegram silently splits
or drops them, so that a reply whose formatting would be lost fails a test instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from telegram.constants import MessageEntityType

from tests.telegram_api.records import JSON, Button, Entity, FormattedText, Keyboard

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
CALLBACK_DATA_BYTES = 64
MAX_ENTITIES = 100
_STYLES = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler"})
_VERBATIM = frozenset({"pre", "code"})
_QUOTES = frozenset({"blockquote", "expandable_blockquote"})
_KNOWN = frozenset(str(kind) for kind in MessageEntityType)
_REQUIRED = {"text_link": "url", "text_mention": "user", "custom_emoji": "custom_emoji_id", "date_time": "unix_time"}
_EXTRA = ("url", "user", "language", "custom_emoji_id", "unix_time", "date_time_format")
_DETECTED = {
    "bot_command": re.compile(r"(?<![\w/@])/[A-Za-z0-9_]{1,32}(?:@\w{3,32})?(?!\w)", re.ASCII),
    "mention": re.compile(r"(?<![\w/@])@\w{3,32}(?!\w)", re.ASCII),
    "url": re.compile(r"\bhttps?://[^\s]+"),
}


class ApiError(Exception):
    """A refusal: HTTP status, description and, for some, `parameters` such as retry_after."""

    def __init__(self, status: int, description: str, parameters: Mapping[str, int] | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters


def bad_request(reason: str) -> ApiError:
    """A 400 with Telegram's prefix."""
    return ApiError(400, f"Bad Request: {reason}")


def utf16_length(text: str) -> int:
    """The length in UTF-16 code units, the unit of all limits and offsets."""
    return len(text.encode("utf-16-le")) // 2


def utf16_slice(text: str, start: int, end: int) -> str:
    """The part between two UTF-16 offsets, which must not cut a surrogate pair."""
    return text.encode("utf-16-le")[start * 2 : end * 2].decode("utf-16-le")


def parse_json(raw: str, name: str) -> object:
    """The parameter's JSON value."""
    try:
        return json.loads(raw)
    except ValueError as exc:
        raise bad_request(f"can't parse {name} JSON object") from exc


def parse_entities(raw: str | None) -> tuple[Entity, ...]:
    """The entities of a request; None and an empty list mean none."""
    rows = parse_json(raw, "entities") if raw else []
    if not isinstance(rows, list):
        raise bad_request("can't parse entities: expected an Array of MessageEntity")
    return tuple(_parse_entity(row) for row in rows)


def _parse_entity(row: object) -> Entity:
    if not isinstance(row, dict):
        raise bad_request("can't parse MessageEntity: expected an Object")
    kind, offset, length = row.get("type"), row.get("offset"), row.get("length")
    if kind not in _KNOWN:
        raise bad_request(f"can't parse MessageEntity: unsupported type {kind!r} specified")
    if not isinstance(offset, int) or not isinstance(length, int):
        raise bad_request("can't parse MessageEntity: offset and length must be of type Number")
    required = _REQUIRED.get(kind)
    if required is not None and not row.get(required):
        raise bad_request(f"can't parse MessageEntity: can't find field \"{required}\"")
    return Entity(kind, offset, length, {name: row[name] for name in _EXTRA if name in row})


def check_text(text: str, entities: tuple[Entity, ...], *, limit: int, too_long: str) -> FormattedText:
    """The text as Telegram stores it: entities checked and sorted, surrounding white space gone, within the limit."""
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise bad_request("strings must be encoded in UTF-8")
    if len(entities) > MAX_ENTITIES:
        raise bad_request(f"too many entities: {len(entities)}, at most {MAX_ENTITIES} are shown")
    for entity in entities:
        _check_bounds(text, entity)
    ordered = tuple(sorted((e for e in entities if e.length), key=_outermost_first))
    _check_nesting(ordered)
    trimmed = _trim(text, ordered)
    if utf16_length(trimmed.text) > limit:
        raise bad_request(too_long)
    return trimmed


def _outermost_first(entity: Entity) -> tuple[int, int, int]:
    groups = (_QUOTES, _STYLES, _KNOWN - _VERBATIM, _VERBATIM)
    depth = next(number for number, group in enumerate(groups) if entity.type in group)
    return (entity.offset, -entity.length, depth)


def _check_bounds(text: str, entity: Entity) -> None:
    if entity.offset < 0:
        raise bad_request(f"receive an entity with incorrect offset {entity.offset}")
    if entity.length < 0:
        raise bad_request(f"receive an entity with incorrect length {entity.length}")
    total = utf16_length(text)
    if entity.end > total:
        raise bad_request(
            f"entity beginning at UTF-16 offset {entity.offset} ends after the end of the text at UTF-16 offset {total}"
        )
    if _cuts_pair(text, entity.offset):
        raise bad_request(f"entity begins in a middle of a UTF-16 symbol at UTF-16 offset {entity.offset}")
    if _cuts_pair(text, entity.end):
        raise bad_request(
            f"entity beginning at UTF-16 offset {entity.offset} ends in a middle of a UTF-16 symbol "
            f"at UTF-16 offset {entity.end}"
        )


def _cuts_pair(text: str, offset: int) -> bool:
    units = text.encode("utf-16-le")[offset * 2 : offset * 2 + 2]
    return len(units) == 2 and 0xDC00 <= int.from_bytes(units, "little") <= 0xDFFF


def _check_nesting(ordered: tuple[Entity, ...]) -> None:
    open_entities: list[Entity] = []
    for entity in ordered:
        open_entities = [outer for outer in open_entities if outer.end > entity.offset]
        for outer in open_entities:
            if entity.end > outer.end:
                raise bad_request(f"entities overlap: {outer.as_json()} and {entity.as_json()}")
            if not may_contain(outer.type, entity.type):
                raise bad_request(f"{outer.type} can't contain {entity.type} at UTF-16 offset {entity.offset}")
        open_entities.append(entity)


def may_contain(outer: str, inner: str) -> bool:
    """Whether the documentation lets one entity type stand inside another ("Formatting options")."""
    if outer in _VERBATIM:
        return False
    if outer in _QUOTES:
        return inner not in _QUOTES
    if inner in _VERBATIM or inner in _QUOTES:
        return inner in _QUOTES and outer in _STYLES
    return outer in _STYLES or inner in _STYLES


def _trim(text: str, entities: tuple[Entity, ...]) -> FormattedText:
    # Telegram takes no white space off within the first entity, such as the indentation of code.
    blank = len(text) - len(text.lstrip())
    if entities:
        blank = min(blank, len(text.encode("utf-16-le")[: entities[0].offset * 2].decode("utf-16-le")))
    start = utf16_length(text[:blank])
    trimmed = text[blank:].rstrip()
    end = start + utf16_length(trimmed)
    kept = []
    for entity in entities:
        first, last = max(entity.offset, start), min(entity.end, end)
        if last > first:
            kept.append(replace(entity, offset=first - start, length=last - first))
    return FormattedText(trimmed, tuple(kept))


def detect_entities(text: str) -> tuple[Entity, ...]:
    """The entities that Telegram finds by itself in what a person writes: commands, mentions and links."""
    found = [
        Entity(kind, utf16_length(text[: match.start()]), utf16_length(match.group()))
        for kind, pattern in _DETECTED.items()
        for match in pattern.finditer(text)
    ]
    kept: list[Entity] = []
    for entity in sorted(found, key=lambda e: (e.offset, -e.length)):
        if not kept or entity.offset >= kept[-1].end:
            kept.append(entity)
    return tuple(kept)


def parse_keyboard(raw: str | None) -> Keyboard | None:
    """The inline keyboard of a request; None for no markup, an empty one, or a markup that no message carries."""
    if not raw:
        return None
    markup = parse_json(raw, "reply markup")
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if not {"inline_keyboard", "keyboard", "remove_keyboard", "force_reply"} & markup.keys():
        raise bad_request(f"can't parse reply markup: unknown kind {sorted(markup)}")
    rows = markup.get("inline_keyboard", [])
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request("can't parse inline keyboard: expected an Array of Arrays")
    keyboard = Keyboard(tuple(tuple(_parse_button(button) for button in row) for row in rows if row))
    return keyboard if keyboard.rows else None


def _parse_button(row: JSON) -> Button:
    text, data, url, copied = (row.get(name) for name in ("text", "callback_data", "url", "copy_text"))
    if not isinstance(text, str) or not text.strip():
        raise bad_request("inline keyboard button text must be non-empty")
    if (data is not None) + (url is not None) + (copied is not None) != 1:
        raise bad_request("can't parse inline keyboard button: text buttons are unallowed in the inline keyboard")
    if data is not None and not 1 <= len(str(data).encode()) <= CALLBACK_DATA_BYTES:
        raise bad_request("BUTTON_DATA_INVALID")
    if url is not None and not re.match(r"(https?|tg)://\S", str(url)):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: wrong HTTP URL")
    return Button(
        text=text,
        callback_data=None if data is None else str(data),
        url=None if url is None else str(url),
        copy_text=str(copied.get("text")) if isinstance(copied, dict) else None,
    )
