"""Formulas as Unicode, worked out by hand; prices and prose are none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.telegram.formulas import marked, unicode_of


@pytest.mark.parametrize(
    ("latex", "shown"),
    [
        ("x^2", "x²"),
        ("x_{i+1}", "xᵢ₊₁"),
        (r"\frac{a+b}{2}", "(a+b)/2"),
        (r"\dfrac{1}{2}", "½"),
        (r"x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}", "x = (-b ± √(b² - 4ac))/(2a)"),
        (r"\sqrt{2} \cdot \sqrt[3]{x}", "√2 ⋅ ∛x"),
        (r"\sum_{i=1}^{n} i^2 \leq \alpha", "∑ᵢ₌₁ⁿ i² ≤ α"),
        (r"\lim_{x \to 0} \frac{\sin x}{x} = 1", "lim_(x → 0) (sin x)/x = 1"),
        (r"e^{-x^2}", "e^(-x²)"),
        (r"v \in \mathbb{R}^n", "v ∈ ℝⁿ"),
        (r"\text{if } x \neq 0", "if x ≠ 0"),
        (r"\begin{cases} x & x > 0 \\ -x & x \le 0 \end{cases}", "⎧ x, x > 0\n⎩ -x, x ≤ 0"),
        (r"5\%", "5%"),
        (r"\{1, 2\}", "{1, 2}"),
    ],
)
def test_latex_becomes_unicode(latex: str, shown: str) -> None:
    """Indices, fractions, roots, sums, Greek, sets, words and cases."""
    assert unicode_of(latex) == shown


def test_nested_roots_fill_no_memory() -> None:
    """Two within each other are read, three hundred are left as written."""
    assert unicode_of(r"\sqrt{a + \sqrt{b}}") == "√(a + √b)"
    assert unicode_of(r"\sqrt{" * 300 + "x" + "}" * 300) is None


@pytest.mark.parametrize("latex", [r"\ce{H2O}", r"{n \choose k}", r"\color{red} x", r"\frac{", "a & b"])
def test_what_is_not_known_is_not_converted(latex: str) -> None:
    """A command left over, or a word that would be lost."""
    assert unicode_of(latex) is None


@pytest.mark.parametrize(
    "text",
    [
        "$5 and $10",
        "it costs $5, not 6$",
        "between $5 and $10 (or 20$)",
        "US$5-$6 or $5/$6",
        "cheap $$ to dear $$$",
        "$HOME/bin:$PATH and $snake_case with $other_name",
        r"escaped \$x$ and \[1\] and \(foo\) and \\(x\\)",
        "`$x$` and\n\n    $y$\n\n```\n$$z$$",
        "$$\n\n$$",
    ],
)
def test_prices_prose_and_code_are_no_formulas(text: str) -> None:
    """Nor names of variables in a shell, nor escaped brackets."""
    assert marked(text).formulas == ()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("let $x$ and $f(x) = 2x+1$, $100$", ["x", "f(x) = 2x+1", "100"]),
        ("函数$x^2$的", ["x²"]),
        ("$$\na = b\n$$", ["a = b"]),
        (r"\(\alpha\) and \[ E = mc^2 \]", ["α", "E = mc²"]),
        ("> $$\n> a^2\n> $$", ["a²"]),
        (r"\(a \\ b\)", ["a; b"]),
        ("| $|x|$ | 1 |", ["|x|"]),
    ],
)
def test_formulas_are_found(text: str, shown: list[str]) -> None:
    """Between dollars, brackets and parentheses; within a line, rows are set apart by semicolons."""
    found = marked(text)
    assert [formula.shown for formula in found.formulas] == shown
    assert found.complete(found.text)


def test_a_text_with_marks_of_its_own_is_left_alone() -> None:
    """Characters for private use could be taken for a formula's place."""
    assert marked("\ue0000\ue001 $x^2$").formulas == ()


@given(st.text(alphabet="ab1$\\()[]{}^_ \n`frac", max_size=60))
@settings(max_examples=200, deadline=None)
def test_every_formula_has_its_place(text: str) -> None:
    """And a text whose marks are filled with what was written is the text again."""
    found = marked(text)
    assert found.complete(found.text)
    again = found.text
    for number, formula in enumerate(found.formulas):
        again = again.replace(f"\ue000{number}\ue001", formula.written)
    assert again == text
