"""Whether a pressed button leads somewhere: its data is well formed, and what it names is there and the presser's.

Looked at before the press is answered, since it can be answered only once. What a button names may have been
forgotten, decided or replaced since, and its data may be anybody's making.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.telegram.customers import in_agents_chat
from bot.telegram.desk import Visit
from bot.telegram.group_admins import is_anonymous
from bot.telegram.logging_health import is_entry
from bot.telegram.noting import original
from memory.candidates import candidates_of_turn
from memory.desk import case_by_id
from memory.errors import FamiliarError
from memory.facts.store import fact
from memory.logs import entry_by_id
from memory.reminders import reminder_by_id, reminders_of
from memory.store import Store
from memory.turns import turn_by_id

Values = Sequence[str]
There = Callable[[Visit, Values], bool]


def _always(visit: Visit, values: Values) -> bool:
    del visit, values
    return True


@dataclass(frozen=True)
class Rule:
    """What makes a button a good one."""

    form: str
    """The values of its data, joined by colons, as a regular expression. Numbers are kept below SQLite's limit."""
    there: There = _always
    """Whether what it names is there and the presser's; where it is not, `FamiliarError` says so as well."""
    asker_only: bool = False
    """In a group only whoever asked may press it."""


_ID = r"[0-9]{1,18}"


def refusal(visit: Visit, name: str, values: Values) -> str | None:
    """The phrase that says why a press leads nowhere; None where it leads somewhere."""
    rule = RULES.get(name)
    if rule is None or re.fullmatch(rule.form, ":".join(values)) is None:
        return "tg_button_expired"
    try:
        there = rule.there(visit, values)
    except FamiliarError:
        there = False
    if not there:
        return "tg_button_expired"
    return "tg_button_not_yours" if rule.asker_only and not _asked(visit) else None


def _asked(visit: Visit) -> bool:
    """Whether the presser wrote what the message with the button answers; in private nobody else could have."""
    if visit.place.private:
        return True
    asked = visit.message.reply_to_message
    if asked is None or asked.from_user is None or asked.from_user.id == visit.telegram_id:
        return True
    return is_anonymous(asked, asked.from_user.id)  # nobody knows which admin it was; that an admin presses is known


def _turn(visit: Visit, values: Values) -> bool:
    turn_by_id(visit.services.store, int(values[0]), user_id=visit.user.id)
    return True


def _case(visit: Visit, values: Values) -> bool:
    return in_agents_chat(visit) and case_by_id(visit.services.store, int(values[1])).state == "open"


def _rated(visit: Visit, values: Values) -> bool:
    return visit.services.customers is not None and _turn(visit, values[1:])


def _candidates(visit: Visit, values: Values) -> bool:
    candidates_of_turn(visit.services.store, int(values[0]), user_id=visit.user.id)
    return visit.place.private


def _document(visit: Visit, values: Values) -> bool:
    visit.services.store.document(int(values[0]), user_id=visit.user.id)
    return True


def _forgettable(visit: Visit, values: Values) -> bool:
    match values[0]:
        case "turn":
            return _turn(visit, values[1:])
        case "document":
            return _document(visit, values[1:])
        case _:
            return True  # of a text the words are looked for when it is pressed


def _fact(visit: Visit, values: Values) -> bool:
    if values[0].isdecimal():
        fact(visit.services.store, int(values[0]), user_id=visit.user.id)
    return True


def _adapter(visit: Visit, values: Values) -> bool:
    visit.services.learned.show(values[0], visit.user)
    return visit.place.private


def _example(visit: Visit, values: Values) -> bool:
    there = _turn(visit, values[2:]) if values[1] == "turn" else _document(visit, values[2:])
    return there and visit.place.private


def _pending_reminder(visit: Visit, values: Values) -> bool:
    kept = reminders_of(visit.services.store, user_id=visit.user.id)
    return any(item.id == int(values[0]) for item in kept)


def _reminder(visit: Visit, values: Values) -> bool:
    reminder_by_id(visit.services.store, int(values[0]), user_id=visit.user.id)
    return True


def _logged(visit: Visit, values: Values) -> bool:
    first = int(values[0].partition("-")[0])
    entry_by_id(visit.services.store, first, user_id=visit.user.id)
    return visit.place.private


def _loggable(visit: Visit, values: Values) -> bool:
    return visit.place.private and visit.services.settings.logs.enabled and is_entry(values)


def _stranger(visit: Visit, values: Values) -> bool:
    """Only the owner decides, and only about somebody who waits or was refused."""
    decided = visit.services.store.user_by_id(int(values[0]))
    return visit.person.role == "owner" and decided.role in ("waiting", "refused")


def _reply(visit: Visit, values: Values) -> bool:
    return _reply_in(visit.services.store, int(values[0]), chat_id=visit.place.chat_id)


def _reply_in(store: Store, reply_id: int, *, chat_id: int) -> bool:
    return bool(store.rows("SELECT 1 FROM telegram_replies WHERE id = ? AND chat_id = ?", (reply_id, chat_id)))


def _note(visit: Visit, values: Values) -> bool:
    del values
    found = original(visit)
    return found is not None and found.note is not None


def _item(visit: Visit, values: Values) -> bool:
    taste = visit.services.taste
    return taste is not None and visit.place.private and taste.item(int(values[1]), visit.user).id > 0


def _private(visit: Visit, values: Values) -> bool:
    del values
    return visit.place.private


RULES: Mapping[str, Rule] = {
    "rate": Rule(rf"(up|down):{_ID}", _rated),
    "case": Rule(rf"(send|edit):{_ID}", _case),
    "up": Rule(_ID, _turn),
    "down": Rule(_ID, _turn),
    "why": Rule(_ID, _turn),
    "choose": Rule(_ID, _document, asker_only=True),
    "forget": Rule(rf"(turn|document):{_ID}|text", _forgettable, asker_only=True),
    "keep": Rule("", asker_only=True),
    "note": Rule("", _note),
    "forwarded": Rule(rf"(keep|ask|leave):{_ID}"),  # says itself what became of it
    "read": Rule("shown|all", _private),
    "fact": Rule(rf"r?{_ID}|language|form|length", _fact),
    "rollback": Rule(r"[\w.-]+", _adapter),
    "example": Rule(rf"(yes|no):(turn:{_ID}|document:{_ID}:{_ID})", _example),
    "tune": Rule("now|later", _private),
    "pick": Rule(rf"{_ID}:(first|second|neither)", _candidates),
    "taste": Rule(rf"(up|down|more):{_ID}", _item),
    "set": Rule(r"\w+:\w+"),
    "allow": Rule(_ID, _stranger),
    "guest": Rule(_ID, _stranger),
    "refuse": Rule(_ID, _stranger),
    "people": Rule(""),
    "person": Rule(_ID),
    "make": Rule(rf"{_ID}:(member|guest)"),
    "remove": Rule(_ID),
    "removed": Rule(rf"{_ID}:(erase|keep)"),
    "uninvite": Rule(_ID),
    "stop": Rule(""),
    "again": Rule(_ID, _reply),
    "unremind": Rule(_ID, _pending_reminder),
    "noremind": Rule(""),
    "page": Rule(r"[0-9]{1,6}", asker_only=True),
    "unlog": Rule(rf"{_ID}(-{_ID}){{0,4}}", _logged),
    "keeplog": Rule(r"[a-z_]{2,20}:[0-9.e+]{1,12}:[0-9.]{0,8}:[A-Za-z/°%]{0,10}:[0-9]{1,10}:[fmer]?", _loggable),
    "snooze": Rule(rf"{_ID}:[0-9]{{1,6}}", _reminder),
}
"""By the name that a button's data begins with."""
