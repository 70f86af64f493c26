"""The one place that speaks HTTP with a model server, by the official `openai` package.

Requests run on an event loop in a thread of their own, because only there can one be ended at any moment, also while
the server reads a prompt and sends nothing. A request is sent again only where no part of a reply can have come of it.
The loggers of the libraries stay silent: with OPENAI_LOG they would write down what people said.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import queue
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from bot.config import ServerConfig
from bot.engines.server.address import Address, address_of
from bot.engines.server.errors import ServerError, pause_before_retry, refusal, with_reason
from bot.engines.server.wire import Piece, piece_of
from memory.errors import UsageError

if TYPE_CHECKING:
    from openai import APIError, AsyncOpenAI, AsyncStream
    from openai._types import RequestOptions
    from openai.types.chat import ChatCompletionChunk

MISSING = "pip install -e '.[server]'"
"""What brings the `openai` package."""
_LOOK_S = 0.02
"""How often a wait looks whether it was cancelled."""
_LOGGERS = ("openai", "httpx2", "httpcore2", "httpx", "httpcore")
T = TypeVar("T")


class Connection:
    """Asks one server; opened by the first request, and again by one after `close`.

    :raises UsageError: the url is none, or the extra `server` is missing
    """

    def __init__(self, config: ServerConfig) -> None:
        self.address: Address = address_of(config.url)
        self._config = config
        self._opening = threading.Lock()
        self._loop: _Loop | None = None
        self._client: AsyncOpenAI | None = None
        _check_installed()

    def get(self, path: str) -> Any:
        """The JSON at a path below the base, or at a whole address; its text where it is no JSON.

        :raises ServerError: no answer, or a refusal
        """
        return self._wait(self._asked(path, None))

    def post(self, path: str, body: object, *, sent: Sequence[str] = ()) -> Any:
        """The same for a request with a JSON body.

        :param sent: texts of the body that a person may have written
        :raises ServerError: no answer, or a refusal
        """
        return self._wait(self._asked(path, body), sent=sent)

    @contextmanager
    def reply(
        self, body: dict[str, Any], *, cancel: threading.Event | None, sent: Sequence[str]
    ) -> Iterator[Iterator[Piece]]:
        """The pieces of a reply as they come; leaving the block ends the request and closes its stream.

        The iterator ends when the reply does or ``cancel`` is set.

        :raises ServerError: from the iterator, which says with ``begun`` whether something had come
        """
        pieces: queue.SimpleQueue[Piece | BaseException | None] = queue.SimpleQueue()
        running = self._opened().submit(self._pump(body, pieces.put))
        try:
            yield self._pieces(pieces, cancel, sent)
        finally:
            running.cancel()

    def close(self) -> None:
        """Close the connections and end the thread."""
        with self._opening:
            loop, client = self._loop, self._client
            self._loop = self._client = None
        if loop is not None and client is not None:
            loop.submit(client.close()).result()
            loop.end()

    # ---- in the caller's thread --------------------------------------------------------------------------------------

    def _pieces(
        self,
        pieces: queue.SimpleQueue[Piece | BaseException | None],
        cancel: threading.Event | None,
        sent: Sequence[str],
    ) -> Iterator[Piece]:
        while cancel is None or not cancel.is_set():
            try:
                item = pieces.get(timeout=None if cancel is None else _LOOK_S)
            except queue.Empty:
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise self._explained(item, sent)
            yield item

    def _wait(self, work: Coroutine[Any, Any, Any], *, sent: Sequence[str] = ()) -> Any:
        try:
            return self._opened().submit(work).result()
        except ServerError as exc:
            raise self._explained(exc, sent) from exc.__cause__

    def _explained(self, error: BaseException, sent: Sequence[str]) -> BaseException:
        return with_reason(error, key=self._config.key, sent=sent) if isinstance(error, ServerError) else error

    def _opened(self) -> _Loop:
        with self._opening:
            if self._loop is None:
                self._client = _client(self._config, self.address)
                self._loop = _Loop()
            return self._loop

    # ---- on the loop -------------------------------------------------------------------------------------------------

    async def _pump(self, body: dict[str, Any], put: Callable[[Piece | BaseException | None], None]) -> None:
        begun = False
        try:
            async with await self._again_where_safe(lambda: self._streamed(body)) as events:
                async for event in events:
                    piece = piece_of(event)
                    begun = begun or bool(piece.text or piece.thought)
                    put(piece)
            put(None)
        except Exception as exc:  # noqa: BLE001 - the edge of the loop's thread: the caller's thread raises it
            error = self._translated(exc)
            if isinstance(error, ServerError):
                error.begun = begun
            put(error)

    async def _streamed(self, body: dict[str, Any]) -> AsyncStream[ChatCompletionChunk]:
        from openai import AsyncStream
        from openai.types.chat import ChatCompletionChunk

        assert self._client is not None
        return await self._client.post(
            "/chat/completions",
            body=body,
            cast_to=ChatCompletionChunk,
            stream=True,
            stream_cls=AsyncStream[ChatCompletionChunk],
            options=self._options(),
        )

    async def _asked(self, path: str, body: object) -> Any:
        import httpx2

        client, options = self._client, self._options()
        assert client is not None
        if body is None:
            ask = partial(client.get, path, cast_to=httpx2.Response, options=options)
        else:
            ask = partial(client.post, path, body=body, cast_to=httpx2.Response, options=options)
        answer = await self._again_where_safe(ask)
        try:
            return answer.json()
        except ValueError:
            return answer.text

    def _options(self) -> RequestOptions:
        """Of every request: without a key no Authorization header goes out."""
        from openai import Omit

        return {} if self._config.key else {"headers": {"Authorization": Omit()}}

    async def _again_where_safe(self, ask: Callable[[], Awaitable[T]]) -> T:
        for tries in (1, 2, 3):
            try:
                return await ask()
            except Exception as exc:
                error = self._translated(exc)
                pause = pause_before_retry(error, tries) if isinstance(error, ServerError) else None
                if pause is None:
                    raise error from exc
            await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _translated(self, exc: Exception) -> Exception:
        """An error of the libraries as ours; any other as it is."""
        import httpx2
        import openai

        if isinstance(exc, openai.APIStatusError):
            return refusal(exc.status_code, exc.body, exc.response.headers, self._config)
        if isinstance(exc, openai.APIConnectionError):
            return self._unanswered(exc.__cause__ or exc)
        if isinstance(exc, httpx2.HTTPError):
            return self._unanswered(exc)
        if isinstance(exc, openai.APIError):
            return _given_up(exc)
        if isinstance(exc, (ValueError, openai.OpenAIError)):
            return ServerError("answered what is no reply; is it an OpenAI-compatible server?")
        return exc

    def _unanswered(self, cause: BaseException) -> ServerError:
        import httpx2

        config = self._config
        if isinstance(cause, httpx2.ConnectTimeout):
            took = f"{config.connect_seconds:g} s ([server] connect_seconds)"
            return ServerError(f"({self.address.host}) can't be reached within {took}", unreached=True)
        if isinstance(cause, httpx2.ConnectError):
            return ServerError(f"({self.address.host}) can't be reached; is it running?", unreached=True)
        if isinstance(cause, httpx2.TimeoutException):
            return ServerError(f"sent nothing for {config.timeout_seconds:g} s ([server] timeout_seconds)")
        return ServerError(f"broke off the connection ({type(cause).__name__})")


def _given_up(exc: APIError) -> ServerError:
    """An error that came as an event of the stream: llama-server and vLLM send some refusals so, with a status."""
    code = exc.code if isinstance(exc.code, str) and exc.code.isdecimal() else ""
    return ServerError("gave up", status=int(code) if code else None, said=exc.message)


def _client(config: ServerConfig, address: Address) -> AsyncOpenAI:
    import httpx2
    import openai

    for name in _LOGGERS:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger(name).level))
    silence = httpx2.Timeout(config.timeout_seconds, connect=config.connect_seconds)
    made = openai.AsyncOpenAI(
        # What is not said here the package takes from OPENAI_API_KEY and the like, which are meant for another server.
        api_key=config.key.reveal(),
        admin_api_key="",
        organization="",
        project="",
        webhook_secret="",
        base_url=address.base,
        max_retries=0,  # its own retries know nothing of what has come already
        timeout=silence,
        # What is meant for a server of the house goes through no proxy; without TLS the certificates of this machine,
        # which take a fifth of a second to read, serve nothing, and no redirect is followed to where they would.
        http_client=httpx2.AsyncClient(timeout=silence, trust_env=not address.near, verify=address.encrypted),
    )
    made.organization = made.project = None
    return made


class _Loop:
    """An event loop in a thread of its own; ending it cancels what still runs there."""

    def __init__(self) -> None:
        started: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(started.put,), name="model server", daemon=True)
        self._thread.start()
        self._loop, self._ended = started.get()

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Have something done there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def end(self) -> None:
        """Wait until the thread is over."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    @staticmethod
    def _run(started: Callable[[tuple[asyncio.AbstractEventLoop, asyncio.Event]], None]) -> None:
        async def until_ended() -> None:
            ended = asyncio.Event()
            started((asyncio.get_running_loop(), ended))
            await ended.wait()

        asyncio.run(until_ended())


def _check_installed() -> None:
    if find_spec("openai") is None:
        raise UsageError(f"[server] url needs the extra `server`: {MISSING}")
