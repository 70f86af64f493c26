"""The local engine on real transformers models: small ones made here, and SmolLM2."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.engines.base import AdapterFiles, Generated, Generation
from bot.engines.local import LocalModel, open_local
from bot.engines.prefix import PrefixKey
from bot.engines.token_engine import TokenEngine, chooser
from memory.errors import FamiliarError
from memory.records import Message
from tests.bot.engines.small_models import chain_model, random_adapter, random_model
from tests.tuning.tokenizers import ALWAYS
from tuning.chat_format import end_of_turn, render

HELLO = (Message("user", "Hello"),)
PAST = (Message("system", "Remember this. " * 25), Message("user", "One?"), Message("assistant", "Two."))


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder that several tests read."""
    return random_model(tmp_path_factory.mktemp("model"))


def engine_of(folder: Path) -> TokenEngine:
    """In float32 everywhere, so that a reference on the CPU is comparable."""
    return open_local(folder, model="small", dtype="float32")


def loaded(engine: TokenEngine) -> LocalModel:
    """The model of an engine that has answered."""
    assert isinstance(engine._loaded, LocalModel)
    return engine._loaded


def say(engine: TokenEngine, messages: Sequence[Message] = HELLO, **settings: Any) -> Generated:
    """Generate, checking that pieces and text agree unless a loop was cut."""
    pieces: list[str] = []
    result = engine.generate(Generation(tuple(messages), **({"max_tokens": 40} | settings)), on_text=pieces.append)
    streamed = "".join(pieces)
    assert streamed == result.text or (result.stop == "loop" and streamed.startswith(result.text))
    return result


def greedy_reference(folder: Path, messages: Sequence[Message], tokens: int, adapter: Path | None = None) -> str:
    """What transformers' own generate (with peft's own loading) writes."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    prompt = torch.tensor([render(tokenizer, messages)])
    written = model.generate(
        input_ids=prompt,
        attention_mask=torch.ones_like(prompt),
        max_new_tokens=tokens,
        do_sample=False,
        eos_token_id=[end_of_turn(tokenizer), tokenizer.eos_token_id],
        pad_token_id=0,
    )
    return str(tokenizer.decode(written[0, prompt.shape[1] :], skip_special_tokens=True)).strip()


def test_a_reply_ends_at_the_end_of_turn(tmp_path: Path) -> None:
    """The template's token ends it and is not shown."""
    result = say(engine_of(chain_model(tmp_path, "Sure, dog.")))
    assert (result.text, result.stop, result.reply_tokens) == ("Sure, dog.", "end", 10)


def test_reasoning_is_left_out(tmp_path: Path) -> None:
    """A part that the model opens by itself is neither streamed nor returned."""
    result = say(engine_of(chain_model(tmp_path, "<think>abc</think>Sure.")))
    assert (result.text, result.stop) == ("Sure.", "end")


def test_reasoning_opened_by_the_prompt_is_left_out(tmp_path: Path) -> None:
    """All up to the closing tag; where the budget ends before it, the text is empty."""
    engine = engine_of(chain_model(tmp_path, "abc</think>Sure.", template=ALWAYS))
    assert say(engine).text == "Sure."
    cut = say(engine, max_tokens=3)
    assert (cut.text, cut.stop, cut.reply_tokens) == ("", "length", 3)


def test_a_loop_is_cut(tmp_path: Path) -> None:
    """The reply ends long before its limit and keeps the first copy."""
    result = say(engine_of(chain_model(tmp_path, "Go, walk!G")), max_tokens=1500)
    assert (result.text, result.stop) == ("Go, walk!", "loop")
    assert result.reply_tokens < 250


def test_greedy_replies_are_those_of_transformers(small_model: Path) -> None:
    """Our loop and steps change nothing about what the model says."""
    assert say(engine_of(small_model)).text == greedy_reference(small_model, HELLO, 40)


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.5, "seed": 7}])
def test_sureness_is_the_mean_log_likelihood_of_what_was_written(small_model: Path, settings: dict[str, Any]) -> None:
    """As the model alone gives it in one pass over prompt and reply, whatever the temperature was."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    result = say(engine_of(small_model), max_tokens=12, **settings)
    tokenizer, model = AutoTokenizer.from_pretrained(small_model), AutoModelForCausalLM.from_pretrained(small_model)
    prompt, reply = render(tokenizer, HELLO), tokenizer(result.text, add_special_tokens=False)["input_ids"]
    assert len(reply) == result.reply_tokens, "another reading of the text: take another seed"
    with torch.no_grad():
        scores = model(torch.tensor([[*prompt, *reply]])).logits[0].log_softmax(-1)
    alone = [float(scores[len(prompt) + place - 1, token]) for place, token in enumerate(reply)]
    assert result.stop == "length"
    assert result.mean_logprob == pytest.approx(sum(alone) / len(alone), abs=1e-4)


@pytest.mark.parametrize("settings", [{}, {"temperature": 1.0, "seed": 5}])
def test_a_reply_does_not_depend_on_the_cache(small_model: Path, settings: dict[str, Any]) -> None:
    """With the beginning reused, to the letter what a fresh engine says; what was cached is counted."""
    warm, fresh = engine_of(small_model), engine_of(small_model)
    assert say(warm, [*PAST, Message("user", "Three?")], **settings).cached_tokens == 0
    again = [*PAST, Message("user", "And four?")]
    reused, computed = say(warm, again, **settings), say(fresh, again, **settings)
    assert reused.cached_tokens == 256
    assert computed.cached_tokens == 0
    assert reused.text == computed.text


def test_the_cache_is_exact(small_model: Path) -> None:
    """Keys and values of a reused beginning are bit for bit those of computing it again."""
    import torch

    states = []
    for questions in (["Three?", "And four?"], ["And four?"]):
        engine = engine_of(small_model)
        for question in questions:
            say(engine, [*PAST, Message("user", question)])
        found = loaded(engine).weights.prefixes.take(
            PrefixKey(None, "turn", None), render(engine._tokens(), [*PAST, Message("user", "And four?")])
        )
        assert found is not None
        states.append(found[0])
    for one, other in zip(states[0].layers, states[1].layers, strict=True):
        assert torch.equal(one.keys, other.keys)
        assert torch.equal(one.values, other.values)


def test_adapters_switch_between_generations(small_model: Path, tmp_path: Path) -> None:
    """Each answers as peft alone makes it answer, and the base stays itself in between."""
    engine = engine_of(small_model)
    one = random_adapter(tmp_path / "one", small_model, seed=1)
    two = random_adapter(tmp_path / "two", small_model, seed=2, rank=8)
    expected = {folder: greedy_reference(small_model, PAST[:2], 40, folder) for folder in (one, two, None)}
    assert len(set(expected.values())) == 3
    for folder in (one, None, two, one, None, two, two):
        adapter = AdapterFiles(folder.name, folder) if folder else None
        assert say(engine, PAST[:2], adapter=adapter).text == expected[folder]


def test_the_cache_of_one_adapter_is_not_used_by_another(small_model: Path, tmp_path: Path) -> None:
    """The same prompt under another adapter is computed again; under the same one it is reused."""
    engine = engine_of(small_model)
    adapter = AdapterFiles("one", random_adapter(tmp_path, small_model, seed=1))
    assert say(engine, PAST).cached_tokens == 0
    assert say(engine, PAST, adapter=adapter).cached_tokens == 0
    assert say(engine, PAST, adapter=adapter).cached_tokens > 0
    assert say(engine, PAST).cached_tokens > 0


def test_more_adapters_than_are_held(small_model: Path, tmp_path: Path) -> None:
    """The one that made room is read again when it is wanted."""
    engine = engine_of(small_model)
    adapters = [
        AdapterFiles(f"{seed}", random_adapter(tmp_path / f"{seed}", small_model, seed=seed)) for seed in range(5)
    ]
    first = [say(engine, adapter=adapter).text for adapter in adapters]
    assert [say(engine, adapter=adapter).text for adapter in adapters] == first
    assert say(engine).text == greedy_reference(small_model, HELLO, 40)


def test_an_adapter_of_another_model_is_refused(small_model: Path, tmp_path: Path) -> None:
    """With one line that names the folder; base and good adapters answer as before."""
    engine = engine_of(small_model)
    good = AdapterFiles("good", random_adapter(tmp_path / "good", small_model, seed=1))
    before = (say(engine).text, say(engine, adapter=good).text)
    other = chain_model(tmp_path / "other", "abc")
    bad = AdapterFiles("bad", random_adapter(tmp_path / "bad", other, seed=1))
    with pytest.raises(FamiliarError, match="bad does not hold an adapter of this model") as error:
        say(engine, adapter=bad)
    assert "\n" not in str(error.value)
    assert (say(engine).text, say(engine, adapter=good).text) == before


@pytest.mark.parametrize("change", ["missing", "strange"])
def test_weights_that_find_no_place_are_refused(small_model: Path, tmp_path: Path, change: str) -> None:
    """peft would warn and answer as the base."""
    from safetensors.torch import load_file, save_file

    folder = random_adapter(tmp_path, small_model, seed=1)
    file = folder / "adapter_model.safetensors"
    weights = load_file(file)
    key = next(iter(weights))
    moved = weights.pop(key)
    save_file(weights | ({key.replace("layers.0", "layers.7"): moved} if change == "strange" else {}), file)
    with pytest.raises(FamiliarError, match="does not fit this model"):
        say(engine_of(small_model), adapter=AdapterFiles("one", folder))


@pytest.mark.parametrize("change", [{"bias": "all"}, {"modules_to_save": ["lm_head"]}])
def test_an_adapter_that_changes_the_base_is_refused(
    small_model: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    """It would still be felt in replies that the base gives."""
    folder = random_adapter(tmp_path, small_model, seed=1)
    config = folder / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | change))
    with pytest.raises(FamiliarError, match="plain LoRA"):
        say(engine_of(small_model), adapter=AdapterFiles("one", folder))


@pytest.mark.parametrize("damage", ["absent", "empty", "cut", "config"])
def test_damaged_adapter_files_are_named(small_model: Path, tmp_path: Path, damage: str) -> None:
    """A missing, empty or cut file is an error that names the folder, not a traceback."""
    folder = random_adapter(tmp_path / "adapter", small_model, seed=1)
    file = folder / ("adapter_config.json" if damage == "config" else "adapter_model.safetensors")
    if damage == "absent":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: 0 if damage == "empty" else 100])
    with pytest.raises(FamiliarError, match=str(folder)):
        say(engine_of(small_model), adapter=AdapterFiles("one", folder))


@pytest.mark.parametrize("damage", ["no folder", "no weights", "cut weights", "no tokenizer"])
def test_damaged_model_files_are_named(tmp_path: Path, damage: str) -> None:
    """The folder is in the message."""
    folder = tmp_path / "model"
    if damage != "no folder":
        random_model(folder)
    if damage == "no weights":
        (folder / "model.safetensors").unlink()
    elif damage == "cut weights":
        (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    elif damage == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    with pytest.raises(FamiliarError, match=str(folder)):
        say(engine_of(folder))


def test_a_closed_engine_reads_the_model_again(small_model: Path) -> None:
    """Closing gives back memory and nothing else."""
    engine = engine_of(small_model)
    before = say(engine).text
    engine.close()
    assert engine._loaded is None
    assert say(engine).text == before


@pytest.mark.parametrize("scored", [False, True])
def test_what_failed_within_the_model_is_not_kept(
    small_model: Path, monkeypatch: pytest.MonkeyPatch, scored: bool
) -> None:
    """As when memory ran out in a layer: the next reply is what it would have been."""
    import torch

    def fail(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError

    expected = say(engine_of(small_model), PAST).text
    engine = engine_of(small_model)
    say(engine)
    with monkeypatch.context() as patched:
        patched.setattr(loaded(engine).weights.model.model.layers[1], "forward", fail)
        with pytest.raises(torch.OutOfMemoryError):
            engine.log_likelihood(PAST, "Hello", None) if scored else say(engine, PAST)
    assert say(engine, PAST).text == expected


def test_seeds_differ_and_repeat() -> None:
    """A seed repeats its draws, another seed makes others, and none at zero temperature."""
    import numpy as np

    logits = np.linspace(0, 1, 100, dtype=np.float32)
    draws = [[chooser(temperature=1.0, seed=seed)(logits) for _ in range(1)] for seed in (1, 1, 2, 3, 4, 5)]
    assert draws[0] == draws[1]
    assert len({draw[0] for draw in draws}) > 1
    assert chooser(temperature=0.0, seed=1)(logits) == 99


@pytest.mark.model
def test_smollm2_answers_from_its_prompt(smollm2: Path) -> None:
    """A real model reads a passage, answers from it and stops."""
    result = say(
        open_local(smollm2, model="smollm2-135m"),
        [
            Message("system", "You answer from the given notes."),
            Message("user", "Note: the wifi password at the cabin is blueberry42.\n\nWhat is the wifi password?"),
        ],
        max_tokens=48,
    )
    assert "blueberry42" in result.text
    assert result.stop == "end"


@pytest.mark.model
def test_smollm2_says_the_same_with_a_reused_beginning(smollm2: Path) -> None:
    """Over a long stable beginning, greedy and sampled, and a cancelled turn does no harm to the next."""
    beginning = [Message("system", "You keep notes. " + "The cabin is by the lake. " * 32)]
    warm, fresh = open_local(smollm2, model="smollm2-135m"), open_local(smollm2, model="smollm2-135m")
    cancel = threading.Event()
    warm.generate(
        Generation((*beginning, Message("user", "Tell me about it.")), max_tokens=20),
        on_text=lambda _piece: cancel.set(),
        cancel=cancel,
    )
    for settings in ({}, {"temperature": 0.8, "seed": 1}):
        question = [*beginning, Message("user", "Where is the cabin, and what is it like there?")]
        reused = say(warm, question, max_tokens=12, **settings)
        computed = say(fresh, question, max_tokens=12, **settings)
        assert reused.cached_tokens == 233, "all up to the newest message"
        assert reused.text == computed.text
