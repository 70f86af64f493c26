"""The memory of one user as other programs may use it: searched as in a turn, and never anybody else's.

Who the user is stands fixed when the server starts; whether they may still be served is looked up at each call. What
another program has remembered is nobody's statement: it is found and cited with that program's name, and no fact is
read from it, so that nothing generated is ever taken for what the user told.
"""

from __future__ import annotations

import dataclasses
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.app import App
from bot.commands.facts import Known, known_of
from bot.engines.base import Engine, Generated, Generation
from bot.locales import say
from bot.mcp_server.records import (
    MOST_PASSAGE_CHARACTERS,
    MOST_SOURCE_CHARACTERS,
    MOST_SUMMARY_CHARACTERS,
    Facts,
    FactsArguments,
    FoundPassage,
    KnownFact,
    MemorySummary,
    NoteArguments,
    Passages,
    RememberedNote,
    SearchArguments,
    SummaryArguments,
    SummarySource,
    cut,
)
from bot.reminders.zones import zone_of
from memory.errors import FamiliarError, UsageError
from memory.facts import store as facts_store
from memory.facts.graph import around
from memory.facts.store import MYSELF, PROGRAM_NOTE
from memory.notes import NewNote, Words, keep_note
from memory.records import Hit, Message, User

_TITLE_CHARACTERS = 60
_CLIENT_CHARACTERS = 60
_SERVED = ("owner", "member")


@dataclass(frozen=True)
class Call:
    """One use of a tool."""

    client: str = ""
    """The name that the calling program gives itself; empty where it gives none."""
    cancel: threading.Event = field(default_factory=threading.Event)
    """Set when nobody waits for the result any more."""


class Cancelled(FamiliarError):
    """Nobody waits for the result any more."""


def served_user(app: App, name: str | None) -> User:
    """The user of that name, else the owner.

    :raises UsageError: there is no such user, or it is none that has a memory of their own
    """
    user = app.user(name)
    if user.role not in _SERVED:
        raise UsageError(f"--user {user.name} is {_a(user.role)}; only the memory of the owner or a member is served")
    return user


def _a(role: str) -> str:
    return "a shared knowledge base" if role == "shared" else f"a {role}"


@dataclass(frozen=True)
class UserMemory:
    """What the tools do for one user; each method may be called from any thread."""

    app: App
    user_id: int
    _making: threading.Lock = field(default_factory=threading.Lock)
    """Two first calls at once must not load a model twice."""
    _making_model: threading.Lock = field(default_factory=threading.Lock)
    """Searches don't wait for the language model's loading."""

    @property
    def user(self) -> User:
        """As stored now.

        :raises FamiliarError: they may not be served any more
        """
        user = self.app.store.user_by_id(self.user_id)
        if user.role not in _SERVED:
            raise FamiliarError("this memory may not be used any more: its user is neither the owner nor a member")
        return user

    def search(self, wanted: SearchArguments, _call: Call) -> Passages:
        """Passages about a text, best first."""
        user = self.user
        with self._making:
            searcher = self.app.searcher
        found = searcher.search(wanted.query, user_id=user.id, k=wanted.limit or self.app.settings.search.k)
        return Passages(tuple(map(passage_of, found.hits)), found.answerable, round(found.confidence, 4))

    def facts(self, wanted: FactsArguments, _call: Call) -> Facts:
        """What is known now; without a name also standing rules and settings."""
        user, store = self.user, self.app.store
        found = facts_store.facts_of(store, owners=store.readable_by(user.id))
        if wanted.about:
            found = around(found, wanted.about)
        current = [item for item in found if item.current]
        known = list(known_of(store, current, user=user, settings=not wanted.about))
        return Facts(tuple(map(fact_of, known[: wanted.limit])), len(known))

    def summarise(self, wanted: SummaryArguments, call: Call) -> MemorySummary:
        """A summary in the user's language, form and length.

        :raises Cancelled: nobody waits for it any more
        :raises FamiliarError: ``since`` names no day, or the model can't be had
        """
        user = self.user
        with self._making:
            _ = self.app.searcher
        with self._making_model:
            summarizer = self.app.summarizer
        if summarizer.engine is not None:
            engine = CancellableEngine(summarizer.engine, call.cancel)
            summarizer = dataclasses.replace(summarizer, engine=engine)
        summary = summarizer.summarize(user=user, about=wanted.about, since=wanted.since)
        sources = tuple(
            SummarySource(
                *(item.n, item.chunk_id, item.source, cut(item.title, MOST_SOURCE_CHARACTERS)),
                cut(item.text, MOST_SOURCE_CHARACTERS),
            )
            for item in summary.citations
        )
        text = cut(summary.text, MOST_SUMMARY_CHARACTERS)
        return MemorySummary(text, sources, truncated=text != summary.text)

    def remember(self, wanted: NoteArguments, call: Call) -> RememberedNote:
        """Keep a text as a note of the calling program."""
        user = self.user
        with self._making:
            parts = self.app.parts
            embedder = parts.embedder
        new = note_of(wanted.text, client=call.client, user=user, now=self.app.now())
        kept = keep_note(self.app.store, embedder, new, user=user, config=self.app.settings.import_)
        return RememberedNote(kept.document.id, kept.document.title, kept.known)


def passage_of(hit: Hit) -> FoundPassage:
    """A hit of a search as clients get it."""
    chunk = hit.chunk
    text = cut(chunk.text, MOST_PASSAGE_CHARACTERS)
    return FoundPassage(
        id=chunk.id,
        source=chunk.source,
        title=cut(chunk.title, MOST_SOURCE_CHARACTERS),
        text=text,
        truncated=text != chunk.text,
        date=chunk.at,
        speaker=chunk.speaker,
        score=round(hit.score, 4),
        remark=cut(hit.remark, MOST_SOURCE_CHARACTERS),
        document=chunk.document_id,
        turn=chunk.turn_id,
    )


def fact_of(known: Known) -> KnownFact:
    """A line of `familiar facts` as clients get it."""
    return KnownFact(
        id=known.id,
        subject=cut(known.subject, MOST_SOURCE_CHARACTERS),
        attribute=cut(known.attribute, MOST_SOURCE_CHARACTERS),
        value=cut(known.value, MOST_SOURCE_CHARACTERS),
        since=known.since,
        said=known.said,
        source=known.source,
        pinned=known.pinned,
        origin=known.origin,
    )


def note_of(text: str, *, client: str, user: User, now: datetime) -> NewNote:
    """The note that another program makes: in its name, and nobody's "I".

    :param client: the name that the program gives itself; anything may stand in it
    """
    language = user.profile.language
    who = (
        " ".join("".join(sign if sign.isprintable() else " " for sign in client).split())[:_CLIENT_CHARACTERS] or "MCP"
    )
    if who.casefold() in MYSELF | {user.name.casefold()}:
        who += " (MCP)"  # else it would be cited as what the user said, and the same words of theirs taken for known
    title = say(language, "note_by", who=who, text=cut(" ".join(text.split()), _TITLE_CHARACTERS))
    return NewNote(
        key=f"mcp/{secrets.token_hex(8)}",
        title=title,
        name=say(language, "note_name", text=title),
        words=(Words(who, text, now.astimezone(zone_of(user.profile)).isoformat()),),
        me=None,
        format=PROGRAM_NOTE,
    )


@dataclass(frozen=True)
class CancellableEngine:
    """An engine that stops writing, and begins nothing more, once a call is cancelled."""

    engine: Engine
    cancel: threading.Event

    @property
    def name(self) -> str:
        """The engine's kind."""
        return self.engine.name

    @property
    def model(self) -> str:
        """The base model's name."""
        return self.engine.model

    @property
    def context_tokens(self) -> int:
        """Tokens that prompt and reply may hold together."""
        return self.engine.context_tokens

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """Tokens of the messages, as the engine counts them."""
        return self.engine.count_tokens(messages)

    def generate(
        self, request: Generation, *, on_text: Callable[[str], None], cancel: threading.Event | None = None
    ) -> Generated:
        """Answer; ``cancel`` is the call's.

        :raises Cancelled: the call was cancelled
        :raises FamiliarError: as the engine does
        """
        del cancel
        result = None if self.cancel.is_set() else self.engine.generate(request, on_text=on_text, cancel=self.cancel)
        if result is None or result.stop == "cancelled":
            raise Cancelled("cancelled")
        return result

    def close(self) -> None:
        """Nothing to do: the engine is its owner's to close."""
