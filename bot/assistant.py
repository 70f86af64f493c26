"""One turn, free of Telegram and terminal: recall, decide, prompt, generate, check, store.

A reply never says what neither memory nor the user said: with nothing found a question is answered so; a model that
is not trusted (measured answer quality below the floor) quotes. The turn is stored with everything that explains it
in one transaction, and only what the user told becomes memory.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bot.answers import (
    Quoted,
    WordingFilter,
    candidates,
    check_citations,
    choose_sentences,
    cite,
    is_about,
    quote,
)
from bot.candidates import SecondAnswers
from bot.config import ChatConfig, ModelConfig
from bot.context import NO_CONTEXT, Context, Exchange, given_hits
from bot.engines.base import AdapterFiles, Engine, Generated, Generation
from bot.fact_answers import quote_facts
from bot.locales import say
from bot.prompts import build_prompt, system_prompt, told_before
from bot.support import find_unsupported, least_of, statements
from bot.turn_parts import Asked, Clock, OnText, Plan, Ready, Reply, Run, said_outright, sureness, with_given
from memory.candidates import Candidates
from memory.embedding import Embedder
from memory.errors import FamiliarError
from memory.facts.profile import about_user
from memory.facts.standing import only_rules, standing_of
from memory.intent import Intent, intent_of, told_part
from memory.ledger import last_entry
from memory.query import expand
from memory.records import (
    GIVEN_ID,
    Found,
    Hit,
    Kept,
    Message,
    NewTurn,
    Passage,
    Turn,
    UnsupportedSentence,
    User,
)
from memory.store import Store
from memory.turns import Said, add_turn, count_turns, turn_of, turns_of
from memory.under_way import Begun, UnderWay, begin, finish, leave, not_kept
from tuning.comparing import base_answers


class Recall(Protocol):
    """Finds what a user's memory holds about a text."""

    def search(self, query: str, *, user_id: int, k: int, recent: Sequence[str]) -> Found:
        """The passages about ``query``, read together with the user's last messages."""
        ...


class LiveAdapters(Protocol):
    """Says which adapter answers a user now."""

    def live(self, user_id: int) -> AdapterFiles | None:
        """The adapter to use for this user's next reply; None: the base model."""
        ...


@dataclass(frozen=True)
class Voice:
    """The model that answers and how far it is trusted."""

    engine: Engine
    adapters: LiveAdapters
    config: ModelConfig
    trusted: bool
    """Its measured answer quality reaches the floor."""
    compare_share: float = 0.0
    """Share of turns that the base model answers although there is an adapter."""
    candidates_share: float = 0.0
    """Most replies, as a share, that come with a second answer."""


def plan_for(intent: Intent, *, answerable: bool, about: bool, trusted: bool, refers: bool = False) -> Plan:
    """What to do with a message: say that nothing is known, or what is near, quote passages, or let the model write.

    :param about: a passage names what is asked; without one even a capable model answers from something similar
    :param refers: the message came with a text that it is about, so that memory need not hold the answer
    """
    if intent == "question" and refers:
        return "generate" if trusted else "quote"
    if intent != "question":
        return "generate"
    if not answerable:
        return "nothing"
    if not about:
        return "near"
    return "generate" if trusted else "quote"


class Assistant:
    """Answers turns of one home's users."""

    def __init__(
        self, store: Store, recall: Recall, embedder: Embedder, voice: Voice, *, chat: ChatConfig, passages: int = 8
    ) -> None:
        """``passages``: how many a turn recalls."""
        self._store = store
        self._passages = passages
        self._recall = recall
        self._embedder = embedder
        self._voice = voice
        self._chat = chat
        self._second = SecondAnswers(
            store, voice.engine, voice.config, share=voice.candidates_share, trusted=voice.trusted
        )

    def turn(
        self,
        text: str,
        *,
        user: User,
        conversation_id: int,
        on_text: OnText = lambda _: None,
        cancel: threading.Event | None = None,
        stored: Callable[[Turn], None] = lambda _: None,
        context: Context = NO_CONTEXT,
    ) -> Turn:
        """Answer one message and store the turn; ``on_text`` is given the reply piece by piece.

        :param stored: called in the transaction that stores the turn, which what it raises undoes
        :param context: what the message refers to, which is data for this turn only, the turn that it replaces, and
            what stays of it; of a guest the history at most, and a turn of which nothing stays has the number 0
        :raises ForgottenMeanwhile: the message or its conversation was forgotten before the reply was there
        :raises FamiliarError: the message is too long for the model, or the store can't be written
        """
        self._second.interrupt()
        clock = Clock(on_text)
        keep: Kept = "history" if user.role == "guest" and context.keep == "memory" else context.keep
        asked = Asked(text, user, conversation_id, context, keep, cancel)
        ready, begun = self._begin(asked, clock)
        try:
            new = self._answer(asked, ready, clock)
            said = self._said(text, user=user, at=clock.asked_at) if keep == "memory" else None
            with self._store.transaction():
                turn = self._keep(asked, new, begun, said=said)
                stored(turn)
        except BaseException:  # whatever ends it, also an interrupt: what was written down at its beginning goes
            with contextlib.suppress(FamiliarError):  # what is left there is deleted later, and forgotten until then
                leave(self._store, begun)
            raise
        return turn

    def _begin(self, asked: Asked, clock: Clock) -> tuple[Ready, Begun]:
        """What the turn rests on, written down; read anew where something was forgotten meanwhile."""
        while True:
            erased_to = last_entry(self._store)
            ready = self._ready(asked, clock)
            read = UnderWay(
                asked.conversation_id,
                asked.text,
                clock.asked_at,
                prompt=ready.run.messages,
                given=tuple(cite(0, hit.chunk, language="en") for hit in ready.run.hits if hit.chunk.id == GIVEN_ID),
                memories=ready.memories,
            )
            if asked.keep == "nothing":
                return ready, not_kept(read, user_id=asked.user.id, erased_to=erased_to)
            begun = begin(self._store, read, user_id=asked.user.id, erased_to=erased_to)
            if begun is not None:
                return ready, begun

    def _ready(self, asked: Asked, clock: Clock) -> Ready:
        """Recall, and decide what to do."""
        text, context, user = asked.text, asked.context, self._with_profile(asked)
        history = self._history(asked.conversation_id, user=user, context=context)
        recent = [*(turn.user_text for turn in history), *(item.texts[0] for item in context.given)][-2:]
        found = self._recall.search(text, user_id=user.id, k=self._passages, recent=recent)
        found = self._without_turn(found, context.replaces, user=user)
        given = given_hits(text, context.given, user_id=user.id, embedder=self._embedder)
        clock.retrieved()
        intent = "request" if only_rules(text) else intent_of(text)
        question = expand(text, recent) if intent == "question" else text
        # A follow-up is also about what it follows: "and when does it end?" after "which policy do I have?"
        subjects = [question] if question == text else [question, recent[-1]]
        found = found if intent != "greeting" else _NOTHING
        hits, about = about_first(subjects, found)
        trusted, refers = self._voice.trusted, bool(context.given)
        plan = plan_for(intent, answerable=found.answerable, about=bool(about), trusted=trusted, refers=refers)
        plan = "quote" if plan == "generate" and context.quotes_only and not trusted else plan
        hits = (*(hits if trusted else hits[:QUOTED_PASSAGES]), *given)
        asks_model = plan in ("quote", "generate")
        system = self._system(user, context)
        messages, hits = self._prompt(text, system, history=history, hits=hits) if asks_model else ((), hits[:1])
        about = tuple(hit for hit in hits if hit in about or hit.chunk.id == GIVEN_ID)
        run = Run(
            messages,
            hits,
            about,
            found.facts if about else (),
            self._adapter(user, asked.conversation_id, context.adapter_of) if asks_model else None,
            clock.emit,
            asked.cancel,
            asked_by=user.id,
            guest=user.role == "guest",
            quotes_only=context.quotes_only,
        )
        return Ready(user, plan, question, run, asks=intent == "question")

    def _with_profile(self, asked: Asked) -> User:
        """The user, to be answered as this message lays down from now on; their persona may have been forgotten."""
        profile = asked.user.profile
        if profile.persona:
            profile = replace(profile, persona=self._store.user_by_id(asked.user.id).profile.persona)
        return replace(asked.user, profile=standing_of(asked.text).applied(profile))

    def _answer(self, asked: Asked, ready: Ready, clock: Clock) -> NewTurn:
        """Have the reply written, and check it."""
        run, user = ready.run, ready.user
        reply = self._reply(ready.plan, ready.question, user=user, run=run)
        cited = with_given(reply.citations, asked.context.given, run.hits, user.profile.language)
        return NewTurn(
            conversation_id=asked.conversation_id,
            user_text=asked.text,
            reply=reply.text,
            generated=reply.generated,
            prompt=run.messages,
            citations=cited,
            memories=ready.memories,
            engine=self._voice.engine.name,
            model=self._voice.engine.model,
            adapter=run.adapter.id if run.adapter else None,
            timings=clock.timings(reply.result),
            asked_at=clock.asked_at,
            mean_logprob=sureness(reply),
            unsupported=self._unsupported(reply, ready.question, run=run, asked=ready.asks),
        )

    def _keep(self, asked: Asked, new: NewTurn, begun: Begun, *, said: Said | None) -> Turn:
        """Store the turn without what was forgotten meanwhile; under the number 0 where nothing of it is to stay."""
        user_id, told = asked.user.id, finish(self._store, begun, new)
        if asked.keep == "nothing":
            return turn_of(told, 0, user_id=user_id)
        return add_turn(self._store, told, user_id=user_id, said=said, learn=asked.keep == "memory")

    def _unsupported(self, reply: Reply, question: str, *, run: Run, asked: bool) -> tuple[UnsupportedSentence, ...]:
        """Sentences of what a trusted model wrote that its passages don't support; all that is quoted stands there.

        Where nothing was asked only those that cite are judged: a poem about a note need not stand in it.
        """
        if reply.result is None or not self._voice.trusted or not run.hits:
            return ()
        found = [item for item in statements(reply.text) if asked or item.cited]
        least, told = least_of(self._chat), told_before(run.messages)
        return find_unsupported(found, run.hits, question=question, embedder=self._embedder, least=least, told=told)

    def _history(self, conversation_id: int, *, user: User, context: Context) -> Sequence[Turn | Exchange]:
        without, last = context.replaces, self._chat.history_turns
        if context.history is not None:
            return context.history[-last:] if last else ()
        more = last + (without is not None)
        turns = turns_of(self._store, user_id=user.id, conversation_id=conversation_id, last=more)
        return [turn for turn in turns if turn.id != without][-last:]

    def _without_turn(self, found: Found, turn_id: int | None, *, user: User) -> Found:
        """What was found but for what the user said in a turn that is about to be replaced."""
        if turn_id is None:
            return found
        rows = self._store.rows("SELECT id FROM chunks WHERE turn_id = ? AND user_id = ?", (turn_id, user.id))
        gone = {row["id"] for row in rows}
        hits = tuple(hit for hit in found.hits if hit.chunk.id not in gone)
        facts = tuple(fact for fact in found.facts if {source.chunk_id for source in fact.sources} - gone)
        return replace(found, hits=hits, facts=facts, answerable=found.answerable and bool(hits))

    def second_answer(self, turn: Turn, *, user: User) -> Candidates | None:
        """Another answer to the message of a turn, to choose from, where the model was least sure of the first.

        It may take as long as the first did; any turn that begins ends it without an offer.

        :raises FamiliarError: the turn was forgotten meanwhile
        """
        if not self._second.wanted(turn):
            return None
        return self._second.offer(turn, user=user, adapter=self._voice.adapters.live(user.id))

    def end_second_answer(self) -> None:
        """End what is being written beside the chat, without an offer."""
        self._second.interrupt()

    def _prompt(
        self, text: str, system: str, *, history: Sequence[Turn | Exchange], hits: Sequence[Hit]
    ) -> tuple[tuple[Message, ...], tuple[Hit, ...]]:
        messages, kept = build_prompt(
            text,
            system=system,
            history=history,
            hits=hits,
            count_tokens=self._voice.engine.count_tokens,
            limit=self._voice.engine.context_tokens - self._voice.config.max_reply_tokens,
        )
        return messages, kept

    def _system(self, user: User, context: Context) -> str:
        """The system prompt with what is known of the user; of a guest nothing is, also if they were a member."""
        about = about_user(self._store, user_id=user.id, without=context.replaces) if user.role != "guest" else ()
        return system_prompt(self._chat.persona, user.profile, about, added=context.instructions)

    def _adapter(self, user: User, conversation_id: int, of: int | None) -> AdapterFiles | None:
        """Who answers the next turn of a conversation; None: the base model, now and then for comparison."""
        if of is not None:
            return self._voice.adapters.live(of)
        live = self._voice.adapters.live(user.id)
        if live is None or user.role == "guest":
            return None
        turns = count_turns(self._store, user_id=user.id, conversation_id=conversation_id)
        return None if base_answers(conversation_id, turns, share=self._voice.compare_share) else live

    def _reply(self, plan: Plan, text: str, *, user: User, run: Run) -> Reply:
        language = user.profile.language
        if plan == "nothing":
            return said_outright(run.nothing(language), (), run)
        if plan == "near":
            return self._near_reply(text, language=language, run=run)
        if plan == "quote":
            return self._quoting_reply(text, language=language, run=run)
        if self._voice.trusted:
            return self._trusted_reply(text, language=language, run=run)
        return self._checked_reply(text, language=language, run=run)

    def _trusted_reply(self, text: str, *, language: str, run: Run) -> Reply:
        held = [""]

        def emit(piece: str) -> None:
            # A reply may begin with a citation; one that is nothing else says nothing and is not shown.
            if held and _ONLY_CITED.fullmatch(held[0] + piece):
                held[0] += piece
                return
            run.emit((held.pop() if held else "") + piece)

        result = self._generate(run, on_text=emit)
        quoted = self._quoted(text, run.about, language=language) if held and held[0].strip() else None
        if quoted is not None:
            run.emit(quoted.text)
            return Reply(quoted.text, result.text, quoted.citations, result)
        if held:
            run.emit(held[0])
        chunks = [hit.chunk for hit in run.hits]
        shown, citations = check_citations(result.text, chunks, language=language)
        return Reply(shown, result.text, citations, result)

    def _near_reply(self, text: str, *, language: str, run: Run) -> Reply:
        nothing = run.nothing(language)
        quoted = self._quoted(text, run.hits, language=language)
        if quoted is None:
            return said_outright(nothing, (), run)
        return said_outright(f"{nothing} {say(language, 'nearest')}\n{quoted.text}", quoted.citations, run)

    def _quoting_reply(self, text: str, *, language: str, run: Run) -> Reply:
        quoted = quote_facts(run.facts, run.about, language=language)
        quoted = quoted or self._quoted(text, run.about, language=language)
        if quoted is None:
            return said_outright(run.nothing(language), (), run)
        if run.quotes_only:
            return said_outright(quoted.text, quoted.citations, run)
        run.emit(quoted.text)
        # Not the other passages: a date of one would be let through as the answer of another.
        wording, result = self._filtered(run, sources=[text], already=quoted.text, before="\n\n")
        shown = f"{quoted.text}\n\n{wording}" if wording else quoted.text
        return Reply(shown, result.text, quoted.citations, result)

    def _quoted(self, text: str, hits: Sequence[Hit], *, language: str) -> Quoted | None:
        """The sentences of these passages that answer best, cited; None where they hold no sentence."""
        found = candidates(hits)
        if not found:
            return None
        vectors = self._embedder.embed_passages([item.text for item in found])
        near = [float(value) for value in vectors @ self._embedder.embed_query(text)]
        chosen = choose_sentences(text, found, near, most=self._chat.quoted_sentences)
        return quote(chosen, hits, language=language)

    def _checked_reply(self, text: str, *, language: str, run: Run) -> Reply:
        sources = [text, *(hit.chunk.text for hit in run.hits)]
        wording, result = self._filtered(run, sources=sources, already="", before="")
        if not wording:
            wording = say(language, "not_kept" if run.guest else "noted")
            run.emit(wording)
        return Reply(wording, result.text, (), result)

    def _filtered(self, run: Run, *, sources: Sequence[str], already: str, before: str) -> tuple[str, Generated]:
        lead = [before]

        def emit(piece: str) -> None:
            run.emit((lead.pop() if lead else "") + piece)

        instructions = run.messages[0].content
        checked = WordingFilter(sources, emit=emit, already=already, instructions=instructions)
        result = self._generate(run, on_text=checked.feed)
        return checked.finish(complete=result.stop == "end"), result

    def _generate(self, run: Run, *, on_text: OnText) -> Generated:
        config = self._voice.config
        self._second.interrupt()  # once more: one of another chat's may have begun while this turn recalled
        most = (
            config.max_reply_tokens if self._voice.trusted else min(config.max_reply_tokens, self._chat.wording_tokens)
        )
        request = Generation(
            messages=run.messages,
            max_tokens=most,
            adapter=run.adapter,
            temperature=config.temperature,
            seed=config.seed,
            asked_by=run.asked_by,
        )
        return self._voice.engine.generate(request, on_text=on_text, cancel=run.cancel)

    def _said(self, text: str, *, user: User, at: str) -> Said | None:
        told = told_part(text)
        if not told:
            return None
        passage = Passage(told, start=0, end=len(told), speaker=user.name, at=at)
        return Said((passage,), self._embedder.embed_passages([told]), self._embedder.key)


_ONLY_CITED = re.compile(r"(?:\s*\[\d*\]?)*\s*")
_NOTHING = Found((), 0.0, answerable=False)
QUOTED_PASSAGES = 4
"""What a model that is not trusted is given: its sentences are taken from the best passages, and reading costs time."""


def about_first(asked: Sequence[str], found: Found) -> tuple[tuple[Hit, ...], tuple[Hit, ...]]:
    """The hits of an answerable search, those that name what one of the questions asks first; and those alone."""
    if not found.answerable:
        return (), ()
    stated = {source.chunk_id for fact in found.facts for source in fact.sources}
    about = tuple(
        hit for hit in found.hits if hit.chunk.id in stated or any(is_about(question, hit.chunk) for question in asked)
    )
    return (*about, *(hit for hit in found.hits if hit not in about)), about
