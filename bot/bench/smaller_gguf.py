"""Variants of a model that llama.cpp computes from a GGUF file: the one that is served, or converted in a precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from bot.bench.made_prompts import STORY, long_message
from bot.bench.smaller_replies import Scores, Smaller, Speeds
from bot.engines.base import Generation
from bot.engines.llama_cpp.conversion import Precision, convert_folder
from bot.engines.llama_cpp.engine import LlamaOptions, open_gguf
from bot.engines.llama_cpp.library import find_library
from bot.engines.token_engine import TokenEngine
from memory.errors import UsageError
from memory.records import Message


@dataclass(frozen=True)
class LlamaVariant:
    """An engine over one file."""

    engine: TokenEngine
    file: Path
    scored: int | None = None

    @property
    def megabytes(self) -> float:
        """Of the file."""
        return self.file.stat().st_size / 1e6

    def speeds(self, task: Smaller) -> Speeds:
        """Tokens a second, the best of the rounds."""
        prefill = decode = first = 0.0
        for number in range(task.rounds + 1):
            messages = (long_message(self.engine.count_tokens, number, task.prompt), STORY)
            said = self.engine.generate(Generation(messages, max_tokens=task.tokens), on_text=_drop)
            if number:
                prefill = max(prefill, said.prompt_tokens / said.first_token_s)
                decode = max(decode, (said.reply_tokens - 1) / (said.total_s - said.first_token_s))
            else:
                first = said.total_s
        return Speeds(prefill, decode, first)

    def scores(self, messages: Sequence[Message], reply: str) -> Scores:
        """What it makes of a given reply.

        :raises FamiliarError: the two don't fit its context
        """
        likeliest = self.engine.greedy_tokens(messages, reply, None)
        return Scores(likeliest, self.engine.log_likelihood(messages, reply, None).nats)


def open_llama(name: str, task: Smaller) -> LlamaVariant:
    """ "gguf-served", or "gguf-" and the precision of a conversion.

    :raises UsageError: xllamacpp is not installed, or no GGUF file is served for the model
    :raises FamiliarError: the model can't be converted
    """
    find_library()
    precision = name.removeprefix("gguf-")
    if precision == "served":
        if task.served is None:
            raise UsageError("no GGUF file is served for this model")
        file = task.served
    else:
        file = task.work / f"{precision}.gguf"
        convert_folder(task.folder, file, precision=cast("Precision", precision), base_sha256="")
    options = LlamaOptions(threads=task.threads, context_tokens=4096)
    engine = open_gguf(file, task.folder, model=task.folder.name, options=options)
    return LlamaVariant(engine, file)


def _drop(_piece: str) -> None:
    pass
