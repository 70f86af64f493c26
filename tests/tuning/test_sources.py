"""What is read to learn from is the user's own, whole, and names every source that an erasure may reach."""

from __future__ import annotations

from datetime import UTC, datetime

from memory.candidates import Answer, choose, keep_candidates
from memory.records import Message, NewTurn, Passage, RecalledMemory, Timings
from memory.store import Store
from memory.turns import Said, add_turn, give_feedback, open_conversation
from tests.embedder import WordEmbedder
from tests.tuning.tiny import PERSONA, add_dialogue
from tuning.sources import dialogues, read_dataset, unjudged_turns


def say(
    store: Store, text: str, *, user_id: int, conversation: int, prompt: str = "", memories: tuple[int, ...] = ()
) -> int:
    turn = NewTurn(
        conversation_id=conversation,
        user_text=text,
        reply=f"reply to {text}",
        generated="",
        prompt=(Message("system", PERSONA), Message("user", prompt or text)),
        citations=(),
        memories=tuple(RecalledMemory(item, 1.0, "s", "t") for item in memories),
        engine="local",
        model="m",
        adapter=None,
        timings=Timings(),
        asked_at="2026-01-01T10:00:00+00:00",
    )
    embedder = WordEmbedder()
    said = Said((Passage(text),), embedder.embed_passages([text]), embedder.key)
    return add_turn(store, turn, user_id=user_id, said=said).id


def test_dialogue_gives_its_speakers_replies(store: Store) -> None:
    """An imported dialogue with learn_from yields its pairs; one without is memory only."""
    add_dialogue(store, user_id=1, count=8)
    add_dialogue(store, user_id=1, count=7, learn_from=None)
    found = read_dataset(store, user_id=1, persona=PERSONA).examples
    assert len(found) == 8
    assert found[2].prompt[-1] == Message("user", "how is day 2?")
    assert (found[2].reply, found[2].document_ids) == ("day 2 ok!", (1,))


def test_another_users_material_is_never_read(store: Store) -> None:
    """Neither dialogues nor feedback of one user become examples of another."""
    add_dialogue(store, user_id=2, count=8)
    conversation = open_conversation(store, user_id=2, channel="terminal")
    give_feedback(store, say(store, "hi", user_id=2, conversation=conversation), user_id=2, vote="up")
    assert read_dataset(store, user_id=1, persona=PERSONA).examples == ()
    assert len(read_dataset(store, user_id=2, persona=PERSONA).examples) == 9


def test_row_that_was_cut_into_chunks_is_whole_again(store: Store) -> None:
    """Chunks of one row, by its id, are one message with the text that stood between them."""
    document = add_dialogue(store, user_id=1, count=2)
    with store.transaction() as db:
        first = db.execute("SELECT * FROM chunks WHERE document_id = ? ORDER BY position", (document.id,)).fetchone()
        db.execute('UPDATE chunks SET text = ?, "end" = ? WHERE id = ?', ("how is", first["start"] + 6, first["id"]))
        db.execute(
            'INSERT INTO chunks (user_id, document_id, position, text, start, "end", speaker, at, external_ids)'
            " VALUES (1, ?, 0, 'day 0?', ?, ?, 'Bo', ?, ?)",
            (document.id, first["start"] + 7, first["end"], first["at"], first["external_ids"]),
        )
    (dialogue,) = dialogues(store, user_id=1)
    assert [line.text for line in dialogue.lines] == ["how is day 0?", "day 0 ok!", "how is day 1?", "day 1 ok!"]


def test_example_names_its_turn_its_history_and_what_was_recalled(store: Store) -> None:
    """Forgetting the turn, an earlier one in its prompt, or a recalled document or turn must reach the adapter."""
    document = add_dialogue(store, user_id=1, count=2, learn_from=None)
    conversation = open_conversation(store, user_id=1, channel="terminal")
    recalled = say(
        store, "I live in Oslo", user_id=1, conversation=open_conversation(store, user_id=1, channel="terminal")
    )
    unrelated = say(store, "unrelated", user_id=1, conversation=conversation)
    earlier = say(store, "earlier", user_id=1, conversation=conversation)
    chunk = store.rows("SELECT id FROM chunks WHERE document_id = ?", (document.id,))[0]["id"]
    told = store.rows("SELECT id FROM chunks WHERE turn_id = ?", (recalled,))[0]["id"]
    turn = say(store, "where?", user_id=1, conversation=conversation, prompt="earlier", memories=(chunk, told))
    give_feedback(store, turn, user_id=1, vote="up")
    (example,) = read_dataset(store, user_id=1, persona=PERSONA).examples
    assert example.turn_ids == tuple(sorted((recalled, earlier, turn)))
    assert unrelated not in example.turn_ids
    assert example.document_ids == (document.id,)


def test_silence_after_neither_is_no_acceptance(store: Store) -> None:
    """Of two answers neither was good: the first stands in the turn, but going on does not approve of it."""
    conversation = open_conversation(store, user_id=1, channel="terminal")
    asked = [say(store, text, user_id=1, conversation=conversation) for text in ("one thing", "another matter", "end")]
    now = datetime(2026, 2, 1, tzinfo=UTC)
    assert [item.turn.id for item in unjudged_turns(store, user_id=1, now=now)] == asked[:2]
    keep_candidates(store, asked[0], Answer("a", "a"), Answer("b", "b"), user_id=1)
    choose(store, asked[0], "neither", user_id=1)
    assert [item.turn.id for item in unjudged_turns(store, user_id=1, now=now)] == asked[1:2]
