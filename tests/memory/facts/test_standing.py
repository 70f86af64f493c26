"""Standing rules are what a user asks for from now on; what is told or asked of "always" is none."""

from __future__ import annotations

import pytest

from memory.facts.standing import Standing, only_rules, standing_of
from memory.records import Profile


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Always answer in Chinese, short.", Standing(language="zh", length="short")),
        ("always in Chinese, short", Standing(language="zh", length="short")),
        ("From now on, be brief.", Standing(length="short")),
        ("Never use bullet points.", Standing(form="prose")),
        ("Can you always reply in English?", Standing(language="en")),
        ("Keep your answers short.", Standing(length="short")),
        ("Answer in Chinese from now on.", Standing(language="zh")),
        ("以后都用中文回答", Standing(language="zh")),
        ("以后请用中文简短回答。", Standing(language="zh", length="short")),
        ("你能以后都用英文回答吗？", Standing(language="en")),
        ("请总是用要点回答。", Standing(form="bullets")),
    ],
)
def test_what_the_profile_holds_is_no_rule_of_its_own(text: str, expected: Standing) -> None:
    """Language, form and length are settings, whichever way they are set."""
    assert standing_of(text) == expected


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("Please always answer in French.", "always answer in French"),
        ("Hi. From now on please use metric units. Thanks!", "From now on please use metric units"),
        ("Don't ever mention my ex again.", "Don't ever mention my ex again"),
        ("Never answer in English.", "Never answer in English"),
        ("以后叫我老王。", "以后叫我老王"),
    ],
)
def test_what_says_more_is_kept_in_the_users_words(text: str, rule: str) -> None:
    """Without the politeness and the rest of the message."""
    assert standing_of(text) == Standing(rules=(rule,))


def test_a_rule_may_do_both() -> None:
    """The profile takes its part, the words keep the rest."""
    found = standing_of("Always answer in detail with bullet points and cite the page.")
    assert (found.form, found.length, len(found.rules)) == ("bullets", "long", 1)


@pytest.mark.parametrize(
    "text",
    [
        "I always answer emails late.",
        "Do you always answer in English?",
        "以后我想去日本",
        "每次我都用中文回答客户",
        "我以后都用中文写日记",
        "Always be careful with knives",
        "Write me a short poem.",
        'She said "always answer in French".',
        "Never say never.",
        "",
        "Always answer " + "x" * 500,
    ],
)
def test_no_rule(text: str) -> None:
    """Statements, questions, quotations, single requests and long texts lay nothing down."""
    assert standing_of(text) == Standing()


def test_applied() -> None:
    """What a rule leaves open stays as it was set."""
    assert Standing(language="zh").applied(Profile("en", "bullets", "long")) == Profile("zh", "bullets", "long")


def test_only_rules() -> None:
    """A message that asks or tells something besides is more than a rule."""
    assert only_rules("以后都用中文简短回答")
    assert only_rules("Always answer in Chinese. Keep your answers short.")
    assert not only_rules("Always answer in Chinese. What is the wifi password?")
    assert not only_rules("I like tea.")
    assert not only_rules("  ")
