"""Recommendations from the terminal: items saved, judged and listed; the model of a taste trained and rolled back."""

from __future__ import annotations

import argparse
from pathlib import Path

from bot.app import App
from bot.commands.output import Output, plain
from bot.locales import say
from bot.taste import Wish, reason_text
from memory.errors import UsageError
from memory.records import User
from memory.taste import ACTIONS, Added, Item, events_of, items_of, opinions
from tuning.adapters import Registry


def recommend(app: App, args: argparse.Namespace, out: Output) -> int:
    """`familiar recommend [about WORDS] [--like ID] [-n N]`.

    :raises UsageError: [taste] is off
    """
    _check_on(app)
    user = app.user(args.user)
    language = user.profile.language
    words = args.words[1:] if args.words[:1] == ["about"] else args.words
    found = app.taste.recommend(user, Wish(" ".join(words), args.like), most=args.n)
    for number, each in enumerate(found, 1):
        why = reason_text(each.reason, each.item, language=language)
        record = _record(each.item) | {"reason": plain(each.reason), "why": why}
        link = f"\n   {each.item.link}" if each.item.link else ""
        out.result(record, f"{number}. {each.item.title}  [{each.item.id}]{link}\n   {why}")
    if not found:
        out.note(say(language, "taste_none_about" if words else "taste_none"))
    app.taste.shown(user, found)
    return 0


def items(app: App, args: argparse.Namespace, out: Output) -> int:
    """`familiar items [list | import FILE | add TITLE | ACTION ID [RATING] | train | models | rollback]`.

    :raises UsageError: [taste] is off, or the action lacks what it needs
    """
    _check_on(app)
    user = app.user(args.user)
    if args.action in ACTIONS:
        return _judge(app, user, args, out)
    return {
        "list": _list,
        "import": _import,
        "add": _add,
        "train": _train,
        "models": _models,
        "rollback": _rollback,
    }[args.action](app, user, args, out)


def _check_on(app: App) -> None:
    if not app.settings.taste.enabled:
        raise UsageError(
            "[taste] enabled is false; set it to true in the home's config.toml to be recommended anything"
        )


def _needed(args: argparse.Namespace, what: str) -> str:
    if args.target is None:
        raise UsageError(f"familiar items {args.action} needs {what}")
    return str(args.target)


def _list(app: App, user: User, args: argparse.Namespace, out: Output) -> int:
    del args
    said = opinions(events_of(app.store, user_id=user.id))
    for item in items_of(app.store, user_id=user.id):
        last = said.get(item.id)
        record = _record(item) | {"last": plain(last) if last else None}
        did = "" if last is None else f"{last.action} {last.rating:g}" if last.rating else last.action
        out.result(record, f"{item.id:>6}  {item.kind:7}  {did:8}  {item.title}")
    return 0


def _import(app: App, user: User, args: argparse.Namespace, out: Output) -> int:
    from memory.taste_files import read_items

    read = read_items(Path(_needed(args, "a .jsonl or .csv file")))
    if read.unused:
        out.note(f"columns that are not used: {', '.join(read.unused)}")
    owner = _owner(app, user, args.shared)
    added = app.taste.add(read.items, owner=owner, actor=user, config=app.settings.import_)
    return _added(added, out)


def _owner(app: App, user: User, shared: str | None) -> User:
    """The user, or the knowledge base of that name, made where there is none."""
    if shared is None:
        return user
    found = app.store.user(shared)
    if found is not None and found.role != "shared":
        raise UsageError(f"--shared {shared}: that is a person; name a knowledge base")
    return found or app.store.add_user(shared, role="shared")


def _add(app: App, user: User, args: argparse.Namespace, out: Output) -> int:
    from memory.taste_files import item_of

    row = {
        "title": _needed(args, "a title"),
        "text": args.text,
        "kind": args.kind,
        "link": args.link,
        "tags": args.tags,
    }
    added = app.taste.add(
        [item_of(row, where="familiar items add")], owner=user, actor=user, config=app.settings.import_
    )
    return _added(added, out)


def _added(added: Added, out: Output) -> int:
    text = f"{len(added.new)} items added, {len(added.known)} known before, {added.events} events"
    out.result({"new": list(added.new), "known": list(added.known), "events": added.events}, text)
    return 0


def _judge(app: App, user: User, args: argparse.Namespace, out: Output) -> int:
    number = _needed(args, "the number of an item; `familiar items` lists them")
    if not number.isdecimal():
        raise UsageError(f"familiar items {args.action} {number}: write the number that `familiar items` lists")
    item = app.taste.note(user, int(number), args.action, rating=args.rating)
    out.result(_record(item) | {"action": args.action, "rating": args.rating}, f"{args.action}: {item.title}")
    return 0


def _train(app: App, user: User, args: argparse.Namespace, out: Output) -> int:
    from bot.commands.learning import progress
    from bot.taste_model import encoder_of
    from tuning.preference_job import PreferenceRequest, train_preference

    del args
    request = PreferenceRequest(user.id, app.settings.taste, app.parts.embedder.key)
    with progress(out) as show:
        result = train_preference(app.store, app.home, encoder_of(app), request, on_progress=show)
    lines = [f"{result.status}: {result.adapter or '-'} ({result.choices} choices) {result.reason or ''}".rstrip()]
    lines += [f"  {'ok    ' if check.passed else 'FAILED'}  {check.sentence}" for check in result.gate]
    out.result(plain(result), "\n".join(lines))
    return 1 if result.status == "rejected" else 0


def _models(app: App, user: User, args: argparse.Namespace, out: Output) -> int:
    del args
    for adapter in _registry(app).list(user_id=user.id):
        why = f"  ({adapter.reason})" if adapter.reason else ""
        out.result(plain(adapter) | {"folder": str(adapter.folder)}, f"{adapter.id}  {adapter.status:9}{why}")
    return 0


def _rollback(app: App, user: User, args: argparse.Namespace, out: Output) -> int:
    del args
    now = _registry(app).rollback(user_id=user.id)
    out.result({"adapter": now.id if now else None}, f"ranked by {now.id if now else 'embeddings and popularity'} now")
    return 0


def _registry(app: App) -> Registry:
    from tuning.preference_job import taste_registry

    registry = taste_registry(app.store, app.home)
    registry.recover()  # a training whose process is gone is marked so
    return registry


def _record(item: Item) -> dict[str, object]:
    return {key: value for key, value in plain(item).items() if key != "owner"}
