"""Photos, voice messages and other recordings: what stands in them is read or heard, and then answered.

What a person spoke into a voice message or video note is theirs and is answered as if it were typed. All else
(photos, recordings, what is forwarded) may be anybody's: it is material for one turn, and kept only where its reader
presses a button for it. The button needs no state: what it keeps stands in the message above it, or is read once more
from the message that was answered.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from telegram import Message

from bot.context import Given, in_passages
from bot.hearing import HearingMissing, Recording, TooLong
from bot.seeing import Seen
from bot.telegram.desk import Visit, is_sent_away
from bot.telegram.downloads import fetched, photo_of, recording_of
from bot.telegram.files import receipt_text
from bot.telegram.notes import forwarder, note_of
from bot.telegram.outbox import Reply
from bot.telegram.render import Part, Span, joined, split, utf16
from bot.telegram.settling import Said, write_answer
from bot.telegram.talking import Asked, answer
from bot.telegram.waiting import unless_stopped
from bot.telegram.wording import ImportWish, without_mention
from bot.threads import in_thread
from memory.notes import KeptNote
from memory.records import Receipt

SHOWN = 3000
"""UTF-16 units of a photo's text that are shown; the button keeps all of it."""
_QUOTE = "blockquote"
_RECORDINGS = ("voice", "video_note", "audio", "video", "document")


async def photo(visit: Visit) -> None:
    """Read photos, one or an album: as the context of their caption, or to show what was read."""
    question = _caption(visit)
    pictures = await fetched(visit, [photo_of(message) for message in visit.messages])
    if pictures is None:
        return
    seen = await unless_stopped(visit, lambda _: visit.services.look(pictures, question=question))
    if seen is None:
        return
    if question:
        await _tell_problems(visit, seen)
        await answer(visit, question, Asked(given=given_by(seen)))
    else:
        await _show_seen(visit, seen)


async def voice(visit: Visit) -> None:
    """Answer what was spoken to the bot as if it were typed; what is forwarded to it is somebody else's."""
    from bot.telegram.handlers import handle

    heard = await _heard(visit)
    if heard is None or is_sent_away(visit):
        return
    if visit.message.forward_origin is not None:
        await _offer(visit, _heard_parts(heard))
        return
    await visit.show(_heard_parts(heard), reply_to=visit.message.message_id)
    await handle(typed(visit, heard))


async def recording(visit: Visit) -> None:
    """Transcribe an audio file or a film: as the context of its caption, or to show what is said in it."""
    heard = await _heard(visit)
    if heard is None:
        return
    question = _caption(visit)
    if question:
        await visit.show(_heard_parts(heard), reply_to=visit.message.message_id)
        await answer(visit, question, Asked(given=(_given("what is said in the recording", heard),)))
    else:
        captions = [quoted(text) for text in _foreign_captions(visit.messages)]
        await _offer(visit, split(joined(*captions, *_heard_parts(heard))))


def _caption(visit: Visit) -> str:
    """What the user wrote to it; the caption of something forwarded is somebody else's."""
    bot = visit.desk.bot.username
    own = [message.caption or "" for message in visit.messages if message.forward_origin is None]
    return "\n".join(filter(None, (without_mention(text, bot=bot) for text in own)))


def _foreign_captions(messages: Sequence[Message]) -> list[str]:
    return [message.caption for message in messages if message.caption and message.forward_origin is not None]


# ---- photos ----------------------------------------------------------------------------------------------------------


def given_by(seen: Sequence[Seen]) -> tuple[Given, ...]:
    """What the model is given of photos; of one that gave nothing it is told so, lest it invent what it shows."""
    found: list[Given] = []
    for number, each in enumerate(seen, 1):
        which = f"photo {number}" if len(seen) > 1 else "the photo"
        if each.text:
            found.append(_given(f"text in {which}", each.text))
        if each.description:
            found.append(_given(f"what {which} shows, as a model describes it", each.description))
        if not (each.text or each.description):
            unknown = "Its text could not be read" if each.unread or each.remarks else "No text was found in it"
            found.append(_given(which, f"{unknown}, and what it shows is not known."))
    return tuple(found)


def _given(title: str, text: str) -> Given:
    return Given(title, in_passages(text))


async def _tell_problems(visit: Visit, seen: Sequence[Seen]) -> None:
    """What could not be read; that an extra is missing is told once."""
    lines = [remark for each in seen for remark in each.remarks]
    if any(each.unread for each in seen) and visit.desk.first_time(visit.place.chat_id, "ocr"):
        lines.insert(0, visit.phrase("tg_photo_extra"))
    if lines:
        await visit.tell("\n".join(lines))


async def _show_seen(visit: Visit, seen: Sequence[Seen]) -> None:
    """Show what was read, or say why it is nothing."""
    pieces = [quoted(text) for text in _foreign_captions(visit.messages)]
    texts, descriptions = [each.text for each in seen], [each.description for each in seen]
    for key, found in (("tg_photo_text", texts), ("tg_photo_shows", descriptions)):
        if text := "\n\n".join(filter(None, found)):
            pieces += [Part(visit.phrase(key)), quoted(text)]
    notes = [remark for each in seen for remark in each.remarks]
    if any(each.unread for each in seen):
        notes.insert(0, visit.phrase("tg_photo_extra"))
    elif not any(texts + descriptions) and not notes:
        notes.append(visit.phrase("tg_photo_nothing" if visit.services.settings.vision.url else "tg_photo_no_text"))
    note = [Part("\n".join(notes))] if notes else []
    if not pieces:
        await visit.show(split(joined(*note)), reply_to=visit.message.message_id)
        return
    whole = joined(*pieces)
    shown = split(whole, limit=SHOWN)[0]
    cut = shown != whole
    rest = [Part(visit.phrase("tg_photo_rest" if len(seen) == 1 else "tg_album_rest"))] if cut else []
    await _offer(visit, split(joined(shown, *rest, *note)), whole=not cut, again=len(seen) == 1)


# ---- recordings ------------------------------------------------------------------------------------------------------


def typed(visit: Visit, text: str) -> Visit:
    """The visit as if its writer had typed this instead of speaking it."""
    values = {key: value for key, value in visit.message.to_dict().items() if key not in _RECORDINGS}
    message = Message.de_json({**values, "text": text}, visit.desk.bot)
    return Visit(
        visit.desk,
        person=visit.person,
        user=visit.user,
        place=visit.place,
        message=message,
        update_ids=visit.update_ids,
        texts=(text,),
        messages=(message,),
        handling=visit.handling,
    )


async def _heard(visit: Visit) -> str | None:
    """What is said in the message; None where the user was told why there is nothing to answer."""
    sent = recording_of(visit.message)
    assert sent is not None
    most = visit.services.settings.speech.most_minutes
    too_long = visit.phrase("tg_recording_too_long", minutes=f"{most:g}")
    if sent.seconds > 60 * most:
        await visit.tell(too_long, reply=True)
        return None
    files = await fetched(visit, [sent])
    if files is None:
        return None

    def transcribe(cancel: threading.Event) -> str:
        return visit.services.transcribe(Recording(sent.name, files[0]), cancel=cancel)

    try:
        heard = await unless_stopped(visit, transcribe)
    except HearingMissing:
        heard, problem = "", visit.phrase("tg_speech_missing")
    except TooLong:
        heard, problem = "", too_long
    else:
        problem = visit.phrase("tg_heard_nothing")
    if heard == "":
        await visit.tell(problem, reply=True)
    return heard or None


def _heard_parts(text: str) -> tuple[Part, ...]:
    return split(quoted(f"🎤 {text}"))


def quoted(text: str) -> Part:
    """A text that is not the bot's."""
    return Part(text, (Span(_QUOTE, 0, utf16(text)),))


# ---- keeping it ------------------------------------------------------------------------------------------------------


async def _offer(visit: Visit, parts: Sequence[Part], *, whole: bool = True, again: bool = True) -> None:
    """Show what was read or heard, with a button that keeps it; in a group, whose memory is all members', and
    for a guest, who may not press it, without.

    :param whole: the messages hold all of it
    :param again: all of it can be had from the message that is answered
    """
    how = "shown" if whole and len(parts) == 1 else "all"
    offered = visit.place.private and visit.person.role != "guest" and (how == "shown" or again)
    buttons = [[(visit.phrase("tg_note_button"), f"read:{how}")]] if offered else None
    under = buttons if len(parts) == 1 else None
    await visit.show(parts, reply_to=visit.message.message_id, buttons=under)
    if buttons and not under:  # of several messages only the first names the one that is answered
        await visit.tell(visit.phrase("tg_note_offer"), buttons=buttons, reply=True)


async def noted(visit: Visit, values: Sequence[str]) -> None:
    """Keep what was read or heard as a note."""
    original = visit.message.reply_to_message
    text = await _again(visit, original) if values[0] == "all" else _shown(visit.message)
    if text is None:
        await visit.tell(visit.phrase("tg_note_gone"))
        return
    if not text.strip():
        await visit.tell(visit.phrase("tg_note_no_text"))
        return
    read = original or visit.message
    new = note_of(visit, read, text, speaker=forwarder(visit, read))
    replies: list[Reply] = []

    def stored(kept: KeptNote) -> None:
        replies.append(write_answer(visit, Said(_receipt(visit, kept))))

    await in_thread(lambda: visit.services.keep_note(new, user=visit.user, stored=stored))
    await visit.desk.outbox.deliver(replies[0])


def _receipt(visit: Visit, kept: KeptNote) -> str:
    document = kept.document
    receipt = Receipt(document.source, "duplicate" if kept.known else "indexed", document.id, document.chunks)
    return receipt_text(visit, receipt, ImportWish(), name=document.title)


def _shown(message: Message) -> str:
    quotes = message.parse_entities([_QUOTE]).values()
    return "\n\n".join(quote.removeprefix("🎤").strip() for quote in quotes)


async def _again(visit: Visit, original: Message | None) -> str | None:
    """All that stands in a photo or is said in a recording; None where it is gone."""
    if original is None:
        return None
    sent = photo_of(original) if original.photo else recording_of(original)
    files = await fetched(visit, [sent]) if sent is not None else None
    if sent is None or files is None:
        return None
    if not original.photo:
        recorded = Recording(sent.name, files[0])
        heard = await in_thread(lambda: visit.services.transcribe(recorded, cancel=visit.desk.cancel))
        return "\n\n".join([*_foreign_captions([original]), heard])
    seen = await in_thread(lambda: visit.services.look(files, question=""))
    texts = [text for each in seen for text in (each.text, each.description) if text]
    return "\n\n".join([*_foreign_captions([original]), *texts])
