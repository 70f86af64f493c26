"""From a file to passages that wait for their vectors: what an import does before the model and the database.

What a file says about owners is not believed: rows of a dialogue go to the importing user unless the caller maps them.
A file that is as it was the last time is not opened; one with known content is not converted, wherever it lies now.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from pathlib import PurePath

from memory import ledger
from memory.chunking import chunk_document, full_text
from memory.config import ImportConfig
from memory.embedding import Embedder
from memory.files import Files, FileState, ImportedFile, Seen, is_gone, is_respelled, is_unchanged, look
from memory.importers.cleaning import clean
from memory.importers.converter import Converter
from memory.importers.note_folder import NoteFolder
from memory.importers.note_names import title_of
from memory.importers.problems import first_few
from memory.importers.records import (
    Conversion,
    ConversionError,
    ExtractedDocument,
    Hints,
    UnreadableFile,
    UnsupportedFormat,
    Utterance,
)
from memory.importers.walk import FoundFile, check_size, read_file
from memory.records import Document, NewDocument, Passage, Receipt
from memory.redaction import BLANK, ERASED
from memory.store import Store


@dataclass(frozen=True)
class ImportOptions:
    """What the user says about the files."""

    me: str | None = None
    """The speaker of a dialogue who is the user."""
    learn_from: str | None = None
    """The speaker whose replies become training examples."""
    user_of: Callable[[str], int] | None = None
    """Id of the owner of a dialogue row by its "user"; without it all rows are the importing user's."""
    hints: Hints = field(default_factory=Hints)


@dataclass(frozen=True)
class Request:
    """Whose import it is, and with which options."""

    user_id: int
    options: ImportOptions = ImportOptions()


@dataclass(frozen=True)
class Part:
    """A document of one owner, ready to be embedded."""

    user_id: int
    document: NewDocument
    passages: tuple[Passage, ...]


@dataclass(frozen=True)
class Ready:
    """A converted file: one part, or one for each owner."""

    path: str
    source: str
    parts: tuple[Part, ...]
    warnings: tuple[str, ...]
    moved_from: str | None = None
    """Where the file with this content lay, which is not there any more."""
    by_name: bool = False
    """The user named this very file, or sent it."""
    replaces: tuple[int, ...] = ()
    """The documents whose new versions these are, as far as they were stored by then."""


@dataclass(frozen=True)
class Known:
    """A file whose content is stored already."""

    path: str
    source: str
    document: Document
    others: tuple[Document, ...] = ()
    """More documents of the same file."""
    moved_from: str | None = None


Outcome = Receipt | Known | Ready


@dataclass(frozen=True)
class Prepared:
    """What an import has to do for a file."""

    outcome: Outcome
    seen: Seen | None = None
    """What to note of the file; None where that is noted already, or can't be told."""


_NAMED_WARNINGS = 12
_FORGOTTEN = "you had it forgotten; it is imported again where you name the file itself"


@dataclass(frozen=True)
class _Original:
    path: str
    source: str
    data: bytes
    by_name: bool = True
    moved_from: str | None = None

    @property
    def name(self) -> str:
        return PurePath(self.path).name


class Preparer:
    """Reads, converts and chunks files one after another; used by one thread."""

    def __init__(
        self,
        store: Store,
        embedder: Embedder,
        config: ImportConfig,
        converter: Converter,
        *,
        notes: NoteFolder | None = None,
    ) -> None:
        self._notes = notes or NoteFolder(())
        self._store = store
        self._files = Files(store)
        self._embedder = embedder
        self._config = config
        self._converter = converter

    def prepare_file(self, file: FoundFile | Receipt, request: Request) -> Prepared:
        """What to store of a file, or the receipt that says why nothing; receipts of the walk pass through."""
        if isinstance(file, Receipt):
            return Prepared(file)
        path, state = str(file.path), look(file.source)
        followed = request.options.user_of is None and state is not None
        before = self._files.at(file.source, user_id=request.user_id) if followed else None
        if before is not None and state is not None and is_unchanged(before.state, state):
            outcome = self._as_before(file, before, request)
            if outcome is not None:
                self._looked_at(before, state)
                return Prepared(outcome)
        seen = Seen(file.source, state, self._conversion(request)) if followed and state is not None else None
        try:
            data = read_file(file, max_mb=self._config.max_file_mb)
            sha256 = hashlib.sha256(data).hexdigest()
            seen = replace(seen, sha256=sha256) if seen is not None else None
            if before is not None and before.sha256 == sha256:
                outcome = self._as_before(file, before, request)
                if outcome is not None:
                    return Prepared(outcome, seen)
            outcome = self._prepare(_Original(path, file.source, data, file.named), sha256, request)
            return Prepared(outcome, None if _is_forgotten(outcome) else seen)
        except UnsupportedFormat as exc:
            outcome = Receipt(path, "skipped", reason=str(exc))
        except UnreadableFile as exc:
            return Prepared(Receipt(path, "failed", reason=str(exc)))
        except ConversionError as exc:
            outcome = Receipt(path, "failed", reason=str(exc))
        return Prepared(outcome, replace(seen, sha256=None) if seen is not None else None)

    def prepare_upload(self, name: str, data: bytes, request: Request) -> Prepared:
        """The same for bytes that came with a name."""
        name = display_name(name)
        try:
            if not data:
                raise UnsupportedFormat(f"{name} is empty")
            check_size(len(data), name, max_mb=self._config.max_file_mb)
            return Prepared(self._prepare(_Original(name, name, data), hashlib.sha256(data).hexdigest(), request))
        except UnsupportedFormat as exc:
            return Prepared(Receipt(name, "skipped", reason=str(exc)))
        except ConversionError as exc:
            return Prepared(Receipt(name, "failed", reason=str(exc)))

    def _as_before(self, file: FoundFile, before: ImportedFile, request: Request) -> Outcome | None:
        """What came of the same content the last time; None where it may come out otherwise now."""
        if before.status != "indexed":
            same = before.conversion == self._conversion(request) and not file.named
            return Receipt(str(file.path), before.status, reason=before.reason) if same else None
        documents = self._documents(before, request)
        return Known(str(file.path), file.source, documents[0], tuple(documents[1:])) if documents else None

    def _documents(self, file: ImportedFile, request: Request) -> list[Document]:
        """What is stored of a file; none where some of it has gone since its note was read."""
        found = self._store.documents_by_id(file.documents, user_id=request.user_id)
        return found if len(found) == len(file.documents) else []

    def _looked_at(self, before: ImportedFile, state: FileState) -> None:
        if before.state.device != state.device:
            self._files.looked_at(before, state)

    def _conversion(self, request: Request) -> str:
        """Names what decides whether a file can be converted, besides its bytes."""
        return hashlib.sha256(f"{self._here}{request.options.hints}".encode()).hexdigest()[:16]

    @cached_property
    def _here(self) -> str:
        """The settings, the version and what is installed."""
        installed = [importlib.util.find_spec(package) is not None for package in _OPTIONAL]
        return f"{importlib.metadata.version('familiar-assistant')} {self._config} {installed}"

    def _prepare(self, original: _Original, sha256: str, request: Request) -> Outcome:
        known = self._known(original, sha256, request) if request.options.user_of is None else None
        if known is not None and not (known.moved_from and self._reads_otherwise(known)):
            return known
        if not original.by_name and ledger.is_kept_out(self._store, sha256, user_id=request.user_id):
            return Receipt(original.path, "skipped", reason=_FORGOTTEN)
        original = replace(original, moved_from=known.moved_from if known is not None else None)
        data = self._notes.resolved(original.source, original.data)
        converted = self._converter.convert(data, original.name, request.options.hints)
        parts = [
            part for extracted in converted.documents for part in self._parts(extracted, original, sha256, request)
        ]
        if not original.by_name:
            parts = [part for part in parts if not self._is_kept_out(part)]
        if not parts:
            return Receipt(original.path, "skipped", reason=_FORGOTTEN)
        notes = (*all_warnings(converted), *notes_on_speakers(request.options, converted.documents))
        ready = Ready(
            original.path,
            original.source,
            tuple(parts),
            notes,
            moved_from=original.moved_from,
            by_name=original.by_name,
        )
        older = [older_version(self._store, ready, part) for part in parts]
        return replace(ready, replaces=tuple(document.id for document in older if document is not None))

    def _is_kept_out(self, part: Part) -> bool:
        return ledger.is_kept_out(self._store, part.document.sha256, user_id=part.user_id)

    def _known(self, original: _Original, sha256: str, request: Request) -> Known | None:
        """The documents with this content, and where their file lay, if it is not there any more."""
        document = self._store.document_by(user_id=request.user_id, sha256=sha256)
        if document is not None:
            elsewhere = PurePath(document.source).is_absolute() and document.source != original.source
            elsewhere = elsewhere and ERASED not in document.source
            gone = document.source if elsewhere and self._has_left(file_of(document.source), original) else None
            return Known(original.path, original.source, document, moved_from=gone)
        for file in self._files.with_content(sha256, user_id=request.user_id):
            documents = self._documents(file, request)
            if documents and self._has_left(file.path, original):
                first, *others = documents
                return Known(original.path, original.source, first, tuple(others), moved_from=file.path)
        return None

    def _has_left(self, path: str, original: _Original) -> bool:
        return is_gone(path) or is_respelled(path, original.source)

    def _reads_otherwise(self, known: Known) -> bool:
        """Whether the new name of a moved file gives its documents another title or kind.

        Where something in them was forgotten they stay as they are: the file still says it.
        """
        old, new = PurePath(known.moved_from or "").name, PurePath(known.source).name
        documents = (known.document, *known.others)
        otherwise = PurePath(old).suffix != PurePath(new).suffix
        otherwise = otherwise or (old != new and any(title_of(old) in each.title for each in documents))
        return otherwise and not any(self._is_redacted(each) for each in documents)

    def _is_redacted(self, document: Document) -> bool:
        return BLANK in self._store.document_text(document.id, user_id=document.user_id)

    def _parts(
        self, extracted: ExtractedDocument, original: _Original, sha256: str, request: Request
    ) -> Iterator[Part]:
        names = speakers_of(extracted)
        part = extracted.part
        new = NewDocument(
            source=f"{original.source}{INNER}{part}" if part else original.source,
            title=extracted.title,
            format=extracted.format,
            sha256=extracted.sha256 or (hashlib.sha256(f"{sha256}/{part}".encode()).hexdigest() if part else sha256),
            text="",
            at=extracted.at,
            me=match_speaker(request.options.me, names) or extracted.me,
            learn_from=match_speaker(request.options.learn_from, names),
        )
        for user_id, owned in by_owner(extracted, request):
            yield Part(user_id, replace(new, text=full_text(owned)), tuple(self._chunked(owned)))

    def _chunked(self, document: ExtractedDocument) -> list[Passage]:
        return chunk_document(
            document,
            max_characters=self._config.chunk_characters,
            max_tokens=self._embedder.max_tokens,
            count_tokens=self._embedder.count_tokens,
        )


def _is_forgotten(outcome: Outcome) -> bool:
    """Whether the file, or its name, was forgotten: no note of it is kept."""
    return isinstance(outcome, Receipt) or (isinstance(outcome, Known) and ERASED in outcome.document.source)


INNER = "!/"
"""Between the path of a file and the name of a document within it."""
_OPTIONAL = ("rapidocr", "onnxruntime", "pypdfium2")
"""Packages with which more files can be read than without."""


def is_of(source: str, path: str) -> bool:
    """Whether a document is this file or lies in it."""
    return source == path or source.startswith(path + INNER)


def file_of(source: str) -> str:
    """The file in which a document is or lies, as far as a look tells: a folder's name may end in an exclamation mark,
    so where the file is known, `is_of` says it surely."""
    steps = source.split(INNER)
    heads = (INNER.join(steps[:number]) for number in range(1, len(steps)))
    return next((head for head in heads if not os.path.isdir(f"{head}!")), source)


def older_version(store: Store, item: Ready, part: Part) -> Document | None:
    """The stored version of a part: from the same place, or from where the file lay before."""
    source = part.document.source
    found = store.document_by(user_id=part.user_id, source=source)
    if found is None and item.moved_from is not None:
        before = item.moved_from + source.removeprefix(item.source)
        found = store.document_by(user_id=part.user_id, source=before)
    return found


def all_warnings(converted: Conversion) -> list[str]:
    """What a file and its parts lack, each part named: the first few, and the number of the others."""
    inner = [(item.part, text) for item in converted.documents for text in item.warnings]
    named = [f"{part}: {text}" if part else text for part, text in inner]
    return [*converted.warnings, *first_few(named, most=_NAMED_WARNINGS, what="warnings")]


def display_name(name: str) -> str:
    """The last part of an upload's name, whatever the sender's system takes for a separator."""
    return clean(PurePath(name.replace("\\", "/")).name).strip()[:255] or "document"


def by_owner(document: ExtractedDocument, request: Request) -> list[tuple[int, ExtractedDocument]]:
    """The document, or a dialogue's rows by the owner that the caller gives their "user"."""
    user_of = request.options.user_of
    if user_of is None or not document.utterances:
        return [(request.user_id, document)]
    owners: dict[int, list[Utterance]] = {}
    for row in document.utterances:
        owner = user_of(row.user) if row.user else request.user_id
        owners.setdefault(owner, []).append(row)
    return [(owner, replace(document, utterances=tuple(rows))) for owner, rows in owners.items()]


def speakers_of(document: ExtractedDocument) -> list[str]:
    """Who speaks in a dialogue, each once."""
    return list(dict.fromkeys(row.speaker for row in document.utterances))


def notes_on_speakers(options: ImportOptions, documents: tuple[ExtractedDocument, ...]) -> tuple[str, ...]:
    """Who is not there, whether it is known who the user is, and how much there is to learn from whom."""
    dialogues = [document for document in documents if document.utterances]
    notes = unknown_speakers(options, dialogues)
    open_ = [document for document in dialogues if len(speakers_of(document)) > 1 and document.me is None]
    names = list(dict.fromkeys(name for document in open_ for name in speakers_of(document)))
    if names and options.me is None and options.user_of is None:
        notes = (*notes, f"its speakers are {listed(names)}; say which one you are with --me NAME")
    replies = 0
    for document in dialogues if options.learn_from else ():
        speaker = match_speaker(options.learn_from, speakers_of(document))
        replies += count_replies((row.speaker for row in document.utterances), speaker)
    return (*notes, learnable(replies, options.learn_from)) if options.learn_from and dialogues else notes


def count_replies(speakers: Iterable[str], speaker: str | None) -> int:
    """Times that the speaker takes a turn after somebody else: what there is to learn from, as a tune counts it."""
    order = [name == speaker for name in speakers]
    return sum(own and not before for before, own in pairwise(order))


def learnable(replies: int, name: str) -> str:
    """The note on how much a dialogue has to learn from."""
    return f"{replies} {'reply' if replies == 1 else 'replies'} of {name!r} to learn from"


def unknown_speakers(options: ImportOptions, documents: Iterable[ExtractedDocument]) -> tuple[str, ...]:
    """A warning for each speaker whom the user names and no dialogue of the file has."""
    return not_among(options, list(dict.fromkeys(name for document in documents for name in speakers_of(document))))


def not_among(options: ImportOptions, names: list[str]) -> tuple[str, ...]:
    """The same for speakers by name; none where nobody speaks."""
    asked = dict.fromkeys(name for name in (options.me, options.learn_from) if name is not None)
    return tuple(no_speaker(name, names) for name in asked if names and match_speaker(name, names) is None)


def match_speaker(name: str | None, names: Iterable[str]) -> str | None:
    """The speaker of that name; upper and lower case are one where it is clear who is meant."""
    if name is None:
        return None
    alike = [speaker for speaker in names if speaker.casefold() == name.strip().casefold()]
    return name if name in alike else alike[0] if len(alike) == 1 else None


def no_speaker(name: str, names: list[str]) -> str:
    """The warning that a dialogue lacks a speaker who was named."""
    return f"nobody in it is called {name!r}; its speakers are {listed(names)}"


def listed(names: list[str]) -> str:
    """The first names."""
    return ", ".join(names[:8]) + (" and others" if len(names) > 8 else "")
