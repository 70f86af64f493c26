"""A token comes from the environment, a file, systemd's credentials or a keyring, and shows itself nowhere."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import keyring
import psutil
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import InitError, PasswordDeleteError

from bot.app import App
from bot.cli import main
from bot.commands.keyring import secret_names
from bot.config import Secret, Settings, load_settings, secrets_of
from bot.private import private_files, tighten
from bot.secret_sources import readable_by_others
from memory.backup import make_backup
from memory.errors import FamiliarError, UsageError
from tests.bot.running import running
from tests.telegram_api import TOKEN, TelegramServer

posix = os.name == "posix"


class Remembering(KeyringBackend):
    """A keyring by keyring's own API that keeps nothing on disk."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        """What was kept."""
        if self.locked:
            raise InitError("the collection is locked")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep it."""
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        """Drop it."""
        if (service, username) not in self.kept:
            raise PasswordDeleteError("no such password")
        del self.kept[service, username]


@pytest.fixture
def ring() -> Iterator[Remembering]:
    """The keyring of this test."""
    before = keyring.get_keyring()
    made = Remembering()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


def token(tmp_path: Path, text: str = "", **environment: str) -> Secret:
    """The token as the settings give it."""
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    return load_settings(home=tmp_path, environment=environment).telegram.token


def written(path: Path, text: str, mode: int = 0o600) -> str:
    """A file with a secret."""
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return str(path)


def test_a_file_gives_the_token(tmp_path: Path) -> None:
    """By either name, without the newline at its end; any other secret by its own name."""
    file = written(tmp_path / "token", f"{TOKEN}\r\n")
    for name in ("TELEGRAM_BOT_TOKEN_FILE", "FAMILIAR_TELEGRAM_TOKEN_FILE"):
        found = token(tmp_path, **{name: file})
        assert found.reveal() == TOKEN
        assert TOKEN not in f"{found} {found!r}"
    settings = load_settings(home=tmp_path, environment={"FAMILIAR_TELEGRAM_WEBHOOK_SECRET_FILE": file})
    assert settings.telegram.webhook_secret.reveal() == TOKEN


def test_credentials_of_systemd_give_the_token(tmp_path: Path) -> None:
    """Under the setting's name; what is not among them comes from elsewhere."""
    written(tmp_path / "telegram_token", TOKEN)
    assert token(tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path)).reveal() == TOKEN
    assert not load_settings(home=tmp_path, environment={}).telegram.token
    other = token(tmp_path, '[telegram]\ntoken = "from-config"\n', CREDENTIALS_DIRECTORY=str(tmp_path / "none"))
    assert other.reveal() == "from-config"


def test_the_nearer_source_wins(tmp_path: Path) -> None:
    """Environment before credentials before config.toml; two at a time of one name are refused."""
    file = written(tmp_path / "telegram_token", "from-file")
    text = '[telegram]\ntoken = "from-config"\n'
    both = {"TELEGRAM_BOT_TOKEN_FILE": file, "CREDENTIALS_DIRECTORY": "nowhere"}
    assert token(tmp_path, text, **both).reveal() == "from-file"
    assert token(tmp_path, text, TELEGRAM_BOT_TOKEN="from-env", FAMILIAR_TELEGRAM_TOKEN="x").reveal() == "from-env"
    assert token(tmp_path, text, FAMILIAR_TELEGRAM_TOKEN="from-env").reveal() == "from-env"
    with pytest.raises(UsageError, match="TELEGRAM_BOT_TOKEN and TELEGRAM_BOT_TOKEN_FILE are both set"):
        token(tmp_path, TELEGRAM_BOT_TOKEN="a", TELEGRAM_BOT_TOKEN_FILE=file)


@pytest.mark.parametrize(("text", "message"), [(None, "no such file"), ("", "one line"), ("a\nb\n", "one line")])
def test_a_file_that_gives_none_is_named_when_it_is_needed(tmp_path: Path, text: str | None, message: str) -> None:
    """With its setting, and without what stands in it; a command that needs no token goes on."""
    file = tmp_path / "token"
    if text is not None:
        written(file, text)
    found = token(tmp_path, TELEGRAM_BOT_TOKEN_FILE=str(file))
    assert found
    with pytest.raises(UsageError, match=message) as error:
        found.reveal()
    assert f"TELEGRAM_BOT_TOKEN_FILE is {file}" in str(error.value)


@pytest.mark.parametrize(("mode", "others"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_file_that_others_can_read_is_noticed(tmp_path: Path, mode: int, others: bool) -> None:
    """Doctor and the start of the bot say so."""
    file = Path(written(tmp_path / "token", TOKEN, mode))
    assert readable_by_others(file) is (others and posix)
    assert not readable_by_others(tmp_path / "none")


def test_a_keyring_gives_the_token_when_it_is_needed(tmp_path: Path, ring: Remembering) -> None:
    """Not before: what needs no token unlocks nothing. A missing, locked or misnamed one is said."""
    ring.locked = True
    found = token(tmp_path, '[telegram]\ntoken = "keyring:familiar/telegram.token"\n')
    assert found
    with pytest.raises(FamiliarError, match="can't be used: the collection is locked"):
        found.reveal()
    ring.locked = False
    with pytest.raises(UsageError, match=r"\[telegram\] token is keyring:familiar/telegram\.token.*secret set"):
        found.reveal()
    ring.set_password("familiar", "telegram.token", TOKEN)
    assert found.reveal() == TOKEN
    with pytest.raises(UsageError, match="keyring:SERVICE/NAME"):
        token(tmp_path, TELEGRAM_BOT_TOKEN="keyring:familiar").reveal()


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(UsageError, match=r"pip install -e '\.\[keyring\]'"):
        token(tmp_path, TELEGRAM_BOT_TOKEN="keyring:familiar/telegram.token").reveal()


def test_secret_set_keeps_what_is_typed_and_names_it_in_the_settings(
    tmp_path: Path, ring: Remembering, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token that stood in config.toml is no longer there; deleting takes both away."""
    config = tmp_path / "home" / "config.toml"
    config.parent.mkdir()
    config.write_text(f'[telegram]\ntoken = "{TOKEN}"  # mine\njoin_seconds = 1.0\n', encoding="utf-8")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{TOKEN}\n"))
    where = ["--home", str(config.parent)]
    assert main([*where, "secret", "set", "telegram.token", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"name": "telegram.token", "kept": True, "file": str(config)}
    assert TOKEN not in shown.out + shown.err + config.read_text(encoding="utf-8")
    assert ring.kept == {("familiar", "telegram.token"): TOKEN}
    settings = load_settings(home=config.parent, environment={})
    assert settings.telegram.token.reveal() == TOKEN
    assert settings.telegram.join_seconds == 1.0
    assert main([*where, "secret", "delete", "telegram.token"]) == 0
    assert not load_settings(home=config.parent, environment={}).telegram.token
    assert ring.kept == {}
    assert main([*where, "secret", "delete", "telegram.token"]) == 1


def test_secret_takes_no_value_as_an_argument(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other processes can read arguments; and only settings that are secrets have a place in the keyring."""
    with pytest.raises(SystemExit) as ended:
        main(["--home", str(tmp_path), "secret", "set", "telegram.token", TOKEN])
    assert ended.value.code == 2
    capsys.readouterr()
    assert main(["--home", str(tmp_path), "secret", "set", "model.name"]) == 2
    assert "telegram.token, telegram.webhook_secret" in capsys.readouterr().err
    assert all(name.count(".") == 1 for name in secret_names())


def test_a_traceback_does_not_show_it() -> None:
    """Not even one with the values of all variables."""
    config = Settings().telegram
    secret = Secret(TOKEN)
    try:
        raise RuntimeError(f"{config} {secret}")
    except RuntimeError as exc:
        shown = "".join(traceback.TracebackException.from_exception(exc, capture_locals=True).format())
    assert "secret = Secret('**********')" in shown
    assert TOKEN not in shown


def test_neither_database_nor_backup_holds_it(tmp_path: Path) -> None:
    """config.toml, where it stands, is no part of a backup."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(f'[telegram]\ntoken = "{TOKEN}"\n', encoding="utf-8")
    app = App(home, load_settings(home=home, environment={}))
    app.user("ada")
    made = make_backup(app.store, home, tmp_path / "copy.familiar")
    app.close()
    held = [path for path in (*home.rglob("*"), made.path) if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert held == [home / "config.toml"]


def test_a_running_bot_shows_it_to_no_other_process(tmp_path: Path) -> None:
    """Given by a file it stands neither in arguments nor environments of bot and children, nor in what it says.

    The home, which others could read before, is closed, and what the bot makes in it is its user's alone.
    """
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    file = written(tmp_path / "token", f"{TOKEN}\n")
    settings = {"TELEGRAM_BOT_TOKEN_FILE": file, "FAMILIAR_LOG_LEVEL": "debug"}
    with TelegramServer() as server, running(home, server, settings=settings) as bot:
        process = psutil.Process(bot.process.pid)
        seen = " ".join(f"{each.cmdline()} {each.environ()}" for each in (process, *process.children(recursive=True)))
        assert bot.stop() == 0
    assert file in seen
    assert TOKEN not in seen
    assert TOKEN not in "".join(bot.said)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home, *home.iterdir())}
    assert modes.pop("home") == 0o700
    assert set(modes.values()) == {0o600}


def test_what_a_command_makes_is_its_users_alone(tmp_path: Path) -> None:
    """Files and folders, and the mask is as before afterwards."""
    before = os.umask(0o022)
    os.umask(before)
    with private_files():
        (tmp_path / "folder").mkdir()
        (tmp_path / "file").write_text("x", encoding="utf-8")
    assert not posix or stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o700
    assert not posix or stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    assert os.umask(before) == before


def test_a_folder_of_something_else_keeps_its_rights(tmp_path: Path) -> None:
    """A home among other files may be meant for others; doctor says that it is open."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    (shared / "letter.txt").write_text("x", encoding="utf-8")
    assert not tighten(shared)
    assert not posix or stat.S_IMODE(shared.stat().st_mode) == 0o755
    (shared / "familiar.db").write_bytes(b"")
    assert tighten(shared) is posix
    assert not tighten(shared)


def test_every_secret_of_the_settings_is_looked_at() -> None:
    """So that a key that is added later is not forgotten by what warns of files that others can read."""
    keys = {"server.key", "speech.key", "vision.key"}
    assert set(secrets_of(Settings())) == {"telegram.token", "telegram.webhook_secret", *keys}
