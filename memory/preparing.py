"""From a file to passages that wait for their vectors: what an import does before the model and the database.

What a file says about owners is not believed: rows of a dialogue go to the importing user unless the caller maps them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import PurePath

from memory.chunking import chunk_document, full_text
from memory.config import ImportConfig
from memory.embedding import Embedder
from memory.importers.cleaning import clean
from memory.importers.converter import Converter
from memory.importers.note_folder import NoteFolder
from memory.importers.problems import first_few
from memory.importers.records import Conversion, ConversionError, ExtractedDocument, Hints, UnsupportedFormat, Utterance
from memory.importers.walk import FoundFile, check_size, read_file
from memory.records import Document, NewDocument, Passage, Receipt
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
    parts: tuple[Part, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Known:
    """A file whose content is stored already."""

    path: str
    source: str
    document: Document


Prepared = Receipt | Known | Ready
_NAMED_WARNINGS = 12


@dataclass(frozen=True)
class _Original:
    path: str
    source: str
    data: bytes

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
        self._embedder = embedder
        self._config = config
        self._converter = converter

    def prepare_file(self, file: FoundFile | Receipt, request: Request) -> Prepared:
        """What to store of a file, or the receipt that says why nothing; receipts of the walk pass through."""
        if isinstance(file, Receipt):
            return file
        path = str(file.path)
        try:
            data = read_file(file, max_mb=self._config.max_file_mb)
            return self._prepare(_Original(path, file.source, data), request)
        except UnsupportedFormat as exc:
            return Receipt(path, "skipped", reason=str(exc))
        except ConversionError as exc:
            return Receipt(path, "failed", reason=str(exc))

    def prepare_upload(self, name: str, data: bytes, request: Request) -> Prepared:
        """The same for bytes that came with a name."""
        name = display_name(name)
        try:
            if not data:
                raise UnsupportedFormat(f"{name} is empty")
            check_size(len(data), name, max_mb=self._config.max_file_mb)
            return self._prepare(_Original(name, name, data), request)
        except UnsupportedFormat as exc:
            return Receipt(name, "skipped", reason=str(exc))
        except ConversionError as exc:
            return Receipt(name, "failed", reason=str(exc))

    def _prepare(self, original: _Original, request: Request) -> Prepared:
        sha256 = hashlib.sha256(original.data).hexdigest()
        known = self._store.document_by(user_id=request.user_id, sha256=sha256)
        if known is not None and request.options.user_of is None:
            return Known(original.path, original.source, known)
        data = self._notes.resolved(original.source, original.data)
        converted = self._converter.convert(data, original.name, request.options.hints)
        parts = [
            part for extracted in converted.documents for part in self._parts(extracted, original, sha256, request)
        ]
        notes = (*all_warnings(converted), *notes_on_speakers(request.options, converted.documents))
        return Ready(original.path, tuple(parts), notes)

    def _parts(
        self, extracted: ExtractedDocument, original: _Original, sha256: str, request: Request
    ) -> Iterator[Part]:
        names = speakers_of(extracted)
        part = extracted.part
        new = NewDocument(
            source=f"{original.source}!/{part}" if part else original.source,
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
