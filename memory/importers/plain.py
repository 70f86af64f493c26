"""Plain text is one block: the chunker finds paragraphs and sentences by itself."""

from __future__ import annotations

from memory.importers.records import Block, ExtractedDocument


def read_plain(text: str, *, title: str) -> ExtractedDocument:
    """The text as it is, under its name."""
    return ExtractedDocument(title=title, format="text", blocks=(Block(text.strip("\n")),))
