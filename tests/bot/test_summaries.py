"""Summaries as a user gets them: form, language, length, topic, time, sources, and what is not theirs stays out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from bot.locales import say
from bot.summaries import MOST_CHUNKS, Summarizer, on_topic, spread, summary_object
from memory.erasure import forget_document
from memory.errors import FamiliarError
from memory.records import Chunk, Found, Hit, Message, NewDocument, NewTurn, Passage, Profile, Timings, User
from memory.store import Store
from memory.turns import Said, add_turn, open_conversation
from memory.words import split_words
from tests.bot.test_salience import chunk
from tests.embedder import WordEmbedder
from tests.engine import ScriptedEngine

EMBEDDER = WordEmbedder()
ENGLISH = Profile("en", "bullets", "short")
CHINESE = Profile("zh", "prose", "long")
CABIN = "The chimney was swept on 12 June 2026. The key hangs in the woodshed. Pekka repairs the jetty for 140 euros."
RENT = "The rent is 640 euros a month. The lease ends on 31 May 2027. We like the neighbours very much indeed."


@dataclass
class WordRecall:
    """Finds the chunks that share words with the query."""

    store: Store

    def search(self, query: str, *, user_id: int, k: int, recent: Sequence[str]) -> Found:
        """Hits by the share of the query's words."""
        del recent
        owners = self.store.readable_by(user_id)
        ids = [row["id"] for row in self.store.rows("SELECT id FROM chunks")]
        words = set(split_words(query))
        hits = [
            Hit(c, len(words & set(split_words(c.text))) / len(words)) for c in self.store.chunks(ids, owners=owners)
        ]
        hits = sorted((hit for hit in hits if hit.score), key=lambda hit: -hit.score)[:k]
        return Found(tuple(hits), 1.0 if hits else 0.0, bool(hits))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty home's store."""
    return Store(tmp_path / "familiar.db")


@pytest.fixture
def user(store: Store) -> User:
    """The owner."""
    return store.add_user("ada", role="owner", profile=ENGLISH)


def summarizer(store: Store, engine: ScriptedEngine | None = None) -> Summarizer:
    """A summarizer on the last day of March 2026."""
    return Summarizer(store, WordRecall(store), EMBEDDER, engine, today=lambda: date(2026, 3, 31))


def add(store: Store, title: str, text: str, *, user: User, at: str | None = None, speaker: str | None = None) -> None:
    """A document of one passage."""
    document = NewDocument(source=f"/notes/{title}.md", title=title, format="markdown", sha256=title, text=text, at=at)
    passage = Passage(text, end=len(text), at=at, speaker=speaker)
    store.add_document(document, [passage], EMBEDDER.embed_passages([text]), user_id=user.id, embedder=EMBEDDER.key)


def tell(store: Store, text: str, *, user: User, at: str) -> None:
    """A turn in which the user told something."""
    conversation = open_conversation(store, user_id=user.id, channel="terminal")
    turn = NewTurn(conversation, text, "Noted.", "", (), (), (), "scripted", "scripted", None, Timings(), at)
    said = Said((Passage(text, end=len(text), at=at),), EMBEDDER.embed_passages([text]), EMBEDDER.key)
    add_turn(store, turn, user_id=user.id, said=said)


def test_bullets_are_verbatim_and_cited(store: Store, user: User) -> None:
    """Each bullet is a sentence of a document, word for word, with the number of that document."""
    add(store, "cabin", CABIN, user=user)
    add(store, "rent", RENT, user=user)
    summary = summarizer(store).summarize(user=user)
    title, *bullets = summary.text.split("\n")
    assert title == say("en", "summary_all")
    assert bullets == [f"- {item.text} [{item.citations[0]}]" for item in summary.sentences]
    sources = {item.n: item for item in summary.citations}
    assert all(item.text in sources[item.citations[0]].text for item in summary.sentences)
    assert {item.title for item in summary.citations} == {"cabin.md", "rent.md"}
    assert summary.parts == 1


def test_profiles_differ(store: Store, user: User) -> None:
    """Prose has a paragraph a source that names it, in the user's language; long has more sentences than short."""
    add(store, "cabin", CABIN, user=user)
    add(store, "rent", RENT, user=user)
    short = summarizer(store).summarize(user=user)
    prose = summarizer(store).summarize(user=replace(user, profile=Profile("en", "prose", "long")))
    assert len(prose.sentences) > len(short.sentences)
    assert "From “cabin”:" in prose.text
    assert "- " not in prose.text
    chinese = summarizer(store).summarize(user=replace(user, profile=CHINESE))
    assert chinese.text.startswith(say("zh", "summary_all"))
    assert "《cabin》里写着：" in chinese.text


def test_other_languages_are_quoted_and_said_so(store: Store, user: User) -> None:
    """Where no source is in the user's language the summary says so; where some are, it says some."""
    add(store, "cabin", CABIN, user=user)
    chinese = replace(user, profile=CHINESE)
    assert summarizer(store).summarize(user=chinese).text.endswith(say("zh", "cant_translate"))
    add(store, "租约", "房租每月六百四十欧元。合同到明年五月三十一日为止。", user=user)
    assert summarizer(store).summarize(user=chinese).text.endswith(say("zh", "partly_untranslated"))
    assert "[1]" in summarizer(store).summarize(user=user).text


def test_nothing_is_said_to_be_nothing(store: Store, user: User) -> None:
    """An empty memory, an unknown topic and a day without news get the same honest sentence and no citation."""
    nothing = say("en", "nothing_found")
    assert summarizer(store).summarize(user=user).text == nothing
    add(store, "cabin", CABIN, user=user, at="2026-01-02")
    for asked in ({"about": "quantum chromodynamics"}, {"since": "yesterday"}):
        summary = summarizer(store).summarize(user=user, **asked)
        assert (summary.text, summary.citations, summary.parts) == (nothing, (), 0)


def test_topic(store: Store, user: User) -> None:
    """Only passages about the topic are read, and the title names it."""
    add(store, "cabin", CABIN, user=user)
    add(store, "rent", RENT, user=user)
    summary = summarizer(store).summarize(user=user, about=" the rent ")
    assert summary.text.startswith("Summary: the rent\n")
    assert {item.title for item in summary.citations} == {"rent.md"}


def test_since_takes_documents_and_turns(store: Store, user: User) -> None:
    """What was dated or said since the day counts, conversations included; older things do not."""
    add(store, "cabin", CABIN, user=user, at="2026-03-24")
    add(store, "rent", RENT, user=user, at="2026-03-22")
    tell(store, "I have moved to Lyon with 14 boxes of books.", user=user, at="2026-03-25T09:00:00+00:00")
    tell(store, "My old flat in Ghent had 9 windows.", user=user, at="2026-03-20T09:00:00+00:00")
    summary = summarizer(store).summarize(user=user, since="last week")
    assert summary.text.startswith("Summary of your notes and conversations, since 2026-03-23")
    assert {item.title for item in summary.citations} == {"cabin.md", "conversation on 2026-03-25"}
    with pytest.raises(FamiliarError, match="names no day"):
        summarizer(store).summarize(user=user, since="soon")


def test_topic_and_day_together(store: Store, user: User) -> None:
    """Both limits hold at once."""
    add(store, "old rent", RENT, user=user, at="2026-01-02")
    add(store, "new rent", RENT.replace("640", "700"), user=user, at="2026-03-30")
    summary = summarizer(store).summarize(user=user, about="rent", since="2026-03-01")
    assert {item.title for item in summary.citations} == {"new rent.md"}


def test_other_users_stay_out(store: Store, user: User) -> None:
    """Another user's notes and words never appear; a shared knowledge base does."""
    other = store.add_user("bob", role="member")
    shared = store.add_user("house", role="shared")
    add(store, "secret", "The alarm code is 4711 and nobody knows it.", user=other)
    tell(store, "I bought a ring for 900 euros.", user=other, at="2026-03-25T09:00:00+00:00")
    add(store, "rules", RENT, user=shared)
    for asked in ({}, {"about": "alarm code rent"}, {"since": "last month"}):
        summary = summarizer(store).summarize(user=user, **asked)
        assert {item.title for item in summary.citations} == {"rules.md"}


def test_speakers_are_named(store: Store, user: User) -> None:
    """A quoted line of a dialogue says who said it."""
    add(store, "chat", "I have moved to Lyon with 14 boxes of books.", user=user, speaker="Emi")
    assert "- Emi: I have moved to Lyon" in summarizer(store).summarize(user=user).text


def test_a_large_memory_is_sampled_and_said_so(store: Store, user: User) -> None:
    """Of too many passages some of each document are read, and the summary says how many."""
    text = "\n".join(f"Item number {n} costs {n} euros." for n in range(MOST_CHUNKS + 20))
    passages = [Passage(line, end=len(line)) for line in text.split("\n")]
    document = NewDocument(source="/a.md", title="a", format="markdown", sha256="a", text=text)
    vectors = EMBEDDER.embed_passages([passage.text for passage in passages])
    store.add_document(document, passages, vectors, user_id=user.id, embedder=EMBEDDER.key)
    add(store, "cabin", CABIN, user=user)
    summary = summarizer(store).summarize(user=user)
    assert say("en", "summary_sampled", read=MOST_CHUNKS, all=MOST_CHUNKS + 21) in summary.text
    assert "cabin.md" in {item.title for item in summary.citations}


def test_a_trusted_model_writes(store: Store, user: User) -> None:
    """Its supported sentences are shown in the profile's form with renumbered sources; the others are counted."""
    add(store, "cabin", CABIN, user=user)
    add(store, "rent", RENT, user=user)
    engine = ScriptedEngine(
        lambda _: "The lease ends on 31 May 2027 [2]. It is 9 degrees [1]. Pekka repairs the jetty [1]."
    )
    summary = summarizer(store, engine).summarize(user=user)
    assert summary.text == (
        "Summary of your notes and conversations\n- The lease ends on 31 May 2027. [1]\n- Pekka repairs the jetty. [2]"
    )
    assert [item.title for item in summary.citations] == ["rent.md", "cabin.md"]
    assert summary.dropped == 1
    prose = summarizer(store, engine).summarize(user=replace(user, profile=Profile("en", "prose", "medium")))
    assert prose.text.endswith("The lease ends on 31 May 2027. [1] Pekka repairs the jetty. [2]")


def test_a_model_without_a_true_sentence_is_not_shown(store: Store, user: User) -> None:
    """Where nothing that it wrote has a source, the documents are quoted instead."""
    add(store, "cabin", CABIN, user=user)
    summary = summarizer(store, ScriptedEngine(lambda _: "Cats cost 9999 euros [1].")).summarize(user=user)
    assert "Cats" not in summary.text
    assert summary.sentences
    assert summary.dropped == 1


def test_json_shape(store: Store, user: User) -> None:
    """What `--json` prints has exactly the promised keys and is plain JSON."""
    add(store, "cabin", CABIN, user=user)
    row = json.loads(json.dumps(summary_object(summarizer(store).summarize(user=user))))
    assert list(row) == ["text", "sentences", "citations", "parts", "dropped"]
    assert set(row["sentences"][0]) == {"text", "citations"}
    assert set(row["citations"][0]) == {"n", "source", "title", "text"}


def test_unsure_search_counts_only_with_all_words() -> None:
    """Where search is not confident, a passage is on topic only if it holds all of the topic's words."""
    hits = [Hit(chunk("The red boat leaks.", document=1), 0.9), Hit(chunk("A boat.", document=2), 0.8)]
    assert [c.id for c in on_topic("red boat", hits, answerable=False)] == [1]
    assert [c.id for c in on_topic("red boat", hits, answerable=True)] == [1]
    assert on_topic("green boat", hits, answerable=False) == []


def test_spread_takes_from_every_document() -> None:
    """The first passages of all documents come before the second of any; newer documents first."""
    chunks: list[Chunk] = [chunk("x", document=n // 3, id=n) for n in range(9)]
    assert [c.id for c in spread(chunks, most=4)] == [0, 3, 6, 7]
    assert [c.id for c in spread(chunks, most=2)] == [3, 6]


def test_what_is_forgotten_meanwhile_is_not_told(store: Store, user: User) -> None:
    """The summary is made anew from what is left; what nobody forgot is not asked for twice."""
    add(store, "cabin", CABIN, user=user)
    add(store, "rent", RENT, user=user)
    asked = list[str]()

    def write(messages: tuple[Message, ...]) -> str:
        asked.append(messages[-1].content)
        if len(asked) == 1:
            forget_document(store, None, user_id=user.id, document_id=store.documents(user_id=user.id)[0].id)
        return "The chimney was swept on 12 June 2026 [1]. The rent is 640 euros a month [2]."

    summary = summarizer(store, ScriptedEngine(write)).summarize(user=user)
    assert "chimney" not in repr(summary)
    assert "640" in summary.text
    assert "chimney" in asked[0]
    assert "chimney" not in "".join(asked[1:])
