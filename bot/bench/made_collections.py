"""Files that hold others or many entries (mail, archives, notes, calendars, address books), with facts planted in them.

Each is written as the programs in question write it, quirks included; the words are made up.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from bot.bench.made_files import Fact, MadeFile, packed, pdf_of

_PAGE = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
_BLOCK = "64d1f0b0-1111-4222-8333-444455556666"


def made_collections() -> list[MadeFile]:
    """One file or more for each format."""
    makers: tuple[Callable[[], MadeFile], ...] = (
        *(_eml, _mbox, _zip, _notion, _obsidian, _logseq, _ics, _vcf, _vcf_phone, _enex),
    )
    return [make() for make in makers]


def _fact(*words: str, place: str) -> Fact:
    return Fact(words, place)


def _eml() -> MadeFile:
    text = "Gr=FC=DFe: the boiler man is Herr Kr=FCger, =\nhe comes on Tuesday"
    inner = pdf_of(["The boiler costs 4120 euros"])
    lines = (
        "From: =?iso-8859-1?Q?J=F6rg?= <j@example.org>",
        "To: ada@example.org",
        "Subject: =?utf-8?B?S2Vzc2VsIPCflKU=?=",
        "Date: Wed, 1 May 2024 09:30:00 +0200",
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="XX"',
        "",
        "--XX",
        'Content-Type: multipart/alternative; boundary="YY"',
        "",
        "--YY",
        "Content-Type: text/plain; charset=us-ascii",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        text,
        "--YY",
        "Content-Type: text/html",
        "",
        "<style>p{}</style><p>only for browsers</p>",
        "--YY--",
        "--XX",
        'Content-Type: application/pdf; name="offer.pdf"',
        "Content-Disposition: attachment",
        "Content-Transfer-Encoding: base64",
        "",
        base64.encodebytes(inner).decode(),
        "--XX--",
    )
    facts = (
        _fact("From: Jörg", place="Kessel"),
        _fact("Grüße", "Herr Krüger", "Tuesday", place="Kessel"),
        _fact("boiler", "4120", place="offer.pdf"),
    )
    data = "\r\n".join(lines).replace("\r\n", "\n").replace("\n", "\r\n").encode()
    return MadeFile("boiler.eml", "a wrong label, alternatives, an attached PDF", data, facts, ("only for browsers",))


def _mbox() -> MadeFile:
    def message(subject: str, body: str, more: str = "", head: str = "From: Ada <a@example.org>") -> str:
        start = "From a@example.org Wed May  1 09:30:00 2024"
        return f"{start}\n{head}\nMessage-ID: <{subject}@x>\n{more}Subject: {subject}\nDate: {_MAIL_DATE}\n\n{body}\n\n"

    answer = "The tent is at Bruno's.\n\nOn Wed, 1 May 2024 at 09:30, Ada <a@example.org> wrote:\n> Where is the tent?"
    text = (
        message("tent", "Where is the tent?\n\nFrom June on I need it.\n>From the lake, I mean.")
        + message("re-tent", answer, "In-Reply-To: <tent@x>\n")
        + message("oar", "会議は六時です", "Content-Type: text/plain; charset=utf-8\n")
    )
    facts = (
        _fact("From June on I need it", place="tent"),
        _fact("From the lake", place="tent"),
        _fact("tent is at Bruno's", place="re-tent"),
        _fact("六時", place="oar"),
    )
    return MadeFile(
        "all.mbox", "From lines in bodies, a quoted question, Japanese", text.encode(), facts, ("> Where is",)
    )


_MAIL_DATE = "Wed, 1 May 2024 09:30:00 +0000"


def _zip() -> MadeFile:
    mail = b"From: Ada <a@example.org>\nMIME-Version: 1.0\nSubject: lock\n\nThe bicycle lock opens with 3391"
    inner = packed({"deep/lock.eml": mail})
    names: dict[str, str | bytes] = {
        "garden/plan.md": "# Beds\n\nThe third bed holds leeks",
        "rents.csv": "Flat,Rent\nAttic,810\n",
        "more.zip": inner,
        "../../escape.md": "A name that climbs is only a name: sextant",
        "__MACOSX/._plan.md": "resource fork",
        "broken.pdf": b"%PDF-1.7 no",
    }
    facts = (
        _fact("third bed", "leeks", place="garden/plan.md; Beds"),
        _fact("Attic", "810", place="rents.csv"),
        _fact("lock", "3391", place="more.zip!/deep/lock.eml"),
        _fact("sextant", place="escape.md"),
    )
    quirks = "an archive within, a climbing name, junk, a damaged member"
    return MadeFile("papers.zip", quirks, packed(names), facts, ("resource fork",))


def _notion() -> MadeFile:
    page = (
        "# Voyages\n\nStatus: Booked\nOwner: Ines\n\n<aside>\nAsk for cabin 12\n</aside>\n\n"
        f"[Budget](Voyages%20{_PAGE}/Budget%20{_PAGE}.csv)\n"
    )
    part = packed(
        {
            f"Voyages {_PAGE}.md": page,
            f"Voyages {_PAGE}/Budget {_PAGE}.csv": "Name,Cost\nFerry,90\n",
            f"Voyages {_PAGE}/Budget {_PAGE}_all.csv": "Name,Cost\nFerry,90\nHostel,212\n",
        }
    )
    facts = (
        _fact("Owner: Ines", place="Voyages.md"),
        _fact("cabin 12", place="Voyages.md"),
        _fact("Name: Hostel", "212", place="Voyages/Budget.csv"),
    )
    data = packed({"ExportBlock-7-Part-1.zip": part})
    return MadeFile("notion.zip", "parts within, ids, properties, a database", data, facts, (_PAGE, "aside"))


def _obsidian() -> MadeFile:
    members: dict[str, str | bytes] = {
        "People/Nora.md": "---\naliases: [Norchen]\nborn: 1961-02-03\n---\nNora keeps bees. ^bees\n",
        "Daily/2024-05-01.md": "Met [[People/Nora|my aunt]]: ![[Nora#^bees]]\n",
        ".obsidian/app.json": '{"secret": "setting"}',
    }
    facts = (
        _fact("aliases: Norchen", place="People/Nora.md"),
        _fact("born: 1961-02-03", place="People/Nora.md"),
        _fact("Met my aunt", "Nora keeps bees", place="Daily/2024-05-01.md"),
    )
    quirks = "properties, aliases, an embedded block"
    return MadeFile("vault.zip", quirks, packed(members), facts, ("^bees", "setting", "[["))


def _logseq() -> MadeFile:
    members: dict[str, str | bytes] = {
        "pages/Boat.md": f"type:: dinghy\n\n- The mast needs varnish\n  id:: {_BLOCK}\n  collapsed:: true\n",
        "journals/2024_05_01.md": f"- LATER (({_BLOCK}))\n  :LOGBOOK:\n  CLOCK: [2024-05-01 Wed]\n  :END:\n",
        "logseq/bak/pages/Boat/1.md": "- The mast is gone",
    }
    facts = (
        _fact("type: dinghy", place="pages/Boat.md"),
        _fact("LATER", "mast needs varnish", place="journals/2024_05_01.md"),
    )
    quirks = "block references between pages, clocks, old versions"
    return MadeFile("graph.zip", quirks, packed(members), facts, (_BLOCK, "CLOCK", "mast is gone"))


def _ics() -> MadeFile:
    lines = (
        *("BEGIN:VCALENDAR", "VERSION:2.0", "X-WR-TIMEZONE:Europe/Oslo", "BEGIN:VEVENT", "UID:1"),
        *("SUMMARY:Choir\\, big h", " all", "DTSTART:20240507T160000Z", "DTEND:20240507T173000Z"),
        *("RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU", "LOCATION:St Olav", "BEGIN:VALARM"),
        *("DESCRIPTION:reminder text", "END:VALARM", "END:VEVENT", "BEGIN:VEVENT", "UID:2", "SUMMARY:Ferry"),
        *(
            "DTSTART;VALUE=DATE:20240601",
            "DTEND;VALUE=DATE:20240604",
            "ATTENDEE;CN=Sven;PARTSTAT=DECLINED:mailto:s@x.org",
        ),
        *(
            "END:VEVENT",
            "BEGIN:VTODO",
            "UID:3",
            "SUMMARY:Tax",
            "DUE;VALUE=DATE:20240531",
            "END:VTODO",
            "END:VCALENDAR",
        ),
    )
    facts = (
        _fact("Choir, big hall", "2024-05-07 18:00 to 19:30", place="Choir, big hall"),
        _fact("every 2 weeks on Tuesday", place="Choir, big hall"),
        _fact("Ferry", "2024-06-01 to 2024-06-03", place="Ferry"),
        _fact("Sven (declined)", place="Ferry"),
        _fact("Tax", "due 2024-05-31", place="Tax"),
    )
    quirks = "a rule, UTC shown in the calendar's zone, whole days, a task"
    return MadeFile("home.ics", quirks, "\r\n".join(lines).encode(), facts, ("reminder text",))


def _vcf() -> MadeFile:
    text = (
        "BEGIN:VCARD\nVERSION:3.0\nFN:Lucía Ortega\nORG:Harbour Office;Pilots\nitem1.TEL;type=pref:+34 600 11 22\n"
        "item1.X-ABLabel:_$!<Mobile>!$_\nBDAY:1604-03-09\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQ\n AAAA\n"
        "NOTE:allergic to nuts\\, likes\n  rowing\nEND:VCARD\n"
    )
    facts = (
        _fact("Phone (mobile)", "+34 600 11 22", place="Lucía Ortega"),
        _fact("Birthday: 03-09", place="Lucía Ortega"),
        _fact("allergic to nuts, likes rowing", place="Lucía Ortega"),
        _fact("Harbour Office, Pilots", place="Lucía Ortega"),
    )
    return MadeFile("people.vcf", "labels of groups, a photo, no year", text.encode(), facts, ("4AAQ", "1604"))


def _vcf_phone() -> MadeFile:
    text = (
        "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E7=8E=8B;=E8=8A=B3;;;\r\n"
        "TEL;CELL:13800138000\r\nNOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:=E5=91=A8=E4=B8=89=\r\n=E6=89=93=E7=90=83\r\n"
        "END:VCARD\r\n"
    )
    facts = (_fact("Phone (cell): 13800138000", place="芳 王"), _fact("周三打球", place="芳 王"))
    return MadeFile("phone.vcf", "version 2.1, quoted-printable over two lines", text.encode(), facts)


def _enex() -> MadeFile:
    head = '<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE en-note SYSTEM "http://xml.evernote.com/pub/enml2.dtd">'
    body = (
        '<en-note><h1>Parts</h1><div><en-todo checked="true"/>washer 14&nbsp;mm</div><div><en-todo/>hose clamp</div>'
        '<en-media hash="x" type="application/pdf"/></en-note>'
    )
    manual = base64.b64encode(pdf_of(["Bleed the pump at valve C"])).decode()
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE en-export SYSTEM "http://xml.evernote.com/pub/evernote-export3.'
        f'dtd">\n<en-export><note><title>Pump</title><content><![CDATA[{head}{body}]]></content>'
        '<created>20240501T093000Z</created><tag>workshop</tag><resource><data encoding="base64">'
        f"{manual}</data><mime>application/pdf</mime><recognition><![CDATA[<t>guessed</t>]]></recognition>"
        "<resource-attributes><file-name>manual.pdf</file-name></resource-attributes></resource></note></en-export>"
    )
    facts = (
        _fact("Tags: workshop", place="Pump"),
        _fact("[x] washer 14", place="Parts"),
        _fact("[ ] hose clamp", place="Parts"),
        _fact("Bleed the pump", "valve C", place="Pump!/manual.pdf"),
    )
    return MadeFile("notes.enex", "boxes, tags, an attached PDF", text.encode(), facts, ("guessed", "en-todo"))
