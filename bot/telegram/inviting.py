"""/invite: a link that lets somebody in, shown once; those that are open, each with a button that ends it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.invitations import MOST_DAYS, MOST_USES, Invitation, link, open_invitations, revoke, terms_of
from bot.invitations import invite as make
from bot.reminders.zones import zone_of
from bot.telegram.desk import Visit
from bot.telegram.render import Part
from bot.telegram.sending import Buttons
from bot.threads import in_thread

_LISTED = 20


async def invite(visit: Visit) -> None:
    """/invite [member|guest] [days N] [uses N], or /invite list."""
    assert visit.command is not None
    argument = visit.command.argument
    if argument.lower() in ("list", "列表"):
        text, buttons = await in_thread(lambda: _list(visit))
        await visit.tell(text, buttons=buttons)
        return
    terms = terms_of(argument)
    if terms is None:
        await visit.tell(visit.phrase("tg_invite_how", days=MOST_DAYS, uses=MOST_USES))
        return
    made, code = await in_thread(lambda: make(visit.services.store, terms, now=datetime.now(UTC)))
    text = f"{visit.phrase('tg_invited', line=_line(visit, made))}\n{link(code, bot=visit.desk.bot.username)}"
    await visit.tell(text, buttons=_buttons(visit, [made]))


async def revoked(visit: Visit, values: Sequence[str]) -> None:
    """A button was pressed: the invitation lets nobody in any more."""
    await in_thread(lambda: revoke(visit.services.store, int(values[0]), now=datetime.now(UTC)))
    text, buttons = await in_thread(lambda: _list(visit))
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(text), buttons=buttons)


def _list(visit: Visit) -> tuple[str, Buttons]:
    found = open_invitations(visit.services.store, now=datetime.now(UTC))[-_LISTED:]
    if not found:
        return visit.phrase("tg_invitations_none"), []
    return "\n".join([visit.phrase("tg_invitations"), *(_line(visit, item) for item in found)]), _buttons(visit, found)


def _line(visit: Visit, item: Invitation) -> str:
    until = datetime.fromisoformat(item.expires_at).astimezone(zone_of(visit.user.profile))
    role = visit.phrase(f"tg_role_{item.role}")
    return visit.phrase("tg_invitation", id=item.id, role=role, uses=item.uses_left, until=f"{until:%Y-%m-%d %H:%M}")


def _buttons(visit: Visit, found: Sequence[Invitation]) -> Buttons:
    return [[(visit.phrase("tg_uninvite", id=item.id), f"uninvite:{item.id}")] for item in found]
