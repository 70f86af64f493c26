"""What many users' adapters cost the local engine: switches, memory, a cache too small for all, speed of decoding.

The adapters are random ones of the size that a tune writes. A few folders stand for many: each id is read and held on
its own, as an engine knows adapters by their ids.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bot.bench.made_adapter import made_adapter
from bot.bench.rows import BenchRow
from bot.engines.adapters import Adapters
from bot.engines.base import AdapterFiles, Generation
from bot.engines.local import open_local
from bot.engines.token_engine import TokenEngine
from bot.engines.weights import LocalOptions, load_tokenizer, load_weights
from memory.records import Message
from tuning.precision import DType

_FOLDERS = 4
_PROMPT = (Message("system", "Be brief."), Message("user", "Tell me about the lighthouse and who lives there."))


def bench_adapters(
    folder: Path, *, users: int = 100, turns: int = 16, rank: int = 16, tokens: int = 32, dtype: DType = "auto"
) -> tuple[BenchRow, ...]:
    """Adapters of ``users`` in turn, and decoding with and without one.

    :param turns: timed turns of each kind
    :raises FamiliarError: the model folder is missing or damaged
    """
    with tempfile.TemporaryDirectory(prefix="familiar-bench-") as name:
        made = [made_adapter(Path(name) / f"{seed}", folder, rank=rank, seed=seed) for seed in range(_FOLDERS)]
        files = [AdapterFiles(f"user{user}", made[user % _FOLDERS]) for user in range(users)]
        return (
            *_switches(folder, files, dtype),
            *_throughput(folder, files[: turns // 2], turns, dtype),
            *_decoding(folder, files[0], turns, tokens, dtype),
        )


def _switches(folder: Path, files: Sequence[AdapterFiles], dtype: DType) -> tuple[BenchRow, ...]:
    """Of adapters that are held, of adapters that are read again, and the memory after all have been in turn."""
    weights = load_weights(folder, load_tokenizer(folder), LocalOptions(dtype=dtype))
    with weights.adapters.active(files[0]):  # imports what reads adapters
        before = _memory()
    read = [_switch_ms(weights.adapters, adapter) for adapter in files[1:]]
    after = _memory()
    warm = [_switch_ms(weights.adapters, files[-1]) for _ in range(20)]
    return (
        BenchRow("adapters: warm switch, 95 in 100 within", sorted(warm)[18], 50, "ms", "at most"),
        BenchRow("adapters: switch to one that is not held, median", sorted(read)[len(read) // 2], None, "ms"),
        BenchRow(f"adapters: memory after {len(files)} in turn over the base", after / before, 1.3, "x", "at most"),
    )


def _switch_ms(adapters: Adapters, adapter: AdapterFiles) -> float:
    began = time.perf_counter()
    with adapters.active(adapter):
        return (time.perf_counter() - began) * 1000


def _memory() -> int:
    """Bytes that this process holds and shares with none."""
    import gc

    import psutil

    gc.collect()
    return int(psutil.Process().memory_full_info().uss)


def _throughput(folder: Path, files: Sequence[AdapterFiles], turns: int, dtype: DType) -> tuple[BenchRow, ...]:
    """Turns of several users one after the other, where all adapters are held and where half of them are."""
    size = sum(file.stat().st_size for file in files[0].folder.glob("*.safetensors"))
    engines = [
        open_local(folder, model=folder.name, options=LocalOptions(dtype=dtype, adapters_mb=megabytes))
        for megabytes in (_megabytes(size * (len(files) + 1)), _megabytes(size * len(files) // 2))
    ]
    best = [float("inf"), float("inf")]
    for _ in range(-(-turns // len(files)) + 1):
        for place, engine in enumerate(engines):
            best[place] = min(best[place], sum(_turn_s(engine, adapter, 8) for adapter in files))
    for engine in engines:
        engine.close()
    return (BenchRow("adapters: throughput with half of them held over all", best[0] / best[1], 0.5, "x"),)


def _megabytes(size: int) -> int:
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


def _turn_s(engine: TokenEngine, adapter: AdapterFiles | None, tokens: int) -> float:
    return engine.generate(Generation(_PROMPT, max_tokens=tokens, adapter=adapter), on_text=_drop).total_s


def _token_s(engine: TokenEngine, adapter: AdapterFiles | None, tokens: int) -> float:
    """Seconds of a token after the first; sampled, since a random adapter's likeliest words go round in circles."""
    request = Generation(_PROMPT, max_tokens=tokens, adapter=adapter, temperature=1.0, seed=1)
    said = engine.generate(request, on_text=_drop)
    return (said.total_s - said.first_token_s) / max(1, said.reply_tokens - 1)


def _drop(_piece: str) -> None:
    pass
