"""What the database itself counts of a home's work; for the schema, which may import nothing that opens a store.

A trigger counts in the transaction that does the work: nothing is counted that was undone, nothing is lost by a
restart, and no forgetting takes away from a count. There are numbers here and names of states, never whose they are.
"""

from __future__ import annotations

BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0)
"""Upper ends in seconds of the ranges in which durations are counted; longer ones are "+Inf"."""
LATE_SECONDS = 300
"""A reminder that comes later than this is late, as its reader is told (`bot.reminders.delivering`)."""
PHASES = {"retrieval": "retrieve_s", "first_token": "first_token_s", "total": "total_s"}
"""The parts of a turn that are timed, by their names in ``turns.timings``."""

_TABLE = """CREATE TABLE counters (
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    n INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (name, label)
) WITHOUT ROWID"""


def _add(name: str, label: str, *, seconds: str = "0", rest: str = "WHERE true") -> str:
    """One more of a label, an SQL expression, where ``rest`` finds something."""
    return (
        f"INSERT INTO counters SELECT '{name}', {label}, 1, {seconds} {rest}"
        " ON CONFLICT (name, label) DO UPDATE SET n = n + 1, seconds = seconds + excluded.seconds;"
    )


def _range(seconds: str) -> str:
    """The range of a duration as SQL: the text of its upper end."""
    cases = " ".join(f"WHEN {seconds} <= {bound!r} THEN '{bound!r}'" for bound in BOUNDS)
    return f"CASE {cases} ELSE '+Inf' END"


def _seconds_between(begin: str, end: str) -> str:
    """Seconds between two stored moments as SQL, never less than none."""
    return f"max(0, (julianday({end}) - julianday({begin})) * 86400)"


def _trigger(name: str, event: str, condition: str, *actions: str) -> str:
    return f"CREATE TRIGGER count_{name} AFTER {event} WHEN {condition} BEGIN {' '.join(actions)} END"


def _phase(name: str, key: str) -> str:
    seconds = f"json_extract(timings, '$.{key}')"
    found = f"FROM turns WHERE id = new.turn_id AND {seconds} IS NOT NULL"
    return _add(f"seconds:{name}", _range(seconds), seconds=seconds, rest=found)


_WAITED = _seconds_between("new.received_at", "t.asked_at")
_LATE = f"{_seconds_between('old.due_at', 'new.delivered_at')} > {LATE_SECONDS}"

STATEMENTS = (
    _TABLE,
    "CREATE INDEX telegram_outbox_by_state ON telegram_outbox(state, at)",
    _trigger("received", "INSERT ON telegram_inbox", "new.state = 'waiting'", _add("updates", "'received'")),
    _trigger(
        "handled",
        "UPDATE OF state ON telegram_inbox",
        "old.state = 'waiting' AND new.state <> 'waiting'",
        _add("updates", "CASE new.state WHEN 'done' THEN 'handled' ELSE 'given_up' END"),
        _add(
            "seconds:queue",
            _range(_WAITED),
            seconds=_WAITED,
            rest="FROM telegram_replies r JOIN turns t ON t.id = r.turn_id WHERE r.id = new.reply_id",
        ),
    ),
    _trigger(
        "answered",
        "UPDATE OF turn_id ON telegram_replies",
        "old.turn_id IS NULL AND new.turn_id IS NOT NULL",
        *(_phase(name, key) for name, key in PHASES.items()),
    ),
    _trigger(
        "sent",
        "UPDATE OF state ON telegram_outbox",
        "old.state <> new.state AND new.state IN ('sent', 'unknown', 'refused')",
        _add("sends", "new.state"),
    ),
    _trigger(
        "reminded",
        "UPDATE OF delivered_at ON reminders",
        "new.delivered_at IS NOT NULL AND old.delivered_at IS NOT new.delivered_at",
        _add("reminders", f"CASE WHEN {_LATE} THEN 'late' ELSE 'on_time' END"),
    ),
    _trigger(
        "tuned",
        "UPDATE OF status ON adapters",
        "old.status = 'training' AND new.status <> 'training'",
        _add("tunes", "new.status"),
    ),
)
"""A message counts as waiting until its turn began; several that became one turn waited each for itself."""
