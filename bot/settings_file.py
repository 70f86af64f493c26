"""Settings put into a home's config.toml without touching what else stands there, comments included."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from memory.errors import FamiliarError


def set_values(text: str, section: str, values: Mapping[str, float | int | str]) -> str:
    """The TOML text with these keys of a section set; a key is replaced where it stands, else put below the heading."""
    lines = text.splitlines()
    heading = f"[{section}]"
    start = next((place for place, line in enumerate(lines) if line.split("#")[0].strip() == heading), None)
    if start is None:
        lines += [*([""] if lines else []), heading]
        start = len(lines) - 1
    end = next((place for place in range(start + 1, len(lines)) if lines[place].lstrip().startswith("[")), len(lines))
    for key, value in values.items():
        line = f"{key} = {_written(value)}"
        found = next((place for place in range(start + 1, end) if re.match(rf"\s*{key}\s*=", lines[place])), None)
        if found is None:
            lines.insert(start + 1, line)
            end += 1
        else:
            lines[found] = line
    return "\n".join(lines) + "\n"


def apply(file: Path, section: str, values: Mapping[str, float | int | str]) -> None:
    """Set them in a file, which is written anew and renamed.

    :raises FamiliarError: the file is no TOML, or can't be written
    """
    try:
        old = file.read_text(encoding="utf-8") if file.is_file() else ""
        new = set_values(old, section, values)
        if tomllib.loads(new)[section] != tomllib.loads(old).get(section, {}) | dict(values):
            raise FamiliarError(
                f"{file}: [{section}] is written in a way that can't be changed here; set {dict(values)}"
            )
        beside = file.with_suffix(".new")
        beside.write_text(new, encoding="utf-8")
        os.replace(beside, file)
    except tomllib.TOMLDecodeError as exc:
        raise FamiliarError(f"{file} is not valid TOML: {exc}") from exc
    except OSError as exc:
        raise FamiliarError(f"{file} can't be written: {exc.strerror}") from exc


def _written(value: float | int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)
