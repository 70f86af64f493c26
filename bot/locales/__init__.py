"""What the assistant says itself, in the user's language; a test holds the languages' keys and placeholders equal."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

LANGUAGES = ("en", "zh")


def say(language: str, key: str, /, **values: object) -> str:
    """The phrase of that key with its placeholders filled; English where the language is not known."""
    return _phrases(language if language in LANGUAGES else "en")[key].format(**values)


def language_of(code: str | None) -> str:
    """One of LANGUAGES for a Telegram or system language code such as ``zh-hans`` or ``en_GB``."""
    return "zh" if (code or "").lower().startswith("zh") else "en"


@cache
def _phrases(language: str) -> dict[str, str]:
    text = resources.files(__name__).joinpath(f"{language}.toml").read_text(encoding="utf-8")
    return {key: str(value) for key, value in tomllib.loads(text).items()}
