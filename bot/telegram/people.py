"""/people: everyone who has come, for the owner alone, with buttons that change what they are or send them away.

A button names the person by number; pressed, it changes the message that it stands under. Nobody is sent away before
the second button, and what is theirs is erased only by the one that says so.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import cast

from telegram.error import Forbidden

from bot import people as home
from bot.invitations import came_by
from bot.locales import say
from bot.telegram.desk import Desk, Visit, where
from bot.telegram.render import Part, plain_parts
from bot.telegram.sending import Buttons, Place
from bot.threads import in_thread, pause
from memory.records import User

_LISTED = 30
_LOOK_SECONDS = 3600.0
_MADE: dict[str, str] = {"member": "tg_you_may", "guest": "tg_you_are_guest"}
_log = logging.getLogger(__name__)


async def people(visit: Visit) -> None:
    """Show everyone."""
    text, buttons = await in_thread(lambda: _list(visit))
    await visit.tell(text, buttons=buttons)


async def listed(visit: Visit, values: Sequence[str]) -> None:
    """Back to the list."""
    del values
    text, buttons = await in_thread(lambda: _list(visit))
    await _change(visit, text, buttons)


async def shown(visit: Visit, values: Sequence[str]) -> None:
    """One person was picked."""
    await _show(visit, int(values[0]))


async def made(visit: Visit, values: Sequence[str]) -> None:
    """Make somebody a member or a guest."""
    user_id, standing = int(values[0]), values[1]
    if standing in _MADE:
        await _make(visit, user_id, cast("home.Standing", standing))
    await _show(visit, user_id)


async def asked_to_remove(visit: Visit, values: Sequence[str]) -> None:
    """Ask whether what is theirs goes too."""
    found = home.person(visit.services.store, int(values[0]))
    if found is None:
        return
    choices = [("tg_remove_erase", f"removed:{found.id}:erase"), ("tg_remove_keep", f"removed:{found.id}:keep")]
    buttons = [[(visit.phrase(key), data)] for key, data in (*choices, ("tg_back", f"person:{found.id}"))]
    await _change(visit, visit.phrase("tg_remove_how", name=found.name), buttons)


async def removed(visit: Visit, values: Sequence[str]) -> None:
    """Send them away; from now on they are not heard."""
    user_id, erased = int(values[0]), values[1] == "erase"
    services = visit.services
    found = home.person(services.store, user_id)
    if found is None:
        return
    await in_thread(lambda: home.make(services.store, user_id, "refused"))  # at once: imports that wait see it
    async with visit.desk.importing(found):  # the file that is being read ends before anything is erased
        gone = await in_thread(
            lambda: home.remove(services.store, user_id, erase=services.erase.everything if erased else None)
        )
    if gone is not None:
        key = "tg_removed_erased" if erased else "tg_removed_kept"
        await _change(visit, visit.phrase(key, name=gone.name), [[(visit.phrase("tg_back"), "people")]])


async def allowed(visit: Visit, values: Sequence[str]) -> None:
    """The owner lets somebody in who asked."""
    await _decide(visit, int(values[0]), "member", "tg_allowed")


async def made_guest(visit: Visit, values: Sequence[str]) -> None:
    """The owner lets somebody in as a guest."""
    await _decide(visit, int(values[0]), "guest", "tg_allowed_guest")


async def refused(visit: Visit, values: Sequence[str]) -> None:
    """The owner keeps somebody out."""
    await _decide(visit, int(values[0]), "refused", "tg_refused")


async def _decide(visit: Visit, user_id: int, standing: home.Standing, phrase: str) -> None:
    """The answer to whether somebody may talk to the bot; once they may, the list decides."""
    found = home.person(visit.services.store, user_id)
    if found is None or found.role not in ("waiting", "refused"):
        return
    await _make(visit, user_id, standing)
    text = visit.phrase(phrase, name=found.name)
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(text))


async def _make(visit: Visit, user_id: int, standing: home.Standing) -> None:
    """Give somebody a standing and, where it opens something, tell them."""
    done = await in_thread(lambda: home.make(visit.services.store, user_id, standing))
    if done is None or done.telegram_id is None or standing not in _MADE:
        return
    parts = plain_parts(say(done.profile.language, _MADE[standing]))
    key = f"{visit.update_ids[0]}:made:{done.id}"
    try:
        await visit.desk.outbox.send_all(Place(done.telegram_id, private=True), parts, key=key, user=done)
    except Forbidden:
        _log.info("user %d has blocked the bot", done.id)


async def _show(visit: Visit, user_id: int) -> None:
    store = visit.services.store
    found = home.person(store, user_id)
    if found is None:
        return
    lines = [_line(visit, found), visit.phrase("tg_person_id", id=found.telegram_id)]
    invitation = came_by(store, found.id)
    if invitation is not None:
        lines.append(visit.phrase("tg_person_invited", invitation=invitation))
    buttons = [
        [(visit.phrase(f"tg_make_{standing}"), f"make:{found.id}:{standing}")]
        for standing in _MADE
        if standing != found.role
    ]
    buttons += [[(visit.phrase("tg_remove"), f"remove:{found.id}")], [(visit.phrase("tg_back"), "people")]]
    await _change(visit, "\n".join(lines), buttons)


def _list(visit: Visit) -> tuple[str, Buttons]:
    found = home.people(visit.services.store)
    if not found:
        return visit.phrase("tg_people_none"), []
    more = [visit.phrase("tg_people_more", n=len(found) - _LISTED)] if len(found) > _LISTED else []
    buttons = [[(_line(visit, user), f"person:{user.id}")] for user in found[:_LISTED]]
    return "\n".join([visit.phrase("tg_people"), *more]), buttons


def _line(visit: Visit, user: User) -> str:
    return f"{user.name} ({visit.phrase(f'tg_role_{user.role}')})"


async def _change(visit: Visit, text: str, buttons: Buttons) -> None:
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(text), buttons=buttons)


async def erase_guests(desk: Desk) -> None:
    """Erase what guests asked once it is old, until the bot stops."""
    while True:
        try:
            count = await in_thread(lambda: erase_old(desk, now=datetime.now(UTC)))
            if count:
                _log.info("%d turns of guests were erased", count)
        except Exception as exc:  # noqa: BLE001 - the edge of a job: they are still old at the next look
            _log.error("turns of guests could not be erased: %s", where(exc))
        if await pause(desk.stopping, _LOOK_SECONDS):
            return


def erase_old(desk: Desk, *, now: datetime) -> int:
    """Erase the turns of guests that are due; gives how many. Those of whom it fails are due at the next look."""
    services = desk.services
    found = home.old_turns(services.store, days=services.settings.people.guest_days, now=now)
    count = 0
    for user, turns in found:
        try:
            services.erase.turns(user, turns)
        except Exception as exc:  # noqa: BLE001 - the edge of a job: what fails for one guest must not keep the others'
            _log.error("turns of guest %d could not be erased: %s", user.id, where(exc))
        else:
            count += len(turns)
    return count
