"""Mail as it really is: labels that lie, headers that run together, answers that repeat the question."""

from __future__ import annotations

import base64
import quopri

import pytest

from memory.importers.convert import convert
from memory.importers.mail import date_of, header_text, is_mail, read_mailbox, split_mailbox
from memory.importers.ocr import Recogniser
from memory.importers.quoting import without_quotes
from memory.importers.records import Conversion, ExtractedDocument, SourceFile
from tests.memory.importers.files import pdf
from tests.memory.importers.files_archives import archive

_HEAD = "From: Ada <ada@example.org>\r\nTo: Ben <ben@example.org>\r\nMIME-Version: 1.0\r\n"


def _mail(headers: str, body: bytes | str) -> bytes:
    body = body.encode() if isinstance(body, str) else body
    return (_HEAD + headers.replace("\n", "\r\n")).encode() + b"\r\n\r\n" + body


def _read(headers: str, body: bytes | str) -> ExtractedDocument:
    return convert(_mail(headers, body), "a.eml").documents[0]


def _body(document: ExtractedDocument) -> str:
    return document.blocks[0].text.partition("\n\n")[2]


def _multipart(kind: str, *parts: str) -> bytes:
    joined = "".join(f"--XX\r\n{part}\r\n" for part in parts)
    return _mail(f'Subject: parts\nContent-Type: multipart/{kind}; boundary="XX"', joined + "--XX--\r\n")


def test_a_message_begins_with_who_when_and_what() -> None:
    """Headers are lines that can be searched; the date is ISO with its offset."""
    mail = _read("Date: Wed, 1 May 2024 09:30:00 +0200\nSubject: Roof", "It leaks.")
    assert (mail.title, mail.at, mail.format) == ("Roof", "2024-05-01T09:30:00+02:00", "mail")
    assert mail.blocks[0].text == (
        "From: Ada <ada@example.org>\nTo: Ben <ben@example.org>\nDate: 2024-05-01T09:30:00+02:00\nSubject: Roof"
        "\n\nIt leaks."
    )


@pytest.mark.parametrize(
    "headers",
    [
        'Content-Type: text/plain; charset="utf-8"content-transfer-encoding: 8bit',
        "Content-Type: text/plain; charset=utf-8; charset=latin1",
        'Content-Type: text/plain; charset="utf-8',
        "Content-Type: text/plain; charset=klingon",
        "Content-Type: text/plain; charset=us-ascii",
        "Content-Type: text/plain",
        "Content-Type: text",
        "Content-Type: text/plain; charset=shift_jis",
        "X: 1",
    ],
)
def test_a_wrong_label_costs_nothing(headers: str) -> None:
    """Unstructured#848: a charset that is none, two, or another than the bytes are in."""
    assert _body(_read(headers, "Größe: schöne Übung".encode())) == "Größe: schöne Übung"


@pytest.mark.parametrize(
    ("label", "encoding", "text"),
    [
        ("gb2312", "gb18030", "姓名：㐂，地址在北京"),
        ("iso-8859-1", "cp1252", "“20 €” – fine"),
        ("ks_c_5601-1987", "cp949", "믜 안녕하세요"),
        ("iso-2022-jp", "iso2022_jp", "会議は三時です"),
        ("unknown-8bit", "cp1251", "Встреча в среду в десять"),
    ],
)
def test_a_label_means_what_programs_write_under_it(label: str, encoding: str, text: str) -> None:
    """GB2312 is GB18030, Latin-1 is Windows-1252, and unknown is told by the bytes."""
    assert _body(_read(f"Content-Type: text/plain; charset={label}", text.encode(encoding))) == text


def test_quoted_printable_and_base64() -> None:
    """docspell#591: no =F6 and no soft line ends in memory."""
    body = quopri.encodestring(("Schöne Grüße, " * 12).encode("cp1252"))
    assert b"=\n" in body
    mail = _read("Content-Type: text/plain; charset=windows-1252\nContent-Transfer-Encoding: quoted-printable", body)
    assert _body(mail) == ("Schöne Grüße, " * 12).strip()
    coded = base64.encodebytes("Grüße aus 北京".encode())
    assert _body(_read("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: BASE64", coded)) == (
        "Grüße aus 北京"
    )


def test_transfer_encoding_run_into_the_type_is_heeded() -> None:
    """Where two headers became one, the second still says how to read the body."""
    headers = 'Content-Type: text/plain; charset="utf-8"content-transfer-encoding: quoted-printable'
    assert _body(_read(headers, b"Sch=C3=B6n")) == "Schön"


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("=?utf-8?B?R3LDvMOfZQ==?=", "Grüße"),
        ("=?utf-8?Q?Gr=C3=BC?= =?utf-8?Q?=C3=9Fe?= and more", "Grüße and more"),
        ("=?utf-8?B?5Lya6K4=?=\r\n =?utf-8?B?rue6quimgQ==?=", "会议纪要"),
        ("=?GB2312?B?" + base64.b64encode("㐂会议".encode("gb18030")).decode() + "?=", "㐂会议"),
        ("=?iso-8859-1?Q?caf=E9_au_lait?=", "café au lait"),
        ("=?unknown?Q?abc?=", "abc"),
        ("plain", "plain"),
        ("=?utf-8?B?broken", "=?utf-8?B?broken"),
    ],
)
def test_headers_in_pieces(header: str, text: str) -> None:
    """A letter that is cut between two encoded words is whole again; what is broken stays as it is."""
    assert header_text(header) == text


def test_unencoded_letters_in_a_header() -> None:
    """Programs write UTF-8 or Latin-1 right into headers."""
    for encoding in ("utf-8", "cp1252"):
        data = _mail("", "x").replace(b"MIME", "Subject: Größe für Jörg\r\nMIME".encode(encoding))
        assert convert(data, "a.eml").documents[0].title == "Größe für Jörg"


def test_of_alternatives_the_plain_one_is_read() -> None:
    """Once, unless it is empty: then the page."""
    plain, page = "Content-Type: text/plain\r\n\r\nHello plain", "Content-Type: text/html\r\n\r\n<p>Hello <b>page</b>!"
    assert _body(convert(_multipart("alternative", plain, page), "a.eml").documents[0]) == "Hello plain"
    empty = "Content-Type: text/plain\r\n\r\n \r\n"
    found = convert(_multipart("alternative", empty, page), "a.eml")
    assert [_body(item) for item in found.documents] == ["Hello page!"]


def test_attachments_are_documents_of_their_own() -> None:
    """By their encoded names, in whatever format; what is not imported is named."""
    attached = (
        "Content-Type: application/pdf\r\n"
        'Content-Disposition: attachment; filename="=?utf-8?Q?Gr=C3=B6=C3=9Fe.pdf?="\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(pdf(["leak report"])).decode()
    )
    song = "Content-Type: audio/mpeg; name=s.mp3\r\nContent-Disposition: attachment\r\n\r\nID3 x"
    logo = "Content-Type: image/png; name=logo.png\r\nContent-ID: <1>\r\n\r\nx"
    found = convert(_multipart("mixed", "Content-Type: text/plain\r\n\r\nSee", attached, song, logo), "a.eml")
    assert [(item.part, item.format) for item in found.documents] == [("", "mail"), ("Größe.pdf", "pdf")]
    assert found.documents[1].blocks[0].text == "leak report"
    assert found.warnings == ("1 of 2 attachments in it were read", "not of a kind that is imported: s.mp3")


def test_an_attachment_says_where_it_lies() -> None:
    """By its message's subject, numbered where subjects repeat."""
    mail = _multipart("mixed", "Content-Type: text/plain\r\n\r\nSee", "Content-Type: text/plain; name=a.txt\r\n\r\nno")
    line = b"From ada@example.org Wed May  1 09:30:00 2024\n"
    found = convert(b"\n".join((line + mail.replace(b"\r", b""), line + mail.replace(b"\r", b""))), "m.mbox")
    assert [item.part for item in found.documents] == ["parts", "parts!/a.txt", "parts (2)", "parts (2)!/a.txt"]


def test_attachments_share_the_limits_of_their_archive() -> None:
    """Mail in archives in mail is followed so deep and no deeper."""
    data = _mail("Subject: innermost", "x")
    for level in range(6):
        data = _multipart(
            "mixed",
            f"Content-Type: text/plain\r\n\r\nlevel {level}",
            f"Content-Type: application/zip; name=m{level}.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + base64.encodebytes(archive({"m.eml": data})).decode(),
        )
    found = convert(data, "a.eml")
    assert [item.part.count("!/") for item in found.documents] == [0, 1]
    assert any("lies in more than 4 files" in warning for warning in found.warnings)


def test_a_mailbox_ends_before_its_time() -> None:
    """What was read is kept, and what was left is counted."""
    data = _mailbox(*(_mbox_mail(str(n), "x") for n in range(5)))
    file = SourceFile("a.mbox", "a", recogniser=Recogniser(page_seconds=0))
    assert read_mailbox(data, file, convert).warnings == (
        "5 messages were left for want of time; [import] convert_seconds allows more",
    )


def test_a_header_without_end_is_cut() -> None:
    """A list of ten thousand recipients is no text of the message, and a header of spaces is no trap."""
    many = ", ".join(f"u{n}@example.org" for n in range(10_000))
    mail = _read(f"Cc: {many}\nSubject: s" + " " * 300_000, "body")
    assert _body(mail) == "body"
    assert len(mail.blocks[0].text) < 2000


def test_a_forwarded_message_is_one_of_its_own() -> None:
    """With its own headers, and what is attached to it."""
    inner = "From: Cy <c@example.org>\r\nSubject: Old\r\nMessage-ID: <1@x>\r\n\r\nfirst words"
    part = f"Content-Type: message/rfc822; name=old.eml\r\n\r\n{inner}"
    found = convert(_multipart("mixed", "Content-Type: text/plain\r\n\r\nSee below", part), "a.eml")
    assert [(item.title, _body(item)) for item in found.documents] == [("parts", "See below"), ("Old", "first words")]


def test_forwarding_without_end_ends() -> None:
    """Messages nested forty deep are read down to a limit, and the rest is named."""
    inner = _HEAD + "Subject: 0\r\n\r\nend"
    for level in range(40):
        inner = f"{_HEAD}Subject: {level}\r\nContent-Type: message/rfc822\r\n\r\n{inner}"
    found = convert(_multipart("mixed", f"Content-Type: message/rfc822\r\n\r\n{inner}"), "a.eml")
    assert 1 < len(found.documents) < 10
    assert "not read" in found.warnings[-1]


def test_a_page_is_read_as_a_page() -> None:
    """HTML mail loses its markup; a style sheet is no text."""
    mail = _read("Content-Type: text/html; charset=utf-8", "<style>p{}</style><p>Größe</p><p>two</p>".encode())
    assert _body(mail) == "Größe\ntwo"


def _mailbox(*messages: str) -> bytes:
    return "".join(f"From ada@example.org Wed May  1 09:30:00 2024\n{message}\n\n" for message in messages).encode()


def _mbox_mail(subject: str, body: str, more: str = "") -> str:
    return f"From: Ada <a@x.org>\nMessage-ID: <{subject}@x>\n{more}Subject: {subject}\n\n{body}"


def _read_mailbox(*messages: str) -> Conversion:
    return convert(_mailbox(*messages), "all.mbox")


def test_a_mailbox_is_parted_at_its_lines_only() -> None:
    """A line of a body may begin with From; one more > than the writer wrote is taken away."""
    tricky = "From now on we meet at 10:00.\n\nFrom June 2024 at 09:30 we don't.\n>From the top\n>>From"
    found = _read_mailbox(_mbox_mail("one", tricky), _mbox_mail("two", "x"))
    assert [(item.part, item.title) for item in found.documents] == [("one", "one"), ("two", "two")]
    assert "From now on we meet" in _body(found.documents[0])
    assert "\nFrom the top\n>>From" in found.documents[0].blocks[0].text


def test_a_damaged_message_costs_itself_alone() -> None:
    """The mailbox goes on after it."""
    broken = 'From: x\nContent-Type: multipart/mixed; boundary="\nDate: yes\nSubject: =?utf-8?B?////?=\n\n--\n\x00'
    found = _read_mailbox(broken, _mbox_mail("two", "x"))
    assert found.documents[-1].title == "two"


def test_the_same_message_of_two_mailboxes_is_one_document() -> None:
    """A yearly export that grows does not double what was in it."""
    one, two = _read_mailbox(_mbox_mail("a", "x")), _read_mailbox(_mbox_mail("b", "y"), _mbox_mail("a", "x"))
    assert one.documents[0].sha256 == two.documents[1].sha256


_ANSWER = "Yes.\n\nOn Wed, 1 May 2024 at 09:30, Ada\n<a@x.org> wrote:\n> Does it leak?\n> \n> Ada"


def test_a_quoted_tail_is_left_out_where_the_mailbox_holds_it() -> None:
    """Else a thread is found once an answer; where the question is nowhere else, it stays."""
    reply = _mbox_mail("re", _ANSWER, "In-Reply-To: <one@x>\n")
    together = _read_mailbox(reply, _mbox_mail("one", "Does it leak?\n\nAda"))
    assert _body(together.documents[0]) == "Yes."
    alone = _read_mailbox(reply)
    assert "> Does it leak?" in alone.documents[0].blocks[0].text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (_ANSWER, "Yes."),
        ("Ja.\n\nAm 01.05.2024 um 09:30 schrieb Ada:\n> Leckt es?", "Ja."),
        ("好的。\n\nAda <a@x.org> 于2024年5月1日周三 09:30写道：\n> 漏吗？", "好的。"),
        ("Да.\n\n1 мая 2024 г., 09:30, Ада пишет:\n> Течёт?", "Да."),
        ("Yes.\n\n-----Original Message-----\nFrom: Ada\nDoes it leak?", "Yes."),
        ("Yes.\n\nFrom: Ada\nSent: Wednesday\nTo: Ben\nSubject: Roof\n\nDoes it leak?", "Yes."),
        ("Yes.\n> Does it leak?\n-- \nBen", "Yes."),
        ("> Does it leak?\nYes.\n> Much?\nNo.", "> Does it leak?\nYes.\n> Much?\nNo."),
        (
            "See\n\n-------- Forwarded Message --------\nFrom: Cy\n\nnews",
            "See\n\n-------- Forwarded Message --------\nFrom: Cy\n\nnews",
        ),
        ("He wrote: hello", "He wrote: hello"),
    ],
)
def test_only_a_tail_that_repeats_is_cut(text: str, kept: str) -> None:
    """In several languages; answers between the lines keep their questions, forwarded news stays."""
    assert without_quotes(text) == kept


@pytest.mark.parametrize(
    ("data", "name", "is_one"),
    [
        (_mail("", "x"), "a.txt", True),
        (b"Received: x\nFrom: a\n\nb", "a", True),
        (b"\xef\xbb\xbf\r\nFrom: a\nSubject: b\n\nc", "a.eml", True),
        (b"45\nFrom: a@b\nMessage-ID: <1>\n\nbody<?xml ?><plist>", "a.emlx", True),
        (b"From: Paris\nTo: Rome\n\nby train", "trip.md", False),
        (b"Note: buy\nFrom: shop\n", "n.txt", False),
        (b"# Received: x\nFrom: a", "n.md", False),
    ],
)
def test_mail_is_told_by_its_headers(data: bytes, name: str, is_one: bool) -> None:
    """A note that begins with From and To is none."""
    assert is_mail(data, name) is is_one


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        ("Wed, 01 May 2024 09:30:00 GMT", "2024-05-01T09:30:00+00:00"),
        ("1 May 2024 09:30 -0700 (PDT)", "2024-05-01T09:30:00-07:00"),
        ("yesterday", None),
        (None, None),
        ("Thu, 99 May 2024 99:99", None),
    ],
)
def test_dates_of_mail(value: str | None, iso: str | None) -> None:
    """What is no date is none, not today."""
    assert date_of(value) == iso


def test_a_large_mailbox_is_parted_in_linear_time() -> None:
    """Ten thousand messages, and lines made to make a pattern slow."""
    hostile = "From " + "00:00 " * 50_000
    data = _mailbox(*(_mbox_mail(str(n), "x") for n in range(10_000)), _mbox_mail("z", hostile))
    assert sum(1 for _ in split_mailbox(data)) == 10_001


def test_mail_in_an_archive() -> None:
    """A mailbox in a zip: one document a message, each with its path."""
    found = convert(archive({"mail/in.mbox": _mailbox(_mbox_mail("one", "x"), _mbox_mail("two", "y"))}), "a.zip")
    assert [item.part for item in found.documents] == ["mail/in.mbox!/one", "mail/in.mbox!/two"]
