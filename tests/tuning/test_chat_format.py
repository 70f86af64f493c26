"""What a model is trained on is what it is given: worked out by hand for a real template and for difficult ones."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from memory.errors import FamiliarError
from memory.records import Message
from tests.tuning import tokenizers as templates
from tuning.chat_format import (
    IGNORED,
    encode_example,
    end_of_turn,
    merge_turns,
    opens_reasoning,
    render,
    render_text,
    stop_ids,
    template_sha256,
)

SYSTEM, HELLO, HI, AGAIN = (
    Message("system", "Be brief."),
    Message("user", "Hello"),
    Message("assistant", "Hi."),
    Message("user", "Again"),
)
ALL = [templates.GEMMA, templates.SILENT, templates.SWITCH, templates.ALWAYS, templates.TWO_ENDS, templates.BARE]


def shown(tokenizer: Any, messages: list[Message]) -> str:
    """The rendered prompt, from its tokens."""
    return str(tokenizer.decode(render(tokenizer, messages)))


def test_turns_of_one_role_are_joined() -> None:
    """Two user messages in a row become one, in order."""
    assert merge_turns([HELLO, AGAIN, HI]) == [Message("user", "Hello\nAgain"), HI]


def test_a_refused_system_message_opens_the_first_user_message() -> None:
    """A template that raises on a system role still gets what the system message says."""
    tokenizer = templates.tokenizer(templates.GEMMA)
    assert shown(tokenizer, [SYSTEM, HELLO]) == "<bos><start>user\nBe brief.\nHello<end>\n<start>model\n"


def test_a_silently_dropped_system_message_is_kept() -> None:
    """A template that leaves system messages out gets it as part of the user's."""
    tokenizer = templates.tokenizer(templates.SILENT)
    assert shown(tokenizer, [SYSTEM, HELLO]) == "[user]Be brief.\nHello<eos>[assistant]"


def test_a_template_that_must_alternate_gets_joined_turns() -> None:
    """Neighbouring user messages, and a reply that no user message came before, are made acceptable."""
    tokenizer = templates.tokenizer(templates.GEMMA)
    joined = "<bos><start>user\nHello\nAgain<end>\n<start>model\n"
    assert shown(tokenizer, [HELLO, AGAIN]) == joined
    assert shown(tokenizer, [HI, HELLO, AGAIN]) == joined
    assert shown(tokenizer, [SYSTEM, HI, AGAIN]) == (
        "<bos><start>user\nBe brief.<end>\n<start>model\nHi.<end>\n<start>user\nAgain<end>\n<start>model\n"
    )


def test_a_template_that_takes_a_reply_first_keeps_it() -> None:
    """Nothing is dropped where the template has no rule against it."""
    tokenizer = templates.tokenizer(templates.SWITCH)
    assert "Hi." in shown(tokenizer, [HI, AGAIN])


def test_a_later_system_message_is_said_by_the_user() -> None:
    """Templates know a system message only at the beginning."""
    tokenizer = templates.tokenizer(templates.SWITCH)
    assert "<start>user\nHello\nBe brief.<end>" in shown(tokenizer, [HELLO, SYSTEM])


@pytest.mark.parametrize("template", ALL)
def test_the_beginning_of_sequence_is_never_doubled(template: str) -> None:
    """The tokenizer would put one before every text; only the template's own is there."""
    tokenizer = templates.tokenizer(template)
    ids = render(tokenizer, [HELLO, HI, AGAIN])
    assert ids.count(tokenizer.bos_token_id) == (1 if "bos_token" in template else 0)


def test_thinking_is_switched_off_where_the_template_can() -> None:
    """The empty reasoning part of such a template is closed, so the reply starts at once."""
    text = render_text(templates.tokenizer(templates.SWITCH), [HELLO])
    assert text.endswith("<think>\n\n</think>\n\n")
    assert not opens_reasoning(text)


def test_a_prompt_that_ends_in_reasoning_is_recognised() -> None:
    """A template that always opens a reasoning part leaves it open at the end of the prompt."""
    assert opens_reasoning(render_text(templates.tokenizer(templates.ALWAYS), [HELLO]))


@pytest.mark.parametrize(
    ("template", "end"),
    [
        (templates.GEMMA, "<end>"),
        (templates.SILENT, "<eos>"),
        (templates.TWO_ENDS, "<end>"),
        (templates.BARE, "<eos>"),
    ],
)
def test_the_end_of_turn_is_what_the_template_writes_after_a_reply(template: str, end: str) -> None:
    """Not the token after it, and the end of sequence only where the template writes nothing."""
    tokenizer = templates.tokenizer(template)
    assert end_of_turn(tokenizer) == tokenizer.convert_tokens_to_ids(end)


def test_everything_that_ends_a_reply_stops_it() -> None:
    """Template, tokenizer and generation settings may name different tokens; each counts."""
    tokenizer = templates.tokenizer(templates.GEMMA)
    end, eos = tokenizer.convert_tokens_to_ids(["<end>", "<eos>"])
    assert stop_ids(tokenizer, SimpleNamespace(eos_token_id=None)) == {end, eos}
    assert stop_ids(tokenizer, SimpleNamespace(eos_token_id=[7, 8])) == {end, eos, 7, 8}
    assert stop_ids(tokenizer, SimpleNamespace(eos_token_id=7)) == {end, eos, 7}


@pytest.mark.parametrize("template", [t for t in ALL if t is not templates.ALWAYS])
def test_only_the_reply_and_its_end_are_learned(template: str) -> None:
    """The prompt's ids are those of serving, all ignored; the labels spell the reply and the end of turn."""
    tokenizer = templates.tokenizer(template)
    example = encode_example(tokenizer, [SYSTEM, HELLO, HI, AGAIN], " Yes. ", max_tokens=200)
    assert example is not None
    prompt = render(tokenizer, [SYSTEM, HELLO, HI, AGAIN])
    assert list(example.input_ids[: len(prompt)]) == prompt
    assert set(example.labels[: len(prompt)]) == {IGNORED}
    assert example.labels[len(prompt) :] == example.input_ids[len(prompt) :]
    assert tokenizer.decode(example.labels[len(prompt) : -1]) == "Yes."
    assert example.labels[-1] == end_of_turn(tokenizer)


def test_a_reply_after_an_opened_reasoning_part_closes_it() -> None:
    """Else the adapter would learn to reply where nobody sees it."""
    tokenizer = templates.tokenizer(templates.ALWAYS)
    example = encode_example(tokenizer, [HELLO], "Yes.", max_tokens=200)
    assert example is not None
    assert tokenizer.decode([t for t in example.labels if t != IGNORED]) == "\n</think>\n\nYes.<end>"


def test_a_long_prompt_loses_its_oldest_messages_first() -> None:
    """The system message and the last one stay whole as long as that is enough."""
    tokenizer = templates.tokenizer(templates.SWITCH)
    whole = len(render(tokenizer, [SYSTEM, HELLO, HI, AGAIN]))
    example = encode_example(tokenizer, [SYSTEM, HELLO, HI, AGAIN], "Yes.", max_tokens=whole + 4)
    assert example is not None
    expected = render(tokenizer, [SYSTEM, HI, AGAIN])
    assert list(example.input_ids[: len(expected)]) == expected
    assert len(example.input_ids) == len(expected) + 5


def test_a_long_last_message_loses_its_beginning() -> None:
    """What stands nearest to the reply stays, and the example uses all the room there is."""
    tokenizer = templates.tokenizer(templates.SWITCH)
    long = Message("user", "0123456789" * 20)
    example = encode_example(tokenizer, [SYSTEM, long], "Yes.", max_tokens=120)
    assert example is not None
    assert len(example.input_ids) == 120
    text = tokenizer.decode(example.input_ids)
    assert "Be brief." in text
    assert "123456789<end>" in text
    assert long.content not in text


def test_a_reply_is_never_cut() -> None:
    """Where it doesn't fit, or there is none, no example comes of it."""
    tokenizer = templates.tokenizer(templates.SWITCH)
    assert encode_example(tokenizer, [HELLO], "x" * 50, max_tokens=50) is None
    assert encode_example(tokenizer, [HELLO], "x" * 50, max_tokens=60) is None
    assert encode_example(tokenizer, [HELLO], "  ", max_tokens=60) is None


def test_a_model_without_a_chat_template_is_named() -> None:
    """A base model can't be talked with, and the message says what is needed."""
    with pytest.raises(FamiliarError, match="no chat template"):
        render(templates.tokenizer(None), [HELLO])


def test_a_template_that_refuses_everything_is_named() -> None:
    """Its own reason is passed on."""
    tokenizer = templates.tokenizer("{{ raise_exception('not today') }}")
    with pytest.raises(FamiliarError, match="not today"):
        render(tokenizer, [HELLO])


def test_another_template_has_another_identity() -> None:
    """An adapter can be held to the template it was trained with."""
    one, two = templates.tokenizer(templates.GEMMA), templates.tokenizer(templates.SWITCH)
    assert template_sha256(one) == template_sha256(templates.tokenizer(templates.GEMMA)) != template_sha256(two)


@pytest.mark.model
def test_the_mask_of_a_real_model(smollm2: Path) -> None:
    """SmolLM2's template written out by hand: its ids, the mask and the end of turn."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    prompt = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
    # <|im_start|> and <|im_end|> are tokens 1 and 2 of its vocabulary.
    by_hand = [
        *(1, *tokenizer.encode("system\nBe brief."), 2, *tokenizer.encode("\n")),
        *(1, *tokenizer.encode("user\nHello"), 2, *tokenizer.encode("\n")),
        *(1, *tokenizer.encode("assistant\n")),
    ]
    assert render_text(tokenizer, [SYSTEM, HELLO]) == prompt
    assert render(tokenizer, [SYSTEM, HELLO]) == by_hand
    reply = tokenizer.encode("Good day.")
    example = encode_example(tokenizer, [SYSTEM, HELLO], "Good day.", max_tokens=100)
    assert example is not None
    assert list(example.input_ids) == [*by_hand, *reply, 2]
    assert list(example.labels) == [IGNORED] * len(by_hand) + [*reply, 2]
