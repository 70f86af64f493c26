"""Where a secret may come from besides config.toml: environment, a file, systemd's credentials, a keyring.

A secret is named as its setting, such as "telegram.token". It is never taken from a command's arguments, which every
process of the machine can read. Files and keyrings are read only when the secret is needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memory.errors import FamiliarError, UsageError, first_line

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "familiar"
"""Under this name secrets lie in the keyring."""
KEYRING = "keyring:"
_LONGEST = 4096
_ALSO = {"telegram.token": "TELEGRAM_BOT_TOKEN"}
"""Names in the environment that are usual besides FAMILIAR_SECTION_KEY."""
_PRIVATE_FOLDERS = (Path("/run/secrets"), Path("/run/credentials"))
"""Container engines and systemd put secrets there, for one container or service alone."""


@dataclass(frozen=True)
class Source:
    """Something that gives a secret when it is asked."""

    read: Callable[[], str]
    file: Path | None = None


def find(name: str, configured: str, environment: Mapping[str, str]) -> str | Source:
    """The secret, or what gives it: environment before credentials before config.toml.

    :param configured: what config.toml says
    :raises UsageError: the environment gives both the secret and a file with it
    """
    usual = f"FAMILIAR_{name}".upper().replace(".", "_")
    for variable in (_ALSO.get(name, usual), usual):
        value, file = environment.get(variable), environment.get(f"{variable}_FILE")
        if value and file:
            raise UsageError(f"{variable} and {variable}_FILE are both set; set only one of them")
        if file:
            return _file(Path(file).expanduser(), f"{variable}_FILE")
        if value or (value is not None and variable == usual):
            return _or_keyring(value, variable)
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if folder and (credential := Path(folder, name.replace(".", "_"))).exists():
        return _file(credential, "CREDENTIALS_DIRECTORY")
    return _or_keyring(configured, "config.toml: [{}] {}".format(*name.split(".")))


def _file(path: Path, setting: str) -> Source:
    return Source(lambda: read_file(path, setting), path)


def _or_keyring(value: str, setting: str) -> str | Source:
    if not value.startswith(KEYRING):
        return value
    reference = value.removeprefix(KEYRING)
    return Source(lambda: read_keyring(reference, setting))


def read_file(path: Path, setting: str) -> str:
    """The secret in a file, without the newline that editors put at its end.

    :raises UsageError: there is no such file, it can't be read, or it does not hold one line
    """
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST).rstrip("\r\n")
    except OSError as exc:
        raise UsageError(
            f"{setting} is {path}: {(exc.strerror or '').lower()}; name a file with nothing but the secret in it"
        ) from exc
    except UnicodeDecodeError:
        text = ""
    if not text.strip() or "\n" in text:
        raise UsageError(f"{setting} is {path}, which does not hold one line of text; write only the secret into it")
    return text


def read_keyring(reference: str, setting: str) -> str:
    """The secret of "SERVICE/NAME".

    :raises UsageError: the extra is missing, or no keyring has it
    """
    service, _, name = reference.partition("/")
    if not service or not name:
        raise UsageError(f"{setting} is {KEYRING}{reference!r}; it must be {KEYRING}SERVICE/NAME")
    found = _asked(lambda keyring: keyring.get_password(service, name))
    if found is None:
        remedy = f"`familiar secret set {name}`" if service == SERVICE else "put it there"
        raise UsageError(f"{setting} is {KEYRING}{reference}, which the keyring does not have; {remedy}")
    return str(found)


def keep(name: str, value: str) -> str:
    """Put a secret into the keyring; gives what config.toml must say.

    :raises UsageError: the extra is missing
    :raises FamiliarError: there is no keyring, or it stays locked
    """
    _asked(lambda keyring: keyring.set_password(SERVICE, name, value))
    return f"{KEYRING}{SERVICE}/{name}"


def discard(name: str) -> None:
    """Take a secret out of the keyring.

    :raises UsageError: the extra is missing
    :raises FamiliarError: there is no keyring, it stays locked, or it has no such secret
    """
    _asked(lambda keyring: keyring.delete_password(SERVICE, name))


def _asked(ask: Callable[[KeyringBackend], Any]) -> Any:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError as exc:
        raise UsageError("a keyring needs the extra keyring: pip install -e '.[keyring]'") from exc
    try:
        return ask(keyring.get_keyring())
    except KeyringError as exc:
        raise FamiliarError(
            f"the keyring can't be used: {first_line(exc)}; unlock it, or give the secret in a file (..._FILE)"
        ) from exc


def readable_by_others(file: Path) -> bool:
    """Whether other accounts of this machine can read a file that holds a secret."""
    if os.name != "posix" or any(folder in file.parents for folder in _PRIVATE_FOLDERS):
        return False
    try:
        return bool(file.stat().st_mode & 0o044)
    except OSError:  # it is missing, which is said where it is read
        return False
