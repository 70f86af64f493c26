"""What is forgotten while a reply is written does not come back with the turn that is then stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.assistant import Assistant, Voice
from bot.config import ChatConfig, ModelConfig
from bot.context import NO_CONTEXT, Context, Given
from bot.engines.base import AdapterFiles
from memory.config import SearchConfig
from memory.erasure import forget_document, forget_everything, forget_gone, forget_text, forget_turn, forget_turns
from memory.errors import FamiliarError
from memory.index import Indexes
from memory.records import Message, NewDocument, Passage, Turn, User
from memory.redaction import ERASED
from memory.search import Searcher
from memory.store import Store
from memory.turns import open_conversation, turn_by_id, turns_of
from memory.under_way import ForgottenMeanwhile
from tests.embedder import WordEmbedder
from tests.engine import ScriptedEngine
from tests.memory.grep import forms, grep

MARKER = "quexzil-8842771936"
SECRET = f"The vault code at the lighthouse is {MARKER} and Ottomarina keeps the spare key."
ASKED = "What is the vault code at the lighthouse?"
RETOLD = f"Sure, here you go my friend, take {MARKER} along tonight. It may rain."
Meanwhile = Callable[[Store], object]


@dataclass(frozen=True)
class OneAdapter:
    """The same adapter for everyone."""

    files: AdapterFiles | None = None

    def live(self, user_id: int) -> AdapterFiles | None:  # noqa: ARG002
        return self.files


@dataclass
class Home:
    """A home in which somebody forgets from another process while the model writes."""

    path: Path
    store: Store
    user: User
    conversation: int
    meanwhile: Meanwhile = lambda _: None
    reply: str = RETOLD
    adapter: AdapterFiles | None = None
    asked: list[tuple[Message, ...]] = field(default_factory=list)
    embedder: WordEmbedder = field(default_factory=WordEmbedder)

    def note(self, name: str, text: str, *, user_id: int | None = None, replaces: int | None = None) -> int:
        """A document of one passage; its id."""
        new = NewDocument(f"/n/{name}", name, "markdown", f"{name} {text}", text, replaces=replaces)
        passages, vectors = [Passage(text, 0, len(text))], self.embedder.embed_passages([text])
        owner = user_id or self.user.id
        return self.store.add_document(new, passages, vectors, user_id=owner, embedder=self.embedder.key).id

    def ask(self, text: str = ASKED, *, user: User | None = None, context: Context = NO_CONTEXT) -> Turn:
        """A turn, while whose reply is written everything happens that is to happen meanwhile."""
        user = user or self.user
        where = self.conversation
        if user != self.user:
            where = open_conversation(self.store, user_id=user.id, channel="terminal")
        voice = Voice(ScriptedEngine(self._write), OneAdapter(self.adapter), ModelConfig(), trusted=True)
        indexes = Indexes(
            self.path / "index", self.store, embedder_key=self.embedder.key, dimensions=self.embedder.dimensions
        )
        searcher = Searcher(self.store, indexes, self.embedder, SearchConfig(threshold=0.0))
        assistant = Assistant(self.store, searcher, self.embedder, voice, chat=ChatConfig(), passages=4)
        return assistant.turn(text, user=user, conversation_id=where, context=context)

    def _write(self, messages: tuple[Message, ...]) -> str:
        self.asked.append(messages)
        with closing(Store(self.path / "familiar.db")) as other:  # as another process has it open
            self.meanwhile(other)
            other.scrub()
        return self.reply

    def told_before(self) -> int:
        """An earlier turn of the conversation in which the user told it; its number."""
        self.reply = "Noted."
        turn = self.ask(f"Please remember this: {SECRET}")
        self.reply, self.asked = RETOLD, []
        return turn.id

    def left(self) -> list[str]:
        """Where the marker still stands in any byte of the home."""
        self.store.scrub()
        return [place for place in grep(self.path, forms(MARKER)) if place.endswith(("utf-8", "json"))]

    def waiting(self) -> int:
        """Turns that are noted as being answered."""
        return int(self.store.rows("SELECT count(*) FROM turns_under_way")[0][0])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home of one user, and another for the page that all share."""
    store = Store(tmp_path / "familiar.db")
    user = store.add_user("ann", role="owner")
    yield Home(tmp_path, store, user, open_conversation(store, user_id=user.id, channel="terminal"))
    store.close()


FORGET: dict[str, Callable[[Home, int], Meanwhile]] = {
    "document": lambda home, id_: lambda store: forget_document(store, None, user_id=home.user.id, document_id=id_),
    "gone": lambda home, id_: lambda store: forget_gone(store, None, user_id=home.user.id, document_ids=[id_]),
    "text": lambda home, _: lambda store: forget_text(store, None, user_id=home.user.id, text=MARKER.upper()),
}


@pytest.mark.parametrize("kind", FORGET)
def test_a_document_or_text_does_not_come_back(home: Home, kind: str) -> None:
    """Prompt, citations, memories, reply and what the model wrote are stored as if it was forgotten right after."""
    document = home.note("vault", SECRET)
    home.meanwhile = FORGET[kind](home, document)
    turn = home.ask()
    assert MARKER in home.asked[0][-1].content
    assert home.left() == []
    stored = turn_by_id(home.store, turn.id, user_id=home.user.id)
    assert stored == turn
    assert (stored.reply, stored.generated) == (f"{ERASED} It may rain.",) * 2
    assert [item.text for item in stored.memories] == [ERASED]
    assert stored.prompt[-1].content == ERASED
    assert stored.user_text == ASKED
    assert home.waiting() == 0


def test_a_short_text_goes_wherever_it_stands(home: Home) -> None:
    """Also out of a sentence that has nothing else of the passage, in other letters: it is known by where it stood."""
    home.note("vault", "The vault code at the lighthouse is Heron-44, and the key is with Ottomarina.")
    home.reply = "Sure, here you go my friend, take hERON-44 along tonight. It may rain."
    home.meanwhile = lambda store: forget_text(store, None, user_id=home.user.id, text="heron-44")
    turn = home.ask()
    assert "heron" not in repr(turn_by_id(home.store, turn.id, user_id=home.user.id)).lower()
    assert turn.reply.endswith("It may rain.")


def test_a_turn_that_is_forgotten_leaves_the_history(home: Home) -> None:
    """What was said before in the conversation stands in the prompt, and what was told in the notes."""
    told = home.told_before()
    home.meanwhile = lambda store: forget_turn(store, None, user_id=home.user.id, turn_id=told)
    turn = home.ask()
    assert any(MARKER in message.content for message in home.asked[0][:-1])
    assert home.left() == []
    assert MARKER not in turn.reply
    assert [turn.id] == [stored.id for stored in turns_of(home.store, user_id=home.user.id)]


def test_two_erasures_take_both(home: Home) -> None:
    """One after the other while the same reply is written."""
    told, document = home.told_before(), home.note("pier", "The pier code at the lighthouse is brillwax-5519.")

    def both(store: Store) -> None:
        forget_document(store, None, user_id=home.user.id, document_id=document)
        forget_turns(store, None, user_id=home.user.id, turn_ids=[told])

    home.reply, home.meanwhile = f"Take {MARKER} and brillwax-5519.", both
    turn = home.ask()
    assert home.left() == []
    assert "brillwax" not in repr(turn_by_id(home.store, turn.id, user_id=home.user.id))


def test_the_mark_itself_can_be_forgotten(home: Home) -> None:
    """Where a text was blanked already, its mark names no place in what stood there."""
    document = home.note("vault", SECRET)

    def both(store: Store) -> None:
        forget_document(store, None, user_id=home.user.id, document_id=document)
        home.note("mark", "The word erased stands here.")
        forget_text(store, None, user_id=home.user.id, text="erased")

    home.meanwhile = both
    assert home.ask().reply == f"{ERASED} It may rain."
    assert home.left() == []


def test_a_line_about_the_user_goes_from_the_beginning(home: Home) -> None:
    """A standing rule stands in every prompt, in whatever conversation it was laid down."""
    home.reply = "Fine."
    rule = home.ask(f"From now on always mention {MARKER} in your replies.").id
    home.conversation = open_conversation(home.store, user_id=home.user.id, channel="terminal")
    home.reply, home.asked = RETOLD, []
    home.meanwhile = lambda store: forget_turn(store, None, user_id=home.user.id, turn_id=rule)
    turn = home.ask("Write me a poem.")
    assert MARKER in home.asked[0][0].content
    assert home.left() == []
    assert MARKER not in turn.reply


def test_of_everything_nothing_is_left(home: Home) -> None:
    """The turn goes with all others: it is not stored, and whoever waits is told so instead of the reply."""
    home.note("vault", SECRET)
    home.meanwhile = lambda store: forget_everything(store, None, user_id=home.user.id)
    with pytest.raises(ForgottenMeanwhile, match="nothing was kept"):
        home.ask()
    assert home.left() == []
    assert turns_of(home.store, user_id=home.user.id) == []


def test_a_message_that_holds_the_text_goes_as_a_whole(home: Home) -> None:
    """As a stored turn does whose message holds it."""
    home.note("ferry", "The ferry leaves at nine.")
    home.meanwhile = lambda store: forget_text(store, None, user_id=home.user.id, text=MARKER)
    with pytest.raises(ForgottenMeanwhile, match="nothing was kept"):
        home.ask(f"Write me a poem about {MARKER}.")
    assert home.left() == []
    assert turns_of(home.store, user_id=home.user.id) == []


def test_a_shared_page_leaves_everyones_turn(home: Home) -> None:
    """The turn of another user than the one whose memory forgets."""
    shared = home.store.add_user("handbook", role="shared")
    document = home.note("vault", SECRET, user_id=shared.id)
    home.meanwhile = lambda store: forget_document(store, None, user_id=shared.id, document_id=document)
    bo = home.store.add_user("bo", role="member")
    turn = home.ask(user=bo)
    assert MARKER in home.asked[0][-1].content
    assert home.left() == []
    assert turn.reply == f"{ERASED} It may rain."


def test_what_a_message_came_with_goes_too(home: Home) -> None:
    """A forwarded text that was imported is given to the turn that asks about it, and stands in no memory of it."""
    document = home.note("vault", SECRET)
    home.meanwhile = lambda store: forget_document(store, None, user_id=home.user.id, document_id=document)
    given = Given("Message of Bo", (SECRET,), cited=True)
    turn = home.ask("Thanks, sum it up.", context=Context(given=(given,)))
    assert MARKER in home.asked[0][-1].content
    assert home.left() == []
    assert MARKER not in turn.reply


def test_what_an_adapter_knows_by_heart_goes(home: Home) -> None:
    """It was withdrawn while it wrote, because it has learned what was forgotten: no passage is needed to say it."""
    home.note("ferry", "The ferry leaves at nine.")
    home.meanwhile = withdrawing(home)
    turn = home.ask("Write me a poem.")
    assert (turn.reply, turn.generated) == (ERASED, ERASED)
    assert home.left() == []


def test_what_is_forgotten_while_it_is_read_is_read_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything of the turn is written down, so that the model is never given it."""
    home.note("ferry", "The ferry leaves at nine.")
    document, searched, search = home.note("vault", SECRET), list[object](), Searcher.search

    def and_forget(self: Searcher, *args: object, **options: object) -> object:
        found = search(self, *args, **options)  # type: ignore[arg-type]
        if not searched:
            with closing(Store(home.path / "familiar.db")) as other:
                forget_document(other, None, user_id=home.user.id, document_id=document)
        searched.append(found)
        return found

    monkeypatch.setattr(Searcher, "search", and_forget)
    home.reply = "The ferry leaves at nine."
    home.ask("When does the ferry to the lighthouse leave, and what is the vault code?")
    assert len(searched) == 2
    assert MARKER not in repr(home.asked)
    assert home.left() == []


def test_what_has_nothing_to_do_with_it_changes_nothing(home: Home) -> None:
    """Another document is forgotten: the turn is stored whole, and what was told in it can be found."""
    home.note("vault", SECRET)
    other = home.note("tin", "Bo hides the harbour ticket in the blue tin, brillwax-5519.")
    home.meanwhile = lambda store: forget_document(store, None, user_id=home.user.id, document_id=other)
    home.reply = f"It is {MARKER} [1]."
    turn = home.ask()
    stored = turn_by_id(home.store, turn.id, user_id=home.user.id)
    assert stored.reply == home.reply
    assert [item.text for item in stored.citations] == [SECRET]
    assert stored.prompt[:-1] == home.asked[0][:-1]


def test_what_the_user_tells_meanwhile_stays(home: Home) -> None:
    """Only what the reply rests on is forgotten, not the message."""
    document = home.note("vault", SECRET)
    home.meanwhile = lambda store: forget_document(store, None, user_id=home.user.id, document_id=document)
    told = "My sister Eva lives in Ghent near the lighthouse."
    home.ask(told)
    assert [row["text"] for row in home.store.rows("SELECT text FROM chunks")] == [told]
    assert home.left() == []


def test_a_new_version_meanwhile_hands_on_its_passages(home: Home) -> None:
    """The stored turn names the passages of the new version, so that a later forgetting finds it."""
    document = home.note("vault", SECRET)

    def renew(store: Store) -> None:
        text = f"{SECRET}\n"
        new = NewDocument("/n/vault", "vault", "markdown", "v2", text, replaces=document)
        passages, vectors = [Passage(SECRET, 0, len(SECRET))], home.embedder.embed_passages([SECRET])
        store.add_document(new, passages, vectors, user_id=home.user.id, embedder=home.embedder.key)

    home.meanwhile, home.reply = renew, f"It is {MARKER} [1]."
    turn = home.ask()
    (chunk,) = home.store.rows("SELECT id FROM chunks")
    assert {item.id for item in turn.memories} == {item.chunk_id for item in turn.citations} == {chunk["id"]}
    assert turn.reply == home.reply
    forget_document(home.store, None, user_id=home.user.id, document_id=document)
    assert home.left() == []


def test_of_a_turn_that_is_not_kept_no_more_is_told(home: Home) -> None:
    """Nothing of it is written down, and its reply goes on without what was forgotten."""
    document = home.note("vault", SECRET)
    seen = list[int]()

    def forget(store: Store) -> None:
        seen.append(home.waiting())
        forget_document(store, None, user_id=home.user.id, document_id=document)

    home.meanwhile = forget
    turn = home.ask(context=Context(keep="nothing"))
    assert (turn.id, turn.reply, seen) == (0, f"{ERASED} It may rain.", [0])
    assert home.left() == []


def withdrawing(home: Home) -> Meanwhile:
    """An adapter answers that is withdrawn meanwhile."""
    home.adapter = AdapterFiles("a1", home.path / "a1")

    def withdraw(store: Store) -> None:
        with store.transaction() as db:
            db.execute(
                "INSERT INTO adapters (id, user_id, status, base_model, base_sha256, template_sha256, started_by,"
                " started_at) VALUES ('a1', ?, 'withdrawn', 'b', 'b', 't', 'cli', '2026-01-01')",
                (home.user.id,),
            )

    return withdraw


UNTRACED: dict[str, Callable[[Home, int], Meanwhile]] = {
    "a text": FORGET["text"],
    "the history": lambda home, id_: lambda store: forget_turn(store, None, user_id=home.user.id, turn_id=id_),
    "an adapter": lambda home, _: withdrawing(home),
}


@pytest.mark.parametrize("kind", UNTRACED)
def test_where_it_can_not_be_traced_nothing_is_told(home: Home, kind: str) -> None:
    """Of a turn that is written down nowhere only passages are known to have gone; the reply may hold the rest."""
    home.meanwhile = UNTRACED[kind](home, home.told_before())
    with pytest.raises(ForgottenMeanwhile, match="ask again"):
        home.ask("Write me a poem.", context=Context(keep="nothing"))


def test_what_others_forget_withholds_nothing(home: Home) -> None:
    """The reply rests on nothing of theirs."""
    bo = home.store.add_user("bo", role="member")
    home.note("tin", "The ticket is in the blue tin.", user_id=bo.id)
    home.meanwhile = lambda store: forget_text(store, None, user_id=bo.id, text="blue tin")
    assert home.ask("Write me a poem.", context=Context(keep="nothing")).reply == RETOLD


def test_a_reply_that_fails_leaves_nothing(home: Home) -> None:
    """Whatever ends it."""

    def fail(_store: Store) -> None:
        raise FamiliarError("the model is gone")

    home.meanwhile = fail
    home.note("vault", SECRET)
    with pytest.raises(FamiliarError, match="the model is gone"):
        home.ask()
    assert home.waiting() == 0


def test_what_a_killed_process_left_is_forgotten_and_cleared(home: Home) -> None:
    """Its turn can never be stored: forgetting blanks it while it lies there, and another day's turn deletes it."""
    document = home.note("vault", SECRET)
    row = (home.user.id, home.conversation, ASKED, f'[{{"role": "user", "content": "{SECRET}"}}]')
    (chunk,) = home.store.rows("SELECT id FROM chunks")
    memories = f'[{{"id": {chunk["id"]}, "score": 1.0, "source": "vault", "text": "{SECRET}"}}]'
    old = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    with home.store.transaction() as db:
        db.execute(
            "INSERT INTO turns_under_way (user_id, conversation_id, user_text, prompt, citations, memories, asked_at)"
            " VALUES (?, ?, ?, ?, '[]', ?, ?)",
            (*row, memories, old),
        )
    forgotten = forget_document(home.store, None, user_id=home.user.id, document_id=document)
    assert (forgotten.redacted, home.waiting(), home.left()) == ((), 1, [])
    home.reply = "Hello."
    home.ask("Good morning!")
    assert home.waiting() == 0


def test_a_conversation_that_is_gone_is_named(home: Home) -> None:
    """Everything was forgotten between the message and its turn."""
    forget_everything(home.store, None, user_id=home.user.id)
    with pytest.raises(ForgottenMeanwhile, match="this conversation was forgotten"):
        home.ask("Good morning!")
