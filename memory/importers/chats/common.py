"""What all exports of conversations share: lines made fit to store, chats with names of their own, counted losses."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from memory.importers.cleaning import clean, one_line
from memory.importers.problems import first_few
from memory.importers.records import Conversion, ConversionError, ExtractedDocument, Utterance

_LONGEST_NAME = 120


@dataclass
class Chat:
    """A conversation while it is read."""

    title: str
    format: str
    lines: list[Utterance] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    me: str | None = None
    """The speaker who owns the account, where the export says so."""

    def add(self, id_: object, speaker: str, text: str, *, at: str | None = None, role: str | None = None) -> None:
        """Append a line, unless it is without words."""
        text = clean(text).strip()
        if text:
            self.lines.append(Utterance(str(id_), one_line(speaker) or "unknown", text, at, role=role))

    def document(self) -> ExtractedDocument:
        """The chat as it is handed over; the account's owner only where he says something in it."""
        speakers = {line.speaker for line in self.lines}
        return ExtractedDocument(
            title=one_line(self.title)[:_LONGEST_NAME],
            format=self.format,
            utterances=tuple(self.lines),
            warnings=first_few(self.problems),
            at=next((line.at for line in self.lines if line.at), None),
            me=self.me if self.me in speakers else None,
        )


def single(chat: Chat, *, name: str) -> ExtractedDocument:
    """The document of a file that holds one chat.

    :raises ConversionError: nothing in it can be read
    """
    if not chat.lines:
        raise ConversionError("; ".join((f"{name} holds no message with text", *first_few(chat.problems))))
    return chat.document()


def account(chats: Iterable[Chat], *, name: str, problems: Sequence[str] = ()) -> Conversion:
    """The chats of a file that may hold several, each under a name of its own; those without a line are left out.

    :raises ConversionError: none holds a line
    """
    documents = [chat.document() for chat in chats if chat.lines]
    if not documents:
        raise ConversionError("; ".join((f"{name} holds no message with text", *first_few(problems))))
    return Conversion(tuple(with_parts(documents)), first_few(problems))


def with_parts(documents: Iterable[ExtractedDocument]) -> Iterator[ExtractedDocument]:
    """Each with its title as ``part``, numbered where titles repeat, and with the hash of what is said in it.

    By that hash a conversation that has not changed since an older export is known again.
    """
    used: Counter[str] = Counter()
    for document in documents:
        part = document.title.replace("/", "\u2215") or "untitled"
        used[part.casefold()] += 1
        if used[part.casefold()] > 1:
            part = f"{part} ({used[part.casefold()]})"
            used[part.casefold()] += 1
        yield replace(document, part=part, sha256=document.sha256 or _hash(document))


def _hash(document: ExtractedDocument) -> str:
    digest = hashlib.sha256(document.title.encode())
    for line in document.utterances:
        digest.update("\0".join((line.id, line.speaker, line.text, line.at or "")).encode("utf-8", "replace"))
    for block in document.blocks:
        digest.update(block.text.encode("utf-8", "replace"))
    return digest.hexdigest()


def distinct(names: dict[str, str]) -> dict[str, str]:
    """Names by id, so that two people who share one are told apart by their id."""
    shared = Counter(one_line(name) for name in names.values())
    return {id_: f"{name} ({id_})" if shared[one_line(name)] > 1 else name for id_, name in names.items()}
