r"""Formulas in LaTeX as Unicode that can be read: ``$x^2$`` is x², ``\frac{a}{b}`` is a/b; prices stay prices.

A formula is shown converted only where every letter and digit of it is still there and no command is left over; else
it stands literally as it was written. Pure. The rule for ``$`` is pandoc's (tex_math_dollars), and besides there must
be something mathematical between the signs, since assistants write more prices than formulas.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

from bot.telegram.parsing import outside_code

_OPEN, _CLOSE = "\ue000", "\ue001"
_MARK = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_FORMULA = re.compile(
    r"(?<![\\$])\$\$(?P<block>[^$]{1,2000})\$\$(?!\$)"
    r"|(?<!\\)\\\[(?P<square>(?:(?!\\\]).){1,2000})\\\]"
    r"|(?<!\\)\\\((?P<round>(?:(?!\\\)).){1,500})\\\)"
    r"|(?<![\\$A-Za-z0-9])\$(?=[^\s$])(?P<inline>[^$\n]{1,500})(?<![\s\\])\$(?![$A-Za-z0-9])",
    re.DOTALL,
)
_COMMAND = re.compile(r"\\(?:begin|end)\s*\{\w+\*?\}(?:\{[clr|\s]*\})?|\\[A-Za-z]+")
_OPERATOR = re.compile(r"[-+*/=<>≤≥≠≈±×÷|!'(),^_]")
_NAMED = re.compile(r"\\[A-Za-z]")
_INDEXED = re.compile(r"[\w)\]}][_^][\w{(\\+*-]")
_PRICE = re.compile(r"\d[\d.,]*(?:,\s|,?\s+[A-Za-z]{2})")
_UNREAD = re.compile(r"\\[A-Za-z]|(?<!\\)[$&]")
_SPELLINGS = (
    (r"\s+", " "),
    (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
    (r"\\(?:[bB]igg?[lrm]?)(?![A-Za-z])", ""),
    (r"\\gt(?![A-Za-z])", ">"),
    (r"\\lt(?![A-Za-z])", "<"),
    (r"\\(?:limits|left\.|right\.)(?![A-Za-z])", ""),
    (r"\\(?:quad|qquad)(?![A-Za-z])", r"\\ "),
    (r"(?<=\\text)(?:bf|it|sf|normal)(?=\{)", ""),
)
"""Spellings that the converter does not know, and ones that it does for the same."""
_LINED = re.compile(r"\\(?:sqrt|overline|underline|underbar|[bx]?cancel|sout|overbrace|underbrace)(?![A-Za-z])")
_MOST_LINED = 8
"""The converter doubles a text for each of these around it, so that many within each other would fill the memory."""
_ROOT = re.compile("([√∛∜])((?:[^\u0305]\u0305+)+)")
_PRODUCT_BELOW = re.compile(r"(\\frac\s*\{[^{}]*\}|\})\{\s*(\d+[A-Za-z]+|[A-Za-z]{2,})\s*\}")


@dataclass(frozen=True)
class Formula:
    """A formula as written and as it is shown; shown in more than one line it needs a block."""

    written: str
    shown: str


@dataclass(frozen=True)
class Marked:
    """A text with a mark in each formula's place; Markdown's own marks within formulas do no harm any more."""

    text: str
    formulas: tuple[Formula, ...] = ()

    def filled(self, text: str) -> str:
        """A text with the formulas in their marks' places, each in one line."""
        return _MARK.sub(lambda mark: _in_one_line(self.formula(mark).shown), text)

    def formula(self, mark: re.Match[str]) -> Formula:
        """The formula of a mark."""
        return self.formulas[int(mark.group(1))]

    def complete(self, text: str) -> bool:
        """Whether a text holds each mark once."""
        return sorted(int(mark.group(1)) for mark in marks(text)) == list(range(len(self.formulas)))


def marks(text: str) -> list[re.Match[str]]:
    """The marks in a text."""
    return list(_MARK.finditer(text))


def marked(markdown: str) -> Marked:
    """Markdown with its formulas taken out, outside code."""
    if _OPEN in markdown or _CLOSE in markdown:
        return Marked(markdown)
    found: list[Formula] = []

    def mark(match: re.Match[str]) -> str:
        content = next(part for part in match.groups() if part is not None)
        if not _mathematical(content, bracketed=match["square"] is not None or match["round"] is not None):
            return match.group()
        block = match["block"] is not None or match["square"] is not None
        found.append(_formula(match.group(), _unquoted(content), block=block))
        return f"{_OPEN}{len(found) - 1}{_CLOSE}"

    return Marked(outside_code(markdown, lambda text: _FORMULA.sub(mark, text)), tuple(found))


def _unquoted(content: str) -> str:
    return re.sub(r"\n[ \t]*>", "\n", content)


def _mathematical(content: str, *, bracketed: bool) -> bool:
    """Whether it is a formula, by a command, an index, names of one letter or a number; no prose, no price."""
    if not content.strip() or "\n\n" in content or (_PRICE.match(content) and not bracketed):
        return False
    if _NAMED.search(content):
        return True
    words = re.findall(r"[^\W\d_]+", re.sub(r"\{[^{}]*\}", "", content))
    if _INDEXED.search(content):
        return all(len(word) <= 3 for word in words)
    if re.fullmatch(r"[\d.,\s]+", content):
        return not bracketed
    letters = all(len(word) == 1 and word.isascii() for word in words)
    return (letters and bool(words or _OPERATOR.search(content))) or re.fullmatch(r"[A-Za-z]{1,2}", content) is not None


def _formula(written: str, content: str, *, block: bool) -> Formula:
    shown = unicode_of(content)
    if shown is None:
        return Formula(written, written)
    return Formula(written, shown if block else _in_one_line(shown))


def _in_one_line(shown: str) -> str:
    return "; ".join(" ".join(line.split()) for line in shown.split("\n"))


def unicode_of(latex: str) -> str | None:
    r"""LaTeX as Unicode, None where a command is not known or a letter or digit would be lost.

    Lines (``\\``, the rows of a matrix) are lines.
    """
    from telegramify_markdown.latex_escape.helper import LatexToUnicodeHelper

    if len(_LINED.findall(latex)) > _MOST_LINED:
        return None
    text = latex.strip()
    for spelling, known in _SPELLINGS:
        text = re.sub(spelling, known, text)
    text = _PRODUCT_BELOW.sub(r"\1{(\2)}", text)
    shown = str(LatexToUnicodeHelper().convert(text))
    shown = re.sub(r"/\(\(([^()]*)\)\)", r"/(\1)", _ROOT.sub(_root, shown))
    # Rows of a matrix keep the spaces between their columns.
    shown = shown.strip() if "\n" in shown.strip() else " ".join(shown.split())
    lost = _letters(_COMMAND.sub(" ", latex)) - _letters(shown)
    return None if lost or _UNREAD.search(shown) or not shown else shown


def _root(match: re.Match[str]) -> str:
    """A root with brackets: the line over its content, made of combining characters, is drawn badly by phones."""
    content = match[2].replace("\u0305", "")
    return match[1] + (content if len(content) == 1 or content.isdecimal() else f"({content})")


def _letters(text: str) -> Counter[str]:
    plain = unicodedata.normalize("NFKD", text.replace("∛", "3√").replace("∜", "4√"))
    return Counter(char for char in plain if char.isalnum())
