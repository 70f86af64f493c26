"""Judged turns become pairs and single votes: what counts, what is left out and why, and what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pytest

from memory.candidates import Candidates, Choice
from memory.records import Feedback, Message, Timings, Turn
from memory.redaction import ERASED
from tuning.dataset import JudgedTurn
from tuning.pairs import (
    ComparedTurn,
    Preferences,
    boundary,
    build_preferences,
    faults_found_by,
    model_wrote,
    split_preferences,
)

Judgement = Literal["up", "down"]


def turn(id_: int, *, question: str = "how are you?", reply: str | None = None, conversation: int = 1) -> Turn:
    said = f"fine, {id_}" if reply is None else reply
    return Turn(
        id=id_,
        user_id=1,
        conversation_id=conversation,
        user_text=question,
        reply=said,
        generated=said,
        prompt=(Message("system", "You are Familiar."), Message("user", question)),
        citations=(),
        memories=(),
        engine="local",
        model="tiny",
        adapter=None,
        timings=Timings(),
        asked_at=f"2026-01-{id_:02d}T10:00:00+00:00",
    )


def judged(item: Turn, vote: Judgement | None = None, correction: str | None = None) -> JudgedTurn:
    return JudgedTurn(item, Feedback(item.id, vote, correction, item.asked_at), (item.id,), (70 + item.id,))


def compared(item: Turn, chosen: Choice | None, *, second: str = "Very well, thank you.") -> ComparedTurn:
    offer = Candidates(item.id, item.reply, second, chosen, item.asked_at, item.asked_at if chosen else None)
    return ComparedTurn(item, offer, (item.id,), (70 + item.id,))


def test_a_correction_is_preferred_to_the_reply() -> None:
    """With or without a thumb down; the sources are those of the turn."""
    found = build_preferences([judged(turn(1), "down", "just fine"), judged(turn(2), None, "good")], [])
    assert [(item.id, item.chosen, item.rejected) for item in found.pairs] == [
        ("corrected:1", "just fine", "fine, 1"),
        ("corrected:2", "good", "fine, 2"),
    ]
    assert (found.pairs[0].turn_ids, found.pairs[0].document_ids) == ((1,), (71,))
    assert found.votes == ()


@pytest.mark.parametrize(
    ("chosen", "better"), [("first", "fine, 3"), ("second", "Very well, thank you.")], ids=["first", "second"]
)
def test_a_chosen_answer_is_preferred_to_the_other(chosen: Choice, better: str) -> None:
    """Whichever it was."""
    (found,) = build_preferences([], [compared(turn(3), chosen)]).pairs
    assert found.chosen == better
    assert {found.chosen, found.rejected} == {"fine, 3", "Very well, thank you."}


def test_a_judgement_of_the_answer_that_was_exchanged_is_not_taken_for_the_other() -> None:
    """A thumb down, then B chosen: the turn's reply is now B, which nobody found bad; a later thumb is about B."""
    chosen = compared(turn(1), "second")
    early = Feedback(1, "down", None, "2026-01-01T09:59:00+00:00")
    found = build_preferences([JudgedTurn(turn(1), early, (1,), ())], [chosen])
    assert ([item.kind for item in found.pairs], found.votes) == (["choice"], ())
    assert found.left_out == (("the reply was exchanged later", 1),)
    (late,) = build_preferences([judged(turn(1), "up")], [chosen]).votes
    assert late.good


def test_neither_is_two_bad_votes_and_no_choice_is_nothing() -> None:
    """An offer that was not answered says nothing about either answer."""
    found = build_preferences([], [compared(turn(1), "neither"), compared(turn(2), None)])
    assert found.pairs == ()
    assert [(item.id, item.good) for item in found.votes] == [("neither:1:0", False), ("neither:1:1", False)]


def test_up_and_down_after_the_same_question_are_a_pair() -> None:
    """The other votes stay single ones; the pair rests on both turns."""
    found = build_preferences(
        [judged(turn(1), "down"), judged(turn(2), "up"), judged(turn(3, question="and you?"), "up")], []
    )
    (pair,) = found.pairs
    assert (pair.id, pair.chosen, pair.rejected) == ("votes:2:1", "fine, 2", "fine, 1")
    assert (pair.own_turns, pair.turn_ids, pair.document_ids) == ((1, 2), (1, 2), (71, 72))
    assert [(item.id, item.good) for item in found.votes] == [("vote:3", True)]


def test_what_the_model_did_not_write_is_left_out_and_counted() -> None:
    """A quote or a fixed phrase that was voted down must not teach the model to avoid what it did not say."""
    quoted = judged(
        Turn(**{**vars(turn(1)), "generated": "Here it is.", "reply": "The note says: nine.\n\nHere it is."}), "down"
    )
    phrase = judged(Turn(**{**vars(turn(2)), "generated": "", "prompt": ()}), "down", "say it")
    found = build_preferences([quoted, phrase], [])
    assert (found.pairs, found.votes) == ((), ())
    assert found.left_out == (("the model did not write the reply", 2),)


def test_citation_marks_are_not_another_text() -> None:
    """A number that was added or taken out when citations were checked leaves the reply the model's own."""
    assert model_wrote(Turn(**{**vars(turn(1)), "generated": "At nine. [7]", "reply": "At nine. [1]"}))
    assert not model_wrote(Turn(**{**vars(turn(1)), "generated": "At nine.", "reply": "At ten."}))


def test_the_newest_of_two_decisions_counts() -> None:
    """Decided again alike is a duplicate; decided otherwise, the older one is left out."""
    choices: tuple[Choice, ...] = ("first", "second", "second")
    offers = [compared(turn(day, reply="fine"), chosen) for day, chosen in enumerate(choices, 1)]
    found = build_preferences([], offers)
    assert [item.id for item in found.pairs] == ["choice:3"]
    assert found.left_out == (("decided otherwise later", 1), ("duplicate", 1))


def test_filters_are_asked_about_both_replies() -> None:
    """A pair one of whose replies may not be learned from is left out with the filter's reason."""

    asked: list[tuple[str, bool]] = []

    def fault(prompt: Sequence[Message], reply: str, wanted: bool) -> str | None:
        assert prompt[-1].role == "user"
        asked.append((reply, wanted))
        return "holds a secret" if "hunter2" in reply else None

    offers = [
        compared(turn(1), "first", second="hunter2 it is"),
        compared(turn(2), "first"),
        compared(turn(3), "first"),
    ]
    offers[2] = compared(turn(3, reply=f"say {ERASED}"), "first")
    found = build_preferences([judged(turn(4, reply="x"), "down")], offers, fault=fault)
    assert ("fine, 2", True) in asked
    assert ("Very well, thank you.", False) in asked
    assert [item.id for item in found.pairs] == ["choice:2"]
    assert found.left_out == (("empty or too short", 1), ("holds a secret", 1), ("part of it was erased", 1))


class Finds:
    """Secrets are numbers with a hyphen, insults the word oaf."""

    def personal(self, text: str) -> tuple[str, ...]:
        """The one kind."""
        return ("code",) if "-" in text else ()

    def toxic(self, text: str) -> bool:
        """The one insult."""
        return "oaf" in text


def test_secrets_are_in_neither_reply_and_insults_only_where_they_were_refused() -> None:
    """An insult that was voted down is what the adapter should learn to leave."""
    offers = [
        compared(turn(1), "first", second="my code is 4-4"),
        compared(turn(2), "first", second="you oaf"),
        compared(turn(3), "second", second="you oaf"),
    ]
    found = build_preferences([], offers, fault=faults_found_by(Finds()))
    assert [item.id for item in found.pairs] == ["choice:2"]
    assert found.left_out == (("secret or personal data", 1), ("toxic or biased", 1))


def test_what_was_struck_out_is_not_learned() -> None:
    """Neither as a pair nor as a vote."""
    up = judged(turn(2, question="and?"), "up")
    found = build_preferences([up], [compared(turn(1), "first"), compared(turn(3), "first")], struck=[1, 2])
    assert ([item.id for item in found.pairs], found.votes) == (["choice:3"], ())
    assert found.left_out == (("struck out", 2),)


def test_same_replies_are_no_pair() -> None:
    """Case and spaces aside."""
    found = build_preferences([judged(turn(1, reply="Fine,  thanks"), "down", "fine, thanks")], [])
    assert found.left_out == (("both replies are the same", 1),)


def preferences(conversations: Sequence[int]) -> Preferences:
    return build_preferences(
        [],
        [
            compared(turn(day, conversation=conversation, question=f"{day}?"), "first")
            for day, conversation in enumerate(conversations, 1)
        ],
    )


def test_the_newest_are_held_out_and_no_conversation_is_cut() -> None:
    """The boundary moves to where a conversation ends, if that is near."""
    train, test = split_preferences(preferences([1, 1, 1, 2, 2, 3, 3, 3, 4, 4]), share=0.3, trained=(), tested=())
    assert [item.own_turns[0] for item in test.pairs] == [9, 10]
    assert len(train.pairs) == 8


def test_in_one_long_conversation_time_decides() -> None:
    """As in a Telegram chat, which is one conversation for ever."""
    assert boundary(["a"] * 10, share=0.2) == 8
    assert boundary(["a"], share=0.2) == 0
    assert boundary([], share=0.2) == 0


def test_preferences_go_where_their_examples_went() -> None:
    """What an example's held-out loss is measured on is not trained on here, and the other way round."""
    train, test = split_preferences(preferences([1] * 10), share=0.2, trained=[10], tested=[2])
    assert [item.own_turns[0] for item in test.pairs] == [2, 9]
    assert 10 in [item.own_turns[0] for item in train.pairs]
