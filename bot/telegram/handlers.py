"""Everything a message can be, in one ordered list: the first route that takes it handles it.

Whoever gets here may talk to the bot (`gate`); what they may have of it stands in one table (`authority`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from bot.explain import explain, explain_influence, missing_line
from bot.influence import Influence
from bot.plain_words import command_in
from bot.telegram.asking import asked_about
from bot.telegram.buttons import press
from bot.telegram.command_list import options_of, scope_of
from bot.telegram.customers import answer_by_reply, answers_case, asks_figures, show_figures
from bot.telegram.desk import Visit
from bot.telegram.digests import digest
from bot.telegram.downloads import recording_of
from bot.telegram.editing import edited
from bot.telegram.examples import examples
from bot.telegram.exporting import export
from bot.telegram.files import document
from bot.telegram.forgetting import forget
from bot.telegram.forwarding import forwarded, offer
from bot.telegram.inviting import invite
from bot.telegram.judgements import feedback
from bot.telegram.kinds import is_live
from bot.telegram.knowing import facts
from bot.telegram.learning import adapters, tune
from bot.telegram.limiting import note_work
from bot.telegram.logging_health import log, log_said, logged, rest_of, trend, warn
from bot.telegram.media import photo, recording, voice
from bot.telegram.menus import help_lines, set_own_menu
from bot.telegram.notes import note
from bot.telegram.noting import is_shown, tell_kind
from bot.telegram.people import people
from bot.telegram.permitting import permitted
from bot.telegram.personas import persona
from bot.telegram.preferences import settings
from bot.telegram.reactions import said_vote, vote_by_text
from bot.telegram.recommending import recommend
from bot.telegram.reminding import remind, reminders, timezone, wished
from bot.telegram.render import reply_parts, source_lines
from bot.telegram.searching import search
from bot.telegram.storing import storing
from bot.telegram.talking import answer, awaits_correction, conversation_of, correct, replied_turn
from bot.telegram.wording import Command, is_stop, joined, summary_wish, without_mention
from bot.threads import in_thread
from memory.records import Turn
from memory.turns import turn_by_id, turns_of


@dataclass(frozen=True)
class Route:
    """A kind of message and what is done with it."""

    takes: Callable[[Visit], bool]
    handle: Callable[[Visit], Awaitable[None]]
    command: str | None = None
    """Its name in `authority.COMMANDS`, where it is one of these."""


async def handle(visit: Visit) -> None:
    """Let the first route that takes the message handle it, if the person may have that."""
    visit = await understood(visit)
    if await permitted(visit):
        await next(route for route in HANDLERS if route.takes(visit)).handle(visit)


async def understood(visit: Visit) -> Visit:
    """The message with what its words ask for, read once: a reminder, a log entry, or a command in plain words."""
    if visit.query is not None or visit.edited or is_stop(visit.message.text or ""):
        return visit
    wish = await in_thread(lambda: wished(visit))
    plain = command_in(_written(visit)) if wish is None and is_plain(visit) else None
    found = await in_thread(lambda: logged(visit)) if plain is None else None
    if wish is not None and found is not None and (found.reading is None or not found.reading.rest.strip()):
        found = None  # all of it is the reminder's
    command = Command(plain.name, plain.argument) if plain else visit.command
    return replace(visit, wish=wish, logged=found, command=command)


def _written(visit: Visit) -> str:
    """What was written, without the bot's own name."""
    return "\n".join(without_mention(said, bot=visit.desk.bot.username) for said in visit.texts).strip()


async def ignore(visit: Visit) -> None:
    """A live location that moved: nobody asked about each step."""
    del visit


async def start(visit: Visit) -> None:
    """Greet, and offer the commands that work for whoever this is."""
    guest = visit.person.role == "guest"
    await visit.tell(visit.phrase("tg_welcome_guest" if guest else "tg_welcome", name=visit.person.name))
    if visit.place.private:
        await set_own_menu(visit.desk.bot, visit.person, options=options_of(visit.services.settings))


async def show_help(visit: Visit) -> None:
    """What the bot can do here, for whoever asks."""
    bot, role = visit.desk.bot, visit.person.role
    scope = scope_of(role, private=visit.place.private)
    offers = help_lines(scope, visit.language, options=options_of(visit.services.settings))
    lines = [visit.phrase("tg_help_guest" if role == "guest" else "tg_help"), *offers]
    if role != "guest":
        lines.append(visit.phrase("tg_help_more"))
    if bot.bot.supports_inline_queries and role != "guest":
        lines.append(visit.phrase("tg_help_inline", bot=bot.username))
    elif scope == "owner":
        lines.append(visit.phrase("tg_help_setinline", bot=bot.username))
    await visit.tell("\n".join(lines))


async def how_to_import(visit: Visit) -> None:
    """How documents get into memory."""
    await visit.tell(visit.phrase("tg_import"))


async def summary(visit: Visit) -> None:
    """A summary of what is remembered."""
    assert visit.command is not None
    wish = summary_wish(visit.command.argument)
    await in_thread(lambda: note_work(visit.services.store, visit.update_ids[:1], "reply", person=visit.person))
    made = await in_thread(lambda: visit.services.summarize(user=visit.user, about=wish.about, since=wish.since))
    sources = "\n".join(source_lines(made.citations, language=visit.language))
    await visit.show(reply_parts(made.text, sources), reply_to=visit.cited)


async def why(visit: Visit) -> None:
    """What a reply was made from: the one named, the one replied to, or the last."""
    assert visit.command is not None
    argument, store = visit.command.argument, visit.services.store
    named = int(argument) if argument.isdecimal() else replied_turn(visit)
    if named is None:
        last = turns_of(store, user_id=visit.user.id, conversation_id=conversation_of(visit), last=1)
        named = last[0].id if last else None
    if named is None:
        await visit.tell(visit.phrase("tg_no_turn"))
        return
    turn, language = turn_by_id(store, named, user_id=visit.user.id), visit.language
    missing = visit.services.explainer.missing(turn)
    stored = explain(turn, language=language)
    await visit.tell(f"{stored}\n\n{missing_line(missing, language=language)}" if missing else stored)
    if missing is None:
        visit.beside(_tell_influence(visit, turn))


async def _tell_influence(visit: Visit, turn: Turn) -> None:
    """Beside the chat: what has to be computed takes as long as some replies."""
    async with visit.desk.explaining(visit.person):
        influence = await in_thread(lambda: visit.services.explainer.influence(turn))
    if turn_by_id(visit.services.store, turn.id, user_id=visit.user.id) != turn:  # something in it was forgotten
        influence = Influence("erased")
    await visit.tell(explain_influence(influence, language=visit.language))


async def stop(visit: Visit) -> None:
    """End the reply that is being written; what is there of it stays."""
    if not visit.desk.stop_writing(visit.place.chat_id):
        await visit.tell(visit.phrase("tg_nothing_to_stop"))


async def correction(visit: Visit) -> None:
    """What a reply should have been, as an answer to it."""
    assert visit.command is not None
    turn_id = replied_turn(visit)
    if turn_id is None or not visit.command.argument:
        await visit.tell(visit.phrase("tg_correct_how"))
        return
    await correct(visit, turn_id, visit.command.argument)


async def text(visit: Visit) -> None:
    """Something to answer, or the right text for a reply that was found bad."""
    said = [without_mention(each, bot=visit.desk.bot.username) for each in visit.texts]
    written, places = joined(said)
    turn_id = replied_turn(visit)
    if not written:
        await visit.tell(visit.phrase("tg_help"))
    elif turn_id is not None and awaits_correction(visit, turn_id):
        await correct(visit, turn_id, written)
    else:
        await warn(visit, written)
        asked = await asked_about(visit)
        ids = [message.message_id for message in visit.messages]
        await answer(visit, written, replace(asked, places=dict(zip(ids, places, strict=False))))


async def entry(visit: Visit) -> None:
    """An entry of the log, or something asked of it; what else the message says is answered as any text."""
    await log_said(visit)
    rest = rest_of(visit)
    if rest:
        await text(replace(visit, texts=(rest,)))


async def reminder(visit: Visit) -> None:
    """A reminder; entries of the log beside it are kept first."""
    if visit.logged is not None:
        await log_said(visit)
    await remind(visit)


async def unknown_command(visit: Visit) -> None:
    """A command that does not exist."""
    await visit.tell(visit.phrase("tg_unknown_command"))


async def unknown_kind(visit: Visit) -> None:
    """A sticker, an animation: say what can be taken."""
    await visit.tell(visit.phrase("tg_unknown_kind"))


def is_plain(visit: Visit) -> bool:
    """Whether it is a text that is no command and answers no message, which it might correct."""
    return visit.command is None and bool(visit.message.text) and visit.message.reply_to_message is None


def command(name: str) -> Callable[[Visit], bool]:
    """Takes the command of that name."""
    return lambda visit: visit.command is not None and visit.command.name == name


COMMAND_HANDLERS: Mapping[str, Callable[[Visit], Awaitable[None]]] = {
    "start": start,
    "help": show_help,
    "note": note,
    "remember": note,
    "search": search,
    "import": how_to_import,
    "summary": summary,
    "digest": digest,
    "recommend": recommend,
    "why": why,
    "forget": forget,
    "facts": facts,
    "correct": correction,
    "feedback": feedback,
    "examples": examples,
    "tune": tune,
    "adapters": adapters,
    "persona": persona,
    "settings": settings,
    "remind": remind,
    "reminders": reminders,
    "timezone": timezone,
    "log": log,
    "trend": trend,
    "export": export,
    "storing": storing,
    "people": people,
    "invite": invite,
    "stop": stop,
}
"""What each command of `authority.COMMANDS` does."""


def _of_command(name: str) -> Route:
    return Route(command(name), COMMAND_HANDLERS[name], name)


HANDLERS: tuple[Route, ...] = (
    Route(lambda visit: visit.query is not None, press),
    Route(lambda visit: visit.message.edit_date is not None and is_live(visit.message), ignore),
    Route(answers_case, answer_by_reply),
    Route(lambda visit: visit.edited, edited),
    Route(forwarded, offer),
    Route(lambda visit: is_stop(visit.message.text or ""), stop),
    *map(_of_command, COMMAND_HANDLERS),
    Route(asks_figures, show_figures),
    Route(lambda visit: visit.wish is not None, reminder),
    Route(lambda visit: visit.logged is not None, entry),
    Route(is_shown, tell_kind),  # before documents: a GIF is sent as one too
    Route(lambda visit: bool(visit.message.photo), photo),
    Route(lambda visit: bool(visit.message.voice or visit.message.video_note), voice),
    Route(lambda visit: recording_of(visit.message) is not None, recording),
    Route(lambda visit: visit.message.document is not None, document),
    Route(lambda visit: visit.command is not None, unknown_command),
    Route(lambda visit: said_vote(visit) is not None, vote_by_text),
    Route(lambda visit: bool(visit.message.text), text),
    Route(lambda _visit: True, unknown_kind),
)
