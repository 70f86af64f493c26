"""WeChat's messages as CSV, as PyWxDump, WeFlow and WeClone write them.

``is_sender`` says which rows are the account owner's. What is no text stays as a placeholder of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from memory.importers.chats.common import Chat, single
from memory.importers.chats.dates import parse_column
from memory.importers.cleaning import one_line
from memory.importers.delimited import csv_rows
from memory.importers.records import ConversionError, ExtractedDocument

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "mine": ("is_sender", "issender", "is_send"),
    "talker": ("talker", "sender", "remark", "nickname", "strtalker"),
    "text": ("msg", "strcontent", "content"),
    "at": ("createtime", "create_time", "strtime"),
    "kind": ("type_name", "type"),
    "id": ("msgsvrid", "id", "localid"),
    "room": ("room_name",),
}
_TEXT_KINDS = ("", "文本", "text", "1", "引用回复", "quote", "引用消息")
_NOTICES = ("系统通知", "系统消息", "system", "10000", "拍一拍")
_KINDS = {"3": "图片", "34": "语音", "43": "视频", "47": "动画表情", "48": "位置", "49": "文件"}


def is_wechat(text: str) -> bool:
    """Whether the first line of a table has WeChat's columns."""
    first = text.removeprefix("\ufeff").partition("\n")[0]
    named = (
        _named([cell.strip('"') for cell in first.strip().replace("\t", ",").split(",")]) if len(first) < 5000 else {}
    )
    return all(field in named for field in ("mine", "text", "at"))


def read_wechat(text: str, *, name: str, title: str) -> ExtractedDocument:
    """The rows of a chat with one person or a group.

    :raises ConversionError: it holds no message
    """
    rows = csv_rows(text)
    if not rows:
        raise ConversionError(f"{name} holds no row")
    place = _named(rows[0])
    body = rows[1:]
    dates, _ = parse_column([_cell(row, place, "at") for row in body])
    own = _own_name(body, place)
    chat = Chat(title, "wechat", me=own)
    for number, (row, at) in enumerate(zip(body, dates, strict=True), start=1):
        shown = _shown(_cell(row, place, "text"), _cell(row, place, "kind"))
        mine = _cell(row, place, "mine").casefold() in ("1", "true", "是")
        speaker = own if mine else _cell(row, place, "talker") or _cell(row, place, "room") or title
        chat.add(_cell(row, place, "id") or number, speaker, shown, at=at)
    return single(chat, name=name)


def _named(header: Sequence[str]) -> dict[str, int]:
    lower = [column.strip().lstrip("\ufeff").casefold() for column in header]
    found = {
        field: next((lower.index(known) for known in names if known in lower), -1) for field, names in _COLUMNS.items()
    }
    return {field: place for field, place in found.items() if place >= 0}


def _cell(row: Sequence[str], place: Mapping[str, int], field: str) -> str:
    position = place.get(field, len(row))
    return row[position].strip() if position < len(row) else ""


def _own_name(rows: Sequence[Sequence[str]], place: Mapping[str, int]) -> str:
    """The owner's account where only his rows name it (some programs name the other side), else 我."""
    mine = {_cell(row, place, "talker") for row in rows if _cell(row, place, "mine") in ("1", "true", "True")}
    others = {_cell(row, place, "talker") for row in rows if _cell(row, place, "mine") not in ("1", "true", "True")}
    own = sorted(mine - others - {""})
    return one_line(own[0]) if len(own) == 1 and others else "我"


def _shown(text: str, kind: str) -> str:
    if kind.casefold() in _NOTICES:
        return ""
    if kind.casefold() in _TEXT_KINDS:
        return text
    return f"[{_KINDS.get(kind, kind)}]"
