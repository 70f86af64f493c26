"""What a message is about besides its own words: a message it replies to, what was forwarded with it, pages it links.

All of it is given to the model for this turn as data; none of it becomes something that the user said.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from telegram import MessageEntity

from bot.context import Given
from bot.links.addresses import urls_of
from bot.links.errors import PageError
from bot.telegram.desk import Visit
from bot.telegram.forwarding import asked_last, given_of, offered_in, said_in
from bot.telegram.ports import ReadPage
from bot.telegram.quoting import quoted
from bot.telegram.talking import Asked, conversation_of, replied_turn
from bot.threads import in_thread
from memory.turns import turn_by_id, turns_of

MOST_LINKS = 2
"""Pages read for one message."""


async def asked_about(visit: Visit) -> Asked:
    """Everything that a message refers to."""
    referred = await in_thread(lambda: _referred(visit))
    read_page = visit.services.read_page
    if read_page is None or not visit.place.private or visit.person.role == "guest":
        return Asked(referred)
    pages, failures = await in_thread(lambda: _pages(visit, read_page))
    note = "".join(f"{failure}\n" for failure in failures)
    return Asked((*referred, *pages), f"{note}\n" if note else "")


def _referred(visit: Visit) -> tuple[Given, ...]:
    along = given_of(said_in(visit, visit.messages[1:]), title=visit.phrase("forwarded_title"))
    if visit.message.reply_to_message is None and visit.message.external_reply is None:
        store, place = visit.services.store, visit.place
        asked = asked_last(store, place.chat_id, user_id=visit.user.id, now=datetime.now(UTC))
        return (*given_of(asked.said if asked is not None else (), title=visit.phrase("forwarded_title")), *along)
    return (*_replied_to(visit), *along)


def _replied_to(visit: Visit) -> tuple[Given, ...]:
    """The message replied to; none where it is the last reply, which the model sees anyway, and no words are picked."""
    store, user_id, original = visit.services.store, visit.user.id, visit.message.reply_to_message
    of_bot = original is not None and original.from_user is not None and original.from_user.id == visit.desk.bot.id
    if original is not None and of_bot:
        kept = offered_in(store, visit.place.chat_id, original.message_id, user_id=user_id)
        if kept is not None and kept.said:
            return given_of(kept.said, title=visit.phrase("forwarded_title"))
    shown = replied_turn(visit) if of_bot else None
    if shown is not None and visit.message.quote is None:
        last = turns_of(store, user_id=user_id, conversation_id=conversation_of(visit), last=1)
        if last and last[0].id == shown:
            return ()
    reply = turn_by_id(store, shown, user_id=user_id).reply if shown is not None else None
    found = quoted(visit.message, title=visit.phrase("quoted_title"), bot_id=visit.desk.bot.id, reply=reply)
    return (found,) if found is not None else ()


def _pages(visit: Visit, read_page: ReadPage) -> tuple[Sequence[Given], Sequence[str]]:
    """The pages that the user's own words link, and what to say of those that can't be read."""
    pages, failures = [], []
    for url in _links(visit)[:MOST_LINKS]:
        try:
            pages.append(read_page(url))
        except PageError as exc:
            reason = visit.phrase(f"link_{exc.reason}", **exc.values)
            failures.append(visit.phrase("link_failed", url=url, reason=reason))
    return pages, failures


def _links(visit: Visit) -> list[str]:
    """The addresses in a message, those behind words too, each once."""
    found: list[str] = []
    for message in visit.messages:
        if message.forward_origin is None:
            entities = message.parse_entities([MessageEntity.URL, MessageEntity.TEXT_LINK])
            found += [entity.url or text for entity, text in entities.items()]
    return urls_of(found)
