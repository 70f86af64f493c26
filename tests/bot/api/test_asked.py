"""What a request means, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from bot.api.asked import Writing, chat_asked
from bot.api.errors import ApiError
from bot.context import Exchange

SAID = [{"role": "user", "content": "Hello"}]


def asked(**fields: Any) -> dict[str, Any]:
    """A body with these fields."""
    return {"model": "familiar", "messages": SAID} | fields


def test_the_newest_message_is_the_turn_and_the_rest_is_history() -> None:
    """System messages are instructions wherever they stand, parts are joined, a greeting before all is left out."""
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "How can I help?"},
        {"role": "user", "content": "One"},
        {"role": "assistant", "content": "Two"},
        {"role": "user", "content": "unanswered"},
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "text", "text": "Three"}, {"type": "text", "text": "Four"}]},
    ]
    found = chat_asked(asked(messages=messages))
    assert found.text == "Three\nFour"
    assert found.instructions == "Be brief.\n\nBe kind."
    assert found.history == (Exchange("One", "Two"), Exchange("unanswered", ""))


def test_how_to_write() -> None:
    """The newer name of the token limit counts, a stop may be one text, and what is left out is named."""
    found = chat_asked(
        asked(max_tokens=9, max_completion_tokens=5, temperature=1, seed=3, stop="\n", top_p=0.5, user="x", n=1)
    )
    assert found.writing == Writing(5, 1.0, 3, ("\n",))
    assert found.ignored == ("top_p", "user")
    assert chat_asked(asked()).writing == Writing()


def test_memory_is_on_but_for_the_model_alone() -> None:
    """Which can be chosen."""
    assert chat_asked(asked()).memory == "on"
    assert chat_asked(asked(memory="read")).memory == "read"
    assert chat_asked(asked(model="familiar-base")).memory == "off"


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"n": 2}, "n", "n must be 1"),
        ({"tools": [{"type": "function"}]}, "tools", "not supported"),
        ({"functions": [{}]}, "functions", "not supported"),
        ({"response_format": {"type": "json_object"}}, "response_format", "only replies in text"),
        ({"logprobs": True}, "logprobs", "not supported"),
        ({"modalities": ["text", "audio"]}, "modalities", "only text"),
        ({"messages": []}, "messages", "at least 1"),
        ({"messages": "Hello"}, "messages", "list"),
        ({"messages": [{"role": "user"}]}, "messages.0.content", "empty"),
        ({"messages": [*SAID, {"role": "assistant", "content": "Hi"}]}, "messages", "must be the user's"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role", "system"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0", "tools"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}, *SAID]}, "messages.0", "tools"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0.content", "pictures"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content", "must have a text"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages.0.content", "must be a text"),
        ({"max_tokens": 0}, "max_tokens", "greater than or equal to 1"),
        ({"temperature": 3}, "temperature", "less than or equal to 2"),
        ({"stop": ["a", ""]}, "stop", "not empty"),
        ({"stop": ["a"] * 17}, "stop", "at most 16"),
        ({"memory": "some"}, "memory", "'on'"),
        ({"conversation": 0}, "conversation", "greater"),
        ({"model": None}, "model", "string"),
    ],
)
def test_what_cannot_be_done_is_named(fields: dict[str, Any], param: str, said: str) -> None:
    """The error says which field, and never what stood in it."""
    with pytest.raises(ApiError) as caught:
        chat_asked(asked(**fields))
    error = caught.value
    assert (error.status, error.param) == (400, param)
    assert said in error.message
    assert error.body()["error"]


def test_fields_that_ask_for_nothing_are_no_error() -> None:
    """Programs that fill in every field are answered."""
    filled = asked(tools=[], tool_choice="none", response_format={"type": "text"}, logprobs=False, n=None, stop=None)
    assert chat_asked(filled).ignored == ("tool_choice",)
    with pytest.raises(ApiError, match="JSON object"):
        chat_asked([1])
