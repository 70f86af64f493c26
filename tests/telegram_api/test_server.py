"""The loopback Bot API server, driven by the real python-telegram-bot: what it takes, and what it refuses."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    MessageEntity,
    ReplyParameters,
    Update,
)
from telegram.constants import ChatAction, ParseMode
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken

from tests.telegram_api import TOKEN, TelegramServer, UserDriver

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    """A server of its own for each test."""
    with TelegramServer() as running:
        yield running


@pytest.fixture
async def bot(server: TelegramServer) -> AsyncIterator[Bot]:
    """The real client, unpatched."""
    async with Bot(TOKEN, base_url=server.base_url, base_file_url=server.base_file_url) as client:
        yield client


@pytest.fixture
def ada(server: TelegramServer) -> UserDriver:
    """A person who has written to the bot."""
    person = server.user(7, "Ada")
    person.send("hello")
    return person


def keyboard(data: str) -> InlineKeyboardMarkup:
    """One button with this callback data."""
    return InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data=data)]])


async def test_a_message_arrives_as_an_update_and_the_reply_in_the_chat(server: TelegramServer, bot: Bot) -> None:
    """What a person writes is polled with its command entity, and what the bot answers can be looked at."""
    ada = server.user(7, "Ada", language_code="zh", username="ada_l")
    ada.send("/start 1234")
    (update,) = await bot.get_updates(timeout=1)
    assert update.message is not None
    assert update.message.from_user is not None
    assert update.message.text == "/start 1234"
    assert [(e.type, e.offset, e.length) for e in update.message.entities] == [("bot_command", 0, 6)]
    assert update.message.from_user.language_code == "zh"
    sent = await bot.send_message(7, "Hi", reply_parameters=ReplyParameters(update.message.message_id))
    (reply,) = server.replies(7)
    assert (reply.id, reply.text) == (sent.message_id, "Hi")
    assert reply.reply_to is not None
    assert reply.reply_to.text == "/start 1234"
    assert sent.message_id > update.message.message_id


async def test_exactly_4096_units_are_sent_and_one_more_is_refused(
    server: TelegramServer, bot: Bot, ada: UserDriver
) -> None:
    """The limit counts UTF-16 units: 2048 emoji are 4096 of them."""
    await bot.send_message(ada.id, "😀" * 2048)
    with pytest.raises(BadRequest, match="Message is too long"):
        await bot.send_message(ada.id, "😀" * 2048 + "a")
    assert len(server.replies(ada.id)) == 1


@pytest.mark.parametrize("text", ["", " \n "])
async def test_empty_text_is_refused(bot: Bot, ada: UserDriver, text: str) -> None:
    """Nothing, or nothing but white space, is no message."""
    with pytest.raises(BadRequest, match=r"empty"):
        await bot.send_message(ada.id, text)


@pytest.mark.parametrize(
    ("offset", "length", "reason"),
    [(1, 2, "begins in a middle"), (0, 1, "ends in a middle"), (0, 9, "ends after the end"), (-1, 2, "offset -1")],
)
async def test_entities_out_of_place_are_refused(
    bot: Bot, ada: UserDriver, offset: int, length: int, reason: str
) -> None:
    """An entity may not cut a surrogate pair nor leave the text."""
    with pytest.raises(BadRequest, match=reason):
        await bot.send_message(ada.id, "😀 hi", entities=[MessageEntity("bold", offset, length)])


@pytest.mark.parametrize(
    ("first", "second", "allowed"),
    [
        (("bold", 0, 5), ("italic", 3, 5), False),
        (("bold", 0, 5), ("italic", 1, 2), True),
        (("code", 0, 5), ("bold", 1, 2), False),
        (("bold", 0, 5), ("code", 1, 2), False),
        (("blockquote", 0, 8), ("code", 1, 2), True),
        (("code", 0, 8), ("blockquote", 0, 8), True),
        (("blockquote", 0, 8), ("blockquote", 1, 2), False),
        (("bold", 0, 5), ("italic", 5, 3), True),
        (("url", 0, 5), ("mention", 1, 2), False),
    ],
)
async def test_entities_nest_only_as_documented(
    bot: Bot, ada: UserDriver, first: tuple[str, int, int], second: tuple[str, int, int], allowed: bool
) -> None:
    """Crossing entities and formatting in code are refused; styles nest freely."""
    sending = bot.send_message(ada.id, "abcdefgh", entities=[MessageEntity(*first), MessageEntity(*second)])
    if allowed:
        assert len((await sending).entities) == 2
    else:
        with pytest.raises(BadRequest, match=r"overlap|can't contain"):
            await sending


async def test_surrounding_white_space_goes_and_entities_follow(bot: Bot, ada: UserDriver) -> None:
    """Telegram trims a text; the entities keep their words."""
    sent = await bot.send_message(ada.id, "\n 你😀好 bold  ", entities=[MessageEntity("bold", 7, 6)])
    assert sent.text == "你😀好 bold"
    assert [(e.offset, e.length) for e in sent.entities] == [(5, 4)]
    assert list(sent.parse_entities().values()) == ["bold"]


async def test_json_is_read_and_half_a_surrogate_pair_refused(server: TelegramServer, ada: UserDriver) -> None:
    """A client other than python-telegram-bot may send JSON, and with it text that is no valid Unicode."""
    async with httpx.AsyncClient() as client:
        url = f"{server.base_url}{TOKEN}/sendMessage"
        taken = await client.post(url, json={"chat_id": ada.id, "text": "好"})
        headers = {"Content-Type": "application/json"}
        refused = await client.post(url, content=f'{{"chat_id": {ada.id}, "text": "\\ud83d"}}', headers=headers)
    assert taken.json()["result"]["text"] == "好"
    assert refused.json()["description"] == "Bad Request: strings must be encoded in UTF-8"


async def test_a_parse_mode_is_refused(bot: Bot, ada: UserDriver) -> None:
    """The server reads no markup: a bot under test sends entities."""
    with pytest.raises(BadRequest, match="entities instead"):
        await bot.send_message(ada.id, "<b>x</b>", parse_mode=ParseMode.HTML)


async def test_callback_data_has_at_most_64_bytes(bot: Bot, ada: UserDriver) -> None:
    """Bytes count, not characters."""
    await bot.send_message(ada.id, "?", reply_markup=keyboard("好" * 21 + "a"))
    with pytest.raises(BadRequest, match="Button_data_invalid"):
        await bot.send_message(ada.id, "?", reply_markup=keyboard("好" * 22))


async def test_an_edit_keeps_history_and_one_that_changes_nothing_is_refused(
    server: TelegramServer, bot: Bot, ada: UserDriver
) -> None:
    """Text, entities and keyboard are compared; an edit without a keyboard removes it."""
    sent = await bot.send_message(ada.id, "one", reply_markup=keyboard("y"))
    with pytest.raises(BadRequest, match="Message is not modified"):
        await bot.edit_message_text("one", ada.id, sent.message_id, reply_markup=keyboard("y"))
    with pytest.raises(BadRequest, match="Message is not modified"):
        await bot.edit_message_reply_markup(ada.id, sent.message_id, reply_markup=keyboard("y"))
    await bot.edit_message_text("two", ada.id, sent.message_id)
    (message,) = server.replies(ada.id)
    assert (message.text, message.buttons) == ("two", ())
    assert [version.content.text for version in message.edits] == ["one"]


async def test_edits_of_what_is_not_the_bots_are_refused(server: TelegramServer, bot: Bot, ada: UserDriver) -> None:
    """Unknown messages, a person's messages and texts over the limit."""
    with pytest.raises(BadRequest, match="Message to edit not found"):
        await bot.edit_message_text("x", ada.id, 999)
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await bot.edit_message_text("x", ada.id, server.messages(ada.id)[0].id)
    sent = await bot.send_message(ada.id, "x")
    with pytest.raises(BadRequest, match="Message_too_long"):
        await bot.edit_message_text("x" * 4097, ada.id, sent.message_id)


async def test_deleting(server: TelegramServer, bot: Bot, ada: UserDriver) -> None:
    """A deleted message is gone; deleting it again is refused."""
    sent = await bot.send_message(ada.id, "x")
    await bot.delete_message(ada.id, sent.message_id)
    assert server.replies(ada.id) == []
    with pytest.raises(BadRequest, match="Message to delete not found"):
        await bot.delete_message(ada.id, sent.message_id)


async def test_a_reply_to_a_deleted_message_is_refused_unless_told_otherwise(
    server: TelegramServer, bot: Bot, ada: UserDriver
) -> None:
    """allow_sending_without_reply is honoured."""
    question = ada.send("are you there?")
    server.delete_message(question)
    with pytest.raises(BadRequest, match="replied not found"):
        await bot.send_message(ada.id, "yes", reply_parameters=ReplyParameters(question.id))
    await bot.send_message(
        ada.id, "yes", reply_parameters=ReplyParameters(question.id, allow_sending_without_reply=True)
    )


async def test_whom_the_bot_may_not_write_to(bot: Bot, ada: UserDriver) -> None:
    """Strangers and people who blocked it."""
    with pytest.raises(BadRequest, match="Chat not found"):
        await bot.send_message(8, "hi")
    ada.block()
    with pytest.raises(Forbidden, match="blocked by the user"):
        await bot.send_message(ada.id, "hi")
    ada.unblock()
    await bot.send_message(ada.id, "hi")


async def test_drafts_stream_in_private_chats_only(server: TelegramServer, bot: Bot, ada: UserDriver) -> None:
    """A draft is a preview, never a message; it needs an id and keeps the text limit."""
    await bot.send_message_draft(ada.id, 5, "Thin")
    await bot.send_message_draft(ada.id, 5, "Thinking", entities=[MessageEntity("bold", 0, 8)])
    assert [draft.text for draft in server.drafts(ada.id)] == ["Thin", "Thinking"]
    assert server.replies(ada.id) == []
    with pytest.raises(BadRequest, match="non-zero"):
        await bot.send_message_draft(ada.id, 0, "x")
    with pytest.raises(BadRequest, match="Message is too long"):
        await bot.send_message_draft(ada.id, 5, "x" * 4097)
    group = server.group(-100)
    with pytest.raises(BadRequest, match="private"):
        await bot.send_message_draft(group.id, 5, "x")


async def test_a_pressed_button_is_answered_once_it_is_fresh(server: TelegramServer, bot: Bot, ada: UserDriver) -> None:
    """The query carries message and data; an expired one can't be answered, a missing button not pressed."""
    await bot.send_message(ada.id, "?", reply_markup=keyboard("yes"))
    (message,) = server.replies(ada.id)
    with pytest.raises(ValueError, match="no button"):
        ada.press(message, "no")
    ada.press(message, "yes")
    query = (await bot.get_updates(timeout=1))[-1].callback_query
    assert query is not None
    assert query.data == "yes"
    await query.answer("done")
    assert server.answers()[0].text == "done"
    with pytest.raises(BadRequest, match="Query is too old"):
        await bot.answer_callback_query(ada.press(message, "yes", expired=True))


async def test_two_polls_at_once_conflict_and_the_newer_goes_on(server: TelegramServer, bot: Bot) -> None:
    """As with two running bots: the older poll ends with 409."""
    async with Bot(TOKEN, base_url=server.base_url) as second:
        older = asyncio.create_task(bot.get_updates(timeout=20))
        await server.until(lambda: server.world.poll_number == 1)
        newer = asyncio.create_task(second.get_updates(timeout=20))
        with pytest.raises(Conflict, match="terminated by other getUpdates"):
            await older
        server.user(7).send("hello")
        assert len(await newer) == 1


async def test_updates_stay_until_they_are_confirmed(server: TelegramServer, bot: Bot, ada: UserDriver) -> None:
    """The same updates come again until the offset is above them; a negative offset keeps the last ones."""
    ada.send("second")
    first, second = await bot.get_updates()
    assert [u.update_id for u in await bot.get_updates()] == [first.update_id, second.update_id]
    assert [u.update_id for u in await bot.get_updates(offset=second.update_id)] == [second.update_id]
    ada.send("third")
    (last,) = await bot.get_updates(offset=-1)
    assert last.message is not None
    assert last.message.text == "third"
    await bot.get_updates(offset=last.update_id + 1)
    assert server.pending_updates() == 0


async def test_a_long_poll_waits_for_the_next_update(server: TelegramServer, bot: Bot) -> None:
    """It answers when something happens, and with nothing once its time is over."""
    assert await bot.get_updates(timeout=0) == ()
    poll = asyncio.create_task(bot.get_updates(timeout=20))
    await server.until(lambda: server.world.poll_number == 2)
    server.user(7).send("hello")
    assert len(await asyncio.wait_for(poll, 5)) == 1


async def test_allowed_updates_hold_for_what_comes_later(server: TelegramServer, bot: Bot, ada: UserDriver) -> None:
    """Reactions come only where they were asked for, and nothing else then."""
    message = server.messages(ada.id)[0]
    ada.react(message, "👍")
    assert server.pending_updates() == 1
    await bot.get_updates(allowed_updates=[Update.MESSAGE_REACTION])
    ada.send("unseen")
    ada.react(message, "👍")
    updates = await bot.get_updates()
    assert [u.message_reaction is not None for u in updates] == [False, True]


async def test_an_edited_message_is_an_update_of_its_own(server: TelegramServer, bot: Bot, ada: UserDriver) -> None:
    """edited_message, with no message beside it."""
    ada.edit(server.messages(ada.id)[0], "hello again")
    update = (await bot.get_updates())[-1]
    assert update.message is None
    assert update.edited_message is not None
    assert update.edited_message.text == "hello again"


async def test_a_wrong_token_is_unauthorized_and_a_malformed_one_not_found(server: TelegramServer) -> None:
    """401 for a token of the right form, 404 for any other text."""
    async with httpx.AsyncClient() as client:
        for token, status in ((f"1:{'x' * 35}", 401), ("nonsense", 404), (TOKEN, 200)):
            assert (await client.get(f"{server.base_url}{token}/getMe")).status_code == status
    with pytest.raises(InvalidToken, match="rejected by the server"):
        async with Bot(f"1:{'x' * 35}", base_url=server.base_url):
            pass


async def test_an_unknown_method_is_not_found(server: TelegramServer, bot: Bot, ada: UserDriver) -> None:
    """What the server lacks is named, never answered as if it worked."""
    with pytest.raises(InvalidToken, match="method sendDice does not exist"):
        await bot.send_dice(ada.id)
    assert server.calls("sendDice")[0].status == 404


async def test_files_go_both_ways(server: TelegramServer, bot: Bot, ada: UserDriver) -> None:
    """A person's document can be downloaded byte for byte; the bot's is kept with name and caption."""
    content = bytes(range(256)) * 9 + b"\r\n--boundary\r\n"
    ada.send_document("笔记.md", content, caption="my notes", mime_type="text/markdown")
    message = (await bot.get_updates())[-1].message
    assert message is not None
    assert message.document is not None
    assert (message.document.file_name, message.caption) == ("笔记.md", "my notes")
    file = await message.document.get_file()
    assert bytes(await file.download_as_bytearray()) == content
    await bot.send_document(ada.id, io.BytesIO(content), filename="export.bin", caption="here")
    (sent,) = server.replies(ada.id)
    assert sent.attachment is not None
    assert (sent.attachment.file.name, sent.attachment.file.content, sent.text) == ("export.bin", content, "here")
    await bot.send_photo(ada.id, PNG)
    with pytest.raises(BadRequest, match="Image_process_failed"):
        await bot.send_photo(ada.id, b"no image")


async def test_files_over_20_megabytes_can_not_be_downloaded(bot: Bot, ada: UserDriver) -> None:
    """Exactly 20 MB still can; unknown and empty files are refused too."""
    limit = 20 * 1024 * 1024
    for size in (limit, limit + 1):
        ada.send_document("film.mp4", b"", size=size)
    fits, too_big = [u.message.document for u in (await bot.get_updates())[-2:] if u.message]
    assert fits is not None
    assert too_big is not None
    await fits.get_file()
    with pytest.raises(BadRequest, match="File is too big"):
        await too_big.get_file()
    with pytest.raises(BadRequest, match="Wrong file_id"):
        await bot.get_file("nothing")
    with pytest.raises(BadRequest, match="non-empty"):
        await bot.send_document(ada.id, io.BytesIO(b""), filename="empty.txt")


async def test_captions_have_a_limit_of_their_own(bot: Bot, ada: UserDriver) -> None:
    """1024 units."""
    with pytest.raises(BadRequest, match="caption is too long"):
        await bot.send_document(ada.id, b"x", filename="a.txt", caption="c" * 1025)


async def test_command_menus_by_scope_and_language(server: TelegramServer, bot: Bot) -> None:
    """Each scope and language has its own menu; an invalid command name is refused."""
    await bot.set_my_commands([BotCommand("help", "Help")])
    await bot.set_my_commands([BotCommand("help", "帮助")], scope=BotCommandScopeChat(7), language_code="zh")
    assert [c.description for c in await bot.get_my_commands()] == ["Help"]
    assert [c.description for c in server.commands("chat:7", "zh")] == ["帮助"]
    with pytest.raises(BadRequest, match="Bot_command_invalid"):
        await bot.set_my_commands([BotCommand("Help", "x")])
    await bot.set_my_short_description("你好", language_code="zh")
    assert (await bot.get_my_short_description("zh")).short_description == "你好"


async def test_actions_reactions_and_chats(server: TelegramServer, bot: Bot, ada: UserDriver) -> None:
    """Typing is seen, only known emoji are reactions, and a chat can be looked up."""
    await bot.send_chat_action(ada.id, ChatAction.TYPING)
    assert server.actions(ada.id) == ["typing"]
    message = server.messages(ada.id)[0]
    await bot.set_message_reaction(ada.id, message.id, "👍")
    assert server.messages(ada.id)[0].reactions == ("👍",)
    with pytest.raises(BadRequest, match="Reaction_invalid"):
        await bot.set_message_reaction(ada.id, message.id, "🪑")
    with pytest.raises(BadRequest, match="action"):
        await bot.send_chat_action(ada.id, "dancing")
    assert (await bot.get_chat(ada.id)).first_name == "Ada"


async def test_a_group_shows_the_bot_only_what_is_meant_for_it(
    server: TelegramServer, bot: Bot, ada: UserDriver
) -> None:
    """Privacy mode: commands, mentions and replies to the bot; after leaving, it may not write."""
    group = server.group(-1001, "Family", added_by=ada)
    ada.send("just talking", chat=group)
    ada.send("/help@other_bot", chat=group)
    ada.send("@familiar_test_bot what is for dinner?", chat=group)
    ada.send("/help", chat=group)
    await bot.send_message(group.id, "soup")
    ada.send("thanks", chat=group, reply_to=server.replies(group.id)[0])
    updates = await bot.get_updates()
    heard = [u.message.text for u in updates if u.message and u.message.chat.id == group.id]
    assert heard == ["@familiar_test_bot what is for dinner?", "/help", "thanks"]
    assert any(u.my_chat_member for u in updates)
    await bot.leave_chat(group.id)
    with pytest.raises(Forbidden, match="not a member"):
        await bot.send_message(group.id, "bye")


async def test_a_deleted_topic_refuses_messages(server: TelegramServer, bot: Bot, ada: UserDriver) -> None:
    """As when a forum's topic goes while the bot answers in it."""
    group = server.group(-1001)
    group.open_topic(3)
    ada.send("/help", chat=group, thread_id=3)
    await bot.send_message(group.id, "x", message_thread_id=3)
    group.delete_topic(3)
    with pytest.raises(BadRequest, match="Message thread not found"):
        await bot.send_message(group.id, "x", message_thread_id=3)
