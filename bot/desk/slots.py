"""Answer templates: text with slots that only the customer's own words and name fill; one with a gap is never sent.

Slots are {name}, {order} and {date}. A date or number of an agent's reply that the customer had not written first is a
fact of that one case, so such a reply makes no template: filled with another customer's words it would be untrue.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SLOTS = ("name", "order", "date")
_SLOT = re.compile(r"\{([a-z]+)\}")
_ORDER = re.compile(
    r"(?:(?:\b(?:order|invoice|ticket|parcel|shipment|reference|case|tracking)\b|订单|单号|发票)"
    r"(?:\s*(?:number|no|nr|id|code|号码?|编号))?\.?\s*(?:is|was|为|是)?\s*[:：#]*\s*|#\s?)"
    r"(?P<order>[A-Z]{0,4}-?\d{4,12})(?![\d-])",
    re.IGNORECASE,
)
_ORDER_CODE = re.compile(r"\b(?P<order>[A-Z]{2,4}-\d{4,12})\b")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_DATE = re.compile(
    rf"\b(?P<date>\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}|\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{_MONTH}"
    rf"(?:\s\d{{4}})?|{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?)\b"
    r"|(?P<chinese>(?:\d{4}年)?\d{1,2}月\d{1,2}[日号])",
    re.IGNORECASE,
)
_GREETED = re.compile(
    r"^(?P<hail>(?:hi|hello|dear|hey|good (?:morning|afternoon|evening))\s+(?:(?:mr|mrs|ms|miss|dr)\.?\s+)?)"
    r"(?P<name>[A-Z][\w'’-]+(?:\s[A-Z][\w'’-]+)?)(?=\s*[,!.:\n])",
    re.IGNORECASE,
)
_GREETED_CHINESE = re.compile(
    r"^(?P<hail>(?:您好|你好|尊敬的|亲爱的)[，, ]?)(?P<name>[\u4e00-\u9fff]{1,3}(?:先生|女士|小姐))(?=[，,!！:：])"
)
_NOBODY = frozenset({"there", "all", "team", "customer", "sir", "madam", "everyone", "you"})
_SIGNED = re.compile(
    r"\n\s*(?:(?:kind|best|warm)?\s*regards|best wishes|yours(?: sincerely)?|cheers|sincerely|祝好|此致)\b.*\Z",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST = 40


@dataclass(frozen=True)
class Values:
    """What is known of a customer from their own words."""

    name: str = ""
    order: str = ""
    date: str = ""

    def as_map(self) -> Mapping[str, str]:
        """By slot, without those that are not known."""
        known = {"name": self.name, "order": self.order, "date": self.date}
        return {key: value for key, value in known.items() if value and len(value) <= _LONGEST and "\n" not in value}


def values_of(texts: Sequence[str], *, name: str = "") -> Values:
    """What a customer's messages say, newest last, which counts most.

    :param name: under which they write; they choose it themselves, so of it at most one word is ever said
    """
    orders = [_order(text) for text in texts]
    return Values(
        name=_called(name),
        order=next((order for order in reversed(orders) if order), ""),
        date=next((date for date in reversed([_date(text) for text in texts]) if date), ""),
    )


def _called(name: str) -> str:
    """The first word of a name, or a short Chinese one; empty where it is none (a chat's has a colon)."""
    if re.fullmatch(r"[\u3400-\u9fff]{2,4}", name):
        return name
    first = name.split()[0] if name.split() else ""
    return first if re.fullmatch(r"[^\W\d_\u3400-\u9fff][^\W\d_\u3400-\u9fff'’-]{1,19}", first) else ""


def slots_of(text: str) -> frozenset[str]:
    """The slots of a template."""
    return frozenset(_SLOT.findall(text))


def fill(template: str, values: Values) -> str | None:
    """The template with its slots filled; None where one of them can't be, or is none that is known."""
    known = values.as_map()
    if slots_of(template) - known.keys():
        return None
    return _SLOT.sub(lambda slot: known[slot.group(1)], template)


def make_template(reply: str, question: str, *, names: Sequence[str] = ()) -> str | None:
    """An agent's reply as a template; None where it states a fact of that one case.

    :param names: of the customer, as the export writes it; agents' names are left out with the signature
    """
    text = unsigned(_without_names(reply.strip(), names))
    asked = values_of([question])
    text = _ORDER.sub(lambda found: _slot_for(found, "order"), text)
    text = _ORDER_CODE.sub("{order}", text)
    for date in [found.group() for found in _DATE.finditer(text)]:
        if date.casefold() != asked.date.casefold():
            return None
        text = text.replace(date, "{date}")
    unknown = slots_of(text) - set(SLOTS)
    return None if unknown or not text else text


def without_values(text: str, *, names: Sequence[str] = ()) -> str:
    """A customer's message without their name, numbers and dates: what is learned and searched."""
    plain = _without_names(text.strip(), names).replace("{name}", "[name]")
    plain = _ORDER.sub(lambda found: _slot_for(found, "order").replace("{order}", "[number]"), plain)
    return _DATE.sub("[date]", _ORDER_CODE.sub("[number]", plain))


def unsigned(reply: str) -> str:
    """A reply without the regards and the name under it."""
    return _SIGNED.sub("", reply).strip()


def without_greeting(text: str) -> str:
    """A reply without the greeting by name that it begins with: it speaks to one customer."""
    for pattern in (_GREETED, _GREETED_CHINESE):
        greeted = pattern.match(text)
        if greeted and greeted.group("name").casefold() not in _NOBODY:
            rest = text[greeted.end() :].lstrip(" ,!.:，！：\n")
            return rest[:1].upper() + rest[1:]
    return text


def _slot_for(found: re.Match[str], slot: str) -> str:
    start = found.start(slot) - found.start()
    return found.group()[:start] + "{" + slot + "}"


def _order(text: str) -> str:
    found = _ORDER.search(text) or _ORDER_CODE.search(text)
    return found.group("order").upper() if found else ""


def _date(text: str) -> str:
    found = _DATE.search(text)
    return found.group() if found else ""


def _without_names(text: str, names: Sequence[str]) -> str:
    for pattern in (_GREETED, _GREETED_CHINESE):
        greeted = pattern.match(text)
        if greeted and greeted.group("name").casefold() not in _NOBODY:
            text = f"{greeted.group('hail')}{{name}}{text[greeted.end() :]}"
    words = {word for name in names for word in (name, *name.split()) if len(word) > 1}
    for word in sorted(words, key=len, reverse=True):
        edge = r"\b" if word.isascii() else ""
        text = re.sub(rf"{edge}{re.escape(word)}{edge}", "{name}", text)
    return re.sub(r"\{name\}(?:\s+\{name\})+", "{name}", text)
