"""A function in a process of its own."""

from __future__ import annotations

import os

import pytest

from bot.bench.child import in_child
from memory.errors import FamiliarError


def test_a_result_comes_back_from_another_process() -> None:
    """Not from this one."""
    assert in_child(os.getpid) != os.getpid()


def test_a_process_that_ends_is_an_error() -> None:
    """As where the system takes its memory back."""
    with pytest.raises(FamiliarError, match="was ended from outside or crashed"):
        in_child(os._exit, 9)
