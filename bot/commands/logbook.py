"""`familiar log` and `familiar trend`: the same words as /log and /trend, and the import of other programs' exports."""

from __future__ import annotations

import argparse
import secrets
from pathlib import Path

from bot.app import App
from bot.commands.output import Output
from bot.commands.reminding import destination_of
from bot.locales import say
from bot.logbook.actions import Logbook, Told, check_enabled
from bot.logbook.showing import Shown, show_trend
from bot.logbook.wishes import log_wish, plain_trend, plain_wish, trend_wish
from memory.errors import FamiliarError, UsageError
from memory.logs import LogEntry
from memory.records import User


def log(app: App, args: argparse.Namespace, out: Output) -> int:
    """`familiar log [TEXT | list | delete ID | correct ID VALUE | goal ... | nudge ... | import FILE]`.

    :raises FamiliarError: the log is off, or the words can't be read
    """
    check_enabled(app.settings.logs.enabled)
    user, words = app.user(args.user), " ".join(args.words)
    if args.words[:1] == ["import"]:
        return _import(app, user, args.words[1:], out)
    book = _book(app, user)
    told = book.act(plain_wish(words) or log_wish(words))
    if told.doubtful and args.yes:
        kept = book.keep_anyway(told.doubtful)
        told = Told(kept.text, (*told.added, *kept.added))
    for item in (*told.added, *told.listed):
        if out.as_json:
            out.result(_record(item))
    if not out.as_json or not (told.added or told.listed):
        out.result({"said": told.text, "asked_back": len(told.doubtful)}, told.text)
    if told.doubtful:
        out.note(say(user.profile.language, "log_doubtful_terminal"))
    return 1 if told.doubtful and not told.added else 0


def trend(app: App, args: argparse.Namespace, out: Output) -> int:
    """`familiar trend KIND [TIME] [--plot FILE]`.

    :raises FamiliarError: the log is off, the words name no kind, or the picture can't be written
    """
    check_enabled(app.settings.logs.enabled)
    user, words = app.user(args.user), " ".join(args.words)
    wish = trend_wish(words, now=app.now()) or plain_trend(words, now=app.now())
    if wish is None:
        raise UsageError(f"familiar trend {words}: {say('en', 'log_trend_how')}")
    shown = show_trend(app.store, wish, user=user, now=app.now())
    out.result(_figures(shown), shown.text)
    if args.plot:
        _draw(shown, args.plot, user.profile.language)
        out.note(say(user.profile.language, "log_plot_kept", path=args.plot))
    return 0


def _book(app: App, user: User) -> Logbook:
    key = f"terminal:{secrets.token_hex(8)}"
    return Logbook(app.store, user, app.now(), "terminal", key, destination_of(user))


def _draw(shown: Shown, path: Path, language: str) -> None:
    from bot.logbook.picture import picture_of

    data = picture_of(shown, language=language)
    try:
        path.write_bytes(data)
    except OSError as exc:
        raise FamiliarError(f"{path} can't be written: {exc}; name a file such as weight.png") from exc


def _record(item: LogEntry) -> dict[str, object]:
    return {
        "id": item.id,
        "kind": item.kind,
        "value": item.value,
        "second": item.second,
        "unit_said": item.unit,
        "note": item.note,
        "at": item.at.isoformat(),
        "source": item.source,
    }


def _figures(shown: Shown) -> dict[str, object]:
    """The trend as scripts read it, in the kind's own unit."""
    found = shown.summary
    if found is None:
        return {"entries": 0}
    slope = found.slope
    return {
        "kind": found.kind,
        "entries": found.entries,
        "days": {day.isoformat(): value for day, value in found.days.items()},
        "average": found.average,
        "second_average": found.second_average,
        "per_week": slope.per_week if slope else None,
        "interval": [slope.low, slope.high] if slope else None,
    }


def _import(app: App, user: User, files: list[str], out: Output) -> int:
    from bot.logbook.importing import import_file

    if not files:
        raise UsageError("familiar log import: name a CSV file, an export of Apple Health, or a Takeout of Google Fit")
    for name in files:
        done = import_file(app.store, Path(name), user=user)
        out.result(done.record(), done.text(user.profile.language))
    return 0
