"""Learning from preferences on a tiny model: TRL is given our ids and masks; held-out preferences are met better."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memory.errors import FamiliarError
from memory.records import Message
from tests.tuning.tiny import CONFIG, PERSONA
from tuning import preferring
from tuning.chat_format import IGNORED, encode_example
from tuning.methods import Attached, save
from tuning.pairs import Pair, Preferences, Vote
from tuning.preferring import (
    HeldOut,
    PairTokens,
    VoteTokens,
    _Run,
    encode_pair,
    kto_rows,
    outcomes,
    prefer,
    skip_dpo,
    skip_kto,
)
from tuning.recipe import recipe_of
from tuning.train import Loaded, attach

DAY = "2026-01-02T00:00:00+00:00"
LEARNING = replace(
    CONFIG, preference_min_pairs=8, preference_learning_rate=0.02, preference_epochs=3, max_tokens=128, batch_size=4
)


def pair(number: int, *, question: str = "how is day") -> Pair:
    prompt = (Message("system", PERSONA), Message("user", f"{question} {number}?"))
    return Pair(
        f"choice:{number}", "choice", prompt, f"day {number} ok!", f"Day {number} was lovely.", DAY, DAY, "c", ()
    )


def vote(number: int, *, good: bool) -> Vote:
    one = pair(number)
    return Vote(f"vote:{number}", one.prompt, one.chosen if good else one.rejected, good, DAY, DAY, "c", ())


def quiet(event: dict[str, Any]) -> None:
    del event


def test_a_pair_is_what_serving_renders(loaded: Loaded) -> None:
    """Prompt and both replies are the ids of the first stage's encoder, the replies and their ends alone labelled."""
    tokens = encode_pair(loaded.tokenizer, pair(3), max_tokens=128)
    assert tokens is not None
    for encoded, reply in zip(tokens.encoded(), (pair(3).chosen, pair(3).rejected), strict=True):
        assert encoded == encode_example(loaded.tokenizer, pair(3).prompt, reply, max_tokens=128)
    assert loaded.tokenizer.decode(tokens.chosen).startswith("day 3 ok!")


def test_a_long_prompt_is_cut_alike_for_both_replies(loaded: Loaded) -> None:
    """The longer reply leaves less room; both follow the same prompt all the same."""
    long = replace(pair(1, question="so much to say " * 9), rejected="a longer answer " * 4)
    tokens = encode_pair(loaded.tokenizer, long, max_tokens=200)
    assert tokens is not None
    assert len(tokens.prompt) + max(len(tokens.chosen), len(tokens.rejected)) <= 200
    assert encode_pair(loaded.tokenizer, replace(long, rejected="word " * 80), max_tokens=200) is None


def spied(model: Any) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Collects ids and labels of every sequence that the model is given from now on, padding cut off."""
    seen = set()

    def note(_module: Any, _args: Any, given: dict[str, Any]) -> None:
        for ids, labels, used in zip(given["input_ids"], given["labels"], given["attention_mask"], strict=True):
            length = int(used.sum())
            assert set(labels[length:].tolist()) <= {IGNORED}
            seen.add((tuple(ids[:length].tolist()), tuple(labels[:length].tolist())))

    model.register_forward_pre_hook(note, with_kwargs=True)
    return seen


def tokens_of(loaded: Loaded, count: int = 8) -> tuple[list[PairTokens], list[VoteTokens]]:
    preferences = Preferences(
        tuple(pair(number) for number in range(count)),
        tuple(vote(number, good=number % 2 == 0) for number in range(count)),
    )
    pairs, votes = preferring.encode(loaded.tokenizer, preferences, max_tokens=128)
    return list(pairs), list(votes)


def test_dpo_sees_our_ids_and_masks(loaded: Loaded, tmp_path: Path) -> None:
    """What TRL gives the model is what our encoder made, reply and end-of-turn labelled; its copy is gone after."""
    model = attach(loaded.model, CONFIG)
    pairs, _ = tokens_of(loaded)
    seen = spied(model)
    stage = _Run(model, loaded.tokenizer, replace(LEARNING, preference_epochs=1), tmp_path, quiet).dpo(pairs)
    assert seen == {(item.input_ids, item.labels) for pair in pairs for item in pair.encoded()}
    assert (stage.items, stage.steps) == (8, 2)
    assert list(model.peft_config) == ["default"]
    assert list(tmp_path.iterdir()) == []


def test_kto_sees_our_ids_and_masks(loaded: Loaded, tmp_path: Path) -> None:
    """Likewise, and besides only replies after their neighbours' prompts, which make the KL term."""
    model = attach(loaded.model, CONFIG)
    _, votes = tokens_of(loaded)
    seen = spied(model)
    stage = _Run(model, loaded.tokenizer, replace(LEARNING, preference_epochs=1), tmp_path, quiet).kto(votes)
    ours = {(vote.encoded().input_ids, vote.encoded().labels) for vote in votes}
    replies = {vote.reply for vote in votes}
    assert ours <= seen
    assert {tuple(label for label in labels if label != IGNORED) for _, labels in seen} == replies
    assert stage.steps == 2


def test_the_neighbours_reply_makes_the_kl_term(loaded: Loaded) -> None:
    """Each row has the reply before it, the first one the last."""
    _, votes = tokens_of(loaded, 3)
    rows = kto_rows(votes)
    assert [tuple(row["KL_completion_ids"]) for row in rows] == [votes[2].reply, votes[0].reply, votes[1].reply]


def test_first_loss_is_that_of_an_adapter_equal_to_its_reference(loaded: Loaded, tmp_path: Path) -> None:
    """With SFT's adapter as the reference the first margin is 0: DPO's loss is log 2, KTO's one half."""
    model = attach(loaded.model, CONFIG)
    with_noise(model)
    pairs, votes = tokens_of(loaded)
    events: list[dict[str, Any]] = []
    run = _Run(model, loaded.tokenizer, LEARNING, tmp_path, events.append)
    run.dpo(pairs)
    run.kto(votes)
    first = {event["method"]: event["loss"] for event in reversed(events)}
    assert first["dpo"] == pytest.approx(math.log(2), abs=1e-3)
    assert first["kto"] == pytest.approx(0.5, abs=1e-3)


def with_noise(model: Any) -> None:
    """An adapter that changes something, as after a first stage."""
    import torch

    for name, weight in model.named_parameters():
        if "lora_B" in name:
            with torch.no_grad():
                weight.normal_(0, 0.05)


def test_held_out_preferences_are_met_better(loaded: Loaded, tmp_path: Path) -> None:
    """After DPO the chosen replies of held-out pairs gained more; each stage has its figures, the base no reward."""
    model = attach(loaded.model, CONFIG)
    train = Preferences(tuple(pair(number) for number in range(16)))
    test = Preferences(tuple(pair(number) for number in range(16, 22)))
    told: list[dict[str, Any]] = []
    done = prefer(model, loaded.tokenizer, (train, test), LEARNING, folder=tmp_path, tell=told.append)
    assert [item.after for item in done.accuracies] == ["base", "sft", "dpo"]
    base, sft, dpo = done.accuracies
    assert (base.rewarded, base.ranked, sft.rewarded) == (None, None, 0.5)
    assert (dpo.rewarded, dpo.likelier, dpo.pairs) == (1.0, 1.0, 6)
    assert [stage.skipped is None for stage in done.stages] == [True, False]
    assert told[0]["phase"] == "preferring"
    save(Attached(model, recipe_of(CONFIG), {}), tmp_path / "adapter", base_name="tiny")
    assert sorted(path.name for path in (tmp_path / "adapter").iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_single_votes_are_ranked_better(loaded: Loaded, tmp_path: Path) -> None:
    """After KTO held-out good replies gained more than bad ones."""
    model = attach(loaded.model, CONFIG)
    train = Preferences(votes=tuple(vote(number, good=number % 3 > 0) for number in range(18)))
    test = Preferences(votes=tuple(vote(number, good=number % 2 == 0) for number in range(20, 26)))
    done = prefer(model, loaded.tokenizer, (train, test), LEARNING, folder=tmp_path, tell=quiet)
    assert [item.after for item in done.accuracies] == ["base", "sft", "kto"]
    assert done.accuracies[1].ranked == 0.5
    assert (done.accuracies[2].ranked or 0) > 0.9


def test_a_loss_that_is_no_number_ends_it(loaded: Loaded, tmp_path: Path) -> None:
    """With the setting that may help."""
    model = attach(loaded.model, CONFIG)
    hot = replace(LEARNING, preference_learning_rate=1e30, preference_epochs=20)
    parts = (Preferences(tuple(pair(number) for number in range(16))), Preferences())
    with pytest.raises(FamiliarError, match="preference_learning_rate"):
        prefer(model, loaded.tokenizer, parts, hot, folder=tmp_path, tell=quiet)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch, loaded: Loaded) -> None:
    """Too few pairs, one kind of vote, switched off, no TRL: each is a sentence, none an error."""
    pairs, votes = tokens_of(loaded, 24)
    config = replace(CONFIG, preference_min_pairs=20)
    assert skip_dpo(pairs, config) is None
    assert skip_kto(votes, config) is None
    assert skip_dpo(pairs[:19], config) == "19 pairs; DPO needs 20"
    good = [item for item in votes if item.good]
    assert skip_kto(good * 2, config) == "24 good and 0 bad single votes; KTO needs 20, at least 5 of each"
    off = replace(config, preference="off")
    assert skip_dpo(pairs, off) == skip_kto(votes, off) == '[tuning] preference = "off"'
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert "pip install 'familiar-assistant[preference]'" in (skip_dpo(pairs, config) or "")
    assert "familiar-assistant[preference]" in (skip_kto(votes, config) or "")


def test_without_anything_held_out_there_are_no_figures(loaded: Loaded, tmp_path: Path) -> None:
    """Nothing is claimed of nothing."""
    model = attach(loaded.model, CONFIG)
    done = prefer(model, loaded.tokenizer, (Preferences(), Preferences()), LEARNING, folder=tmp_path, tell=quiet)
    assert done.accuracies == ()
    assert [stage.skipped for stage in done.stages] == [
        "0 pairs; DPO needs 8",
        "0 good and 0 bad single votes; KTO needs 8, at least 5 of each",
    ]


def test_ties_count_half() -> None:
    """A pair is met where the chosen reply is likelier per token, however long it is, or gained more over the base."""
    tokens = PairTokens((1,), (1, 2), (1, 2, 3, 4))
    held = HeldOut((tokens,) * 3, (), ((-2.0, -2.0), (-4.0, -8.0), (-4.0, -4.0)), ())
    likelier, rewarded = outcomes(held, [(-2.0, -3.0), (-4.0, -8.0), (-2.0, -6.0)])
    assert likelier == [0.0, 0.5, 1.0]
    assert rewarded == [1.0, 0.5, 1.0]
