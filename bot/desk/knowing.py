"""What a desk knows: its examples, the classifier fitted on them, and the templates that the owner has approved.

Read again whenever they have changed, so that an import or an approval in another terminal counts from the next message
on. Embeddings of examples are kept; another embedder's are made again at the first message after a change.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.desk.deciding import Prediction
from bot.desk.intents import IntentModel, fit_intents
from bot.desk.slots import Values, fill, without_values
from memory.desk import DeskExample, Template, examples_of, keep_vectors, templates_of, vectors_of
from memory.embedding import Embedder
from memory.records import User
from memory.store import Store
from tuning.general import read_prompts


@dataclass(frozen=True)
class _Known:
    state: tuple[object, ...]
    model: IntentModel | None
    templates: tuple[Template, ...]
    questions: NDArray[np.float32]
    """(n, d): the templates' questions."""


@dataclass(frozen=True)
class Look:
    """What is known of a message."""

    prediction: Prediction | None = None
    """None where too little was imported to say."""
    filled: str | None = None
    """The text of a template; None where there is none, or a slot can't be filled."""


class Knowledge:
    """The knowledge of one desk; threads may share it."""

    def __init__(self, store: Store, embedder: Embedder, desk: User) -> None:
        self.desk = desk
        self._store = store
        self._embedder = embedder
        self._lock = threading.Lock()
        self._known: _Known | None = None

    def look(self, text: str, *, language: str, values: Values) -> Look:
        """What a message is about, and the approved template that answers it, its slots filled.

        Of the templates of the intent that can be filled it is the one whose question is the nearest.
        """
        known = self._read()
        if known.model is None:
            return Look()
        vector = self.embed([text])[0]
        prediction = known.model.predict(vector)
        fitting = [
            (float(known.questions[place] @ vector), filled)
            for place, template in enumerate(known.templates)
            if (template.intent, template.language) == (prediction.intent, language)
            and (filled := fill(template.text, values)) is not None
        ]
        return Look(prediction, max(fitting)[1] if fitting else None)

    def vectors(self, examples: list[DeskExample]) -> NDArray[np.float32]:
        """The embeddings (n, d) of examples' questions; those that are missing are made and kept."""
        kept = vectors_of(self._store, user_id=self.desk.id, embedder=self._embedder.key)
        missing = [example for example in examples if example.id not in kept]
        if missing:
            made = self.embed([example.question for example in missing])
            keep_vectors(self._store, [example.id for example in missing], made, embedder=self._embedder.key)
            kept |= {example.id: vector for example, vector in zip(missing, made, strict=True)}
        dimensions = self._embedder.dimensions
        return np.stack([kept[item.id] for item in examples]) if examples else np.zeros((0, dimensions), np.float32)

    def embed(self, texts: list[str]) -> NDArray[np.float32]:
        """Embeddings (n, d) of questions, which are compared with each other and so embedded in one way."""
        return self._embedder.embed_passages([without_values(text) for text in texts])

    def _read(self) -> _Known:
        with self._lock:
            state = self._state()
            if self._known is None or self._known.state != state:
                examples = [item for item in examples_of(self._store, user_id=self.desk.id) if item.intent]
                templates = tuple(templates_of(self._store, user_id=self.desk.id, state="approved"))
                vectors, foreign = self.vectors(examples), self.embed([item.prompt for item in read_prompts()])
                model = fit_intents(vectors, [item.intent for item in examples], foreign=foreign)
                questions = self.embed([item.question for item in templates])
                self._known = _Known(state, model, templates, questions)
            return self._known

    def _state(self) -> tuple[object, ...]:
        row = self._store.rows(
            "SELECT (SELECT count(*) FROM desk_examples WHERE user_id = ?1),"
            " (SELECT max(id) FROM desk_examples WHERE user_id = ?1),"
            " (SELECT group_concat(id) FROM desk_templates WHERE user_id = ?1 AND state = 'approved')",
            (self.desk.id,),
        )[0]
        return tuple(row)
