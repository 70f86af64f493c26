"""What a user preferred, as pairs and single votes to learn from: which of two texts was better for the same prompt.

Pure. A pair comes from a reply that was corrected, from a choice between two answers, or from a reply voted up and one
voted down after the same question; a vote that has no other half stays a single one. A text that the model did not
write (a quoted passage, a fixed phrase) is never a rejected or judged one: it would teach the model to avoid what it
did not say. What is left out is counted with its reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol, TypeVar

from memory.candidates import Candidates
from memory.records import Feedback, Message, Turn
from memory.redaction import ERASED
from tuning.dataset import JudgedTurn

PairKind = Literal["choice", "corrected", "votes"]
Fault = Callable[[Sequence[Message], str, bool], str | None]
"""Why a reply to a prompt can't be learned from, if it can't: where the filters of examples are plugged in. The last
argument says whether the reply is to become likelier; an insult that was voted down is worth learning from."""

_CITED = re.compile(r"\s*\[\d{1,3}\]")
_ERASED_PASSAGE = "█"
_MIN_CHARACTERS = 2


class Detectors(Protocol):
    """What is looked for in a text."""

    def personal(self, text: str) -> tuple[str, ...]:
        """Kinds of secrets and personal data in it."""
        ...

    def toxic(self, text: str) -> bool:
        """Whether it insults or speaks ill of a group."""
        ...


class Sourced(Protocol):
    """What rests on turns and documents."""

    @property
    def turn_ids(self) -> tuple[int, ...]:
        """Turns whose text it holds."""
        ...

    @property
    def document_ids(self) -> tuple[int, ...]:
        """Documents whose text it holds."""
        ...


@dataclass(frozen=True)
class Pair:
    """Two replies to one prompt, of which the user preferred the first."""

    id: str
    """``choice:TURN``, ``corrected:TURN`` or ``votes:UP:DOWN``."""
    kind: PairKind
    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    at: str | None
    """When the question was asked."""
    learned_at: str
    """When the user preferred the one (UTC)."""
    conversation: str
    own_turns: tuple[int, ...]
    """Turns whose replies it compares; the others of ``turn_ids`` only stand in its prompt."""
    turn_ids: tuple[int, ...] = ()
    """Turns whose text it holds: forgetting one of them withdraws the adapter."""
    document_ids: tuple[int, ...] = ()
    """Documents whose text it holds, likewise."""


@dataclass(frozen=True)
class Vote:
    """One reply that the user found good or bad."""

    id: str
    """``vote:TURN``, or ``neither:TURN:0`` and ``:1`` for two answers of which neither was good."""
    prompt: tuple[Message, ...]
    reply: str
    good: bool
    at: str | None
    learned_at: str
    conversation: str
    own_turns: tuple[int, ...]
    turn_ids: tuple[int, ...] = ()
    document_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class ComparedTurn:
    """A turn with its two answers and everything whose text stands in its prompt."""

    turn: Turn
    candidates: Candidates
    turn_ids: tuple[int, ...]
    document_ids: tuple[int, ...]


@dataclass(frozen=True)
class Preferences:
    """Pairs and single votes, oldest first, and how many were left out for which reason."""

    pairs: tuple[Pair, ...] = ()
    votes: tuple[Vote, ...] = ()
    left_out: tuple[tuple[str, int], ...] = ()


_Item = TypeVar("_Item", Pair, Vote)


@dataclass
class _Found:
    pairs: list[Pair] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def strike(self, turns: Collection[int]) -> None:
        """Leave out whatever compares or judges the reply of one of these turns."""
        pairs = [pair for pair in self.pairs if not set(pair.own_turns) & set(turns)]
        votes = [vote for vote in self.votes if not set(vote.own_turns) & set(turns)]
        self.left_out["struck out"] += len(self.pairs) + len(self.votes) - len(pairs) - len(votes)
        self.pairs, self.votes = pairs, votes
        self.left_out += Counter()  # drops reasons that were met by none


def no_fault(prompt: Sequence[Message], reply: str, wanted: bool) -> str | None:
    """The filter that lets everything pass."""
    del prompt, reply, wanted
    return None


def faults_found_by(detectors: Detectors) -> Fault:
    """The filter by what detectors find: secrets in neither reply, insults in none that is to become likelier."""

    def fault(prompt: Sequence[Message], reply: str, wanted: bool) -> str | None:
        del prompt
        if detectors.personal(reply):
            return "secret or personal data"
        return "toxic or biased" if wanted and detectors.toxic(reply) else None

    return fault


def build_preferences(
    judged: Iterable[JudgedTurn],
    compared: Iterable[ComparedTurn],
    *,
    fault: Fault = no_fault,
    struck: Collection[int] = (),
) -> Preferences:
    """Pairs and single votes of one user, filtered and in order of time.

    :param fault: applied to both replies of a pair and to the reply of a vote
    :param struck: turns that the user struck out of what may be learned
    """
    found = _Found()
    judged = list(judged)
    down = {turn.turn.id: _said(turn).at for turn in judged if _said(turn).vote == "down"}
    replaced: dict[int, str] = {}
    for item in compared:
        offer = item.candidates
        moment = offer.chosen_at or offer.offered_at
        if offer.chosen in ("first", "second") and down.get(item.turn.id, "") > moment:
            found.left_out["found bad after it was chosen"] += 1
        else:
            _take_choice(found, item)
        if offer.chosen == "second":
            replaced[item.turn.id] = moment
    votes = []
    for turn in judged:
        if _parsed(_said(turn).at) < _parsed(replaced.get(turn.turn.id)):  # said of the first answer, now gone
            found.left_out["the reply was exchanged later"] += 1
        elif _said(turn).correction is not None:
            _take_correction(found, turn)
        elif _said(turn).vote is not None:
            votes.append(turn)
    _take_votes(found, votes)
    found.strike(struck)
    pairs = _settled(found, fault)
    singles = [vote for vote in found.votes if _passes(found, fault, vote.prompt, vote.reply, vote.good)]
    left_out = tuple(sorted(found.left_out.items()))
    return Preferences(tuple(sorted(pairs, key=_moment)), tuple(sorted(singles, key=_moment)), left_out)


def model_wrote(turn: Turn) -> bool:
    """Whether the reply is the model's own text, citation marks aside."""
    return bool(turn.prompt) and bool(turn.generated.strip()) and _bare(turn.reply) == _bare(turn.generated)


def _take_choice(found: _Found, item: ComparedTurn) -> None:
    turn, offer = item.turn, item.candidates
    if offer.chosen is None:
        return
    texts = (offer.first, offer.second)
    common = (turn.asked_at, offer.chosen_at or offer.offered_at, f"conversation:{turn.conversation_id}", (turn.id,))
    sources = (item.turn_ids, item.document_ids)
    if offer.chosen == "neither":
        found.votes += [
            Vote(f"neither:{turn.id}:{place}", turn.prompt, text, False, *common, *sources)
            for place, text in enumerate(texts)
        ]
        return
    chosen, rejected = texts if offer.chosen == "first" else texts[::-1]
    found.pairs.append(Pair(f"choice:{turn.id}", "choice", turn.prompt, chosen, rejected, *common, *sources))


def _take_correction(found: _Found, item: JudgedTurn) -> None:
    turn, correction = item.turn, _said(item).correction
    if not model_wrote(turn):
        found.left_out["the model did not write the reply"] += 1
        return
    found.pairs.append(
        Pair(
            id=f"corrected:{turn.id}",
            kind="corrected",
            prompt=turn.prompt,
            chosen=(correction or "").strip(),
            rejected=turn.reply.strip(),
            at=turn.asked_at,
            learned_at=_said(item).at,
            conversation=f"conversation:{turn.conversation_id}",
            own_turns=(turn.id,),
            turn_ids=item.turn_ids,
            document_ids=item.document_ids,
        )
    )


def _take_votes(found: _Found, voted: Sequence[JudgedTurn]) -> None:
    """A reply voted down and the newest one voted up after the same question are a pair; the rest are single votes."""
    written = [item for item in voted if model_wrote(item.turn)]
    found.left_out["the model did not write the reply"] += len(voted) - len(written)
    up = {_question(item): item for item in written if _said(item).vote == "up"}
    paired: set[int] = set()
    for item in written:
        better = up.get(_question(item)) if _said(item).vote == "down" else None
        if better is not None:
            found.pairs.append(_voted_pair(better, item))
            paired |= {better.turn.id, item.turn.id}
    found.votes += [_vote(item) for item in written if item.turn.id not in paired]


def _question(item: JudgedTurn) -> tuple[str, str]:
    """What must be equal for two replies to be comparable: the rules and the question with what was recalled for it."""
    prompt = item.turn.prompt
    return (prompt[0].content if prompt[0].role == "system" else "", _plain(prompt[-1].content))


def _voted_pair(better: JudgedTurn, worse: JudgedTurn) -> Pair:
    return Pair(
        id=f"votes:{better.turn.id}:{worse.turn.id}",
        kind="votes",
        prompt=worse.turn.prompt,
        chosen=better.turn.reply.strip(),
        rejected=worse.turn.reply.strip(),
        at=max(better.turn.asked_at, worse.turn.asked_at),
        learned_at=max(_said(better).at, _said(worse).at),
        conversation=f"conversation:{worse.turn.conversation_id}",
        own_turns=tuple(sorted((better.turn.id, worse.turn.id))),
        turn_ids=tuple(sorted({*better.turn_ids, *worse.turn_ids})),
        document_ids=tuple(sorted({*better.document_ids, *worse.document_ids})),
    )


def _vote(item: JudgedTurn) -> Vote:
    return Vote(
        id=f"vote:{item.turn.id}",
        prompt=item.turn.prompt,
        reply=item.turn.reply.strip(),
        good=_said(item).vote == "up",
        at=item.turn.asked_at,
        learned_at=_said(item).at,
        conversation=f"conversation:{item.turn.conversation_id}",
        own_turns=(item.turn.id,),
        turn_ids=item.turn_ids,
        document_ids=item.document_ids,
    )


def _said(item: JudgedTurn) -> Feedback:
    """What the user said of a turn; only turns of which they did come here."""
    assert item.feedback is not None
    return item.feedback


def _settled(found: _Found, fault: Fault) -> list[Pair]:
    """Pairs that pass the filters; of two about the same texts the newest counts, whichever way it was decided."""
    kept: list[Pair] = []
    decided: dict[tuple[str, frozenset[str]], str] = {}
    for pair in sorted(found.pairs, key=lambda item: _parsed(item.learned_at), reverse=True):
        texts = frozenset((_plain(pair.chosen), _plain(pair.rejected)))
        key = (_plain(pair.prompt[-1].content), texts)
        if len(texts) == 1:
            found.left_out["both replies are the same"] += 1
        elif key in decided:
            same = decided[key] == _plain(pair.chosen)
            found.left_out["duplicate" if same else "decided otherwise later"] += 1
        elif all(
            _passes(found, fault, pair.prompt, text, wanted)
            for text, wanted in ((pair.chosen, True), (pair.rejected, False))
        ):
            decided[key] = _plain(pair.chosen)
            kept.append(pair)
    return kept


def _passes(found: _Found, fault: Fault, prompt: Sequence[Message], reply: str, wanted: bool) -> bool:
    reason = _own_fault(prompt, reply) or fault(prompt, reply, wanted)
    if reason is not None:
        found.left_out[reason] += 1
    return reason is None


def _own_fault(prompt: Sequence[Message], reply: str) -> str | None:
    if len(reply.strip()) < _MIN_CHARACTERS:
        return "empty or too short"
    texts = [reply, *(message.content for message in prompt)]
    if any(mark in text for text in texts for mark in (ERASED, _ERASED_PASSAGE)):
        return "part of it was erased"
    return None


def split_preferences(
    preferences: Preferences, *, share: float, trained: Collection[int], tested: Collection[int]
) -> tuple[Preferences, Preferences]:
    """What to train on and what to hold out: the newest ``share``, whole conversations where that is possible.

    What shares its reply with an example goes where the example went, so that nothing is measured on what was learned.

    :param trained: turns of examples that are trained on
    :param tested: turns of examples that are held out
    """
    pairs = _parted(preferences.pairs, share, frozenset(trained), frozenset(tested))
    votes = _parted(preferences.votes, share, frozenset(trained), frozenset(tested))
    return Preferences(pairs[0], votes[0], preferences.left_out), Preferences(pairs[1], votes[1])


def _parted(
    items: Sequence[_Item], share: float, trained: frozenset[int], tested: frozenset[int]
) -> tuple[tuple[_Item, ...], tuple[_Item, ...]]:
    ordered = sorted(items, key=_moment)
    cut = boundary([item.conversation for item in ordered], share=share)
    parts: tuple[list[_Item], list[_Item]] = ([], [])
    for place, item in enumerate(ordered):
        own = frozenset(item.own_turns)
        parts[bool(own & tested or (place >= cut and not own & trained))].append(item)
    return tuple(parts[0]), tuple(parts[1])


def boundary(conversations: Sequence[str], *, share: float) -> int:
    """Where the newest ``share`` of items (at least one) begins, moved to where no conversation is cut apart.

    It is moved by at most half of what is held out; in one long conversation time alone decides.

    :param conversations: of each item, oldest first
    """
    count = len(conversations)
    if count == 0:
        return 0
    newest = max(1, round(share * count))
    wanted = count - newest
    near = range(max(1, wanted - newest // 2), min(count - 1, wanted + newest // 2) + 1)
    whole = [cut for cut in near if not set(conversations[:cut]) & set(conversations[cut:])]
    return min(whole, key=lambda cut: (abs(cut - wanted), cut), default=wanted)


def _bare(text: str) -> str:
    return _plain(_CITED.sub("", text))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _moment(item: Pair | Vote) -> datetime:
    return _parsed(item.at)


def _parsed(text: str | None) -> datetime:
    """A time in UTC; one without offset is taken as UTC, a missing one as the oldest."""
    if not text:
        return datetime.min.replace(tzinfo=UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
