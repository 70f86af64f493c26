# ruff: noqa: E501 - each pattern and each list of words reads best on one line
"""Facts in English sentences, by rules: each takes a clause that states something plainly, or nothing at all.

A clause is its subject ("I", "my sister Ann", "Ben's boss", a name) and what is said of it. Precision comes first:
the words of a value are bounded, opinions about what "it" or "that" is are left out, and occupations, languages and
relations are looked up (`memory.facts.vocabulary`). Doubt, questions and quotations were taken out before
(`memory.facts.extract`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from memory.facts.dates import Tense, begins, find_dates, normalise_dates, number
from memory.facts.records import USER, Claim
from memory.facts.rule import Build, Rule, rule
from memory.facts.vocabulary import (
    ATTRIBUTE_TAILS,
    LANGUAGES,
    OCCUPATIONS,
    PETS,
    RELATIONS,
)

_NAME = r"[A-ZÀ-Þ][\w.'’-]*(?: (?:de |van |von |der |of )?[A-ZÀ-Þ][\w.'’-]*){0,3}"
_BARE_NAME = r"[A-ZÀ-Þ][\w-]*(?: (?:de |van |von |der )?[A-ZÀ-Þ][\w-]*){0,3}"
_LATIN_RELATIONS = sorted((word for word in RELATIONS if word.isascii() or "é" in word), key=len, reverse=True)
_RELATION = rf"(?P<relation>{'|'.join(_LATIN_RELATIONS)})"
NOT_NAMES = frozenset(
    """The This That These Those It He She They There Here What Who Where When Why How We You I My Our Your His Her
    Their Its A An And But So Or If As At In On For To Of No Yes Not All Some Any Each Every Today Tomorrow Yesterday
    Work Life Love Hope Time Home Family Music Food Art School Everyone Everything Nothing Something Someone Nobody
    Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August
    September October November December Thanks Wow Oh Hey Hi Just Being Having Sounds Maybe Also Then Now Well Which
    One Two Three Let Please Sure Great Good Nice Sorry God Lol Ok Okay Yeah Mom Dad Mum Christmas Summer Winter Spring
    Autumn""".split()  # noqa: SIM905 - read as a text
)
_BE = r"(?:am|is|are|'m|'re|'s)"
_ADVERB = r"(?:really |absolutely |also |still |now |currently |just |recently |finally |actually |only |always )*"
_PRONOUN = re.compile(
    r"\b(?:it|that|this|these|those|you|your|yours|them|their|they|him|her|his|he|she|me|us|we|what|how|when|all|one"
    r"|everyone|everything|anything|something|such|same|both|most|idea|way|here|there|who|so|my|our)\b",
    re.IGNORECASE,
)


def claims_en(clause: str, *, said: date, me: str = USER) -> Iterator[Claim]:
    """Facts that one clause states; ``me`` is the subject of "I" and "my"."""
    plain = clause.strip().rstrip(".!").replace("’", "'")
    for pattern, build in _WHOLE:
        match = pattern.fullmatch(plain)
        if match:
            found = list(build(match, me, said))
            if found:
                yield from found
                return
    for subject, rest, also in _subjects(plain, me):
        told = list(_predicate(rest, subject, said))
        if told or also:
            yield from also
            yield from told
            return


def _subjects(clause: str, me: str) -> Iterator[tuple[str, str, list[Claim]]]:
    """Ways to read a clause as a subject and the rest, with the relation that the subject itself states."""
    if match := re.match(r"(?:I|we)\b\s*(?=\S)(?P<rest>.*)", clause, re.IGNORECASE):
        yield me, match["rest"].strip(), []
    owner = rf"(?:(?P<own>my|our)|(?P<owner>{_BARE_NAME})'s)"
    if match := re.match(rf"(?i:{owner})\s+{_RELATION},? (?P<name>{_BARE_NAME}),? (?P<rest>.+)", clause):
        whose = me if match["own"] else match["owner"]
        if _is_name(match["name"]) and (match["own"] or _is_name(whose)):
            yield match["name"], match["rest"], [Claim(whose, match["relation"], match["name"])]
    if match := re.match(
        rf"(?:(?P<own>[Mm]y|[Oo]ur)|(?P<owner>{_BARE_NAME})'s) {_RELATION}(?= |')(?P<rest>.+)", clause
    ):
        whose = me if match["own"] else match["owner"]
        yield f"{whose}'s {match['relation']}", match["rest"].strip(), []
    third = r"(?:\w+s|\w+ed|no longer|went|got|bought|met|ran|won|goes|was born|just|now|recently|finally)"
    if (match := re.match(rf"(?P<name>{_BARE_NAME}) (?P<rest>{third} .*)", clause)) and _is_name(match["name"]):
        yield match["name"], match["rest"], []


def _is_name(text: str | None) -> bool:
    return bool(text) and not set((text or "").split()) & NOT_NAMES


def _predicate(rest: str, subject: str, said: date) -> Iterator[Claim]:
    for pattern, build in _PREDICATES:
        match = pattern.fullmatch(rest)
        if match:
            found = list(build(match, subject, said))
            if found:
                yield from found
                return


def _split_date(text: str, said: date, tense: Tense) -> tuple[str, str | None]:
    """A text without its last date and the words that lead to it, and the date."""
    found = find_dates(text, said=said, tense=tense)
    if not found:
        return text.strip(" ,"), None
    last = found[-1]
    before = re.sub(
        r"\s*\b(?:(?:on|in|at|since|by|from|for|this coming|about|around|back in)\s*)+$",
        "",
        text[: last.start].rstrip(" ,"),
    )
    after = re.sub(r"^\s*(?:at \d[\d:.]*\s*(?:am|pm|o'clock)?)?", "", text[last.end :])
    return f"{before} {after}".strip(" ,"), last.value


def _value(text: str) -> str:
    """A value without its article and trailing asides."""
    plain = re.split(r"\s+(?:because|since|but|which|who|though|although|and (?:I|we|it|she|he|they)\b)|[,;(]", text)[0]
    plain = re.sub(
        r"\s+(?:now|too|as well|again|these days|at the moment|right now|already|though|currently|lately"
        r"|together|about|a lot|so much|very much)$",
        "",
        plain,
    )
    return re.sub(r"^(?:(?:actually|definitely|still|a|an|the)\s+)+", "", plain.strip(" .,;:!'\""), flags=re.IGNORECASE)


def _short(text: str, most: int) -> bool:
    return 0 < len(text.split()) <= most and len(text) <= 80


def _place(match: re.Match[str], subject: str, said: date, *, attribute: str = "home") -> Iterator[Claim]:
    text, when = _split_date(match["value"], said, "past")
    place = _value(text)
    if _short(place, 5) and place[:1].isupper() and place.split()[0] not in NOT_NAMES:
        yield Claim(subject, attribute, place, when)


def _hometown(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    yield from _place(match, subject, said, attribute="hometown")


def _employer(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    text, when = _split_date(match["value"], said, "past")
    organisation, _, job = text.partition(" as ")
    organisation = _value(organisation)
    if re.match(r"(?:home|night|it|them|him|her|the moment|myself|my|a|an|this|that|least|all)\b", text, re.IGNORECASE):
        return
    if _short(organisation, 5) and not _PRONOUN.search(organisation):
        yield Claim(subject, "employer", organisation, when)
        if job and _short(_value(job), 4):
            yield Claim(subject, "job", _value(job), when)


def _job(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    text, when = _split_date(match["value"], said, "past")
    text, _, organisation = text.partition(" at ")
    job = _value(text)
    if not _short(job, 4) or job.split()[-1].lower() not in OCCUPATIONS or _PRONOUN.search(job):
        return
    if re.match(r"(?:great|good|bad|terrible|lousy|big|new|proud|former|fast|slow|real|better|amateur)\b", job):
        return
    yield Claim(subject, "job", job, when)
    if organisation and _value(organisation)[:1].isupper():
        yield Claim(subject, "employer", _value(organisation), when)


def _age(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    years = number(match["value"])
    rest = match.groupdict().get("when") or ""
    dates = find_dates(rest, said=said, tense="past")
    if years is not None and years < 120 and (not rest.strip() or dates):
        yield Claim(subject, "age", str(years), dates[0].value if dates else None)


def _born(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    dates = find_dates(match["value"], said=said)
    if dates:
        yield Claim(subject, "birthday", dates[0].value)
    elif place := next(iter(re.findall(rf"^in ({_NAME})$", match["value"])), ""):
        yield Claim(subject, "birthplace", place)


def _listed(attribute: str, most: int = 5) -> Build:
    """Several values joined by commas and "and"."""

    def build(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
        del said
        text = re.split(r"\s+(?:because|since|but|which|who|though|so|as|when|after|before|if)\b", match["value"])[0]
        for part in re.split(r",\s*(?:and |or )?|\s+(?:and|or)\s+", text):
            value = _value(part)
            if _PRONOUN.search(part) or _LOOSE.match(part) or not _short(value, most):
                return
            yield Claim(subject, attribute, value)

    return build


_LOOSE = re.compile(
    r"(?:the|to|especially|particularly|some|other|many|being|every|any)\b|(?:go|going)$", re.IGNORECASE
)


def _languages(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    del said
    for word in re.findall(r"[A-Z][a-z]+", match["value"]):
        if word in LANGUAGES:
            yield Claim(subject, "language", word)


def _one(attribute: str, most: int = 4) -> Build:
    """One short value."""

    def build(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
        text, when = _split_date(match["value"], said, "past")
        value = _value(text)
        if _short(value, most) and not _PRONOUN.search(value):
            yield Claim(subject, attribute, value, when)

    return build


def _named(attribute: str) -> Build:
    """One name."""

    def build(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
        text, when = _split_date(match["value"], said, "past")
        if re.fullmatch(_NAME, _value(text)) and _is_name(_value(text)):
            yield Claim(subject, attribute, _value(text), when)

    return build


def _called(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    """ "our dog is called Biscuit": the name of somebody known by relation is the relation itself."""
    del said
    name = _value(match["value"])
    if not re.fullmatch(_NAME, name):
        return
    owner, mark, relation = subject.rpartition("'s ")
    yield Claim(owner, relation, name) if mark and relation in RELATIONS else Claim(subject, "name", name)


def _has_named(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    del said
    if re.fullmatch(_NAME, match["value"]):
        yield Claim(subject, match["relation"], match["value"])


def _study(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    text, when = _split_date(match["value"], said, "past")
    field, _, school = text.rpartition("at ")
    field, school = (school, "") if not field and not text.startswith("at ") else (field, school)
    if not field.strip() and re.fullmatch(_NAME, _value(school)):
        yield Claim(subject, "school", _value(school), when)
        return
    if _short(_value(field), 4) and not _PRONOUN.search(field) and not re.match(r"(?:hard|for|abroad|in)\b", field):
        yield Claim(subject, "field of study", _value(field), when)
        if school and _value(school)[:1].isupper():
            yield Claim(subject, "school", _value(school), when)


def _plan(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    text, when = _split_date(match["value"], said, "future")
    if when is None or len(when) < 7 or begins(when) < said.isoformat()[:7]:
        return
    value = _value(text)
    if _short(value, 9) and len(when) > 7 and not re.search(r"\b(?:it|that|this|you|them)\b", value):
        yield Claim(subject, "plan", value, when)


def _event(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    text, when = _split_date(match["value"], said, "past")
    if when is None or begins(when) > said.isoformat():
        return
    value = re.split(r"\s+(?:and|but|because|cause|so|which|where|who|that|with my)\b|[,;(\[]", text)[0].strip()
    if re.match(r"(?:had|made|did|took|went out)\b", value) and not _OCCASION.search(value):
        return
    if 2 <= len(value.split()) <= 9 and not re.search(r"\b(?:it|that|this|you|them|one)\b", value):
        yield Claim(subject, "event", value, when)


_OCCASION = re.compile(
    r"\b(?:interview|appointment|surgery|baby|meeting|party|exam|test|operation|accident|class|course|trip|wedding|check-up"
    r"|checkup|photo|camping|kids|son|daughter|mum|mom|dad|to the)\b"
)


def _quit(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    text, when = _split_date(match["value"], said, "past")
    if _value(text)[:1].isupper():
        yield Claim(subject, "employer", _value(text), when or said.isoformat(), ended=True)


def _no_longer(match: re.Match[str], subject: str, said: date) -> Iterator[Claim]:
    attribute = "home" if match["verb"].startswith("live") else "employer"
    if _value(match["value"])[:1].isupper():
        yield Claim(subject, attribute, _value(match["value"]), said.isoformat(), ended=True)


_V = r"(?P<value>.+)"
_PET_OR_RELATION = rf"(?P<relation>{'|'.join(sorted([*(p for p in PETS if p.isascii()), *_LATIN_RELATIONS], key=len))})"
_PREDICATES: tuple[Rule, ...] = (
    rule(rf"{_BE} {_ADVERB}(?P<value>\d{{1,3}}|[a-z]+(?:-[a-z]+)?) years old(?P<when>)", _age),
    rule(rf"{_BE} {_ADVERB}(?P<value>\d{{1,3}})(?P<when>)(?: now)?", _age),
    rule(r"(?:just )?turned (?P<value>\d{1,3}|[a-z]+(?:-[a-z]+)?)(?P<when>\b.*)", _age),
    rule(r"was born (?:on )?(?P<value>.+)", _born),
    rule(rf"(?:no longer|don't|doesn't) (?P<verb>live|work)s? (?:in|at|for) {_V}", _no_longer),
    rule(rf"(?:just )?(?:quit|left|resigned from|lost) my (?:old )?job (?:at|with) {_V}", _quit),
    rule(rf"{_ADVERB}(?:lives?|resides?|{_BE} (?:now )?living|{_BE} based|{_BE} located) (?:in|at) {_V}", _place),
    rule(rf"{_ADVERB}(?:'ve |have |has )?{_ADVERB}moved (?:back |over |house )?to {_V}", _place),
    rule(rf"(?:{_BE} (?:originally )?from|comes? from|grew up in) {_V}", _hometown),
    rule(rf"{_ADVERB}(?:works?|{_BE} (?:now )?(?:working|employed)|started working|began working) (?:for|at|with) {_V}", _employer),
    rule(rf"{_ADVERB}(?:works?|{_BE} (?:now )?working|started (?:working|work)) as (?P<value>an? .+)", _job),
    rule(rf"{_BE} {_ADVERB}(?P<value>an? .+)", _job),
    rule(rf"{_BE} {_ADVERB}allergic to {_V}", _listed("allergy")),
    rule(rf"{_BE} (?:an? )?{_ADVERB}(?P<value>vegetarian|vegan|pescatarian|coeliac|celiac|lactose[ -]intolerant)(?: now)?", _one("diet")),
    rule(rf"{_BE} (?:happily )?married to {_V}", _named("spouse")),
    rule(rf"{_BE} (?:engaged to|dating) {_V}", _named("partner")),
    rule(rf"(?:{_BE} (?:called|named)|goes by|go by) {_V}", _called),
    rule(rf"(?:speaks?|{_BE} fluent in) {_V}", _languages),
    rule(rf"{_ADVERB}drives? (?P<value>an? [A-Z].+)", _one("car")),
    rule(rf"(?:stud(?:y|ies)|{_BE} studying|{_BE} majoring in|majors? in) {_V}", _study),
    rule(r"(?:goes|go) to (?P<value>[A-Z].*(?:School|College|University|Academy).*)", _one("school", 6), 0),
    rule(r"(?:graduated from) (?P<value>[A-Z].*)", _one("school", 6), 0),
    rule(
        rf"(?:have|has|'ve got|has got|own) (?:an?|one) (?:\w+ )?{_PET_OR_RELATION} (?:called|named) (?P<value>{_NAME})",
        _has_named,
    ),
    rule(rf"{_ADVERB}(?:(?:can't|cannot) (?:stand|bear)|hates?|dislikes?|detests?|don't like) {_V}", _listed("dislikes", 4)),
    rule(rf"{_ADVERB}(?:loves?|likes?|enjoys?|adores?|{_BE} {_ADVERB}into|{_BE} a (?:big |huge )?fan of) {_V}", _listed("likes", 4)),
    rule(r"(?:have|has|'ve got|'ve) (?:got )?(?P<value>(?:an?|my|the|our) .+)", _plan),
    rule(
        rf"{_BE} (?P<value>(?:flying|going|travelling|traveling|meeting|moving|visiting|starting|seeing|leaving|having"
        r"|getting|taking|running|hosting|presenting|performing|attending|driving|throwing|launching) .+)",
        _plan,
    ),
    rule(rf"(?:will|'ll|{_BE} going to|{_BE} planning to|plan to|plans to) {_V}", _plan),
    rule(
        r"(?:just |finally |also |actually )?(?P<value>(?:went|visited|bought|got|met|started|began|finished|attended"
        r"|saw|joined|adopted|ran|won|took|made|gave|had|did|flew|drove|read|wrote|sold|lost|found|broke|signed|painted"
        r"|launched|opened|passed|completed|donated|volunteered|hosted|celebrated|graduated|enrolled|hiked|planted"
        r"|baked|cooked|finalised|finalized|presented|performed|received|applied|quit|moved|set up|came back|returned"
        r"|signed up) .+)",
        _event,
    ),
)  # fmt: skip


# -- clauses read as a whole


def _owned(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    """ "my X is Y", "Ben's X is Y": X is a relation, or an attribute by its last word."""
    owner = me if match["own"] else match["owner"]
    attribute, value = match["attribute"].strip(), match["value"].strip()
    if not match["own"] and not _is_name(owner):
        return
    if attribute.lower() in RELATIONS:
        if re.fullmatch(_NAME, _value(value)) and _is_name(_value(value)):
            yield Claim(owner, attribute.lower(), _value(value))
        return
    whose, mark, noun = attribute.rpartition("'s ")
    if mark and whose.lower() in RELATIONS and noun == "name":
        yield Claim(owner, whose.lower(), _value(value))
        return
    if mark and whose.lower() in RELATIONS:
        owner, attribute = f"{owner}'s {whose.lower()}", noun
    yield from _attribute(owner, attribute, value, said)


def _attribute(subject: str, attribute: str, value: str, said: date) -> Iterator[Claim]:
    attribute = _ATTRIBUTE_NAMES.get(attribute.lower(), attribute)
    tail = attribute.split()[-1].lower()
    favourite = re.fullmatch(r"(?:all-time )?favou?rite ([\w -]+)", attribute, re.IGNORECASE)
    if tail not in ATTRIBUTE_TAILS and not favourite and attribute not in _ATTRIBUTE_NAMES.values():
        return
    plain = _value(normalise_dates(value, said=said))
    plain = re.sub(r"^(?:on|in|at) (?=[\d-])", "", plain)
    if attribute == "birthday" and not find_dates(value, said=said):
        return
    if attribute == "name" and not re.fullmatch(_NAME, plain):
        return
    if _short(plain, 6) and len(attribute.split()) <= 4 and not _PRONOUN.search(plain) and not _VAGUE.match(plain):
        yield Claim(subject, f"favourite {favourite[1]}" if favourite else attribute, plain)


_VAGUE = re.compile(
    r"(?:not|too|so|very|really|great|good|bad|nice|coming|getting|always|quite|pretty|in \w+ing)\b", re.I
)
_ATTRIBUTE_NAMES = {
    "email address": "email",
    "email": "email",
    "e-mail": "email",
    "phone": "phone number",
    "number": "phone number",
    "mobile number": "phone number",
    "telephone number": "phone number",
    "cell phone number": "phone number",
    "name": "name",
    "full name": "name",
    "job": "job",
    "address": "address",
    "blood type": "blood type",
    "license plate": "licence plate",
}


def _of(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    """ "The wifi password at the cabin is X"."""
    if re.match(r"(?:my|our)\b", match["object"], re.IGNORECASE) and match["object"].split()[-1] in RELATIONS:
        subject = f"{me}'s {match['object'].split()[-1]}"
    else:
        subject = re.sub(r"^(?:the|my|our|a|an)\s+", "", match["object"], flags=re.IGNORECASE)
    if _short(subject, 5) and not _PRONOUN.search(subject):
        yield from _attribute(subject, match["attribute"], match["value"], said)


def _plain_attribute(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    """ "The door code is X": nobody's, so the user's."""
    if re.search(r"\b(?:code|password|passphrase|pin|number|plate)$", match["attribute"], re.IGNORECASE) and re.search(
        r"\d", match["value"]
    ):
        yield from _attribute(me, match["attribute"], match["value"], said)


def _expiry(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    dates = find_dates(match["value"], said=said, tense="future")
    what = {"expire": "expiry", "run": "expiry", "is": "expiry", "end": "end", "start": "start"}
    verb = next(word for verb, word in what.items() if match["verb"].lower().startswith(verb))
    whose = me if match["own"].lower() in ("my", "our", "the") else match["own"].removesuffix("'s")
    if dates and _short(match["object"], 4):
        yield Claim(whose, f"{match['object'].lower()} {verb}", dates[0].value)


def _is_relation_of(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    """ "Tomas is Ingrid's husband", "Ann is my sister"."""
    del said
    owner = me if match["own"] else match["owner"]
    if _is_name(match["name"]) and (match["own"] or _is_name(owner)):
        yield Claim(owner, match["relation"], match["name"])


def _client(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    del me, said
    project, client = _value(match["project"]), _value(match["value"])
    if re.fullmatch(_NAME, client) and project[:1].isupper() and _short(project, 5) and _is_name(client):
        yield Claim(re.sub(r"\s+project$", "", project), "client", client)


def _reach(match: re.Match[str], me: str, said: date) -> Iterator[Claim]:
    del said
    yield Claim(me, "email", match["value"].rstrip("."))


_OWNER = rf"(?:(?P<own>[Mm]y|[Oo]ur)|(?P<owner>{_BARE_NAME})'s)"
_IS = r"(?: is now| is| are|:| =| was changed to| has changed to)"
_WHOLE: tuple[Rule, ...] = (
    rule(rf"(?P<name>{_BARE_NAME}) is {_OWNER} (?:\w+ )?{_RELATION}", _is_relation_of, 0),
    rule(rf"(?P<project>Project {_NAME}|(?:[Tt]he )?{_NAME}(?: project)?) is (?:a project )?for (?P<value>.+)", _client, 0),
    rule(r"(?:[Oo]ur|[Tt]he|[Mm]y) client (?:for|of|on) (?P<project>.+?) is (?P<value>.+)", _client, 0),
    rule(rf"(?P<project>Project {_NAME}|(?:[Tt]he )?{_NAME}(?: project)?) belongs to (?:our client )?(?P<value>.+)", _client, 0),
    rule(rf"{_OWNER} (?P<attribute>[\w' -]{{2,40}}?){_IS}(?: called| named)? (?P<value>.+)", _owned, 0),
    rule(r"(?P<own>my|our|the|[A-Z]\w+'s) (?P<object>[\w -]{2,30}?) (?P<verb>expires?|runs out|is valid until|ends|starts)(?: on| in)? (?P<value>.+)", _expiry),
    rule(rf"the (?P<attribute>[\w -]{{2,30}}?) (?:of|at|for|in|to) (?P<object>[\w '-]{{2,40}}?){_IS} (?P<value>.+)", _of),
    rule(rf"the (?P<attribute>[\w -]{{2,40}}?){_IS} (?P<value>.+)", _plain_attribute),
    rule(r"(?:you can )?(?:reach|email|mail|contact) me (?:at|on|via) (?P<value>\S+@\S+\.\w+)", _reach),
    rule(r"call me (?P<value>[A-Z]\w+)", _called),
)  # fmt: skip
