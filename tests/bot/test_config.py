"""config.toml, the environment and the defaults agree, and mistakes are named."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from bot.config import Secret, Settings, load_settings
from memory.errors import UsageError

SHIPPED = Path(__file__).parents[2] / "config.toml"


def load(tmp_path: Path, text: str = "", **environment: str) -> Settings:
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    return load_settings(home=tmp_path, environment=environment)


def test_shipped_file_says_the_defaults() -> None:
    """Every setting stands in config.toml with its default, and with a comment above it."""
    text = SHIPPED.read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    for item in dataclasses.fields(Settings):
        section = getattr(Settings(), item.name)
        values = {key: value.reveal() if isinstance(value, Secret) else value for key, value in vars(section).items()}
        assert tables[item.name.rstrip("_")] == values
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if " = " in line and not line.startswith("#"):
            assert lines[number - 1].startswith("# "), line
    assert load_settings(home=SHIPPED.parent, environment={}) == Settings()


def test_missing_file_means_defaults(tmp_path: Path) -> None:
    """A home without config.toml works; a named file that is missing does not."""
    assert load_settings(home=tmp_path, environment={}) == Settings()
    with pytest.raises(UsageError, match="no such file"):
        load_settings(home=tmp_path, file=tmp_path / "other.toml", environment={})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[chta]\n", r"unknown section \[chta\]"),
        (
            "[search]\nkk = 3\n",
            r"unknown setting \[search\] kk; known are candidates, facts, k, second_stage, .*, threshold",
        ),
        ('[search]\nk = "3"\n', r"\[search\] k is '3'; it must be a whole number"),
        ("[search]\nk = true\n", r"\[search\] k is True; it must be a whole number"),
        ("[model]\noffline = 1\n", r"it must be true or false"),
        ("search = 3\n", r"search is 3; it must be a section"),
        ("[search\n", "not valid TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    """File, setting, value found and what would be right."""
    with pytest.raises(UsageError, match=message) as error:
        load(tmp_path, text)
    assert "config.toml" in str(error.value)


def test_environment_overrides_the_file(tmp_path: Path) -> None:
    """FAMILIAR_SECTION_KEY wins, with the setting's type; the token has its own name too."""
    settings = load(
        tmp_path,
        '[search]\nk = 3\n[import]\nmax_file_mb = 7\n[telegram]\ntoken = "a"\n',
        FAMILIAR_SEARCH_K="5",
        FAMILIAR_MODEL_NAME="qwen",
        FAMILIAR_TUNING_LEARNING_RATE="1e-3",
        TELEGRAM_BOT_TOKEN="b",
    )
    assert (settings.search.k, settings.import_.max_file_mb, settings.model.name) == (5, 7, "qwen")
    assert settings.tuning.learning_rate == 1e-3
    assert settings.telegram.token.reveal() == "b"
    with pytest.raises(UsageError, match="FAMILIAR_SEARCH_K is 'many'; it must be a whole number"):
        load(tmp_path, FAMILIAR_SEARCH_K="many")


def test_secrets_do_not_show_themselves(tmp_path: Path) -> None:
    """A token stands in no repr of the settings."""
    settings = load(tmp_path, '[telegram]\ntoken = "123:abc"\n')
    assert "123:abc" not in f"{settings} {settings!r} {settings.telegram.token}"
    assert settings.telegram.token
    assert not Settings().telegram.token
