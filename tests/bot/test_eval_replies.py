"""The table that shows whether the bot adapts sees nothing that lies in the future."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot.eval_replies import HELD_OUT, build_cases, split_replies, spread, unseen
from memory.config import SearchConfig
from memory.errors import FamiliarError
from memory.evaluation import NOBODY, remember
from memory.index import Indexes
from memory.records import Chunk, Hit, Message
from memory.search import Searcher
from memory.store import Store
from tests.embedder import WordEmbedder
from tests.tuning.tiny import PERSONA
from tests.tuning.tokenizers import TWO_ENDS, tokenizer
from tuning.config import TuneConfig

CONFIG = TuneConfig(max_tokens=100_000, max_prompt_tokens=120)
SECRET = "the harbour tour starts at seven by the red lighthouse"


def write_dialogue(path: Path, *, count: int = 30) -> Path:
    rows = []
    for number in range(count):
        day = f"2026-01-{1 + number:02d}"
        question = "when does the harbour tour start?" if number >= count - 3 else f"what about day {number}?"
        answer = SECRET if number >= count - 2 else f"day {number} is fine"
        rows.append({"id": f"q{number}", "speaker": "Bo", "text": question, "at": f"{day}T10:00:00"})
        rows.append({"id": f"a{number}", "speaker": "Ann", "text": answer, "at": f"{day}T10:05:00"})
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_first_part_trains_and_the_rest_is_the_test(tmp_path: Path) -> None:
    """80 % of the replies in order of time, and nothing of the test in a training prompt."""
    train, test = split_replies(write_dialogue(tmp_path / "d.jsonl"), speaker="Ann", persona=PERSONA)
    assert (len(train), len(test)) == (24, 6)
    assert len(test) == HELD_OUT * 30
    assert max(str(item.at) for item in train) < min(str(item.at) for item in test)
    texts = {message.content for item in train for message in item.prompt} | {item.reply for item in train}
    assert not texts & {item.reply for item in test}


def test_memory_never_holds_the_reply_that_is_predicted_nor_a_later_one(tmp_path: Path) -> None:
    """The future reply is planted where search would find it first: before its time it is not used, after it is."""
    path = write_dialogue(tmp_path / "d.jsonl")
    _, test = split_replies(path, speaker="Ann", persona=PERSONA)
    embedder, store = WordEmbedder(), Store(tmp_path / "familiar.db")
    user_id = remember(path, store=store, embedder=embedder)[NOBODY]
    indexes = Indexes(tmp_path / "index", store, embedder_key=embedder.key, dimensions=embedder.dimensions)
    searcher = Searcher(store, indexes, embedder, SearchConfig(k=8))

    def recall(message: str, before: str) -> tuple[Hit, ...]:
        hits = searcher.search(message, user_id=user_id, before=before).hits
        assert hits
        assert all((hit.chunk.at or "9999") < before for hit in hits)
        return hits

    cases = build_cases(test, recall=recall, tokenizer=tokenizer(TWO_ENDS), config=CONFIG)
    store.close()
    first, second, third = cases[-3:]
    assert SECRET not in first.with_memory[-1].content, "asked before anyone had said it"
    assert SECRET not in second.with_memory[-1].content, "it is the very reply that is predicted"
    everything = "\n".join(message.content for message in third.with_memory)
    assert SECRET in everything, "once said, it may be used"
    for case in cases:
        assert case.example.reply == SECRET or case.example.reply not in case.with_memory[-1].content


def test_all_arms_see_the_same_last_messages(tmp_path: Path) -> None:
    """Memory changes the newest message only, by notes put before it."""
    _, test = split_replies(write_dialogue(tmp_path / "d.jsonl"), speaker="Ann", persona=PERSONA)
    cases = build_cases(test, recall=lambda *_: (), tokenizer=tokenizer(TWO_ENDS), config=CONFIG)
    assert [case.with_memory for case in cases] == [case.without for case in cases]
    assert all(case.passages == 0 for case in cases)


def test_unknown_speaker_and_too_few_replies_are_named(tmp_path: Path) -> None:
    """Who speaks in the file is said; a handful of replies can't be split and measured."""
    path = write_dialogue(tmp_path / "d.jsonl", count=8)
    with pytest.raises(FamiliarError, match=r"nobody of that name speaks in d\.jsonl; there are Ann, Bo"):
        split_replies(path, speaker="Zoe", persona=PERSONA)
    with pytest.raises(FamiliarError, match="too few pairs: 8; need 20"):
        split_replies(path, speaker="Ann", persona=PERSONA)


def test_passages_that_stand_in_the_prompt_are_not_given_twice() -> None:
    """What the history holds is no memory."""
    chunk = Chunk(1, 1, 1, None, 0, "see you at nine", 0, 15, None, None, "Bo", None, (), "d.jsonl", "d")
    other = replace(chunk, id=2, text="the tour is on Friday")
    assert unseen([chunk, other], [Message("user", "hi\nsee you at nine")]) == [other]


def test_sample_is_spread_evenly() -> None:
    """From first to last, never more than there are."""
    assert spread(100, 5) == [0, 25, 50, 74, 99]
    assert spread(3, 24) == [0, 1, 2]
    assert spread(0, 24) == []
