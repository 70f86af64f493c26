"""Unit, image and compose file name what there is: commands that parse, settings, extras, files, ports, a page.

Neither systemd nor a container engine is needed for that; docs/operations.md says what else was tried and how.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.cli import parser
from bot.commands.keyring import secret_names
from bot.config import MetricsConfig, Settings, load_settings
from bot.metrics.server import HEALTH, application, serving
from tests.bot.telegram.test_service import free_port
from tests.bot.telegram.test_stop import MOST_SECONDS

ROOT = Path(__file__).parents[1]
PACKAGING = ROOT / "packaging"
OTHER_VARIABLES = {"FAMILIAR_HOME", "TELEGRAM_BOT_TOKEN", "TELEGRAM_BOT_TOKEN_FILE"}


def settings_variables() -> set[str]:
    """Every name by which the environment gives a setting."""
    sections = [(item.name.rstrip("_"), getattr(Settings(), item.name)) for item in dataclasses.fields(Settings)]
    names = {f"FAMILIAR_{name}_{key}".upper() for name, section in sections for key in vars(section)}
    secrets = {f"FAMILIAR_{name}_FILE".upper().replace(".", "_") for name in secret_names()}
    return names | secrets | OTHER_VARIABLES


def check_variables(given: dict[str, str]) -> None:
    """Names are settings and their values are right for them."""
    ours = {name: value for name, value in given.items() if name.startswith(("FAMILIAR_", "TELEGRAM_"))}
    assert ours
    assert set(ours) <= settings_variables()
    load_settings(home=Path("nowhere"), environment=ours)


def unit() -> dict[str, list[str]]:
    """The unit's settings, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in (PACKAGING / "familiar.service").read_text(encoding="utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, lines that go on joined."""
    text = re.sub(r"(?m)^#.*\n", "", (PACKAGING / "Dockerfile").read_text(encoding="utf-8"))
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines) if name]


def of(name: str) -> list[str]:
    """The arguments of all instructions of a kind."""
    return [rest for found, rest in instructions() if found == name]


def image_environment() -> dict[str, str]:
    """What the image sets."""
    return dict(word.split("=", 1) for rest in of("ENV") for word in shlex.split(rest))


def compose() -> dict[str, Any]:
    """The compose file's service."""
    text = (PACKAGING / "compose.yaml").read_text(encoding="utf-8")
    service: dict[str, Any] = yaml.safe_load(text)["services"]["familiar"]
    return service


def health_commands() -> Iterator[Sequence[str]]:
    """The health checks of image and compose file, without their Python's name."""
    image: list[str] = json.loads(of("HEALTHCHECK")[0].partition("CMD ")[2])
    test: list[str] = compose()["healthcheck"]["test"]
    yield from (image, test[1:])


def test_the_unit_starts_and_stops_the_program() -> None:
    """The command parses, its settings are settings, and the end gets the time that it needs."""
    found = unit()
    (command,) = found["ExecStart"]
    program, *arguments = shlex.split(command)
    assert Path(program).name == "familiar"
    assert parser().parse_args(arguments).command == "chat:run"
    check_variables(dict(value.split("=", 1) for value in found["Environment"]))
    assert int(found["TimeoutStopSec"][0]) > MOST_SECONDS
    assert found["RestartPreventExitStatus"] == ["2"]
    assert found["Restart"] == ["on-failure"]


def test_the_unit_is_locked_down() -> None:
    """No more rights than it needs, and the token as a credential under its setting's name."""
    found = unit()
    expected = {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "DynamicUser": "yes",
        "StateDirectory": "familiar",
        "UMask": "0077",
        "CapabilityBoundingSet": "",
    }
    assert {key: found[key] for key in expected} == {key: [value] for key, value in expected.items()}
    (credential,) = found["LoadCredential"]
    assert credential.partition(":")[0] in {name.replace(".", "_") for name in secret_names()}
    assert not any("TOKEN" in value for value in found["Environment"])


def test_the_image_is_made_of_what_there_is() -> None:
    """Copied files, extras and Python; it runs as somebody who is not root, and the command parses."""
    copied = [source for rest in of("COPY") for source in rest.split()[:-1]]
    assert [source for source in copied if not (ROOT / source).exists()] == []
    ignore = (PACKAGING / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in ignore if line.startswith("!")} == set(copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extras,) = re.findall(r"\.\[([\w,]+)\]", " ".join(of("RUN")))
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()
    (python,) = re.findall(r"^python:(\d+\.\d+)-slim", of("FROM")[0])
    assert project["requires-python"] == f">={python}"
    (user,) = of("USER")
    assert user.partition(":")[0] not in ("0", "root")
    assert f"--uid {user.partition(':')[0]} " in " ".join(of("RUN"))
    assert json.loads(of("ENTRYPOINT")[0]) == ["familiar"]
    assert parser().parse_args(json.loads(of("CMD")[0])).command == "chat:run"
    check_variables(image_environment())


def test_compose_fits_the_image() -> None:
    """Its paths, settings, port, volume, secret and time to stop."""
    service = compose()
    context = PACKAGING / service["build"]["context"]
    assert (context / service["build"]["dockerfile"]).samefile(PACKAGING / "Dockerfile")
    check_variables(service["environment"])
    assert service["environment"]["TELEGRAM_BOT_TOKEN_FILE"] == f"/run/secrets/{service['secrets'][0]}"
    port = image_environment()["FAMILIAR_METRICS_PORT"]
    assert service["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert of("EXPOSE") == [port]
    assert service["volumes"] == [f"familiar:{of('VOLUME')[0]}"]
    for name in ("FAMILIAR_HOME", "FAMILIAR_MODEL_FOLDER"):
        assert Path(image_environment()[name]).is_relative_to(of("VOLUME")[0])
    assert int(service["stop_grace_period"].removesuffix("s")) > MOST_SECONDS
    text = (PACKAGING / "compose.yaml").read_text(encoding="utf-8")
    secret = yaml.safe_load(text)["secrets"][service["secrets"][0]]["file"]
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert str((PACKAGING / secret).relative_to(ROOT)) in ignored


@pytest.mark.parametrize(("problem", "status"), [(None, 0), ("the disk is full", 1)])
def test_the_health_checks_ask_the_page_that_is_served(problem: str | None, status: int) -> None:
    """Run as they stand, but for the port: they succeed where all works, and fail where something does not."""
    image, in_compose = health_commands()
    assert list(image) == list(in_compose)
    (code,) = [word for word in image if "urlopen" in word]
    address = f"127.0.0.1:{image_environment()['FAMILIAR_METRICS_PORT']}"
    assert f"http://{address}{HEALTH}" in code
    config = MetricsConfig(port=free_port())
    here = code.replace(address, f"127.0.0.1:{config.port}")
    with serving(config, lambda: application(lambda: problem, lambda _environ, _start: [])):
        done = subprocess.run([sys.executable, "-c", here], capture_output=True, check=False, timeout=30)
    assert done.returncode == status
