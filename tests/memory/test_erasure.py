"""What is forgotten is gone from every table, file and byte, and from what others made of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from memory.config import SearchConfig
from memory.erasure import (
    Forgotten,
    forget_document,
    forget_everything,
    forget_gone,
    forget_text,
    forget_turn,
    replace_turn,
)
from memory.errors import FamiliarError
from memory.index import Indexes
from memory.records import (
    Citation,
    Message,
    NewDocument,
    NewTurn,
    Passage,
    RecalledMemory,
    Timings,
    Turn,
    UnsupportedSentence,
)
from memory.redaction import ERASED
from memory.search import Searcher
from memory.store import Store
from memory.turns import Said, add_turn, feedback_of, give_feedback, open_conversation, turn_by_id
from tests.embedder import WordEmbedder

SECRET = "The vault code at the lighthouse is heron-4417093658 and Ottilie keeps the spare key."
CHINESE = "灯塔保险箱的密码是苍鹭四四一七，备用钥匙在奥蒂莉那里。"
OTHER = "The ferry leaves at nine every morning from the north pier."


@dataclass
class Home:
    """One open home with a user and what a chat turn needs."""

    path: Path
    store: Store
    indexes: Indexes
    embedder: WordEmbedder = field(default_factory=WordEmbedder)
    user_id: int = 1
    conversation: int = 1

    def note(self, name: str, *texts: str, user_id: int | None = None) -> int:
        whole, passages = "", []
        for text in texts:
            passages.append(Passage(text, len(whole), len(whole) + len(text)))
            whole += f"{text}\n"
        document = NewDocument(source=f"/n/{name}.md", title=name, format="markdown", sha256=name, text=whole)
        vectors = self.embedder.embed_passages(list(texts))
        owner = user_id or self.user_id
        return self.store.add_document(document, passages, vectors, user_id=owner, embedder=self.embedder.key).id

    def turn(
        self,
        text: str,
        reply: str,
        *,
        recalled: Sequence[int] = (),
        history: str = "",
        before: Turn | None = None,
        unsupported: str = "",
    ) -> Turn:
        said = (Message("user", before.user_text), Message("assistant", before.reply)) if before else ()
        chunks = self.store.chunks(recalled, owners=[1, 2])
        quoted = "\n".join(f"[1] {chunk.title}: {chunk.text}" for chunk in chunks)
        turn = NewTurn(
            conversation_id=self.conversation,
            user_text=text,
            reply=reply,
            generated=reply,
            prompt=(Message("system", "Be kind."), *said, Message("user", f"{history}{quoted}\n{text}")),
            citations=tuple(Citation(1, chunk.source, chunk.title, chunk.text, chunk.id) for chunk in chunks),
            memories=tuple(RecalledMemory(chunk.id, 0.5, chunk.source, chunk.text) for chunk in chunks),
            engine="e",
            model="m",
            adapter=None,
            timings=Timings(),
            asked_at="2026-01-01T00:00:00+00:00",
            unsupported=(UnsupportedSentence(unsupported, (), 0.0, 0.5),) if unsupported else (),
        )
        told = Said((Passage(text),), self.embedder.embed_passages([text]), self.embedder.key)
        return add_turn(self.store, turn, user_id=self.user_id, said=told)

    def bytes(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.path.rglob("*") if path.is_file())

    def holds(self, *texts: str) -> list[str]:
        found = self.bytes().lower()
        return [text for text in texts if text.lower().encode() in found]

    def search(self, text: str) -> list[str]:
        searcher = Searcher(self.store, self.indexes, self.embedder, SearchConfig())
        return [hit.chunk.text for hit in searcher.search(text, user_id=self.user_id, k=9).hits]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    store = Store(tmp_path / "familiar.db")
    store.add_user("ann", role="owner")
    store.add_user("handbook", role="shared")
    embedder = WordEmbedder()
    indexes = Indexes(tmp_path / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
    home = Home(tmp_path, store, indexes, embedder)
    home.conversation = open_conversation(store, user_id=1, channel="terminal")
    yield home
    store.close()


class Learner:
    """An eraser that records what it was told, as the tuning package withdraws adapters."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.told: list[tuple[int, tuple[int, ...], tuple[int, ...]]] = []

    def erase(self, *, user_id: int, turn_ids: Sequence[int], document_ids: Sequence[int]) -> None:
        if self.fails:
            raise FamiliarError("the adapter can't be withdrawn")
        self.told.append((user_id, tuple(turn_ids), tuple(document_ids)))


def test_document_leaves_no_byte(home: Home) -> None:
    """Text, words and title of a forgotten document are nowhere in the home, other notes are."""
    document = home.note("vault", SECRET, CHINESE)
    home.note("ferry", OTHER)
    home.search("vault code")
    assert home.holds("heron-4417093658", "heron4417093658", "Ottilie", "苍鹭四四一七", "苍鹭", "ferry") == [
        "heron-4417093658", "heron4417093658", "Ottilie", "苍鹭四四一七", "苍鹭", "ferry",
    ]  # fmt: skip
    forget_document(home.store, home.indexes, user_id=1, document_id=document)
    assert home.holds("heron", "4417093658", "heron4417093658", "ottilie", "lighthouse", "苍鹭", "vault") == []
    assert home.holds("ferry") == ["ferry"]
    assert home.search("vault code of the lighthouse") == [OTHER]


def test_what_was_marked_in_a_reply_goes_with_it(home: Home) -> None:
    """The sentence is kept beside the reply, and leaves no byte when it is taken out of the reply; others stay."""
    document = home.note("vault", SECRET)
    told, other = "The code is heron-4417093658.", "Storks are white."
    turns = [home.turn("What is it?", f"{told} {other}", recalled=[1], unsupported=text) for text in (told, other)]
    forget_document(home.store, home.indexes, user_id=1, document_id=document)
    kept = [turn_by_id(home.store, turn.id, user_id=1).unsupported for turn in turns]
    assert [[item.text for item in items] for items in kept] == [[], [other]]
    assert home.holds("heron-4417093658", "storks") == ["storks"]


def test_later_turns_lose_what_they_quoted(home: Home) -> None:
    """Prompt, memories, citations and the retelling reply go; the question and other sentences stay."""
    document = home.note("vault", SECRET)
    turn = home.turn(
        "What is the code?", "You are welcome. It is heron-4417093658, and Ottilie has the key.", recalled=[1]
    )
    give_feedback(home.store, turn.id, user_id=1, correction="The vault code is heron-4417093658.")
    later = home.turn("Thanks!", "Any time.", history=f"{turn.user_text}\n{turn.reply}\n")
    learner = Learner()
    gone = forget_document(home.store, home.indexes, user_id=1, document_id=document, erasers=[learner])
    assert gone == Forgotten(documents=(document,), redacted=(turn.id, later.id))
    assert learner.told == [(1, (turn.id, later.id), (document,))]
    assert home.holds("heron", "4417093658", "Ottilie", "vault") == []
    kept = turn_by_id(home.store, turn.id, user_id=1)
    assert kept.user_text == "What is the code?"
    assert kept.reply.startswith("You are welcome.")
    assert [message.content for message in kept.prompt] == ["Be kind.", ERASED]
    assert kept.memories[0].text == kept.citations[0].text == kept.citations[0].title == ERASED
    assert feedback_of(home.store, user_id=1)[0].correction is None
    assert "Any time." in turn_by_id(home.store, later.id, user_id=1).reply


def test_what_followed_loses_what_was_retold(home: Home) -> None:
    """Also where it recalled the passage itself: the earlier reply that stands in its prompt quotes nothing."""
    document, retold = home.note("vault", SECRET), "The lighthouse vault has a code, and the spare key is Ottilie's."
    (chunk,) = home.store.rows("SELECT id FROM chunks")
    one = home.turn("Who has the key?", retold, recalled=[chunk["id"]])
    two = home.turn("And the code?", "It may rain.", recalled=[chunk["id"]], before=one)
    forget_document(home.store, home.indexes, user_id=1, document_id=document)
    assert home.holds("Ottilie") == []
    assert turn_by_id(home.store, two.id, user_id=1).prompt[1:3] == (
        Message("user", one.user_text),
        Message("assistant", ERASED),
    )


def test_documents_that_go_together_leave_as_little(home: Home) -> None:
    """Of several at once, each is taken out of the turns that recalled it, cited or not; the others' turns stay."""
    documents = [
        home.note("vault", SECRET),
        home.note("ferry", OTHER),
        home.note("attic", "Nobody asked of the attic."),
    ]
    vault = home.turn("What is the code?", "You are welcome. It is heron-4417093658.", recalled=[1])
    ferry = home.turn("When is the ferry?", "At nine every morning.", recalled=[2])
    with home.store.transaction() as db:
        db.execute("UPDATE turns SET memories = '[]' WHERE id = ?", (vault.id,))
        db.execute("UPDATE turns SET citations = '[]' WHERE id = ?", (ferry.id,))
    other = home.note("boat", "The boat is blue.")
    chunks = [row["id"] for row in home.store.rows("SELECT id FROM chunks WHERE document_id = ?", (other,))]
    kept = home.turn("Which colour?", "The boat is blue.", recalled=chunks)
    learner = Learner()
    gone = forget_gone(home.store, home.indexes, user_id=1, document_ids=documents, erasers=[learner])
    assert gone == Forgotten(documents=tuple(documents), redacted=(vault.id, ferry.id))
    assert learner.told == [(1, (vault.id, ferry.id), tuple(documents))]
    assert home.holds("heron", "4417093658", "Ottilie", "pier", "attic") == []
    assert turn_by_id(home.store, kept.id, user_id=1).reply == "The boat is blue."


def test_beginning_of_a_passage_is_taken_out_too(home: Home) -> None:
    """A prompt that was cut to fit the window holds half a passage; that half goes as well."""
    document = home.note("vault", SECRET)
    turn = home.turn("Where?", "I don't know.", recalled=[1])
    with home.store.transaction() as db:
        cut = f'[{{"role": "user", "content": "[1] {SECRET[:34]}"}}]'
        db.execute("UPDATE turns SET prompt = ?", (cut,))
    forget_document(home.store, home.indexes, user_id=1, document_id=document)
    assert [message.content for message in turn_by_id(home.store, turn.id, user_id=1).prompt] == [ERASED]
    assert home.holds("vault code", "lighthouse") == []


def test_shared_document_is_taken_out_of_everyones_turns(home: Home) -> None:
    """A knowledge base's document goes from the turns of the persons who read it."""
    document = home.note("vault", SECRET, user_id=2)
    turn = home.turn("What is the code?", "It is heron-4417093658.", recalled=[1])
    gone = forget_document(home.store, home.indexes, user_id=2, document_id=document)
    assert gone.redacted == (turn.id,)
    assert home.holds("heron", "4417093658") == []


def test_turn_leaves_no_byte(home: Home) -> None:
    """A forgotten message is gone, also from the prompts and memories of later turns."""
    home.note("ferry", OTHER)
    turn = home.turn(SECRET, "I will keep heron-4417093658 in mind.")
    chunk = home.store.rows("SELECT id FROM chunks WHERE turn_id = ?", (turn.id,))[0]["id"]
    home.turn("Go on", "Yes.", history=f"{turn.user_text}\n{turn.reply}\n")
    home.conversation = open_conversation(home.store, user_id=1, channel="terminal")
    home.turn("What was the code?", "The code is heron-4417093658.", recalled=[chunk])
    learner = Learner()
    forget_turn(home.store, home.indexes, user_id=1, turn_id=turn.id, erasers=[learner])
    assert learner.told == [(1, (1, 2, 3), ())]
    assert home.holds("heron", "4417093658", "Ottilie", "lighthouse") == []
    assert home.holds("ferry leaves", "Go on", "What was the code?") == ["ferry leaves", "Go on", "What was the code?"]


def test_text_is_forgotten_wherever_it_stands(home: Home) -> None:
    """Passages that hold it, messages that said it and replies that repeat it; the rest of the document stays."""
    document = home.note("harbour", OTHER, SECRET)
    home.note("only", "HERON-4417093658 again")
    home.turn("Remember  heron-4417093658 please", "Noted.")
    echo = home.turn("And?", "You mean heron-4417093658.")
    gone = forget_text(home.store, home.indexes, user_id=1, text="Heron-4417093658")
    assert (gone.documents, gone.turns, gone.passages) == ((2,), (1,), 1)
    assert echo.id in gone.redacted
    assert home.holds("heron", "4417093658", "Ottilie") == []
    text = home.store.document_text(document, user_id=1)
    assert text.startswith(OTHER)
    assert len(text) == len(OTHER) + len(SECRET) + 2
    assert OTHER in home.search("ferry")


def test_text_across_a_line_break_is_found(home: Home) -> None:
    """Spacing in the document does not hide a text."""
    home.note("a", "The code is\n  heron   4417093658.", OTHER)
    forget_text(home.store, home.indexes, user_id=1, text="heron 4417093658")
    assert home.holds("heron", "4417093658") == []


def test_everything_is_forgotten_of_one_user_only(home: Home) -> None:
    """All of a user's memory goes, index file included; other owners keep theirs."""
    home.note("vault", SECRET, CHINESE)
    home.note("handbook", OTHER, user_id=2)
    home.turn("My shoe size is forty-three.", "Noted.", recalled=[1])
    home.search("code")
    forget_everything(home.store, home.indexes, user_id=1)
    assert home.holds("heron", "苍鹭", "forty", "vault") == []
    assert home.search("ferry") == [OTHER]
    assert [user.name for user in home.store.users()] == ["ann", "handbook"]


def test_failing_eraser_leaves_everything(home: Home) -> None:
    """Either all of it is forgotten or nothing: a half-forgotten fact would look forgotten."""
    document = home.note("vault", SECRET)
    turn = home.turn("What is the code?", "It is heron-4417093658.", recalled=[1])
    with pytest.raises(FamiliarError, match="withdrawn"):
        forget_document(home.store, home.indexes, user_id=1, document_id=document, erasers=[Learner(fails=True)])
    assert SECRET in home.search("vault code")
    assert turn_by_id(home.store, turn.id, user_id=1) == turn


def test_nothing_of_others_can_be_forgotten(home: Home) -> None:
    """Documents, turns and texts of another user are out of reach, and said to be absent."""
    document = home.note("vault", SECRET)
    turn = home.turn("hello", "hi")
    with pytest.raises(FamiliarError, match="no document"):
        forget_document(home.store, home.indexes, user_id=2, document_id=document)
    with pytest.raises(FamiliarError, match="no turn"):
        forget_turn(home.store, home.indexes, user_id=2, turn_id=turn.id)
    with pytest.raises(FamiliarError, match="nothing of yours"):
        forget_text(home.store, home.indexes, user_id=2, text="heron-4417093658")
    with pytest.raises(FamiliarError, match="empty"):
        forget_text(home.store, home.indexes, user_id=1, text="  ")
    assert SECRET in home.search("vault code")


def test_open_reader_is_named(home: Home) -> None:
    """Where another process keeps the log busy, the user is told that bytes may stay until it ends."""
    document = home.note("vault", SECRET)
    reader = Store(home.store.path)
    with reader.transaction() as db:
        db.execute("ROLLBACK")
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM chunks").fetchall()
        home.store.rows("PRAGMA busy_timeout = 100")
        with pytest.raises(FamiliarError, match="another Familiar"):
            forget_document(home.store, home.indexes, user_id=1, document_id=document)
    reader.close()
    assert home.search("vault code") == []


def test_the_turn_that_takes_a_place_keeps_its_words(home: Home) -> None:
    """What it says again is its own, also where a turn between them recalled what is replaced."""
    old = home.turn("My cat is Tom. The locker at the pool has the number 4711.", "Noted.")
    (chunk,) = [row["id"] for row in home.store.rows("SELECT id FROM chunks WHERE turn_id = ?", (old.id,))]
    retold = home.turn("Which locker?", "The locker at the pool has the number 4711.", recalled=[chunk])
    reply = "The locker at the pool has the number 4712."
    new = home.turn("My cat is Tom. The locker at the pool has the number 4712.", reply)
    replace_turn(home.store, user_id=1, turn_id=old.id, by=[new.id])
    assert turn_by_id(home.store, new.id, user_id=1).reply == reply
    assert "4711" not in turn_by_id(home.store, retold.id, user_id=1).reply


def undelivered(home: Home, key: str, state: str, *, turn: int | None = None, user_id: int = 1) -> None:
    """A message that holds the secret and may not have arrived."""
    with home.store.transaction() as db:
        reply = db.execute(
            'INSERT INTO telegram_replies ("key", chat_id, private, user_id, turn_id, at) VALUES (?, 7, 1, ?, ?, ?)',
            (key, user_id, turn, "2026-01-01"),
        ).lastrowid
        db.execute(
            "INSERT INTO telegram_outbox (reply_id, user_id, position, text, file_name, file_text, state, at)"
            " VALUES (?, ?, 0, ?, 'code.txt', ?, ?, '2026-01-01')",
            (reply, user_id, SECRET, SECRET, state),
        )


def test_what_was_not_delivered_is_not_sent_again(home: Home) -> None:
    """Replies that quoted what is forgotten and digests of the user; what others are owed stays."""
    document = home.note("vault", SECRET)
    (chunk,) = [row["id"] for row in home.store.rows("SELECT id FROM chunks WHERE document_id = ?", (document,))]
    quoting, other = home.turn("The code?", SECRET, recalled=[chunk]), home.turn("Hello", "Hi.")
    undelivered(home, "1:0", "unknown", turn=quoting.id)
    undelivered(home, "1:1", "waiting", turn=quoting.id)
    undelivered(home, "digest:1:2026", "unknown")
    undelivered(home, "digest:2:2026", "waiting", user_id=2)
    undelivered(home, "2:0", "waiting", turn=other.id)
    forget_document(home.store, home.indexes, user_id=1, document_id=document)
    rows = home.store.rows("SELECT state, text, file_name, file_text FROM telegram_outbox ORDER BY id")
    assert [tuple(row) for row in rows[:3]] == [("refused", None, None, None)] * 3
    assert [row["state"] for row in rows[3:]] == ["waiting", "waiting"]
