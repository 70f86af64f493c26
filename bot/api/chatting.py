"""A reply to one request, without HTTP: a turn of the assistant with its memory, or the model alone.

What a program sends as the user's newest message is the turn, and becomes memory by the rules of every chat; what it
sends before that is history, and its instructions are what it asks for within our rules: neither is ever stored as
something that the user told. A reply that nobody waits for any more is not stored.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field, replace
from typing import Literal

from bot.api.asked import ChatAsked
from bot.api.errors import ApiError, forgotten, not_allowed, wrong_value
from bot.api.limiting import came_to_nothing, note_tokens, take
from bot.api.models import BASE, FAMILIAR, check_model
from bot.api.places import Place, place_of
from bot.api.tokens import SERVED
from bot.api.writing import RequestEngine
from bot.app import App
from bot.assistant import Assistant, Voice
from bot.context import Context
from bot.engines.base import Generation
from bot.parts import Parts
from bot.prompts import bare_prompt, build_prompt
from bot.turn_parts import OnText
from memory.embedding import Embedder
from memory.erasure import replace_turn
from memory.records import Message, Turn, User
from memory.store import Store
from memory.under_way import MAY_HOLD_IT, ForgottenMeanwhile, is_withdrawn

_MOST_SEED = 1 << 31
_KEPT_AS = "api"
"""Prompts without memory begin otherwise than those of turns."""


@dataclass(frozen=True)
class Waiting:
    """The program that waits for a reply."""

    cancel: threading.Event = field(default_factory=threading.Event)
    """Ends the reply, for whatever reason."""
    gone: threading.Event = field(default_factory=threading.Event)
    """Nobody waits any more."""

    def leave(self) -> None:
        """Nobody waits any more."""
        self.gone.set()
        self.cancel.set()


@dataclass(frozen=True)
class Usage:
    """Tokens that the model read and wrote; none where it was not asked."""

    prompt: int = 0
    cached: int = 0
    reply: int = 0


@dataclass(frozen=True)
class Answered:
    """A reply."""

    text: str
    finish: Literal["stop", "length"]
    usage: Usage
    turn: Turn | None = None
    """Where memory was used; its number is 0 where nothing was kept."""
    adapter: str | None = None
    seed: int = 0


class Abandoned(ApiError):
    """Nobody waits for the reply any more."""


class Chats:
    """Answers requests of one home's users; each method may be called from any thread."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._making = threading.Lock()

    def ready(self) -> tuple[Parts, Voice]:
        """What reads memory and what writes; two first requests at once must not load a model twice.

        :raises FamiliarError: a model can't be loaded
        """
        with self._making:
            parts = self._app.parts
            _ = parts.embedder, parts.searcher
            return parts, self._app.voice

    def embedder(self) -> Embedder:
        """What embeds texts.

        :raises FamiliarError: its model can't be loaded
        """
        with self._making:
            return self._app.parts.embedder

    def answer(self, asked: ChatAsked, *, user: User, on_text: OnText, waiting: Waiting) -> Answered:
        """Answer a request, piece by piece.

        :raises ApiError: the user may not have it, a limit is reached, or the messages don't fit the model
        :raises FamiliarError: something here does not work
        """
        store = self._app.store
        user = served_now(store, user)  # the request may have waited long for its turn
        check_chat(asked, user)
        use = take(store, user, self._app.settings.people, reply=True)
        request = None
        try:
            request = _Request(self._app, asked, user, waiting, self.ready())
            return request.plain(on_text, use) if asked.memory == "off" else request.turn(on_text, use)
        except BaseException as exc:
            if request is not None and request.spent:  # whoever leaves near the end has read it, and is counted
                note_tokens(store, use, request.spent)
            else:
                came_to_nothing(store, use)
            if isinstance(exc, ForgottenMeanwhile):
                raise forgotten(str(exc)) from exc
            raise


def check_chat(asked: ChatAsked, user: User) -> None:
    """Whether a user may have what they ask for.

    :raises ApiError: they may not, or the two don't go together
    """
    check_model(asked.model, role=user.role, among=(FAMILIAR, BASE))
    if asked.model == BASE and asked.memory != "off":
        raise wrong_value("memory", f'{BASE} has no memory; leave it out, or say "off"')
    if asked.memory == "off" and asked.conversation is not None:
        raise wrong_value("conversation", "what was said in it is memory; send the history, or memory on or read")
    if user.role == "guest" and asked.memory == "off":
        raise not_allowed("a guest asks about the shared knowledge bases; the model alone is for members")


class _Request:
    """One request, with the engine as it uses it."""

    def __init__(self, app: App, asked: ChatAsked, user: User, waiting: Waiting, ready: tuple[Parts, Voice]) -> None:
        self._app, self._asked, self._user, self._waiting = app, asked, user, waiting
        self._parts, voice = ready
        wish, config = asked.writing, voice.config
        temperature = config.temperature if wish.temperature is None else wish.temperature
        seed = wish.seed
        if seed is None:  # whoever asks for chance and not for which one gets another reply each time
            seed = config.seed if wish.temperature is None else secrets.randbelow(_MOST_SEED)
        most = min(config.max_reply_tokens, wish.max_tokens or config.max_reply_tokens)
        config = replace(config, temperature=temperature, seed=seed % _MOST_SEED, max_reply_tokens=most)
        cited = asked.memory != "off"
        self._engine = RequestEngine(voice.engine, stop=wish.stop, cancel=waiting.cancel, cited=cited)
        self._voice = replace(voice, engine=self._engine, config=config, candidates_share=0.0)

    @property
    def spent(self) -> int:
        """Tokens that the model read and wrote for it; 0 where it wrote none."""
        written = self._engine.written
        return written.prompt_tokens + written.reply_tokens if written and written.reply_tokens else 0

    def turn(self, on_text: OnText, use: int | None) -> Answered:
        """A turn of the assistant."""
        app, asked, settings = self._app, self._asked, self._app.settings
        self._engine.check_room((Message("user", asked.text),))
        keeps = asked.memory == "on"
        place = place_of(app.store, asked, user=self._user) if keeps or asked.conversation is not None else Place(0)
        assistant = Assistant(
            app.store,
            self._parts.searcher,
            self._parts.embedder,
            self._voice,
            chat=app.chat,
            passages=settings.search.k,
        )
        told = bool(asked.history) or asked.conversation is None
        turn = assistant.turn(
            asked.text,
            user=self._user,
            conversation_id=place.conversation_id,
            on_text=on_text,
            cancel=self._waiting.cancel,
            stored=lambda turn: self._stored(turn, place, use),
            context=Context(
                replaces=place.replaces,
                keep="memory" if keeps else "nothing",
                history=asked.history if told else None,
                instructions=asked.instructions,
            ),
        )
        return self._answered(turn.reply, turn=turn, adapter=turn.adapter)

    def plain(self, on_text: OnText, use: int | None) -> Answered:
        """The model alone, with the user's adapter or without.

        :raises ForgottenMeanwhile: the adapter has learned what was forgotten while it wrote
        """
        asked, voice, config = self._asked, self._voice, self._voice.config
        messages, _ = build_prompt(
            asked.text,
            system=self._plain_system(),
            history=asked.history,
            hits=(),
            count_tokens=self._engine.count_tokens,
            limit=self._engine.context_tokens - config.max_reply_tokens,
        )
        adapter = None if asked.model == BASE else voice.adapters.live(self._user.id)
        request = Generation(
            messages,
            config.max_reply_tokens,
            adapter,
            config.temperature,
            config.seed,
            kept_as=_KEPT_AS,
            asked_by=self._user.id,
        )
        result = self._engine.generate(request, on_text=on_text, cancel=self._waiting.cancel)
        self._check_still_served()
        if adapter is not None and is_withdrawn(self._app.store, adapter.id):
            raise ForgottenMeanwhile(MAY_HOLD_IT)
        note_tokens(self._app.store, use, result.prompt_tokens + result.reply_tokens)
        return self._answered(result.text, adapter=adapter.id if adapter else None)

    def _plain_system(self) -> str:
        """The program's instructions; with an adapter after the persona that it learned with."""
        asked = self._asked
        own = bare_prompt(self._app.chat.persona, self._user.profile)
        if asked.model == BASE:
            return asked.instructions or own
        return f"{own}\n\n{asked.instructions}" if asked.instructions else own

    def _stored(self, turn: Turn, place: Place, use: int | None) -> None:
        """In the transaction that stores the turn: what it took, and what it replaces."""
        self._check_still_served()
        app = self._app
        if place.replaces is not None and turn.id:
            erasers = app.erasers_of(app.store)
            replace_turn(app.store, user_id=self._user.id, turn_id=place.replaces, by=[turn.id], erasers=erasers)
        note_tokens(app.store, use, turn.timings.prompt_tokens + turn.timings.reply_tokens)

    def _check_still_served(self) -> None:
        if self._waiting.gone.is_set():
            raise Abandoned("nobody waits for the reply any more", 499)
        served_now(self._app.store, self._user)

    def _answered(self, text: str, *, adapter: str | None, turn: Turn | None = None) -> Answered:
        written, limit = self._engine.written, self._voice.config.max_reply_tokens
        if written is None:
            return Answered(text, "stop", Usage(), turn, adapter, self._voice.config.seed)
        cut = written.stop == "length" and self._engine.limit >= limit  # below, it was our own limit for a wording
        cached = written.cached_tokens if self._is_alone() else 0
        usage = Usage(written.prompt_tokens, cached, written.reply_tokens)
        return Answered(text, "length" if cut else "stop", usage, turn, adapter, self._voice.config.seed)

    def _is_alone(self) -> bool:
        """Whether nobody else's prompts can be what the engine knew: it reuses a beginning whoever sent it first, and
        to say so would tell whether a text that somebody tries out was ever sent by another."""
        return len(self._app.store.rows("SELECT 1 FROM users WHERE role <> 'shared' LIMIT 2")) == 1


def served_now(store: Store, user: User) -> User:
    """Somebody as they are stored now.

    :raises ApiError: they may not use the API any more
    """
    now = store.user_by_id(user.id)
    check_served(now)
    return now


def check_served(user: User) -> None:
    """Whether somebody may use the API now.

    :raises ApiError: they may not
    """
    if user.role not in SERVED:
        raise not_allowed("this token's user may not use this home any more")
