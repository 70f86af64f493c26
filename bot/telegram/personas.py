"""/persona: how the bot speaks to its user, in their own words; only this command writes it."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.prompts import MOST_PERSONA
from bot.telegram.desk import Visit
from bot.telegram.settling import Said, settle

_OFF = re.compile(r"off|default|reset|none|关|关闭|默认|重置|取消", re.IGNORECASE)


async def persona(visit: Visit) -> None:
    """Show it, set it, or go back to the default."""
    assert visit.command is not None
    wish = " ".join(visit.command.argument.split())
    if not wish:
        own = visit.user.profile.persona
        await visit.tell(visit.phrase("tg_persona", text=own) if own else visit.phrase("tg_persona_none"))
    elif len(wish) > MOST_PERSONA:
        await visit.tell(visit.phrase("tg_persona_too_long", n=len(wish), most=MOST_PERSONA))
    elif _OFF.fullmatch(wish):
        await settle(visit, lambda: _set(visit, ""))
    else:
        await settle(visit, lambda: _set(visit, wish))


def _set(visit: Visit, text: str) -> Said:
    store = visit.services.store
    with store.transaction():
        profile = store.user_by_id(visit.user.id).profile
        store.update_profile(visit.user.id, replace(profile, persona=text))
    return Said(visit.phrase("tg_persona_set", text=text) if text else visit.phrase("tg_persona_off"))
