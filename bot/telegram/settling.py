"""An action and its answer in one transaction, after which the message counts as handled: neither happens twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.telegram.desk import Visit
from bot.telegram.inbox import done
from bot.telegram.outbox import Reply
from bot.telegram.render import plain_parts
from bot.telegram.sending import Buttons
from bot.threads import in_thread


@dataclass(frozen=True)
class Said:
    """What is answered."""

    text: str
    buttons: Buttons | None = None


def write_answer(visit: Visit, said: Said) -> Reply:
    """Write the answer down and note that the message is handled; within the transaction of what it tells."""
    outbox = visit.desk.outbox
    with visit.services.store.transaction():
        reply = outbox.open(visit.place, key=visit.key(), user=visit.user, reply_to=visit.cited)
        outbox.put(reply, plain_parts(said.text), buttons=said.buttons)
        done(visit.services.store, visit.update_ids, reply_id=reply.id)
    return reply


async def settle(visit: Visit, act: Callable[[], Said]) -> None:
    """Do something with the store and say what came of it, both or neither."""

    def write() -> Reply:
        with visit.services.store.transaction():
            return write_answer(visit, act())

    await visit.desk.outbox.deliver(await in_thread(write))
