"""What a command has no use for is refused."""

import argparse
from pathlib import Path

import pytest

from bot.cli import main
from bot.commands.wrong_use import refuse
from memory.errors import UsageError


def test_only_what_was_given_is_refused() -> None:
    """Options at their default pass; one that was given is named as it is typed."""
    refuse(argparse.Namespace(budget_minutes=None, apply=False), "budget_minutes", "apply", about="a search")
    with pytest.raises(UsageError, match="--budget-minutes is about a search"):
        refuse(argparse.Namespace(budget_minutes=3), "budget_minutes", about="a search")


def test_a_sample_needs_dialogues(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The labelled statements are not sampled, so that nothing would be written."""
    assert main(["eval", "facts", "--sample", str(tmp_path / "s"), "--home", str(tmp_path)]) == 2
    assert "--sample is about dialogues" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["search", "caf\udce9"], ["chat", "--once", "caf\udce9"], ["remind", "\udce9 at 9"]]
)
def test_bytes_that_are_no_text_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """A terminal in another encoding sends them; a path may hold them, a text not."""
    assert main([*arguments, "--home", str(tmp_path / "caf\udce9")]) == 2
    assert "holds half of a surrogate pair" in capsys.readouterr().err
