"""Every setting with its value and its meaning; secrets are said to be set or not, and never shown."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from dataclasses import dataclass
from typing import Any

from bot.config import Secret, Settings


@dataclass(frozen=True)
class Setting:
    """One setting."""

    key: str
    value: str
    changed: bool
    """It is not the default."""
    meaning: str
    secret: bool = False


@dataclass(frozen=True)
class Section:
    """One section of config.toml."""

    name: str
    settings: tuple[Setting, ...]


def sections_of(settings: Settings) -> tuple[Section, ...]:
    """All settings in the order of config.toml."""
    default = Settings()
    return tuple(
        Section(item.name.rstrip("_"), _settings(getattr(settings, item.name), getattr(default, item.name)))
        for item in dataclasses.fields(Settings)
    )


def _settings(section: Any, default: Any) -> tuple[Setting, ...]:
    meanings = _meanings(type(section))
    return tuple(
        Setting(
            item.name,
            _text(value := getattr(section, item.name)),
            value != getattr(default, item.name),
            meanings.get(item.name, ""),
            isinstance(value, Secret),
        )
        for item in dataclasses.fields(section)
    )


def _text(value: object) -> str:
    """As config.toml would have it; of a secret only whether there is one."""
    if isinstance(value, Secret):
        return "set" if value else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _meanings(kind: type) -> dict[str, str]:
    """The docstrings that follow the fields of a class."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
            text = ast.literal_eval(after.value)
            found[field.target.id] = " ".join(str(text).split()).replace("`", "")
    return found
