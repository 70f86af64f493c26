# ruff: noqa: E501 - each pattern reads best on one line
"""Plain words that ask for what a command does, in English and Chinese: the same command, read out of a sentence. Pure.

Only a sentence that says nothing else is taken. A question ("do you remember that trip?") asks memory, and what is told
("I searched my notes for hours") is told; both are left to the chat.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LONGEST = 2000
"""Characters; what is longer is a text about something."""


@dataclass(frozen=True)
class PlainCommand:
    """A command and what stands after it."""

    name: str
    argument: str = ""


def command_in(text: str) -> PlainCommand | None:
    """The command that a message asks for in plain words.

    >>> command_in("Please remember that my locker is 4711.")
    PlainCommand(name='note', argument='my locker is 4711.')
    """
    plain = text.strip().replace("’", "'")
    if not plain or len(plain) > _LONGEST:
        return None
    return _note(plain) or _search(plain) or _digest(plain) or _whole(plain)


_POLITE = r"(?:(?:hey|hi|ok|okay|so|and)[ ,]+)?(?:please |kindly )?(?:(?:can|could|would|will) you (?:please )?|i(?:'d| would) like you to |i want you to )?(?:please )?"
_POLITE_ZH = r"(?:请|麻烦|帮我|帮忙|替我|你|您|能不能|能|可以|可不可以)*"
_NOTES = (
    re.compile(rf"{_POLITE}(?:always )?remember(?: (?:this|the following))?\s*(?: that\b(?! (?:time|day|night|one|guy|girl|man|woman|trip|when|place|song|movie|film|party)\b)|:|,(?= ))\s*(?P<said>\S.*)", re.I | re.S),
    re.compile(rf"{_POLITE}(?:don't|do not|never) forget (?:that|this:)\s*(?P<said>\S.*)", re.I | re.S),
    re.compile(rf"{_POLITE}keep in mind that\s+(?P<said>\S.*)", re.I | re.S),
    re.compile(rf"{_POLITE}(?:make|take|write|add|save|keep) (?:me )?(?:a |this )?(?:quick )?note(?: down)?\s*(?:that\b|of\b(?! (?:all|what)\b)|:|,|-)\s*(?P<said>\S.*)", re.I | re.S),
    re.compile(rf"{_POLITE}note (?:down )?that\s+(?P<said>\S.*)", re.I | re.S),
    re.compile(r"(?:note|memo|note to self)\s*[:：]\s*(?P<said>\S.*)", re.I | re.S),
)  # fmt: skip
_NOTES_ZH = (
    re.compile(rf"{_POLITE_ZH}(?:记住|牢记)(?!了|的|我吗|不住|过)(?:这个|这点|这件事|一下|一点)?[\s,，:：、]*(?P<said>[^\s，。！？,!?].*)", re.S),
    re.compile(rf"{_POLITE_ZH}(?:记一下|记下来|记下|记个笔记|做个笔记|写个笔记|记一笔|记笔记|备忘)(?!了)(?:这个|这点|这件事)?[\s,，:：、]*(?P<said>[^\s，。！？,!?].*)", re.S),
    re.compile(r"(?:笔记|备忘录?|便签)\s*[:：]\s*(?P<said>\S.*)", re.S),
    re.compile(rf"{_POLITE_ZH}(?:不要|别)忘(?:了|记)[\s,，:：]*(?P<said>(?:我|我们|他|她|它|这|那|咱).*[是有在叫住].*)", re.S),
)  # fmt: skip
_ASKED = re.compile(r"[?？]\s*$|[吗么呢]\s*[。.!！]*$")
_ASKED_POLITELY = re.compile(rf"^{_POLITE}$|^(?:hey|hi|ok)?[ ,]*(?:please )?(?:can|could|would|will) you", re.I)
_ASKED_POLITELY_ZH = re.compile(r"^(?:请|麻烦|你|您)*(?:能不能|可不可以|能|可以)")
_TAIL = re.compile(r"\s*(?:[,，]?\s*(?:please|ok|okay))?\s*[?？]+\s*$|[,，]?(?:好吗|行吗|可以吗|吗)[?？。]*$", re.I)


def _note(text: str) -> PlainCommand | None:
    for pattern in (*_NOTES, *_NOTES_ZH):
        match = pattern.fullmatch(text)
        if match is None:
            continue
        said = match["said"].strip()
        if _ASKED.search(text):
            if not (_ASKED_POLITELY.search(text) or _ASKED_POLITELY_ZH.search(text)):
                return None
            said = _TAIL.sub("", said).strip()
        return PlainCommand("note", said) if said else None
    return None


_MINE = r"(?:(?:all )?(?:of )?my |the |our )?(?:own )?(?:notes?|memory|memories|documents?|files|messages|chats?)"
_SEARCHES = (
    re.compile(rf"{_POLITE}(?:search|look|go) (?:through |in |into )?{_MINE}(?: (?:and|or) (?:my )?\w+)? (?:for|about)[ :]+(?P<said>\S.*)", re.I | re.S),
    re.compile(rf"{_POLITE}(?:search|look) for (?P<said>\S.*?) in {_MINE}", re.I | re.S),
    re.compile(rf"{_POLITE}(?:search|search for) (?P<said>\S.*?) in {_MINE}", re.I | re.S),
)  # fmt: skip
_MINE_ZH = r"(?:我的|我)?(?:所有的?)?(?:笔记|记忆|文档|文件|资料|消息|聊天记录)"
_SEARCHES_ZH = (
    re.compile(rf"{_POLITE_ZH}(?:在|从|到){_MINE_ZH}(?:里面?|中|里头)?(?:查找|搜索|寻找|找一下|搜一下|查一下|找找|搜|查|找)(?:一下)?[\s:：,，]*(?P<said>\S.*)", re.S),
    re.compile(rf"{_POLITE_ZH}(?:搜索|搜一下|搜|查找|查一下)(?:一下)?{_MINE_ZH}(?:里面?|中)?(?:的|有关|关于|[\s:：,，])+(?P<said>\S.*)", re.S),
)  # fmt: skip
_ASKS_ZH = re.compile(r"什么|谁|哪|多少|怎么|为什么|几[点号个]|吗|[?？]")
_END = " \t\n.!。！"


def _search(text: str) -> PlainCommand | None:
    plain = text.rstrip(_END)
    for pattern in _SEARCHES:
        match = pattern.fullmatch(plain.rstrip("?") if _ASKED_POLITELY.search(plain) else plain)
        if (match and not plain.endswith("?")) or (match and _ASKED_POLITELY.search(plain)):
            return PlainCommand("search", _bare(match["said"]))
    for pattern in _SEARCHES_ZH:
        match = pattern.fullmatch(plain)
        if match and not _ASKS_ZH.search(match["said"]):
            return PlainCommand("search", _bare(match["said"]))
    return None


def _bare(said: str) -> str:
    return said.strip().strip("\"“”「」『』'").strip()


_DIGEST = r"(?:an?|my|the|another)?\s*(?:(?:daily|weekly|morning|short|quick) )?digests?"
_DIGEST_NOW = re.compile(
    rf"{_POLITE}(?:give|send|show|get|write|bring) me {_DIGEST}(?: (?:now|today|of today|of the day|of the week|for today|please))*|{_DIGEST}(?: now| please|, please)",
    re.I,
)
_DIGEST_WHEN = re.compile(
    rf"{_POLITE}(?:give|send|show|get|write|bring) me {_DIGEST},?\s+(?P<when>(?:every|each|daily|weekly|on )\b.*)",
    re.I | re.S,
)
_DIGEST_FIRST = re.compile(
    rf"{_POLITE}(?P<when>(?:every|each)\b.{{1,60}}?),?\s+(?:please )?(?:give|send|show|get|write|bring) me {_DIGEST}",
    re.I | re.S,
)
_DIGEST_OFF = re.compile(
    rf"{_POLITE}(?:stop|end|cancel|turn off|switch off|don't send(?: me)?|no more)\s+(?:sending (?:me )?)?(?:{_DIGEST}|any more digests?)(?: any ?more)?",
    re.I,
)
_GIVES_ZH = r"(?:给我|发给我|发我|发|来|写|做|看看|推送)(?:发|写|做|推送|送|来)?(?:一下)?(?:一份|一个|个|份)?(?:每日|每周|今天的|今日|本周的?)?"
_WORD_ZH = r"(?:摘要|简报|动态摘要)"
_DIGEST_NOW_ZH = re.compile(rf"{_POLITE_ZH}(?:现在|马上)?{_GIVES_ZH}{_WORD_ZH}(?:给我|吧)?")
_DIGEST_WHEN_ZH = re.compile(
    rf"{_POLITE_ZH}(?P<when>每(?:天|日|周|个?工作日|星期|晚|早|个).{{0,20}}?){_POLITE_ZH}{_GIVES_ZH}{_WORD_ZH}(?:给我|吧)?"
)
_DIGEST_OFF_ZH = re.compile(
    rf"{_POLITE_ZH}(?:停止|取消|关闭|关掉|停掉|不要再?|别再?|不用再?)(?:给我)?(?:发送?|推送|送)?(?:每日|每周|每天的|我的)?{_WORD_ZH}了?"
)


def _digest(text: str) -> PlainCommand | None:
    plain = text.rstrip(_END)
    bare = (
        plain.rstrip("?？").rstrip("吗") if _ASKED_POLITELY.search(plain) or _ASKED_POLITELY_ZH.search(plain) else plain
    )
    for pattern in (_DIGEST_OFF, _DIGEST_OFF_ZH):
        if pattern.fullmatch(bare):
            return PlainCommand("digest", "off")
    for pattern in (_DIGEST_WHEN, _DIGEST_FIRST, _DIGEST_WHEN_ZH):
        match = pattern.fullmatch(bare)
        if match:
            return PlainCommand("digest", match["when"].strip())
    if _DIGEST_NOW.fullmatch(bare) or _DIGEST_NOW_ZH.fullmatch(bare):
        return PlainCommand("digest", "now")
    return None


_EVERYTHING = r"(?:all )?(?:of )?(?:my|the) (?:own )?(?:data|memory|notes and conversations)"
_WHOLE: tuple[tuple[re.Pattern[str], PlainCommand], ...] = (
    (re.compile(r"(?:and )?what (?:did|have) i (?:tell|told|ask|asked) (?:you )?to (?:remember|note(?: down)?|keep in mind)|what (?:did|have) i (?:note|noted)(?: down)?|(?:show|list|give)(?: me)? (?:all )?(?:of )?my notes|what (?:are|is in) my notes", re.I), PlainCommand("note")),
    (re.compile(r"(?:我|之前我|我之前)(?:都)?(?:让|叫|要|请)(?:你|您)(?:帮我)?记(?:住|下|着)?了?(?:些|哪些)?(?:什么|哪些)(?:事|东西|内容)?|(?:列出|显示|看看|给我看)(?:一下)?我的(?:所有)?笔记|我(?:都)?记(?:了|过)(?:些|哪些)?(?:什么|哪些)笔记|我有(?:什么|哪些)笔记"), PlainCommand("note")),
    (re.compile(rf"{_POLITE}(?:export|download) {_EVERYTHING}|{_POLITE}(?:give|send) me (?:an? )?(?:export|copy) of {_EVERYTHING}", re.I), PlainCommand("export")),
    (re.compile(rf"{_POLITE_ZH}(?:导出|下载)(?:我的)?(?:所有|全部)?(?:的)?(?:数据|资料|记忆)|{_POLITE_ZH}把我的(?:所有|全部)?(?:数据|资料|记忆)(?:都|全部)?(?:导出(?:来)?|发给我)"), PlainCommand("export")),
)  # fmt: skip


def _whole(text: str) -> PlainCommand | None:
    plain = re.sub(r"(?:,? please)?[\s.!?。！？]*$", "", text, flags=re.IGNORECASE)
    if _ASKED_POLITELY_ZH.search(plain):
        plain = plain.removesuffix("吗")
    return next((command for pattern, command in _WHOLE if pattern.fullmatch(plain)), None)
