"""The customer desk in Telegram: cases go to the agents' group, a person's answer goes to the customer, both kept.

A case is written down for the agents in the transaction that stores the customer's turn, the answer for the customer
in the one that closes the case. So a kill loses neither, and a customer is answered once however many agents press.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from telegram.error import Forbidden

from bot.desk.figures import figures, figures_text, since_days, unanswered
from bot.desk.turns import HandedOver, summary_of
from bot.locales import say
from bot.telegram.desk import Desk, Visit
from bot.telegram.inbox import done
from bot.telegram.outbox import Reply
from bot.telegram.render import plain_parts
from bot.telegram.sending import Place
from bot.telegram.undelivered import deliver_quietly
from bot.threads import in_thread
from memory.desk import Case, case_by_id
from memory.store import Store
from memory.turns import give_feedback, turn_by_id

_KEY = "case:"
_DAYS = 30


def attach(desk: Desk) -> None:
    """Have cases told in the agents' group from now on; called in the bot's event loop."""
    customers = desk.services.customers
    if customers is None or not customers.agents_chat:
        return
    loop = asyncio.get_running_loop()

    def announce(handed: HandedOver) -> None:
        reply = _write_case(desk, handed)
        loop.call_soon_threadsafe(lambda: desk.start(deliver_quietly(desk, reply)))

    customers.announce = announce


def _write_case(desk: Desk, handed: HandedOver) -> Reply:
    """Called in the transaction that stores the turn."""
    assert desk.services.customers is not None
    case, language = handed.case, _agents_language(desk.services.store)
    place = Place(desk.services.customers.agents_chat, private=False)
    values = {"n": case.id, "name": handed.customer.name}
    if handed.more:
        key, buttons = f"{_KEY}{case.id}:{handed.turn.id}", None
        text = say(language, "desk_case_more", text=handed.turn.user_text, **values)
    else:
        key, buttons = f"{_KEY}{case.id}", _buttons(case, language)
        text = say(language, "desk_case", reason=case.reason, summary=summary_of(handed), **values)
        if case.suggestion:
            text = say(language, "desk_case_suggestion", case=text, suggestion=case.suggestion)
    text = f"{text}\n\n{say(language, 'desk_case_how')}"
    reply = desk.outbox.open(place, key=key, user=handed.customer)
    desk.outbox.put(reply, plain_parts(text), buttons=buttons)
    return reply


def _buttons(case: Case, language: str) -> list[list[tuple[str, str]]] | None:
    if not case.suggestion:
        return None
    words = (("send", "desk_send_button"), ("edit", "desk_edit_button"))
    return [[(say(language, phrase), f"case:{word}:{case.id}") for word, phrase in words]]


def _agents_language(store: Store) -> str:
    owner = store.owner()
    return owner.profile.language if owner is not None else "en"


# -- answering


def in_agents_chat(visit: Visit) -> bool:
    """Whether a visit is in the group of the agents, where there is a desk."""
    customers = visit.services.customers
    return customers is not None and not visit.place.private and visit.place.chat_id == customers.agents_chat


def answers_case(visit: Visit) -> bool:
    """Whether a message of an agent replies to a case."""
    if not in_agents_chat(visit) or visit.query is not None or not visit.message.text:
        return False
    return _case_in(visit) is not None


def _case_in(visit: Visit) -> int | None:
    """The number of the case that the message replied to shows."""
    original = visit.message.reply_to_message
    if original is None:
        return None
    rows = visit.services.store.rows(
        'SELECT r."key" FROM telegram_outbox o JOIN telegram_replies r ON r.id = o.reply_id'
        ' WHERE r.chat_id = ? AND o.message_id = ? AND r."key" LIKE ?',
        (visit.place.chat_id, original.message_id, f"{_KEY}%"),
    )
    return int(rows[0]["key"].split(":")[1]) if rows else None


async def answer_by_reply(visit: Visit) -> None:
    """Send what an agent wrote to the customer."""
    case_id = await in_thread(lambda: _case_in(visit))
    assert case_id is not None
    await _send(visit, case_id, visit.message.text or "")


async def pressed(visit: Visit, values: Sequence[str]) -> None:
    """Send the suggestion to the customer, or show it for changing."""
    word, case_id = values[0], int(values[1])
    suggestion = (await in_thread(lambda: case_by_id(visit.services.store, case_id))).suggestion
    if suggestion is None:
        await visit.tell(visit.phrase("desk_case_gone", n=case_id))
    elif word == "edit":
        await visit.tell(visit.phrase("desk_edit_how", suggestion=suggestion))
    else:
        await _send(visit, case_id, suggestion)


async def _send(visit: Visit, case_id: int, text: str) -> None:
    reply = await in_thread(lambda: _close(visit, case_id, text))
    if reply is None:
        await visit.tell(visit.phrase("desk_case_gone", n=case_id), reply=visit.query is None)
        return
    try:
        await visit.desk.outbox.deliver(reply)
    except Forbidden:  # the customer has blocked the bot, which agents can't change
        await visit.tell(visit.phrase("desk_case_gone", n=case_id))
        return
    await visit.tell(visit.phrase("desk_case_answered", n=case_id), reply=visit.query is None)


def _close(visit: Visit, case_id: int, text: str) -> Reply | None:
    """Close the case and write the answer down, or neither; None where somebody was faster or it is gone."""
    customers, store, outbox = visit.services.customers, visit.services.store, visit.desk.outbox
    assert customers is not None
    case = case_by_id(store, case_id)
    customer, place = store.user_by_id(case.user_id), _place_of(store, case, agents_chat=customers.agents_chat)
    written: list[Reply] = []

    def stored(turn_id: int) -> None:
        if place is not None:
            reply = outbox.open(place, key=f"case-answer:{case.id}", user=customer)
            outbox.put(reply, plain_parts(text), turn=turn_by_id(store, turn_id, user_id=customer.id))
            written.append(reply)
        done(store, visit.update_ids)

    answered = customers.answer(case, text, stored=stored)
    return written[0] if answered and written else None


def _place_of(store: Store, case: Case, *, agents_chat: int) -> Place | None:
    """Where the customer reads: the chat in which they were answered last; None for one who wrote elsewhere."""
    rows = store.rows(
        "SELECT chat_id, private, thread_id, business_id FROM telegram_replies WHERE user_id = ? AND chat_id <> ?"
        " ORDER BY id DESC LIMIT 1",
        (case.user_id, agents_chat),
    )
    if not rows:
        return None
    row = rows[0]
    return Place(row["chat_id"], bool(row["private"]), row["thread_id"], row["business_id"])


# -- figures and votes


def asks_figures(visit: Visit) -> bool:
    """Whether the owner asks for the desk's figures; where there is none, /desk is a command like any unknown one."""
    asked = visit.command is not None and visit.command.name == "desk"
    return asked and visit.services.customers is not None and visit.person.role == "owner" and visit.place.private


async def show_figures(visit: Visit) -> None:
    """The figures of the last thirty days."""
    customers, store = visit.services.customers, visit.services.store
    assert customers is not None
    since = since_days(customers.now(), _DAYS)
    found = await in_thread(lambda: figures(store, since=since))
    open_ = await in_thread(lambda: unanswered(store, customers.knowledge, since=since))
    await visit.tell(figures_text(found, open_, days=_DAYS, language=visit.language))


async def rated(visit: Visit, values: Sequence[str]) -> None:
    """A customer's vote on a reply: it counts in the figures, and nothing is learned from it."""
    turn_id = int(values[1])
    store, user_id = visit.services.store, visit.user.id
    await in_thread(lambda: give_feedback(store, turn_id, user_id=user_id, vote="up" if values[0] == "up" else "down"))
