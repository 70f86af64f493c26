"""An export of each program for conversations, with facts that a speaker says on a day, and what nobody says.

The quirks are those that real exports have; the words are made up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from bot.bench.made_files import Fact, MadeFile, packed

_DAY = 1709632800
"""2024-03-05 10:00 UTC."""


def made_chats() -> list[MadeFile]:
    """One file or more for each program."""
    makers: tuple[Callable[[], MadeFile], ...] = (
        *(_telegram, _telegram_account, _whatsapp_android, _whatsapp_ios, _whatsapp_chinese),
        *(_chatgpt, _chatgpt_shards, _claude, _wechat, _slack, _discord, _discord_package, _rows),
    )
    return [make() for make in makers]


def _said(speaker: str, *words: str, day: str = "2024-03-05") -> Fact:
    return Fact(words, f"{speaker}, {day}")


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


def _message(id_: int, speaker: str, text: Any, **fields: Any) -> dict[str, Any]:
    sender = {"from": speaker, "from_id": f"user{len(speaker)}"}
    return {"id": id_, "type": "message", "date": f"2024-03-05T10:{id_:02}:00", "text": text} | sender | fields


def _telegram() -> MadeFile:
    styled = ["My cat is called ", {"type": "bold", "text": "Tofu"}, " since spring"]
    messages = [
        {"id": 1, "type": "service", "date": "2024-03-05T10:01:00", "action": "pin_message", "text": "was pinned"},
        _message(2, "Ada", styled),
        _message(3, "Bo", "The spare key hangs in the boathouse MARK", photo="photos/1.jpg"),
        _message(4, "Ada", "", media_type="sticker", sticker_emoji="🎣"),
    ]
    chat = {"name": "Bo", "type": "personal_chat", "id": 2, "messages": messages}
    data = _json(chat).replace(b"MARK", b"\\x0C\x01")
    facts = (_said("Ada", "cat", "Tofu", "spring"), _said("Bo", "spare", "key", "boathouse"), _said("Ada", "sticker"))
    return MadeFile("result.json", "styled text, bad escapes, service messages", data, facts, ("was pinned",))


def _telegram_account() -> MadeFile:
    chats = [
        {
            "name": "Bo",
            "type": "personal_chat",
            "id": 2,
            "messages": [_message(1, "Ada", "Rehearsal moves to the chapel")],
        },
        {"name": None, "type": "personal_chat", "id": 9, "messages": [_message(2, "Bo", "My gate code is 4471")]},
    ]
    account = {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 3},
        "chats": {"list": chats},
    }
    facts = (_said("Ada", "Rehearsal", "chapel"), _said("Bo", "gate", "code", "4471"))
    return MadeFile("account.json", "a whole account, a chat without a name", _json(account), facts)


def _whatsapp_android() -> MadeFile:
    text = (
        "05/03/2024, 09:58 - Messages and calls are end-to-end encrypted. Tap to learn more.\n"
        "05/03/2024, 10:00 - Ada: The boiler was serviced by Hendricks\nand it cost 240: cheap\n"
        "05/03/2024, 10:01 - Bo: <Media omitted>\n05/03/2024, 10:02 - Bo left\n"
        "13/03/2024, 10:00 - Bo: Our ferry leaves from pier seven\n"
    )
    facts = (_said("Ada", "boiler", "Hendricks"), _said("Bo", "ferry", "pier", "seven", day="2024-03-13"))
    absent = ("end-to-end", "Bo left")
    return MadeFile("WhatsApp Chat with Bo.txt", "day first, continued lines, notices", text.encode(), facts, absent)


def _whatsapp_ios() -> MadeFile:
    mark, narrow = "\u200e", "\u202f"
    text = (
        f"[3/5/24, 9:59:00{narrow}AM] Bo: {mark}Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt.\n"
        f"[3/5/24, 10:00:00{narrow}PM] Bo: The piano tuner comes at nine\n"
        f"{mark}[3/13/24, 10:00:01{narrow}AM] Ada: {mark}image omitted\n"
        f"[3/13/24, 10:01:00{narrow}AM] Ada: I repainted the shutters turquoise\n"
    )
    facts = (_said("Bo", "piano", "tuner", "nine"), _said("Ada", "shutters", "turquoise", day="2024-03-13"))
    data = packed({"_chat.txt": text, "1-PHOTO.jpg": bytes(2000)})
    return MadeFile("WhatsApp Chat - Bo.zip", "month first, narrow spaces, marks", data, facts, ("verschlüsselt",))


def _whatsapp_chinese() -> MadeFile:
    text = (
        "2024年3月5日 上午9:59 - 消息和通话都进行端到端加密。\n2024年3月5日 下午1:00 - 李雷: 备用钥匙放在船屋里\n"
        "2024年3月5日 下午1:01 - 韩梅梅: <省略多媒体文件>\n"
    )
    facts = (_said("李雷", "备用钥匙", "船屋"),)
    return MadeFile("与韩梅梅的聊天.txt", "Chinese dates and notices", text.encode(), facts, ("加密", "省略"))


def _node(id_: str, parent: str, role: str, text: str, /, **fields: Any) -> dict[str, Any]:
    content = {"content_type": "text", "parts": [text]}
    message = {"id": id_, "author": {"role": role}, "create_time": _DAY, "content": content} | fields
    return {"id": id_, "parent": parent, "children": [], "message": message}


def _conversation(title: str, *nodes: Mapping[str, Any]) -> dict[str, Any]:
    mapping: dict[str, Any] = {"root": {"id": "root", "parent": None, "message": None, "children": []}}
    mapping |= {node["id"]: node for node in nodes}
    return {"title": title, "create_time": _DAY, "mapping": mapping, "current_node": nodes[-1]["id"]}


def _chatgpt() -> MadeFile:
    hidden = {"metadata": {"is_visually_hidden_from_conversation": True}}
    nodes = (
        _node("p", "root", "user", "The user lives on Mars", **hidden),
        _node("o", "p", "user", "My allotment is number twelve"),
        _node("a", "p", "user", "My allotment is number thirty"),
        _node("b", "a", "assistant", "Marigolds keep aphids away from it"),
    )
    export = [_conversation("Garden", *nodes), {"title": "Damaged"}]
    facts = (_said("You", "allotment", "thirty"), _said("ChatGPT", "Marigolds", "aphids"))
    return MadeFile(
        "conversations.json", "branches, hidden nodes, one damaged", _json(export), facts, ("Mars", "twelve")
    )


def _chatgpt_shards() -> MadeFile:
    members: dict[str, str | bytes] = {"chat.html": "<html>"}
    for n in range(55):
        nodes = (_node("a", "root", "user", f"Locker {n} holds item{n}"), _node("b", "a", "assistant", "Noted"))
        members[f"conversations-{n:03}.json"] = _json([_conversation(f"Shard {n}", *nodes)])
    facts = (_said("You", "Locker", "item0"), _said("You", "Locker", "item54"))
    return MadeFile("chatgpt.zip", "55 shards", packed(members), facts)


def _claude() -> MadeFile:
    attachment = {"file_name": "lease.txt", "extracted_content": "The deposit is two months of rent"}
    block = {"type": "text", "text": "Notice must arrive by registered letter"}
    asked = {"uuid": "1", "sender": "human", "text": "Here is it", "attachments": [attachment]}
    answered = {"uuid": "2", "sender": "assistant", "text": "", "content": [block]}
    messages = [item | {"created_at": "2024-03-05T10:00:00Z"} for item in (asked, answered)]
    export = [{"uuid": "c", "name": "Lease", "created_at": "2024-03-05T10:00:00Z", "chat_messages": messages}]
    facts = (_said("You", "deposit", "two", "months"), _said("Claude", "Notice", "registered", "letter"))
    return MadeFile("claude.zip", "attachments, text in blocks", packed({"conversations.json": _json(export)}), facts)


def _wechat() -> MadeFile:
    rows = (
        "id,MsgSvrID,type_name,is_sender,talker,room_name,msg,src,CreateTime\n"
        "1,11,文本,0,小李,,周三在图书馆见面,,2024-03-05 10:00:00\n"
        "2,12,文本,1,我本人,,我的猫叫豆腐,,2024-03-05 10:01:00\n"
        "3,13,图片,0,小李,,<xml/>,a.jpg,2024-03-05 10:02:00\n"
    )
    facts = (_said("小李", "周三", "图书馆"), _said("我本人", "猫", "豆腐"))
    return MadeFile("wechat.csv", "GB18030, kinds of messages", rows.encode("gb18030"), facts, ("xml",))


def _slack() -> MadeFile:
    def said(ts: str, user: str, text: str, **fields: str) -> dict[str, str]:
        return {"type": "message", "ts": ts, "user": user, "text": text, **fields}

    people = [{"id": "U1", "profile": {"display_name": "Ada"}}, {"id": "U2", "name": "bo", "real_name": "Bo Li"}]
    day = [
        said("1709632860.000200", "U1", "The <https://x.org/r|release train> leaves &amp; <@U2> steers it"),
        said("1709632800.000100", "U2", "Staging runs on port 9081"),
        said("1709632801.000100", "U2", "has joined the channel", subtype="channel_join"),
    ]
    members: dict[str, str | bytes] = {
        "users.json": _json(people),
        "channels.json": _json([{"id": "C1", "name": "general"}]),
        "general/2024-03-05.json": _json(day),
    }
    facts = (_said("Ada", "release", "train", "@Bo Li"), _said("Bo Li", "Staging", "9081"))
    return MadeFile("slack.zip", "mentions, links, joins", packed(members), facts, ("&amp;", "joined"))


def _discord() -> MadeFile:
    def said(id_: str, name: str, text: str, kind: str = "Default") -> dict[str, Any]:
        author = {"id": name, "name": name.lower(), "nickname": name}
        return {
            "id": id_,
            "type": kind,
            "timestamp": f"2024-03-05T10:0{id_}:00+00:00",
            "content": text,
            "author": author,
        }

    messages = [
        said("1", "Ada", "The crag at Ith is closed for falcons"),
        said("2", "Bo", "Joined the server.", "GuildMemberJoin"),
        said("3", "Bo", "My rope has sixty metres", "Reply"),
    ]
    export = {"guild": {"name": "Climbers"}, "channel": {"name": "general"}, "messages": messages}
    facts = (_said("Ada", "crag", "falcons"), _said("Bo", "rope", "sixty"))
    return MadeFile("discord.json", "nicknames, joins", _json(export), facts, ("Joined the server",))


def _discord_package() -> MadeFile:
    rows = [
        {"ID": 2, "Timestamp": "2024-03-05 10:05:00", "Contents": "I sold the blue kayak", "Attachments": ""},
        {"ID": 1, "Timestamp": "2024-03-05 10:00:00", "Contents": "My drone weighs 249 grams", "Attachments": ""},
    ]
    members: dict[str, str | bytes] = {
        "messages/index.json": _json({"11": "general"}),
        "messages/c11/messages.json": _json(rows),
    }
    facts = (_said("You", "blue", "kayak"), _said("You", "drone", "249"))
    return MadeFile("discord-package.zip", "newest first", packed(members), facts)


def _rows() -> MadeFile:
    table = (
        "sender;time;message\nAda;5.3.2024 10:00;The vet is called Ostrowski\n"
        'Bo;13.3.2024 10:00;"Two lines:\nshed and oak"\n'
    )
    facts = (_said("Ada", "vet", "Ostrowski"), _said("Bo", "shed", "oak", day="2024-03-13"))
    return MadeFile("chat.csv", "local dates, a message of two lines", table.encode(), facts)
