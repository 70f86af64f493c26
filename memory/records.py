"""What crosses the borders of the memory package, as frozen records: a value once read can't change under its reader.

Times are ISO 8601 texts. Those that say when something was said or written ("at") keep the local time of the
source as it was given; those that say when this program did something are UTC with an offset.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from memory.facts.records import Fact

Role = Literal["owner", "member", "guest", "waiting", "refused", "shared"]
"""owner: the first user; member: allowed by the owner; guest: may ask about the shared knowledge bases only; waiting:
asked, not answered yet; shared: a knowledge base."""

Kept = Literal["memory", "history", "nothing"]
"""What stays of a turn. memory: the turn, and what was told can be found and learned from; history: the turn alone;
nothing: not even that."""

ABOUT_USER = "About the user:"
"""The line of a system prompt after which each line is something that holds in every turn."""

GIVEN_ID = -1
"""The id of a passage that a turn was given and that is in no memory."""
GIVEN_REMARK = "what this message is about"
"""Stands at such a passage in the prompt."""

Form = Literal["prose", "bullets"]
Length = Literal["short", "medium", "long"]
Status = Literal["indexed", "duplicate", "skipped", "failed", "removed"]
"""removed: the file of a followed folder is gone, and what was imported from it is erased."""


@dataclass(frozen=True)
class Profile:
    """How a user likes to be answered."""

    language: str = "en"
    """"en" or "zh": the language of the interface and of summaries."""
    form: Form = "prose"
    length: Length = "medium"
    zone: str = ""
    """An IANA name such as Europe/Berlin; empty is the machine's."""
    persona: str = ""
    """How the bot speaks, in the user's own words; empty: as [chat] persona says."""


@dataclass(frozen=True)
class User:
    """An owner of memory: a person, or a shared knowledge base that persons may read."""

    id: int
    name: str
    role: Role
    telegram_id: int | None = None
    profile: Profile = field(default_factory=Profile)


@dataclass(frozen=True)
class Passage:
    """A piece of text before it is stored; ``start`` and ``end`` are character offsets into the document's text."""

    text: str
    start: int = 0
    end: int = 0
    page: int | None = None
    section: str | None = None
    speaker: str | None = None
    at: str | None = None
    external_ids: tuple[str, ...] = ()
    """Ids that the source gave its rows (dialogue turns), so that a hit can be traced to them."""


@dataclass(frozen=True)
class NewDocument:
    """A document about to be stored with its passages in one transaction."""

    source: str
    """The absolute path, or the name under which it was uploaded; a second import of the same source replaces it."""
    title: str
    format: str
    sha256: str
    """Of the original bytes: the same content twice is one document per user."""
    text: str
    """The whole extracted text, into which the passages' offsets point."""
    at: str | None = None
    me: str | None = None
    """For a dialogue: the speaker who is the user."""
    learn_from: str | None = None
    """For a dialogue: the speaker whose replies become training examples."""
    replaces: int | None = None
    """Id of the older version that goes in the same transaction."""


@dataclass(frozen=True)
class Document:
    """A stored document."""

    id: int
    user_id: int
    source: str
    title: str
    format: str
    sha256: str
    at: str | None
    me: str | None
    learn_from: str | None
    imported_at: str
    chunks: int


@dataclass(frozen=True)
class Chunk:
    """A stored passage: of a document (``document_id``) or of what the user said in a turn (``turn_id``)."""

    id: int
    user_id: int
    document_id: int | None
    turn_id: int | None
    position: int
    """Order within its document; neighbours differ by one."""
    text: str
    start: int
    end: int
    page: int | None
    section: str | None
    speaker: str | None
    at: str | None
    external_ids: tuple[str, ...]
    source: str
    """The document's path or name, or ``conversation``."""
    title: str


@dataclass(frozen=True)
class Hit:
    """A chunk that search found; ``score`` grows with relevance and is comparable within one search only."""

    chunk: Chunk
    score: float
    parts: tuple[tuple[str, float], ...] = ()
    """The named signals that made the score, for `why`."""
    remark: str = ""
    """What later facts say of it: since when its statement holds, or until when it did."""


@dataclass(frozen=True)
class Found:
    """The answer of one search."""

    hits: tuple[Hit, ...]
    """Best first; what a search may show even when nothing is relevant enough to answer from."""
    confidence: float
    """0..1: how likely it is that memory holds the answer at all, comparable between searches."""
    answerable: bool
    """``confidence`` reaches the measured threshold."""
    facts: tuple[Fact, ...] = ()
    """Facts that are what was asked for: those that hold first, then those that ended, then the links to them."""


@dataclass(frozen=True)
class Receipt:
    """What became of one file of an import."""

    path: str
    status: Status
    document: int | None = None
    chunks: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class Citation:
    """A numbered source under a reply."""

    n: int
    source: str
    title: str
    """File and page or section, or the date of the conversation."""
    text: str
    chunk_id: int


@dataclass(frozen=True)
class UnsupportedSentence:
    """A sentence of a reply that its sources don't support, and why (`bot.support`)."""

    text: str
    missing: tuple[str, ...]
    """Names and numbers that stand in none of them, and a denial that none of them makes."""
    shared: float
    """Share of its words, those of the question aside, that stand there."""
    nearness: float | None
    """Greatest cosine to a sentence of them; None where what is missing decides."""


@dataclass(frozen=True)
class RecalledMemory:
    """A memory that was given to the model in a turn."""

    id: int
    score: float
    source: str
    text: str


@dataclass(frozen=True)
class Timings:
    """Seconds and tokens of one turn."""

    retrieve_s: float = 0.0
    first_token_s: float = 0.0
    total_s: float = 0.0
    prompt_tokens: int = 0
    reply_tokens: int = 0


@dataclass(frozen=True)
class Message:
    """One chat message as a model is given it."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class NewTurn:
    """A finished turn about to be stored with everything that explains it, in one transaction."""

    conversation_id: int
    user_text: str
    reply: str
    """What was shown, reasoning parts taken out."""
    generated: str
    """What the model wrote, before it was checked against the passages; empty when it was not asked."""
    prompt: tuple[Message, ...]
    """The exact messages that the model was given."""
    citations: tuple[Citation, ...]
    memories: tuple[RecalledMemory, ...]
    engine: str
    model: str
    adapter: str | None
    timings: Timings
    asked_at: str
    mean_logprob: float | None = None
    """Mean log-likelihood of the tokens of a whole reply that the model wrote, in nats: how sure it was. None where
    the engine does not say, or the reply was cut off."""
    unsupported: tuple[UnsupportedSentence, ...] = ()
    """Sentences of the reply that are shown with a mark."""


@dataclass(frozen=True)
class Turn:
    """A stored turn."""

    id: int
    user_id: int
    conversation_id: int
    user_text: str
    reply: str
    generated: str
    prompt: tuple[Message, ...]
    citations: tuple[Citation, ...]
    memories: tuple[RecalledMemory, ...]
    engine: str
    model: str
    adapter: str | None
    timings: Timings
    asked_at: str
    mean_logprob: float | None = None
    """As in `NewTurn`."""
    unsupported: tuple[UnsupportedSentence, ...] = ()
    """As in `NewTurn`; of these only those that still stand in the reply."""


@dataclass(frozen=True)
class Feedback:
    """The newest judgement of a user on a reply."""

    turn_id: int
    vote: Literal["up", "down"] | None
    correction: str | None
    at: str
