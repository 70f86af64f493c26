"""A file that goes along with a reply, where messages would show its content badly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Attachment:
    """A document as it is uploaded: its name, whose ending says what it is, and its bytes."""

    name: str
    data: bytes
