"""Everything a message can be, in one ordered list: the first route that takes it handles it.

Whoever gets here is allowed (`gate`). What is about one person's files or preferences is marked and refused in groups.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.explain import explain, explain_influence, missing_line
from bot.telegram.buttons import press
from bot.telegram.desk import Visit
from bot.telegram.examples import examples
from bot.telegram.files import document
from bot.telegram.forgetting import forget
from bot.telegram.knowing import facts
from bot.telegram.learning import adapters, tune
from bot.telegram.preferences import settings
from bot.telegram.reminding import remind, reminders, timezone, wished
from bot.telegram.render import reply_parts, source_lines
from bot.telegram.talking import answer, awaits_correction, conversation_of, correct, replied_turn
from bot.telegram.threads import in_thread
from bot.telegram.wording import is_stop, summary_wish, without_mention
from memory.records import Turn
from memory.turns import turn_by_id, turns_of


@dataclass(frozen=True)
class Route:
    """A kind of message and what is done with it."""

    takes: Callable[[Visit], bool]
    handle: Callable[[Visit], Awaitable[None]]
    private_only: bool = False


async def handle(visit: Visit) -> None:
    """Let the first route that takes the message handle it."""
    route = next(route for route in HANDLERS if route.takes(visit))
    if route.private_only and not visit.place.private:
        await visit.tell(visit.phrase("tg_private_only"))
    else:
        await route.handle(visit)


async def ignore(visit: Visit) -> None:
    """A message that was changed after its answer: a second answer would surprise more than help."""
    del visit


async def start(visit: Visit) -> None:
    """Greet."""
    await visit.tell(visit.phrase("tg_welcome", name=visit.person.name))


async def show_help(visit: Visit) -> None:
    """What the bot can do."""
    await visit.tell(visit.phrase("tg_help"))


async def how_to_import(visit: Visit) -> None:
    """How documents get into memory."""
    await visit.tell(visit.phrase("tg_import"))


async def summary(visit: Visit) -> None:
    """A summary of what is remembered."""
    assert visit.command is not None
    wish = summary_wish(visit.command.argument)
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
    written = "\n".join(without_mention(said, bot=visit.desk.bot.username) for said in visit.texts).strip()
    turn_id = replied_turn(visit)
    if not written:
        await show_help(visit)
    elif turn_id is not None and awaits_correction(visit, turn_id):
        await correct(visit, turn_id, written)
    else:
        await answer(visit, written)


async def unknown_command(visit: Visit) -> None:
    """A command that does not exist."""
    await visit.tell(visit.phrase("tg_unknown_command"))


async def unknown_kind(visit: Visit) -> None:
    """A photo, a sticker, a voice message: say what can be taken."""
    await visit.tell(visit.phrase("tg_unknown_kind"))


def is_plain(visit: Visit) -> bool:
    """Whether it is a text that is no command and answers no message, which it might correct."""
    return visit.command is None and bool(visit.message.text) and visit.message.reply_to_message is None


def command(name: str) -> Callable[[Visit], bool]:
    """Takes the command of that name."""
    return lambda visit: visit.command is not None and visit.command.name == name


HANDLERS: tuple[Route, ...] = (
    Route(lambda visit: visit.query is not None, press),
    Route(lambda visit: visit.edited, ignore),
    Route(command("start"), start),
    Route(command("help"), show_help),
    Route(lambda visit: is_stop(visit.message.text or ""), stop),
    Route(command("import"), how_to_import, private_only=True),
    Route(command("summary"), summary),
    Route(command("why"), why),
    Route(command("forget"), forget),
    Route(command("facts"), facts, private_only=True),
    Route(command("examples"), examples, private_only=True),
    Route(command("tune"), tune, private_only=True),
    Route(command("adapters"), adapters, private_only=True),
    Route(command("settings"), settings, private_only=True),
    Route(command("correct"), correction),
    Route(command("reminders"), reminders),
    Route(command("timezone"), timezone),
    Route(lambda visit: is_plain(visit) and wished(visit) is not None, remind),
    Route(command("remind"), remind),
    Route(lambda visit: visit.message.document is not None, document, private_only=True),
    Route(lambda visit: visit.command is not None, unknown_command),
    Route(lambda visit: bool(visit.message.text), text),
    Route(lambda _visit: True, unknown_kind),
)
