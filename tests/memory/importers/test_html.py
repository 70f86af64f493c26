"""Saved pages: the article, whole, without its furniture."""

from __future__ import annotations

import pytest

from memory.importers.html import read_html
from memory.importers.records import Block, ConversionError


def _blocks(page: str) -> list[Block]:
    return list(read_html(page, name="a.html", title="a").blocks)


def test_new_lines_stand_at_block_ends_only() -> None:
    """dify#42349: words of two blocks are not welded, words of one are not torn."""
    page = "<h1>Quarterly Report</h1><p>Revenue rose.</p><p>Hello <b>world</b>!</p>"
    assert _blocks(page) == [Block("Quarterly Report\nRevenue rose.\nHello world!", section="Quarterly Report")]


def test_furniture_goes_and_words_beside_it_stay() -> None:
    """pi-llm-wiki#55: no menu, script or cookie banner in memory, but the text after them and look-alikes are kept."""
    page = (
        "<html><head><title>Bread</title><style>p{}</style></head><body><header>Logo</header><nav>Home</nav>first"
        "<script>track()</script><div class='cookie-banner'>We value</div>second<p class='cookie-recipe'>Bake</p>"
        "<div hidden>secret</div><aside>Ads</aside><footer>2024</footer></body></html>"
    )
    found = read_html(page, name="a.html", title="a")
    assert (found.title, found.blocks) == ("Bread", (Block("first\nsecond\nBake"),))


def test_the_article_is_preferred_and_keeps_its_own_header() -> None:
    """Where one element says it is the matter, the rest of the page is left out."""
    page = "<body><div>Related: tricks</div><article><header><h1>Kiln</h1></header><p>Hot clay.</p></article></body>"
    assert _blocks(page) == [Block("Kiln\nHot clay.", section="Kiln")]


def test_a_page_that_is_all_furniture_is_kept() -> None:
    """Losing a page is worse than keeping its menu."""
    assert _blocks("<body><nav><p>Only this</p></nav></body>") == [Block("Only this")]


def test_lists_tables_and_code_keep_their_form() -> None:
    """Items, cells and the lines of code stay apart."""
    page = "<ul><li>one<li>two</ul><table><tr><th>a<th>b<tr><td>1<td>2</table><pre>x = 1\n  y</pre>"
    assert _blocks(page)[0].text == "- one\n- two\na | b\n1 | 2\nx = 1\n  y"


def test_sections_follow_headings() -> None:
    """Deeper headings nest."""
    assert _blocks("<h1>A</h1><h2>B</h2><p>x</p><h2>C</h2><p>y</p>") == [
        Block("A\nB\nx", section="A > B"),
        Block("C\ny", section="A > C"),
    ]


def test_a_deeply_nested_page_is_read() -> None:
    """Depth is no reason to crash; what the parser gives up on is told."""
    assert "core" in _blocks("<div>" * 1500 + "core")[0].text
    found = read_html("start" + "<div>" * 5000 + "core", name="a.html", title="a")
    assert found.warnings == ("part of it is nested too deeply to be read",)


@pytest.mark.parametrize("page", ["<html></html>", "<html><body><script>app()</script></body></html>"])
def test_a_page_without_text_fails(page: str) -> None:
    """A page that a script would fill is not called imported."""
    with pytest.raises(ConversionError, match="holds no text"):
        _blocks(page)
