"""Two answers now and then, where the model was least sure of the first: which one is preferred teaches the most there.

The first answer is shown and stored before anything here begins, and stands unless the user chooses. The second one is
written only while nobody waits for a reply: any message ends it, and then there is no offer. Whether a turn is worth
asking about is a pure function of how sure the model was of this reply and of the last ones, within a budget.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from bot.answers import check_citations
from bot.config import ModelConfig
from bot.engines.base import AdapterFiles, Engine, Generation
from bot.prompts import notes_in
from memory.candidates import Answer, Candidates, Doubt, doubts_of, keep_candidates
from memory.errors import UsageError
from memory.records import Turn, User
from memory.store import Store
from memory.turns import turn_by_id
from tuning.pairs import model_wrote

REMEMBERED = 100
"""Earlier replies of the user that this one is compared with."""
SECOND_TEMPERATURE = 0.8
"""Of the second answer, where replies are greedy: the same request would give the same text again."""


def least_sure(doubt: float, earlier: Sequence[Doubt], *, share: float) -> bool:
    """Whether a reply belongs to the ``share`` of replies that the model was least sure of, and the budget allows it.

    The threshold is the (1 - share) quantile of the earlier doubts; never more than that share of all these replies,
    this one included, is asked about, so that a stretch of doubtful replies asks no more than others do.
    """
    if not 0.0 < share <= 1.0 or not math.isfinite(doubt):
        return False
    offered = sum(item.offered for item in earlier)
    if offered + 1 > share * (len(earlier) + 1):
        return False
    ordered = sorted(item.doubt for item in earlier)
    place = math.ceil((1.0 - share) * len(ordered)) - 1
    return place < 0 or doubt > ordered[place]


@dataclass(frozen=True)
class _Writing:
    """A second answer that is being written."""

    cancel: threading.Event


class SecondAnswers:
    """Writes second answers with the engine that wrote the first ones.

    :param share: most replies, as a share, that come with a second answer; 0: none do
    :raises UsageError: it is no share
    """

    def __init__(self, store: Store, engine: Engine, config: ModelConfig, *, share: float, trusted: bool) -> None:
        if not 0.0 <= share <= 1.0:
            raise UsageError(f"[tuning] candidates_share is {share}; it must be a share, from 0 (never) to 1")
        self._store = store
        self._engine = engine
        self._config = config
        self._share = share if trusted else 0.0
        self._lock = threading.Lock()
        self._writing: list[_Writing] = []

    def wanted(self, turn: Turn) -> bool:
        """Whether the user should be offered another answer to the message of this turn."""
        if self._share <= 0.0 or turn.mean_logprob is None or not model_wrote(turn):
            return False
        if notes_in(turn.prompt) > len(turn.memories):  # what the message referred to is not kept, so not cited again
            return False
        earlier = doubts_of(self._store, user_id=turn.user_id, before=turn.id, last=REMEMBERED)
        return least_sure(-turn.mean_logprob, earlier, share=self._share)

    def interrupt(self) -> None:
        """End what is being written: somebody waits for a reply."""
        with self._lock:
            for item in self._writing:
                item.cancel.set()

    def offer(self, turn: Turn, *, user: User, adapter: AdapterFiles | None) -> Candidates | None:
        """Write another answer and store both; None where it is the same, was cut off, or somebody wrote meanwhile.

        :param adapter: the one that answers the user now; another than the turn's gives no comparable answer
        :raises FamiliarError: the turn was forgotten meanwhile
        """
        if (adapter.id if adapter else None) != turn.adapter:
            return None
        writing = _Writing(threading.Event())
        with self._lock:
            self._writing.append(writing)
        try:
            second = self._second(turn, user=user, adapter=adapter, cancel=writing.cancel)
        finally:
            with self._lock:
                self._writing.remove(writing)
        if second is None or _plain(second.text) == _plain(turn.reply):
            return None
        first = Answer(turn.reply, turn.generated, turn.citations)
        with self._store.transaction():
            if turn_by_id(self._store, turn.id, user_id=turn.user_id) != turn:  # something in it was forgotten
                return None
            return keep_candidates(self._store, turn.id, first, second, user_id=turn.user_id)

    def _second(
        self, turn: Turn, *, user: User, adapter: AdapterFiles | None, cancel: threading.Event
    ) -> Answer | None:
        request = Generation(
            messages=turn.prompt,
            max_tokens=self._config.max_reply_tokens,
            adapter=adapter,
            temperature=self._config.temperature or SECOND_TEMPERATURE,
            seed=self._config.seed + 1,
            asked_by=user.id,
        )
        made = self._engine.generate(request, on_text=_drop, cancel=cancel)
        if made.stop != "end" or not made.text.strip():
            return None
        owners = self._store.readable_by(turn.user_id)
        given = self._store.chunks([item.id for item in turn.memories], owners=owners)
        if len(given) != len(turn.memories):  # something was forgotten meanwhile
            return None
        text, citations = check_citations(made.text, given, language=user.profile.language)
        return Answer(text, made.text, citations)


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def _drop(_piece: str) -> None:
    pass
