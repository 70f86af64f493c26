"""/digest: what is new and due, asked for or sent regularly to its user's own chat.

That a digest was told is noted in the transaction that writes its message down. Where there is nothing to tell,
nothing is sent, and one user's trouble holds up no other's digest.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from bot.digest import PERIOD, digest_between, digest_text, digest_wish, next_digest, since_default
from bot.reminders.rules import read_rule, rule_text
from bot.reminders.wording import due_words, rule_words
from bot.reminders.zones import zone_of
from bot.taste import Recommended, line_of
from bot.telegram.blocked import is_blocked
from bot.telegram.desk import Desk, Visit, where
from bot.telegram.outbox import Reply
from bot.telegram.ports import Services
from bot.telegram.render import plain_parts
from bot.telegram.sending import Place
from bot.telegram.settling import Said, settle
from bot.telegram.undelivered import deliver_quietly
from bot.threads import in_thread, pause
from memory.digest_plans import DigestPlan, digest_of, digests_to_look_at, end_digest, move_on, set_digest
from memory.errors import FamiliarError, is_of_database
from memory.records import User

_LOOK_SECONDS = 1.0
_log = logging.getLogger(__name__)


async def digest(visit: Visit) -> None:
    """Tell one now, plan them, end them, or show what is planned."""
    assert visit.command is not None
    argument, zone = visit.command.argument, zone_of(visit.user.profile)
    wish = digest_wish(argument, now=visit.message.date, zone=zone) if argument else None
    if wish == "now":
        await visit.tell(await in_thread(lambda: _told_now(visit)))
    elif wish == "off":
        await settle(visit, lambda: _ended(visit))
    elif wish is not None:
        await settle(visit, partial(_planned, visit, rule_text(wish)))
    else:
        lines = [visit.phrase("tg_digest_unread") if argument else _plan_words(visit), visit.phrase("tg_digest_how")]
        await visit.tell("\n".join(lines))


def setting_line(visit: Visit) -> str:
    """When the digest comes, for /settings."""
    plan = digest_of(visit.services.store, user_id=visit.user.id)
    if plan is None:
        return visit.phrase("tg_digest_setting_off")
    return visit.phrase("tg_digest_setting", rule=rule_words(read_rule(plan.rule), language=visit.language))


def _told_now(visit: Visit) -> str:
    """What is new since the last digest, or in a day; it takes nothing from the next one."""
    store, user, now = visit.services.store, visit.user, datetime.now(UTC)
    plan = digest_of(store, user_id=user.id)
    since, ahead = (plan.since, plan.due) if plan else (since_default(now), now + PERIOD)
    lines = _lines(_recommended(visit.services, user), user)
    made = digest_between(store, user, since=since, until=now, ahead=max(ahead, now + PERIOD), recommended=lines)
    return digest_text(made, user.profile, zone=zone_of(user.profile))


def _recommended(services: Services, user: User) -> tuple[Recommended, ...]:
    """Nothing where that is not switched on."""
    return services.taste.recommend(user) if services.taste is not None else ()


def _lines(recommended: Sequence[Recommended], user: User) -> tuple[str, ...]:
    return tuple(line_of(each, language=user.profile.language) for each in recommended)


def _ended(visit: Visit) -> Said:
    end_digest(visit.services.store, user_id=visit.user.id)
    return Said(visit.phrase("tg_digest_off"))


def _planned(visit: Visit, rule: str) -> Said:
    store, user, now = visit.services.store, visit.user, datetime.now(UTC)
    before = digest_of(store, user_id=user.id)
    due = next_digest(rule, now, zone=zone_of(user.profile))
    set_digest(store, DigestPlan(user.id, rule, user.profile.zone, due, before.since if before else now))
    return Said(_plan_words(visit))


def _plan_words(visit: Visit) -> str:
    plan, zone, language = digest_of(visit.services.store, user_id=visit.user.id), visit.user.profile, visit.language
    if plan is None:
        return visit.phrase("tg_digest_off")
    due = due_words(plan.due, now=datetime.now(UTC), zone=zone_of(zone), language=language)
    return visit.phrase("tg_digest_on", rule=rule_words(read_rule(plan.rule), language=language), due=due)


async def deliver_digests(desk: Desk) -> None:
    """Send digests as they become due, until the bot stops."""
    while True:
        try:
            for reply in await in_thread(lambda: write_digests(desk)):
                desk.start(deliver_quietly(desk, reply))
        except FamiliarError as exc:  # such as a full disk: they are still due at the next look
            _log.error("digests could not be delivered: %s", where(exc))
        if await pause(desk.stopping, _LOOK_SECONDS):
            return


def write_digests(desk: Desk, *, now: datetime | None = None) -> list[Reply]:
    """Write down the messages of digests that are due, and plan those of users who have moved anew."""
    store, moment = desk.services.store, now or datetime.now(UTC)
    written = []
    for user_id in digests_to_look_at(store, until=moment):
        try:
            plan = digest_of(store, user_id=user_id)
            if plan is not None:
                written.append(_write(desk, plan, store.user_by_id(user_id), moment))
        except Exception as exc:  # noqa: BLE001 - the edge of a job: one user's digest must not hold up all others
            if is_of_database(exc):
                _log.error("the digest of user %d is still due: %s", user_id, where(exc))
                break
            _log.error("the digest of user %d is ended: %s", user_id, where(exc))
            end_digest(store, user_id=user_id)
    return [reply for reply in written if reply is not None]


def _write(desk: Desk, plan: DigestPlan, user: User, now: datetime) -> Reply | None:
    store, zone = desk.services.store, zone_of(user.profile)
    if now < plan.due:  # the user has moved
        following = next_digest(plan.rule, now, zone=zone)
        move_on(store, plan, due=following, zone=user.profile.zone, since=plan.since)
        return None
    if user.telegram_id is not None and is_blocked(store, user.telegram_id):
        return None  # it stays due
    following = next_digest(plan.rule, now, zone=zone)
    recommended = _recommended(desk.services, user)
    lines = _lines(recommended, user)
    with store.transaction():  # so that nothing is forgotten between reading and writing down
        made = digest_between(store, user, since=plan.since, until=now, ahead=following, recommended=lines)
        new = move_on(store, plan, due=following, zone=user.profile.zone, since=now)
        if not new or made.is_empty or user.telegram_id is None or user.role not in ("owner", "member"):
            return None
        place = Place(user.telegram_id, private=True)
        reply = desk.outbox.open(place, key=f"digest:{user.id}:{plan.due.isoformat()}", user=user)
        text = digest_text(made, user.profile, zone=zone, was_due=plan.due)
        desk.outbox.put(reply, plain_parts(text))
        if desk.services.taste is not None:
            desk.services.taste.shown(user, recommended)
    return reply
