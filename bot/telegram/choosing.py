"""Two answers to one message: the second is written beside the chat, sent under the first, and chosen by a button.

The first answer has long been sent. Nothing waits for the choice; without one the first stands. In private chats only:
in a group the others would press.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.telegram.desk import Visit, guarded
from bot.telegram.outbox import Reply
from bot.telegram.render import Part, footer, reply_parts
from bot.telegram.sending import Buttons
from bot.threads import in_thread
from memory.candidates import CHOICES, Choice, choose
from memory.errors import FamiliarError
from memory.records import Turn
from memory.turns import turn_by_id

_LABELS: tuple[tuple[Choice, str], ...] = (("first", "A"), ("second", "B"))


def offer_beside(visit: Visit, turn: Turn, *, shown_in: int | None) -> None:
    """Start on another answer, if this turn is one to ask about; the chat goes on meanwhile.

    :param shown_in: the last message of the first answer
    """
    if visit.place.private:
        visit.desk.start(guarded(visit, _offer(visit, turn, shown_in)))


async def _offer(visit: Visit, turn: Turn, shown_in: int | None) -> None:
    try:
        offer = await in_thread(lambda: visit.services.second_answer(turn, user=visit.user))
    except FamiliarError:  # the turn was forgotten meanwhile; nobody asked for the second answer
        return
    if offer is None or visit.desk.cancel.is_set():
        return
    parts = reply_parts(visit.phrase("tg_two_answers", second=offer.second))
    outbox, buttons = visit.desk.outbox, _buttons(visit, turn.id)

    def write() -> Reply:
        with visit.services.store.transaction():
            reply = outbox.open(visit.place, key=f"second:{turn.id}", user=visit.user, reply_to=shown_in)
            outbox.put(reply, parts, buttons=buttons, turn=turn)
        return reply

    await outbox.deliver(await in_thread(write))


def _buttons(visit: Visit, turn_id: int) -> Buttons:
    letters = [(label, f"pick:{turn_id}:{choice}") for choice, label in _LABELS]
    return [[*letters, (visit.phrase("tg_neither"), f"pick:{turn_id}:neither")]]


async def picked(visit: Visit, values: Sequence[str]) -> None:
    """A button was pressed: keep the choice, and let the message show what it now is."""
    turn_id, choice = int(values[0]), values[1]
    named: Choice | None = next((item for item in CHOICES if item == choice), None)
    if named is None:
        return
    try:
        offer = choose(visit.services.store, turn_id, named, user_id=visit.user.id)
    except FamiliarError:  # it was forgotten meanwhile, and a forgotten answer can't be chosen
        return
    if named == "second":
        turn = turn_by_id(visit.services.store, turn_id, user_id=visit.user.id)
        part = reply_parts(offer.second, footer(turn, language=visit.language))[-1]
    else:
        part = Part(visit.phrase("tg_kept_first" if named == "first" else "tg_kept_neither"))
    await visit.desk.sender.edit(visit.place, visit.message.message_id, part)
