"""JSON of any structure as lines that can be found."""

from __future__ import annotations

import json

import pytest

from memory.importers.convert import convert
from memory.importers.json_values import read_json, read_json_lines
from memory.importers.records import ConversionError


def _lines(value: object) -> list[tuple[str | None, str]]:
    found = read_json(json.dumps(value), name="a.json", title="a")
    return [(block.section, line) for block in found.blocks for line in block.text.split("\n")]


def test_records_are_lines_and_keys_are_paths() -> None:
    """A record of a list is understood alone."""
    value = {"owner": "Ada", "pets": [{"name": "Momo", "tags": ["old", "shy"]}], "home": {"door": {"code": 44}}}
    assert _lines(value) == [
        (None, "owner: Ada"),
        ("pets", "name: Momo; tags: old, shy"),
        ("home", "door: code: 44"),
    ]


def test_numbers_stay_as_written() -> None:
    """No rounding of an account's number, no failure over its length."""
    number = "9" * 5000
    assert read_json(f'{{"a": 1e400, "b": {number}, "c": 1.10}}', name="a", title="a").blocks[0].text == (
        f"a: 1e400\nb: {number}\nc: 1.10"
    )


def test_encoded_files_are_left_out_and_counted() -> None:
    """A picture in base64 would be thousands of passages of nothing."""
    found = read_json(json.dumps({"name": "x", "photo": "QUJD" * 500}), name="a", title="a")
    assert found.blocks[0].text == "name: x"
    assert found.warnings == ("1 encoded value left out",)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_refused(opening: str) -> None:
    """Two hundred thousand levels are a reason, not a crash."""
    closing = "]" if opening == "[" else "}"
    for depth in (100, 200_000):
        with pytest.raises(ConversionError, match="nested too deeply; at most 64 levels"):
            read_json(opening * depth + "1" + closing * depth, name="a.json", title="a")


def test_lines_without_speakers_are_records() -> None:
    """A bad line is named and costs itself; a dialogue stays a dialogue."""
    found = read_json_lines('{"city": "Lyon", "n": 3}\n{bad\n{"city": "Porto"}', name="a.jsonl", title="a")
    assert found.blocks[0].text == "city: Lyon; n: 3\ncity: Porto"
    assert found.warnings[0].startswith("line 2: no valid JSON")
    assert convert(b'{"speaker": "A", "text": "t"}', "a.jsonl").documents[0].format == "dialogue"


def test_a_broken_file_names_the_line() -> None:
    """The message says where."""
    with pytest.raises(ConversionError, match=r"a\.json is no valid JSON: .* in line 2"):
        read_json('{"a": 1,\n"b" 2}', name="a.json", title="a")
