"""Dialogue JSONL: one bad line costs one line."""

from __future__ import annotations

import json

import pytest

from memory.importers.dialogue import read_dialogue
from memory.importers.records import ConversionError, ExtractedDocument, Utterance


def _read(*lines: object) -> ExtractedDocument:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return read_dialogue(text, name="a.jsonl", title="a")


def test_rows_are_read_with_their_optional_fields() -> None:
    """Ids, dates, users and roles come through as the source gave them; a row without an id is known by its line."""
    found = _read(
        {"id": "D1:1", "speaker": "Ada", "text": "Hi", "at": "2024-01-02T03:04:05", "user": "u1", "role": "user"},
        {"speaker": "Bo", "text": "Yes", "id": None},
    )
    assert found.utterances == (
        Utterance("D1:1", "Ada", "Hi", "2024-01-02T03:04:05", "u1", "user"),
        Utterance("2", "Bo", "Yes"),
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{oops", "no valid JSON"),
        ("[1]", "no JSON object"),
        ({"speaker": "Ada"}, '"text" is missing'),
        ({"speaker": 3, "text": "x"}, '"speaker" is no text'),
        ({"speaker": " ", "text": "x"}, '"speaker" is empty'),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_read(line: object, reason: str) -> None:
    """The number of the line and what is wrong with it are told."""
    found = _read({"speaker": "Ada", "text": "Hi"}, line, {"speaker": "Bo", "text": "Yes"})
    assert [turn.text for turn in found.utterances] == ["Hi", "Yes"]
    assert found.warnings[0].startswith("line 2: ")
    assert reason in found.warnings[0]


def test_a_bad_date_is_left_out() -> None:
    """The row stays, since its words are true all the same."""
    found = _read({"speaker": "Ada", "text": "Hi", "at": "yesterday"})
    assert (found.utterances[0].at, len(found.warnings)) == (None, 1)


def test_many_bad_lines_are_counted() -> None:
    """A long list of complaints is cut to a number."""
    found = _read({"speaker": "Ada", "text": "Hi"}, *["x"] * 8)
    assert found.warnings[-1] == "and 3 more lines like these"


@pytest.mark.parametrize("lines", [("x", "y"), ({"speaker": "Ada", "text": " "},)])
def test_a_file_without_rows_fails(lines: tuple[object, ...]) -> None:
    """Where nothing is a row, the file is refused with a reason."""
    with pytest.raises(ConversionError, match=r"a\.jsonl holds no dialogue row"):
        _read(*lines)


def test_half_a_character_is_made_storable() -> None:
    """A lone surrogate, which JSON can spell and UTF-8 can't, does not break the database later."""
    found = _read('{"speaker": "Ada", "text": "a\\ud83d b"}')
    assert found.utterances[0].text == "a\ufffd b"
