"""The chat template, once for training and for serving, so that a model is trained on exactly what it is later given.

Templates differ in what they accept: some refuse a system message or two user messages in a row, some open a
reasoning part in the prompt, and tokenising an already rendered text adds a second beginning-of-sequence token. All
of that is handled here and nowhere else. A tokenizer is anything with transformers' `apply_chat_template`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from memory.errors import FamiliarError
from memory.records import Message

IGNORED = -100
"""The label that torch's cross entropy leaves out by default."""


@dataclass(frozen=True)
class EncodedExample:
    """Token ids of prompt and reply; ``labels`` are -100 on the prompt: only reply and end-of-turn are learned."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]


def template_sha256(tokenizer: Any) -> str:
    """Identity of the chat template; an adapter answers only under the template it was trained with."""
    return hashlib.sha256(str(tokenizer.chat_template).encode()).hexdigest()


def merge_turns(messages: Sequence[Message]) -> list[Message]:
    """Join neighbouring messages of one role, which many templates refuse."""
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            merged[-1] = Message(message.role, f"{merged[-1].content}\n{message.content}")
        else:
            merged.append(message)
    return merged


def render(tokenizer: Any, messages: Sequence[Message], *, add_generation_prompt: bool = True) -> list[int]:
    """Token ids of the messages as the model's own template writes them, with at most one beginning-of-sequence token.

    :raises FamiliarError: the tokenizer has no chat template, or its template refuses the messages
    """
    return _encode(tokenizer, render_text(tokenizer, messages, add_generation_prompt=add_generation_prompt))


def render_text(tokenizer: Any, messages: Sequence[Message], *, add_generation_prompt: bool = True) -> str:
    """What `render` turns into tokens.

    :raises FamiliarError: as `render`
    """
    if not tokenizer.chat_template:
        raise FamiliarError("the model's tokenizer has no chat template; an instruct model is needed")
    accepted = _accepted(tokenizer, messages)
    try:
        return _apply(tokenizer, accepted, add_generation_prompt=add_generation_prompt)
    except _template_error() as exc:
        roles = ", ".join(message.role for message in accepted)
        raise FamiliarError(f"the model's chat template refuses messages of {roles}: {exc}") from exc


def opens_reasoning(prompt: str) -> bool:
    """Whether the rendered prompt ends inside a reasoning part, so that the model starts by continuing it."""
    return prompt.rfind("<think>") > prompt.rfind("</think>")


def end_of_turn(tokenizer: Any) -> int:
    """The token that the template writes after a reply; where it writes none, the tokenizer's end of sequence.

    :raises FamiliarError: there is neither
    """
    question = Message("user", "Which?")
    ends = [
        render(tokenizer, [question, Message("assistant", reply)], add_generation_prompt=False)
        for reply in ("yes", "42")
    ]
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    for token in _common_end(*ends):
        if token in special:
            return token
    if tokenizer.eos_token_id is None:
        raise FamiliarError("the model's chat template ends a reply with no token, and its tokenizer names none")
    return int(tokenizer.eos_token_id)


def stop_ids(tokenizer: Any, generation_config: Any) -> frozenset[int]:
    """Every token that ends a reply: the template's, the tokenizer's and those that the model's files name."""
    named = getattr(generation_config, "eos_token_id", None)
    ends = named if isinstance(named, (list, tuple)) else [named]
    return frozenset(
        int(token) for token in (*ends, tokenizer.eos_token_id, end_of_turn(tokenizer)) if token is not None
    )


def encode_example(
    tokenizer: Any, prompt_messages: Sequence[Message], reply: str, *, max_tokens: int
) -> EncodedExample | None:
    """One training example whose prompt is exactly what serving renders; only the reply and its end are labelled.

    A prompt that is too long loses its oldest messages (never the system message), then the beginning of its last
    one. After a prompt that opens a reasoning part the reply first closes it, as it must to be seen at all.

    :returns: None when the reply is empty or doesn't fit by itself
    :raises FamiliarError: the template refuses the messages
    """
    stop = end_of_turn(tokenizer)
    closing = "\n</think>\n\n" if opens_reasoning(render_text(tokenizer, prompt_messages)) else ""
    answer = [*_encode(tokenizer, closing + reply.strip()), stop]
    prompt = _fitting_prompt(tokenizer, prompt_messages, max_tokens - len(answer)) if reply.strip() else None
    if prompt is None:
        return None
    labels = [IGNORED] * len(prompt) + answer
    _check(prompt, answer, labels, stop=stop, bos=tokenizer.bos_token_id)
    return EncodedExample(tuple(prompt + answer), tuple(labels))


def _check(prompt: list[int], answer: list[int], labels: list[int], *, stop: int, bos: int | None) -> None:
    """What trainers got wrong for others: a model that never stops, a mask of all or nothing, a doubled beginning."""
    assert labels[-1] == stop, "the end-of-turn token is not learned"
    assert 0 < len(answer) < len(labels), "the reply is all or nothing of the example"
    assert bos is None or prompt[:2] != [bos, bos], "the beginning-of-sequence token is doubled"


def _fitting_prompt(tokenizer: Any, messages: Sequence[Message], room: int) -> list[int] | None:
    system = [message for message in messages[:1] if message.role == "system"]
    rest = list(messages[len(system) :])
    while True:
        ids = render(tokenizer, [*system, *rest])
        if len(ids) <= room:
            return ids
        if len(rest) <= 1:
            break
        rest = rest[1:]
    return _shortened_prompt(tokenizer, system, rest[0], room) if rest else None


def _shortened_prompt(tokenizer: Any, system: list[Message], last: Message, room: int) -> list[int] | None:
    """The prompt with the longest end of the last message that fits, found by bisection."""
    best, low, high = None, 1, len(last.content)
    while low <= high:
        middle = (low + high) // 2
        ids = render(tokenizer, [*system, Message(last.role, last.content[-middle:])])
        if len(ids) <= room:
            best, low = ids, middle + 1
        else:
            high = middle - 1
    return best


def _accepted(tokenizer: Any, messages: Sequence[Message]) -> list[Message]:
    """The messages in a form that the template takes, with nothing said lost where that can be avoided."""
    merged = merge_turns(
        [m if i == 0 or m.role != "system" else Message("user", m.content) for i, m in enumerate(messages)]
    )
    if merged and merged[0].role == "system" and not _takes_system(tokenizer):
        merged = merge_turns([Message("user", merged[0].content), *merged[1:]])
    first = 1 if merged and merged[0].role == "system" else 0
    if len(merged) > first + 1 and merged[first].role == "assistant" and not _takes_reply_first(tokenizer):
        del merged[first]
    return merged


def _takes_system(tokenizer: Any) -> bool:
    """Whether the template writes a system message out; some raise, others drop it in silence."""
    mark = "KEEP-THIS"
    try:
        return mark in _apply(tokenizer, [Message("system", mark), Message("user", "x")], add_generation_prompt=True)
    except _template_error():
        return False


def _takes_reply_first(tokenizer: Any) -> bool:
    try:
        _apply(tokenizer, [Message("assistant", "x"), Message("user", "x")], add_generation_prompt=True)
    except _template_error():
        return False
    return True


def _apply(tokenizer: Any, messages: Sequence[Message], *, add_generation_prompt: bool) -> str:
    rows = [{"role": message.role, "content": message.content} for message in messages]
    thinking = {"enable_thinking": False} if "enable_thinking" in str(tokenizer.chat_template) else {}
    return str(
        tokenizer.apply_chat_template(rows, tokenize=False, add_generation_prompt=add_generation_prompt, **thinking)
    )


def _encode(tokenizer: Any, text: str) -> list[int]:
    # The template has written the beginning-of-sequence token already where the model wants one.
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _common_end(one: list[int], other: list[int]) -> list[int]:
    length = 0
    while length < min(len(one), len(other)) and one[-1 - length] == other[-1 - length]:
        length += 1
    return one[len(one) - length :]


def _template_error() -> type[Exception]:
    from jinja2.exceptions import TemplateError

    return TemplateError
