"""Finished replies: messages and files, with nothing lost between them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.telegram.attachments import Attachment
from bot.telegram.render import Part, Span
from bot.telegram.replies import MOST_MESSAGES, Rendered, rendered
from tests.bot.telegram.test_render import PIECES, accepted

LONG = "so long a text that no phone shows it in columns"


def table(rows: int) -> str:
    """A table too wide for columns."""
    return "| Name | Says |\n|---|---|\n" + "".join(f"| n{row} | {LONG} |\n" for row in range(rows))


@given(st.lists(PIECES, max_size=40).map("".join), st.sampled_from(["", "(turn 3)"]))
@settings(max_examples=100, deadline=None)
def test_there_is_always_a_message(markdown: str, footer: str) -> None:
    """Whatever was written, also nothing, and each is accepted."""
    reply = rendered(markdown, footer, language="en")
    assert reply.parts
    assert reply.parts[-1].text.endswith(footer)
    for part in reply.parts:
        accepted(part)


def test_a_short_reply_is_a_message_and_no_file() -> None:
    """Narrow tables are shown in it."""
    reply = rendered("| a | b |\n|---|---|\n| 1 | 2 |", "(turn 3)", language="en")
    assert reply == Rendered((Part("a | b\n--+--\n1 | 2\n\n(turn 3)", (Span("pre", 0, 17),)),))


def test_an_empty_reply_says_so() -> None:
    """In the person's language, with the footer."""
    assert rendered(" \n", "(turn 3)", language="zh") == Rendered(
        (Part("这次我什么也没写出来。请再问一次，或者换个说法。\n\n(turn 3)"),)
    )


def test_a_small_wide_table_is_shown_in_lines_and_sent() -> None:
    """The message says where the whole is."""
    reply = rendered("before\n\n" + table(2) + "\nafter", language="en")
    (part,) = reply.parts
    assert part.text == (
        "before\n\nThe whole table (2 rows: Name, Says) is in the file table-1.csv.\n\n"
        f"Name: n0\nSays: {LONG}\n\nName: n1\nSays: {LONG}\n\nafter"
    )
    assert reply.attachments == (Attachment("table-1.csv", f"\ufeffName,Says\r\nn0,{LONG}\r\nn1,{LONG}\r\n".encode()),)


def test_a_reply_that_is_only_a_large_table_is_a_line_and_a_file() -> None:
    """Its rows are not repeated in the message."""
    reply = rendered(table(9), language="en")
    assert reply.parts == (Part("The whole table (9 rows: Name, Says) is in the file table-1.csv."),)
    assert reply.attachments[0].data.decode("utf-8-sig").count("\r\n") == 10


def test_formulas_stand_in_the_file_as_in_the_message() -> None:
    """And a second wide table has its own number."""
    reply = rendered(table(9) + "\n" + table(9).replace("n8", "$x^2$"), language="zh")
    assert [file.name for file in reply.attachments] == ["table-1.csv", "table-2.csv"]
    assert "x²," in reply.attachments[1].data.decode("utf-8-sig")


def test_a_very_long_reply_becomes_a_file() -> None:
    """The message shows its beginning up to a paragraph, the headings that follow, the file's name and the footer."""
    sections = "".join(f"\n\n## Part {n}\n\n" + "A sentence. " * 90 for n in range(24))
    reply = rendered("# Title" + sections, "(turn 3)", language="en")
    (part,) = reply.parts
    accepted(part)
    shown = part.text.split("\n\n")
    assert shown[:2] == ["Title", "Part 0"]
    assert shown[2] == " ".join(["A sentence."] * 90)
    assert shown[3].split("\n") == ["It goes on with:", *(f"• Part {n}" for n in range(1, 21))]
    assert shown[4:] == ["This is the beginning. The whole reply is in the file reply.md.", "(turn 3)"]
    assert reply.attachments == (Attachment("reply.md", ("# Title" + sections).encode()),)


def test_a_long_reply_without_structure_is_cut_at_a_sentence() -> None:
    """Also in Chinese, where no spaces are; the tables of a long reply are still files of their own."""
    reply = rendered("今天天气很好。" * 4000 + "\n\n" + table(9), language="zh")
    (part,) = reply.parts
    beginning, note = part.text.split("\n\n")
    assert beginning.endswith("很好。")
    assert 600 < len(beginning) <= 1200
    assert "reply.md" in note
    assert [file.name for file in reply.attachments] == ["reply.md", "table-1.csv"]


def test_a_reply_of_a_few_messages_stays_messages() -> None:
    """Up to as many as are allowed."""
    reply = rendered("\n\n".join(["x" * 4000] * MOST_MESSAGES), language="en")
    assert len(reply.parts) == MOST_MESSAGES
    assert reply.attachments == ()


def test_half_a_surrogate_pair_can_be_put_in_a_file() -> None:
    """As the replacement character."""
    assert "\ufffd" in rendered("a\ud83d " * 9000, language="en").attachments[0].data.decode()
