"""The Bot API methods that act on chats: each a function of the world and a request, giving the JSON of `result`.

Every function runs under the world's lock and either does all it is asked for or raises `ApiError` and does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from telegram.constants import ChatAction, ReactionEmoji

from tests.telegram_api.business import (
    answer_guest_query,
    chat_of,
    get_business_connection,
    get_chat_administrators,
)
from tests.telegram_api.inline import answer_inline_query
from tests.telegram_api.records import (
    Attachment,
    AttachmentKind,
    CallbackAnswer,
    Chat,
    Draft,
    FormattedText,
    Message,
    StoredFile,
)
from tests.telegram_api.request import Request
from tests.telegram_api.validation import (
    CAPTION_LIMIT,
    TEXT_LIMIT,
    ApiError,
    bad_request,
    check_text,
    parse_entities,
    parse_json,
    parse_keyboard,
)
from tests.telegram_api.world import World

DOWNLOAD_LIMIT = 20 * 1024 * 1024
UPLOAD_LIMIT = 50 * 1024 * 1024
CALLBACK_TEXT_LIMIT = 200
_IMAGE_STARTS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8", b"RIFF")
_ACTIONS = frozenset(str(action) for action in ChatAction)
_REACTIONS = frozenset(str(emoji) for emoji in ReactionEmoji)

Method = Callable[[World, Request], object]


def get_me(world: World, _request: Request) -> object:
    """The bot itself."""
    flags = {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": world.inline}
    return {**world.bot.as_json(), **flags}


def send_message(world: World, request: Request) -> object:
    """Text to a chat."""
    content = _text(request, "text", "entities", limit=TEXT_LIMIT, too_long="message is too long")
    return _deliver(world, request, content, None).as_json()


def send_message_draft(world: World, request: Request) -> object:
    """A passing preview in a private chat; it becomes no message."""
    chat = world.chat(request.integer("chat_id"))
    if chat.type != "private":
        raise bad_request("message drafts can be sent only to private chats")
    if not request.integer("draft_id", 0):
        raise bad_request("draft_id must be non-zero")
    _refuse_parse_mode(request)
    text, entities = request.text("text"), parse_entities(request.values.get("entities"))
    content = check_text(text, entities, limit=TEXT_LIMIT, too_long="message is too long")
    world.drafts.setdefault(chat.id, []).append(Draft(request.integer("draft_id"), content, _thread(request, chat)))
    return True


def edit_message_text(world: World, request: Request) -> object:
    """New text; leaving out the keyboard removes it, as in Telegram."""
    message = _own_message(world, request)
    if message.attachment is not None:
        raise bad_request("there is no text in the message to edit")
    content = _text(request, "text", "entities", limit=TEXT_LIMIT, too_long="MESSAGE_TOO_LONG")
    return world.edit_message(message, content, parse_keyboard(request.values.get("reply_markup"))).as_json()


def edit_message_reply_markup(world: World, request: Request) -> object:
    """Only another keyboard, or none."""
    message = _own_message(world, request)
    keyboard = parse_keyboard(request.values.get("reply_markup"))
    return world.edit_message(message, message.content, keyboard).as_json()


def delete_message(world: World, request: Request) -> object:
    """Remove a message; in groups only the bot's own."""
    chat = world.chat(request.integer("chat_id"))
    message = world.message(chat.id, request.integer("message_id"), missing="message to delete not found")
    if not message.from_bot and chat.type != "private":
        raise bad_request("message can't be deleted")
    world.remove_message(chat.id, message.id)
    return True


def send_document(world: World, request: Request) -> object:
    """A file of any kind, with a caption."""
    stored = _file(world, request, "document")
    return _deliver(world, request, _caption(request), Attachment("document", stored)).as_json()


def send_photo(world: World, request: Request) -> object:
    """An image, with a caption."""
    stored = _file(world, request, "photo")
    if not stored.content.startswith(_IMAGE_STARTS):
        raise bad_request("IMAGE_PROCESS_FAILED")
    return _deliver(world, request, _caption(request), Attachment("photo", stored)).as_json()


def send_chat_action(world: World, request: Request) -> object:
    """Shown as "typing..."."""
    chat = world.chat(request.integer("chat_id"))
    if request.text("action") not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    _thread(request, chat)
    world.actions.append((chat.id, request.text("action")))
    return True


def set_message_reaction(world: World, request: Request) -> object:
    """At most one of the emoji that Telegram knows; an empty list takes the reaction away."""
    chat = world.chat(request.integer("chat_id"))
    message = world.message(chat.id, request.integer("message_id"), missing="message to react not found")
    rows = parse_json(request.text("reaction", "[]"), "reaction")
    if not isinstance(rows, list) or len(rows) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    emoji = tuple(str(row.get("emoji")) for row in rows)
    if any(one not in _REACTIONS for one in emoji):
        raise bad_request("REACTION_INVALID")
    world.put_message(replace(message, reactions=emoji))
    return True


def answer_callback_query(world: World, request: Request) -> object:
    """Stop the spinner of a pressed button."""
    query_id = request.text("callback_query_id")
    if query_id not in world.open_queries:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    if len(request.text("text")) > CALLBACK_TEXT_LIMIT:
        raise bad_request("MESSAGE_TOO_LONG")
    world.answers.append(CallbackAnswer(query_id, request.values.get("text"), request.flag("show_alert")))
    return True


def get_file(world: World, request: Request) -> object:
    """Where to download a file of up to 20 MB."""
    stored = _stored(world, request.text("file_id"))
    if world.local_folder is not None:  # as a server of one's own with --local
        path = world.local_folder / stored.file_id
        path.write_bytes(stored.content)
        return {**stored.as_json(), "file_path": str(path)}
    if stored.size > DOWNLOAD_LIMIT:
        raise bad_request("file is too big")
    return {**stored.as_json(), "file_path": f"documents/{stored.file_id}"}


def get_chat(world: World, request: Request) -> object:
    """What is known of a chat (`ChatFullInfo`)."""
    gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
    chat = world.chat(request.integer("chat_id"))
    return {
        **chat.as_json(),
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(gifts, False),
    }


def leave_chat(world: World, request: Request) -> object:
    """Leave a group."""
    chat = world.chat(request.integer("chat_id"))
    if chat.type == "private":
        raise bad_request("chat member status can't be changed in private chats")
    world.chats[chat.id] = replace(chat, bot_is_member=False)
    return True


def _refuse_parse_mode(request: Request) -> None:
    if request.text("parse_mode"):
        raise bad_request(
            f"parse_mode {request.text('parse_mode')!r} is not read by this server; send entities instead"
        )


def _text(request: Request, name: str, entities: str, *, limit: int, too_long: str) -> FormattedText:
    _refuse_parse_mode(request)
    if not request.text(name):
        raise bad_request("message text is empty")
    parsed = parse_entities(request.values.get(entities))
    content = check_text(request.text(name), parsed, limit=limit, too_long=too_long)
    if not content.text:
        raise bad_request("text must be non-empty")
    return content


def _caption(request: Request) -> FormattedText:
    _refuse_parse_mode(request)
    entities = parse_entities(request.values.get("caption_entities"))
    return check_text(request.text("caption"), entities, limit=CAPTION_LIMIT, too_long="message caption is too long")


def _thread(request: Request, chat: Chat) -> int | None:
    thread = request.integer("message_thread_id", 0)
    if thread and thread not in chat.topics:
        raise bad_request("message thread not found")
    return thread or None


def _reply_target(world: World, request: Request, chat: Chat) -> Message | None:
    parameters = request.mapping("reply_parameters")
    if not parameters:
        return None
    wanted = parameters.get("message_id")
    found = world.messages.get(chat.id, {}).get(wanted) if isinstance(wanted, int) else None
    if found is None and not parameters.get("allow_sending_without_reply"):
        raise bad_request("message to be replied not found")
    return found


def _deliver(world: World, request: Request, content: FormattedText, attachment: Attachment | None) -> Message:
    chat = chat_of(world, request)
    return world.add_message(
        Message(
            id=0,
            chat=chat,
            sender=world.bot,
            date=int(world.clock()),
            content=content,
            attachment=attachment,
            keyboard=parse_keyboard(request.values.get("reply_markup")),
            reply_to=_reply_target(world, request, chat),
            thread_id=_thread(request, chat),
        )
    )


def _own_message(world: World, request: Request) -> Message:
    chat = world.chat(request.integer("chat_id"))
    message = world.message(chat.id, request.integer("message_id"), missing="message to edit not found")
    if not message.from_bot:
        raise bad_request("message can't be edited")
    return message


def _stored(world: World, file_id: str) -> StoredFile:
    stored = world.files.get(file_id)
    if stored is None:
        raise bad_request("wrong file_id or the file is temporarily unavailable")
    return stored


def _file(world: World, request: Request, name: AttachmentKind) -> StoredFile:
    given = request.text(name)
    upload = request.uploads.get(given.removeprefix("attach://") or name)
    if upload is None:
        if not given:
            raise bad_request(f"there is no {name} in the request")
        return _stored(world, given)
    if not upload.content:
        raise bad_request("file must be non-empty")
    if len(upload.content) > UPLOAD_LIMIT:
        raise ApiError(413, "Request Entity Too Large")
    return world.add_file(upload.name, upload.content, mime_type=upload.mime_type)


CHAT_METHODS: Mapping[str, Method] = {
    "getMe": get_me,
    "sendMessage": send_message,
    "sendMessageDraft": send_message_draft,
    "editMessageText": edit_message_text,
    "editMessageReplyMarkup": edit_message_reply_markup,
    "deleteMessage": delete_message,
    "sendDocument": send_document,
    "sendPhoto": send_photo,
    "sendChatAction": send_chat_action,
    "setMessageReaction": set_message_reaction,
    "answerCallbackQuery": answer_callback_query,
    "answerInlineQuery": answer_inline_query,
    "getFile": get_file,
    "getChat": get_chat,
    "leaveChat": leave_chat,
    "getChatAdministrators": get_chat_administrators,
    "getBusinessConnection": get_business_connection,
    "answerGuestQuery": answer_guest_query,
}
