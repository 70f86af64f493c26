"""Both languages say everything."""

from __future__ import annotations

import tomllib
from importlib import resources
from string import Formatter

from bot.locales import LANGUAGES, language_of, say


def test_languages_have_the_same_keys_and_placeholders() -> None:
    """No phrase is missing in a language, and none forgets a value."""
    tables = [
        tomllib.loads(resources.files("bot.locales").joinpath(f"{language}.toml").read_text(encoding="utf-8"))
        for language in LANGUAGES
    ]
    fields = [
        {key: {name for _, name, _, _ in Formatter().parse(text) if name} for key, text in table.items()}
        for table in tables
    ]
    assert fields[0] == fields[1]


def test_language_codes() -> None:
    """Chinese in any spelling is Chinese, all else English."""
    assert [language_of(code) for code in ("zh-hans", "zh_TW", "en", "de", None)] == ["zh", "zh", "en", "en", "en"]
    assert say("de", "page", n=3) == "page 3"
