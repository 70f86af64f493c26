"""/storing: an admin of a group decides what is stored of it, and everybody there may ask."""

from __future__ import annotations

from datetime import datetime

from bot.reminders.zones import zone_of
from bot.telegram.desk import Visit
from bot.telegram.group_admins import is_anonymous
from bot.telegram.group_rules import rules_of, set_storing
from bot.threads import in_thread
from memory.records import Kept

_WORDS = {"on": True, "off": False, "开": True, "关": False}


def kept_of(visit: Visit) -> Kept:
    """What stays of a turn of this visit."""
    if visit.place.private:
        return "history" if visit.user.role == "guest" else "memory"
    return "memory" if rules_of(visit.services.store, visit.user.id).storing else "nothing"


async def storing(visit: Visit) -> None:
    """/storing on or off by an admin; alone, what holds, and who decided it and when."""
    assert visit.command is not None
    store, argument = visit.services.store, visit.command.argument.lower()
    if argument in _WORDS:
        by = None if is_anonymous(visit.message, visit.telegram_id) else visit.telegram_id
        await in_thread(lambda: set_storing(store, visit.user.id, _WORDS[argument], by=by))
    elif argument:
        await visit.tell(visit.phrase("tg_storing_how"))
        return
    rules = await in_thread(lambda: rules_of(store, visit.user.id))
    lines = [visit.phrase("tg_storing_on" if rules.storing else "tg_storing_off")]
    if rules.decided_at is not None:
        who = await _decider(visit, rules.decided_by)
        when = datetime.fromisoformat(rules.decided_at).astimezone(zone_of(visit.user.profile))
        lines.append(visit.phrase("tg_storing_decided", who=who, when=f"{when:%Y-%m-%d %H:%M}"))
    await visit.tell("\n".join([*lines, visit.phrase("tg_storing_how")]))


async def _decider(visit: Visit, telegram_id: int | None) -> str:
    if telegram_id is None:
        return visit.phrase("tg_anonymous_admin")
    names = await visit.desk.admins.names(visit.place.chat_id)
    return f"“{names[telegram_id]}”" if telegram_id in names else visit.phrase("tg_former_admin")
