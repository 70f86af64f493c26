"""A person answers a case: the customer's conversation has it, the case is closed, and the desk learns from it.

All of it is one transaction, with the message to the customer in it. What is learned has passed the filter of personal
data; where that is missing or fails, the customer is answered all the same and nothing is learned.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bot.desk.pairs import Pair, clean_pair
from memory.desk import Case, Event, NewExample, add_event, add_examples, close_case
from memory.errors import FamiliarError
from memory.records import User
from memory.store import Store
from memory.turns import turn_by_id
from tuning.filters import Detectors


def answer_case(
    store: Store,
    case: Case,
    text: str,
    *,
    desk: User,
    detectors: Detectors,
    at: str,
    stored: Callable[[int], None] = lambda _: None,
) -> bool:
    """Answer a case; False where somebody else was faster, or nothing of it is left.

    :param stored: called with the turn that now shows the answer, in the transaction that stores it
    """
    asked = turn_by_id(store, case.turn_id, user_id=case.user_id)
    lesson = _lesson(asked.user_text, text, case, store, detectors)
    with store.transaction():
        turn = close_case(store, case, text, at=at)
        if turn is None:
            return False
        seconds = (datetime.fromisoformat(at) - datetime.fromisoformat(case.opened_at)).total_seconds()
        event = Event("answered by a person", case.reason, case.intent, max(0.0, seconds), at)
        add_event(store, event, user_id=case.user_id)
        if lesson is not None:
            new = NewExample("", lesson.language, lesson.question, lesson.reply)
            add_examples(store, [new], user_id=desk.id, turn_id=case.turn_id)
        stored(turn)
    return True


def _lesson(question: str, reply: str, case: Case, store: Store, detectors: Detectors) -> Pair | None:
    names = [store.user_by_id(case.user_id).name]
    try:
        pair = clean_pair(question, reply, names=names, intent="", detectors=detectors)
    except FamiliarError:  # without a verdict nothing is learned; a customer does not wait for a package
        return None
    return pair if isinstance(pair, Pair) else None
