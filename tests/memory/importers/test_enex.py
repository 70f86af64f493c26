"""Evernote's exports: notes with all that belongs to them, whatever else the file holds."""

from __future__ import annotations

import base64
import time

import pytest

from memory.importers.convert import convert
from memory.importers.ocr import Recogniser
from memory.importers.records import Conversion, ConversionError, ExtractedDocument
from tests.memory.importers.files import pdf
from tests.memory.importers.files_archives import archive

_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE en-export SYSTEM "http://xml.evernote.com/pub/evernote-export3.dtd">\n'
    '<en-export export-date="20240601T000000Z" application="Evernote">'
)
_ENML = (
    '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE en-note SYSTEM "http://xml.evernote.com/pub/enml2.dtd"><en-note>'
)


def _note(body: str, *, title: str = "Roof", more: str = "") -> str:
    content = f"<content><![CDATA[{_ENML}{body}</en-note>]]></content>"
    return f"<note><title>{title}</title>{content}<created>20240501T093000Z</created>{more}</note>"


def _resource(data: bytes, name: str = "", *, mime: str = "application/octet-stream") -> str:
    named = f"<resource-attributes><file-name>{name}</file-name></resource-attributes>" if name else ""
    coded = base64.encodebytes(data).decode()
    return f'<resource><data encoding="base64">{coded}</data><mime>{mime}</mime>{named}</resource>'


def _read(*notes: str) -> Conversion:
    return convert(f"{_HEAD}{''.join(notes)}</en-export>".encode(), "all.enex")


def _only(*notes: str) -> ExtractedDocument:
    (document,) = _read(*notes).documents
    return document


def test_a_note_is_a_document() -> None:
    """With its title, the moment it was written and its tags."""
    tags = "<tag>house</tag><tag>urgent &amp; wet</tag>"
    note = _only(_note("<div>It <b>leaks</b>.</div><div>Above the kitchen</div>", more=tags))
    assert (note.title, note.part, note.at, note.format) == ("Roof", "Roof", "2024-05-01T09:30:00+00:00", "note")
    assert note.blocks[0].text == "Tags: house, urgent & wet\n\nIt leaks.\nAbove the kitchen"


def test_boxes_are_ticked_or_not() -> None:
    """In either way to write them."""
    body = '<div><en-todo checked="true"/>milk</div><div><en-todo></en-todo>bread</div><en-todo checked="false"/>tea'
    assert _only(_note(body)).blocks[0].text == "[x] milk\n[ ] bread\n[ ] tea"


def test_tasks_of_newer_exports() -> None:
    """They stand beside the note's text."""
    task = "<task><title>Call &lt;Ada&gt;</title><taskStatus>{}</taskStatus>{}</task>"
    more = task.format("completed", "") + task.format("open", "<dueDate>20240601T080000Z</dueDate>")
    text = _only(_note("<div>List</div>", more=more)).blocks[0].text
    assert text == "List\n[x] Call <Ada>\n[ ] Call <Ada>, due 2024-06-01T08:00:00+00:00"


def test_tables_headings_and_entities() -> None:
    """A note is a page: rows stay rows, and named entities are letters."""
    body = "<h1>Costs</h1><table><tr><td>Tiles</td><td>40&nbsp;&euro;</td></tr></table><div>M&uuml;ller</div>"
    (block,) = _only(_note(body)).blocks
    assert (block.section, block.text) == ("Costs", "Costs\nTiles | 40\xa0€\nMüller")


def test_attachments_are_read_as_files() -> None:
    """Under the note's title; what is not imported is named, and none without a name is lost."""
    more = _resource(pdf(["leak report"]), "report.pdf") + _resource(b"ID3 x", "s.mp3") + _resource(b"plain words")
    found = _read(_note("<en-media hash='x' type='application/pdf'/>See", more=more))
    assert [(item.part, item.format) for item in found.documents] == [
        ("Roof", "note"),
        ("Roof!/report.pdf", "pdf"),
    ]
    assert found.documents[0].blocks[0].text == "See"
    assert found.warnings == (
        "1 of 3 attachments in it were read",
        "not of a kind that is imported: Roof!/s.mp3, Roof!/attachment 3.octet-stream",
    )


def test_recognition_data_is_no_text() -> None:
    """Evernote's own guesses at a picture's words, and the picture itself, are not the note's."""
    more = "<resource><data>AAAA</data><recognition><![CDATA[<t>guess</t>]]></recognition></resource>"
    assert "guess" not in str(_read(_note("x", more=more)).documents)


def test_notes_of_one_title_are_told_apart() -> None:
    """And attachments stay with theirs."""
    found = _read(_note("one"), _note("two", more=_resource(b"words", "a.txt")))
    assert [item.part for item in found.documents] == ["Roof", "Roof (2)", "Roof (2)!/a.txt"]


def test_what_is_encrypted_is_named() -> None:
    """A passage under a password, or a whole note."""
    secret = '<en-crypt cipher="AES" length="128">c2VjcmV0</en-crypt>'
    found = _read(_note(f"<div>before {secret} after</div>", title="A"), _note("x", title="B"))
    assert found.documents[0].blocks[0].text == "before after"
    assert found.warnings == ("A: a passage in it is encrypted",)
    locked = _note("x", title="C").replace("<content>", '<content encoding="base64:aes">')
    assert _read(locked).warnings == ("C: locked by a password",)


def test_a_note_of_a_picture_alone_keeps_its_title() -> None:
    """So that it is found at all."""
    assert _only(_note('<en-media hash="x" type="image/png"/>')).blocks[0].text == "Roof"


def test_an_export_that_is_cut_off() -> None:
    """What there is of the last note is kept, and that there may be more is said."""
    data = f"{_HEAD}{_note('one')}{_note('two ' * 50, title='B')}".encode()
    found = convert(data[:-200], "a.enex")
    assert [item.title for item in found.documents] == ["Roof", "B"]
    assert found.documents[1].blocks[0].text.startswith("two two")
    assert found.warnings[0].startswith("it is cut off")


def test_broken_markup_costs_itself() -> None:
    """An ampersand that isn't escaped, tags that are never closed, control characters."""
    found = _read(_note("<div>salt & pepper <b>bold\x0b", title="A & B"), _note("two", title="C"))
    assert [item.title for item in found.documents] == ["A B", "C"]
    assert "salt & pepper bold" in found.documents[0].blocks[0].text


def test_entities_are_never_expanded() -> None:
    """Billion laughs, and files that an entity names: what the DOCTYPE declares is not seen."""
    levels = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    evil = f'<!DOCTYPE en-export [<!ENTITY a "ha">{levels}<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    note = _note("x").replace("Roof", "T &j; &f;").replace("<note>", '<note a="&j;">')
    inner = _note("&j; inner").replace(_ENML, _ENML.replace("<!DOCTYPE en-note", evil.replace("en-export", "en-note")))
    data = f'<?xml version="1.0"?>{evil}<en-export>{note}{inner}</en-export>'.encode()
    started = time.monotonic()
    found = convert(data, "a.enex")
    assert time.monotonic() - started < 2
    assert len(str(found)) < 3000
    assert "root:" not in str(found)


def test_deep_nesting_is_no_crash() -> None:
    """In the export, and in a note."""
    deep = "<div>" * 50_000 + "end" + "</div>" * 50_000
    assert _read(_note(deep, title="A"), _note("two", title="B")).documents[-1].title == "B"
    data = f"{_HEAD}{_note('one')}{'<note>' * 100_000}".encode()
    assert convert(data, "a.enex").documents[0].title == "Roof"


def test_an_attachment_may_be_large() -> None:
    """Twelve million letters of one text, where XML's own limit is ten."""
    found = _read(_note("one", more=_resource(b"word " * 1_900_000, "big.txt")), _note("two", title="B"))
    assert [item.title for item in found.documents] == ["Roof", "B", "big"]


def test_no_note_is_a_reason() -> None:
    """With the file's name."""
    with pytest.raises(ConversionError, match=r"all\.enex holds no note"):
        _read()


def test_in_an_archive() -> None:
    """Below the archive's path, and under its time."""
    data = f"{_HEAD}{_note('one', more=_resource(b'words', 'a.txt'))}</en-export>"
    found = convert(archive({"x/all.enex": data}), "a.zip")
    assert [item.part for item in found.documents] == ["x/all.enex!/Roof", "x/all.enex!/Roof!/a.txt"]
    late = convert(data.encode(), "all.enex", recogniser=Recogniser(page_seconds=0))
    assert [item.part for item in late.documents] == ["Roof"]
    assert "1 were left for want of time" in late.warnings[-1]
