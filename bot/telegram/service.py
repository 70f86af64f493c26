"""The bot from start to stop: connect, say what is wrong in one line, answer, and end without losing a reply.

Only the network's absence is waited out. A wrong token or a second bot on the same token ends the program, since
nobody but its owner can mend that. No error text of the library is shown, because it may hold the token.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import re
import secrets
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import httpx
from telegram import Bot
from telegram.error import BadRequest, Conflict, InvalidToken, NetworkError, RetryAfter, TelegramError
from telegram.ext import Updater
from telegram.request import HTTPXRequest

from bot.config import TelegramConfig
from bot.context import NO_CONTEXT, Context
from bot.desk.desk import Desk as CustomerDesk
from bot.desk.desk import open_desk
from bot.invitations import BOT_NAME
from bot.links.reading import page_reader
from bot.metrics.health import Connection
from bot.metrics.server import serving
from bot.telegram.access import is_paired, pairing_code
from bot.telegram.alerting import watch_limits
from bot.telegram.command_list import options_of
from bot.telegram.customers import attach
from bot.telegram.desk import Desk
from bot.telegram.digests import deliver_digests
from bot.telegram.fact_reading import read_facts
from bot.telegram.figures import pages
from bot.telegram.gate import Door, give_up, receive, unfinished
from bot.telegram.inbox import forget_tries
from bot.telegram.inline import Inline
from bot.telegram.lanes import Lanes
from bot.telegram.learning import check_votes, tune_by_schedule
from bot.telegram.logs import quiet_logs
from bot.telegram.menus import set_menus, set_own_menu
from bot.telegram.pacing import Pace
from bot.telegram.people import erase_guests
from bot.telegram.polling import PollingBot, PollRequest
from bot.telegram.ports import Names, Services
from bot.telegram.reembedding import embed_again
from bot.telegram.reminding import deliver_reminders
from bot.telegram.sending import kind, seconds_of
from bot.telegram.undelivered import announce_unknown, deliver_left, deliver_quietly, drop_delivered
from bot.telegram.updates import taken_updates
from bot.threads import first_of, in_thread, pause
from memory.errors import FamiliarError, UsageError
from memory.home_lock import BotLock
from memory.notes import KeptNote, NewNote, keep_note
from memory.records import Found, Receipt, Turn, User

if TYPE_CHECKING:
    from bot.app import App
    from bot.summaries import Summary

Note = Callable[[str], None]
_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]{20,}")
_CONFLICTS = 2
"""The first may be the end of this bot's own last run; one more means that another runs."""
_POLL_SECONDS = 30
_GRACE_SECONDS = 5.0
"""After a stop, replies under way may still be finished for so long, then they end at the next word."""
_STOP_SECONDS = 8.0
"""After a stop, all that runs is given up, so that the process ends within ten seconds."""
_LAST_SECONDS = 0.5
"""What is written down at the end may take so long, whatever took the time before."""
_LONGEST_RETRY = 60.0


def serve(app: App, *, note: Note) -> int:
    """Answer on Telegram until SIGINT or SIGTERM; gives the exit status.

    :raises UsageError: the token or the webhook setting is wrong
    :raises FamiliarError: another bot uses the same token, or the same home
    """
    return asyncio.run(_serve(app, note))


async def _serve(app: App, note: Note) -> int:
    stop = asyncio.Event()
    with stopping(stop), contextlib.ExitStack() as held:

        def services() -> Services:
            _ = app.store  # which closes a new home to others, while nothing is in it
            held.callback(BotLock(app.home).release)
            return services_of(app)

        await run(services, app.settings.telegram, note=note, stop=stop)
    return 0


@contextlib.contextmanager
def stopping(stop: asyncio.Event) -> Iterator[None]:
    """Let SIGINT and SIGTERM set ``stop``."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        # Not loop.add_signal_handler: Windows lacks it.
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def services_of(app: App) -> Services:
    """What the bot needs of the program; loads the models, so that the first message does not wait for them."""
    from memory.erasure import replace_turn
    from memory.ingest import ImportOptions

    customers = open_desk(app) if app.settings.desk.enabled else None
    registry = app.registry
    _ = app.assistant, app.summarizer

    def import_bytes(
        name: str,
        data: bytes,
        *,
        user: User,
        me: str | None,
        learn_from: str | None,
        on_share: Callable[[float], None] = lambda _: None,
    ) -> Receipt:
        options = ImportOptions(me=me, learn_from=learn_from)
        return app.ingestor.import_bytes(name, data, user_id=user.id, options=options, on_share=on_share)

    def replaced(turn_id: int, *, by: int, user: User) -> object:
        return replace_turn(app.store, user_id=user.id, turn_id=turn_id, by=[by], erasers=app.erasers_of(app.store))

    def keep(new: NewNote, *, user: User, stored: Callable[[KeptNote], None]) -> KeptNote:
        return keep_note(app.store, app.parts.embedder, new, user=user, config=app.settings.import_, stored=stored)

    def search(words: str, *, user: User, k: int, own: bool = False) -> Found:
        find = app.searcher.search_own if own else app.searcher.search
        return find(words, user_id=user.id, k=k)

    def forget(*, user: User, document: int | None, turn: int | None, text: str | None) -> object:
        return app.forget(user_id=user.id, document=document, turn=turn, text=text, everything=False)

    def summarize(*, user: User, about: str | None, since: str | None) -> Summary:
        with app.fact_reading.turn():
            app.assistant.end_second_answer()
            return app.summarizer.summarize(user=user, about=about, since=since)

    def live_adapter(user: User) -> str | None:
        live = registry.live(user.id)
        return live.id if live else None

    return Services(
        store=app.store,
        assistant=_Turns(app, customers),
        customers=customers,
        import_bytes=import_bytes,
        keep_note=keep,
        search=search,
        summarize=summarize,
        forget=forget,
        replace_turn=replaced,
        erase=_Erase(app),
        tune=app.tunes.tune,
        tune_due=app.tunes.is_due,
        fact_reading=app.fact_reading,
        examples=app.tunes.examples,
        reembed=lambda cancel: app.reembed(cancel=cancel),
        live_adapter=live_adapter,
        look=app.sight.look,
        transcribe=app.transcriber.transcribe,
        explainer=app.explainer,
        learned=app.learned,
        settings=app.settings,
        clock=time.monotonic,
        names=lambda: names_of(app),
        second_answer=lambda turn, *, user: app.assistant.second_answer(turn, user=user),
        read_page=page_reader(app.settings),
        taste=app.taste if app.settings.taste.enabled else None,
    )


class _Erase:
    """Erases by the program's own way, which reaches adapters and backups."""

    def __init__(self, app: App) -> None:
        self._app = app

    def turns(self, user: User, turn_ids: Sequence[int]) -> object:
        return self._app.forget_turns(turn_ids, user_id=user.id)

    def everything(self, user: User) -> object:
        return self._app.forget(user_id=user.id, everything=True)


def names_of(app: App) -> Names:
    """What answers, without paths: these may name a person."""
    return Names(PurePath(app.answering.model_name).name, PurePath(app.parts.key).name, version("familiar-assistant"))


class _Turns:
    """Each turn by the embedder that serves when it begins."""

    def __init__(self, app: App, customers: CustomerDesk | None) -> None:
        self._app = app
        self._customers = customers

    def turn(
        self,
        text: str,
        *,
        user: User,
        conversation_id: int,
        on_text: Callable[[str], None] = lambda _: None,
        cancel: threading.Event | None = None,
        stored: Callable[[Turn], None] = lambda _: None,
        context: Context = NO_CONTEXT,
    ) -> Turn:
        customers = self._customers if user.role == "guest" else None
        with self._app.fact_reading.turn():
            return (customers or self._app.assistant).turn(
                text,
                user=user,
                conversation_id=conversation_id,
                on_text=on_text,
                cancel=cancel,
                stored=stored,
                context=context,
            )


async def run(services: Callable[[], Services], config: TelegramConfig, *, note: Note, stop: asyncio.Event) -> None:
    """Connect, prepare the services in a thread, answer until ``stop`` is set, and end.

    :raises UsageError: the token or the webhook setting is wrong
    :raises FamiliarError: another bot uses the same token
    """
    os.environ.setdefault("PTB_TIMEDELTA", "true")  # else python-telegram-bot warns of it at every 429
    if not _TOKEN.fullmatch(config.token.reveal()):
        raise UsageError(_WRONG_TOKEN)
    with quiet_logs(config.token):
        line = _Line(config, note, stop)
        bot = _build(config, line.connection)
        try:
            await _run_connected(bot, services, line)
        finally:
            await _within(_LAST_SECONDS, bot.shutdown())


_WRONG_TOKEN = (
    "Telegram does not know the token ([telegram] token or TELEGRAM_BOT_TOKEN); "
    "copy it from @BotFather, it looks like 123456789:AAE…"
)


class _Line:
    """The connection's settings, whom to tell about it, and when to end it."""

    def __init__(self, config: TelegramConfig, note: Note, stop: asyncio.Event) -> None:
        self.config = config
        self.note = note
        self.stop = stop
        self.connection = Connection(time.monotonic)
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._conflicts = 0

    async def reach(self, step: Callable[[], Awaitable[object]]) -> bool:
        """Do a step as soon as Telegram can be reached; False where the bot was stopped before.

        :raises UsageError: Telegram refuses the token or what was asked
        """
        wait = 1.0
        while not self.stop.is_set():
            try:
                return await self._unless_stopped(step())
            except RetryAfter as exc:
                await pause(self.stop, seconds_of(exc))
            except TelegramError as exc:
                self._say_or_raise(exc, wait)
                await pause(self.stop, wait)
                wait = min(2 * wait, _LONGEST_RETRY)
        return False

    async def _unless_stopped(self, step: Awaitable[object]) -> bool:
        """Do it, but no longer than until the stop: a network that does not answer takes its time."""
        doing, stopped = asyncio.ensure_future(step), asyncio.create_task(self.stop.wait())
        await first_of(doing, stopped)
        stopped.cancel()
        if doing.done():
            await doing
            return True
        doing.cancel()
        await asyncio.gather(doing, return_exceptions=True)
        return False

    def _say_or_raise(self, error: TelegramError, wait: float) -> None:
        if isinstance(error, InvalidToken):
            raise UsageError(_WRONG_TOKEN) from None  # its text holds the token
        if isinstance(error, BadRequest):
            hook = f" (webhook_url is {self.config.webhook_url!r})" if self.config.webhook_url else ""
            raise UsageError(f"Telegram refuses the settings in [telegram]: {error}{hook}") from error
        host = urlsplit(self.config.api_url).netloc
        self.note(f"Telegram at {host} can't be reached ({kind(error)}); trying again in {wait:.0f} s")

    def polling_failed(self, error: TelegramError) -> None:
        """A poll failed: end the bot where waiting can't help."""
        self.connection.failed(kind(error))
        if self.broken.done():
            return
        if isinstance(error, InvalidToken):
            self.broken.set_exception(UsageError(_WRONG_TOKEN))
        elif isinstance(error, Conflict):
            self._conflicts += 1
            if self._conflicts >= _CONFLICTS:
                self.broken.set_exception(FamiliarError(_TWO_BOTS))
        elif isinstance(error, NetworkError):
            host = urlsplit(self.config.api_url).netloc
            self.note(f"Telegram at {host} can't be reached ({kind(error)}); trying again")


_TWO_BOTS = (
    "another program polls Telegram with the same token; stop it, or make a second bot with @BotFather "
    "and give its token as TELEGRAM_BOT_TOKEN"
)


def _build(config: TelegramConfig, connection: Connection) -> PollingBot:
    """The client; its limits are Telegram's, and a 429 to one chat holds up no other, as nothing is retried in it."""

    async def polled(response: httpx.Response) -> None:
        if response.is_success:
            connection.answered()

    # Certificates take longer to load than all else at the start, and a server of one's own may need none.
    secure = any(url.startswith("https:") for url in (config.api_url, config.file_url))
    verify = httpx.create_ssl_context() if secure else False
    hooks = {"event_hooks": {"response": [polled]}, "verify": verify}
    return PollingBot(
        config.token.reveal(),
        base_url=config.api_url,
        base_file_url=config.file_url,
        request=HTTPXRequest(
            connection_pool_size=64,
            pool_timeout=30,
            read_timeout=config.timeout_seconds,
            httpx_kwargs={"verify": verify},
        ),
        get_updates_request=PollRequest(connection_pool_size=1, httpx_kwargs=hooks),
        rate_limiter=Pace(config.calls_per_second),
    )


async def _run_connected(bot: PollingBot, services: Callable[[], Services], line: _Line) -> None:
    if not await line.reach(bot.initialize):
        return
    ready = asyncio.ensure_future(in_thread(services))
    stopped = asyncio.create_task(line.stop.wait())
    await first_of(ready, stopped)
    if line.stop.is_set():
        ready.cancel()
        return
    desk = Desk(ready.result(), bot)
    attach(desk)
    lanes = Lanes(functools.partial(receive, desk), join_seconds=line.config.join_seconds, edited=desk.changed)
    desk.services.store.set_state(BOT_NAME, bot.username)
    if not is_paired(desk.services.store):
        line.note(f"pairing code: {pairing_code(desk.services.store)}")
    try:
        with serving(desk.services.settings.metrics, lambda: pages(desk.services, line.connection)):
            await _answer_until_stopped(bot, desk, lanes, line, stopped)
    finally:
        stopped.cancel()


async def _answer_until_stopped(
    bot: PollingBot, desk: Desk, lanes: Lanes, line: _Line, stopped: asyncio.Future[Any]
) -> None:
    backlog = await _backlog(bot, line)
    door = Door(desk.services.store, lanes, line.stop, config=line.config, inline=Inline(desk).take, backlog=backlog)
    bot.keep_by(door.keep)
    updater = Updater(bot, cast("asyncio.Queue[object]", door))  # the updater only puts into it
    await updater.initialize()
    try:
        listen = functools.partial(_listen, updater, line)
        options = options_of(desk.services.settings)
        if not await line.reach(lambda: set_menus(desk.bot, options=options)):
            return
        await set_own_menu(desk.bot, desk.services.store.owner(), options=options)
        await _go_on(desk, lanes)
        if not await line.reach(listen):
            return
        line.connection.answered()  # the first poll is answered only when there is something, or after half a minute
        _start_jobs(desk)
        line.note("ready")
        await first_of(line.broken, stopped)
        if line.broken.done():
            line.broken.result()
    finally:
        await _close(updater, lanes, desk)


async def _backlog(bot: Bot, line: _Line) -> int:
    """How many updates wait from before this start."""
    counts: list[int] = []

    async def count() -> None:
        counts.append((await bot.get_webhook_info()).pending_update_count)

    await line.reach(count)
    return sum(counts)


def _start_jobs(desk: Desk) -> None:
    if desk.services.settings.tuning.enabled:
        desk.start(tune_by_schedule(desk))
    jobs = (
        *(embed_again, read_facts, check_votes, announce_unknown, deliver_left, drop_delivered, erase_guests),
        *(deliver_reminders, deliver_digests, watch_limits),
    )
    for job in jobs:
        desk.start(job(desk))


async def _go_on(desk: Desk, lanes: Lanes) -> None:
    """Take up what the last run left: replies that were not delivered, then messages that were not answered."""
    store = desk.services.store
    again, given_up = await in_thread(lambda: unfinished(store, desk.bot))
    for update in given_up:
        await in_thread(functools.partial(give_up, desk, update))
    for reply in await in_thread(desk.outbox.recover):
        lanes.before_all(reply.place.chat_id, functools.partial(deliver_quietly, desk, reply))
    for update, tried in again:
        lanes.add(update, alone=tried)


async def _listen(updater: Updater, line: _Line) -> None:
    """Start to receive updates, by webhook where an address is set, else by long polling."""
    config = line.config
    if not config.webhook_url:
        await updater.start_polling(
            timeout=_POLL_SECONDS, allowed_updates=taken_updates(config), error_callback=line.polling_failed
        )
        return
    line.connection.called_by_webhook()
    _check_free(config.webhook_listen, config.webhook_port)
    await updater.start_webhook(
        listen=config.webhook_listen,
        port=config.webhook_port,
        url_path=urlsplit(config.webhook_url).path.strip("/"),
        webhook_url=config.webhook_url,
        allowed_updates=taken_updates(config),
        secret_token=config.webhook_secret.reveal() or secrets.token_urlsafe(32),
    )


def _check_free(address: str, port: int) -> None:
    """Look whether the webhook's port can be listened on; the server that will do so leaks a socket where it can't."""
    try:
        socket.create_server((address, port)).close()
    except OSError as exc:
        where = f"[telegram] webhook_listen {address}, webhook_port {port}"
        raise UsageError(f"{where} can't be listened on: {exc.strerror}; name a free port of this machine") from exc


async def _close(updater: Updater, lanes: Lanes, desk: Desk) -> None:
    """Take no more updates and let replies under way end; what is not answered by then is after the next start.

    A model that does not come back costs the reply under way, not what was stored.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + _STOP_SECONDS
    timer = loop.call_later(_GRACE_SECONDS, desk.end)
    try:
        if updater.running:
            await _within(_GRACE_SECONDS, updater.stop())
    finally:
        await lanes.close(seconds=end - loop.time())
        timer.cancel()
        await _within(_LAST_SECONDS, in_thread(lambda: forget_tries(desk.services.store)))
        await desk.close(seconds=max(_LAST_SECONDS, min(_GRACE_SECONDS, end - loop.time())))


async def _within(seconds: float, work: Awaitable[object]) -> None:
    """Wait so long for the work and no longer: the last call to a network that does not answer, a busy database."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(work, seconds)
