"""Commands in plain words, with tables of what is one and what only sounds like one."""

from __future__ import annotations

import time

import pytest

from bot.plain_words import command_in

ASKED = [
    ("remember that my locker at the pool is 4711", "note", "my locker at the pool is 4711"),
    ("Please remember that Ann moved to Bern.", "note", "Ann moved to Bern."),
    ("Can you remember that I park on level 3?", "note", "I park on level 3"),
    ("Remember: the boiler is serviced in May", "note", "the boiler is serviced in May"),
    ("remember this: 12 eggs", "note", "12 eggs"),
    ("Don’t forget that Tom is allergic to nuts", "note", "Tom is allergic to nuts"),
    ("Keep in mind that the office is closed on Fridays", "note", "the office is closed on Fridays"),
    ("note: buy a new kiln shelf", "note", "buy a new kiln shelf"),
    ("Note to self: call the plumber", "note", "call the plumber"),
    ("make a note that the lease ends in June", "note", "the lease ends in June"),
    ("take a note: blue paint, 2 litres", "note", "blue paint, 2 litres"),
    ("Note that the gate code changed.", "note", "the gate code changed."),
    ("remember that\nthe first line\nand the second", "note", "the first line\nand the second"),
    ("记住我的车位是B12", "note", "我的车位是B12"),
    ("请记住：周三停水", "note", "周三停水"),
    ("帮我记一下，护照放在抽屉里", "note", "护照放在抽屉里"),
    ("记一下明天要带的书单", "note", "明天要带的书单"),
    ("你能帮我记下王医生的电话是123吗？", "note", "王医生的电话是123"),
    ("备忘：买牛奶", "note", "买牛奶"),
    ("笔记: 会议改到三楼", "note", "会议改到三楼"),
    ("别忘了我是素食者", "note", "我是素食者"),
    ("search my notes for kiln", "search", "kiln"),
    ("Could you search through my notes for the wifi password?", "search", "the wifi password"),
    ("look in my documents for “lease”", "search", "lease"),
    ("Search for celadon in my notes.", "search", "celadon"),
    ("在我的笔记里找青瓷", "search", "青瓷"),
    ("请在我的文档中搜索 租约", "search", "租约"),
    ("搜索我的笔记：保险", "search", "保险"),
    ("帮我查一下我的笔记里关于搬家的", "search", "搬家的"),
    ("give me a digest", "digest", "now"),
    ("Please send me the digest now.", "digest", "now"),
    ("Could you give me a digest?", "digest", "now"),
    ("digest, please", "digest", "now"),
    ("给我一份摘要", "digest", "now"),
    ("请给我发一份摘要", "digest", "now"),
    ("send me a digest every morning at 8", "digest", "every morning at 8"),
    ("Every Monday at 9 send me a digest", "digest", "Every Monday at 9"),
    ("send me a digest daily at 7:30", "digest", "daily at 7:30"),
    ("每天早上八点给我摘要", "digest", "每天早上八点"),
    ("请每周一早上九点给我发一份摘要", "digest", "每周一早上九点"),
    ("stop the digest", "digest", "off"),
    ("Please stop sending me digests", "digest", "off"),
    ("不要再给我发摘要了", "digest", "off"),
    ("取消摘要", "digest", "off"),
    ("what did I tell you to remember?", "note", ""),
    ("What have I asked you to remember", "note", ""),
    ("show me my notes", "note", ""),
    ("我让你记住了什么？", "note", ""),
    ("我叫你记了些什么", "note", ""),
    ("列出我的笔记", "note", ""),
    ("export my data", "export", ""),
    ("Please export all my data.", "export", ""),
    ("Send me a copy of my data, please", "export", ""),
    ("导出我的数据", "export", ""),
    ("请把我的所有数据导出来", "export", ""),
]
NOT_ASKED = [
    "do you remember that trip?",
    "Do you remember that Ann moved?",
    "I remember that we met in Bern.",
    "remember that trip to Rome?",
    "Remember that time we missed the train!",
    "remember me?",
    "remember to call Mum",
    "She asked me to remember that song.",
    "what should I remember?",
    "Why can't I remember that name?",
    "noted",
    "note",
    "The note says that he left.",
    "Notes about the kiln: fire at 900 degrees",
    "Did I note that the gate code changed?",
    "remind me to note that down",
    "你还记得那次旅行吗？",
    "你记住了吗？",
    "记住了",
    "我记住密码了",
    "记得给妈妈打电话",
    "怎么才能记住单词？",
    "记住密码的方法是什么？",
    "他让我记一下",
    "别忘了买牛奶",
    "I searched my notes for hours.",
    "how do I search my notes for a word?",
    "search the web for kilns",
    "can you search my notes?",
    "What do my notes say about the kiln?",
    "我的笔记里有什么？",
    "在我的笔记里能找到密码是什么吗",
    "怎么在笔记里搜索？",
    "what is a digest?",
    "give me a digest of this article about kilns and glazes",
    "The Reader's Digest came today.",
    "I get a digest every morning at 8.",
    "给我这篇文章的摘要",
    "摘要写得不错",
    "what did I tell you about Ann?",
    "what did Ann tell me to remember?",
    "我告诉你什么了",
    "how do I export my data from WhatsApp?",
    "export my data to the tax office by Friday",
    "怎么导出我的数据？",
    "",
    "remember that " + "x" * 3000,
]


@pytest.mark.parametrize(("text", "name", "argument"), ASKED)
def test_plain_words_are_the_command(text: str, name: str, argument: str) -> None:
    """In both languages, with and without politeness; what is to be kept stays as it was written."""
    found = command_in(text)
    assert found is not None
    assert (found.name, found.argument) == (name, argument)


@pytest.mark.parametrize("text", NOT_ASKED)
def test_what_only_sounds_like_it_is_left_to_the_chat(text: str) -> None:
    """A question, a story and a wish about something else."""
    assert command_in(text) is None


@pytest.mark.parametrize(
    "piece", ["麻烦你", "能不能", "请", "can you please ", "remember that ", "记一下", "每天", "search "]
)
def test_a_long_message_is_read_quickly(piece: str) -> None:
    """No repetition of words makes a recogniser slow."""
    started = time.process_time()
    command_in(piece * (1990 // len(piece)))
    assert time.process_time() - started < 1
