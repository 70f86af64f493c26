"""How the loopback server delivers and fails: webhook, ordered faults, and a whole Application talking to it."""

from __future__ import annotations

import asyncio
import datetime as dt
import socket
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from telegram import Bot, Update
from telegram.error import BadRequest, Conflict, Forbidden, NetworkError, RetryAfter, TimedOut
from telegram.ext import Application, ApplicationBuilder, CommandHandler, ContextTypes, MessageHandler, filters
from telegram.request import HTTPXRequest

from tests.telegram_api import TOKEN, Drop, NoAnswer, Refusal, Slow, TelegramServer, TooManyRequests


@pytest.fixture
def server() -> Iterator[TelegramServer]:
    """A server of its own for each test."""
    with TelegramServer() as running:
        running.user(7, "Ada").send("hello")
        yield running


@pytest.fixture
async def bot(server: TelegramServer) -> AsyncIterator[Bot]:
    """The real client, which waits a third of a second for an answer."""
    request = HTTPXRequest(read_timeout=0.3)
    async with Bot(TOKEN, base_url=server.base_url, request=request) as client:
        yield client


async def test_too_many_requests_says_how_long_to_wait(server: TelegramServer, bot: Bot) -> None:
    """429 with retry_after, as often as ordered and only for that method; nothing was sent."""
    server.fault("sendMessage", TooManyRequests(retry_after=18), times=2)
    for _ in range(2):
        with pytest.raises(RetryAfter) as caught:
            await bot.send_message(7, "x")
        assert caught.value.retry_after == dt.timedelta(seconds=18)
    assert server.replies(7) == []
    await bot.send_message(7, "x")
    assert [call.status for call in server.calls("sendMessage")] == [429, 429, 200]


async def test_other_statuses_are_answered_as_ordered(server: TelegramServer, bot: Bot) -> None:
    """5xx and any refusal with its own description."""
    server.fault("sendMessage", Refusal())
    with pytest.raises(NetworkError, match="Bad Gateway"):
        await bot.send_message(7, "x")
    server.fault("*", Refusal(403, "Forbidden: user is deactivated"))
    with pytest.raises(Forbidden, match="deactivated"):
        await bot.send_message(7, "x")
    assert server.replies(7) == []


@pytest.mark.parametrize("delivered", [True, False])
async def test_a_time_out_before_or_after_delivery(server: TelegramServer, bot: Bot, delivered: bool) -> None:
    """The bot sees the same in both cases; only the chat tells them apart."""
    server.fault("sendMessage", NoAnswer(delivered=delivered))
    with pytest.raises(TimedOut):
        await bot.send_message(7, "x")
    assert [message.text for message in server.replies(7)] == ["x"] * delivered


@pytest.mark.parametrize("delivered", [True, False])
async def test_a_dropped_connection(server: TelegramServer, bot: Bot, delivered: bool) -> None:
    """The connection ends without an answer, and the next call works again."""
    server.fault("sendMessage", Drop(delivered=delivered))
    with pytest.raises(NetworkError, match="RemoteProtocolError"):
        await bot.send_message(7, "x")
    assert len(server.replies(7)) == delivered
    await bot.send_message(7, "y")


async def test_a_slow_answer_is_still_right(server: TelegramServer, bot: Bot) -> None:
    """Slow delays an answer without changing it."""
    server.fault("sendMessage", Slow(0.1))
    begin = time.monotonic()
    assert (await bot.send_message(7, "x")).text == "x"
    assert time.monotonic() - begin >= 0.1


async def test_an_update_delivered_twice(server: TelegramServer, bot: Bot) -> None:
    """It comes back once although it was confirmed, with the same id."""
    await bot.get_updates(offset=(await bot.get_updates())[-1].update_id + 1)
    server.deliver_twice()
    server.user(7).send("again")
    ids: list[int] = []
    while updates := await bot.get_updates(offset=ids[-1] + 1 if ids else None):
        ids += [update.update_id for update in updates]
    assert ids == [ids[0]] * 2


def test_a_fault_that_never_happens_fails_the_test() -> None:
    """A test that orders a fault and never meets it proves nothing."""
    with pytest.raises(AssertionError, match="1 ordered faults never happened"), TelegramServer() as server:
        server.fault("sendMessage", Refusal())


def test_waiting_for_what_never_comes_says_what_the_bot_did() -> None:
    """wait_for ends with TimeoutError."""
    with TelegramServer() as server, pytest.raises(TimeoutError, match="last calls"):
        server.wait_for(lambda: server.replies(7), timeout=0.05)


async def test_closing_is_quick_while_a_poll_and_a_held_answer_are_under_way() -> None:
    """Neither a long poll nor a held answer keeps a test waiting."""
    server = TelegramServer()
    server.start()
    async with Bot(TOKEN, base_url=server.base_url) as bot:
        server.fault("getMyCommands", NoAnswer(delivered=False))
        waiting = [asyncio.create_task(bot.get_updates(timeout=30)), asyncio.create_task(bot.get_my_commands())]
        await server.until(lambda: server.world.poll_number and server.calls("getMyCommands"))
        begin = time.monotonic()
        await asyncio.to_thread(server.close)
        assert time.monotonic() - begin < 2
        await asyncio.gather(*waiting, return_exceptions=True)


async def reply(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    """Answer with the words in capitals."""
    assert update.message is not None
    await update.message.reply_text(f"{(update.message.text or '').upper()}!")


def application(server: TelegramServer) -> Application:  # type: ignore[type-arg]
    """A bot with one command and one message handler, built as an application builds it."""
    app = ApplicationBuilder().token(TOKEN).base_url(server.base_url).base_file_url(server.base_file_url).build()
    app.add_handler(CommandHandler("start", reply))
    app.add_handler(MessageHandler(filters.TEXT, reply))
    return app


async def test_a_whole_application_polls_and_replies(server: TelegramServer) -> None:
    """Application and Updater run unpatched, in this very event loop."""
    app = application(server)
    async with app:
        assert app.updater is not None
        await app.updater.start_polling(timeout=20)
        await app.start()
        server.user(7).send("/start")
        await server.until(lambda: len(server.replies(7)) == 2)
        assert [message.text for message in server.replies(7)] == ["HELLO!", "/START!"]
        await app.updater.stop()
        await app.stop()


async def test_a_webhook_gets_the_updates_with_its_secret(server: TelegramServer, bot: Bot) -> None:
    """Updates are really posted; the bot refuses them without the secret, so an answer proves it was right."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = application(server)
    async with app:
        assert app.updater is not None
        await app.updater.start_webhook(
            "127.0.0.1", port, "hook", webhook_url=f"http://127.0.0.1:{port}/hook", secret_token="s3cret"
        )
        await app.start()
        server.deliver_twice()
        server.user(7).send("again")
        await server.until(lambda: len(server.replies(7)) == 3)
        assert [message.text for message in server.replies(7)] == ["HELLO!", "AGAIN!", "AGAIN!"]
        assert server.webhook.secret_token == "s3cret"
        with pytest.raises(Conflict, match="while webhook is active"):
            await bot.get_updates()
        await app.updater.stop()
        await app.stop()
    assert (await bot.get_webhook_info()).pending_update_count == 0
    await bot.delete_webhook()
    assert await bot.get_updates() == ()


async def test_a_webhook_that_does_not_answer_is_tried_again(server: TelegramServer, bot: Bot) -> None:
    """The update waits, and the reason can be read."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        await bot.set_webhook(f"http://127.0.0.1:{closed.getsockname()[1]}/hook")
        await server.until(lambda: server.webhook.last_error)
    info = await bot.get_webhook_info()
    assert info.pending_update_count == 1
    assert info.last_error_message == "Connection failed: ConnectionRefusedError"


@pytest.mark.parametrize(("url", "secret"), [("ftp://x/y", None), ("http://127.0.0.1:1/x", "no spaces allowed")])
async def test_an_invalid_webhook_is_refused(bot: Bot, url: str, secret: str | None) -> None:
    """A wrong scheme and a wrong secret."""
    with pytest.raises(BadRequest, match=r"Bad webhook|Secret token"):
        await bot.set_webhook(url, secret_token=secret)
