"""The engine llama.cpp against bare llama.cpp, an adapter against none, and its logits against peft's.

Bare llama.cpp is xllamacpp's own server without HTTP, with the same file, threads and token ids, timed by itself. Runs
alternate and the best of each counts, as in `bot.bench.engine`; each round has its own first words.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.bench.adapters import Working, made_users, megabytes, switches, throughput
from bot.bench.engine import ask, bench_later_turns
from bot.bench.made_adapter import made_adapter
from bot.bench.made_prompts import STORY, long_message, made_prompts
from bot.bench.rows import BenchRow
from bot.engines.base import AdapterFiles, Generated
from bot.engines.llama_cpp.conversion import convert_folder
from bot.engines.llama_cpp.engine import LlamaOptions, cores, open_gguf
from bot.engines.llama_cpp.library import find_library
from bot.engines.token_engine import TokenEngine
from bot.engines.weights import load_tokenizer
from memory.errors import FamiliarError
from memory.records import Message
from tuning.chat_format import encode_example, render

_THROUGHPUT_USERS = 8


@dataclass(frozen=True)
class Size:
    """How much is timed."""

    rounds: int = 5
    tokens: int = 48
    """Of a reply."""
    later: int = 2
    """Rounds of a first and a later turn."""
    stable: int = 1000
    """Tokens of a system message."""


def bench_llama(
    gguf: Path, folder: Path, work: Path, *, threads: int = 0, size: Size | None = None
) -> tuple[BenchRow, ...]:
    """Speed beside the bare library, of later turns, with an adapter and of changing it.

    :param folder: the transformers folder of the same model
    :param size: None: the usual one
    :param work: where three made adapters are put
    :raises UsageError: xllamacpp is not installed
    """
    find_library()
    size, threads = size or Size(), threads or cores()

    def opened(saved: Path | None = None) -> TokenEngine:
        return open_gguf(gguf, folder, model=folder.name, options=LlamaOptions(threads=threads, saved=saved))

    engine = opened()
    adapters = [AdapterFiles(f"made{n}", made_adapter(work / f"made{n}", folder, seed=n)) for n in (1, 2, 3)]
    bare = _bare(gguf, threads=threads, context=engine.context_tokens) if _has_vocabulary(gguf) else None
    try:
        return (
            *(_beside_bare(engine, bare, load_tokenizer(folder), size) if bare else ()),
            *bench_later_turns(opened, limit=0.1, name="llama.cpp", rounds=size.later, stable=size.stable),
            *_with_adapter(engine, adapters[0], size),
            *_switching(engine, adapters, rounds=size.rounds),
        )
    finally:
        engine.close()


def _beside_bare(engine: TokenEngine, bare: Any, tokenizer: Any, size: Size) -> tuple[BenchRow, ...]:
    decode, prefill = [], []
    # The first round loads and warms up both sides, and is not counted.
    for number in range(size.rounds + 1):
        short = (Message("system", f"Story {number}."), STORY)
        ours = _decode_speed(ask(engine, short, size.tokens))
        decode.append((ours, _bare_decode(bare, render(tokenizer, short), size.tokens)))
        long = (long_message(engine.count_tokens, number, size.stable), STORY)
        reply = ask(engine, long, 1)
        ours = reply.prompt_tokens / reply.first_token_s
        prefill.append((ours, _bare_prefill(bare, render(tokenizer, long))))
    wrote, bare_wrote = (max(pair[side] for pair in decode[1:]) for side in (0, 1))
    read, bare_read = (max(pair[side] for pair in prefill[1:]) for side in (0, 1))
    return (
        BenchRow("llama.cpp: decode over bare llama.cpp", wrote / bare_wrote, 0.95, "x"),
        BenchRow("llama.cpp: decode", wrote, None, "tokens/s"),
        BenchRow("llama.cpp: prefill over bare llama.cpp", read / bare_read, 0.95, "x"),
        BenchRow("llama.cpp: prefill", read, None, "tokens/s"),
    )


def _with_adapter(engine: TokenEngine, adapter: AdapterFiles, size: Size) -> tuple[BenchRow, ...]:
    off, on = [], []
    for _ in range(size.rounds + 1):
        off.append(_decode_speed(ask(engine, (STORY,), size.tokens)))
        on.append(_decode_speed(ask(engine, (STORY,), size.tokens, adapter=adapter)))
    return (BenchRow("llama.cpp: decode with an adapter over without", max(on[1:]) / max(off[1:]), 0.9, "x"),)


def _switching(engine: TokenEngine, adapters: Sequence[AdapterFiles], *, rounds: int) -> tuple[BenchRow, ...]:
    """First tokens of one short prompt after another adapter's, over those after its own; and of one never seen."""
    one, two, new = adapters
    question = (Message("user", "Hello!"),)
    for adapter in (one, two):
        ask(engine, question, 1, adapter=adapter)
    stays, changes = [], []
    for _ in range(max(rounds, 2)):
        changes.append(ask(engine, question, 1, adapter=one).first_token_s)
        stays.append(ask(engine, question, 1, adapter=one).first_token_s)
        changes.append(ask(engine, question, 1, adapter=two).first_token_s)
        stays.append(ask(engine, question, 1, adapter=two).first_token_s)
    same = statistics.median(stays)
    first = ask(engine, question, 1, adapter=new).first_token_s
    return (
        BenchRow(
            "llama.cpp: changing the adapter", max(0.0, statistics.median(changes) - same) * 1e3, 50.0, "ms", "at most"
        ),
        BenchRow("llama.cpp: an adapter's first reply, converted and loaded", (first - same) * 1e3, None, "ms"),
    )


def bench_llama_adapters(
    gguf: Path, folder: Path, work: Path, threads: int = 0, users: int = 100
) -> tuple[BenchRow, ...]:
    """Adapters of ``users`` in turn, as `bot.bench.adapters` has them on the local engine.

    :param folder: the transformers folder of the same model
    :param work: where a few made adapters are put
    :raises UsageError: xllamacpp is not installed
    """
    find_library()
    files = made_users(work, folder, users=users)

    def opened(adapters_mb: int = 0) -> TokenEngine:
        options = LlamaOptions(threads=threads, adapters_mb=adapters_mb)
        return open_gguf(gguf, folder, model=folder.name, options=options)

    few = files[:_THROUGHPUT_USERS]
    engines = [opened()]
    try:
        rows = switches(Working(engines[0], files), name="llama.cpp adapters")
        size = max(file.stat().st_size for file in files[0].folder.glob("*.gguf"))
        engines += [opened(megabytes(size * count)) for count in (len(few) + 1, len(few) // 2)]
        every, half = (Working(engine, few) for engine in engines[1:])
        return (*rows, throughput(every, half, turns=2 * len(few), name="llama.cpp adapters"))
    finally:
        for engine in engines:
            engine.close()


def adapter_agreement(
    folder: Path, work: Path, *, adapter: Path | None = None, prompts: int = 50, tokens: int = 24, threads: int = 0
) -> tuple[BenchRow, ...]:
    """How often llama.cpp and peft find the same token likeliest, in float32, with an adapter, on its own replies.

    :param adapter: a peft folder; None: a made one
    :raises UsageError: xllamacpp is not installed
    """
    find_library()
    gguf = work / "base.gguf"
    convert_folder(folder, gguf, precision="f32", base_sha256="")
    files = AdapterFiles("agreement", adapter or made_adapter(work / "agreement", folder))
    engine = open_gguf(gguf, folder, model=folder.name, options=LlamaOptions(base_sha256="", threads=threads))
    same = places = changed = 0
    peft = _PeftChoices(folder, files)
    try:
        for prompt in made_prompts(prompts):
            messages = (Message("user", prompt),)
            text = ask(engine, messages, tokens, adapter=files).text or "Yes."
            ours, theirs = engine.greedy_tokens(messages, text, files), peft.choices(messages, text)
            plain = engine.greedy_tokens(messages, text, None)
            same += sum(one == other for one, other in zip(ours, theirs, strict=True))
            changed += sum(one != other for one, other in zip(ours, plain, strict=True))
            places += len(ours)
    finally:
        engine.close()
    return (
        BenchRow("agreement: same likeliest token as peft", same / places, 0.97, "share"),
        BenchRow("agreement: tokens compared", places, None, "tokens"),
        BenchRow("agreement: likeliest token changed by the adapter", changed / places, None, "share"),
    )


class _PeftChoices:
    """The likeliest token at each place of a reply, by transformers and peft in float32."""

    def __init__(self, folder: Path, adapter: AdapterFiles) -> None:
        from bot.engines.weights import LocalOptions, load_weights

        self._tokenizer = load_tokenizer(folder)
        self._weights = load_weights(folder, self._tokenizer, LocalOptions(dtype="float32"))
        self._adapter = adapter

    def choices(self, messages: Sequence[Message], reply: str) -> tuple[int, ...]:
        import torch

        encoded = encode_example(self._tokenizer, messages, reply, max_tokens=4096)
        if encoded is None:
            raise FamiliarError("a prompt of the comparison is too long for the model")
        start = sum(label < 0 for label in encoded.labels)
        with self._weights.adapters.active(self._adapter), torch.inference_mode():
            ids = torch.tensor([encoded.input_ids], device=self._weights.model.device)
            logits = self._weights.model(input_ids=ids).logits[0, start - 1 : -1]
        return tuple(int(token) for token in logits.argmax(-1))


def _has_vocabulary(gguf: Path) -> bool:
    """Whether bare llama.cpp can serve the file: its server ends the process over one that was converted here."""
    from gguf import GGUFReader

    kind = GGUFReader(gguf).get_field("tokenizer.ggml.model")
    return kind is not None and kind.contents() != "no_vocab"


def _bare(gguf: Path, *, threads: int, context: int) -> Any:
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = str(gguf)
    params.n_ctx = context
    params.n_parallel = 1
    params.verbosity = -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    return Server(params)


def _bare_decode(bare: Any, ids: Sequence[int], tokens: int) -> float:
    """Tokens a second; the first comes out of the prompt, and its time is the prompt's."""
    timings = _timings(bare, ids, tokens)
    return float((timings["predicted_n"] - 1) / timings["predicted_ms"] * 1e3)


def _bare_prefill(bare: Any, ids: Sequence[int]) -> float:
    timings = _timings(bare, ids, 1)
    return float(timings["prompt_n"] / timings["prompt_ms"] * 1e3)


def _timings(bare: Any, ids: Sequence[int], tokens: int) -> Any:
    request = {"prompt": list(ids), "n_predict": tokens, "temperature": 0, "cache_prompt": False, "ignore_eos": True}
    answer = bare.handle_completions(request)
    if "timings" not in answer:
        raise FamiliarError("bare llama.cpp did not answer the benchmark's prompt")
    return answer["timings"]


def _decode_speed(reply: Generated) -> float:
    return (reply.reply_tokens - 1) / (reply.total_s - reply.first_token_s)
