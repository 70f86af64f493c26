"""How the library is loaded."""

from __future__ import annotations

import pytest

from bot.engines.llama_cpp.library import waiting_briefly


def test_threads_wait_briefly_while_it_is_loaded() -> None:
    """And whatever is started later finds the environment as it was."""
    environ = {"HOME": "/home/ann"}
    with waiting_briefly(environ):
        assert environ == {"HOME": "/home/ann", "GOMP_SPINCOUNT": "1000"}
    assert environ == {"HOME": "/home/ann"}


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "OMP_WAIT_POLICY"])
def test_somebodys_own_setting_is_kept(name: str) -> None:
    """Of either variable."""
    environ = {name: "5"}
    with waiting_briefly(environ):
        assert environ == {name: "5"}
    assert environ == {name: "5"}
