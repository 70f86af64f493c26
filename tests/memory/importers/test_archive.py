"""Archives: every member that can be read is, whoever packed them; none of them does harm."""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable
from dataclasses import replace

import pytest

from memory.importers.archive import read_archive
from memory.importers.convert import convert
from memory.importers.ocr import Recogniser
from memory.importers.records import MAX_MEMBERS, Allowance, Conversion, ConversionError, SourceFile
from tests.memory.importers.files import docx, paragraph, pdf
from tests.memory.importers.files_archives import (
    archive,
    archive_in,
    flagged,
    nested,
    overlapping,
    with_link,
)


def _parts(conversion: Conversion) -> dict[str, str]:
    return {item.part: item.blocks[0].text for item in conversion.documents}


def test_members_are_read_as_files_of_their_own() -> None:
    """Each with its path, format, date and hash, whatever it is."""
    data = archive({"notes/2024-05-01.md": "# Day\n\nrain", "a.pdf": pdf(["hi"]), "w.docx": docx(paragraph("yes"))})
    found = convert(data, "all.zip")
    assert {(item.part, item.format, item.at) for item in found.documents} == {
        ("notes/2024-05-01.md", "markdown", "2024-05-01"),
        ("a.pdf", "pdf", None),
        ("w.docx", "docx", None),
    }
    assert all(item.sha256 for item in found.documents)
    assert found.warnings == ()


def test_an_archive_that_begins_with_a_pdf() -> None:
    """Members that are not packed show their own first bytes in the archive's."""
    found = convert(archive({"a.pdf": pdf(["hi"]), "n.md": "x"}, compression=zipfile.ZIP_STORED), "a.zip")
    assert set(_parts(found)) == {"a.pdf", "n.md"}


def test_the_same_member_of_two_archives_is_one_document() -> None:
    """Its hash is that of its bytes, as if the file had been imported."""
    one, two = (convert(archive({"n.md": "x", other: "y"}), "a.zip").documents for other in ("o.md", "p.md"))
    assert one[0].sha256 == two[0].sha256


def test_bad_members_are_named_and_counted() -> None:
    """One bad member never sinks the others, and nothing is passed over in silence."""
    found = convert(archive({"ok.md": "fine", "bad.pdf": b"%PDF-1.7 no", "song.ogg": b"OggS..", "e.md": ""}), "a.zip")
    assert _parts(found) == {"ok.md": "fine"}
    assert found.warnings[0] == "2 of 4 files in it were read"
    assert found.warnings[1].startswith("bad.pdf")
    assert found.warnings[2] == "not of a kind that is imported: song.ogg"


def test_many_bad_members_make_a_short_warning() -> None:
    """A hundred pictures of a kind that is not read are told by number."""
    found = convert(archive({"ok.md": "fine", **{f"{n}.mp3": b"ID3 x" for n in range(100)}}), "a.zip")
    assert found.warnings[1].endswith("and 92 more files like these")


@pytest.mark.parametrize(
    "name", ["__MACOSX/._n.md", ".hidden.md", "a/.obsidian/x.md", "Thumbs.db", "~$n.docx", "logseq/.recycle/x.md"]
)
def test_junk_is_passed_over(name: str) -> None:
    """cpython#84587: what systems and programs add is no note and no loss."""
    found = convert(archive({"n.md": "note", name: "junk"}), "a.zip")
    assert (_parts(found), found.warnings) == ({"n.md": "note"}, ())


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gbk", ("会议记录.md", "旅行/清单.md")),
        ("cp932", ("議事録.md", "買い物/リスト.md")),
        ("cp437", ("Müller.md", "Straße.md")),
        ("cp866", ("Документы/отчёт.md",)),
        ("utf-8", ("naïve/日本.md",)),
    ],
)
def test_names_are_read_in_the_encoding_of_who_packed_them(encoding: str, names: tuple[str, ...]) -> None:
    """markitdown#1535: names without the mark of UTF-8 are no cp437 gibberish."""
    assert tuple(_parts(convert(archive_in(encoding, dict.fromkeys(names, "x")), "a.zip"))) == names


def test_a_name_marked_as_utf8_is_believed() -> None:
    """Beside others that are not."""
    assert set(_parts(convert(archive({"é.md": "x", "plain.md": "y"}), "a.zip"))) == {"é.md", "plain.md"}


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        ("../../etc/passwd.md", "etc/passwd.md"),
        ("/root/x.md", "root/x.md"),
        ("C:\\Users\\x.md", "Users/x.md"),
        ("a/./b//c.md", "a/b/c.md"),
    ],
)
def test_names_lead_nowhere(name: str, harmless: str) -> None:
    """oryxos#313: a name is only a name."""
    assert set(_parts(convert(archive({name: "x"}), "a.zip"))) == {harmless}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name() -> None:
    """Both are kept, under names of their own."""
    found = convert(archive_in("ascii", {"n.md": "one", "./n.md": "two"}), "a.zip")
    assert _parts(found) == {"n.md": "one", "n.md (2)": "two"}


def test_an_export_in_parts_is_opened_once() -> None:
    """AppFlowy#8789: Notion packs its zips into a zip."""
    inner = archive({"Page 0123456789abcdef0123456789abcdef.md": "# Page\n\ntext"})
    found = convert(
        archive({"ExportBlock-1-Part-1.zip": inner, "ExportBlock-1-Part-2.zip": archive({"b.md": "b"})}), "e.zip"
    )
    assert [item.title for item in found.documents] == ["Page", "b"]
    assert found.documents[0].part.startswith("ExportBlock-1-Part-1.zip!/Page")
    assert found.warnings == ()


def test_an_archive_beside_notes_is_read_or_named() -> None:
    """obsidian-importer#77: an attachment that is an archive neither sinks the import nor vanishes."""
    broken = archive({"x.md": "x"})[:-30]
    found = convert(archive({"n.md": "note", "files/more.zip": archive({"x.md": "x"}), "b.zip": broken}), "a.zip")
    assert _parts(found) == {"n.md": "note", "files/more.zip!/x.md": "x"}
    assert found.warnings[0] == "2 of 3 files in it were read"
    assert found.warnings[1].startswith("b.zip is a damaged")


def test_block_references_reach_other_notes() -> None:
    """logseq#10784: a reference reads as its block, on whichever page that stands."""
    id_ = "64d1f0b0-1111-4222-8333-444455556666"
    found = convert(archive({"pages/a.md": f"- see (({id_}))", "pages/b.md": f"- buy seeds\n  id:: {id_}"}), "g.zip")
    assert _parts(found) == {"pages/a.md": "- see buy seeds", "pages/b.md": "- buy seeds"}


def test_obsidian_blocks_reach_other_notes() -> None:
    """A reference that names a note's block reads as that block."""
    found = convert(archive({"Key.md": "- Behind the door ^k1", "a/b.md": "See ![[Key#^k1]] or [[Key#^no]]"}), "v.zip")
    assert _parts(found) == {"Key.md": "- Behind the door", "a/b.md": "See Behind the door or Key"}


_PAGE = "00112233445566778899aabbccddeeff"


def test_a_notion_export() -> None:
    """An export in parts: ids go from names and links, the view beside a whole table is left out, names are letters."""
    link = f"[Oslo](Trips%20{_PAGE}/Oslo%20{_PAGE}.md)"
    page = f"# Trips\n\nStatus: Done\nTags: sea, summer\n\n<aside>\nPack light\n</aside>\n\n{link}"
    part = archive(
        {
            f"Trips {_PAGE}.md": page,
            f"Trips {_PAGE}/Oslo {_PAGE}.md": "# Oslo\n\nBy train",
            f"Trips {_PAGE}/Budget {_PAGE}.csv": "Name,Cost\nTrain,90\n",
            f"Trips {_PAGE}/Budget {_PAGE}_all.csv": "Name,Cost\nTrain,90\nHotel,210\n",
            f"Trips {_PAGE}/%D0%A0%D0%B8%D0%BC {_PAGE}.md": "Пора",
        }
    )
    found = convert(archive({"ExportBlock-1-Part-1.zip": part}), "Export-1.zip")
    assert {item.part.removeprefix("ExportBlock-1-Part-1.zip!/"): item.title for item in found.documents} == {
        "Trips.md": "Trips",
        "Trips/Oslo.md": "Oslo",
        "Trips/Budget.csv": "Budget",
        "Trips/Рим.md": "Рим",
    }
    assert found.documents[0].blocks[0].text == "# Trips\n\nStatus: Done\nTags: sea, summer\n\nPack light\n\nOslo"
    assert "Name: Hotel; Cost: 210" in found.documents[2].blocks[0].text
    assert found.warnings == ()


def test_a_logseq_graph() -> None:
    """Pages by their names, journals by their days, and nothing of what was deleted."""
    found = convert(
        archive(
            {
                "journals/2024_05_01.md": "- planted",
                "pages/garden___beds.md": "- two",
                "pages/a%2Fb.md": "- x",
                "logseq/bak/pages/a/old.md": "- deleted",
                "logseq/config.edn": "{}",
            }
        ),
        "graph.zip",
    )
    assert {(item.part, item.title, item.at) for item in found.documents} == {
        ("journals/2024_05_01.md", "2024_05_01", "2024-05-01"),
        ("pages/garden___beds.md", "garden/beds", None),
        ("pages/a\u2215b.md", "a\u2215b", None),
    }
    assert found.warnings == ()


def _truncated() -> bytes:
    return archive({"n.md": "note " * 100})[:-40]


def _wrong_crc() -> bytes:
    data = archive({"good.md": "good", "n.md": "note that is changed"}, compression=zipfile.ZIP_STORED)
    return data.replace(b"note that is changed", b"NOTE that is changed")


_REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "overlapping entries": (lambda: overlapping(200), "overlap"),
    "more members than are read": (lambda: overlapping(MAX_MEMBERS + 10_000), "members"),
    "cut off": (_truncated, "damaged ZIP"),
    "only a bomb": (lambda: archive({"a.txt": bytes(60_000_000)}), "times its size"),
    "only under a password": (lambda: flagged(archive({"n.md": "x"}), "n.md", flag=1), "under a password"),
    "nothing": (lambda: archive({}), "nothing that can be imported"),
    "only junk": (lambda: archive({"__MACOSX/._a": "x"}), "nothing that can be imported"),
    "no archive at all": (lambda: b"PK\x03\x04" + bytes(range(256)), "damaged ZIP"),
}


@pytest.mark.parametrize("kind", _REFUSED)
def test_hostile_archives_are_refused_with_a_reason(kind: str) -> None:
    """What is made to do harm, or holds nothing, is one clear sentence."""
    make, reason = _REFUSED[kind]
    with pytest.raises(ConversionError, match=reason):
        convert(make(), "a.zip")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (archive({"good.md": "good", "bomb.txt": bytes(60_000_000)}), "bomb.txt unpacks to"),
        (_wrong_crc(), "n.md is damaged"),
        (flagged(archive({"good.md": "good", "n.md": "x"}), "n.md", flag=1), "n.md is under a password"),
        (with_link({"good.md": "good"}, "escape.md", "../../secret.md"), "escape.md is a link"),
        (archive({"good.md": "good", "deep.html": "<div>" * 90_000 + "x" + "</div>" * 90_000}), "deep.html"),
    ],
    ids=["bomb", "wrong checksum", "password", "link", "deep page"],
)
def test_a_hostile_member_is_named_and_the_others_are_read(data: bytes, reason: str) -> None:
    """The rest of the archive is none the worse for it."""
    found = convert(data, "a.zip")
    assert _parts(found)["good.md"] == "good"
    told = [*found.warnings, *(text for item in found.documents for text in item.warnings)]
    assert any(reason in text for text in told)


def test_archives_twenty_deep_end() -> None:
    """A depth is followed that people's own files have; what was readable on the way is kept, the rest named."""
    found = convert(nested(20), "a.zip")
    assert [part.rpartition("/")[2] for part in _parts(found)] == ["16.md", "17.md", "18.md", "19.md"]
    assert any("lies in more than 4 files" in warning for warning in found.warnings)


def test_nested_archives_share_their_limits() -> None:
    """42.zip: archives of archives, each of which is harmless, are counted together."""
    inner = archive({"a.md": "a", "b.md": "b"})
    file = replace(_file(Recogniser()), allowance=Allowance(members=7, unpacked=len(inner) + 100))

    def read(data: bytes, name: str) -> Conversion:
        return read_archive(data, replace(file, name=name, depth=1), convert)

    found = read_archive(archive({"one.zip": inner, "two.zip": inner}), file, read)
    assert list(_parts(found)) == ["one.zip!/a.md", "one.zip!/b.md"]
    assert "two.zip is past the 1000 MB" in found.warnings[1]
    with pytest.raises(ConversionError, match="has 8 members"):
        read_archive(archive({f"{n}.md": "x" for n in range(8)}), _file(Recogniser(), members=7), convert)


def test_a_slow_member_costs_itself_alone() -> None:
    """What would take all the time there is, is interrupted; what could not be begun is counted."""

    def read(data: bytes, name: str) -> Conversion:
        if name == "slow.pdf":
            time.sleep(30)
        return convert(data, name)

    data = archive({"slow.pdf": "x", "late.png": "x", "n.md": "note"})
    recogniser = Recogniser(page_seconds=0.5)
    found = read_archive(data, _file(recogniser), read)
    assert _parts(found) == {"n.md": "note"}
    assert found.warnings[0] == "1 of 3 files in it were read"
    assert found.warnings[1].startswith("slow.pdf: it took too long")
    assert found.warnings[2].startswith("1 were left for want of time")


def _file(recogniser: Recogniser, *, members: int = 50_000) -> SourceFile:
    return SourceFile("a.zip", "a", recogniser=recogniser, allowance=Allowance(members))
