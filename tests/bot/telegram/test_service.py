"""Start to stop: what is wrong is said in one line, the token stays out of everything, and a stop is clean."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket

import httpx
import pytest
from telegram import Bot
from telegram.error import Conflict

from bot.config import Secret
from bot.telegram.service import stopping
from memory.errors import FamiliarError, UsageError
from tests.bot.telegram.bench import OWNER, STORY, Bench
from tests.telegram_api import TOKEN, Drop, Refusal, TelegramServer

OTHER_TOKEN = f"1:{'x' * 35}"


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.parametrize("token", [OTHER_TOKEN, "nonsense", "1:a b"])
async def test_a_wrong_token_is_named_without_being_shown(bench: Bench, token: str) -> None:
    """It is a mistake in the settings (status 2), and the error that is shown holds no token anywhere."""
    bench.configure(token=Secret(token))
    with pytest.raises(UsageError, match="TELEGRAM_BOT_TOKEN") as caught:
        await bench.start()
    error: BaseException | None = caught.value
    while error is not None:
        assert token not in str(error) or error.__suppress_context__
        error = error.__cause__
    assert bench.notes == []


async def test_two_bots_on_one_token(live: Bench) -> None:
    """The second conflict ends the bot with a sentence; one alone may be the end of its own last run."""

    async def other() -> int:
        conflicts = 0
        async with Bot(TOKEN, base_url=live.server.base_url) as bot:
            while True:
                try:
                    await bot.get_updates(timeout=20)
                except Conflict:
                    conflicts += 1
                else:
                    return conflicts

    polling = asyncio.create_task(other())
    with pytest.raises(FamiliarError, match="same token") as caught:
        await live.ended()
    assert not isinstance(caught.value, UsageError)
    live.server.user(OWNER).send("hello")  # ends the other's poll
    assert await polling >= 1


async def test_one_conflict_is_survived(live: Bench) -> None:
    """As right after a restart."""
    async with Bot(TOKEN, base_url=live.server.base_url) as bot:
        await bot.get_updates(timeout=0)
    await live.server.until(lambda: any(call.status == 409 for call in live.server.calls("getUpdates")))
    await live.owner()


async def test_an_unreachable_network_is_waited_out(bench: Bench) -> None:
    """It says so and tries again; a stop ends the waiting at once."""
    bench.configure(api_url=f"http://127.0.0.1:{free_port()}/bot")
    starting = asyncio.create_task(bench.start())
    while not bench.notes:
        await asyncio.sleep(0.01)
    (note,) = bench.notes
    assert "can't be reached" in note
    assert "trying again in 1 s" in note
    assert TOKEN not in note
    await bench.stop()
    await starting


async def test_a_start_goes_on_when_the_network_is_back(bench: Bench) -> None:
    """From the step that failed."""
    bench.server.fault("getMe", Drop())
    await bench.start()
    assert ["can't be reached" in note for note in bench.notes] == [True, False, False]
    await bench.owner()


async def test_a_poll_that_fails_is_said_and_repeated(live: Bench) -> None:
    """Telegram's own trouble ends nothing."""
    live.server.fault("getUpdates", Refusal(502, "Bad Gateway"))
    ada = live.server.user(OWNER, "Ada")
    ada.send("hello")
    await live.server.until(lambda: any("trying again" in note for note in live.notes))
    assert (await live.reply_to(ada, f"/start {live.code}")).text


async def test_no_token_in_any_log(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """Not at the finest level, not in the addresses of httpx, not in the traceback of a failure."""
    with caplog.at_level(logging.DEBUG):
        await bench.start()
        ada = await bench.owner()
        bench.server.fault("getUpdates", Refusal(502, f"no such bot{TOKEN}"))
        await bench.reply_to(ada, STORY)
        try:
            raise RuntimeError(f"https://api.telegram.org/bot{TOKEN}/getMe")
        except RuntimeError:
            logging.getLogger("telegram.ext.Application").exception("asking /bot%s", TOKEN)
        await bench.stop()
    assert "<token>" in caplog.text
    assert "RuntimeError" in caplog.text
    assert TOKEN not in caplog.text
    assert not [record for record in caplog.records if record.name == "httpx" and record.levelno < logging.WARNING]


async def test_what_the_library_can_not_read_is_not_logged(live: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """It would write whole messages into the log; nor does it hold up what comes with it."""
    update = live.server.world.add_update("message", {"message_id": 1, "text": "my blueberry"})
    assert update is not None
    await live.owner()
    assert f"can't read update {update.id}" in caplog.text
    assert "my blueberry" not in caplog.text


@pytest.mark.parametrize("secret", ["", "chosen-Secret_1"])
async def test_a_webhook_takes_updates_with_its_secret_only(bench: Bench, secret: str) -> None:
    """A secret is made where none is set; without it nothing is heard."""
    port = free_port()
    hook = f"http://127.0.0.1:{port}/hook"
    bench.configure(webhook_url=hook, webhook_port=port, webhook_secret=Secret(secret))
    await bench.start()
    ada = await bench.owner()
    assert len(bench.server.webhook.secret_token or "") >= 12
    assert secret in (bench.server.webhook.secret_token or "")
    message = {"message_id": 99, "date": 1, "chat": {"id": OWNER, "type": "private"}, "text": STORY}
    forged = {"update_id": 1, "message": {**message, "from": ada.user.as_json()}}
    async with httpx.AsyncClient() as client:
        for headers in ({}, {"X-Telegram-Bot-Api-Secret-Token": "guess"}):
            assert (await client.post(hook, json=forged, headers=headers)).status_code == 403
    await bench.reply_to(ada, "/help")
    assert bench.engine.requests == []


async def test_a_webhook_whose_port_is_taken(bench: Bench) -> None:
    """The setting is named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        bench.configure(webhook_url="http://127.0.0.1/hook", webhook_port=port)
        with pytest.raises(UsageError, match=f"webhook_port {port} can't be listened on"):
            await bench.start()


async def test_a_webhook_address_that_telegram_refuses(bench: Bench) -> None:
    """The value is shown."""
    bench.configure(webhook_url="ftp://example.org/hook", webhook_port=free_port())
    with pytest.raises(UsageError, match=r"ftp://example\.org/hook"):
        await bench.start()


async def test_ready_comes_last_and_a_stop_leaves_nothing_behind(server: TelegramServer, bench: Bench) -> None:
    """No task, and every update confirmed."""
    before = asyncio.all_tasks()
    await bench.start()
    assert [note.split(":")[0] for note in bench.notes] == ["pairing code", "ready"]
    await bench.owner()
    await bench.stop()
    assert asyncio.all_tasks() == before
    assert server.pending_updates() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signals_stop(number: signal.Signals) -> None:
    """And the handlers from before are back afterwards."""
    before = signal.getsignal(number)
    stop = asyncio.Event()
    with stopping(stop):
        signal.raise_signal(number)
        await asyncio.wait_for(stop.wait(), 5)
    assert signal.getsignal(number) is before
