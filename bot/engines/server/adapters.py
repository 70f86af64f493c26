"""How a server gets the adapters of tunes.

A server answers with an adapter under a name of its own, made of the adapter's id: ids are unique for their content, so
the keys and values that a server keeps for a name never meet other weights. What was forgotten here goes there too:
copies whose adapter is gone are deleted, and what this process loaded is unloaded.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Protocol

from bot.config import ServerConfig
from bot.engines.base import AdapterFiles
from bot.engines.server.connection import Connection
from bot.engines.server.errors import ServerError
from bot.engines.server.served import Served
from memory.errors import FamiliarError, UsageError

KINDS = ("off", "vllm", "folder")
_PREFIX = "familiar-"
_FILES = ("adapter_model.safetensors", "adapter_config.json")
_SOURCE = "familiar-source.json"
"""In a copy: where the adapter lies, so that the copy goes when that does."""


class ServerAdapters(Protocol):
    """Has a server answer with adapters."""

    def served_as(self, adapter: AdapterFiles) -> str:
        """The model's name by which the server answers with an adapter, which it has from now on.

        :raises FamiliarError: the server can't, or the settings say that it does not
        """
        ...

    def lost(self, name: str) -> None:
        """Note that the server no longer knows a name, as after a restart."""
        ...

    def close(self) -> None:
        """Take back what this process gave the server."""
        ...


def served_name(adapter: AdapterFiles) -> str:
    """The name by which a server answers with an adapter."""
    return f"{_PREFIX}{adapter.id}"


def open_adapters(config: ServerConfig, connection: Connection, served: Served) -> ServerAdapters:
    """What the settings name.

    :raises UsageError: [server] adapters is none of the kinds, or a folder is missing
    """
    if config.adapters == "off":
        return NoAdapters()
    if config.adapters == "folder":
        return FolderAdapters(_folder(config), served)
    if config.adapters == "vllm":
        return LoadedAdapters(config, connection)
    raise UsageError(f"[server] adapters is {config.adapters!r}; it must be one of {', '.join(KINDS)}")


def _folder(config: ServerConfig) -> Path:
    if not config.adapter_folder:
        raise UsageError('[server] adapters is "folder", which needs [server] adapter_folder: where the server looks')
    return Path(config.adapter_folder).expanduser()


class NoAdapters:
    """The base model answers."""

    def served_as(self, adapter: AdapterFiles) -> str:
        """Always an error."""
        raise FamiliarError(
            f"adapter {adapter.id} can't answer: the server is used without adapters; if it is vLLM with LoRA on the"
            ' model that [model] name is, set [server] adapters to "vllm" or "folder" (docs/engines.md)'
        )

    def lost(self, name: str) -> None:
        """Nothing was given."""
        del name

    def close(self) -> None:
        """Nothing was given."""


class LoadedAdapters:
    """Loads and unloads by vLLM's API (https://docs.vllm.ai/en/latest/features/lora/)."""

    def __init__(self, config: ServerConfig, connection: Connection) -> None:
        self._config = config
        self._connection = connection
        self._loaded: OrderedDict[str, Path] = OrderedDict()

    def served_as(self, adapter: AdapterFiles) -> str:
        """Have it loaded, and those unloaded that are gone here or were not used for longest."""
        name = served_name(adapter)
        for other in [other for other, folder in self._loaded.items() if not folder.is_dir()]:
            self._unload(other)
        if name not in self._loaded:
            self._load(name, self._path_there(adapter, name))
            self._loaded[name] = adapter.folder
        self._loaded.move_to_end(name)
        while len(self._loaded) > max(1, self._config.adapters_kept):
            self._unload(next(iter(self._loaded)))
        return name

    def lost(self, name: str) -> None:
        """It is loaded again when it is next needed."""
        self._loaded.pop(name, None)

    def close(self) -> None:
        """Unload all, as far as the server is there."""
        for name in list(self._loaded):
            try:
                self._unload(name)
            except ServerError:  # a server that is gone holds nothing, and one that refuses keeps it till its restart
                self._loaded.clear()
                return

    def _path_there(self, adapter: AdapterFiles, name: str) -> str:
        """Where the server finds its files."""
        if not self._config.adapter_folder:
            return str(adapter.folder.absolute())
        here = Path(self._config.adapter_folder).expanduser()
        sweep_copies(here)
        put_copy(adapter, here / name, base=None)
        return f"{(self._config.adapter_folder_there or str(here.absolute())).rstrip('/')}/{name}"

    def _load(self, name: str, path: str) -> None:
        try:
            self._connection.post("/load_lora_adapter", {"lora_name": name, "lora_path": path})
        except ServerError as exc:
            if exc.status == 400 and "already been loaded" in exc.said:
                return
            if exc.status is None:
                raise
            raise FamiliarError(f"the server did not load adapter {name} from {path}: {_why(exc)}") from exc

    def _unload(self, name: str) -> None:
        self._loaded.pop(name, None)
        try:
            self._connection.post("/unload_lora_adapter", {"lora_name": name})
        except ServerError as exc:
            if exc.status != 404:
                raise


def _why(error: ServerError) -> str:
    if error.status in (404, 405) and "adapter" not in error.said.lower():
        return (
            "it has no /v1/load_lora_adapter; start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True,"
            ' or set [server] adapters to "off"'
        )
    if error.status == 404:
        return f"{error}; it can't read that folder: set [server] adapter_folder to one that both can"
    return str(error)


class FolderAdapters:
    """Puts copies where vLLM's filesystem resolver looks (VLLM_LORA_RESOLVER_CACHE_DIR).

    The resolver takes only adapters whose configuration names the base as the server does, so the copy's says that.
    """

    def __init__(self, folder: Path, served: Served) -> None:
        self._folder = folder
        self._served = served

    def served_as(self, adapter: AdapterFiles) -> str:
        """Put a copy there, and take away those whose adapters are gone."""
        name = served_name(adapter)
        sweep_copies(self._folder)
        put_copy(adapter, self._folder / name, base=self._served.model.root)
        return name

    def lost(self, name: str) -> None:
        """The server looks into the folder again by itself."""
        del name

    def close(self) -> None:
        """The copies stay for the next start."""


def put_copy(adapter: AdapterFiles, place: Path, *, base: str | None) -> None:
    """Copy an adapter's weights and configuration, by one rename, where they are not there yet.

    :param base: what the copy's configuration should call the base model; None: as it is
    :raises FamiliarError: it can't be written
    """
    if (place / _SOURCE).is_file():
        return
    draft = place.with_name(f".{place.name}.{os.getpid()}.new")  # a bot and a chat may need it at once
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        _write(draft / _SOURCE, {"folder": str(adapter.folder.absolute())})  # first, so that a draft left behind goes
        for name in _FILES:
            shutil.copyfile(adapter.folder / name, draft / name)
        if base is not None:
            _name_base(draft / "adapter_config.json", base)
        for path in (draft, *draft.iterdir()):  # a home's files are its owner's alone, but the server has to read these
            path.chmod(0o755 if path.is_dir() else 0o644)
        draft.rename(place)
    except OSError as exc:
        shutil.rmtree(draft, ignore_errors=True)
        if (place / _SOURCE).is_file():
            return
        why = exc.strerror or type(exc).__name__
        raise FamiliarError(
            f"adapter {adapter.id} can't be put into [server] adapter_folder {place.parent}: {why}"
        ) from exc


def sweep_copies(folder: Path) -> None:
    """Delete copies whose adapters are gone, as after something was forgotten that they had learned from."""
    for source in [*folder.glob(f"{_PREFIX}*/{_SOURCE}"), *folder.glob(f".{_PREFIX}*.new/{_SOURCE}")]:
        if not _is_kept(source):
            shutil.rmtree(source.parent, ignore_errors=True)


def _is_kept(source: Path) -> bool:
    """Whether a copy's adapter is there; one that can't be told is copied again when it is next needed."""
    try:
        return Path(json.loads(source.read_text(encoding="utf-8"))["folder"]).is_dir()
    except (OSError, ValueError, KeyError, TypeError):  # damaged, or another process has just deleted it
        return False


def _name_base(config: Path, base: str) -> None:
    _write(config, json.loads(config.read_text(encoding="utf-8")) | {"base_model_name_or_path": base})


def _write(path: Path, value: dict[str, object]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def sweep(config: ServerConfig) -> None:
    """Delete a server's copies whose adapters are gone, where the settings have any made."""
    if config.adapters != "off" and config.adapter_folder:
        sweep_copies(Path(config.adapter_folder).expanduser())
