"""What is known: facts, standing rules and how replies are wished for, to be listed, put right, pinned and deleted."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

from bot.app import App
from bot.commands.output import Output
from bot.commands.wrong_use import refuse, refuse_id
from memory.errors import FamiliarError, UsageError
from memory.facts import profile, store
from memory.facts.graph import around, graph_of
from memory.facts.records import USER, Fact
from memory.records import Profile, User
from memory.store import Store


@dataclass(frozen=True)
class Known:
    """One line of the list; a standing rule's id is r and a number, a setting's is its name."""

    id: str
    subject: str
    attribute: str
    value: str
    said: str | None
    since: str | None
    until: str | None
    source: str | None
    pinned: bool
    status: str
    """current, corrected (by the user, for good) or ended."""
    origin: str = "rule"
    """What read it: a rule, the model, or nobody but the user, who wrote it."""

    def record(self) -> dict[str, object]:
        """As scripts read it."""
        return {
            "id": self.id,
            "subject": self.subject,
            "attribute": self.attribute,
            "value": self.value,
            "said": self.said,
            "from": self.since,
            "to": self.until,
            "source": self.source,
            "pinned": self.pinned,
            "status": self.status,
            "origin": self.origin,
        }

    def line(self) -> str:
        """As people read it."""
        dates = f"  [{self.since}{f' to {self.until}' if self.until else ''}]" if self.since else ""
        shown = (
            ("pinned", self.pinned),
            (self.status, self.status != "current"),
            ("read by the model", self.origin == "model"),
        )
        marks = [name for name, true in shown if true]
        said = f"{self.subject}: {self.attribute} = {self.value}"
        return f"{self.id:>8}  {said}{dates}{'  (' + ', '.join(marks) + ')' if marks else ''}"


def facts(app: App, args: argparse.Namespace, out: Output) -> int:
    """List, draw or change what is known of the user and their world."""
    user = app.user(args.user)
    if args.action is not None:
        refuse(args, "about", "all", "plot", about="the list: `familiar facts` without an action")
        return _change(app, args, out, user)
    owners = app.store.readable_by(user.id)
    found = store.facts_of(app.store, owners=owners)
    if args.about:
        found = around(found, args.about)
    shown = [item for item in found if item.current or args.all]
    for item in known_of(app.store, shown, user=user, settings=not args.about):
        out.result(item.record(), item.line())
    if not shown:
        out.note(f"no fact about {args.about}" if args.about else _NONE)
    if args.plot:
        from bot.fact_picture import draw

        missing = draw(graph_of(found), args.plot)
        if missing:
            out.note(_NO_FONT.format(signs="".join(sorted(missing)[:12]), path=args.plot))
    return 0


_NONE = "no facts yet: they are read out of what you tell and import (`familiar facts learn` reads it again)"
_NO_FONT = "no font on this machine has {signs}, empty boxes in {path}; install one that has, such as Noto Sans CJK"


def known_of(database: Store, found: list[Fact], *, user: User, settings: bool) -> Iterator[Known]:
    """Facts with their sources; with ``settings`` also standing rules and the profile."""
    chunks = {
        chunk.id: chunk
        for chunk in database.chunks(
            {source.chunk_id for item in found for source in item.sources}, owners=database.readable_by(user.id)
        )
    }
    if settings:
        yield from _laid_down(database, user)
    for item in found:
        newest = item.newest_of(chunks)
        chunk = chunks[newest] if newest is not None else None
        source = (f"turn {chunk.turn_id}" if chunk.turn_id else chunk.source) if chunk else None
        status = "ended" if not item.current else "corrected" if item.corrected else "current"
        yield Known(
            *(str(item.id), item.subject, item.attribute, item.value, item.said_at, item.valid_from, item.valid_to),
            *(source, item.pinned, status),
            origin="model" if item.by_model else "user" if item.corrected else "rule",
        )


def _laid_down(database: Store, user: User) -> Iterator[Known]:
    """Settings that are not the default, and standing rules."""
    for name in profile.PROFILE:
        value = getattr(user.profile, name)
        if value != getattr(Profile(), name):
            yield Known(name, USER, f"answer {name}", value, None, None, None, None, True, "current", "user")
    for rule in profile.rules_of(database, user_id=user.id):
        turn = f"turn {rule.turn_id}" if rule.turn_id else None
        said, day = rule.at, rule.at[:10]
        yield Known(f"r{rule.id}", USER, "standing rule", rule.text, said, day, None, turn, True, "current")


def _change(app: App, args: argparse.Namespace, out: Output, user: User) -> int:
    if args.action == "learn":
        refuse_id(args, command="facts")
        return _learn(app, out, user)
    if args.id is None or (args.action == "correct") != (args.value is not None):
        raise UsageError(f"familiar facts {args.action}: write {_USAGE[args.action]}; `familiar facts` lists the ids")
    if args.action == "delete":
        delete(app.store, args.id, user=user)
        out.result(
            {"id": args.id, "status": "deleted"},
            f"{args.id} deleted; what was said stays, `familiar forget` removes that",
        )
        return 0
    number = _number(args.id)
    if args.action == "correct":
        done = store.correct(app.store, number, args.value, user_id=user.id)
    else:
        done = store.pin(app.store, number, user_id=user.id, pinned=args.action == "pin")
    (item,) = known_of(app.store, [done], user=user, settings=False)
    out.result(item.record(), item.line())
    return 0


def _learn(app: App, out: Output, user: User) -> int:
    """By the rules at once, then by the model, a passage at a time; what it has read when it is stopped is kept."""
    count = store.learn_all(app.store, user_id=user.id)
    read = kept = dropped = 0
    for found in app.fact_reading.read_now(user):
        read, kept, dropped = read + 1, kept + len(found.claims), dropped + found.dropped
        for claim in found.claims:
            out.note(f"{read:>6}  {claim.subject}: {claim.attribute} = {claim.value}")
    if not read:
        out.result({"facts": count}, f"{count} facts known")
        return 0
    count = len(store.facts_of(app.store, owners=[user.id]))
    record = {"facts": count, "read": read, "kept": kept, "dropped": dropped}
    out.result(record, f"{count} facts known; {read} passages read by the model, {kept} facts kept, {dropped} dropped")
    return 0


_USAGE = {
    "correct": "correct ID VALUE",
    "pin": "pin ID",
    "unpin": "unpin ID",
    "delete": "delete ID",
}


def delete(database: Store, id_: str, *, user: User) -> None:
    """Delete a fact, a standing rule (r and its number), or set language, form or length back to its default.

    :raises FamiliarError: the user has nothing of that id
    """
    if id_ in profile.PROFILE:
        profile.reset_setting(database, id_, user=user)
    elif id_[:1] == "r" and id_[1:].isdecimal():
        profile.delete_rule(database, int(id_[1:]), user_id=user.id)
    else:
        store.delete(database, _number(id_), user_id=user.id)


def _number(id_: str) -> int:
    if not id_.isdecimal():
        raise FamiliarError(f"{id_!r} is no fact; `familiar facts` lists the ids")
    return int(id_)
