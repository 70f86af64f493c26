"""The article of a saved page: navigation, scripts and cookie banners out, a new line only where a block ends.

Where taking out the furniture leaves nothing, the whole body is kept: losing a page is worse than keeping its menu.
"""

from __future__ import annotations

import re
from typing import Any

from memory.importers.cleaning import clean
from memory.importers.records import Block, ConversionError, ExtractedDocument
from memory.importers.sections import Outline

_SCRIPTS = ("script", "style", "noscript", "template")
_NEVER_TEXT = frozenset(
    ("svg", "math", "canvas", "iframe", "object", "embed", "head", "button", "select", "textarea", "input", "dialog")
)
_FURNITURE = frozenset(("nav", "menu"))
_OUTSIDE_ARTICLE = frozenset(("header", "footer", "aside"))
_ARTICLE = frozenset(("article", "main"))
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_BLOCKS = _HEADINGS | frozenset(
    ("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt")
)
_BLOCKS |= frozenset(("fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li"))
_BLOCKS |= frozenset(("main", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul"))
_BANNER = re.compile(
    r"(cookie|consent|gdpr|ccpa)[-_ ]*(banner|bar|notice|pop-?up|modal|overlay|dialog|law|wall|message|policy|consent"
    r"|settings|container|prompt|layer)|onetrust|cookiebot|(banner|notice|popup|modal)[-_ ]*(cookie|consent|gdpr)",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\n\r\f]+")
_ENOUGH = 0.25
"""Share of the page's text that its article must hold to be taken for the page."""


def read_html(text: str, *, name: str, title: str) -> ExtractedDocument:
    """Blocks by heading.

    :raises ConversionError: the page holds no text
    """
    from lxml import etree, html

    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, ValueError) as exc:
        raise ConversionError(f"{name} holds no text") from exc
    too_deep = any("depth" in entry.message for entry in parser.error_log)
    warnings = ("part of it is nested too deeply to be read",) if too_deep else ()
    etree.strip_elements(root, *_SCRIPTS, with_tail=False)
    blocks = _Reader(strip=True).read(_article(root)) or _Reader(strip=False).read(root)
    if not blocks:
        raise ConversionError(f"{name} holds no text (pages built by scripts have to be saved as text or PDF)")
    heading = clean(" ".join((root.findtext(".//title") or root.findtext(".//h1") or "").split()))
    return ExtractedDocument(
        title=heading or title, format="html", blocks=tuple(blocks), warnings=warnings, at=_published(root)
    )


def _article(root: Any) -> Any:
    """The one element that says it is the page's matter, if it holds enough of it; else the whole page."""
    found = root.xpath("//main | //*[@role='main']") or root.xpath("//article")
    whole = len(root.text_content())
    if len(found) == 1 and len(found[0].text_content()) >= whole * _ENOUGH:
        return found[0]
    return root


def _published(root: Any) -> str | None:
    from datetime import datetime

    found = root.xpath("//meta[@property='article:published_time' or @name='date' or @name='dcterms.date']/@content")
    try:
        return str(found[0]) if found and datetime.fromisoformat(str(found[0])) else None
    except ValueError:
        return None


class _Reader:
    """One walk over a page, in document order and without recursion: pages nest deeper than Python's stack."""

    def __init__(self, *, strip: bool) -> None:
        self._strip = strip
        self._outline = Outline()
        self._blocks: list[Block] = []
        self._lines: list[str] = []
        self._line: list[str] = []
        self._headings = 0
        self._preformatted = 0
        self._articles = 0

    def read(self, root: Any) -> list[Block]:
        """Blocks of what stands below an element."""
        from lxml import etree

        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "start" and self._is_left_out(element):
                walk.skip_subtree()
            if event == "start":
                self._start(element)
            else:
                self._end(element, is_root=element is root)
        self._end_block()
        return self._blocks

    def _is_left_out(self, element: Any) -> bool:
        tag = element.tag
        if tag in _NEVER_TEXT:
            return True
        if not self._strip or tag in ("html", "body"):
            return False
        if element.get("hidden") is not None or _HIDDEN.search(element.get("style") or ""):
            return True
        if element.get("role") in ("navigation", "search"):
            return True
        if tag in _FURNITURE or (tag in _OUTSIDE_ARTICLE and not self._articles):
            return True
        return bool(_BANNER.search(f"{element.get('id') or ''} {element.get('class') or ''}"))

    def _start(self, element: Any) -> None:
        tag = element.tag
        if tag in _BLOCKS or tag == "br":
            self._end_line()
        if self._is_left_out(element):
            return
        self._articles += tag in _ARTICLE
        self._preformatted += tag == "pre"
        if tag == "li":
            self._line.append("- ")
        if tag in ("td", "th") and self._line:
            self._line.append(" | ")
        self._add(element.text)

    def _end(self, element: Any, *, is_root: bool) -> None:
        tag = element.tag
        left_out = self._is_left_out(element)
        if tag in _HEADINGS and not left_out:
            self._heading(int(tag[1]))
        if tag in _BLOCKS:
            self._end_line()
        if not left_out:
            self._articles -= tag in _ARTICLE
            self._preformatted -= tag == "pre"
        if not is_root:
            self._add(element.tail)

    def _add(self, text: str | None) -> None:
        if text:
            self._line.append(text if self._preformatted else _SPACES.sub(" ", text))

    def _heading(self, level: int) -> None:
        words = " ".join("".join(self._line).split())
        self._line = []
        if not words:
            return
        if len(self._lines) > self._headings:
            self._end_block()
        self._outline.enter(level, clean(words))
        self._lines.append(clean(words))
        self._headings += 1

    def _end_line(self) -> None:
        joined = "".join(self._line)
        line = joined.rstrip() if self._preformatted else re.sub(r" {2,}", " ", joined).strip()
        self._line = []
        if line.strip() not in ("", "-", "|"):
            self._lines.append(clean(line))

    def _end_block(self) -> None:
        self._end_line()
        if self._lines:
            self._blocks.append(Block("\n".join(self._lines), section=self._outline.path))
        self._lines, self._headings = [], 0
