"""The served GGUF file as OpenVINO GenAI reads it: speed by its own pipeline, likelihoods by the graph it saves."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.bench.made_prompts import STORY, long_message
from bot.bench.smaller_replies import Scores, Smaller, Speeds
from bot.engines.weights import load_tokenizer
from memory.errors import FamiliarError, UsageError
from memory.records import Message
from tuning.chat_format import IGNORED, encode_example, render

_CONTEXT = 4096


@dataclass(frozen=True)
class OpenVinoVariant:
    """A pipeline and the graph that it was made from."""

    pipeline: Any
    graph: Path
    request: Any
    """Computes the graph."""
    tokenizer: Any
    scored: int | None = None

    @property
    def megabytes(self) -> float:
        """Of the weights."""
        return self.graph.with_suffix(".bin").stat().st_size / 1e6

    def speeds(self, task: Smaller) -> Speeds:
        """Tokens a second, the best of the rounds."""
        import openvino
        from openvino_genai import GenerationConfig

        wanted = GenerationConfig(max_new_tokens=task.tokens, do_sample=False, ignore_eos=True)
        prefill = decode = first = 0.0
        for number in range(task.rounds + 1):
            message = long_message(lambda said: len(render(self.tokenizer, said)), number, task.prompt)
            ids = render(self.tokenizer, (message, STORY))
            timed = self.pipeline.generate(openvino.Tensor(np.array([ids], np.int64)), wanted).perf_metrics
            read_ms, token_ms = timed.get_ttft().mean, timed.get_tpot().mean
            if number:
                prefill, decode = max(prefill, len(ids) / read_ms * 1e3), max(decode, 1e3 / token_ms)
            else:
                first = timed.get_generate_duration().mean / 1e3
        return Speeds(prefill, decode, first)

    def scores(self, messages: Sequence[Message], reply: str) -> Scores:
        """What it makes of a given reply.

        :raises FamiliarError: the two don't fit its context
        """
        encoded = encode_example(self.tokenizer, messages, reply, max_tokens=_CONTEXT)
        if encoded is None:
            raise FamiliarError(f"a prompt of the comparison is longer than {_CONTEXT} tokens")
        length = encoded.labels.count(IGNORED)
        answer = encoded.input_ids[length:]
        logits = self._logits(encoded.input_ids)[length - 1 : -1].astype(np.float64)
        top = logits.max(-1)
        sums = top + np.log(np.exp(logits - top[:, None]).sum(-1))
        nats = logits[np.arange(len(answer)), list(answer)] - sums
        return Scores(tuple(int(token) for token in logits.argmax(-1)), float(nats.sum()))

    def _logits(self, ids: Sequence[int]) -> NDArray[np.float32]:
        self.request.reset_state()
        found = self.request.infer(
            {
                "input_ids": np.array([ids], np.int64),
                "attention_mask": np.ones((1, len(ids)), np.int64),
                "position_ids": np.arange(len(ids), dtype=np.int64)[None],
                "beam_idx": np.zeros(1, np.int32),
            }
        )
        return np.asarray(found["logits"][0])


def open_openvino(task: Smaller) -> OpenVinoVariant:
    """The file that is served.

    :raises UsageError: OpenVINO GenAI is not installed, or no GGUF file is served for the model
    """
    try:
        import openvino
        from openvino_genai import LLMPipeline
    except ImportError as exc:
        raise UsageError("needs OpenVINO GenAI: pip install openvino-genai") from exc
    if task.served is None:
        raise UsageError("no GGUF file is served for this model")
    # It saves the graph beside the file.
    copy = task.work / "model.gguf"
    shutil.copyfile(task.served, copy)
    threads = {"INFERENCE_NUM_THREADS": task.threads}
    pipeline = LLMPipeline(str(copy), "CPU", {"enable_save_ov_model": True} | threads)
    graph, core = task.work / "openvino_model.xml", openvino.Core()
    request = core.compile_model(core.read_model(graph), "CPU", threads).create_infer_request()
    return OpenVinoVariant(pipeline, graph, request, load_tokenizer(task.folder))
