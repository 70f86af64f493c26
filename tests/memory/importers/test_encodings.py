"""Bytes become text by evidence."""

from __future__ import annotations

import pytest

from memory.importers.encodings import decode, decode_together
from tests.memory.importers.languages import LANGUAGES, Language

_TEXTS = [
    ("gb18030", "你好"),
    ("gb18030", "姓名：㐂𠮷，住在北京的一个小区里面。"),
    ("cp1252", "Grüße aus München, schöne Übung für älteres Gerät"),
    ("big5", "這是一個測試文件，我們在台灣使用繁體中文寫作，希望能夠被正確讀取。"),
    ("shift_jis", "これは日本語のテストです。漢字とかなが混ざっています。"),
    ("euc_jp", "これは日本語のテストです。漢字とかなが混ざっています。"),
    ("euc-kr", "이것은 한국어로 작성된 테스트 문서입니다. 제대로 읽히기를 바랍니다."),
    ("cp1251", "Это проверка кодировки русского текста, который должен читаться правильно."),
    ("utf-16-le", "Date,Clicks\n2024-05-01,7\n"),
    ("utf-16-be", "hello"),
    ("utf-16-le", "记录 2024\n电话：12345\n"),
    ("utf-16", "你好，世界"),
    ("utf-32", "hi 你好"),
    ("utf-8", "plain"),
    ("utf-8-sig", "# Heading"),
]


@pytest.mark.parametrize(("encoding", "text"), _TEXTS)
def test_text_is_read_in_its_encoding(encoding: str, text: str) -> None:
    """open-webui#24973, lobehub#13615, langchain#40440: no mojibake, no NULs between letters, no mark left."""
    assert decode(text.encode(encoding)) == text


def test_letters_beyond_the_first_kilobytes_count() -> None:
    """markitdown#1505: five kilobytes of ASCII say nothing about what follows."""
    text = "a" * 5000 + "é한"
    assert decode(text.encode()) == text


def test_the_charset_of_a_page_is_believed() -> None:
    """A page that is no UTF-8 says what it is."""
    page = '<html><meta charset="windows-1251"><p>Да</p>'
    assert decode(page.encode("cp1251")) == page


def test_a_broken_byte_garbles_nothing_else() -> None:
    """A cut character, or a NUL among the letters, does not change how the rest is read."""
    assert decode("Grüße aus Köln, schöne Übung".encode() + b"\xc3") == "Grüße aus Köln, schöne Übung\ufffd"
    assert decode(b"plain words and a stray\x00 byte") == "plain words and a stray\x00 byte"


@pytest.mark.parametrize("data", [bytes(range(256)) * 10, b"\x00\x01\x02\x03" * 100, b"MZ\x90\x00\x03\x00\x00\x00\x04"])
def test_binary_is_no_text(data: bytes) -> None:
    """No single-byte codec "succeeds" on what is no text at all."""
    assert decode(data) is None


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_one_line_is_enough(language: Language) -> None:
    """Notes of one line and of five, in eighteen languages, by every encoding that old programs save them in."""
    for encoding in language.encodings:
        for text in (
            *language.lines,
            language.long,
            f"# English heading\n{language.lines[0]}\n" + "plain words\n" * 400,
        ):
            assert decode(text.encode(encoding)) == text, encoding


@pytest.mark.parametrize("text", ["naïve", "–", "“quoted”", "20 €", "Smith’s café", "50 °C", "a\n" * 9000 + "½ cup"])
def test_english_of_windows(text: str) -> None:
    """The quotes, dashes and signs that an English text holds make it no Baltic or Cyrillic one."""
    assert decode(text.encode("cp1252")) == text


def test_escapes_of_japanese_mail() -> None:
    """ISO-2022-JP is valid ASCII and still no ASCII text."""
    assert decode("議事録です".encode("iso2022_jp")) == "議事録です"


def test_every_name_of_a_language_at_once() -> None:
    """markitdown#1535: names in an archive share an encoding, so that a short one is read by the others."""
    names = ["议程.md", "a.md", "会议记录/二〇二四.md"]
    assert decode_together([name.encode("gbk") for name in names]) == names
    assert decode_together(["議事録.txt".encode("cp932")]) == ["議事録.txt"]
    assert decode_together(["Größe und Maß.txt".encode("cp850")]) == ["Größe und Maß.txt"]
    assert decode_together([]) == []
