"""What many users' adapters cost an engine: switches, memory, a cache too small for all, speed of decoding.

The adapters are random ones of the size that a tune writes. A few folders stand for many: each id is read and held on
its own, as an engine knows adapters by their ids.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.bench.made_adapter import made_adapter
from bot.bench.rows import BenchRow
from bot.engines.base import AdapterFiles, Engine, Generation
from bot.engines.local import open_local
from bot.engines.weights import LocalOptions
from memory.records import Message
from tuning.precision import DType

_FOLDERS = 4
_PROMPT = (Message("system", "Be brief."), Message("user", "Tell me about the lighthouse and who lives there."))
_SWITCHES = 20


@dataclass(frozen=True)
class Working:
    """An engine and the adapters that answer from it in turn."""

    engine: Engine
    files: Sequence[AdapterFiles]


def bench_adapters(
    folder: Path, *, users: int = 100, turns: int = 16, rank: int = 16, tokens: int = 32, dtype: DType = "auto"
) -> tuple[BenchRow, ...]:
    """Adapters of ``users`` in turn on the local engine, and decoding with and without one.

    :param turns: timed turns of each kind
    :raises FamiliarError: the model folder is missing or damaged
    """
    with tempfile.TemporaryDirectory(prefix="familiar-bench-") as name:
        files = made_users(Path(name), folder, users=users, rank=rank)
        return (
            *_switches_local(folder, files, dtype),
            *_throughput_local(folder, files[: turns // 2], turns, dtype),
            *_decoding(folder, files[0], turns, tokens, dtype),
        )


def made_users(work: Path, folder: Path, *, users: int, rank: int = 16) -> list[AdapterFiles]:
    """An adapter for each of so many users.

    :param folder: of the base model
    :param work: where the adapters are put
    """
    made = [made_adapter(work / f"{seed}", folder, rank=rank, seed=seed) for seed in range(_FOLDERS)]
    return [AdapterFiles(f"user{user}", made[user % _FOLDERS]) for user in range(users)]


def switches(on: Working, *, name: str) -> tuple[BenchRow, ...]:
    """Of adapters that are held, of adapters that are read again, and the memory after all have been in turn.

    A switch is what a first token takes longer after another adapter's reply than after its own.

    :param name: what the rows begin with
    """
    one, two = on.files[:2]
    _turn_s(on.engine, one, 2)  # loads the base, and imports what reads adapters
    before = _memory()
    read = [_first_token_ms(on.engine, adapter) for adapter in on.files[1:]]
    after = _memory()
    changed, stayed = [], []
    for turn in range(_SWITCHES + 2):
        adapter = (one, two)[turn % 2]
        changed.append(_first_token_ms(on.engine, adapter))
        stayed.append(_first_token_ms(on.engine, adapter))
    # The first of each reads it again.
    slow = sorted(changed[2:])[round(0.95 * _SWITCHES) - 1]
    warm = max(0.0, slow - statistics.median(stayed[2:]))
    return (
        BenchRow(f"{name}: warm switch, 95 in 100 within", warm, 50, "ms", "at most"),
        BenchRow(f"{name}: first token with one that is not held, median", statistics.median(read), None, "ms"),
        BenchRow(f"{name}: memory after {len(on.files)} in turn over the base", after / before, 1.3, "x", "at most"),
        BenchRow(f"{name}: memory of the base", before / 1e6, None, "MB"),
    )


def throughput(all_held: Working, half_held: Working, *, turns: int, name: str) -> BenchRow:
    """Turns of several users one after the other, where all adapters are held and where half of them are.

    :param turns: timed ones of each, at least
    """
    best = [float("inf"), float("inf")]
    for _ in range(-(-turns // len(all_held.files)) + 1):
        for place, on in enumerate((all_held, half_held)):
            seconds = sum(_turn_s(on.engine, adapter, 8) for adapter in on.files) / len(on.files)
            best[place] = min(best[place], seconds)
    return BenchRow(f"{name}: throughput with half of them held over all", best[0] / best[1], 0.5, "x")


def _switches_local(folder: Path, files: Sequence[AdapterFiles], dtype: DType) -> tuple[BenchRow, ...]:
    engine = open_local(folder, model=folder.name, options=LocalOptions(dtype=dtype))
    try:
        return switches(Working(engine, files), name="adapters")
    finally:
        engine.close()


def _memory() -> int:
    """Bytes that this process holds and shares with none.

    A GGUF file that another program maps too would not count, and the base seem smaller: nothing else may use it.
    """
    import gc

    import psutil

    gc.collect()
    return int(psutil.Process().memory_full_info().uss)


def _throughput_local(folder: Path, files: Sequence[AdapterFiles], turns: int, dtype: DType) -> tuple[BenchRow, ...]:
    size = sum(file.stat().st_size for file in files[0].folder.glob("*.safetensors"))
    engines = [
        open_local(folder, model=folder.name, options=LocalOptions(dtype=dtype, adapters_mb=limit))
        for limit in (megabytes(size * (len(files) + 1)), megabytes(size * len(files) // 2))
    ]
    every, half = (Working(engine, files) for engine in engines)
    row = throughput(every, half, turns=turns, name="adapters")
    for engine in engines:
        engine.close()
    return (row,)


def megabytes(size: int) -> int:
    """Of so many bytes, at least one."""
    return max(1, size // 2**20)


def _decoding(folder: Path, adapter: AdapterFiles, turns: int, tokens: int, dtype: DType) -> tuple[BenchRow, ...]:
    """Tokens a second with an adapter over those without: computed beside the layers, and merged."""
    beside, merged = (
        open_local(folder, model=folder.name, options=LocalOptions(dtype=dtype, merge_adapters=merge))
        for merge in (False, True)
    )
    kinds = ((beside, None), (beside, adapter), (merged, adapter))
    best = [float("inf")] * 3
    for _ in range(max(2, turns // 3)):
        for place, (engine, used) in enumerate(kinds):
            best[place] = min(best[place], _token_s(engine, used, tokens))
    for engine in (beside, merged):
        engine.close()
    return (
        BenchRow("adapters: decoding with one over without", best[0] / best[1], 0.75, "x"),
        BenchRow("adapters: decoding with a merged one over without", best[0] / best[2], 0.9, "x"),
    )


def _turn_s(engine: Engine, adapter: AdapterFiles | None, tokens: int) -> float:
    return engine.generate(Generation(_PROMPT, max_tokens=tokens, adapter=adapter), on_text=_drop).total_s


def _first_token_ms(engine: Engine, adapter: AdapterFiles) -> float:
    request = Generation(_PROMPT, max_tokens=1, adapter=adapter)
    return engine.generate(request, on_text=_drop).first_token_s * 1e3


def _token_s(engine: Engine, adapter: AdapterFiles | None, tokens: int) -> float:
    """Seconds of a token after the first; sampled, since a random adapter's likeliest words go round in circles."""
    request = Generation(_PROMPT, max_tokens=tokens, adapter=adapter, temperature=1.0, seed=1)
    said = engine.generate(request, on_text=_drop)
    return (said.total_s - said.first_token_s) / max(1, said.reply_tokens - 1)


def _drop(_piece: str) -> None:
    pass
