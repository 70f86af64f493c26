"""A desk learns from past conversations: they become searchable, teach the intents, propose templates and train.

The cleaned replies are stored as a document of the desk's knowledge base, each below a question that it answers,
through the import that everything goes through: so search finds them and forgetting erases them with all that was
learned from them. `familiar tune --user` of that knowledge base trains the desk's adapter (`tuning.sources`). Nothing
is kept of the file that the filter of personal data has not passed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.desk.pairs import Pair, clean_pairs
from bot.desk.reading import read_conversations
from bot.grounding import sentences
from memory.config import ImportConfig
from memory.desk import NewExample, add_examples, add_template
from memory.errors import FamiliarError, UsageError
from memory.ingest import ImportOptions, Ingestor
from memory.records import User
from memory.store import Store
from tuning.filters import Detectors

_CASE_ONLY = re.compile(r"\[(?:name|number|date)\]")


@dataclass(frozen=True)
class Imported:
    """What came of an import."""

    document: int | None
    pairs: int
    new: int
    """Pairs that were not known yet."""
    merged: int
    intents: int
    templates: int
    """Newly proposed."""
    left_out: tuple[tuple[str, int], ...]
    """Reasons with counts."""


@dataclass(frozen=True)
class Lessons:
    """Where lessons go, and what they pass."""

    store: Store
    ingestor: Ingestor
    detectors: Detectors
    config: ImportConfig


def knowledge_base(store: Store, name: str) -> User:
    """The desk's knowledge base ([desk] knowledge), made where there is none.

    :raises UsageError: it is the name of a person or a group
    """
    user = store.user(name) or store.add_user(name, role="shared")
    if user.role != "shared":
        raise UsageError(f"[desk] knowledge is {name!r}, which is the name of a person or a group; choose another")
    return user


def learn(path: Path, lessons: Lessons, *, desk: User, agents: Sequence[str] = ()) -> Imported:
    """Take in a file of past conversations.

    :raises UsageError: it can't be read as one
    :raises FamiliarError: it holds nothing, the filter of personal data is missing, or the store can't be written
    """
    found = read_conversations(path, agents=agents, config=lessons.config)
    cleaned = clean_pairs(found.conversations, detectors=lessons.detectors)
    document = _as_document(path, cleaned.pairs, lessons, desk)
    examples = [NewExample(pair.intent, pair.language, pair.question, pair.reply, pair.count) for pair in cleaned.pairs]
    with lessons.store.transaction():
        new = add_examples(lessons.store, examples, user_id=desk.id, document_id=document)
        proposed = [
            add_template(lessons.store, template, user_id=desk.id, document_id=document)
            for template in templates_in(cleaned.pairs)
        ]
    left_out = found.left_out + cleaned.left_out
    intents = {pair.intent for pair in cleaned.pairs if pair.intent}
    return Imported(
        document=document,
        pairs=len(cleaned.pairs),
        new=new,
        merged=cleaned.merged,
        intents=len(intents),
        templates=sum(item is not None for item in proposed),
        left_out=tuple(sorted(left_out.items())),
    )


def templates_in(pairs: Sequence[Pair]) -> list[NewExample]:
    """Templates to propose: of each intent and language every reply with a question of it, the most said first."""
    said: Counter[tuple[str, str, str]] = Counter()
    asked: dict[tuple[str, str, str], str] = {}
    for pair in pairs:
        if pair.intent and pair.template:
            key = (pair.intent, pair.language, pair.template)
            said[key] += pair.count
            asked.setdefault(key, pair.question)
    return [
        NewExample(intent, language, asked[(intent, language, text)], text, count)
        for (intent, language, text), count in said.most_common()
    ]


def searchable_text(pairs: Sequence[Pair]) -> str:
    """Each reply once, below the first question that it answers, without sentences that spoke to one customer."""
    by_reply: dict[str, str] = {}
    for pair in pairs:
        kept = " ".join(part for part in sentences(pair.reply) if not _CASE_ONLY.search(part))
        if kept:
            by_reply.setdefault(kept, " ".join(pair.question.split()))
    return "\n\n".join(f"## {question}\n\n{reply}" for reply, question in by_reply.items())


def _as_document(path: Path, pairs: Sequence[Pair], lessons: Lessons, desk: User) -> int | None:
    text = searchable_text(pairs)
    if not text:
        return None
    name = f"{path.stem}.conversations.md"
    receipt = lessons.ingestor.import_bytes(name, text.encode(), user_id=desk.id, options=ImportOptions())
    if receipt.status not in ("indexed", "duplicate"):
        raise FamiliarError(f"{path} could not be stored: {receipt.reason}")
    return receipt.document
