"""Replies that quote their passages, with guesses from the prompt and without, by each engine that is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bot.bench.engine import ask
from bot.bench.rows import BenchRow
from bot.engines.base import Generated
from bot.engines.llama_cpp.engine import LlamaOptions, open_gguf
from bot.engines.local import open_local
from bot.engines.token_engine import TokenEngine
from bot.engines.weights import LocalOptions
from memory.records import Message
from tuning.precision import DType

_LONGEST = 8
_NOTES = (
    "[1] Cabin: the wifi password at the cabin is blueberry42, and the router stands behind the stove in the kitchen.",
    "[2] Boat: the boat is kept in the shed behind the cabin; the key hangs on the nail by the door, and the oars lie "
    "under the bench.",
    "[3] Aunt Mary comes on 14 July with the 10:40 train and stays for two weeks; she is allergic to nuts.",
)
_QUESTIONS = (
    "What is the wifi password at the cabin, and where is the router?",
    "Where is the boat kept and where do I find key and oars?",
    "When does Aunt Mary come, how long does she stay, and what has to be minded?",
    "Tell me a story about a fox who learns to swim.",
)
"""The last quotes nothing: what wrong guesses cost."""


def bench_lookup(
    folder: Path, gguf: Path | None, *, rounds: int = 2, tokens: int = 60, threads: int = 0, dtype: DType = "auto"
) -> tuple[BenchRow, ...]:
    """Tokens a second of all replies with guesses over those without.

    :param gguf: the same model for llama.cpp; None: only the local engine
    :raises FamiliarError: the model folder is missing or damaged
    """

    def local(longest: int) -> TokenEngine:
        options = LocalOptions(dtype=dtype, threads=threads, lookup_tokens=longest)
        return open_local(folder, model=folder.name, options=options)

    rows = [BenchRow("lookup: local, with guesses over without", _gain(local, rounds, tokens), 1.0, "x")]
    if gguf is not None:
        file = gguf

        def llama(longest: int) -> TokenEngine:
            options = LlamaOptions(threads=threads, lookup_tokens=longest)
            return open_gguf(file, folder, model=folder.name, options=options)

        rows.append(BenchRow("lookup: llama.cpp, with guesses over without", _gain(llama, rounds, tokens), None, "x"))
    return tuple(rows)


def _gain(opened: Callable[[int], TokenEngine], rounds: int, tokens: int) -> float:
    speeds = []
    for longest in (0, _LONGEST):
        engine = opened(longest)
        ask(engine, (Message("user", "warm up"),), 2)
        replies = [min((_reply(engine, text, tokens) for _ in range(rounds)), key=_seconds) for text in _QUESTIONS]
        engine.close()
        speeds.append(sum(reply.reply_tokens - 1 for reply in replies) / sum(map(_seconds, replies)))
    return speeds[1] / speeds[0]


def _reply(engine: TokenEngine, question: str, tokens: int) -> Generated:
    system = Message("system", "Answer from the notes, in their words.")
    return ask(engine, (system, Message("user", "\n".join(_NOTES) + "\n\n" + question)), tokens)


def _seconds(reply: Generated) -> float:
    """After the first token."""
    return reply.total_s - reply.first_token_s
