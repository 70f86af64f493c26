"""Evernote's exports (ENEX): a document a note with its dates, tags and ticked boxes, then what is attached to it.

The file is read a note at a time: attachments stand in it as text and make it large. What its DOCTYPE declares is
never seen, so no entity of its own can be expanded.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

from memory.importers.cleaning import clean, one_line
from memory.importers.html import read_html
from memory.importers.package import children, local
from memory.importers.problems import first_few
from memory.importers.records import Block, Conversion, ConversionError, ExtractedDocument, SourceFile
from memory.importers.within import STEP, Convert, Names, Within, file_step, title_step

_ROOT = b"<en-export"
_END = b"</en-export>"
_NOTE = re.compile(rb"<note(?:\s[^<>]*)?>")
_NOTE_END = b"</note>"
_TEXT, _TEXT_END = "<![CDATA[", "]]>"
_STAMP = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z")
_TODO = re.compile(r"<en-todo\b([^>]*?)/?>(?:\s*</en-todo>)?", re.IGNORECASE)
_TICKED = re.compile(r"""checked\s*=\s*["']?true""", re.IGNORECASE)
_MEDIA = re.compile(r"<en-media\b[^>]*?(?:/>|>(?:\s*</en-media>)?)", re.IGNORECASE)
_SECRET = re.compile(r"<en-crypt\b[^>]*>.*?</en-crypt>", re.IGNORECASE | re.DOTALL)
_PROLOGUE = re.compile(r"\A\s*(?:<\?xml[^>]*\?>|<!DOCTYPE[^>\[]*(?:\[[^\]]*\])?\s*>|\s)*", re.IGNORECASE)


def is_enex(data: bytes) -> bool:
    """Whether the bytes begin as an export does."""
    return _ROOT in data[:4096] and data[:100].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def read_enex(data: bytes, file: SourceFile, convert: Convert) -> Conversion:
    """Its notes, then what is attached to them; ``part`` is a note's title, and an attachment's name after it.

    :param convert: reads an attachment
    :raises ConversionError: no note can be read
    """
    names = Names()
    parts: list[str] = []
    documents: list[ExtractedDocument] = []
    problems = [] if _END in data[-4096:] else ["it is cut off; what stands before that was read"]
    for element in _notes(data):
        note = _note(element)
        parts.append(names.unique(title_step(note.title)))
        documents.append(replace(_document(note), part=parts[-1]))
        problems += [f"{parts[-1]}: {problem}" for problem in note.problems]
    if not parts:
        raise ConversionError("; ".join((f"{file.name} holds no note", *problems)))
    file.allowance.take_members(file.name, len(parts))
    within = Within(file, convert)
    documents += _attached(data, parts, within)  # a second pass, as recognising pictures may take all the time there is
    warnings = (*first_few(problems, most=8, what="notes"), *within.warnings("attachments"))
    return Conversion(tuple(documents), warnings)


def _notes(data: bytes) -> Iterator[Any]:
    """The elements of the notes, one after another; each is parsed alone, so that a damaged one costs itself."""
    from lxml import etree

    starts = [found.start() for found in _NOTE.finditer(data)]
    for start, next_ in pairwise([*starts, len(data)]):
        end = data.find(_NOTE_END, start, next_)
        text = clean(data[start : next_ if end < 0 else end + len(_NOTE_END)].decode("utf-8", "replace"))
        if text.rfind(_TEXT) > text.rfind(_TEXT_END):
            text += _TEXT_END  # it is cut off within the note's text, which a parser would drop
        parser = etree.XMLParser(
            resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, recover=True, encoding="utf-8"
        )
        element = etree.fromstring(text.encode(), parser)
        if element is not None and len(element):
            yield element


@dataclass(frozen=True)
class _Note:
    title: str
    lines: tuple[str, ...]
    """What is known of the note: tags, author, source, tasks."""
    markup: str
    at: str | None
    problems: tuple[str, ...] = ()


def _note(element: Any) -> _Note:
    content = next(children(element, "content"), None)
    markup = "" if content is None else str(content.text or "")
    problems = []
    if content is not None and content.get("encoding"):
        markup, problems = "", ["locked by a password"]
    if _SECRET.search(markup):
        markup, problems = _SECRET.sub("", markup), ["a passage in it is encrypted"]
    about = next(children(element, "note-attributes"), None)
    lines = {
        "Tags": ", ".join(filter(None, (one_line(tag.text or "") for tag in children(element, "tag")))),
        "Author": _text_of(about, "author"),
        "Source": _text_of(about, "source-url"),
        "Reminder": _moment(_text_of(about, "reminder-time")) or "",
        "Changed": _moment(_text_of(element, "updated")) or "",
    }
    return _Note(
        _text_of(element, "title") or "Untitled",
        tuple(f"{label}: {text}" for label, text in lines.items() if text),
        _with_boxes(markup, list(children(element, "task"))),
        _moment(_text_of(element, "created")),
        tuple(problems),
    )


def _with_boxes(markup: str, tasks: list[Any]) -> str:
    """ENML as a page: boxes as ``[x]``, pictures and the prologue out, the note's tasks at the end."""
    page = _MEDIA.sub("", _PROLOGUE.sub("", markup))
    page = _TODO.sub(lambda found: "[x] " if _TICKED.search(found.group(1)) else "[ ] ", page)
    for task in tasks:
        from html import escape

        box = "[x]" if _text_of(task, "taskStatus") == "completed" else "[ ]"
        due = _moment(_text_of(task, "dueDate"))
        page += f"<p>{box} {escape(_text_of(task, 'title'))}{f', due {due}' if due else ''}</p>"
    return page


def _document(note: _Note) -> ExtractedDocument:
    blocks: tuple[Block, ...] = ()
    if note.markup.strip():
        with suppress(ConversionError):  # a note of pictures only, which are attached to it
            blocks = read_html(note.markup, name=note.title, title=note.title).blocks
    first = blocks[0] if blocks else Block("")
    text = "\n\n".join(filter(None, ("\n".join(note.lines), first.text)))
    blocks = (Block(text or note.title, section=first.section), *blocks[1:])
    digest = hashlib.sha256("\0".join((note.title, note.at or "", *note.lines, note.markup)).encode("utf-8", "replace"))
    return ExtractedDocument(note.title, "note", blocks, at=note.at, sha256=digest.hexdigest())


def _attached(data: bytes, parts: list[str], within: Within) -> Iterator[ExtractedDocument]:
    if b"<resource" not in data:
        return
    for part, element in zip(parts, _notes(data), strict=False):
        names = Names()
        for number, resource in enumerate(children(element, "resource"), start=1):
            name = names.unique(_name(resource, number))
            yield from within.read(f"{part}{STEP}{name}", partial(_bytes, resource))


def _name(resource: Any, number: int) -> str:
    about = next(children(resource, "resource-attributes"), None)
    ending = _text_of(resource, "mime").rpartition("/")[2]
    name = file_step(_text_of(about, "file-name"))
    return name or f"attachment {number}.{ending or 'bin'}"


def _bytes(resource: Any) -> bytes:
    found = next(children(resource, "data"), None)
    try:
        return base64.b64decode("" if found is None else str(found.text or ""))
    except (binascii.Error, ValueError) as exc:
        raise ConversionError(f"it is damaged ({exc})") from exc


def _text_of(element: Any, name: str) -> str:
    found = None if element is None else next((child for child in element if local(child) == name), None)
    return "" if found is None else one_line(found.text or "")


def _moment(text: str) -> str | None:
    found = _STAMP.fullmatch(text)
    return "{}-{}-{}T{}:{}:{}+00:00".format(*found.groups()) if found else None
