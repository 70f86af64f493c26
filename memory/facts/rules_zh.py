# ruff: noqa: E501 - each pattern and each list of words reads best on one line
"""Facts in Chinese clauses, by rules: the same attributes as in English, so that a question in either finds them.

Chinese has no capitals and no spaces, so a name is two to eight characters in a place where only a name can stand,
and the words around it are fixed. Relations keep the word that was used (妹妹, 表哥), because it says more than
"sister" or "cousin"; `memory.facts.vocabulary.kind_of` brings them together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from memory.facts.dates import begins, find_dates, normalise_dates, number
from memory.facts.records import USER, Claim
from memory.facts.rule import Build, Rule, rule
from memory.facts.vocabulary import PETS, RELATIONS

_RELATIONS = sorted((word for word in RELATIONS if not word.isascii() and "é" not in word), key=len, reverse=True)
_RELATION = rf"(?P<relation>{'|'.join(_RELATIONS)})"
_PET = rf"(?P<relation>{'|'.join(sorted((p for p in PETS if not p.isascii()), key=len, reverse=True))})"
_NAME = r"(?:[一-鿿·]{2,8}|[A-Z][A-Za-z]+(?: [A-Z][a-z]+)*)"
_NOW = r"(?:今年|现在|目前|已经|刚刚|刚|也|就|都|一直|平时|最近)*"
_COUNTED = r"(?:一?[只条个位名家匹])"
_JOB_END = (
    "老师|教师|医生|护士|程序员|工程师|律师|设计师|会计|厨师|司机|警察|记者|翻译|演员|作家|画家|歌手|经理|教授|研究员|"
    "店员|职员|柜员|行长|校长|主任|顾问|摄影师|药剂师|建筑师|快递员|销售|编辑|学生|研究生|博士生|公务员|农民|工人|瓦工|"
    "木工|电工|焊工|裁缝|理发师|飞行员|空姐|空乘|消防员|保安|军人|主播|导游|导演|主持人|总监|分析师|美容师|教练|兽医|牙医|"
    "技工|技师|文员|秘书|助理|店长|老板|创业者|自由职业者|营业员|服务员|收银员|业务员|售货员"
)
_NOT_NAMES = re.compile(
    r"^[做当在个一搞从]|的$|[你您他她它这那哪什么谁怎吗呢吧了的很不没啥]|我们|自己|大家|一[个位名只条]|意思|觉得|说|想|认为|希望|昨天|今天|明天|^[前后最头每上下第]|[晚天日年月周次]$"
)


def claims_zh(clause: str, *, said: date, me: str = USER) -> Iterator[Claim]:
    """Facts that one Chinese clause states; ``me`` is the subject of 我."""
    plain = re.sub(r"\s+(?=[一-鿿])|(?<=[一-鿿])\s+", "", clause.strip())
    for pattern, build in _WHOLE:
        match = pattern.fullmatch(plain)
        if match and (found := list(build(match, me, said))):
            yield from found
            return
    for subject, rest in _subjects(plain, me):
        for pattern, build in _PREDICATES:
            match = pattern.fullmatch(rest)
            if match and (found := list(build(match, subject, said))):
                yield from found
                return


def _subjects(clause: str, me: str) -> Iterator[tuple[str, str]]:
    if match := re.match(rf"(?:我们?|咱们?)家?的?{_RELATION}(?:他们?|她们?|它们?)?(?P<rest>.+)", clause):
        yield f"{me}'s {match['relation']}", match["rest"]
    if match := re.match(r"我(?!们)(?P<rest>.+)", clause):
        yield me, match["rest"]
    verb = r"(?:现在|目前|已经|今年)*(?:住|搬|在|对|今年|来自|是|喜欢|讨厌|不喜欢|的(?:生日|手机|电话|邮箱|工作|职业|老家|名字|年龄|地址))"
    if match := re.match(rf"(?P<name>[一-鿿·]{{2,6}}?)(?P<rest>{verb}.+)", clause):
        name = match["name"]
        if not _NOT_NAMES.search(name) and name[0] not in "我咱":
            yield name, match["rest"]


def _clean(text: str) -> str:
    return re.sub(r"^(?:在|是|于|为)|[啦啊哦呀呢了~～]+$|[（(].*$", "", text.strip(' 。！!,，：:；;“”"《》「」')).strip(
        "《》"
    )


def _ok(value: str, most: int = 14) -> bool:
    return 0 < len(value) <= most and not re.search(r"[你您他她它]|这[个样些]|那[个样些]|什么|怎么|哪", value)


def _without_date(text: str, said: date) -> tuple[str, str | None]:
    found = find_dates(text, said=said)
    if not found:
        return text, None
    first = found[0]
    return text[: first.start] + text[first.end :], first.value


def _one(attribute: str, most: int = 14) -> Build:
    def build(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
        found = find_dates(match.string, said=said)
        value = _clean(match["value"])
        if _ok(value, most):
            yield Claim(subject, attribute, value, found[0].value if found else None)

    return build


def _many(attribute: str) -> Build:
    def build(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
        del said
        for part in re.split(r"[、和跟与]|还有|以及", match["value"]):
            value = _clean(part)
            if not _ok(value, 10) or re.match(r"[这那]|上|听[说到]|看到", value):
                return
            yield Claim(subject, attribute, value)

    return build


def _name(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    del said
    name = _clean(match["value"])
    if not re.fullmatch(_NAME, name) or _NOT_NAMES.search(name):
        return
    owner, mark, relation = subject.rpartition("'s ")
    yield Claim(owner, relation, name) if mark and relation in RELATIONS else Claim(subject, "name", name)


def _age(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    del said
    years = number(match["value"])
    if years is not None and years < 120:
        yield Claim(subject, "age", str(years))


def _date_of(attribute: str) -> Build:
    def build(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
        if found := find_dates(match["value"], said=said):
            yield Claim(subject, attribute, found[0].value)

    return build


_ORGANISATION = re.compile(
    r"(?:公司|集团|医院|学校|中学|小学|大学|学院|幼儿园|科技|银行|店|[研所院局厂部社馆团队]|中心|工作室|数据|网络|软件|传媒|地产|实业|药业|事务所)$"
)


def _works(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    del said
    organisation, job = _clean(match["value"]), match.groupdict().get("job")
    if _ok(organisation) and organisation not in ("家", "家里", "外面", "外地"):
        yield Claim(subject, "employer" if _ORGANISATION.search(organisation) or job else "workplace", organisation)
        if job and _ok(_clean(job), 12):
            yield Claim(subject, "job", _clean(job))


def _kin_job(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    del said
    value = re.sub(r"^(?:一?个|做|当)", "", match["value"])
    if _ok(value, 12) and not re.search(r"好|不|最|的", value):
        yield Claim(subject, "job", value)


def _plan(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    dates = find_dates(match.string, said=said, tense="future")
    value = _clean(_without_date(match["value"], said)[0])
    if dates and len(dates[0].value) > 7 and begins(dates[0].value) >= said.isoformat() and _ok(value, 16):
        yield Claim(subject, "plan", value, dates[0].value)


def _event(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    dates = find_dates(match.string, said=said, tense="past")
    value = match["value"].strip("，。！ ")
    if dates and begins(dates[0].value) <= said.isoformat() and len(value) > 2 and _ok(value, 18):
        yield Claim(subject, "event", value, dates[0].value)


# -- clauses read as a whole


def _relation_name(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    del said
    name = _clean(match["value"])
    job = re.search(rf"(?:{_JOB_END})$", name)
    if re.fullmatch(_NAME, name) and not _NOT_NAMES.search(name) and not (job and len(name) > 3):
        strict = match.groupdict().get("called") is not None
        if strict or len(name) <= 4:
            yield Claim(me, match["relation"], name)


def _is_relation_of(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    del said
    owner = me if match["owner"] in ("我", "我们") else match["owner"]
    if not _NOT_NAMES.search(match["name"]) and not _NOT_NAMES.search(owner) and match["name"][0] not in "我咱":
        yield Claim(owner, match["relation"], match["name"])


_ATTRIBUTES = {
    **dict.fromkeys(["手机号", "手机号码", "手机", "电话", "电话号码", "联系方式", "联系电话"], "phone number"),
    **dict.fromkeys(["邮箱", "邮箱地址", "电子邮箱", "邮件地址", "email"], "email"),
    **dict.fromkeys(["生日", "出生日期"], "birthday"),
    "年龄": "age",
    **dict.fromkeys(["工作", "职业", "职位"], "job"),
    **dict.fromkeys(["单位", "公司", "工作单位"], "employer"),
    **dict.fromkeys(["老家", "家乡", "籍贯"], "hometown"),
    **dict.fromkeys(["客户", "甲方"], "client"),
    **dict.fromkeys(["名字", "姓名", "全名"], "name"),
    **dict.fromkeys(["爱好", "兴趣"], "likes"),
}
_TAILS = (
    "密码|编号|号码|车牌号|车牌|身份证号|保单号|地点|地址|时间|日期|价格|费用|规模|持续时间|主题|学历|身高|体重|血型|昵称|"
    "专业|学校|年龄|截止日期|单号|账号|负责人|房号|门禁|型号|尺码|鞋码|预算|房租|名称|主要内容"
)
_KNOWN = f"{_TAILS}|{'|'.join(sorted(_ATTRIBUTES, key=len, reverse=True))}"
_ATTRIBUTE = rf"(?P<attribute>(?:[A-Za-z]|(?!的)[一-鿿]){{0,6}}?(?:{_KNOWN}))"
_KIN = rf"(?:我们?|咱们?)家?的?(?:{'|'.join(_RELATIONS)})"


def _attribute(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    """ "家里的wifi密码是X", "我的手机号是X", "X项目的客户是Y"."""
    whose, attribute = match["owner"], match["attribute"]
    attribute = _ATTRIBUTES.get(attribute, attribute)
    value = normalise_dates(match["value"], said=said)
    value = _clean(value if attribute in ("主要内容", "主题") else re.split(r"[，,；;]", value)[0])
    subject = _owner(whose, me)
    if subject is None or not _ok(value, 40) or re.match(r"[^\d]{0,3}(?:很|太|非常|比较|不|挺|超)", value):
        return
    if attribute == "name":
        owner, mark, relation = subject.rpartition("'s ")
        subject, attribute = (owner, relation) if mark else (subject, "name")
    if attribute in RELATIONS and _NOT_NAMES.search(value):
        return
    if attribute == "hometown":
        value = value.removesuffix("的")
    if attribute == "age":
        value = str(number(value.removesuffix("岁")) or "")
    if attribute == "job":
        value = re.sub(r"^(?:一?[名个位]|做|当)|的$", "", value)
    if attribute == "phone number" and not re.search(r"\d[\d -]{4,}", value):
        return
    if attribute == "birthday" and not find_dates(match["value"], said=said):
        return
    yield Claim(subject, attribute, value)


def _owner(text: str, me: str) -> str | None:
    if text in ("我", "我的", "本人"):
        return me
    if match := re.fullmatch(rf"(?:我们?|咱们?)家?的?{_RELATION}", text):
        return f"{me}'s {match['relation']}"
    if re.match(r"[你您他她它这那]|我(?!们)", text) or len(text) > 24:
        return None
    return text


def _expiry(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    dates = find_dates(match["value"], said=said, tense="future")
    subject = _owner(match["owner"] or "我", me)
    if dates and subject:
        yield Claim(subject, f"{match['object']}到期", dates[0].value)


def _favourite(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    del said
    value = _clean(match["value"])
    if _ok(value) and _ok(match["noun"], 6):
        yield Claim(_owner(match["owner"], me) or me, f"favourite {match['noun']}", value)


def _project_client(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    del me, said
    if _ok(match["value"]) and _ok(match["project"]):
        yield Claim(match["project"], "client", _clean(match["value"]))


def _pet(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    del said
    name = _clean(match["value"])
    if _ok(name, 6):
        yield Claim(me, match["relation"], name)


_V = r"(?P<value>.+?)"
_IS = r"(?:是|为|：|:|叫做?|改成了?|换成了?|变成了?|在)"
_D = r"(?:[^，,]{0,12}?)"
_WHOLE: tuple[Rule, ...] = (
    rule(rf"我们?家?(?:养了|有){_COUNTED}?{_PET}[，,]?(?:它)?(?:的?名字)?(?:叫|是){_V}", _pet),
    rule(rf"我们?家?的?{_PET}(?:的?名字)?叫{_V}", _pet),
    rule(rf"(?:我们?|咱们?)家?的?{_RELATION}的?(?:名字)?(?P<called>叫做?|名叫|名字叫|名字是){_V}", _relation_name),
    rule(rf"(?:我们?|咱们?)家?的?{_RELATION}是{_V}", _relation_name),
    rule(rf"(?P<name>[一-鿿·]{{2,5}}?)是(?P<owner>我|[一-鿿·]{{2,5}}?)的?{_RELATION}", _is_relation_of),
    rule(rf"(?P<owner>.{{1,6}}?)(?:的)?最?(?:喜欢|爱)的(?P<noun>[一-鿿]{{1,6}}?)是{_V}", _favourite),
    rule(r"(?P<owner>我的?|我们?家?的?[一-鿿]{0,3}?)?(?P<object>护照|签证|驾照|保险|合同|租约|会员|身份证)(?:在|将在|将于|于)?(?P<value>.+?)到期", _expiry),
    rule(r"(?P<project>.{1,12}?)是给(?P<value>.+?)做的", _project_client),
    rule(rf"(?P<owner>{_KIN})(?:他们?|她们?)?(?:的|用的|那个)*(?P<attribute>{_KNOWN}){_IS}{_V}", _attribute),
    rule(rf"(?P<owner>[^，,的]{{1,24}}|我们?家?的[^，,的]{{1,12}})的{_ATTRIBUTE}{_IS}{_V}", _attribute),
    rule(rf"(?P<owner>我|我们?家?[^，,的]{{0,12}}?)(?P<attribute>[A-Za-z]{{0,6}}(?:{_KNOWN})){_IS}{_V}", _attribute),
    rule(rf"(?P<owner>[^，,]{{1,16}}?)的(?P<attribute>联系人|老师|兽医|医生|助理|上司|老板|负责人|客户)(?:是|叫){_V}", _attribute),
)  # fmt: skip
_PREDICATES: tuple[Rule, ...] = (
    rule(rf"(?:的名字)?(?:叫|名叫|是叫)做?{_V}", _name),
    rule(rf"的?(?:年龄是)?{_NOW}(?:年龄)?(?:是|快)?(?P<value>\d{{1,3}}|[一二三四五六七八九十两]{{1,3}})岁了?", _age),
    rule(rf"的?生日{_NOW}(?:是|在)+{_V}", _date_of("birthday")),
    rule(rf"{_NOW}(?:住|居住|定居)在?{_V}", _one("home")),
    rule(rf"{_D}搬家?(?:到|去|来)了?{_V}", _one("home")),
    rule(rf"的?老家(?:在|是){_V}", _one("hometown")),
    rule(rf"(?:来自){_V}", _one("hometown")),
    rule(r"(?:他们|她们)?是(?P<value>(?!.*(?:工|军|好|坏|主持|男|女|老|年轻|大|成年|一个|病|爱|艺|诗|商|盲|证|路|家里)人)[一-鿿]{2,8})人", _one("hometown", 8)),
    rule(rf"{_NOW}在{_V}(?:当|做|担任)(?P<job>.+?)", _works),
    rule(rf"{_NOW}在{_V}(?:上班|工作|任职)(?:(?:，|,)?.{{0,0}})", _works),
    rule(rf"{_NOW}(?:是|当|做|从事)+(?:的|着)?(?:一?[名个位])?(?P<value>[一-鿿]{{0,8}}(?:{_JOB_END}))的?", _kin_job),
    rule(r"对(?P<value>[^，]{1,10}?)(?:严重)?过敏", _many("allergy")),
    rule(rf"{_NOW}(?:最|很|特别|非常|超级?|真的)?(?:讨厌|不喜欢|受不了|不爱吃){_V}", _many("dislikes")),
    rule(rf"{_NOW}(?:最|很|特别|非常|超级?|真的)?(?:喜欢|爱|热爱){_V}", _many("likes")),
    rule(r"会(?:说|讲)(?P<value>(?:[一-鿿]{1,4}[语话文][、和跟与]?)+)", _many("language")),
    rule(rf"{_D}(?:要|会|打算|准备|计划|将要?|约了){_V}", _plan),
    rule(r"[^，,]{0,12}?(?P<value>(?:去|买|看|见|参加|完成|开始|收到|换|学会|吃|拿到|考过|签|参观|拜访|生)了?[^，,]*了?[^，,]*)", _event),
)  # fmt: skip
