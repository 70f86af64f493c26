"""`familiar digest`: what was added, what is due and what was learned, as the bot sends it."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from bot.app import App
from bot.commands.output import Output
from bot.digest import PERIOD, Digest, digest_between, digest_text, since_default
from bot.reminders.zones import at_local, named_zone, zone_of
from bot.since import parse_since
from memory.digest_plans import digest_of
from memory.records import User


def digest(app: App, args: argparse.Namespace, out: Output) -> int:
    """`familiar digest [--since WHEN]`; it takes nothing from the next one that is sent.

    :raises FamiliarError: --since names no day
    """
    user, now = app.user(args.user), app.now()
    zone = zone_of(user.profile)
    plan = digest_of(app.store, user_id=user.id)
    since = plan.since if plan else since_default(now)
    if args.since:
        since = at_local(datetime.fromisoformat(parse_since(args.since, today=now.astimezone(zone).date())), zone)
    ahead = max(plan.due if plan else now, now + PERIOD)
    made = digest_between(app.store, user, since=since, until=now, ahead=ahead, recommended=_recommended(app, user))
    out.result(_record(made), digest_text(made, user.profile, zone=zone))
    return 0


def _recommended(app: App, user: User) -> tuple[str, ...]:
    """What is recommended, with reasons; nothing where that is not switched on."""
    if not app.settings.taste.enabled:
        return ()
    from bot.taste import line_of

    return tuple(line_of(each, language=user.profile.language) for each in app.taste.recommend(user))


def _record(made: Digest) -> dict[str, object]:
    seen = made.happened
    record: dict[str, object] = {
        "since": made.since.astimezone(UTC).isoformat(timespec="seconds"),
        "until": made.until.astimezone(UTC).isoformat(timespec="seconds"),
        "due": [
            {"id": item.id, "text": item.text, "due": item.due.astimezone(named_zone(item.zone)).isoformat()}
            for item in made.due
        ],
        "documents": [{"id": item.id, "title": item.title} for item in seen.documents],
        "notes": [{"id": item.id, "title": item.title} for item in seen.notes],
        "facts": [
            {
                "id": item.fact.id,
                "subject": item.fact.subject,
                "attribute": item.fact.attribute,
                "value": item.fact.value,
                "before": item.before,
            }
            for item in seen.facts
        ],
        "adapters": [{"id": item.id, "change": item.change} for item in seen.adapters],
        "votes": {"up": seen.judged.up, "down": seen.judged.down, "corrected": seen.judged.corrected},
    }
    return record | ({"recommended": list(made.recommended)} if made.recommended else {})
