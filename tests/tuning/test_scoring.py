"""Likelihoods of many replies from a tree of tokens are those of each sequence by itself."""

from __future__ import annotations

import pytest

from memory.records import Message
from tests.tuning.tiny import tiny_base
from tuning.chat_format import EncodedExample, encode_example
from tuning.measure import label_count, labelled_loss
from tuning.scoring import Scored, _chunks, score, score_replies, tree_of
from tuning.train import Loaded, load


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    return load(tiny_base(tmp_path_factory.mktemp("base")).folder)


def test_tree_takes_a_shared_beginning_once() -> None:
    """[1 2 3] and [1 2 4 5] have five nodes; each sees its ancestors and itself only."""
    tree = tree_of([(1, 2, 3), (1, 2, 4, 5)])
    assert tree.tokens == (1, 2, 3, 4, 5)
    assert tree.parents == (-1, 0, 1, 1, 3)
    assert tree.depths == (0, 1, 2, 2, 3)
    assert tree.paths == ((0, 1, 2), (0, 1, 3, 4))
    assert tree.seen().astype(int).tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 0, 1, 0],
        [1, 1, 0, 1, 1],
    ]


def test_tree_gives_what_separate_passes_give(loaded: Loaded) -> None:
    """Several replies to several questions under one persona, the same reply twice, in the order asked."""
    system = Message("system", "You are Familiar.")
    questions = ("how is day 3?", "how is day 4?", "what is the plan for the week?")
    pairs = [
        ((system, Message("user", question)), reply)
        for question in questions
        for reply in ("day 3 ok!", "day 4 ok!", "day 3 ok!", "no")
    ]
    scored = score_replies(loaded.model, loaded.tokenizer, pairs)
    for (prompt, reply), found in zip(pairs, scored, strict=True):
        alone = encode_example(loaded.tokenizer, prompt, reply, max_tokens=1000)
        assert alone is not None
        assert found.total == pytest.approx(-float(labelled_loss(loaded.model, alone)), rel=1e-4)
        assert len(found.tokens) == label_count(alone)


def test_adapter_with_tokens_of_its_own_is_scored_sequence_by_sequence(
    loaded: Loaded, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Prompt tuning takes no tree: each sequence gets its own pass, with the same figures as `labelled_loss` has where
    its places are counted from the end; without the adapter it is the base."""
    from peft import PromptTuningConfig, get_peft_model

    fresh = load(tiny_base(tmp_path_factory.mktemp("tuned")).folder)
    model = get_peft_model(fresh.model, PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=3)).eval()
    pairs = [((Message("user", "how is day 3?"),), reply) for reply in ("day 3 ok!", "no")]
    tuned = score_replies(model, fresh.tokenizer, pairs)
    with model.disable_adapter():
        off = score_replies(model, fresh.tokenizer, pairs)
    base = score_replies(loaded.model, loaded.tokenizer, pairs)
    assert [item.total for item in off] == pytest.approx([item.total for item in base], rel=1e-4)
    assert all(one.total != other.total for one, other in zip(tuned, base, strict=True))
    assert [item.tokens for item in tuned] == [item.tokens for item in base]


def test_greedy_marks_the_likeliest_tokens(loaded: Loaded) -> None:
    """What the model would write itself is marked throughout; with one token changed, not there."""
    import torch

    ids = list(loaded.tokenizer("how is day 3?", add_special_tokens=False)["input_ids"])
    start = len(ids)
    with torch.inference_mode():
        for _ in range(6):
            ids.append(int(loaded.model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    labels = tuple([-100] * start + ids[start:])
    (own,) = score(loaded.model, [EncodedExample(tuple(ids), labels)])
    assert own.greedy == (True,) * 6
    other = (ids[start] + 1) % len(loaded.tokenizer)
    (changed,) = score(loaded.model, [EncodedExample((*ids[:start], other), (*labels[:start], other))])
    assert changed.greedy == (False,)


def test_mean_leaves_the_end_out() -> None:
    """So that the opening of a reply is not counted as one that ends there."""
    scored = Scored((5, 6, 2), (-1.0, -3.0, -10.0), (True, True, False))
    assert scored.mean == -2.0
    assert scored.total == -14.0


def test_passes_are_bounded_and_lose_nothing() -> None:
    """Sequences that share nothing are dealt out over passes, each within the limit; all are there once."""
    encoded = [EncodedExample(tuple([number] * 300), (1,) * 300) for number in range(7)]
    parts = list(_chunks(range(7), encoded))
    assert [len(part) for part in parts] == [3, 3, 1]
    assert sorted(place for part in parts for place in part) == list(range(7))
