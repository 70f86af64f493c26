"""Measurements are kept by their keys, whatever happens to the file, and one process at a time makes them."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from bot.engines.measured import MeasuredFile, turn_s


@pytest.fixture
def numbers(tmp_path: Path) -> MeasuredFile[int]:
    """A file of numbers that is not there yet, nor its folder."""
    return MeasuredFile(tmp_path / "models" / "numbers.json", int)


def test_they_are_kept_and_dropped(numbers: MeasuredFile[int]) -> None:
    """Each by its key, for whoever opens the file next."""
    assert numbers.get("a") is None
    numbers.put("a", 1)
    numbers.put("b", 2)
    numbers.put("a", 3)
    again = MeasuredFile(numbers.path, int)
    assert (again.get("a"), again.get("b")) == (3, 2)
    numbers.drop("a")
    assert (again.get("a"), again.get("b")) == (None, 2)
    assert [file.name for file in numbers.path.parent.iterdir()] == ["numbers.json"]


@pytest.mark.parametrize("text", ["{damaged", "[1]", "", '{"a": null}', '{"a": "x"}', '{"a": 1e999}', "[" * 20_000])
def test_what_is_damaged_is_measured_again(numbers: MeasuredFile[int], text: str) -> None:
    """The file or an entry."""
    numbers.path.parent.mkdir()
    numbers.path.write_text(text, encoding="utf-8")
    assert numbers.get("a") is None
    numbers.put("a", 1)
    assert numbers.get("a") == 1


def test_a_folder_that_can_not_be_written_stops_nobody(tmp_path: Path) -> None:
    """It is measured at each start."""
    (tmp_path / "models").write_text("a file", encoding="utf-8")
    numbers = MeasuredFile(tmp_path / "models" / "numbers.json", int)
    with numbers.lock():
        numbers.put("a", 1)
    assert numbers.get("a") is None


def test_one_measures_at_a_time(numbers: MeasuredFile[int]) -> None:
    """The second finds what the first has measured."""
    found: list[int | None] = []

    def wait() -> None:
        with numbers.lock():
            found.append(numbers.get("a"))

    with numbers.lock():
        second = threading.Thread(target=wait)
        second.start()
        second.join(0.1)
        assert found == []
        numbers.put("a", 1)
    second.join(10)
    assert found == [1]


def test_an_error_while_measuring_is_not_hidden(numbers: MeasuredFile[int]) -> None:
    """And the lock is free again."""
    with pytest.raises(OSError, match="broken"), numbers.lock():
        raise OSError("broken")
    with numbers.lock():
        numbers.put("a", 1)
    assert json.loads(numbers.path.read_text(encoding="utf-8")) == {"a": 1}


def test_a_usual_turn() -> None:
    """400 tokens of a prompt and 100 of a reply."""
    assert turn_s(prompt_tokens_s=200, reply_tokens_s=20) == 7.0
