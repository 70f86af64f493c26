"""WeChat, Slack, Discord and tables whose columns are named."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest

from memory.importers.convert import convert
from memory.importers.records import ConversionError, ExtractedDocument, Hints, UnsupportedFormat

_WECHAT = "id,MsgSvrID,type_name,is_sender,talker,room_name,msg,src,CreateTime\n"


def _zip(**members: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, value in members.items():
            archive.writestr(name, value if isinstance(value, str) else json.dumps(value))
    return out.getvalue()


def _one(text: str | bytes, name: str, /, **columns: str) -> ExtractedDocument:
    data = text.encode() if isinstance(text, str) else text
    (found,) = convert(data, name, Hints(columns=tuple(columns.items()))).documents
    return found


def _said(document: ExtractedDocument) -> list[tuple[str, str, str | None]]:
    return [(line.speaker, line.text, line.at) for line in document.utterances]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_wechat_rows_with_their_owner(encoding: str) -> None:
    """Text stays, other kinds become placeholders, the owner is known by `is_sender`, notices are left out."""
    rows = (
        "1,900,文本,0,wxid_bo,,猫叫豆腐，很可爱的一只猫,,2024-03-05 10:00:00\n"
        '2,901,文本,1,wxid_me,,"好的\n明天见",,2024-03-05 10:01:00\n'
        "3,902,图片,0,wxid_bo,,,x.jpg,2024-03-05 10:02:00\n"
        "4,903,系统通知,0,wxid_bo,,拍了拍,,2024-03-05 10:03:00\n"
    )
    found = _one((_WECHAT + rows).encode(encoding), "chat.csv")
    assert _said(found) == [
        ("wxid_bo", "猫叫豆腐，很可爱的一只猫", "2024-03-05T10:00:00"),
        ("wxid_me", "好的\n明天见", "2024-03-05T10:01:00"),
        ("wxid_bo", "[图片]", "2024-03-05T10:02:00"),
    ]
    assert (found.me, found.format, found.utterances[0].id) == ("wxid_me", "wechat", "900")


def test_wechat_where_the_other_side_is_named_in_every_row() -> None:
    """Then the owner has no name and is 我; numbers of kinds and unix times are understood."""
    header = "localId,Type,IsSender,StrTalker,StrContent,CreateTime\n"
    found = _one(header + "1,1,0,bo,hi,1709629200\n2,1,1,bo,yes,1709629260\n3,34,1,bo,,1709629270\n", "c.csv")
    assert _said(found) == [
        ("bo", "hi", "2024-03-05T09:00:00+00:00"),
        ("我", "yes", "2024-03-05T09:01:00+00:00"),
        ("我", "[语音]", "2024-03-05T09:01:10+00:00"),
    ]
    assert found.me == "我"


def test_an_old_workbook_called_csv_is_named() -> None:
    """WeClone#81: what it really is decides, not its ending."""
    container = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    with pytest.raises(UnsupportedFormat, match=r"chat\.csv is an old Office"):
        convert(container, "chat.csv")


def _slack(**members: Any) -> bytes:
    people = [
        {"id": "U1", "name": "ada", "profile": {"display_name": "Ada"}},
        {"id": "U2", "name": "bo", "profile": {"display_name": "", "real_name": "Bo Li"}},
    ]
    base = {
        "users.json": people,
        "channels.json": [{"id": "C1", "name": "general"}],
        "dms.json": [{"id": "D1", "members": ["U1", "U2"]}],
    }
    return _zip(**(base | members))


def _slack_message(ts: str, user: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "ts": ts, "user": user, "text": text} | fields


def test_slack_channels_and_direct_messages() -> None:
    """People by their shown names, days and threads in order of time, notices left out, files as placeholders."""
    data = _slack(
        **{
            "general/2024-03-06.json": [_slack_message("1709719200.0001", "U1", "later")],
            "general/2024-03-05.json": [
                _slack_message("1709632860.0002", "U2", "reply", thread_ts="1709632800.0001"),
                _slack_message("1709632800.0001", "U1", "question", files=[{"name": "a.pdf"}]),
                _slack_message("1709632801.0001", "U2", "has joined", subtype="channel_join"),
                _slack_message("1709632900.0001", "U9", "gone", user_profile={"real_name": "Zoe"}),
            ],
            "D1/2024-03-05.json": [_slack_message("1709632800.0001", "U1", "psst")],
            "general/canvas.json": {"not": "a day"},
        }
    )
    found = convert(data, "export.zip")
    assert [(item.part, [line.text for line in item.utterances]) for item in found.documents] == [
        ("Ada, Bo Li", ["psst"]),
        ("#general", ["question\n[file: a.pdf]", "reply", "gone", "later"]),
    ]
    assert [line.speaker for line in found.documents[1].utterances] == ["Ada", "Bo Li", "Zoe", "Ada"]
    assert found.documents[1].utterances[0].at == "2024-03-05T10:00:00+00:00"
    assert found.warnings == ("general/canvas.json is no list of messages",)


def test_slacks_markup_is_spelled_out() -> None:
    """Mentions by name, links with their words, entities as characters."""
    text = "<@U2> see <https://x.org/a|the plan>, <https://y.org>, <#C1|general> <!here> 1 &lt; 2 <mailto:a@b.c|a@b.c>"
    data = _slack(**{"general/2024-03-05.json": [_slack_message("1709632800.0001", "U1", text)]})
    assert convert(data, "e.zip").documents[0].utterances[0].text == (
        "@Bo Li see the plan (https://x.org/a), https://y.org, #general @here 1 < 2 a@b.c"
    )


def test_a_day_of_slack_on_its_own() -> None:
    """A folder that was unpacked still reads, with the names that the messages carry."""
    text = json.dumps([_slack_message("1709632800.0001", "U1", "hi", user_profile={"display_name": "Ada"})])
    assert _said(_one(text, "2024-03-05.json")) == [("Ada", "hi", "2024-03-05T10:00:00+00:00")]


def test_a_channel_by_discord_chat_exporter() -> None:
    """Nicknames, replies and attachments; joins and pins are no messages."""
    author = {"id": "1", "name": "ada99", "nickname": "Ada"}
    messages = [
        {
            "id": "5",
            "type": "Default",
            "timestamp": "2024-03-05T10:00:00.123+01:00",
            "content": "hi <:cat:123>",
            "author": author,
        },
        {
            "id": "6",
            "type": "GuildMemberJoin",
            "timestamp": "2024-03-05T10:00:01+01:00",
            "content": "joined",
            "author": author,
        },
        {
            "id": "7",
            "type": "Reply",
            "timestamp": "2024-03-05T10:01:00+01:00",
            "content": "",
            "author": {"id": "2", "name": "bo"},
            "attachments": [{"fileName": "map.png"}],
        },
    ]
    export = {"guild": {"name": "Climbers"}, "channel": {"name": "general"}, "messages": messages}
    found = _one(json.dumps(export), "c.json")
    assert _said(found) == [
        ("Ada", "hi :cat:", "2024-03-05T10:00:00.123000+01:00"),
        ("bo", "[file: map.png]", "2024-03-05T10:01:00+01:00"),
    ]
    assert (found.title, found.format) == ("Climbers, general", "discord")


def test_discords_own_package() -> None:
    """All of it is the owner's, oldest first, JSON and the older CSV alike."""
    rows = [
        {"ID": 2, "Timestamp": "2024-03-05 10:05:00", "Contents": "second", "Attachments": ""},
        {"ID": 1, "Timestamp": "2024-03-05 10:00:00", "Contents": "first", "Attachments": "https://c.org/x/a.png?ex=1"},
    ]
    table = 'ID,Timestamp,Contents,Attachments\n3,2023-01-01 00:00:00.000000+00:00,"a, b",\n'
    members = {
        "messages/index.json": {"11": "general in Climbers"},
        "messages/c11/messages.json": rows,
        "messages/c12/messages.csv": table,
    }
    found = convert(_zip(**members), "package.zip")
    assert [(item.part, item.me, _said(item)) for item in found.documents] == [
        (
            "general in Climbers",
            "You",
            [("You", "first\n[file: a.png]", "2024-03-05T10:00:00"), ("You", "second", "2024-03-05T10:05:00")],
        ),
        ("Channel 12", "You", [("You", "a, b", "2023-01-01T00:00:00+00:00")]),
    ]
    assert _said(_one(json.dumps(rows), "messages.json"))[1][1] == "second"
    assert _said(_one(table, "messages.csv"))[0][1] == "a, b"


_NAMED = {"speaker": "From", "text": "Body", "at": "When", "id": "Nr"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('Nr;When;From;Body\n7;05.03.2024 10:00;Ada;"one; two"\n', "a.csv"),
        ('Nr,When,From,Body\n7,05.03.2024 10:00,Ada,"one; two"\n', "a.csv"),
        ("Nr\tWhen\tFrom\tBody\n7\t2024-03-05 10:00\tAda\tone; two\n", "a.tsv"),
        ('{"Nr": 7, "When": 1709632800, "From": "Ada", "Body": "one; two"}\n', "a.jsonl"),
        ('[{"Nr": 7, "When": "1709632800000", "From": "Ada", "Body": "one; two"}]', "a.json"),
        ('{"v": 2, "rows": [{"Nr": 7, "When": "2024-03-05T10:00:00", "From": "Ada", "Body": "one; two"}]}', "a.json"),
    ],
)
def test_a_table_by_its_named_columns(text: str, name: str) -> None:
    """CSV, JSON and JSON lines; dates in ISO, local and unix form."""
    found = _one(text, name, **_NAMED)
    assert [(line.id, line.speaker, line.text, (line.at or "")[:19]) for line in found.utterances] == [
        ("7", "Ada", "one; two", "2024-03-05T10:00:00")
    ]


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    """So that the next try is right."""
    with pytest.raises(ConversionError, match=r"no column 'Who' \(--columns speaker=Who\); it has From, Body"):
        _one("From,Body\nAda,hi\n", "a.csv", speaker="Who", text="Body")
    with pytest.raises(ConversionError, match="which column is the speaker"):
        _one("A,B\nAda,hi\n", "a.csv", text="B")


def test_the_order_of_day_and_month_in_a_table() -> None:
    """Decided by the whole column; dates that are none are counted."""
    rows = "From,Body,When\nA,x,1/2/2024\nA,y,1/30/2024 5:00 PM\nA,z,soon\n"
    found = _one(rows, "a.csv", **{key: _NAMED[key] for key in ("speaker", "text", "at")})
    assert [line.at for line in found.utterances] == ["2024-01-02T00:00:00", "2024-01-30T17:00:00", None]
    assert found.warnings == ("1 of 3 dates in 'When' can't be read and are left out",)


def test_columns_that_leave_no_doubt_need_no_hint() -> None:
    """A speaker, a text and a time; a table without them is a table."""
    assert _one("date,sender,message\n2024-03-05,Ada,hi\n", "a.csv").format == "chat table"
    assert _one("date,amount\n2024-03-05,7\n", "a.csv").format == "csv"


def test_columns_are_for_tables_only() -> None:
    """In a folder of many files the others are read as ever."""
    assert _one("# Note\n\ntext", "a.md", **_NAMED).format == "markdown"
