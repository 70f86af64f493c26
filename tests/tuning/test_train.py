"""Training on a tiny model: the loss is what it says, it falls, and a run that goes wrong says so."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memory.errors import FamiliarError
from memory.records import Message
from tests.tuning.tiny import CONFIG, PERSONA
from tuning.chat_format import IGNORED, encode_example, render, stop_ids, template_sha256
from tuning.dataset import Dialogue, Example, Line, dialogue_examples
from tuning.job import BaseModel, Job, drop_texts, read_job, read_metrics, template_of, write_job
from tuning.measure import count_copied, generate, labelled_loss, reply_limit, shared_beginning
from tuning.probes import PROBES, Probe
from tuning.recipe import rate
from tuning.train import Loaded, attach, fit, load, run_job
from tuning.windows import Window, Windowing


def examples(count: int = 16) -> tuple[Example, ...]:
    lines = []
    for number in range(count):
        lines += [Line("Bo", f"how is day {number}?", f"2026-01-{number + 1:02d}"), Line("Ann", f"day {number} ok!")]
    dialogue = Dialogue(1, "Ann", tuple(lines), "2026-01-02T00:00:00+00:00")
    return tuple(dialogue_examples(dialogue, persona=PERSONA, dropped=Counter()))


def windows(loaded: Loaded, count: int = 16) -> tuple[Window, ...]:
    windowing = Windowing(loaded.tokenizer, max_tokens=CONFIG.max_tokens, max_prompt_tokens=CONFIG.max_prompt_tokens)
    return windowing.windows(examples(count)).windows


def job(base: BaseModel, **changes: Any) -> Job:
    found = examples()
    return Job(base.name, str(base.folder), PERSONA, replace(CONFIG, **changes), found[:12], found[12:])


def quiet(event: dict[str, Any]) -> None:
    del event


def test_labelled_loss_is_the_cross_entropy_of_the_labelled_tokens(loaded: Loaded) -> None:
    """Computing logits at labelled places only gives what transformers computes over the whole sequence."""
    import torch

    encoded = windows(loaded)[0].encoded
    with torch.inference_mode():
        ids, labels = torch.tensor([encoded.input_ids]), torch.tensor([encoded.labels])
        mean = loaded.model(input_ids=ids, labels=labels).loss
        ours = labelled_loss(loaded.model, encoded)
    count = sum(label != IGNORED for label in encoded.labels)
    assert float(ours) / count == pytest.approx(float(mean), rel=1e-4)


def test_shared_pass_has_the_loss_of_separate_passes(loaded: Loaded) -> None:
    """Replies labelled in one window cost exactly what each costs after its own prompt."""
    import torch

    tokenizer, found = loaded.tokenizer, examples(5)
    (window,) = Windowing(tokenizer, max_tokens=1000, max_prompt_tokens=1000).windows(found).windows
    encoded = [encode_example(tokenizer, item.prompt, item.reply, max_tokens=1000) for item in found]
    alone = [item for item in encoded if item is not None]
    with torch.inference_mode():
        separate = sum((float(labelled_loss(loaded.model, item)) for item in alone), 0.0)
        assert float(labelled_loss(loaded.model, window.encoded)) == pytest.approx(separate, rel=1e-4)


def test_only_adapter_weights_are_trained_and_in_float32(loaded: Loaded) -> None:
    """The base stays frozen, its output layer has no adapter, and every linear layer has one."""
    import torch

    model = attach(loaded.model, CONFIG)
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    assert len(trained) == 2 * 2 * 7
    assert all("lora_" in name and "lm_head" not in name for name in trained)
    assert all(weight.dtype == torch.float32 for weight in trained.values())


def test_half_precision_base_gets_float32_adapters(loaded: Loaded) -> None:
    """A bfloat16 base trains without a gradient scaler: its adapters are float32."""
    import torch

    model = attach(loaded.model.to(torch.bfloat16), CONFIG)
    fit(model, windows(loaded)[:1], CONFIG, quiet)
    assert all(weight.dtype == torch.float32 for weight in model.parameters() if weight.requires_grad)


def test_same_seed_gives_the_same_adapter(base: BaseModel) -> None:
    """A tune can be repeated."""
    import torch

    def weights(seed: int) -> Any:
        loaded = load(base.folder)
        model = attach(loaded.model, replace(CONFIG, seed=seed))
        fit(model, windows(loaded), replace(CONFIG, seed=seed), quiet)
        return torch.cat([weight.flatten() for weight in model.parameters() if weight.requires_grad])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_learning_rate_rises_then_falls_and_is_never_zero() -> None:
    """Warm-up over a tenth of the steps, at its peak once, above zero at the end; one step gets the peak."""
    rates = [rate(step, 20) for step in range(1, 21)]
    assert rates[:3] == [0.5, 1.0, pytest.approx(18 / 19)]
    assert max(rates) == 1.0
    assert min(rates) > 0
    assert [rate(step, 1) for step in (1,)] == [1.0]


def test_loss_that_is_no_number_stops_the_run(base: BaseModel) -> None:
    """A learning rate that blows the weights up ends with the setting to change."""
    loaded = load(base.folder)
    config = replace(CONFIG, learning_rate=1e20, epochs=3)
    with pytest.raises(FamiliarError, match=r"the loss is not a number; \[tuning\] learning_rate is 1e\+20"):
        fit(attach(loaded.model, config), windows(loaded), config, quiet)


def test_job_in_a_folder_learns_and_leaves_everything_behind(base: BaseModel, tmp_path: Path) -> None:
    """The held-out loss falls, the output differs from the base, and adapter, metrics and mark are on disk."""
    folder = tmp_path / "job"
    write_job(folder, job(base, epochs=12))
    assert read_job(folder) == job(base, epochs=12)
    events: list[dict[str, Any]] = []
    metrics = run_job(folder, events.append)
    assert metrics == read_metrics(folder)
    assert metrics.measures.adapter_loss < 0.97 * metrics.measures.base_loss
    assert metrics.measures.changed > 0
    assert metrics.measures.not_finite == 0
    assert (metrics.trained, metrics.tested, metrics.too_long) == (12, 4, 0)
    assert [event["phase"] for event in events[:1] + events[-2:]] == ["loading", "checking", "done"]
    drop_texts(folder)
    left = sorted(path.name for path in folder.rglob("*") if path.is_file())
    assert left == ["adapter_config.json", "adapter_model.safetensors", "curves.jsonl", "done", "metrics.json"]
    assert "day 3" not in "".join(path.read_text() for path in folder.rglob("*.json"))


def test_written_adapter_answers_as_the_trained_one_did(base: BaseModel, tmp_path: Path) -> None:
    """Loaded again on a fresh base by peft, it gives the held-out loss that was measured."""
    from peft import PeftModel

    folder = tmp_path / "job"
    write_job(folder, job(base))
    metrics = run_job(folder, quiet)
    fresh = load(base.folder, dtype="auto")
    model = PeftModel.from_pretrained(fresh.model, folder / "adapter").eval()
    windowing = Windowing(fresh.tokenizer, max_tokens=CONFIG.max_tokens, max_prompt_tokens=CONFIG.max_prompt_tokens)
    test = windowing.windows(job(base).test).windows
    from tuning.measure import mean_loss

    assert mean_loss(model, test) == pytest.approx(metrics.measures.adapter_loss, rel=1e-5)


def test_folder_without_a_mark_is_no_result(base: BaseModel, tmp_path: Path) -> None:
    """What a killed process left is not mistaken for an adapter."""
    folder = tmp_path / "job"
    write_job(folder, job(base))
    run_job(folder, quiet)
    (folder / "done").unlink()
    assert read_metrics(folder) is None


def test_examples_that_all_are_too_long_stop_the_run(base: BaseModel, tmp_path: Path) -> None:
    """Nothing to train on is said with the setting that decides it."""
    write_job(tmp_path / "job", job(base, max_tokens=10))
    with pytest.raises(FamiliarError, match=r"\[tuning\] max_tokens = 10"):
        run_job(tmp_path / "job", quiet)


@pytest.mark.parametrize("system", [(), (Message("system", "You are Familiar, who answers in few words. " * 3),)])
def test_batched_generation_writes_what_single_generation_writes(loaded: Loaded, system: tuple[Message, ...]) -> None:
    """Neither padding nor a beginning that is computed once changes a reply, and the order of the prompts is kept."""
    ends = stop_ids(loaded.tokenizer, loaded.model.generation_config)
    model = attach(loaded.model, CONFIG)
    fit(model, windows(loaded), replace(CONFIG, epochs=6), quiet)
    model.eval()
    prompts = [(*system, Message("user", "how is day " + "1" * n + "?")) for n in (9, 1, 30, 4)]
    shared = shared_beginning([render(loaded.tokenizer, prompt) for prompt in prompts])
    assert shared > (40 if system else 0)
    together = generate(model, loaded.tokenizer, prompts, limit=12, ends=ends)
    assert together == [generate(model, loaded.tokenizer, [prompt], limit=12, ends=ends)[0] for prompt in prompts]
    assert len({text for text, _ in together}) > 1


def test_probes_recognise_their_value_and_only_that() -> None:
    """Case and separators of thousands don't matter; a shortened or missing value is not copied."""
    probe = Probe("n", "q", "1240")
    assert probe.copied("It is 1,240 euros.")
    assert not probe.copied("It is 124 euros.")
    for item in PROBES:
        assert item.value in item.note
        assert item.value not in item.question
        assert item.copied(item.note)


def test_random_model_copies_nothing(loaded: Loaded) -> None:
    """The count is of the model's own replies, not of the prompts that hold the values."""
    ends = stop_ids(loaded.tokenizer, loaded.model.generation_config)
    assert count_copied(attach(loaded.model, CONFIG), loaded.tokenizer, persona=PERSONA, ends=ends) == 0


def test_reply_limit_follows_the_longest_reply(loaded: Loaded) -> None:
    """Short repliers get the least limit, long ones twice their length."""
    assert reply_limit(windows(loaded)) == 64


def test_template_identity_needs_no_tokenizer(base: BaseModel, loaded: Loaded, tmp_path: Path) -> None:
    """Read from the folder's files it equals the tokenizer's own, in both places where templates are kept."""
    assert template_of(base.folder) == template_sha256(loaded.tokenizer)
    template = loaded.tokenizer.chat_template
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": template}))
    assert template_of(tmp_path) == template_sha256(loaded.tokenizer)


def test_folder_without_a_model_says_so(tmp_path: Path) -> None:
    """A base that is not there is named."""
    with pytest.raises(FamiliarError, match="can't be loaded as a language model"):
        load(tmp_path)
