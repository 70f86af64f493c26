"""What whole dialogues showed to be read wrong stays read right."""

from __future__ import annotations

from datetime import date

import pytest

from memory.facts.extract import Told, claims_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我的上司是做销售经理的。", [("user's 上司", "job", "销售经理")]),
        ("我同事的老家是江苏南京的。", [("user's 同事", "hometown", "江苏南京")]),
        ("李梓萱的年龄是53岁。", [("李梓萱", "age", "53")]),
        ("保险箱的密码是8812，备用钥匙由老王保管。", [("保险箱", "密码", "8812")]),
        ("妈妈的手机是2025年买的。", []),
        ("前七晚住在青竹客栈，最后两晚住在表舅家。", []),
        ("年会的主要内容是聚餐，抽奖。", [("年会", "主要内容", "聚餐，抽奖")]),
    ],
)
def test_chinese(text: str, expected: list[tuple[str, str, str]]) -> None:
    """Values end where the statement ends; what somebody does is not their name."""
    found = claims_of(Told(text, date(2026, 3, 11)))
    assert [(item.subject, item.attribute, item.value) for item in found] == expected


def test_words_that_lead_to_a_date_go_with_it() -> None:
    """ "About five years ago" leaves no "about"."""
    (found,) = claims_of(Told("I started playing acoustic guitar about five years ago.", date(2023, 6, 1)))
    assert (found.value, found.valid_from) == ("started playing acoustic guitar", "2018")
