"""desk.toml: rules, topics, hours and texts of one firm, read once; what is wrong is named before anything starts.

It stands beside config.toml because it holds lists, which a firm's people write and change, and no settings of the
program. Missing parts have defaults: no rules, no topics, always open, the program's own texts.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from bot.desk.forms import Form, form_of, found, read
from bot.desk.hours import DAYS, Hours
from bot.desk.rules import Kind, Rule
from bot.locales import LANGUAGES, say
from memory.errors import UsageError

FILE = "desk.toml"
TEXTS = ("handed_over", "closed", "holiday", "added", "greeting")


@dataclass(frozen=True)
class Topic:
    """A subject that always goes to a person."""

    name: str
    forms: tuple[Form, ...]


@dataclass(frozen=True)
class DeskSetup:
    """What a firm says of its desk."""

    rules: tuple[Rule, ...] = ()
    topics: tuple[Topic, ...] = ()
    hours: Hours = field(default_factory=Hours)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By language and name (`TEXTS`)."""
    languages: tuple[str, ...] = LANGUAGES
    """Of customers; a message in another one is answered in the first."""

    def text(self, language: str, name: str, /, **values: object) -> str:
        """A text of the firm's, else the program's own."""
        own = self.texts.get(language, {}).get(name)
        return own.format(**values) if own else say(language, f"desk_{name}", **values)

    def topic_of(self, message: str) -> str:
        """The topic that a message is about; empty for none."""
        reading = read(message)
        return next((topic.name for topic in self.topics if found(reading, topic.forms)), "")


def read_setup(folder: str) -> DeskSetup:
    """The firm's desk.toml in a folder ([desk] folder); without a folder, defaults.

    :raises UsageError: it is missing, no TOML, or holds something that can't be used
    """
    if not folder:
        return DeskSetup()
    path = Path(folder).expanduser() / FILE
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as exc:
        raise UsageError(f"[desk] folder is {folder!r}, but there is no {path}; docs/desk.md shows one") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise UsageError(f"{path} is not valid TOML: {exc}") from exc
    except OSError as exc:
        raise UsageError(f"{path} can't be read: {exc.strerror}") from exc
    known = {"rules", "topics", "hours", "texts", "languages"}
    if unknown := tables.keys() - known:
        raise UsageError(f"{path}: unknown part {sorted(unknown)[0]!r}; known are {', '.join(sorted(known))}")
    return DeskSetup(
        rules=tuple(_rule(item, f"{path}: rule {n}") for n, item in enumerate(_list(tables, "rules", path), 1)),
        topics=tuple(_topic(item, f"{path}: topic {n}") for n, item in enumerate(_list(tables, "topics", path), 1)),
        hours=_hours(tables.get("hours", {}), f"{path}: [hours]"),
        texts=_texts(tables.get("texts", {}), f"{path}: [texts]"),
        languages=_languages(tables.get("languages", list(LANGUAGES)), path),
    )


def _list(tables: Mapping[str, Any], name: str, path: Path) -> list[Mapping[str, Any]]:
    items = tables.get(name, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise UsageError(f"{path}: {name} must be written as [[{name}]], once for each")
    return items


def _rule(item: Mapping[str, Any], where: str) -> Rule:
    _only(item, {"name", "kind", "forms", "text"}, where)
    kinds: tuple[Kind, ...] = get_args(Kind)
    kind = next((known for known in kinds if known == item.get("kind")), None)
    if kind is None:
        raise UsageError(f"{where}: kind is {item.get('kind')!r}; it must be one of {', '.join(map(repr, kinds))}")
    texts = item.get("text", {})
    texts = {LANGUAGES[0]: texts} if isinstance(texts, str) else texts
    _check_texts(texts, f"{where}: text")
    if kind == "word for word" and not texts:
        raise UsageError(f'{where}: a rule "word for word" needs its text')
    return Rule(_name(item, where), kind, _forms(item, where), texts)


def _topic(item: Mapping[str, Any], where: str) -> Topic:
    _only(item, {"name", "forms"}, where)
    return Topic(_name(item, where), _forms(item, where))


def _name(item: Mapping[str, Any], where: str) -> str:
    name = item.get("name")
    if not isinstance(name, str) or not name.strip():
        raise UsageError(f"{where}: name is {name!r}; it must be a text")
    return name.strip()


def _forms(item: Mapping[str, Any], where: str) -> tuple[Form, ...]:
    forms = item.get("forms")
    if not isinstance(forms, list) or not forms or not all(isinstance(form, str) for form in forms):
        raise UsageError(f"{where}: forms is {forms!r}; it must be a list of texts, at least one")
    return tuple(form_of(form, where=where) for form in forms)


def _hours(item: Mapping[str, Any], where: str) -> Hours:
    _only(item, {"zone", "days", "opens", "closes", "holidays"}, where)
    try:
        zone = ZoneInfo(item.get("zone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError, TypeError) as exc:
        raise UsageError(f"{where}: zone is {item.get('zone')!r}; write one as Europe/Berlin") from exc
    days = item.get("days", [])
    if not isinstance(days, list) or set(days) - set(DAYS):
        raise UsageError(f"{where}: days is {days!r}; it must be a list of {', '.join(DAYS)}")
    opens, closes = _time(item.get("opens", "09:00"), where), _time(item.get("closes", "17:00"), where)
    if opens >= closes:
        raise UsageError(f"{where}: closes is {closes:%H:%M}; it must be later than opens, {opens:%H:%M}")
    numbers = frozenset(DAYS.index(day) for day in days)
    return Hours(zone, numbers, opens, closes, _holidays(item.get("holidays", {}), where))


def _time(value: object, where: str) -> time:
    try:
        return time.fromisoformat(str(value))
    except ValueError as exc:
        raise UsageError(f"{where}: {value!r} is no time of day; write it as 09:00") from exc


def _holidays(value: object, where: str) -> Mapping[date, str]:
    try:
        items = value.items() if isinstance(value, dict) else [(day, "") for day in value]  # type: ignore[attr-defined]
        return {date.fromisoformat(str(day)): str(name) for day, name in items}
    except (ValueError, TypeError) as exc:
        raise UsageError(f'{where}: holidays must be days with their names, as 2026-12-25 = "Christmas"') from exc


def _texts(tables: Any, where: str) -> Mapping[str, Mapping[str, str]]:
    for language, texts in tables.items() if isinstance(tables, dict) else [("", tables)]:
        if language not in LANGUAGES:
            raise UsageError(f"{where}: {language!r} is no language here; known are {', '.join(LANGUAGES)}")
        _only(texts, set(TEXTS), f"{where[:-1]}.{language}]")
        for name, text in texts.items():
            _check_placeholders(name, text, where)
    return tables  # type: ignore[no-any-return]


def _check_placeholders(name: str, text: object, where: str) -> None:
    try:
        str(text).format(when="", day="")
    except (KeyError, IndexError, ValueError) as exc:
        raise UsageError(f"{where}: {name} is {text!r}; it may hold {{when}} and {{day}} only") from exc


def _check_texts(texts: Any, where: str) -> None:
    if not isinstance(texts, dict) or not all(isinstance(text, str) and text for text in texts.values()):
        raise UsageError(f"{where} is {texts!r}; it must be a text, or one for each language")
    if unknown := texts.keys() - set(LANGUAGES):
        raise UsageError(f"{where}: {sorted(unknown)[0]!r} is no language here; known are {', '.join(LANGUAGES)}")


def _languages(value: object, path: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or set(value) - set(LANGUAGES):
        raise UsageError(f"{path}: languages is {value!r}; it must be a list of {', '.join(LANGUAGES)}")
    return tuple(value)


def _only(item: Any, known: set[str], where: str) -> None:
    if not isinstance(item, dict):
        raise UsageError(f"{where} is {item!r}; it must be a table")
    if unknown := item.keys() - known:
        raise UsageError(f"{where}: unknown {sorted(unknown)[0]!r}; known are {', '.join(sorted(known))}")
