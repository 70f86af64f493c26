# ruff: noqa: E501 - each pattern and each list of words reads best on one line
"""The words that the rules and the graph know: how people are related, which attributes have one value at a time.

Words, not code, decide what a relation is; what is missing here is not extracted, which costs recall, never precision.
"""

from __future__ import annotations

import re

_RELATIONS = """
sister: sister, older sister, elder sister, younger sister, big sister, little sister, twin sister, 姐姐, 妹妹, 姐, 妹
brother: brother, older brother, elder brother, younger brother, big brother, little brother, twin brother, 哥哥, 弟弟, 哥, 弟
mother: mother, mom, mum, mama, 妈妈, 母亲, 妈
father: father, dad, papa, 爸爸, 父亲, 爸
daughter: daughter, 女儿, 闺女
son: son, 儿子
child: child, kid, 孩子, 小孩
wife: wife, 妻子, 老婆, 太太
husband: husband, 丈夫, 老公
spouse: spouse, 爱人
partner: partner, girlfriend, boyfriend, fiancé, fiancée, fiance, fiancee, 女朋友, 男朋友, 女友, 男友, 未婚妻, 未婚夫, 对象
cousin: cousin, 表哥, 表弟, 表姐, 表妹, 堂哥, 堂弟, 堂姐, 堂妹
aunt: aunt, auntie, 阿姨, 姑姑, 姨妈, 舅妈, 婶婶, 姑妈
uncle: uncle, 叔叔, 舅舅, 伯伯, 姑父, 姨夫
grandmother: grandmother, grandma, granny, nana, 奶奶, 外婆, 姥姥, 祖母
grandfather: grandfather, grandpa, granddad, 爷爷, 外公, 姥爷, 祖父
niece: niece, 侄女, 外甥女
nephew: nephew, 侄子, 外甥
in-law: mother-in-law, father-in-law, sister-in-law, brother-in-law, 嫂子, 姐夫, 妹夫, 岳母, 岳父, 婆婆, 公公
friend: friend, best friend, close friend, old friend, 朋友, 好朋友, 闺蜜, 好友, 最好的朋友
roommate: roommate, flatmate, housemate, 室友, 舍友
neighbour: neighbour, neighbor, 邻居
colleague: colleague, coworker, co-worker, teammate, 同事, 队友
classmate: classmate, 同学
boss: boss, manager, supervisor, 上司, 老板, 领导, 经理
report: report, 下属
assistant: assistant, secretary, 助理, 秘书
teacher: teacher, tutor, professor, coach, mentor, trainer, 老师, 教练, 导师
student: student, 学生
doctor: doctor, gp, dentist, therapist, vet, paediatrician, pediatrician, 医生, 牙医, 兽医
landlord: landlord, landlady, 房东
lawyer: lawyer, solicitor, attorney, 律师
accountant: accountant, 会计
client: client, customer, 客户, 甲方
contact person: contact person, contact, 联系人
dog: dog, puppy, 狗, 小狗, 狗狗
cat: cat, kitten, 猫, 小猫, 猫咪
pet: pet, horse, rabbit, hamster, parrot, budgie, turtle, tortoise, guinea pig, snake, goldfish, 兔子, 仓鼠, 鹦鹉, 乌龟, 宠物
"""

RELATIONS = {
    word.strip(): line.partition(":")[0]
    for line in _RELATIONS.strip().splitlines()
    for word in line.partition(":")[2].split(",")
}
"""Each relation word with its kind: "妹妹" and "younger sister" are both of the kind sister."""

PETS = frozenset(word for word, kind in RELATIONS.items() if kind in ("dog", "cat", "pet"))

INVERSE = {
    "sister": ("sister", "brother"),
    "brother": ("sister", "brother"),
    "mother": ("daughter", "son", "child"),
    "father": ("daughter", "son", "child"),
    "daughter": ("mother", "father"),
    "son": ("mother", "father"),
    "child": ("mother", "father"),
    "wife": ("husband", "spouse"),
    "husband": ("wife", "spouse"),
    "spouse": ("wife", "husband", "spouse"),
    "partner": ("partner",),
    "cousin": ("cousin",),
    "friend": ("friend",),
    "roommate": ("roommate",),
    "neighbour": ("neighbour",),
    "colleague": ("colleague",),
    "classmate": ("classmate",),
    "boss": ("report", "assistant"),
    "report": ("boss",),
    "teacher": ("student",),
    "student": ("teacher",),
    "owner": ("dog", "cat", "pet"),
    "project": ("client",),
}
"""For a kind of relation, the kinds under which the other side states it: whoever has me as a sister is mine."""

ONE_OF_KIND = frozenset(
    [
        "mother",
        "father",
        "wife",
        "husband",
        "spouse",
        "partner",
        "boss",
        "landlord",
        "accountant",
        "client",
        "assistant",
        "contact",
        "person",
    ]
)
"""Kinds of relation of which somebody has one at a time, so that a newer name closes an older one."""

MANY = frozenset(["likes", "dislikes", "allergy", "language", "plan", "event", "member of"])
"""Attributes that add up; every other one that is no relation has one value at a time."""

SYNONYMS = {
    "home": "home live lives living lived based located location address reside moved move city town 住 搬 地址 哪里 城市",
    "employer": "employer work works working company employed office 上班 工作 公司 单位 任职",
    "job": "job work works profession occupation career do 工作 职业 职位 做什么",
    "workplace": "work works working office 上班 工作 哪里",
    "hometown": "hometown from grew originally 老家 家乡 哪里人 来自",
    "birthday": "birthday born birth 生日 出生",
    "age": "age old aged 年龄 多大 几岁 岁",
    "name": "name named called 名字 叫",
    "phone number": "phone number mobile telephone call 电话 手机 手机号 号码",
    "email": "email mail e-mail 邮箱 邮件",
    "allergy": "allergy allergic allergies 过敏",
    "likes": "like likes love loves enjoy enjoys hobby hobbies into favourite favorite fan 喜欢 爱好 爱",
    "dislikes": "dislike dislikes hate hates stand 讨厌 不喜欢",
    "language": "language languages speak speaks 语言 会说",
    "plan": "plan plans going appointment when upcoming scheduled 计划 打算 安排 什么时候 预约",
    "event": "when did went happened last time 什么时候 去了 哪天",
    "car": "car drive drives 车 开车",
    "diet": "diet eat vegetarian vegan 饮食 吃素",
    "school": "school university college study studies attend go 学校 大学 上学",
    "field of study": "study studies major degree field 专业 学什么",
    "member of": "member club team 成员",
}
"""Words of questions that ask for an attribute."""

_ATTRIBUTE_NAMES = """
home: residence, city, location, lives in, live in, lives, lives at, living in, moved to, 住处, 住址, 居住地, 住, 住在, 现居
hometown: from, origin, grew up in, raised in, place of origin, 老家, 家乡, 籍贯
birthplace: place of birth, born in, 出生地
employer: company, works at, works for, work at, workplace name, organisation, organization, 公司, 单位, 雇主
job: occupation, profession, works as, work as, job title, role, career, position, work, 工作, 职业, 职位
name: full name, first name, 姓名, 名字
age: years old, 年龄
birthday: date of birth, birth date, born on, 生日
phone number: phone, telephone, mobile, mobile number, 电话, 手机, 手机号
email: email address, e-mail, 邮箱
allergy: allergies, allergic to, allergic, 过敏
likes: like, love, loves, enjoys, enjoy, hobby, hobbies, interest, interests, favourite, favorite, passion, fan of, 喜欢, 爱好, 最喜欢
dislikes: dislike, hate, hates, 讨厌, 不喜欢
language: languages, speaks, 语言, 会说
plan: plans, appointment, upcoming, 计划, 打算
event: events, 事件
car: vehicle, drives, 车
diet: dietary preference, eats, 饮食
school: university, college, alma mater, studies at, studied at, attends, 学校, 大学
field of study: major, degree, studies, study, studied, subject, 专业
member of: member, team, club, membership
"""

ATTRIBUTE_NAMES = {
    word.strip(): line.partition(":")[0]
    for line in _ATTRIBUTE_NAMES.strip().splitlines()
    for word in line.partition(":")[2].split(",")
}
"""Other names that a model gives to attributes, with the attribute that they mean."""

ATTRIBUTE_TAILS = tuple(
    """number code password passphrase pin id plate size address email deadline birthday anniversary expiry height
    weight nickname hometown employer major salary rent price budget team username account time date type model colour
    color serial iban mileage""".split()  # noqa: SIM905 - read as a text
)
"""Last words of "my X is Y" that make X an attribute."""

OCCUPATIONS = frozenset(
    """accountant actor actress analyst architect artist assistant attorney author baker banker barista bartender
    beekeeper biologist bookkeeper builder butcher carer carpenter cashier chef chemist cleaner clerk coach composer
    conductor consultant cook counsellor counselor dancer dentist designer developer director doctor driver economist
    editor electrician engineer farmer filmmaker firefighter fisherman florist gardener geologist hairdresser
    historian illustrator interpreter janitor jeweller journalist judge lawyer lecturer librarian machinist manager
    mason mathematician mechanic midwife miller musician nanny nurse optician painter paramedic pharmacist
    photographer physicist physiotherapist pilot plumber policeman postman potter producer professor programmer
    psychiatrist psychologist receptionist researcher sailor salesman scientist sculptor secretary singer soldier
    solicitor statistician surgeon surveyor tailor teacher technician therapist translator tutor vet veterinarian
    waiter waitress weaver welder writer zoologist student retiree lifeguard bookseller trainer
    magistrate""".split()  # noqa: SIM905
)

LANGUAGES = frozenset(
    """English German French Spanish Portuguese Italian Dutch Swedish Norwegian Danish Finnish Icelandic Polish Czech
    Slovak Hungarian Romanian Bulgarian Greek Turkish Russian Ukrainian Arabic Hebrew Persian Farsi Hindi Urdu Bengali
    Tamil Telugu Thai Vietnamese Indonesian Malay Tagalog Japanese Korean Chinese Mandarin Cantonese Swahili Yoruba
    Igbo Hausa Zulu Amharic Catalan Basque Welsh Irish Latin Esperanto""".split()  # noqa: SIM905
)


def kind_of(attribute: str) -> str:
    """The kind of a relation word, else the attribute itself."""
    return RELATIONS.get(attribute, attribute)


def is_relation(attribute: str) -> bool:
    """Whether an attribute links its subject to somebody or something that has facts of its own."""
    return attribute in RELATIONS


def one_value(attribute: str) -> bool:
    """Whether a newer value of the attribute takes the place of an older one."""
    if is_relation(attribute):
        return kind_of(attribute) in ONE_OF_KIND
    return attribute not in MANY


def key_of(name: str) -> str:
    """The form in which names, attributes and values are compared: case, spacing, articles and end marks left out."""
    plain = " ".join(name.casefold().replace("’", "'").split()).strip(" .,;:!?。，！？、")
    return re.sub(r"^(?:the|a|an) ", "", plain)
