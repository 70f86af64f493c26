"""WhatsApp's text export."""

from __future__ import annotations

import io
import zipfile

import pytest

from memory.importers.chats.whatsapp import read_whatsapp
from memory.importers.convert import convert
from memory.importers.records import ExtractedDocument

LRM = "\u200e"


def _read(*lines: str, title: str = "chat") -> ExtractedDocument:
    return read_whatsapp("\n".join(lines), name="chat.txt", title=title)


def _times(*lines: str) -> list[str | None]:
    return [line.at for line in _read(*lines).utterances]


def _said(*lines: str) -> list[tuple[str, str]]:
    return [(line.speaker, line.text) for line in _read(*lines).utterances]


def test_day_and_month_are_decided_once() -> None:
    """whatsapp-chat-parser#237: the 13th of January after the 30th of December, both day first."""
    lines = ("30/12/2020 13:00 - U: a", "13/1/2021 13:00 - U: b", "2/1/2021 13:00 - U: c")
    assert _times(*lines) == ["2020-12-30T13:00:00", "2021-01-13T13:00:00", "2021-01-02T13:00:00"]


def test_one_date_decides_for_the_others() -> None:
    """An unambiguous date at the end tells the order of the first."""
    assert _times("1/2/21, 9:05 AM - U: a", "1/30/21, 9:05 PM - U: b") == ["2021-01-02T09:05:00", "2021-01-30T21:05:00"]


def test_time_going_on_decides_where_no_day_is_over_twelve() -> None:
    """Months that would run backwards are days; and nothing has to be assumed."""
    found = _read("10/1/2021 10:00 - U: a", "11/1/2021 10:00 - U: b", "1/2/2021 10:00 - U: c")
    assert [line.at for line in found.utterances] == [
        "2021-01-10T10:00:00",
        "2021-01-11T10:00:00",
        "2021-02-01T10:00:00",
    ]
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("line", "order", "at"),
    [
        ("1/2/2021, 10:00 - U: a", "day first", "2021-02-01T10:00:00"),
        ("1/2/21, 10:00 PM - U: a", "month first", "2021-01-02T22:00:00"),
    ],
)
def test_an_assumption_is_named(line: str, order: str, at: str) -> None:
    """Where nothing tells the order, the receipt says which was taken."""
    found = _read(line)
    assert found.utterances[0].at == at
    assert order in found.warnings[0]


@pytest.mark.parametrize(
    ("header", "at"),
    [
        ("30/12/2020, 13:00 - ", "2020-12-30T13:00:00"),
        ("30.12.20, 13:00 - ", "2020-12-30T13:00:00"),
        ("30-12-2020 13:00 - ", "2020-12-30T13:00:00"),
        ("2020-12-30, 13:00 - ", "2020-12-30T13:00:00"),
        ("2020/12/30 13:00 - ", "2020-12-30T13:00:00"),
        ("12/30/20, 1:00\u202fPM - ", "2020-12-30T13:00:00"),
        ("30/12/20 1:00 p. m. - ", "2020-12-30T13:00:00"),
        ("30/12/20, 1:00 p.\u00a0m. - ", "2020-12-30T13:00:00"),
        ("30/12/2020 à 13:00 - ", "2020-12-30T13:00:00"),
        ("30/12/20, 12:00 a.m. - ", "2020-12-30T00:00:00"),
        ("12/30/20, 12:30 PM - ", "2020-12-30T12:30:00"),
        ("2020年12月30日 下午1:00 - ", "2020-12-30T13:00:00"),
        ("[2020/12/30 下午1:00:07] ", "2020-12-30T13:00:07"),
        ("[30.12.20, 13:00:07] ", "2020-12-30T13:00:07"),
        ("[12/30/20, 1:00:07\u202fPM] ", "2020-12-30T13:00:07"),
        (f"{LRM}[30/12/2020, 13:00:07] ", "2020-12-30T13:00:07"),
        ("30. 12. 2020 13:00 - ", "2020-12-30T13:00:00"),
        ("30/12/2020 13.00 - ", "2020-12-30T13:00:00"),
    ],
)
def test_clocks_and_dates_of_many_phones(header: str, at: str) -> None:
    """Brackets and dashes, 12 and 24 hours, narrow spaces, dots, slashes and Chinese."""
    assert _times(f"{header}Ada: hello", f"{header}Bo: hi") == [at, at]
    assert convert(f"{header}Ada: hello\n{header}Bo: hi".encode(), "a.txt").documents[0].format == "whatsapp"


def test_lines_that_go_on_are_joined() -> None:
    """A body of several lines, with blank ones and colons, is one message."""
    lines = ("30/12/2020 13:00 - Ada: list: milk", "", "eggs: six", "30/12/2020 13:01 - Bo: ok")
    assert _said(*lines) == [("Ada", "list: milk\n\neggs: six"), ("Bo", "ok")]


def test_a_body_that_looks_like_a_header_does_not_crash() -> None:
    """chat-analyzer#17: a pasted header can't be told from one; one in the other form, or of no day, can."""
    lines = (
        "30/12/2020 13:00 - Ada: he wrote",
        "[30.12.20, 13:00:07] Zoe: pasted",
        "99/99/2020 13:00 - X: no day",
        "30/12/2020 13:05 - Bo: 1/1/2021 10:00 - hm",
    )
    assert _said(*lines) == [
        ("Ada", "he wrote\n[30.12.20, 13:00:07] Zoe: pasted\n99/99/2020 13:00 - X: no day"),
        ("Bo", "1/1/2021 10:00 - hm"),
    ]


@pytest.mark.parametrize(
    "notice",
    [
        "Messages and calls are end-to-end encrypted. No one outside of this chat can read them.",
        "Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt. Niemand außerhalb dieses Chats kann sie lesen.",
        "Los mensajes y las llamadas están cifrados de extremo a extremo.",
        "As mensagens e as chamadas são protegidas com a criptografia de ponta a ponta.",
        "Les messages et les appels sont chiffrés de bout en bout.",
        "I messaggi e le chiamate sono crittografati end-to-end.",
        "消息和通话都进行端到端加密。",
    ],
)
def test_the_encryption_notice_is_nobodys_message(notice: str) -> None:
    """whatsanalyze#406, #407: iOS writes it under the peer's name; the first real message stays."""
    assert _said(f"[16.09.25, 10:00:00] Bo: {LRM}{notice}", "[16.09.25, 10:01:00] Bo: real") == [("Bo", "real")]
    assert _said(f"16.09.25, 10:00 - {notice}", "16.09.25, 10:01 - Bo: real") == [("Bo", "real")]


@pytest.mark.parametrize(
    "notice",
    [
        "Ada created group “Trip”",
        "Ada added Bo",
        "Ada left",
        "Missed voice call",
        "Ada changed their phone number to a new number. Tap to message or add the new number.",
        "Ada hat die Gruppe „Reise“ erstellt",
        "Ada hat die Gruppe verlassen",
        "Verpasster Sprachanruf",
        'Ada creó el grupo "Viaje"',
        "Ada añadió a Bo",
        "Llamada perdida",
        'Ada criou o grupo "Viagem"',
        "Ada saiu",
        "Chamada de voz perdida",
        "Ada a créé le groupe « Voyage »",
        "Ada a quitté le groupe",
        "Appel vocal manqué",
        'Ada ha creato il gruppo "Viaggio"',
        "Ada ha abbandonato il gruppo",
        "Chiamata vocale persa",
        "张三创建了群组“旅行”",
        "张三退出了群组",
        "未接语音通话",
    ],
)
def test_notices_are_left_out_in_seven_languages(notice: str) -> None:
    """Without a sender on Android; with the mark of the program on iOS. The same words of a person stay."""
    assert _said(f"16.09.25, 10:00 - {notice}", "16.09.25, 10:01 - Bo: ok") == [("Bo", "ok")]
    assert _said(f"[16.09.25, 10:00:00] Trip: {LRM}{notice}", "[16.09.25, 10:01:00] Bo: ok") == [("Bo", "ok")]
    assert _said(f"[16.09.25, 10:00:00] Zoe: {notice}", "[16.09.25, 10:01:00] Bo: ok")[0] == ("Zoe", notice)


def test_a_notice_with_a_colon_has_no_speaker() -> None:
    """The new subject may look like a message."""
    line = '16.09.25, 10:00 - Ada changed the subject from "old" to "Plan: today"'
    assert _said(line, "16.09.25, 10:01 - Bo: ok") == [("Bo", "ok")]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("<Media omitted>", "[media]"),
        ("<Medien ausgeschlossen>", "[media]"),
        ("<Multimedia omitido>", "[media]"),
        ("<Mídia oculta>", "[media]"),
        ("<Médias omis>", "[media]"),
        ("<Media omessi>", "[media]"),
        ("<省略多媒体文件>", "[media]"),
        (f"{LRM}image omitted", "[photo]"),
        (f"{LRM}Bild weggelassen", "[photo]"),
        (f"{LRM}video omitido", "[video]"),
        (f"{LRM}áudio ocultado", "[audio]"),
        (f"{LRM}vidéo absente", "[video]"),
        (f"{LRM}immagine omessa", "[photo]"),
        (f"{LRM}图像已忽略", "[photo]"),
        (f"{LRM}GIF omitted", "[animation]"),
        ("IMG-20201230-WA0001.jpg (file attached)\nthe view", "[photo]\nthe view"),
        ("PTT-20201230-WA0002.opus (Datei angehängt)", "[voice message]"),
        ("plan.pdf (archivo adjunto)", "[file: plan.pdf]"),
        (f"{LRM}<attached: 00000012-PHOTO-2020-12-30.jpg>", "[photo]"),
        ("ok <This message was edited>", "ok"),
    ],
)
def test_media_are_placeholders(body: str, shown: str) -> None:
    """In every language that is known, of both systems."""
    assert _said(f"[30.12.20, 13:00:00] Ada: {body}", "[30.12.20, 13:01:00] Bo: x")[0] == ("Ada", shown)


@pytest.mark.parametrize("body", ["This message was deleted", "Diese Nachricht wurde gelöscht.", "此消息已删除"])
def test_deleted_messages_are_left_out(body: str) -> None:
    """Nothing of them is left to know."""
    assert _said(f"30.12.20, 13:00 - Ada: {body}", "30.12.20, 13:01 - Bo: x") == [("Bo", "x")]


def test_names_with_a_colon() -> None:
    """A contact called "Mum: home" is told by all its lines beginning alike; one quotation is no name."""
    lines = [f"30/12/2020 13:0{n} - Mum: home: text {n}" for n in range(4)]
    found = _said(*lines, "30/12/2020 13:09 - Bo: quote: x", "30/12/2020 13:09 - Bo: y", "30/12/2020 13:09 - Bo: z")
    assert found[0] == ("Mum: home", "text 0")
    assert found[4] == ("Bo", "quote: x")


def test_the_files_name_tells_who_the_user_is() -> None:
    """In a chat of two, named after the other; in a group it doesn't."""
    lines = ("30/12/2020 13:00 - Ada: hi", "30/12/2020 13:01 - Bo: yes")
    assert _read(*lines, title="WhatsApp Chat with Bo").me == "Ada"
    assert _read(*lines, title="WhatsApp Chat mit Bobby").me is None
    assert _read(*lines, "30/12/2020 13:02 - Zoe: x", title="WhatsApp Chat with Bo").me is None


def test_the_archive_of_ios_is_read_without_its_media() -> None:
    """`_chat.txt` beside photos; the archive's name is the title."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("_chat.txt", f"[30.12.20, 13:00:00] Ada: hi\n[30.12.20, 13:01:00] Bo: {LRM}image omitted")
        archive.writestr("1-PHOTO.jpg", bytes(1000))
    (found,) = convert(out.getvalue(), "WhatsApp Chat - Bo.zip").documents
    assert (found.title, found.me, len(found.utterances)) == ("WhatsApp Chat - Bo", "Ada", 2)


@pytest.mark.parametrize(
    "text",
    [
        "30/12/2020 13:00 - dentist\n31/12/2020 10:00 - call the bank\nother notes",
        "# Log\n\n[30.12.20, 13:00:00] started: ok",
        "10:00 - Ada: started\n" * 3,
        "2024-01-31 10:00:00,123 - INFO: started\n" * 3,
    ],
)
def test_notes_with_times_are_no_chat(text: str) -> None:
    """A diary's line has a time and a dash as well, but nobody speaks in it."""
    assert convert(text.encode(), "notes.txt").documents[0].format == "text"
