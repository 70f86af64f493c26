"""Sending through a network that fails: nothing twice, nothing lost, and Telegram's waits obeyed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from telegram import Bot
from telegram.error import BadRequest, Forbidden, NetworkError, RetryAfter, TimedOut
from telegram.request import HTTPXRequest

from bot.telegram.render import Part, Span
from bot.telegram.sending import Place, Sender, react
from tests.telegram_api import TOKEN, Drop, Refusal, TelegramServer, TooManyRequests

ADA = Place(7, private=True)


@pytest.fixture(autouse=True)
def retry_after_as_timedelta(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the service sets it."""
    monkeypatch.setenv("PTB_TIMEDELTA", "true")


@pytest.fixture
async def outbox(server: TelegramServer) -> AsyncIterator[Sender]:
    """An outbox over the real client; Ada has written to the bot."""
    server.user(7, "Ada").send("hello")
    request = HTTPXRequest(read_timeout=0.2)
    async with Bot(TOKEN, base_url=server.base_url, request=request) as bot:
        yield Sender(bot)


async def test_retry_after_is_obeyed_and_the_text_arrives(server: TelegramServer, outbox: Sender) -> None:
    """Not a call goes out before the time is over, and then it does."""
    server.fault("sendMessage", TooManyRequests(retry_after=1))
    await outbox.send(ADA, Part("hi"))
    first, second = server.calls("sendMessage")
    assert second.at - first.at >= 1.0
    assert [message.text for message in server.replies(7)] == ["hi"]


async def test_what_telegram_says_it_did_not_take_is_sent_again(server: TelegramServer, outbox: Sender) -> None:
    """502 is an answer."""
    server.fault("sendMessage", Refusal(502, "Bad Gateway"))
    assert await outbox.send(ADA, Part("hi")) is not None
    assert len(server.replies(7)) == 1


class First(httpx.AsyncHTTPTransport):
    """The real transport, whose first request meets something else than the server."""

    def __init__(self, first: httpx.TransportError | httpx.Response) -> None:
        super().__init__()
        self._first: httpx.TransportError | httpx.Response | None = first

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Fail or answer once, then ask the server."""
        first, self._first = self._first, None
        if isinstance(first, Exception):
            raise first
        return first or await super().handle_async_request(request)


async def sent_past(server: TelegramServer, first: httpx.TransportError | httpx.Response, place: Place) -> None:
    """Send through such a transport."""
    request = HTTPXRequest(httpx_kwargs={"transport": First(first)})
    await Sender(Bot(TOKEN, base_url=server.base_url, request=request)).send(place, Part("hi"))
    await request.shutdown()


@pytest.mark.parametrize("error", [httpx.ConnectTimeout(""), httpx.ConnectError("")])
async def test_what_never_left_is_sent_again(server: TelegramServer, error: httpx.TransportError) -> None:
    """Without a connection nothing can have arrived."""
    server.user(7).send("hello")
    await sent_past(server, error, ADA)
    assert [message.text for message in server.replies(7)] == ["hi"]


async def test_a_group_that_became_a_supergroup_is_followed(server: TelegramServer) -> None:
    """Telegram answers with the new chat's number."""
    group = server.group(-1001)
    moved = {"ok": False, "error_code": 400, "description": "moved", "parameters": {"migrate_to_chat_id": group.id}}
    await sent_past(server, httpx.Response(400, json=moved), Place(-5, private=False))
    assert [message.text for message in server.replies(group.id)] == ["hi"]


async def test_a_deleted_topic_does_not_lose_the_reply(server: TelegramServer, outbox: Sender) -> None:
    """It is sent without the topic."""
    group = server.group(-1001)
    await outbox.send(Place(group.id, private=False, thread_id=3), Part("hi"))
    assert [message.text for message in server.replies(group.id)] == ["hi"]


async def test_refused_formatting_falls_back_to_the_text(server: TelegramServer, outbox: Sender) -> None:
    """The words matter more than their style."""
    await outbox.send(ADA, Part("hi", (Span("bold", 0, 9),)))
    (message,) = server.replies(7)
    assert (message.text, message.entities) == ("hi", ())


async def test_an_edit_that_changes_nothing_is_fine(server: TelegramServer, outbox: Sender) -> None:
    """And one that timed out is made again: twice the same edit is one."""
    sent = await outbox.send(ADA, Part("hi"))
    assert sent is not None
    await outbox.edit(ADA, sent, Part("hi"))
    server.fault("editMessageText", Drop(delivered=True))
    await outbox.edit(ADA, sent, Part("ho"))
    assert [message.text for message in server.replies(7)] == ["ho"]


async def test_a_wait_holds_for_its_chat_only(outbox: Sender) -> None:
    """Others are answered meanwhile."""
    outbox.keep_quiet(ADA, RetryAfter(5))
    assert 4.0 < outbox.quiet_for(ADA) <= 5.0
    assert outbox.quiet_for(Place(8, private=True)) == 0.0


@pytest.mark.parametrize(
    ("error", "repeatable", "action"),
    [
        (NetworkError("Bad Gateway"), False, "resend"),
        (BadRequest("Message is not modified: ..."), True, "done"),
        (BadRequest("Message thread not found"), False, "without thread"),
        (BadRequest("Topic_closed"), False, "without thread"),
        (BadRequest("Chat not found"), False, "give up"),
        (BadRequest("Can't parse entities: ..."), False, "without formatting"),
        (Forbidden("bot was blocked by the user"), False, "give up"),
    ],
)
def test_reactions(error: NetworkError, repeatable: bool, action: str) -> None:
    """Each answer of Telegram leads to one reaction."""
    assert react(error, attempt=0, repeatable=repeatable).action == action


def test_a_time_out_is_ambiguous_unless_the_call_may_be_repeated() -> None:
    """By the cause that the HTTP client gives."""

    def timed_out(cause: Exception) -> TimedOut:
        error = TimedOut()
        error.__cause__ = cause
        return error

    assert react(timed_out(httpx.ReadTimeout("")), attempt=0, repeatable=False).action == "unknown"
    assert react(timed_out(httpx.ReadTimeout("")), attempt=0, repeatable=True).action == "resend"
    assert react(timed_out(httpx.ConnectTimeout("")), attempt=0, repeatable=False).action == "resend"
    assert react(timed_out(httpx.ConnectTimeout("")), attempt=3, repeatable=False).wait == 4.0
