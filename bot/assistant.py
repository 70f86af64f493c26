"""One turn, free of Telegram and terminal: recall, decide, prompt, generate, check, store.

A reply never says what neither memory nor the user said: with nothing found a question is answered so; a model that
is not trusted (measured answer quality below the floor) quotes. The turn is stored with everything that explains it
in one transaction, and only what the user told becomes memory.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

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
from bot.context import NO_CONTEXT, Context, Exchange, Given, given_hits
from bot.engines.base import AdapterFiles, Engine, Generated, Generation
from bot.fact_answers import quote_facts
from bot.locales import say
from bot.prompts import build_prompt, system_prompt, told_before
from bot.support import find_unsupported, least_of, statements
from memory.candidates import Candidates
from memory.embedding import Embedder
from memory.facts.profile import about_user
from memory.facts.records import Fact
from memory.facts.standing import only_rules, standing_of
from memory.intent import Intent, intent_of, told_part
from memory.query import expand
from memory.records import (
    GIVEN_ID,
    Citation,
    Found,
    Hit,
    Kept,
    Message,
    NewTurn,
    Passage,
    RecalledMemory,
    Timings,
    Turn,
    UnsupportedSentence,
    User,
)
from memory.store import Store, utc_now
from memory.turns import Said, add_turn, count_turns, turn_of, turns_of
from tuning.comparing import base_answers

OnText = Callable[[str], None]
Plan = Literal["nothing", "near", "quote", "generate"]


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


@dataclass(frozen=True)
class _Reply:
    text: str
    generated: str
    citations: tuple[Citation, ...]
    result: Generated | None


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
        :raises FamiliarError: the message is too long for the model, or the store can't be written
        """
        self._second.interrupt()
        clock = _Clock(on_text)
        keep: Kept = "history" if user.role == "guest" and context.keep == "memory" else context.keep
        user = replace(user, profile=standing_of(text).applied(user.profile))  # "answer in Chinese": from this reply on
        history = self._history(conversation_id, user=user, context=context)
        recent = [*(turn.user_text for turn in history), *(item.texts[0] for item in context.given)][-2:]
        found = self._recall.search(text, user_id=user.id, k=self._passages, recent=recent)
        found = self._without_turn(found, context.replaces, user=user)
        given = given_hits(text, context.given, user_id=user.id, embedder=self._embedder)
        clock.retrieved()
        intent = "request" if only_rules(text) else intent_of(text)
        question = expand(text, recent) if intent == "question" else text
        # A follow-up is also about what it follows: "and when does it end?" after "which policy do I have?"
        asked = [question] if question == text else [question, recent[-1]]
        found = found if intent != "greeting" else _NOTHING
        hits, about = about_first(asked, found)
        trusted, refers = self._voice.trusted, bool(context.given)
        plan = plan_for(intent, answerable=found.answerable, about=bool(about), trusted=trusted, refers=refers)
        plan = "quote" if plan == "generate" and context.quotes_only and not trusted else plan
        hits = (*(hits if trusted else hits[:QUOTED_PASSAGES]), *given)
        asks_model = plan in ("quote", "generate")
        system = self._system(user, context)
        messages, hits = self._prompt(text, system, history=history, hits=hits) if asks_model else ((), hits[:1])
        adapter = self._adapter(user, conversation_id, context.adapter_of) if asks_model else None
        about = tuple(hit for hit in hits if hit in about or hit.chunk.id == GIVEN_ID)
        run = _Run(
            messages,
            hits,
            about,
            found.facts if about else (),
            adapter,
            clock.emit,
            cancel,
            asked_by=user.id,
            guest=user.role == "guest",
            quotes_only=context.quotes_only,
        )
        reply = self._reply(plan, question, user=user, run=run)
        reply = replace(reply, citations=_with_given(reply.citations, context.given, hits, user.profile.language))
        new = NewTurn(
            conversation_id=conversation_id,
            user_text=text,
            reply=reply.text,
            generated=reply.generated,
            prompt=messages,
            citations=reply.citations,
            memories=tuple(_recalled(hit) for hit in hits if hit.chunk.id != GIVEN_ID),
            engine=self._voice.engine.name,
            model=self._voice.engine.model,
            adapter=adapter.id if adapter else None,
            timings=clock.timings(reply.result),
            asked_at=clock.asked_at,
            mean_logprob=_sureness(reply),
            unsupported=self._unsupported(reply, question, run=run, asked=intent == "question"),
        )
        said = self._said(text, user=user, at=clock.asked_at) if keep == "memory" else None
        with self._store.transaction():
            if keep == "nothing":
                turn = turn_of(new, 0, user_id=user.id)
            else:
                turn = add_turn(self._store, new, user_id=user.id, said=said, learn=keep == "memory")
            stored(turn)
        return turn

    def _unsupported(self, reply: _Reply, question: str, *, run: _Run, asked: bool) -> tuple[UnsupportedSentence, ...]:
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

    def _reply(self, plan: Plan, text: str, *, user: User, run: _Run) -> _Reply:
        language = user.profile.language
        if plan == "nothing":
            return _said_outright(run.nothing(language), (), run)
        if plan == "near":
            return self._near_reply(text, language=language, run=run)
        if plan == "quote":
            return self._quoting_reply(text, language=language, run=run)
        if self._voice.trusted:
            return self._trusted_reply(text, language=language, run=run)
        return self._checked_reply(text, language=language, run=run)

    def _trusted_reply(self, text: str, *, language: str, run: _Run) -> _Reply:
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
            return _Reply(quoted.text, result.text, quoted.citations, result)
        if held:
            run.emit(held[0])
        chunks = [hit.chunk for hit in run.hits]
        shown, citations = check_citations(result.text, chunks, language=language)
        return _Reply(shown, result.text, citations, result)

    def _near_reply(self, text: str, *, language: str, run: _Run) -> _Reply:
        nothing = run.nothing(language)
        quoted = self._quoted(text, run.hits, language=language)
        if quoted is None:
            return _said_outright(nothing, (), run)
        return _said_outright(f"{nothing} {say(language, 'nearest')}\n{quoted.text}", quoted.citations, run)

    def _quoting_reply(self, text: str, *, language: str, run: _Run) -> _Reply:
        quoted = quote_facts(run.facts, run.about, language=language)
        quoted = quoted or self._quoted(text, run.about, language=language)
        if quoted is None:
            return _said_outright(run.nothing(language), (), run)
        if run.quotes_only:
            return _said_outright(quoted.text, quoted.citations, run)
        run.emit(quoted.text)
        # Not the other passages: a date of one would be let through as the answer of another.
        wording, result = self._filtered(run, sources=[text], already=quoted.text, before="\n\n")
        shown = f"{quoted.text}\n\n{wording}" if wording else quoted.text
        return _Reply(shown, result.text, quoted.citations, result)

    def _quoted(self, text: str, hits: Sequence[Hit], *, language: str) -> Quoted | None:
        """The sentences of these passages that answer best, cited; None where they hold no sentence."""
        found = candidates(hits)
        if not found:
            return None
        vectors = self._embedder.embed_passages([item.text for item in found])
        near = [float(value) for value in vectors @ self._embedder.embed_query(text)]
        chosen = choose_sentences(text, found, near, most=self._chat.quoted_sentences)
        return quote(chosen, hits, language=language)

    def _checked_reply(self, text: str, *, language: str, run: _Run) -> _Reply:
        sources = [text, *(hit.chunk.text for hit in run.hits)]
        wording, result = self._filtered(run, sources=sources, already="", before="")
        if not wording:
            wording = say(language, "not_kept" if run.guest else "noted")
            run.emit(wording)
        return _Reply(wording, result.text, (), result)

    def _filtered(self, run: _Run, *, sources: Sequence[str], already: str, before: str) -> tuple[str, Generated]:
        lead = [before]

        def emit(piece: str) -> None:
            run.emit((lead.pop() if lead else "") + piece)

        instructions = run.messages[0].content
        checked = WordingFilter(sources, emit=emit, already=already, instructions=instructions)
        result = self._generate(run, on_text=checked.feed)
        return checked.finish(complete=result.stop == "end"), result

    def _generate(self, run: _Run, *, on_text: OnText) -> Generated:
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


@dataclass(frozen=True)
class _Run:
    messages: tuple[Message, ...]
    hits: tuple[Hit, ...]
    about: tuple[Hit, ...]
    """Those that name what is asked."""
    facts: tuple[Fact, ...]
    """Those that are what is asked."""
    adapter: AdapterFiles | None
    emit: OnText
    cancel: threading.Event | None
    asked_by: int
    guest: bool = False
    quotes_only: bool = False

    def nothing(self, language: str) -> str:
        """That memory, or what a guest may ask about, holds nothing."""
        return say(language, "nothing_shared" if self.guest else "nothing_found")


class _Clock:
    """Notes when a turn began, had recalled and showed its first text."""

    def __init__(self, on_text: OnText) -> None:
        self.asked_at = utc_now()
        self._on_text = on_text
        self._started = time.perf_counter()
        self._retrieved = self._first = 0.0

    def retrieved(self) -> None:
        self._retrieved = time.perf_counter() - self._started

    def emit(self, piece: str) -> None:
        self._first = self._first or time.perf_counter() - self._started
        self._on_text(piece)

    def timings(self, result: Generated | None) -> Timings:
        total = time.perf_counter() - self._started
        return Timings(
            retrieve_s=round(self._retrieved, 4),
            first_token_s=round(self._first or total, 4),
            total_s=round(total, 4),
            prompt_tokens=result.prompt_tokens if result else 0,
            reply_tokens=result.reply_tokens if result else 0,
        )


def _sureness(reply: _Reply) -> float | None:
    """How sure the model was of a whole reply of its own."""
    whole = reply.result is not None and reply.result.stop == "end"
    return reply.result.mean_logprob if whole and reply.result is not None else None


def _said_outright(text: str, citations: tuple[Citation, ...], run: _Run) -> _Reply:
    """A reply for which the model is not asked."""
    run.emit(text)
    return _Reply(text, "", citations, None)


def _with_given(
    citations: tuple[Citation, ...], given: Sequence[Given], hits: Sequence[Hit], language: str
) -> tuple[Citation, ...]:
    """The sources of a reply, and of what the message came with those that are to be named in any case."""
    cited = list(citations)
    for item in given:
        first = next((n for n, hit in enumerate(hits, 1) if hit.chunk.title == item.title), None)
        if item.cited and first is not None and all(citation.title != item.title for citation in cited):
            number = max([first, *(citation.n + 1 for citation in cited)])
            cited.append(cite(number, hits[first - 1].chunk, language=language))
    return tuple(cited)


def about_first(asked: Sequence[str], found: Found) -> tuple[tuple[Hit, ...], tuple[Hit, ...]]:
    """The hits of an answerable search, those that name what one of the questions asks first; and those alone."""
    if not found.answerable:
        return (), ()
    stated = {source.chunk_id for fact in found.facts for source in fact.sources}
    about = tuple(
        hit for hit in found.hits if hit.chunk.id in stated or any(is_about(question, hit.chunk) for question in asked)
    )
    return (*about, *(hit for hit in found.hits if hit not in about)), about


def _recalled(hit: Hit) -> RecalledMemory:
    return RecalledMemory(hit.chunk.id, round(hit.score, 4), hit.chunk.title, hit.chunk.text)
