"""The unit costs of a message on this machine, each of the real code on a home that is made for it and thrown away."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bot.assistant import Assistant, Voice
from bot.bench.made_memory import DIMENSIONS
from bot.bench.scale import KEY, ScaleConfig, fill, search
from bot.bench.scaling import Costs, Workload
from bot.bench.writing import seconds_of_write
from bot.config import ChatConfig, ModelConfig
from bot.engines.base import AdapterFiles, Engine, Generated, Generation
from memory.config import SearchConfig
from memory.embedding import Embedder
from memory.index import Indexes
from memory.records import Message
from memory.search import Searcher
from memory.store import Store
from memory.turns import open_conversation

SIZES = (1_000, 10_000, 100_000)
"""Chunks of the memories that are searched."""
_RANK = 16
_RUNS = 4
_SENTENCE = "The cabin stands by the lake, and the boat is kept in the shed behind it. "
_ASKED = "Write a very long story about a lighthouse, with as many people and places as you can."


@dataclass(frozen=True)
class Measured:
    """What is measured on, and how much."""

    embedder: Embedder
    engine: Engine
    make_adapter: Callable[[Path, int], AdapterFiles]
    """Writes an adapter of the engine's model into a folder, by a seed."""
    workload: Workload = field(default_factory=Workload)
    sizes: Sequence[int] = SIZES
    writes: int = 200
    writers: int = 4
    turns: int = 20


def measure_costs(on: Measured, *, note: Callable[[str], None] = lambda _: None) -> Costs:
    """All costs; with a model of this machine's size it takes minutes.

    :raises FamiliarError: a model can't be loaded
    """
    with tempfile.TemporaryDirectory(prefix="familiar-bench-") as name:
        folder = Path(name)
        searched, chunk_bytes = [], 0.0
        for size in on.sizes:
            note(f"searching in {size} passages")
            seconds, chunk_bytes = _searched(folder / f"memory-{size}", size)
            searched.append((size, seconds))
        note("storing turns")
        alone = seconds_of_write(folder / "alone", on.writes, writers=1)
        together = seconds_of_write(folder / "together", on.writes, writers=on.writers)
        note("turns without a language model")
        turn_s = _turn_seconds(folder / f"memory-{on.sizes[0]}", on)
        note("the language model")
        prefill_s, decode_s = _token_seconds(on.engine, on.workload)
        load_s, switch_s, size = _adapter_seconds(folder / "adapters", on)
    cores = os.cpu_count() or 1
    parts = (tuple(searched), alone, together, chunk_bytes, prefill_s, decode_s, load_s, switch_s, size)
    return Costs(cores, turn_s, *parts)


def _searched(home: Path, size: int) -> tuple[float, float]:
    """Median seconds of a search, and bytes of a passage on disk."""
    config = ScaleConfig(size)
    fill(home, config)
    done = search(home, config)
    held = sum(file.stat().st_size for file in home.rglob("*") if file.is_file())
    return float(np.median(done.whole)), held / size


class _AtOnce:
    """A language model that costs nothing, so that what is left is the rest of a turn."""

    name = model = "none"
    context_tokens = 4096

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Words."""
        return sum(len(message.content.split()) for message in messages)

    def generate(
        self, request: Generation, *, on_text: Callable[[str], None], cancel: threading.Event | None = None
    ) -> Generated:
        """The same short reply always."""
        del request, cancel
        on_text("It is in the shed [1].")
        return Generated("It is in the shed [1].", "end", 1, 0, 7, 0.0, 0.0)

    def close(self) -> None:
        """Nothing is held."""


class _Nobody:
    def live(self, user_id: int) -> AdapterFiles | None:
        del user_id
        return None


class _Keyed:
    """The home's embedder, under the name of the one that made the memory, and as wide as that."""

    key, dimensions = KEY, DIMENSIONS

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.max_tokens = embedder.max_tokens
        self.count_tokens = embedder.count_tokens

    def embed_passages(self, texts: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """Vectors (n, d)."""
        return np.resize(self._embedder.embed_passages(texts), (len(texts), DIMENSIONS))

    def embed_query(self, text: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """The vector (d,)."""
        return np.resize(self._embedder.embed_query(text), DIMENSIONS)


def _turn_seconds(home: Path, on: Measured) -> float:
    """Processor seconds of a turn with search, embedding, prompt and storing, all threads together."""
    store, embedder = Store(home / "familiar.db"), _Keyed(on.embedder)
    user = store.users()[0]
    searcher = Searcher(
        store, Indexes(home / "index", store, embedder_key=KEY, dimensions=DIMENSIONS), embedder, SearchConfig()
    )
    voice = Voice(_AtOnce(), _Nobody(), ModelConfig(), trusted=True)
    assistant = Assistant(store, searcher, embedder, voice, chat=ChatConfig())
    conversation = open_conversation(store, user_id=user.id, channel="terminal")
    spent = []
    for number in range(on.turns + 2):  # the first two load and warm up
        start = time.process_time()
        text = f"Please tell me all about the boat in shed {number} of the mill by the lake."
        assistant.turn(text, user=user, conversation_id=conversation)
        spent.append(time.process_time() - start)
    store.close()
    return float(np.mean(spent[2:]))


def _token_seconds(engine: Engine, workload: Workload) -> tuple[float, float]:
    """Seconds of a token of a prompt, and of a reply: the best of some, after one that loads."""
    text = ""
    while engine.count_tokens([Message("system", text)]) < workload.prompt_tokens:
        text += _SENTENCE
    made = []
    for number in range(1 + _RUNS):
        messages = (Message("system", f"Story {number}. {text}"), Message("user", _ASKED))
        made.append(engine.generate(Generation(messages, workload.reply_tokens), on_text=lambda _: None))
    prefill = min(item.first_token_s / item.prompt_tokens for item in made[1:])
    longest = max(item.reply_tokens for item in made[1:])  # one that ends at once says nothing of the speed
    told = [item for item in made[1:] if item.reply_tokens > longest / 2]
    return prefill, min((item.total_s - item.first_token_s) / max(1, item.reply_tokens - 1) for item in told)


def _adapter_seconds(folder: Path, on: Measured) -> tuple[float, float, int]:
    """Seconds by which a first token comes later with a new adapter and with a held one, and bytes of one."""
    adapters = [on.make_adapter(folder / str(number), number) for number in range(3)]
    for adapter in (None, adapters[0]):
        _first_token(on.engine, adapter, 0)
    base = min(_first_token(on.engine, None, number) for number in range(1, 4))
    fresh = [_first_token(on.engine, adapter, 9) for adapter in adapters[1:]]
    held = min(_first_token(on.engine, adapters[1 + number % 2], number) for number in range(4))
    size = sum(file.stat().st_size for file in adapters[0].folder.iterdir())
    return max(0.0, min(fresh) - held), max(0.0, held - base), size


def _first_token(engine: Engine, adapter: AdapterFiles | None, number: int) -> float:
    """Seconds to the first token of a short prompt that no engine has kept."""
    asked = Message("user", f"{time.perf_counter_ns()} {number}")
    return engine.generate(Generation((asked,), 1, adapter), on_text=lambda _: None).first_token_s


def adapter_maker(model: Path, *, rank: int = _RANK) -> Callable[[Path, int], AdapterFiles]:
    """Makes adapters of random weights for the model of a folder, on all linear layers but the output's."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    config = LoraConfig(r=rank, target_modules="all-linear", init_lora_weights=False)
    lora = get_peft_model(AutoModelForCausalLM.from_pretrained(model, local_files_only=True), config)

    def make(folder: Path, seed: int) -> AdapterFiles:
        import torch

        rng = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weights in lora.named_parameters():
                if "lora_" in name:
                    weights.copy_(torch.randn(weights.shape, generator=rng) / 100)
        lora.save_pretrained(str(folder))
        return AdapterFiles(f"bench-{seed}", folder)

    return make
