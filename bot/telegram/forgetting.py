"""/forget: choose, see what will be removed, confirm. Nothing is erased before the second button.

The words of `/forget WORDS` are not kept for the button: it reads them again from the message it answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.telegram.desk import Visit
from bot.telegram.learning import tune_all_due
from bot.telegram.render import Part, plain_parts
from bot.telegram.sending import Buttons
from bot.telegram.talking import replied_turn
from bot.telegram.wording import command_of
from bot.threads import in_thread
from memory.store import Store
from memory.turns import turn_by_id, turns_of

_LISTED = 8
"""Documents offered, the newest."""
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True)
class Affected:
    """What holds a text: ids of documents and of turns in which the user said it."""

    documents: tuple[int, ...]
    turns: tuple[int, ...]


def holding(store: Store, text: str, *, user_id: int) -> Affected:
    """The user's documents and messages that hold a text, whatever its case and spacing."""
    pattern = re.compile(r"\s+".join(re.escape(word) for word in text.split()), re.IGNORECASE)
    documents = [
        item.id
        for item in store.documents(user_id=user_id)
        if pattern.search(store.document_text(item.id, user_id=user_id))
    ]
    turns = [turn.id for turn in turns_of(store, user_id=user_id) if pattern.search(turn.user_text)]
    return Affected(tuple(documents), tuple(turns))


async def forget(visit: Visit) -> None:
    """/forget alone offers documents, as a reply the turn, with words whatever holds them."""
    assert visit.command is not None
    words, turn_id = visit.command.argument, replied_turn(visit)
    if words:
        await _offer_text(visit, words)
    elif turn_id is not None:
        said = turn_by_id(visit.services.store, turn_id, user_id=visit.user.id).user_text
        await _confirm(visit, visit.phrase("tg_forget_turn", text=_short(said)), f"forget:turn:{turn_id}")
    else:
        await _offer_documents(visit)


async def _offer_text(visit: Visit, words: str) -> None:
    found = holding(visit.services.store, words, user_id=visit.user.id)
    if not (found.documents or found.turns):
        await visit.tell(visit.phrase("tg_forget_nothing"))
        return
    question = visit.phrase("tg_forget_text", documents=len(found.documents), turns=len(found.turns))
    await _confirm(visit, question, "forget:text")


async def _offer_documents(visit: Visit) -> None:
    newest = visit.services.store.documents(user_id=visit.user.id)[: -_LISTED - 1 : -1]
    rows = [[(_short(item.title), f"choose:{item.id}")] for item in newest]
    await visit.tell(visit.phrase("tg_forget_which" if rows else "tg_forget_none"), buttons=rows)


async def chosen(visit: Visit, values: Sequence[str]) -> None:
    """A document was picked from the list."""
    item = visit.services.store.document(int(values[0]), user_id=visit.user.id)
    question = visit.phrase("tg_forget_document", title=item.title, chunks=item.chunks)
    await _confirm(visit, question, f"forget:document:{item.id}")


async def _confirm(visit: Visit, question: str, data: str) -> None:
    buttons: Buttons = [[(visit.phrase("tg_yes_forget"), data), (visit.phrase("tg_keep"), "keep")]]
    # Under a list as well it answers whoever asked, who alone may confirm it.
    asked = visit.message if visit.query is None else visit.message.reply_to_message or visit.message
    parts = plain_parts(f"{question}\n{visit.phrase('tg_forget_also')}")
    await visit.show(parts, buttons=buttons, reply_to=asked.message_id)


async def confirmed(visit: Visit, values: Sequence[str]) -> None:
    """The user is sure: erase it."""
    what, number = values[0], int(values[1]) if len(values) > 1 else None
    words = _words_asked_for(visit) if what == "text" else None
    if what == "text" and not words:
        await _close(visit, visit.phrase("tg_forget_expired"))
        return
    await in_thread(
        lambda: visit.services.forget(
            user=visit.user,
            document=number if what == "document" else None,
            turn=number if what == "turn" else None,
            text=words,
        )
    )
    await _close(visit, visit.phrase("tg_forgotten"))
    # What was withdrawn is trained again at once, not at the next look.
    visit.desk.start(tune_all_due(visit.desk))


async def kept(visit: Visit, values: Sequence[str]) -> None:
    """The user would rather keep it."""
    del values
    await _close(visit, visit.phrase("tg_kept"))


def _words_asked_for(visit: Visit) -> str | None:
    asked = visit.message.reply_to_message
    command = command_of((asked.text if asked else None) or "", bot=visit.desk.bot.username)
    return command.argument if command and command.name == "forget" else None


async def _close(visit: Visit, text: str) -> None:
    await visit.desk.sender.edit(visit.place, visit.message.message_id, Part(text))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"
