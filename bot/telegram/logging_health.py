"""/log, /trend, and entries of health and habits in plain words: in private chats, where [logs] enabled is set.

An entry and the answer that tells of it are one transaction. Sentences beside entries go on to the chat; entries
themselves don't, unless [logs] learn is set, so that neither memory nor a tune holds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bot.logbook.actions import Logbook, Told
from bot.logbook.kinds import KINDS, Entry, plausible
from bot.logbook.parsing import Said as Logged
from bot.logbook.showing import Shown, show_trend
from bot.logbook.wishes import LogMessage, LogWish, TrendWish, log_wish, plain_trend, plain_wish, trend_wish
from bot.reminders.zones import zone_of
from bot.telegram.attachments import Attachment
from bot.telegram.desk import Visit
from bot.telegram.render import Part
from bot.telegram.sending import Buttons
from bot.telegram.settling import Said, settle
from bot.telegram.talking import replied_turn
from bot.telegram.wording import without_mention
from bot.threads import in_thread
from memory.errors import FamiliarError
from memory.logs import counts_of
from memory.reminders import Destination

CAPTION_LIMIT = 1024
"""Characters that Telegram takes under a picture."""
_MOST_BUTTONS = 5
_NOTES = {"f": "fasting", "m": "after a meal", "e": "after exercise", "r": "resting"}
"""In a button's data."""


def is_on(visit: Visit) -> bool:
    """Whether the log is there for whoever writes, here."""
    on = visit.services.settings.logs.enabled and visit.place.private and visit.place.business_id is None
    return on and visit.person.role in ("owner", "member")


def logged(visit: Visit) -> LogMessage | None:
    """What a message that is no command logs or asks of the log; None where it does neither."""
    if not is_on(visit) or visit.command is not None or not visit.message.text:
        return None
    if visit.message.forward_origin is not None:
        return None  # it is somebody else's
    if visit.message.reply_to_message is not None and replied_turn(visit) is not None:
        return None  # it may correct that reply
    text = "\n".join(without_mention(said, bot=visit.desk.bot.username) for said in visit.texts).strip()
    if not text:
        return None
    book = _book(visit)
    reading = book.read(text)
    if reading.said:
        return LogMessage(reading)
    counts = counts_of(visit.services.store, user_id=visit.user.id)
    wish, trend = plain_wish(text), plain_trend(text, now=visit.message.date)
    if wish is not None and (wish.kind in counts or (wish.kind is None and counts)):
        return LogMessage(wish=wish)
    return LogMessage(trend=trend) if trend is not None and trend.kind in counts else None


def rest_of(visit: Visit) -> str:
    """What of a message that logs something goes on to the chat; empty: nothing."""
    if visit.logged is None or visit.logged.reading is None:
        return ""
    whole = "\n".join(visit.texts) if visit.services.settings.logs.learn else visit.logged.reading.rest
    return without_mention(whole, bot=visit.desk.bot.username).strip()


async def log_said(visit: Visit) -> None:
    """Do what a message in plain words asks of the log."""
    assert visit.logged is not None
    asked, book = visit.logged, _book(visit)
    if asked.trend is not None:
        await _show(visit, asked.trend)
    elif asked.wish is not None:
        wish = asked.wish
        await settle(visit, lambda: _answer(visit, book.act(wish)))
    elif asked.reading is not None and rest_of(visit):
        said = asked.reading.said
        answered = await in_thread(lambda: _answer(visit, book.keep(said)))
        await visit.tell(answered.text, buttons=answered.buttons)
    elif asked.reading is not None:
        said = asked.reading.said
        await settle(visit, lambda: _answer(visit, book.keep(said)))


async def warn(visit: Visit, text: str) -> None:
    """Tell by rule of a dangerous value that a message speaks of without logging it, before a model answers."""
    if not is_on(visit) or visit.message.forward_origin is not None:
        return
    if visit.logged is not None and visit.logged.reading is not None:
        text = visit.logged.reading.rest  # of the entries themselves it was told
    words = await in_thread(lambda: _book(visit).dangers_in(text))
    if words:
        await visit.tell(words)


async def log(visit: Visit) -> None:
    """/log: an entry, the last ones, goals and nudges."""
    assert visit.command is not None
    if not is_on(visit):
        await visit.tell(visit.phrase("tg_unknown_command"))
        return
    words = visit.command.argument
    wish = plain_wish(words) or log_wish(words)
    await settle(visit, lambda: _acted(visit, wish))


async def trend(visit: Visit) -> None:
    """/trend: how a kind of entry changes, as a picture with a sentence."""
    assert visit.command is not None
    if not is_on(visit):
        await visit.tell(visit.phrase("tg_unknown_command"))
        return
    words, now = visit.command.argument, visit.message.date
    wish = trend_wish(words, now=now) or plain_trend(words, now=now)
    if wish is None:
        await visit.tell(visit.phrase("log_trend_how"))
    else:
        await _show(visit, wish)


async def undone(visit: Visit, values: Sequence[str]) -> None:
    """A button was pressed: take entries back."""
    told = await in_thread(lambda: _book(visit).undo([int(value) for value in values[0].split("-")]))
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(told.text))


async def kept(visit: Visit, values: Sequence[str]) -> None:
    """A button was pressed: keep a value that was asked back."""
    said = _said_in(visit, values)
    key = ":".join(("kept", *values))  # pressed twice it is kept once
    told = await in_thread(lambda: replace(_book(visit), key=key).keep_anyway([said]))
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(told.text), buttons=_undo(visit, told))


def is_entry(values: Sequence[str]) -> bool:
    """Whether the data of a button that keeps a value names one that can be kept: anybody can send any data."""
    kind = KINDS.get(values[0])
    try:
        entry = _entry(values)
    except ValueError:
        return False
    return kind is not None and entry.unit in ("", "ft", kind.unit, *kind.units) and plausible(entry) != "impossible"


def _entry(values: Sequence[str]) -> Entry:
    """The entry of a button's data.

    :raises ValueError: it has no number where one belongs
    """
    kind, value, second, unit, _, note = values
    return Entry(kind, float(value), float(second) if second else None, unit, _NOTES.get(note, ""))


def _said_in(visit: Visit, values: Sequence[str]) -> Logged:
    at = datetime.fromtimestamp(int(values[4]), UTC)
    return Logged(_entry(values), min(at, datetime.now(UTC)).astimezone(zone_of(visit.user.profile)))


def _book(visit: Visit) -> Logbook:
    to = Destination("telegram", visit.place.chat_id, visit.place.thread_id)
    key = f"telegram:{visit.update_ids[0] if visit.update_ids else 0}"
    store = visit.services.store
    return Logbook(store, store.user_by_id(visit.user.id), visit.message.date, "telegram", key, to)


def _acted(visit: Visit, wish: LogWish) -> Said:
    try:
        return _answer(visit, _book(visit).act(wish))
    except FamiliarError as exc:
        return Said(str(exc))


def _answer(visit: Visit, told: Told) -> Said:
    return Said(told.text, [*(_undo(visit, told) or []), *_keeping(visit, told), *_deleting(visit, told)] or None)


def _undo(visit: Visit, told: Told) -> Buttons:
    if not told.added:
        return []
    return [[(visit.phrase("log_undo"), f"unlog:{'-'.join(str(item.id) for item in told.added[:_MOST_BUTTONS])}")]]


def _keeping(visit: Visit, told: Told) -> Buttons:
    label = visit.phrase("log_keep_anyway")
    return [[(label, f"keeplog:{_data(item)}")] for item in told.doubtful[:_MOST_BUTTONS]]


def _data(said: Logged) -> str:
    """An entry in the 64 bytes of a button."""
    entry = said.entry
    second = "" if entry.second is None else f"{entry.second:.4g}"
    note = next((sign for sign, name in _NOTES.items() if name == entry.note), "")
    return f"{entry.kind}:{entry.value:.6g}:{second}:{entry.unit}:{int(said.at.timestamp())}:{note}"


def _deleting(visit: Visit, told: Told) -> Buttons:
    row = [(visit.phrase("log_delete_button", id=item.id), f"unlog:{item.id}") for item in told.listed[:_MOST_BUTTONS]]
    return [row] if row else []


async def _show(visit: Visit, wish: TrendWish) -> None:
    store, user = visit.services.store, visit.user
    shown = await in_thread(lambda: show_trend(store, wish, user=user, now=datetime.now(UTC)))
    picture = await in_thread(lambda: _picture(shown, visit.language)) if shown.summary is not None else None
    if not isinstance(picture, bytes):
        await visit.tell(f"{shown.text}\n{picture}" if picture else shown.text)
        return
    file, caption = Attachment("trend.png", picture), shown.text if len(shown.text) <= CAPTION_LIMIT else ""
    sent = await visit.desk.sender.send_photo(visit.place, file, caption=caption)
    if sent is None or not caption:
        await visit.tell(shown.text)


def _picture(shown: Shown, language: str) -> bytes | str:
    """The picture, or why there is none."""
    from bot.logbook.picture import picture_of

    try:
        return picture_of(shown, language=language)
    except FamiliarError as exc:
        return str(exc)
