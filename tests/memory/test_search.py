"""Search finds what a user may read, whatever is typed, and says how sure it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.bench.memory import in_turn
from memory.config import SearchConfig
from memory.index import Indexes
from memory.records import Found, Message, NewDocument, NewTurn, Passage, Timings
from memory.search import Searcher, interleave
from memory.store import Store
from memory.turns import Said, add_turn, open_conversation
from memory.words import owned_word, stem
from tests.embedder import WordEmbedder


@dataclass
class Home:
    """A store with its searcher."""

    store: Store
    indexes: Indexes
    embedder: WordEmbedder
    searcher: Searcher

    def note(
        self, name: str, *texts: str, user_id: int = 1, at: str | None = None, speakers: Sequence[str] = ()
    ) -> int:
        passages = [
            Passage(
                text, at=at, speaker=speakers[place % len(speakers)] if speakers else None, external_ids=(f"{place}",)
            )
            for place, text in enumerate(texts)
        ]
        document = NewDocument(source=f"/n/{name}", title=name, format="plain", sha256=name, text="\n".join(texts))
        vectors = self.embedder.embed_passages(list(texts))
        return self.store.add_document(document, passages, vectors, user_id=user_id, embedder=self.embedder.key).id

    def told(self, text: str, *, conversation: int) -> int:
        said = Said((Passage(text, at="2026-02-01T10:00:00"),), self.embedder.embed_passages([text]), self.embedder.key)
        turn = NewTurn(
            conversation_id=conversation, user_text=text, reply="Noted.", generated="", prompt=(Message("user", text),),
            citations=(), memories=(), engine="e", model="m", adapter=None, timings=Timings(), asked_at="2026-02-01",
        )  # fmt: skip
        return add_turn(self.store, turn, user_id=1, said=said).id

    def find(self, text: str, *, user_id: int = 1, k: int = 5, before: str | None = None) -> list[str]:
        return texts(self.searcher.search(text, user_id=user_id, k=k, before=before))


def texts(found: Found) -> list[str]:
    return [hit.chunk.text for hit in found.hits]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    yield from _homes(tmp_path)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    for home in _homes(tmp_path_factory.mktemp("filled")):
        home.note(
            "policy", "The policy POL-358 ends in March.", "Ann AND Bob are NEAR the lake.", "重跑任务后悬空引用清零"
        )
        home.note("diary", "2026-05-08 was a good day", "don't use the lift", "@nasa launched why?")
        yield home


def _homes(folder: Path) -> Iterator[Home]:
    store, embedder = Store(folder / "familiar.db"), WordEmbedder()
    for name, role in (("ann", "owner"), ("ben", "member"), ("handbook", "shared")):
        store.add_user(name, role=role)  # type: ignore[arg-type]
    indexes = Indexes(folder / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
    yield Home(store, indexes, embedder, Searcher(store, indexes, embedder, SearchConfig()))
    store.close()


ODD = [
    *('"', "don't", "POL-358", "2026-05-08", "AND", "a OR NOT b", "NEAR(x y)", "x*", "words:x", "^x", "-!?", "🍕", ""),
    *(
        " ",
        "(",
        "'; DROP TABLE chunks; --",
        "@nasa",
        "why?",
        "*",
        "{}",
        "\x00",
        "悬空",
        "猫",
        "x" * 10_000,
        "why " * 2500,
    ),
]


@pytest.mark.parametrize("question", ODD, ids=lambda text: repr(text[:12]))
def test_no_question_is_a_syntax_error(filled: Home, question: str) -> None:
    """Quotes, operators, punctuation, emoji, nothing and ten thousand characters are questions like others."""
    found = filled.searcher.search(question, user_id=1, k=3)
    assert len(found.hits) == (3 if question.strip() else 0)
    assert 0.0 <= found.confidence <= 1.0


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_can_be_searched(filled: Home, question: str) -> None:
    """No text fails."""
    assert len(filled.searcher.search(question, user_id=1, k=3).hits) in (0, 3)


@pytest.mark.parametrize(
    ("question", "begins"),
    [
        ("POL-358", "The policy"),
        ("2026-05-08", "2026-05-08"),
        ("悬空", "重跑"),
        ("@nasa", "@nasa"),
        ("don't use", "don't"),
    ],
)
def test_exact_token_is_found_first(filled: Home, question: str, begins: str) -> None:
    """Codes, dates, handles and two Chinese characters inside a clause find their passage."""
    assert filled.find(question)[0].startswith(begins)


def test_rare_token_beats_similar_passages(home: Home) -> None:
    """One passage with the very code is ahead of many about the same thing."""
    many = [f"The car insurance policy number {n} of my car insurance was renewed, policy POL-{n}" for n in range(40)]
    home.note("many", *many)
    home.note("one", "Reference POL-358, see folder.")
    assert home.find("What is my car insurance policy POL-358?", k=3)[0] == "Reference POL-358, see folder."


def test_only_own_and_shared_memory_is_read(home: Home) -> None:
    """Another person's passages are never found, a shared knowledge base's are."""
    home.note("a", "ann keeps the garden key", user_id=1)
    home.note("b", "ben keeps the garden key", user_id=2)
    home.note("c", "the office keeps the garden key", user_id=3)
    assert sorted(home.find("garden key", user_id=1)) == ["ann keeps the garden key", "the office keeps the garden key"]
    assert sorted(home.find("garden key", user_id=2)) == ["ben keeps the garden key", "the office keeps the garden key"]


def test_words_of_others_do_not_change_rarity(home: Home) -> None:
    """Scores and confidence of a user are the same whether or not others store texts."""
    home.note("a", "the garden key hangs here", "the lake is deep", user_id=1)
    before = home.searcher.search("garden key", user_id=1, k=2)
    home.note("b", *[f"garden key number {n}" for n in range(30)], user_id=2)
    after = home.searcher.search("garden key", user_id=1, k=2)
    assert before == after


def test_only_earlier_passages_are_found_before_a_time(home: Home) -> None:
    """Later, equal and undated passages are out; so is one dated only by the very day."""
    for at in ("2026-01-01T10:00:00", "2026-01-02T10:00:00", "2026-01-02", "2026-01-03", None):
        home.note(f"n{at}", f"garden key seen {at}", at=at)
    assert home.find("garden key", before="2026-01-02T10:00:00") == ["garden key seen 2026-01-01T10:00:00"]
    assert sorted(home.find("garden key", before="2026-01-03")) == [
        "garden key seen 2026-01-01T10:00:00", "garden key seen 2026-01-02", "garden key seen 2026-01-02T10:00:00",
    ]  # fmt: skip
    assert len(home.find("garden key")) == 5


def test_limits_hold_while_candidates_are_named(home: Home) -> None:
    """What may be found is found even where more passages than are ever nominated fit better but may not."""
    later = [f"garden key garden key {n}" for n in range(SearchConfig().candidates + 50)]
    home.note("later", *later, at="2026-03-01")
    home.note("early", "the key", at="2026-01-01")
    assert home.find("garden key", before="2026-02-01") == ["the key"]
    conversation = open_conversation(home.store, user_id=1, channel="terminal")
    said = [home.told(f"hamster wheel hamster {n}", conversation=conversation) for n in range(220)]
    home.note("one", "about a hamster")
    found = home.searcher.search("hamster wheel", user_id=1, k=1, exclude_turns=said)
    assert texts(found) == ["about a hamster"]


def test_neighbours_speak_for_a_line_of_a_dialogue(home: Home) -> None:
    """An answer that shares no word with the question is found through the line before it."""
    lines = [f"line {n} about nothing in particular" for n in range(80)]
    lines[40:42] = ["What is the name of your hamster?", "Biscuit, since he is round and brown all over!!"]
    home.note("talk", *lines, speakers=("Ann", "Ben"))
    assert "Biscuit, since he is round and brown all over!!" in home.find("hamster name", k=3)


def test_named_speaker_comes_first(home: Home) -> None:
    """Of two who said the same kind of thing, the one who is named is ahead."""
    lines = ["I have painted a sunrise at the lake last year, it was fun" + "!" * n for n in range(6)]
    home.note("talk", *lines, speakers=("Melanie", "Caroline"))
    found = home.searcher.search("What has Caroline painted?", user_id=1, k=3)
    assert {hit.chunk.speaker for hit in found.hits} == {"Caroline"}


def test_same_text_takes_one_place(home: Home) -> None:
    """Copies of a passage do not crowd out others."""
    for name in ("a", "b", "c", "d"):
        home.note(name, "The garden key hangs  in the shed." if name == "d" else "The garden key hangs in the shed.")
    home.note("e", "A garden needs water.")
    assert len(home.find("garden key", k=2)) == 2
    assert home.find("garden key", k=2)[1] == "A garden needs water."


def test_follow_up_is_understood_from_what_was_said(home: Home) -> None:
    """A question without a subject is searched with the one before it."""
    home.note("a", "The passport expires in August.", "The milk expires on Tuesday.", "The lease ends in June.")
    found = home.searcher.search("and when does it expire?", user_id=1, k=1, recent=["Where is the passport?"])
    assert texts(found) == ["The passport expires in August."]


def test_chat_turns_are_found_unless_left_out(home: Home) -> None:
    """What the user said is memory; turns that the model is given anyway can be left out."""
    conversation = open_conversation(home.store, user_id=1, channel="terminal")
    turn = home.told("My hamster is called Biscuit", conversation=conversation)
    assert home.find("hamster") == ["My hamster is called Biscuit"]
    assert home.searcher.search("hamster", user_id=1, exclude_turns=[turn]) == Found((), 0.0, False)


def test_hits_explain_their_score(home: Home) -> None:
    """The named parts of a hit add up to its score, and hits come best first."""
    home.note("a", "the garden key hangs here", "the lake is deep", "a garden")
    found = home.searcher.search("garden key", user_id=1, k=3)
    for hit in found.hits:
        assert sum(value for _, value in hit.parts) == pytest.approx(hit.score, abs=1e-3)
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)


def test_change_is_seen_by_the_next_search(home: Home) -> None:
    """Additions and deletions need no restart and no call."""
    assert home.find("garden key") == []
    document = home.note("a", "the garden key hangs here")
    assert home.find("garden key") == ["the garden key hangs here"]
    home.store.delete_document(document, user_id=1)
    assert home.find("garden key") == []


def test_more_than_there_is_gives_what_there_is(home: Home) -> None:
    """k beyond the memory's size gives all of it."""
    home.note("a", *(f"passage {n}" for n in range(7)))
    assert len(home.find("passage", k=50)) == 7


@pytest.mark.slow
def test_cost_does_not_grow_with_a_loop_over_chunks(home: Home) -> None:
    """Over 10,000 passages a search takes at most 1.5 times embedding, FAISS and FTS by themselves."""
    rng = np.random.default_rng(0)
    words = [
        f"{a}{b}" for a in ("ka", "lo", "mi", "ru", "te", "zo", "pe", "nu") for b in ("dar", "fin", "gol", "hat", "lex")
    ]
    lines = [" ".join(rng.choice(words, 12)) + f" {n}" for n in range(10_000)]
    home.note("talk", *lines, speakers=("Ann", "Ben"))
    questions = [" ".join(rng.choice(words, 5)) for _ in range(30)]
    home.find(questions[0])
    whole, bare = in_turn(lambda text: home.find(text, k=8), lambda text: _bare(home, text), questions)
    assert whole < 1.5 * (bare + 0.012), f"{whole * 1000:.1f} ms against {bare * 1000:.1f} ms and 12 ms of embedding"


def _bare(home: Home, text: str) -> None:
    vector = home.embedder.embed_query(text)
    home.indexes.search(vector, user_id=1, k=200)
    query = " OR ".join(f'"{owned_word(stem(word), user_id=1)}"' for word in text.split())
    found = home.store.rows(
        "SELECT rowid, bm25(chunks_fts) FROM chunks_fts WHERE chunks_fts MATCH ? ORDER BY 2 LIMIT 200", (query,)
    )
    assert len(found) == 200  # else it is quick because it finds nothing


def test_ranked_lists_take_turns() -> None:
    """The best of each list comes before the second of any; no id comes twice."""
    assert list(interleave([[1, 2, 3], [1, 4], []])) == [(1, 0), (4, 1), (2, 0), (3, 0)]
