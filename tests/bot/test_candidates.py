"""Two answers: offered where the model was least sure and the budget allows, chosen, kept, interrupted, forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.assistant import Assistant, Voice
from bot.candidates import least_sure
from bot.config import ChatConfig, ModelConfig
from bot.engines.base import Generated, Generation
from memory.candidates import Doubt, candidates_of, choose, doubts_of
from memory.config import SearchConfig
from memory.erasure import forget_text, forget_turn
from memory.errors import FamiliarError, UsageError
from memory.index import Indexes
from memory.records import Found, Turn, User
from memory.search import Searcher
from memory.store import Store
from memory.turns import open_conversation, turn_by_id, turns_of
from tests.embedder import WordEmbedder
from tests.engine import ScriptedEngine
from tests.memory.life import NoAdapter

FIRST, SECOND = "A walk at noon.", "Swim, then read a book."


class DoubtfulEngine(ScriptedEngine):
    """Gives the second text when it samples, and says how sure it was of each."""

    def __init__(
        self, sureness: Callable[[str], float], *, before_word: Callable[[str], None] = lambda _: None
    ) -> None:
        super().__init__(lambda _messages: FIRST, before_word=before_word)
        self._sureness = sureness

    def generate(
        self, request: Generation, *, on_text: Callable[[str], None], cancel: threading.Event | None = None
    ) -> Generated:
        """As scripted, with a figure."""
        self._reply = lambda _messages: SECOND if request.temperature > 0 else FIRST
        made = super().generate(request, on_text=on_text, cancel=cancel)
        return Generated(**{**vars(made), "mean_logprob": self._sureness(request.messages[-1].content)})


def sureness(text: str) -> float:
    return -2.0 if "hard" in text else -0.1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "familiar.db")
    opened.add_user("ann", role="owner")
    yield opened
    opened.close()


def assistant(store: Store, engine: DoubtfulEngine, *, share: float = 0.2, trusted: bool = True) -> Assistant:
    embedder = WordEmbedder()
    indexes = Indexes(store.path.parent / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
    voice = Voice(engine, NoAdapter(), ModelConfig(), trusted=trusted, candidates_share=share)
    return Assistant(store, Searcher(store, indexes, embedder, SearchConfig()), embedder, voice, chat=ChatConfig())


def ask(store: Store, speaker: Assistant, text: str) -> tuple[User, Turn]:
    user = store.users()[0]
    where = open_conversation(store, user_id=user.id, channel="telegram", chat_id=1)
    return user, speaker.turn(text, user=user, conversation_id=where)


def offered(store: Store, speaker: Assistant) -> tuple[User, Turn]:
    """A turn with two answers, after nine that the model was sure of."""
    for number in range(9):
        user, turn = ask(store, speaker, f"Make plan {number}.")
        assert speaker.second_answer(turn, user=user) is None
    user, turn = ask(store, speaker, "Make a hard plan.")
    assert speaker.second_answer(turn, user=user) is not None
    return user, turn


def test_the_least_sure_share_is_asked_about_within_the_budget() -> None:
    """Above the quantile of earlier doubts, and never more often than the share says; by default never."""
    earlier = [Doubt(number / 10, offered=False) for number in range(10)]
    assert least_sure(0.9, earlier, share=0.1)
    assert not least_sure(0.7, earlier, share=0.1)
    assert least_sure(0.7, earlier, share=0.3)
    spent = [Doubt(1.0, offered=True), *earlier]
    assert not least_sure(5.0, spent, share=0.1)
    assert not least_sure(5.0, [], share=0.1)
    assert least_sure(0.0, [], share=1.0)
    assert not least_sure(5.0, earlier, share=0.0)
    assert not least_sure(float("nan"), earlier, share=1.0)


def test_a_doubtful_reply_comes_with_a_second_one_to_choose(store: Store) -> None:
    """Both are kept; the chosen one is the turn's reply from then on, and what the next prompt holds."""
    speaker = assistant(store, DoubtfulEngine(sureness))
    user, turn = offered(store, speaker)
    (kept,) = candidates_of(store, user_id=user.id)
    assert (kept.turn_id, kept.first, kept.second, kept.chosen) == (turn.id, FIRST, SECOND, None)
    assert turn_by_id(store, turn.id, user_id=user.id).reply == FIRST
    assert choose(store, turn.id, "second", user_id=user.id).chosen == "second"
    assert turn_by_id(store, turn.id, user_id=user.id).reply == SECOND
    assert turn_by_id(store, turn.id, user_id=user.id).generated == SECOND
    _, following = ask(store, speaker, "Tell me a joke about it.")
    assert SECOND in {message.content for message in following.prompt}
    choose(store, turn.id, "neither", user_id=user.id)
    assert turn_by_id(store, turn.id, user_id=user.id).reply == FIRST


def test_a_model_that_is_not_trusted_offers_nothing(store: Store) -> None:
    """Its reply is not its own text."""
    speaker = assistant(store, DoubtfulEngine(sureness), share=1.0, trusted=False)
    user, turn = ask(store, speaker, "Make a hard plan.")
    assert speaker.second_answer(turn, user=user) is None


def test_a_share_is_between_none_and_all(store: Store) -> None:
    """Ten means neither ten percent nor ten replies."""
    with pytest.raises(UsageError, match=r"candidates_share is 10; it must be a share, from 0 \(never\) to 1"):
        assistant(store, DoubtfulEngine(sureness), share=10)


def test_off_asks_the_model_once_a_turn(store: Store) -> None:
    """With the default share no second answer is written."""
    engine = DoubtfulEngine(sureness)
    speaker = assistant(store, engine, share=0.0)
    user, turn = ask(store, speaker, "Make a hard plan.")
    assert speaker.second_answer(turn, user=user) is None
    assert len(engine.requests) == 1


def test_a_new_message_ends_the_second_answer(store: Store) -> None:
    """Nobody waits for an answer that nobody asked for: the message is answered, and no offer is made."""
    writing, asked = threading.Event(), threading.Event()

    def hold(_word: str) -> None:
        if engine.requests[-1].temperature > 0:
            writing.set()
            assert asked.wait(20)

    engine = DoubtfulEngine(sureness, before_word=hold)
    speaker = assistant(store, engine, share=1.0)
    user, turn = ask(store, speaker, "Make a hard plan.")
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(speaker.second_answer(turn, user=user)))
    thread.start()
    assert writing.wait(20)
    speaker._second.interrupt()
    asked.set()
    _, following = ask(store, speaker, "Tell me a joke.")
    thread.join(20)
    assert results == [None]
    assert following.reply == FIRST
    assert candidates_of(store, user_id=user.id) == []


class _Interrupting:
    """A recall during which another chat's second answer begins."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self._begin = begin

    def search(self, query: str, *, user_id: int, k: int, recent: Sequence[str]) -> Found:
        """Find nothing."""
        del query, user_id, k, recent
        self._begin()
        return Found((), 0.0, answerable=False)


def test_one_that_begins_while_a_turn_recalls_is_ended_too(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The turn has asked for way already, and still does not wait for it."""
    writing, asked = threading.Event(), threading.Event()

    def hold(_word: str) -> None:
        writing.set()
        assert asked.wait(20)

    engine = DoubtfulEngine(sureness)
    speaker = assistant(store, engine, share=1.0)
    user, turn = ask(store, speaker, "Make a hard plan.")
    results: list[object] = []
    thread = threading.Thread(target=lambda: results.append(speaker.second_answer(turn, user=user)))

    def begin() -> None:
        engine._before_word = hold
        thread.start()
        assert writing.wait(20)

    def generate(request: Generation, **options: Any) -> Generated:
        if request.temperature == 0:
            asked.set()  # what follows waits for the engine
        return DoubtfulEngine.generate(engine, request, **options)

    monkeypatch.setattr(engine, "generate", generate)
    monkeypatch.setattr(speaker, "_recall", _Interrupting(begin))
    ask(store, speaker, "Tell me a joke.")
    thread.join(20)
    assert results == [None]


def test_candidates_go_with_what_they_hold(store: Store) -> None:
    """With the turn, or with a text that stands in either answer; the doubt stays with the turn."""
    speaker = assistant(store, DoubtfulEngine(sureness))
    user, turn = offered(store, speaker)
    assert doubts_of(store, user_id=user.id, before=turn.id + 1, last=1) == [Doubt(2.0, offered=True)]
    (offer,) = candidates_of(store, user_id=user.id)
    with pytest.raises(FamiliarError, match="nothing of yours holds"):  # the day of the offer is no text of theirs
        forget_text(store, None, user_id=user.id, text=offer.offered_at[:10])
    forgotten = forget_text(store, None, user_id=user.id, text="then read a book")
    assert turn.id in forgotten.redacted
    assert candidates_of(store, user_id=user.id) == []
    with pytest.raises(FamiliarError, match="no two answers"):
        choose(store, turn.id, "first", user_id=user.id)


def test_candidates_go_with_their_turn(store: Store) -> None:
    """Nothing of them is left."""
    speaker = assistant(store, DoubtfulEngine(sureness))
    user, turn = offered(store, speaker)
    forget_turn(store, None, user_id=user.id, turn_id=turn.id)
    assert store.rows("SELECT * FROM candidates") == []
    assert turn.id not in [item.id for item in turns_of(store, user_id=user.id)]


def test_another_users_turn_can_not_be_chosen(store: Store) -> None:
    """The user is part of every query."""
    speaker = assistant(store, DoubtfulEngine(sureness))
    _, turn = offered(store, speaker)
    other = store.add_user("bo", role="member")
    with pytest.raises(FamiliarError, match="no two answers"):
        choose(store, turn.id, "second", user_id=other.id)
    assert turn_by_id(store, turn.id, user_id=1).reply == FIRST
