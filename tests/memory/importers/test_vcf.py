"""Address books of every version and program."""

from __future__ import annotations

import pytest

from memory.importers.convert import convert
from memory.importers.records import ConversionError


def _cards(*cards: str) -> bytes:
    return "\r\n".join(
        line for card in cards for line in ("BEGIN:VCARD", *card.strip().split("\n"), "END:VCARD")
    ).encode()


def _read(*cards: str) -> list[tuple[str | None, str]]:
    (document,) = convert(_cards(*cards), "people.vcf").documents
    assert document.format == "contacts"
    return [(block.section, block.text) for block in document.blocks]


def _only(card: str) -> str:
    ((_, text),) = _read(card)
    return text


def test_a_contact_is_a_block() -> None:
    """Each value under what its owner calls it; the name is the section."""
    card = (
        "VERSION:3.0\nFN:Ada Lovelace\nTEL;TYPE=CELL,VOICE:+44 20\nEMAIL;TYPE=INTERNET;TYPE=WORK:ada@x.org\n"
        "ADR;TYPE=HOME:;;Main St 4;London;;N1;UK\nORG:Engines;Research\nBDAY:18151210\nNOTE:likes\\nmaths\\, poetry"
    )
    assert _read(card) == [
        (
            "Ada Lovelace",
            "Ada Lovelace\nPhone (cell): +44 20\nEmail (work): ada@x.org\nAddress (home): Main St 4, London, N1, UK\n"
            "Organisation: Engines, Research\nBirthday: 1815-12-10\nNote: likes maths, poetry",
        )
    ]


def test_quoted_printable_over_several_lines() -> None:
    """Version 2.1, as phones still write it: soft line ends, no names for types, any charset."""
    card = (
        "VERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E7=8E=8B;=E8=8A=B3;;;\n"
        "NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:Gr=C3=B6=\n=C3=9Fe 4=\n 2\nTEL;CELL;PREF:123"
    )
    assert _only(card) == "芳 王\nNote: Größe 42\nPhone (cell): 123"


@pytest.mark.parametrize(("charset", "coded"), [("GBK", "=CD=F5=B7=BC"), ("ISO-8859-1", "J=F6rg"), ("nonsense", "x")])
def test_the_charset_of_a_value_is_its_own(charset: str, coded: str) -> None:
    """One that is unknown is told by the bytes."""
    name = {"GBK": "王芳", "ISO-8859-1": "Jörg", "nonsense": "x"}[charset]
    assert _only(f"VERSION:2.1\nFN;CHARSET={charset};ENCODING=QUOTED-PRINTABLE:{coded}\nTEL:1") == f"{name}\nPhone: 1"


def test_values_that_apple_labels() -> None:
    """By a group, in brackets where the label is a common one."""
    card = (
        "FN:Ada\nitem1.TEL:1\nitem1.X-ABLabel:_$!<Mobile>!$_\nitem2.URL:https://x.org\nitem2.X-ABLabel:Blog\n"
        "item3.X-ABRELATEDNAMES:Byron\nitem3.X-ABLabel:_$!<Father>!$_"
    )
    assert _only(card) == "Ada\nPhone (mobile): 1\nWebsite (blog): https://x.org\nRelated (father): Byron"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("19851224", "1985-12-24"),
        ("1985-12-24", "1985-12-24"),
        ("1985-12-24T00:00:00Z", "1985-12-24"),
        ("--1224", "12-24 (month and day)"),
        ("--12-24", "12-24 (month and day)"),
        ("1604-12-24", "12-24 (month and day)"),
        ("in winter", "in winter"),
    ],
)
def test_birthdays(written: str, read: str) -> None:
    """With or without a year; Apple's 1604 is none."""
    assert _only(f"FN:Ada\nBDAY:{written}") == f"Ada\nBirthday: {read}"


def test_photos_and_keys_are_left_out() -> None:
    """Folded or not, in any version's way to say that they are encoded."""
    card = (
        "FN:Ada\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ\n SkZJRg\nKEY;ENCODING=BASE64:AAAA\nPHOTO;BASE64:BBBB\n"
        "URL:data:image/png;base64,CCCC\nTEL:1"
    )
    assert _only(card) == "Ada\nPhone: 1"


def test_contacts_without_a_name() -> None:
    """Go by what is known of them; an empty card is none."""
    assert _read("VERSION:3.0\nEMAIL:a@x.org", "VERSION:3.0") == [("a@x.org", "a@x.org\nEmail: a@x.org")]


def test_a_card_that_is_never_closed() -> None:
    """Ends where the next begins."""
    data = b"BEGIN:VCARD\nFN:Ada\nTEL:1\nBEGIN:VCARD\nFN:Ben\nTEL:2"
    (document,) = convert(data, "a.vcf").documents
    assert [block.section for block in document.blocks] == ["Ada", "Ben"]


def test_colons_in_quotes_part_nothing() -> None:
    """A parameter may hold one."""
    assert _only('FN:Ada\nADR;LABEL="Attn: Ada":;;Main St;;;;') == "Ada\nAddress: Main St"


def test_two_values_alike_are_one() -> None:
    """Merged address books repeat them."""
    assert _only("FN:Ada\nTEL:1\nTEL:1") == "Ada\nPhone: 1"


def test_nothing_is_refused() -> None:
    """With a reason."""
    with pytest.raises(ConversionError, match=r"a\.vcf holds no contact"):
        convert(_cards("VERSION:3.0"), "a.vcf")
