"""What the tools take and give: the JSON Schemas that clients see are made of these records, and checked by them.

Every size is bounded, since what is given is put into another model's context.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, StringConstraints

MOST_PASSAGES = 20
MOST_FACTS = 200
MOST_PASSAGE_CHARACTERS = 2000
"""Of a passage; a longer one is cut, and says so."""
MOST_SOURCE_CHARACTERS = 500
"""Of a passage under a summary, of a fact's value, and of titles."""
MOST_SUMMARY_CHARACTERS = 20_000
MOST_QUERY_CHARACTERS = 2000
MOST_NOTE_CHARACTERS = 20_000
_NO_OTHERS = ConfigDict(extra="forbid")
"""An argument that there is not is refused: left out in silence, it would seem to have been obeyed."""

Query = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_QUERY_CHARACTERS)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_NOTE_CHARACTERS)]
Topic = Annotated[str, StringConstraints(strip_whitespace=True, max_length=MOST_SOURCE_CHARACTERS)]


@dataclass(frozen=True)
class SearchArguments:
    """What is looked for."""

    __pydantic_config__: ClassVar[ConfigDict] = _NO_OTHERS
    query: Annotated[Query, Field(description="A question or words, in any language the memory is written in.")]
    limit: Annotated[
        int | None,
        Field(ge=1, le=MOST_PASSAGES, description="Most passages to return; as many as a reply uses if left out."),
    ] = None


@dataclass(frozen=True)
class FoundPassage:
    """A passage of memory."""

    id: int
    source: Annotated[str, Field(description='The path or name of the document, or "conversation".')]
    title: str
    text: str
    truncated: Annotated[bool, Field(description="The text was cut, as it is longer than a result may hold.")]
    date: Annotated[str | None, Field(description="When it was said or written, ISO 8601; null if unknown.")]
    speaker: Annotated[str | None, Field(description="Who said it, where that is known.")]
    score: Annotated[float, Field(description="Grows with relevance; comparable within one search only.")]
    remark: Annotated[str, Field(description="What later facts say of it, such as that it no longer holds.")]
    document: Annotated[int | None, Field(description="Id of the document it is from.")]
    turn: Annotated[int | None, Field(description="Id of the conversation turn it was told in.")]


@dataclass(frozen=True)
class Passages:
    """What a search found, best first."""

    passages: tuple[FoundPassage, ...]
    answerable: Annotated[
        bool, Field(description="Whether memory is likely to hold the answer; if not, these are only what is nearest.")
    ]
    confidence: Annotated[float, Field(description="0 to 1, comparable between searches.")]


@dataclass(frozen=True)
class FactsArguments:
    """Which facts are wanted."""

    __pydantic_config__: ClassVar[ConfigDict] = _NO_OTHERS
    about: Annotated[Topic | None, Field(description="Only what is linked to this person or thing.")] = None
    limit: Annotated[int, Field(ge=1, le=MOST_FACTS, description="Most facts to return.")] = 100


@dataclass(frozen=True)
class KnownFact:
    """A fact that holds now, a standing rule, or a setting of how the user wants to be answered."""

    id: str
    subject: Annotated[str, Field(description='Whom or what it is about; "user" is the user.')]
    attribute: str
    value: str
    since: Annotated[str | None, Field(description="Since when it holds, as far as it was said.")]
    said: Annotated[str | None, Field(description="When it was first said.")]
    source: Annotated[str | None, Field(description="The document or turn that states it.")]
    pinned: Annotated[bool, Field(description="The user wants it to be known in every conversation.")]
    origin: Annotated[str, Field(description='What read it: "rule", "model", or "user", who wrote it.')]


@dataclass(frozen=True)
class Facts:
    """What is known."""

    facts: tuple[KnownFact, ...]
    total: Annotated[int, Field(description="How many there are; more than are shown where the limit cuts them off.")]


@dataclass(frozen=True)
class SummaryArguments:
    """What is to be summarised."""

    __pydantic_config__: ClassVar[ConfigDict] = _NO_OTHERS
    about: Annotated[Topic | None, Field(description="A topic; everything if left out.")] = None
    since: Annotated[
        Annotated[str, StringConstraints(max_length=100)] | None,
        Field(description='Only what is new since then: an ISO date, or words such as "last week" or "上周".'),
    ] = None


@dataclass(frozen=True)
class SummarySource:
    """A passage that stands behind a summary."""

    n: Annotated[int, Field(description="Its number in the text, as in [1].")]
    id: int
    source: str
    title: str
    text: Annotated[str, Field(description=f"At most its first {MOST_SOURCE_CHARACTERS} characters.")]


@dataclass(frozen=True)
class MemorySummary:
    """A summary in which each sentence names its sources."""

    text: str
    sources: tuple[SummarySource, ...]
    truncated: Annotated[bool, Field(description="The text was cut, as it is longer than a result may hold.")]


@dataclass(frozen=True)
class NoteArguments:
    """What is to be remembered."""

    __pydantic_config__: ClassVar[ConfigDict] = _NO_OTHERS
    text: Annotated[Note, Field(description="Plain text that can be understood by itself, without this conversation.")]


@dataclass(frozen=True)
class RememberedNote:
    """What became of it."""

    document: Annotated[int, Field(description="Id of the note; `familiar forget --document ID` removes it.")]
    title: str
    known: Annotated[bool, Field(description="The same words were remembered before, so nothing was added.")]


def cut(text: str, most: int) -> str:
    """The text, or its beginning with a sign that there is more, in at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
