"""Settings are put into config.toml without touching what else stands there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from bot.settings_file import apply, set_values
from memory.errors import FamiliarError

OLD = """# mine
[model]
seed = 1

[tuning] # how it learns
# a comment
rank = 8
[gate]
held_out = 0.3
"""


def test_keys_are_replaced_or_added_in_their_section() -> None:
    """Comments and other sections stay."""
    new = set_values(OLD, "tuning", {"rank": 16, "learning_rate": 0.002})
    assert tomllib.loads(new) == {
        "model": {"seed": 1},
        "tuning": {"rank": 16, "learning_rate": 0.002},
        "gate": {"held_out": 0.3},
    }
    assert "# a comment" in new
    assert new.startswith("# mine")


def test_section_is_made_where_there_is_none() -> None:
    """An empty file too."""
    assert tomllib.loads(set_values("", "tuning", {"rank": 4})) == {"tuning": {"rank": 4}}
    assert tomllib.loads(set_values("[model]\nseed = 1\n", "tuning", {"track": "x"}))["tuning"] == {"track": "x"}


def test_file_is_written_whole_or_left_alone(tmp_path: Path) -> None:
    """A form that can't be changed line by line is refused, and the file stays."""
    file = tmp_path / "config.toml"
    apply(file, "tuning", {"rank": 4})
    assert tomllib.loads(file.read_text()) == {"tuning": {"rank": 4}}
    file.write_text("tuning.rank = 8\n")
    with pytest.raises(FamiliarError, match=r"config.toml"):
        apply(file, "tuning", {"rank": 4})
    assert file.read_text() == "tuning.rank = 8\n"
