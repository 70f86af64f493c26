"""Whether a model is better made smaller by pruning or by quantising, and which ways of computing it pay on a CPU.

What a variant loses is counted on replies that the float32 model wrote, so that no data set is needed: how often its
likeliest token is float32's, and how many nats a token it loses. Each variant runs in a process of its own; one that
can't run here, or ends its process, is a line that says why.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.bench.child import in_child
from bot.bench.rows import BenchRow
from bot.bench.smaller_replies import Figures, GivenReply, Smaller, Variant, figures, write_replies
from memory.errors import FamiliarError, UsageError, first_line

VARIANTS: Mapping[str, str] = {
    "float32": "transformers, float32",
    "bfloat16": "transformers, bfloat16",
    "int8": "transformers, 8 bits (torch's dynamic quantisation)",
    "torchao": "transformers, 8 bits (torchao, not compiled)",
    "bnb-8bit": "transformers, 8 bits (bitsandbytes)",
    "bnb-nf4": "transformers, 4 bits (bitsandbytes nf4)",
    "static": "transformers, cache of fixed size",
    "compile": "transformers, torch.compile",
    "compile-static": "transformers, torch.compile, cache of fixed size",
    "pruned-10": "transformers, the 10 % of layers that turn least left out",
    "pruned-25": "transformers, the 25 % of layers that turn least left out",
    "pruned-block-10": "transformers, a block of 10 % of layers left out",
    "pruned-block-25": "transformers, a block of 25 % of layers left out",
    "gguf-f16": "llama.cpp, f16",
    "gguf-q8_0": "llama.cpp, q8_0",
    "gguf-q4_1": "llama.cpp, q4_1",
    "gguf-q4_0": "llama.cpp, q4_0",
    "gguf-served": "llama.cpp, the file that is served",
    "openvino": "OpenVINO, the file that is served",
}
"""What `--only` names, and what the rows are called."""
_RIVALS = (("8 bits", "gguf-q8_0", "10"), ("4 bits", "gguf-q4_1", "25"))
"""Which quantised variant is held against pruning by so many per cent, which makes a model less small."""


@dataclass(frozen=True)
class Skipped:
    """A variant that can't run here."""

    reason: str


def bench_smaller(
    task: Smaller,
    names: Sequence[str] = (),
    *,
    reordered: bool = False,
    note: Callable[[str], None],
    run: Callable[..., Any] = in_child,
) -> Iterator[BenchRow]:
    """Speed, size and loss of the named variants, or of all; last, quantising against pruning.

    :param reordered: measure a copy with the weights in another order, since the model was unpacked from fewer bits
    :param run: calls a function, in a process of its own
    :raises UsageError: a name that is no variant
    :raises FamiliarError: the model can't be loaded, or ends none of its replies
    """
    if unknown := [name for name in names if name not in VARIANTS]:
        raise UsageError(f"{unknown[0]!r} is no variant; there are {', '.join(VARIANTS)}")
    with tempfile.TemporaryDirectory(prefix="familiar-bench-") as name:
        work = Path(name)
        if reordered:
            run(write_reordered, task.folder, work / "model")
            task = replace(task, folder=work / "model")
        given = run(write_replies, task)
        found: dict[str, Figures] = {}
        for variant in names or VARIANTS:
            (work / variant).mkdir()
            measured = run(measure, variant, replace(task, work=work / variant), given)
            shutil.rmtree(work / variant)
            if isinstance(measured, Skipped):
                note(f"{VARIANTS[variant]}: not measured: {measured.reason}")
                continue
            found[variant] = measured
            yield from rows(variant, measured)
    yield from verdict(found)


def rows(name: str, measured: Figures) -> Iterator[BenchRow]:
    """What is said of one variant."""
    title, speeds = f"smaller: {VARIANTS[name]}", measured.speeds
    yield BenchRow(f"{title}: size", measured.megabytes, None, "MB")
    yield BenchRow(f"{title}: prefill", speeds.prefill, None, "tokens/s")
    yield BenchRow(f"{title}: decode", speeds.decode, None, "tokens/s")
    if name.startswith("compile"):
        yield BenchRow(f"{title}: first reply, compiled", speeds.first_s, None, "s")
    yield BenchRow(f"{title}: same likeliest token as float32", measured.same, None, "share")
    yield BenchRow(f"{title}: lost on float32's replies", measured.nats_lost, None, "nats/token")


def verdict(found: Mapping[str, Figures]) -> Iterator[BenchRow]:
    """How much oftener the quantised model agrees with float32 than the better of two ways of pruning."""
    for bits, quantised, percent in _RIVALS:
        pruned = [found[name].same for name in (f"pruned-{percent}", f"pruned-block-{percent}") if name in found]
        if pruned and quantised in found:
            ratio = found[quantised].same / max(*pruned, 1e-9)
            yield BenchRow(f"smaller: agreement with {bits} over that with {percent} % pruned", ratio, 1.0, "x")


def measure(name: str, task: Smaller, given: Sequence[GivenReply]) -> Figures | Skipped:
    """One variant's figures."""
    try:
        return figures(open_variant(name, task), task, given)
    except FamiliarError as exc:
        return Skipped(str(exc))
    except Exception as exc:  # noqa: BLE001 - the edge of a process, and kernels and compilers fail in ways of their own
        return Skipped(f"{type(exc).__name__}: {first_line(exc)}")


def open_variant(name: str, task: Smaller) -> Variant:
    """A variant, loaded.

    :raises FamiliarError: this machine lacks what it needs; the reason is named
    """
    if name == "openvino":
        from bot.bench.smaller_openvino import open_openvino

        return open_openvino(task)
    if name.startswith("gguf"):
        from bot.bench.smaller_gguf import open_llama

        return open_llama(name, task)
    from bot.bench.smaller_torch import open_torch

    return open_torch(name, task)


def write_reordered(folder: Path, target: Path) -> None:
    """A copy of a model that computes the same from weights in another order; see `bot.bench.reordered`.

    :raises FamiliarError: the model can't be loaded
    """
    from bot.bench.reordered import reorder
    from bot.bench.smaller_torch import load_model
    from bot.engines.weights import load_tokenizer

    model = load_model(folder, "float32")
    reorder(model)
    model.save_pretrained(str(target))
    load_tokenizer(folder).save_pretrained(str(target))
