"""The API's addresses below /v1, as OpenAI's clients ask for them; mounted into the page's application."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import defaultdict
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from bot.api.access import BearerOnly, as_response
from bot.api.asked import chat_asked, check_characters
from bot.api.chatting import Chats, Waiting, check_chat, served_now
from bot.api.embedding import embed, embedding_asked, embedding_object
from bot.api.errors import ApiError, too_large
from bot.api.limiting import take
from bot.api.models import check_model, model_object, models_of
from bot.api.replies import ReplyForm
from bot.api.streaming import ReplyResponse, WrittenReply, outcome_of
from bot.threads import in_thread
from bot.web.visit import Site
from memory.records import User

PATH = "/v1"
MOST_BYTES = 4 << 20
"""Longest body; of a conversation the model reads a small part of that."""
_AT_ONCE = 4
"""Requests of one user at work at once; more wait, so that a program that sends hundreds makes no more threads."""


def api(site: Site) -> Mount:
    """The API of the page's home, which lets in by bearer token alone."""
    found = Api(site)
    routes = [
        Route("/models", found.models),
        Route("/models/{model}", found.model),
        Route("/chat/completions", found.chat, methods=["POST"]),
        Route("/embeddings", found.embeddings, methods=["POST"]),
    ]
    handlers = {HTTPException: _no_such, ApiError: _refused}
    return Mount(PATH, BearerOnly(Starlette(routes=routes, exception_handlers=handlers), site))


class Api:
    """Answers requests whose user is known."""

    def __init__(self, site: Site) -> None:
        self._app = site.app
        self._chats = Chats(site.app)
        self._rooms: defaultdict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_AT_ONCE))

    async def models(self, request: Request) -> Response:
        """The models that the user may use."""
        known = models_of(_user(request).role)
        return JSONResponse({"object": "list", "data": [model_object(name) for name in known]})

    async def model(self, request: Request) -> Response:
        """One of them."""
        name, role = request.path_params["model"], _user(request).role
        check_model(name, role=role, among=models_of(role))
        return JSONResponse(model_object(name))

    async def chat(self, request: Request) -> ReplyResponse:
        """A reply, whole or as it is written."""
        user, asked = _user(request), chat_asked(await body_of(request))
        check_chat(asked, user)
        waiting = Waiting()
        answer = partial(self._chats.answer, asked, user=user, waiting=waiting)
        form = ReplyForm(f"chatcmpl-{secrets.token_hex(12)}", int(time.time()), asked)
        reply = WrittenReply(lambda on_text: answer(on_text=on_text), waiting, self._rooms[user.id])
        return ReplyResponse(reply, form)

    async def embeddings(self, request: Request) -> Response:
        """Vectors of texts."""
        user = _user(request)
        asked = embedding_asked(await body_of(request), role=user.role)

        def work() -> Response:
            take(self._app.store, served_now(self._app.store, user), self._app.settings.people, reply=False)
            return JSONResponse(embedding_object(asked, embed(asked, self._chats.embedder())))

        async with self._rooms[user.id]:
            done = await in_thread(lambda: outcome_of(work))
        if isinstance(done, ApiError):
            raise done
        return done


async def body_of(request: Request) -> object:
    """The JSON of a request.

    :raises ApiError: it is too long, no JSON, or holds what is no text
    """
    declared, read = request.headers.get("content-length", ""), bytearray()
    if declared.isdecimal() and int(declared) > MOST_BYTES:
        raise too_large(MOST_BYTES)
    async for piece in request.stream():
        read += piece
        if len(read) > MOST_BYTES:
            raise too_large(MOST_BYTES)
    try:
        body: object = json.loads(read)
    except (ValueError, RecursionError):
        raise ApiError("the body is not valid JSON", code="invalid_json") from None
    check_characters(body)
    return body


def _user(request: Request) -> User:
    user = request.state.user
    assert isinstance(user, User)
    return user


def _refused(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, ApiError)
    return as_response(exc)


def _no_such(request: Request, exc: Exception) -> Response:
    """An address or a method that there is not, or a client that left while it sent."""
    assert isinstance(exc, HTTPException)
    text = f"{request.method} is not answered there" if exc.status_code == 405 else "there is no such address"
    error = ApiError(text, exc.status_code, code="unknown_url", headers=dict(exc.headers or {}))
    return as_response(error)
