"""What becomes of a wish about the log, and what is said about it, the same in the terminal and in a chat.

What is implausible is not stored but asked back. A value at which its source tells people to get medical help is told
by rule (`bot.logbook.thresholds`). Everything is one user's own: each call names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.locales import say
from bot.logbook.alarms import dangers_spoken_of
from bot.logbook.kinds import KINDS, Entry, plausible
from bot.logbook.parsing import Reading, Said, read_entries
from bot.logbook.wishes import LogWish, usual_way
from bot.logbook.wording import danger_words, entry_words, goal_words, joined, line_words, said_of
from bot.reminders.parsing import Missing, parse_reminder
from bot.reminders.telling import kept_words, reminder_from
from bot.reminders.zones import zone_of
from memory.errors import FamiliarError, UsageError
from memory.logs import (
    LogEntry,
    LogGoal,
    NewLogEntry,
    add_entries,
    correct_entry,
    counts_of,
    delete_entries,
    end_goal,
    entries_of,
    entry_by_id,
    goals_of,
    set_goal,
    units_of,
)
from memory.records import User
from memory.reminders import Destination, add_reminder, cancel_reminder, reminders_of
from memory.store import Store

_LISTED = 10
_JUMP, _JUMP_DAYS = 0.12, 30
"""A weight that differs so much from the last one within so many days is asked back."""


@dataclass(frozen=True)
class Told:
    """What is answered."""

    text: str
    added: tuple[LogEntry, ...] = ()
    """New entries, which can be taken back."""
    doubtful: tuple[Said, ...] = ()
    """What was asked back, and can be kept after all."""
    listed: tuple[LogEntry, ...] = ()
    """Entries that the text lists."""


@dataclass(frozen=True)
class Logbook:
    """One user's log, as a command or a message acts on it."""

    store: Store
    user: User
    now: datetime
    """Aware."""
    source: str
    """Such as "telegram"."""
    key: str
    """Names what is acted on, so that the same message a second time adds nothing."""
    to: Destination
    """Where nudges go."""

    @property
    def language(self) -> str:
        """The user's."""
        return self.user.profile.language

    def read(self, text: str, *, asked: bool = False) -> Reading:
        """The entries of a message."""
        units, zone = units_of(self.store, user_id=self.user.id), zone_of(self.user.profile)
        return read_entries(text, now=self.now, zone=zone, units=units, asked=asked)

    def act(self, wish: LogWish) -> Told:
        """Do what is wished.

        :raises FamiliarError: there is no such entry, or the words can't be read
        """
        acts = {
            "list": self._listed,
            "add": self._added,
            "delete": self._deleted,
            "correct": self._corrected,
            "goals": self._goals,
            "goal": self._goal,
            "nudge": self._nudge,
        }
        return acts[wish.do](wish)

    def keep(self, said: Sequence[Said]) -> Told:
        """Store entries, asking back those that are implausible."""
        verdicts = [(item, self._verdict(item)) for item in said]
        sure = [item for item, verdict in verdicts if verdict == "usual"]
        doubtful = tuple(item for item, verdict in verdicts if verdict == "unusual")
        told = self.keep_anyway(sure) if sure else Told("")
        asked = [self._asked_back(item.entry) for item in doubtful]
        refused = [self._refused(item.entry) for item, verdict in verdicts if verdict == "impossible"]
        return Told(joined([told.text, *asked, *refused]), told.added, doubtful)

    def _asked_back(self, entry: Entry) -> str:
        """The question, and what there is to say should the value be right."""
        question = say(self.language, "log_doubtful", what=entry_words(entry, self.language))
        return joined([question, danger_words(entry, self.language)])

    def _refused(self, entry: Entry) -> str:
        """That it is not stored; a pressure whose values stand the wrong way round may be a dangerous one."""
        text = say(self.language, "log_impossible", what=entry_words(entry, self.language))
        swapped = entry.kind == "blood_pressure" and entry.second is not None and entry.second > entry.value
        return joined([text, danger_words(entry, self.language)]) if swapped else text

    def dangers_in(self, text: str) -> str:
        """What is to be said of values in a text that is no entry; empty where there is nothing."""
        units, zone = units_of(self.store, user_id=self.user.id), zone_of(self.user.profile)
        found = dangers_spoken_of(text, now=self.now, zone=zone, units=units)
        return joined([danger_words(entry, self.language) for entry in found])

    def keep_anyway(self, said: Sequence[Said]) -> Told:
        """Store entries as they are."""
        new = [
            NewLogEntry(
                f"{self.key}:{place}",
                item.entry.kind,
                item.entry.value,
                item.at,
                self.source,
                item.entry.second,
                item.entry.unit,
                item.entry.note,
            )
            for place, item in enumerate(said)
        ]
        added = tuple(add_entries(self.store, new, user_id=self.user.id))
        lines = [say(self.language, "log_kept", line=self._line(item)) for item in added]
        dangers = [danger_words(item.entry, self.language) for item in said]
        return Told(joined([*lines, *dangers]), added)

    def undo(self, ids: Sequence[int]) -> Told:
        """Take entries back."""
        gone = delete_entries(self.store, ids, user_id=self.user.id)
        if not gone:
            return Told(say(self.language, "log_nothing_to_delete"))
        return Told(joined([say(self.language, "log_deleted", line=self._line(item)) for item in gone]))

    def _verdict(self, said: Said) -> str:
        found = plausible(said.entry)
        if found == "usual" and said.entry.kind == "weight":
            last = entries_of(self.store, user_id=self.user.id, kind="weight", last=1)
            near = last and abs(said.at - last[0].at) <= timedelta(days=_JUMP_DAYS)
            if near and abs(said.entry.value - last[0].value) > _JUMP * last[0].value:
                return "unusual"
        return found

    def _line(self, entry: LogEntry) -> str:
        return line_words(entry, now=self.now, zone=zone_of(self.user.profile), language=self.language)

    def _listed(self, wish: LogWish) -> Told:
        found = entries_of(self.store, user_id=self.user.id, kind=wish.kind, last=_LISTED)
        found = [item for item in found if item.kind in KINDS]
        if not found:
            return Told(joined([say(self.language, "log_none"), say(self.language, "log_how")]))
        counts = counts_of(self.store, user_id=self.user.id)
        lines = [f"{item.id}. {self._line(item)}" for item in reversed(found)]
        more = sum(counts.values() if wish.kind is None else [counts[wish.kind]]) - len(found)
        rest = say(self.language, "log_more", n=more) if more > 0 else ""
        return Told(joined([*lines, rest]), listed=tuple(reversed(found)))

    def _added(self, wish: LogWish) -> Told:
        reading = self.read(wish.text, asked=True)
        if not reading.said:
            unread = say(self.language, "log_unread", text=wish.text)
            return Told(joined([unread, self.dangers_in(wish.text) or say(self.language, "log_how")]))
        told = self.keep(reading.said)
        left = say(self.language, "log_left", text=reading.rest) if reading.rest.strip() else ""
        return Told(joined([told.text, left, self.dangers_in(reading.rest)]), told.added, told.doubtful)

    def _chosen(self, wish: LogWish) -> LogEntry:
        """The entry that is meant.

        :raises FamiliarError: there is none
        """
        if wish.id is not None:
            return entry_by_id(self.store, wish.id, user_id=self.user.id)
        rows = self.store.rows(
            "SELECT id FROM log_entries WHERE user_id = ? AND (? IS NULL OR kind = ?)"
            " ORDER BY created_at DESC, at DESC, id DESC LIMIT 1",  # a file's entries come in any order
            (self.user.id, wish.kind, wish.kind),
        )
        if not rows:
            raise FamiliarError(say(self.language, "log_nothing_to_change"))
        return entry_by_id(self.store, rows[0]["id"], user_id=self.user.id)

    def _deleted(self, wish: LogWish) -> Told:
        return self.undo([self._chosen(wish).id])

    def _corrected(self, wish: LogWish) -> Told:
        before = self._chosen(wish)
        said = self._value(before.kind, wish.text)
        if said is None or plausible(said) == "impossible":
            return Told(say(self.language, "log_unread", text=wish.text))
        second = said.second if said.second is not None or before.kind == "blood_pressure" else before.second
        right = correct_entry(
            self.store, before.id, user_id=self.user.id, value=said.value, second=second, unit=said.unit or before.unit
        )
        text = say(self.language, "log_corrected", line=self._line(right))
        return Told(joined([text, danger_words(said_of(right), self.language)]))

    def _value(self, kind: str, text: str) -> Entry | None:
        """The value of a kind in words, with or without the kind's name."""
        for words in (text, f"{_LEADS[kind]} {text}"):
            said = self.read(words, asked=True).said
            if len(said) == 1 and said[0].entry.kind == kind:
                return said[0].entry
        return None

    def _goals(self, wish: LogWish) -> Told:
        del wish
        found = [goal for goal in goals_of(self.store, user_id=self.user.id) if goal.kind in KINDS]
        if not found:
            return Told(say(self.language, "log_goals_none"))
        return Told(joined([goal_words(goal, self.language) for goal in found]))

    def _goal(self, wish: LogWish) -> Told:
        if wish.kind is None or wish.kind == "blood_pressure":
            return Told(say(self.language, "log_goals_none"))
        if wish.off:
            ended = end_goal(self.store, wish.kind, user_id=self.user.id)
            return Told(say(self.language, "log_goal_ended" if ended else "log_goals_none"))
        said = self._value(wish.kind, wish.text)
        if said is None or plausible(said) == "impossible":
            return Told(say(self.language, "log_unread", text=wish.text))
        goal = LogGoal(wish.kind, wish.way or usual_way(wish.kind), said.value, said.unit, self.now)
        set_goal(self.store, goal, user_id=self.user.id)
        return Told(say(self.language, "log_goal_kept", goal=goal_words(goal, self.language)))

    def _nudge(self, wish: LogWish) -> Told:
        if wish.kind is None:
            return Told(say(self.language, "log_nudge_how"))
        mark = f"nudge:{wish.kind}:"
        if wish.off:
            kept = [item for item in reminders_of(self.store, user_id=self.user.id) if item.key.startswith(mark)]
            with self.store.transaction():
                for item in kept:
                    cancel_reminder(self.store, item.id, user_id=self.user.id)
            return Told(say(self.language, "log_nudge_off" if kept else "log_nudge_how"))
        zone = zone_of(self.user.profile)
        read = parse_reminder(wish.text, now=self.now, zone=zone, asked=True)
        if read is None or isinstance(read, Missing):
            return Told(say(self.language, "log_nudge_how"))
        text = say(self.language, "log_nudge", kind=say(self.language, f"log_kind_{wish.kind}"))
        new = reminder_from(type(read)(text, read.due, read.rule), key=f"{mark}{self.key}", zone=zone, to=self.to)
        made = add_reminder(self.store, new, user_id=self.user.id)
        return Told(kept_words(made, now=self.now, language=self.language))


_LEADS = {kind: kind.replace("_", " ") for kind in KINDS} | {
    "run": "ran",
    "walk": "walked",
    "ride": "cycled",
    "swim": "swam",
    "alcohol": "酒",
    "cigarettes": "smoked",
}
"""What a bare number is read after."""


def check_enabled(enabled: bool) -> None:
    """Refuse a command of the log where it is off.

    :raises UsageError: it is
    """
    if not enabled:
        raise UsageError("the log is off: [logs] enabled is false; set it to true in config.toml to keep one")
