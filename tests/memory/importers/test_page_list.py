"""Page numbers for messages."""

from __future__ import annotations

from memory.importers.page_list import page_list


def test_page_list() -> None:
    """Runs are written as ranges."""
    assert page_list([3]) == "page 3"
    assert page_list([1, 2, 3, 7, 9, 10]) == "pages 1-3, 7, 9-10"
