"""Archives that say of each member what its bytes are, so that what comes from elsewhere is whole and what it says.

A manifest of SHA-256 is no proof of who wrote it. Whoever takes an archive in compares the digest of its manifest with
one that they kept, or judges anew what it holds.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from memory.digest import sha256_of
from memory.errors import FamiliarError, first_line

_MANIFEST = "manifest.json"
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)


@dataclass(frozen=True)
class Archive:
    """What an archive says about itself."""

    format: str
    head: Mapping[str, str]
    """What it is about: names and hashes, no texts."""
    members: Mapping[str, str]
    """Each file's SHA-256, by its name."""

    @property
    def digest(self) -> str:
        """Of all that it says."""
        return hashlib.sha256(self._text().encode()).hexdigest()

    def _text(self) -> str:
        values = {"format": self.format, "version": 1, "head": dict(self.head), "members": dict(self.members)}
        return json.dumps(values, sort_keys=True)


def write_archive(
    target: Path, folder: Path, names: Collection[str], *, format: str, head: Mapping[str, str]
) -> Archive:
    """Pack files of a folder.

    :raises FamiliarError: the target exists, or can't be written
    """
    if target.exists():
        raise FamiliarError(f"{target} exists already; name a new file")
    try:
        archive = Archive(format, head, {name: sha256_of(folder / name) for name in sorted(names)})
        with target.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            packed.writestr(_MANIFEST, archive._text())
            for name in sorted(names):
                packed.write(folder / name, name)
    except OSError as exc:
        target.unlink(missing_ok=True)
        raise FamiliarError(f"{target} can't be written: {exc}; nothing was left there") from exc
    return archive


def read_archive(source: Path, into: Path, *, format: str, known: Collection[str]) -> Archive:
    """Take an archive apart into a folder, every byte checked.

    :param known: names that it may hold
    :raises FamiliarError: it is something else, was changed, or holds what it should not
    """
    try:
        with zipfile.ZipFile(source) as packed:
            values = json.loads(packed.read(_MANIFEST))
            archive = Archive(str(values["format"]), dict(values["head"]), dict(values["members"]))
            names = sorted(packed.namelist())
            if archive.format != format or values["version"] != 1:
                raise FamiliarError(f"{source} is a {archive.format} {values['version']}; it must be a {format} 1")
            if names != sorted([_MANIFEST, *archive.members]) or not set(archive.members) <= set(known):
                raise FamiliarError(f"{source} holds {', '.join(names)}, which is not what a {format} holds")
            for name, digest in archive.members.items():
                (into / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with packed.open(name) as member, (into / name).open("wb") as file:
                    while block := member.read(1 << 20):
                        file.write(block)
                if sha256_of(into / name) != digest:
                    raise FamiliarError(f"{source} was changed: {name} is not what its manifest says")
    except _UNREADABLE as exc:
        raise FamiliarError(f"{source} is no {format}, or damaged: {first_line(exc)}") from exc
    except (KeyError, TypeError) as exc:
        raise FamiliarError(f"{source} is no {format}: its manifest can't be read") from exc
    return archive
