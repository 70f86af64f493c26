"""From a recipe to a model with an adapter, and from a trained adapter to files that the engines can load.

Serving knows one form only, LoRA weights on an untouched base (DoRA's magnitudes among them), because it switches
adapters between turns. PiSSA and OLoRA move the base, AdaLoRA and MiSS have factors of their own: what they learned is
written as LoRA that computes the same. What can't be written so is for comparisons only (`recipe.SERVABLE`).
"""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from memory.errors import FamiliarError, first_line
from tuning.recipe import MOVES_BASE, Recipe, trained_layers
from tuning.windows import Window

_VIRTUAL_TOKENS = 20
"""Of prompt and prefix tuning; peft's examples use 8 to 30."""
_OFT_BLOCK = 32
"""peft's default."""
_OUTPUT = ("lm_head", "embed_out", "score")
_WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Attached:
    """A PEFT model that is ready to be trained."""

    model: Any
    recipe: Recipe
    start: Mapping[str, Any]
    """The first LoRA factors where they were taken out of the base; what was learned is the difference to them."""


def attach(base: Any, recipe: Recipe, *, windows: Sequence[Window] = ()) -> Attached:
    """A new adapter on the base, which is frozen; the same recipe and examples give the same one.

    :param windows: what EVA looks at
    :raises FamiliarError: the method doesn't fit the model
    """
    import torch
    from peft import get_peft_model, initialize_lora_eva_weights

    torch.manual_seed(recipe.seed)
    config = _peft_config(base, recipe)
    try:
        with _quiet():
            model = get_peft_model(base, config, autocast_adapter_dtype=True)
            if recipe.init == "eva":
                initialize_lora_eva_weights(model, [_eva_batch(window) for window in windows], show_progress_bar=False)
    except (ValueError, TypeError, RuntimeError) as exc:
        raise FamiliarError(f"[tuning] method {recipe.method} does not fit this model: {exc}") from exc
    start = {}
    if recipe.init in MOVES_BASE:
        start = {name: weight.detach().clone() for name, weight in trained_weights(model).items()}
    return Attached(model, recipe, start)


def trained_weights(model: Any) -> dict[str, Any]:
    """The adapter's own weights by name."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def _peft_config(base: Any, recipe: Recipe) -> Any:
    import peft

    everywhere = {"task_type": "CAUSAL_LM", "target_modules": _targets(base, recipe)}
    if recipe.method == "adalora":
        return _adalora(recipe, everywhere["target_modules"])
    if recipe.method in ("lora", "rslora", "dora"):
        return peft.LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            bias="none",
            use_rslora=recipe.method == "rslora",
            use_dora=recipe.method == "dora",
            init_lora_weights=True if recipe.init == "default" else recipe.init,
            eva_config=peft.EvaConfig(rho=1.0) if recipe.init == "eva" else None,
            **everywhere,
        )
    if recipe.method == "miss":
        return peft.MissConfig(r=recipe.rank, miss_dropout=recipe.dropout, **everywhere)
    if recipe.method == "oft":
        return peft.OFTConfig(r=0, oft_block_size=_OFT_BLOCK, module_dropout=recipe.dropout, **everywhere)
    return {
        "ia3": lambda: peft.IA3Config(task_type="CAUSAL_LM"),
        "ln": lambda: peft.LNTuningConfig(task_type="CAUSAL_LM"),
        "prompt": lambda: peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=_VIRTUAL_TOKENS),
        "prefix": lambda: peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=_VIRTUAL_TOKENS),
    }[recipe.method]()


def _adalora(recipe: Recipe, targets: Any) -> Any:
    """Half more rank than wanted at first, as in AdaLoRA's paper (arXiv 2303.10512)."""
    from peft import AdaLoraConfig

    return AdaLoraConfig(
        init_r=recipe.rank + recipe.rank // 2,
        target_r=recipe.rank,
        lora_alpha=recipe.alpha,
        lora_dropout=recipe.dropout,
        total_step=1,  # `spread_ranks` says how many there are
        target_modules=targets,
        task_type="CAUSAL_LM",
    )


def spread_ranks(model: Any, steps: int) -> None:
    """Have AdaLoRA cut ranks from the second sixth of the steps on, and leave them alone in the last third."""
    config = model.peft_config["default"]
    config.total_step, config.tinit, config.tfinal = steps, steps // 6, steps // 3


def _targets(base: Any, recipe: Recipe) -> Any:
    """Every linear layer but the output's; by full name where some decoder layers are left out."""
    import torch

    if recipe.layers == "all":
        return "all-linear"
    numbers = {}
    for name, module in base.named_modules():
        found = re.search(r"\.(\d+)\.", name)
        if isinstance(module, torch.nn.Linear) and found and not name.endswith(_OUTPUT):
            numbers[name] = int(found[1])
    chosen = trained_layers(recipe.layers, 1 + max(numbers.values(), default=-1))
    return [name for name, number in numbers.items() if number in chosen]


def _eva_batch(window: Window) -> dict[str, Any]:
    import torch

    return {"input_ids": torch.tensor([window.encoded.input_ids]), "labels": torch.tensor([window.encoded.labels])}


def save(attached: Attached, folder: Path, *, base_name: str) -> None:
    """Write the adapter as safetensors in a form that can be served, and read it again to be sure that it is whole.

    :raises FamiliarError: what was written is not what was trained
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file, save_file

    config, weights = _as_served(attached)
    config.base_model_name_or_path = base_name
    config.inference_mode = True
    trained = {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_file(trained, folder / _WEIGHTS, metadata={"format": "pt"})
        config.save_pretrained(folder)
        written = load_file(folder / _WEIGHTS)
    except (OSError, SafetensorError) as exc:
        raise FamiliarError(f"{folder} can't be written: {first_line(exc)}") from exc
    if written.keys() != trained.keys():
        raise FamiliarError(f"{folder} holds {len(written)} tensors of the {len(trained)} that were trained")
    for name, tensor in trained.items():
        if not torch.equal(written[name].nan_to_num(), tensor.nan_to_num()):
            raise FamiliarError(f"{folder}: {name} differs from what was trained; is the disk in order?")


def written_differently(recipe: Recipe) -> bool:
    """Whether the files are another form of what was trained, so that only a model that loads them shows their work."""
    return recipe.init in MOVES_BASE or recipe.method in ("adalora", "miss")


def as_written(recipe: Recipe) -> Recipe:
    """The recipe of which the files of an adapter are the plain form."""
    return replace(recipe, method="lora", init="default") if written_differently(recipe) else recipe


def _as_served(attached: Attached) -> tuple[Any, dict[str, Any]]:
    from peft import convert_to_lora, get_peft_model_state_dict

    model, recipe = attached.model, attached.recipe
    if recipe.method == "miss":
        with _quiet():
            config, weights = convert_to_lora(model, rank=recipe.rank)
        return config, dict(weights)
    config = copy.deepcopy(model.peft_config["default"])
    if recipe.method == "adalora":
        return _adalora_as_lora(model, config)
    weights = get_peft_model_state_dict(model, save_embedding_layers=False)
    if recipe.method in ("lora", "rslora", "dora"):
        config.init_lora_weights = True  # any other would have peft move the base again when it loads this
        config.eva_config = None
    if recipe.init in MOVES_BASE:
        return _difference_as_lora(config, weights, attached.start)
    return config, dict(weights)


def _difference_as_lora(config: Any, weights: Any, start: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """B A - B0 A0 as one LoRA of twice the rank, [B, -B0] [A; A0] (as peft's PiSSA example describes)."""
    import torch

    first = {name.replace(".default.", "."): weight for name, weight in start.items()}
    joined = {}
    for name, weight in weights.items():
        lower = "lora_A" in name
        joined[name] = torch.cat([weight, first[name] if lower else -first[name]], dim=0 if lower else 1)
    config.lora_alpha *= 2**0.5 if config.use_rslora else 2
    config.r *= 2
    return config, joined


def _adalora_as_lora(model: Any, trained: Any) -> tuple[Any, dict[str, Any]]:
    """P diag(E) Q times its scale as B A; masked ranks are zeros, so all layers keep the first rank."""
    from peft import LoraConfig
    from peft.tuners.adalora.layer import AdaLoraLayer

    weights = {}
    for name, layer in model.named_modules():
        if isinstance(layer, AdaLoraLayer):
            scale = layer.scaling["default"] / (layer.ranknum["default"] + 1e-5)
            weights[f"{name}.lora_A.weight"] = layer.lora_A["default"] * layer.lora_E["default"] * scale
            weights[f"{name}.lora_B.weight"] = layer.lora_B["default"]
    rank = trained.init_r
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=trained.target_modules, task_type="CAUSAL_LM")
    return config, weights


@contextmanager
def _quiet() -> Iterator[None]:
    """peft speaks of its own internals here; nothing a user could mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
