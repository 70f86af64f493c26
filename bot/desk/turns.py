"""A customer's turn: what is decided is done, checked against the rules, stored and only then shown.

To whoever calls it this is an assistant like the other one, so that everything that answers people (chat, voice
messages, changed messages) goes through it where they are customers: guests, who read the knowledge bases and nobody's
memory. The reply of the model is not shown piece by piece: what breaks a rule, or has no source, is never seen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bot.assistant import about_first
from bot.config import DeskConfig
from bot.context import NO_CONTEXT, Context
from bot.desk.deciding import Decision, Kind, Prediction, Reason, Signals, decide
from bot.desk.forms import read
from bot.desk.knowing import Knowledge
from bot.desk.moods import is_angry, wants_person
from bot.desk.pairs import language_of_text
from bot.desk.rules import check, subject
from bot.desk.setup import DeskSetup
from bot.desk.slots import values_of
from bot.turn_parts import Turns
from memory.desk import Case, Event, EventKind, add_event, open_case, open_cases
from memory.intent import intent_of
from memory.query import expand
from memory.records import Found, NewTurn, Timings, Turn, User
from memory.search import Searcher
from memory.store import Store, utc_now
from memory.turns import add_turn, turn_of, turns_of

_EARLIER = 6
"""A customer's last messages in which slots' values are looked for."""
_LIKELY = 0.4
"""Confidence from which on a template is worth an agent's look."""
_SUGGESTED = 700
"""Characters of a suggestion to an agent."""


@dataclass(frozen=True)
class HandedOver:
    """A message that a person is to answer, as those who are told need it."""

    case: Case
    turn: Turn
    customer: User
    history: tuple[Turn, ...]
    """What was said before, oldest first."""
    more: bool
    """The customer has written more about a case that was open."""


Announce = Callable[[HandedOver], None]
"""Called in the transaction that stores the turn, so that no case is lost and none is told of twice."""


def announce_nothing(handed: HandedOver) -> None:
    """Nobody is told; the case waits in the list."""
    del handed


@dataclass(frozen=True)
class DeskParts:
    """What a desk works with."""

    store: Store
    searcher: Searcher
    assistant: Turns
    knowledge: Knowledge
    setup: DeskSetup
    config: DeskConfig
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    announce: Announce = announce_nothing


@dataclass(frozen=True)
class _Asked:
    """One message with all that was found out about it."""

    text: str
    user: User
    conversation_id: int
    language: str
    history: tuple[Turn, ...]
    prediction: Prediction | None
    filled: str | None
    case: Case | None
    found: Found
    context: Context
    began: float


class _Unfit(Exception):
    """The assistant's reply can't be sent; its turn is not stored."""

    def __init__(self, reason: Reason, *, broken: tuple[str, ...] = (), instead: str = "") -> None:
        super().__init__(reason)
        self.reason, self.broken, self.instead = reason, broken, instead


class CustomerTurns:
    """Answers customers; it has the form of the assistant."""

    def __init__(self, parts: DeskParts) -> None:
        self._parts = parts

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
        """Answer a customer's message or hand it over, and store the turn.

        :raises FamiliarError: the message is too long for the model, or the store can't be written
        """
        asked = self._asked(text, user, conversation_id, context)
        signals = self._signals(asked)
        decision = decide(signals, confidence=self._parts.config.confidence)
        reply: str | None = None
        broken: tuple[str, ...] = ()
        if decision.kind == "retrieval":
            try:
                turn = self._retrieve(asked, cancel=cancel, stored=stored)
                on_text(turn.reply)
                return turn
            except _Unfit as unfit:
                reply, broken = unfit.instead or None, unfit.broken
                decision = Decision("rule" if reply else "hand over", unfit.reason)
        turn = self._outright(decision, asked, reply=reply, broken=broken, stored=stored)
        on_text(turn.reply)
        return turn

    # -- finding out

    def _asked(self, text: str, user: User, conversation_id: int, context: Context) -> _Asked:
        parts, began = self._parts, time.perf_counter()
        language = language_of_text(text)
        language = language if language in parts.setup.languages else parts.setup.languages[0]
        turns = turns_of(parts.store, user_id=user.id, conversation_id=conversation_id, last=_EARLIER)
        history = tuple(turn for turn in turns if turn.id != context.replaces)
        values = values_of([*(turn.user_text for turn in history), text], name=user.name)
        look = parts.knowledge.look(text, language=language, values=values)
        since = (parts.now().astimezone(UTC) - timedelta(hours=parts.config.case_hours)).isoformat()
        cases = open_cases(parts.store, user_id=user.id, since=since)
        cases = [case for case in cases if case.turn_id != context.replaces]  # which goes with the turn
        recent = [turn.user_text for turn in history][-2:]
        found = parts.searcher.search(text, user_id=user.id, recent=recent)
        return _Asked(
            text=text,
            user=replace(user, profile=replace(user.profile, language=language)),
            conversation_id=conversation_id,
            language=language,
            history=history,
            prediction=look.prediction,
            filled=look.filled,
            case=cases[-1] if cases else None,
            found=found,
            context=context,
            began=began,
        )

    def _signals(self, asked: _Asked) -> Signals:
        setup, reading = self._parts.setup, read(asked.text)
        recent = [turn.user_text for turn in asked.history][-2:]
        question = expand(asked.text, recent)
        questions = [question] if question == asked.text or not recent else [question, recent[-1]]
        about = about_first(questions, asked.found)[1]
        kind = intent_of(asked.text)
        return Signals(
            case_open=asked.case is not None,
            wants_person=wants_person(reading),
            angry=is_angry(asked.text, reading),
            topic=setup.topic_of(asked.text),
            rule=subject(asked.text, setup.rules) is not None,
            greeting=kind == "greeting",
            intent=asked.prediction,
            template=asked.filled is not None,
            answerable=asked.found.answerable and bool(about),
        )

    # -- answering

    def _retrieve(self, asked: _Asked, *, cancel: threading.Event | None, stored: Callable[[Turn], None]) -> Turn:
        """The assistant's answer, if it has sources and holds to the rules.

        :raises _Unfit: it may not be sent
        """

        def fit(turn: Turn) -> None:
            if not turn.citations:
                raise _Unfit("no source")
            checked = check(turn.reply, question=asked.text, rules=self._parts.setup.rules, language=asked.language)
            if checked.broken:
                raise _Unfit("a rule", broken=checked.broken, instead=checked.text)
            if turn.unsupported:
                raise _Unfit("not supported by its sources")
            self._count("alone", "found in the knowledge base", asked)
            stored(turn)

        context = replace(asked.context, adapter_of=self._parts.knowledge.desk.id, quotes_only=True)
        return self._parts.assistant.turn(
            asked.text,
            user=asked.user,
            conversation_id=asked.conversation_id,
            cancel=cancel,
            stored=fit,
            context=context,
        )

    def _outright(
        self,
        decision: Decision,
        asked: _Asked,
        *,
        reply: str | None,
        broken: tuple[str, ...],
        stored: Callable[[Turn], None],
    ) -> Turn:
        """A turn for which the model is not asked: a template, a rule's text, a greeting, or a case for a person."""
        setup = self._parts.setup
        if reply is None:
            reply = self._text_for(decision.kind, asked)
            checked = check(reply, question=asked.text, rules=setup.rules, language=asked.language)
            if decision.kind != "hand over":
                broken, reply = checked.broken, checked.text
                decision = decision if reply else Decision("hand over", "a rule")
        kept = asked.context.keep != "nothing"
        if decision.kind == "hand over":
            reply = self._told(asked)
        with self._parts.store.transaction():
            turn = self._store(reply, decision.kind, asked, kept=kept)
            for rule in broken:
                self._count("rule", rule, asked)
            if decision.kind == "hand over":
                self._hand_over(decision.reason, asked, turn)
            else:
                self._count("alone", decision.reason, asked)
            stored(turn)
        return turn

    def _text_for(self, kind: Kind, asked: _Asked) -> str:
        setup = self._parts.setup
        if kind == "template":
            return asked.filled or ""
        if kind == "rule":
            rule = subject(asked.text, setup.rules)
            return rule.text(asked.language) if rule is not None else ""
        return setup.text(asked.language, "greeting") if kind == "greeting" else ""

    def _told(self, asked: _Asked) -> str:
        """What a customer is told whose message a person answers."""
        setup, now = self._parts.setup, self._parts.now()
        if asked.case is not None:
            return setup.text(asked.language, "added")
        presence = setup.hours.presence(now)
        opening = setup.hours.next_opening(now)
        if presence == "open" or opening is None:
            return setup.text(asked.language, "handed_over")
        day, when = setup.hours.holiday(now), f"{opening:%Y-%m-%d %H:%M}"
        return setup.text(asked.language, presence, when=when, day=day)

    def _hand_over(self, reason: Reason, asked: _Asked, turn: Turn) -> None:
        """Open a case, or add to the one that is open; without a stored turn there is nothing to hand over."""
        if not turn.id:
            return
        case = asked.case
        if case is None:
            case = open_case(
                self._parts.store,
                user_id=asked.user.id,
                turn_id=turn.id,
                reason=reason,
                intent=asked.prediction.intent if asked.prediction else "",
                suggestion=self._suggestion(asked),
                at=turn.asked_at,
            )
            self._count("handed over", reason, asked)
        self._parts.announce(HandedOver(case, turn, asked.user, asked.history, more=asked.case is not None))

    def _suggestion(self, asked: _Asked) -> str | None:
        """What an agent may send as it stands: a filled template, else the nearest passage; it holds to the rules."""
        likely = asked.prediction is not None and asked.prediction.confidence >= _LIKELY
        texts = [asked.filled or "" if likely else ""]
        texts += [hit.chunk.text for hit in asked.found.hits[:1] if asked.found.answerable]
        for text in texts:
            checked = check(text.strip(), question=asked.text, rules=self._parts.setup.rules, language=asked.language)
            if checked.text and len(checked.text) <= _SUGGESTED:
                return checked.text
        return None

    # -- noting

    def _store(self, reply: str, kind: Kind, asked: _Asked, *, kept: bool) -> Turn:
        seconds = round(time.perf_counter() - asked.began, 4)
        new = NewTurn(
            conversation_id=asked.conversation_id,
            user_text=asked.text,
            reply=reply,
            generated="",
            prompt=(),
            citations=(),
            memories=(),
            engine="desk",
            model=kind,
            adapter=None,
            timings=Timings(first_token_s=seconds, total_s=seconds),
            asked_at=utc_now(),
        )
        if not kept:
            return turn_of(new, 0, user_id=asked.user.id)
        return add_turn(self._parts.store, new, user_id=asked.user.id, said=None, learn=False)

    def _count(self, kind: EventKind, reason: str, asked: _Asked) -> None:
        intent = asked.prediction.intent if asked.prediction else ""
        seconds = time.perf_counter() - asked.began
        add_event(self._parts.store, Event(kind, reason, intent, seconds), user_id=asked.user.id)


def summary_of(handed: HandedOver, *, last: int = 4) -> str:
    """What an agent reads first: what was said before, in order; nothing is written anew."""
    lines = []
    for turn in handed.history[-last:]:
        lines += [f"> {_short(turn.user_text)}", f"< {_short(turn.reply)}"]
    return "\n".join([*lines, f"> {handed.turn.user_text}"])


def _short(text: str, most: int = 200) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"
