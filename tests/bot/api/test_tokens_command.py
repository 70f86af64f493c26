"""`familiar serve token`: made for whom the home knows, shown once, revoked."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.api.tokens import user_of_token
from bot.cli import main
from memory.store import Store
from tests.bot.test_people_command import home
from tests.bot.test_reminding_command import run


def test_tokens_are_made_listed_and_revoked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The text is shown when it is made and never again, and is its person's until it is revoked."""
    folder = home(tmp_path)
    assert run(capsys, folder, "serve", "token") == []
    (made,) = run(capsys, folder, "serve", "token", "add", "Ben")
    run(capsys, folder, "serve", "token", "add", "ann")
    listed = run(capsys, folder, "serve", "token", "list")
    assert [(item["token"], item["name"], item["role"]) for item in listed] == [
        (1, "Ben", "member"),
        (2, "ann", "owner"),
    ]
    assert made["text"] not in str(listed)
    store = Store(folder / "familiar.db")
    assert user_of_token(store, made["text"]) == made["user"]
    (gone,) = run(capsys, folder, "serve", "token", "revoke", "1")
    assert gone["name"] == "Ben"
    assert user_of_token(store, made["text"]) is None
    store.close()


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("add",), 2, "write a NAME"),
        (("add", "group:-1001"), 1, "there are ann, Ben, Gil"),
        (("add", "nobody"), 1, "there are ann, Ben, Gil"),
        (("revoke", "x"), 2, "write the ID"),
        (("revoke", "9"), 1, "there is no token 9"),
        (("list", "Ben"), 2, "takes no NAME"),
    ],
)
def test_wrong_use_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], status: int, said: str
) -> None:
    """With what would be right; a group has no token."""
    assert main(["serve", "token", *arguments, "--home", str(home(tmp_path))]) == status
    assert said in capsys.readouterr().err
