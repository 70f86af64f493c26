"""What people think of a reply is kept as they meant it."""

from __future__ import annotations

from pathlib import Path

from bot.learned import Learned
from memory.records import NewTurn, Timings, UnsupportedSentence
from memory.store import Store
from memory.turns import add_turn, feedback_of, open_conversation
from tuning.adapters import Registry
from tuning.config import VotesConfig


def test_marks_of_a_reply_are_not_learned_with_its_correction(tmp_path: Path) -> None:
    """Who corrects a copy of what was shown brings the marks along; their own sign, where none was shown, stays."""
    store = Store(tmp_path / "familiar.db")
    user = store.add_user("ann", role="owner")
    conversation = open_conversation(store, user_id=user.id, channel="terminal")
    learned = Learned(Registry(store, tmp_path / "adapters"), VotesConfig())
    for marks in ((UnsupportedSentence("It is red.", (), 0.0, 0.5),), ()):
        new = NewTurn(
            conversation_id=conversation,
            user_text="Which?",
            reply="It is red. It is old.",
            generated="",
            prompt=(),
            citations=(),
            memories=(),
            engine="e",
            model="m",
            adapter=None,
            timings=Timings(),
            asked_at="2026-01-01T00:00:00+00:00",
            unsupported=marks,
        )
        turn = add_turn(store, new, user_id=user.id, said=None)
        learned.judge(turn.id, user=user, vote="down", correction="It is blue. (?) 它很旧。（？）")
    kept = [item.correction for item in feedback_of(store, user_id=user.id)]
    assert sorted(kept, key=lambda text: len(text or "")) == ["It is blue. 它很旧。", "It is blue. (?) 它很旧。（？）"]
    store.close()
