"""What the owner is told of people who come: somebody asks to be let in, or came in by an invitation."""

from __future__ import annotations

from bot.locales import say
from bot.telegram.blocked import is_blocked
from bot.telegram.desk import Desk
from bot.telegram.outbox import Reply
from bot.telegram.render import plain_parts
from bot.telegram.sending import Buttons, Place
from bot.telegram.undelivered import deliver_quietly
from bot.threads import in_thread
from memory.records import User


async def ask_owner(desk: Desk, stranger: User) -> None:
    """Ask what somebody who has written for the first time shall be."""
    owner = desk.services.store.owner()
    if owner is None or owner.telegram_id is None:
        return
    language = owner.profile.language
    words = (("allow", "tg_member_button"), ("guest", "tg_guest_button"), ("refuse", "tg_refuse"))
    choice = [(say(language, phrase), f"{word}:{stranger.id}") for word, phrase in words]
    question = say(language, "tg_may_talk", name=stranger.name, id=stranger.telegram_id)
    await _tell(desk, owner, question, key=f"may-talk:{stranger.id}", buttons=[choice])


async def tell_owner(desk: Desk, person: User, *, invitation: int) -> None:
    """Say who has come in by which invitation."""
    owner = desk.services.store.owner()
    if owner is None or owner.telegram_id is None:
        return
    language = owner.profile.language
    standing = say(language, f"tg_role_{person.role}")
    values = {"name": person.name, "id": person.telegram_id, "role": standing, "invitation": invitation}
    key = f"came-in:{person.id}:{invitation}"
    await _tell(desk, owner, say(language, "tg_came_in", **values), key=key, buttons=None)


async def _tell(desk: Desk, owner: User, text: str, *, key: str, buttons: Buttons | None) -> None:
    assert owner.telegram_id is not None
    place = Place(owner.telegram_id, private=True)

    def write() -> Reply:
        with desk.services.store.transaction():
            reply = desk.outbox.open(place, key=key, user=owner)
            desk.outbox.put(reply, plain_parts(text), buttons=buttons)
        return reply

    reply = await in_thread(write)
    if not is_blocked(desk.services.store, place.chat_id):  # else the owner is asked when they are back
        await deliver_quietly(desk, reply)
