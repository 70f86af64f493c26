"""What crosses the pipe arrives as it was."""

from __future__ import annotations

import pytest

from memory.importers.records import Block, Conversion, ExtractedDocument, Utterance
from memory.importers.wire import pack, unpack

_BLOCKS = (Block("text\nof two lines", page=2, section="A > B"), Block("你好 😀"))


def test_documents_come_back_as_they_were() -> None:
    """Every field of every record, also of more utterances than one line of the format holds."""
    lines = tuple(Utterance(str(n), "Ada", f"line {n}", "2024-01-01", "u", "user") for n in range(4321))
    conversion = Conversion(
        (
            ExtractedDocument("T", "pdf", _BLOCKS, warnings=("w",), at="2024-01-01", part="p", sha256="s"),
            ExtractedDocument("C", "telegram", utterances=lines, me="Ada"),
            ExtractedDocument("empty", "text"),
        ),
        ("as a whole",),
    )
    assert unpack(pack(conversion)) == conversion


def test_half_of_it_is_no_conversion() -> None:
    """A reply that was cut off is never taken for a shorter document."""
    packed = pack(Conversion((ExtractedDocument("T", "text", _BLOCKS),)))
    with pytest.raises(ValueError, match="2 rows are missing"):
        unpack(packed[: packed.index(b"\n") + 1])


def test_a_lone_surrogate_does_not_stop_it() -> None:
    """Text that no encoding has is replaced."""
    (document,) = unpack(pack(Conversion((ExtractedDocument("T", "text", (Block("a\ud800b"),)),)))).documents
    assert document.blocks[0].text == "a?b"
