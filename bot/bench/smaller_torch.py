"""Variants of a model that transformers computes on the CPU: number formats, quantised layers, compiled code, pruning.

All run the same plain loop over one cache of keys and values, so that only the variant differs.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bot.bench.made_prompts import STORY, long_message, made_prompts
from bot.bench.pruning import hidden_states, least_turning, least_turning_block, leave_out
from bot.bench.smaller_replies import Scores, Smaller, Speeds
from bot.engines.weights import load_tokenizer
from memory.errors import FamiliarError, UsageError, first_line
from memory.records import Message
from tuning.chat_format import IGNORED, encode_example, render
from tuning.precision import best_dtype

_CONTEXT = 4096
_SPARE = 256
"""Places of a static cache beside the timed prompt and reply: a template's own tokens, and the story's question."""
_STEPPED = 4
"""Replies that compiled code is compared on, a token at a time: a whole one would be compiled for its length."""
_CALIBRATION = 160
"""The made prompts from here on show how much each layer turns the hidden state; none of them is compared on."""


@dataclass(frozen=True)
class TorchVariant:
    """A transformers model on the CPU and how its next token is computed."""

    model: Any
    tokenizer: Any
    new_cache: Callable[[], Any]
    """An empty cache of keys and values."""
    read: Callable[..., Any]
    """The model's forward for a prompt."""
    step: Callable[..., Any]
    """The same for one token."""
    scored: int | None = None

    @property
    def megabytes(self) -> float:
        """Of the weights, packed ones included; what two layers share counts once."""
        import torch

        held: dict[int, int] = {}
        for value in _flat(self.model.state_dict().values()):
            if isinstance(value, torch.Tensor):
                place = value.data_ptr() if not value.is_quantized else id(value)
                held[place] = value.numel() * value.element_size()
        return sum(held.values()) / 1e6

    def speeds(self, task: Smaller) -> Speeds:
        """Tokens a second, the best of the rounds."""
        import torch

        prefill = decode = first = 0.0
        for number in range(task.rounds + 1):
            began = time.perf_counter()
            message = long_message(lambda said: len(render(self.tokenizer, said)), number, task.prompt)
            ids = render(self.tokenizer, (message, STORY))
            with torch.inference_mode():
                read_s, wrote_s = self._time(ids, task.tokens)
            if number:
                prefill, decode = max(prefill, len(ids) / read_s), max(decode, (task.tokens - 1) / wrote_s)
            else:
                first = time.perf_counter() - began
        return Speeds(prefill, decode, first)

    def scores(self, messages: Sequence[Message], reply: str) -> Scores:
        """What it makes of a given reply.

        :raises FamiliarError: the two don't fit its context
        """
        import torch

        encoded = encode_example(self.tokenizer, messages, reply, max_tokens=_CONTEXT)
        if encoded is None:
            raise FamiliarError(f"a prompt of the comparison is longer than {_CONTEXT} tokens")
        length = encoded.labels.count(IGNORED)
        answer = encoded.input_ids[length:]
        with torch.inference_mode():
            if self.scored is None:
                logits = self._whole(encoded.input_ids, len(answer))
            else:
                logits = self._stepped(encoded.input_ids[:length], answer)
        chances = torch.log_softmax(logits.float(), -1)
        nats = chances.gather(1, torch.tensor(answer)[:, None]).sum()
        return Scores(tuple(int(token) for token in logits.argmax(-1)), float(nats))

    def replies(self, asked: Sequence[Sequence[Message]], longest: int, stops: Collection[int]) -> list[str]:
        """Greedy replies, written side by side; an empty one where it does not end within so many tokens."""
        import torch

        prompts = [render(self.tokenizer, messages) for messages in asked]
        width, filler = max(map(len, prompts)), min(stops)
        ids = torch.tensor([[filler] * (width - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        with torch.inference_mode():
            rows = self.model.generate(
                input_ids=ids,
                attention_mask=mask,
                max_new_tokens=longest,
                do_sample=False,
                eos_token_id=sorted(stops),
                pad_token_id=filler,
            )
        return [self._ended(row[width:].tolist(), stops) for row in rows]

    def _ended(self, written: Sequence[int], stops: Collection[int]) -> str:
        end = next((place for place, token in enumerate(written) if token in stops), 0)
        return str(self.tokenizer.decode(list(written[:end]), skip_special_tokens=True)).strip()

    def _time(self, ids: Sequence[int], tokens: int) -> tuple[float, float]:
        """Seconds to the first token after a prompt, and from there to the last of ``tokens``."""
        began, cache = time.perf_counter(), self.new_cache()
        token = self._next(self.read, ids, cache)
        first = time.perf_counter()
        for _ in range(tokens - 1):
            token = self._next(self.step, [token], cache)
        return first - began, time.perf_counter() - first

    def _next(self, forward: Callable[..., Any], ids: Sequence[int], cache: Any) -> int:
        return int(self._logits(forward, ids, cache)[-1].argmax())

    def _logits(self, forward: Callable[..., Any], ids: Sequence[int], cache: Any) -> Any:
        import torch

        return forward(input_ids=torch.tensor([list(ids)]), cache=cache, use_cache=True, logits_to_keep=1).logits[0]

    def _whole(self, ids: Sequence[int], places: int) -> Any:
        import torch

        given = torch.tensor([list(ids)])
        return self.model(input_ids=given, use_cache=False, logits_to_keep=places + 1).logits[0, :-1]

    def _stepped(self, prompt: Sequence[int], answer: Sequence[int]) -> Any:
        import torch

        cache = self.new_cache()
        rows = [self._logits(self.read, prompt, cache)[-1]]
        rows += [self._logits(self.step, [token], cache)[-1] for token in answer[:-1]]
        return torch.stack(rows)


def open_torch(name: str, task: Smaller) -> TorchVariant:
    """The variant of that name; see `bot.bench.smaller.VARIANTS`.

    :raises FamiliarError: the model can't be loaded, or this machine lacks what the variant needs
    """
    import torch

    torch.set_num_threads(task.threads)
    tokenizer = load_tokenizer(task.folder)
    if name.startswith("pruned"):
        model = load_model(task.folder, best_dtype("cpu"))
        prune(model, tokenizer, name)
        return _plain(model, tokenizer)
    if name in ("static", "compile", "compile-static"):
        return _computed_otherwise(name, task, tokenizer)
    if name.startswith("bnb"):
        return _plain(_bitsandbytes(name, task), tokenizer)
    if name == "torchao":
        return _plain(_torchao(load_model(task.folder, best_dtype("cpu"))), tokenizer)
    if name == "int8":
        return _plain(_dynamic_int8(load_model(task.folder, "float32")), tokenizer)
    return _plain(load_model(task.folder, name), tokenizer)


def prune(model: Any, tokenizer: Any, name: str) -> None:
    """Leave layers out: "pruned-10" the tenth that turns least, "pruned-block-10" so many neighbours.

    :raises FamiliarError: a model whose layers are not in one list
    """
    prompts = [render(tokenizer, [Message("user", text)]) for text in made_prompts(200)[_CALIBRATION:]]
    states = hidden_states(model, prompts)
    count = max(1, round(int(name.rpartition("-")[2]) / 100 * (len(states) - 1)))
    choose = least_turning_block if "block" in name else least_turning
    leave_out(model, choose(states, count))


def load_model(folder: Path, dtype: str, quantization: Any = None) -> Any:
    """A model on the CPU.

    :param quantization: one of transformers' settings
    :raises FamiliarError: it can't be loaded
    """
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            str(folder),
            dtype=getattr(torch, dtype),
            device_map={"": "cpu"} if quantization else None,
            quantization_config=quantization,
            local_files_only=True,
        )
    except (OSError, ValueError, RuntimeError) as exc:
        raise FamiliarError(f"{folder}: the model can't be loaded: {first_line(exc)}") from exc
    return model.eval()


def _plain(model: Any, tokenizer: Any) -> TorchVariant:
    from transformers import DynamicCache

    return TorchVariant(model, tokenizer, lambda: DynamicCache(config=model.config), model, model)


def _dynamic_int8(model: Any) -> Any:
    """Linear layers with 8-bit weights, and inputs that are rounded as they come."""
    import torch

    with warnings.catch_warnings():
        # It tells that torchao is to take its place.
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8, inplace=True)


def _torchao(model: Any) -> Any:
    """The same by torch's own successor to it, with scales for each token and each output."""
    try:
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_
    except ImportError as exc:
        raise UsageError("needs torchao: pip install torchao") from exc
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    return model


def _bitsandbytes(name: str, task: Smaller) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    if find_spec("bitsandbytes") is None:
        raise UsageError("needs bitsandbytes: pip install 'familiar-assistant[qlora]'")
    # It tells at every layer of every token that bfloat16 becomes float16 in between.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    dtype = best_dtype("cpu")
    if name == "bnb-8bit":
        return load_model(task.folder, dtype, BitsAndBytesConfig(load_in_8bit=True))
    compute = getattr(torch, dtype)
    nf4 = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute)
    return load_model(task.folder, dtype, nf4)


def _computed_otherwise(name: str, task: Smaller, tokenizer: Any) -> TorchVariant:
    """In the format that this machine computes fastest: with a cache of fixed size, compiled, or both.

    A prompt is read by uncompiled code into the fixed cache, as transformers' own generate does.
    """
    import torch

    if name != "static":
        _need_compiler(task)
    model = load_model(task.folder, best_dtype("cpu"))
    plain = _plain(model, tokenizer)
    if name == "compile":
        compiled = torch.compile(model, dynamic=True)
        return TorchVariant(model, tokenizer, plain.new_cache, compiled, compiled, _STEPPED)
    step = torch.compile(model) if name == "compile-static" else model
    return TorchVariant(model, tokenizer, _fixed_cache(model, task), model, step, _STEPPED)


def _fixed_cache(model: Any, task: Smaller) -> Callable[[], Any]:
    from transformers import StaticCache

    cache = StaticCache(config=model.config, max_cache_len=task.prompt + task.tokens + _SPARE)

    def emptied() -> Any:
        # The same tensors each time: compiled code knows them by their addresses.
        cache.reset()
        return cache

    return emptied


def _need_compiler(task: Smaller) -> None:
    wanted = os.environ.get("CXX") or {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    if shutil.which(wanted) is None:
        raise UsageError(f"torch.compile needs a C++ compiler, and there is no {wanted} here; install one, or set CXX")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(task.work / "compiled")


def _flat(values: Any) -> Any:
    """Tensors of packed layers lie in tuples, or in one that only stands for them."""
    for value in values:
        if isinstance(value, tuple | list):
            yield from _flat(value)
        elif hasattr(value, "__tensor_flatten__"):
            yield from _flat(getattr(value, name) for name in value.__tensor_flatten__()[0])
        else:
            yield value
