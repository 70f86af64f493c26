"""Pages of a search: numbered through, never empty, with a way on and back."""

from __future__ import annotations

import pytest

from bot.search_pages import page_buttons, page_of, source_of
from memory.records import Chunk, Found, Hit


def chunk(number: int, *, turn: bool = False, at: str | None = "2026-03-01T10:00:00") -> Chunk:
    """A passage of a document, or of a conversation."""
    return Chunk(
        id=number,
        user_id=1,
        document_id=None if turn else number,
        turn_id=number if turn else None,
        position=0,
        text=f"text\n{number}",
        start=0,
        end=6,
        page=3,
        section=None,
        speaker=None,
        at=at,
        external_ids=(),
        source=f"/home/a/{number}.md",
        title="T",
    )


def found(count: int, *, answerable: bool = True) -> Found:
    """So many hits."""
    return Found(tuple(Hit(chunk(n), 1.0) for n in range(1, count + 1)), 0.5, answerable)


@pytest.mark.parametrize(
    ("count", "number", "shown", "buttons"),
    [
        (5, 0, "1–5 of 5", []),
        (12, 0, "1–5 of 12", ["page:1"]),
        (12, 1, "6–10 of 12", ["page:0", "page:2"]),
        (12, 2, "11–12 of 12", ["page:1"]),
        (6, 9, "6–6 of 6", ["page:0"]),
    ],
)
def test_a_page_says_which_it_is(count: int, number: int, shown: str, buttons: list[str]) -> None:
    """The last one where fewer are found than before."""
    page = page_of(found(count), "x", number=number, language="en")
    assert shown in page.text
    assert [data for line in page_buttons(page, language="en") for _, data in line] == buttons


def test_a_hit_has_source_and_date_and_its_beginning() -> None:
    """On one line; what is likely to be no answer is said to be so."""
    page = page_of(found(1, answerable=False), "x", number=0, language="en")
    assert "1. 1.md, page 3 (2026-03-01)\ntext 1" in page.text
    assert page.text.endswith("(None of it is likely to be an answer.)")
    assert source_of(chunk(1, turn=True), language="en") == "conversation on 2026-03-01"
    assert source_of(chunk(1, at=None), language="zh").startswith("1.md")
