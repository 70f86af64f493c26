"""What a message without words says: its content in words for its sender and, where it is worth keeping, as a note.

Nothing is guessed of what can't be seen: of a sticker only its emoji is told, of a GIF that it is one. Pure: fields as
of https://core.telegram.org/bots/api#message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from telegram import Contact, Location, Message, Poll

from bot.locales import say
from memory.importers.cleaning import one_line
from memory.importers.records import ConversionError
from memory.importers.vcf import read_vcf


@dataclass(frozen=True)
class Note:
    """What can be kept of a message."""

    title: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it, a line each."""
        return "\n".join([self.title, *(f"- {line}" for line in self.lines)])


@dataclass(frozen=True)
class Shown:
    """What a message says."""

    text: str
    note: Note | None = None
    """None where there is nothing to keep."""


Words = Callable[[Message, str, tzinfo], Shown]
"""Of a message, in a language, by the clock of a zone."""


def shown(message: Message, *, language: str, zone: tzinfo) -> Shown | None:
    """What a message of one of these kinds says; None where it is of another kind."""
    return next((words(message, language, zone) for name, words in _KINDS if getattr(message, name)), None)


def kind_of(message: Message) -> str | None:
    """The name of the field that makes it a message of one of these kinds."""
    return next((name for name, _ in _KINDS if getattr(message, name)), None)


def is_live(message: Message) -> bool:
    """Whether it is a location that moves, of which each movement comes as an edit."""
    return message.location is not None and message.location.live_period is not None


def coordinates(latitude: float, longitude: float) -> str:
    """A place on the earth to about a metre, as maps read it."""
    north, east = "N" if latitude >= 0 else "S", "E" if longitude >= 0 else "W"
    return f"{abs(latitude):.5f}° {north}, {abs(longitude):.5f}° {east}"


def _position(location: Location, language: str) -> str:
    where = coordinates(location.latitude, location.longitude)
    metres = location.horizontal_accuracy
    return say(language, "tg_position_within", where=where, metres=round(metres)) if metres else where


def _location(message: Message, language: str, zone: tzinfo) -> Shown:
    assert message.location is not None
    where = _position(message.location, language)
    when = f"{message.date.astimezone(zone):%Y-%m-%d %H:%M}"
    key = "tg_live_location" if is_live(message) else "tg_location"
    return Shown(say(language, key, where=where), Note(say(language, "tg_note_location", when=when), (where,)))


def _venue(message: Message, language: str, zone: tzinfo) -> Shown:
    del zone
    assert message.venue is not None
    title, address = one_line(message.venue.title), one_line(message.venue.address)
    where = _position(message.venue.location, language)
    text = say(language, "tg_venue", title=title, address=address, where=where)
    return Shown(text, Note(say(language, "tg_note_venue", title=title), (title, address, where)))


def _contact(message: Message, language: str, zone: tzinfo) -> Shown:
    del zone
    contact = message.contact
    assert contact is not None
    name = one_line(" ".join(filter(None, (contact.first_name, contact.last_name))))
    lines = contact_lines(contact, language=language)
    text = "\n".join([say(language, "tg_contact", name=name), *lines])
    return Shown(text, Note(say(language, "tg_note_contact", name=name), (name, *lines)))


def contact_lines(contact: Contact, *, language: str) -> tuple[str, ...]:
    """The number and what else the card holds, a line each; a card that can't be read leaves the number."""
    try:
        card = read_vcf(contact.vcard or "", name="vCard", title="").blocks[0].text.split("\n")[1:]
    except ConversionError:
        card = []
    number = _digits(contact.phone_number)
    if any(number in _digits(line) for line in card):
        return tuple(card)
    return (say(language, "tg_contact_phone", number=contact.phone_number), *card)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _poll(message: Message, language: str, zone: tzinfo) -> Shown:
    del zone
    poll = message.poll
    assert poll is not None
    question, options = one_line(poll.question), tuple(f"• {one_line(option.text)}" for option in poll.options)
    key = "tg_quiz" if poll.type == Poll.QUIZ else "tg_poll"
    text = "\n".join([say(language, key, question=question), *options, say(language, "tg_poll_no_vote")])
    note = Note(say(language, "tg_note_poll", question=question), tuple(one_line(item.text) for item in poll.options))
    return Shown(text, note)


def _checklist(message: Message, language: str, zone: tzinfo) -> Shown:
    del zone
    checklist = message.checklist
    assert checklist is not None
    title = one_line(checklist.title)
    lines = tuple(
        f"{'☑' if task.completion_date or task.completed_by_user or task.completed_by_chat else '☐'} "
        f"{one_line(task.text)}"
        for task in checklist.tasks
    )
    text = "\n".join([say(language, "tg_checklist", title=title), *lines])
    return Shown(text, Note(say(language, "tg_note_checklist", title=title), lines))


def _sticker(message: Message, language: str, zone: tzinfo) -> Shown:
    del zone
    assert message.sticker is not None
    emoji = message.sticker.emoji
    return Shown(say(language, "tg_sticker", emoji=emoji) if emoji else say(language, "tg_sticker_plain"))


_WINS = {"🎯": (6,), "🎳": (6,), "🏀": (4, 5), "⚽": (3, 4, 5), "🎰": (64,)}
"""The values at which Telegram's picture shows a bullseye, a strike, a basket, a goal, three sevens."""
_POINTS = ("🎲", "🎯", "🎳")
"""Whose value is a number of eyes, rings or pins."""


def _dice(message: Message, language: str, zone: tzinfo) -> Shown:
    del zone
    dice = message.dice
    assert dice is not None
    if dice.value in _WINS.get(dice.emoji, ()):
        key = "tg_dice_won"
    elif dice.emoji in _WINS and dice.emoji not in _POINTS:
        key = "tg_dice_lost"
    else:
        key = "tg_dice"
    return Shown(say(language, key, emoji=dice.emoji, value=dice.value))


def _game(message: Message, language: str, zone: tzinfo) -> Shown:
    del zone
    assert message.game is not None
    return Shown(say(language, "tg_game", title=one_line(message.game.title)))


def _invoice(message: Message, language: str, zone: tzinfo) -> Shown:
    del zone
    assert message.invoice is not None
    return Shown(say(language, "tg_invoice", title=one_line(message.invoice.title)))


def _said(key: str) -> Words:
    """A kind of which there is nothing to tell but that it can't be seen or used."""

    def words(message: Message, language: str, zone: tzinfo) -> Shown:
        del message, zone
        return Shown(say(language, key))

    return words


_KINDS: Sequence[tuple[str, Words]] = (
    ("venue", _venue),  # before its location, which it has too
    ("location", _location),
    ("contact", _contact),
    ("poll", _poll),
    ("checklist", _checklist),
    ("sticker", _sticker),
    ("dice", _dice),
    ("animation", _said("tg_animation")),
    ("game", _game),
    ("story", _said("tg_story")),
    ("paid_media", _said("tg_paid_media")),
    ("invoice", _invoice),
    ("successful_payment", _said("tg_payment")),
    ("giveaway", _said("tg_giveaway")),
    ("giveaway_winners", _said("tg_giveaway")),
    ("passport_data", _said("tg_passport")),
)
"""Fields of a message in the order in which they are looked at, and the words for each."""
