"""LoRA adapters on a loaded model: a few are held, one or none is active, and the base itself never changes.

Adapters are not merged into the weights. Merging and taking back leaves rounding in the base, so that its replies would
depend on which adapters had come before; unmerged, the base stays bit for bit what was loaded, each adapter computes
what it did when it was trained and judged, and switching costs milliseconds.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.engines.base import AdapterFiles
from memory.errors import FamiliarError, first_line

_HELD = 3


class Adapters:
    """The adapters of one transformers model, which is changed in place: call the model itself inside `active`."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._peft: Any = None
        self._names: dict[str, str] = {}
        self._counter = itertools.count(1)

    @contextmanager
    def active(self, adapter: AdapterFiles | None) -> Iterator[None]:
        """Let the model answer with ``adapter``, or as the base model where that is None.

        :raises FamiliarError: the files are missing, damaged, or of another model's adapter
        """
        if adapter is not None:
            name = self._held(adapter)
            self._peft.set_adapter(name, inference_mode=True)
            yield
        else:
            with self._plain_layers():
                yield

    @contextmanager
    def _plain_layers(self) -> Iterator[None]:
        """Put the base's own layers back in their places: switched off, peft's still cost an eighth of the speed."""
        from peft.tuners.tuners_utils import BaseTunerLayer

        modules = [] if self._peft is None else list(self._model.modules())
        wrapped = [
            (parent, name, layer)
            for parent in modules
            for name, layer in parent.named_children()
            if isinstance(layer, BaseTunerLayer)
        ]
        for parent, name, layer in wrapped:
            setattr(parent, name, layer.get_base_layer())
        try:
            yield
        finally:
            for parent, name, layer in wrapped:
                setattr(parent, name, layer)

    def _held(self, adapter: AdapterFiles) -> str:
        """The name under which peft holds it; the adapter used longest ago makes room."""
        name = self._names.pop(adapter.id, None)
        if name is None:
            name = f"adapter{next(self._counter)}"
            self._load(adapter.folder, name)
        self._names[adapter.id] = name
        for oldest in list(self._names)[:-_HELD]:
            self._peft.delete_adapter(self._names.pop(oldest))
        return name

    def _load(self, folder: Path, name: str) -> None:
        # Whatever peft raises over files of any origin means the same here: these files are no adapter of this model.
        try:
            self._insert(folder, name)
        except FamiliarError:
            self._unload()
            raise
        except Exception as exc:
            self._unload()
            raise FamiliarError(f"{folder} does not hold an adapter of this model: {first_line(exc)}") from exc

    def _insert(self, folder: Path, name: str) -> None:
        from peft import PeftConfig, get_peft_model

        if not (folder / "adapter_model.safetensors").is_file():
            raise FamiliarError(f"{folder} holds no adapter: adapter_model.safetensors is missing")
        config = PeftConfig.from_pretrained(str(folder))
        if config.peft_type != "LORA":
            raise FamiliarError(f"{folder} holds an adapter of type {config.peft_type}; it must be LORA")
        if config.modules_to_save or config.bias != "none" or config.trainable_token_indices:
            raise FamiliarError(f"{folder} changes weights of the base model besides its own; it must be plain LoRA")
        config.inference_mode = True
        config.base_model_name_or_path = None  # the registry compares bases by hash; peft would warn of a moved folder
        if self._peft is None:
            with warnings.catch_warnings():
                # peft asks transformers for a property under its old name; nothing a user could mend.
                warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")
                self._peft = get_peft_model(self._model, config, adapter_name=name)
        result = self._peft.load_adapter(str(folder), name, torch_device=str(self._model.device))
        # peft only warns here, and an adapter whose weights found no place answers like the base.
        strange = [*result.missing_keys, *result.unexpected_keys]
        if strange:
            raise FamiliarError(f"{folder} does not fit this model: {len(strange)} weights differ, first {strange[0]}")

    def _unload(self) -> None:
        """Back to the base; adapters that did load are read again when they are next wanted."""
        if self._peft is not None:
            self._model = self._peft.unload()
        self._peft = None
        self._names.clear()
