"""Vectors of texts by the embedder that serves the home, which reads no memory and writes none."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from bot.api.asked import checked_by
from bot.api.errors import ApiError, unsupported, wrong_value
from bot.api.models import EMBEDDING, check_model
from memory.embedding import Embedder
from memory.records import Role

_MOST_TEXTS = 2048
_Text = Annotated[str, StringConstraints(min_length=1)]


@checked(frozen=True)
class _Body:
    model: str
    input: _Text | Annotated[list[_Text], Field(min_length=1, max_length=_MOST_TEXTS)]
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = None
    input_type: Literal["passage", "query"] | None = "passage"


_BODY = TypeAdapter(_Body)


@dataclass(frozen=True)
class EmbeddingAsked:
    """Texts whose vectors are wanted."""

    texts: tuple[str, ...]
    as_base64: bool
    as_queries: bool
    """They are questions, which some models embed otherwise than passages."""
    dimensions: int | None


@dataclass(frozen=True)
class Embedded:
    """Vectors (n, d), and how many tokens the texts have."""

    vectors: NDArray[np.float32]
    tokens: int


def embedding_asked(body: object, *, role: Role) -> EmbeddingAsked:
    """What a request for vectors means.

    :raises ApiError: it is none, or the user may not have them
    """
    given = body.get("input") if isinstance(body, dict) else None
    if isinstance(given, list) and given and all(isinstance(item, int | list) for item in given):
        raise unsupported("input", "token ids of another model mean nothing here; send texts")
    asked = checked_by(_BODY, body)
    check_model(asked.model, role=role, among=(EMBEDDING,))
    texts = (asked.input,) if isinstance(asked.input, str) else tuple(asked.input)
    queries = asked.input_type == "query"
    return EmbeddingAsked(texts, asked.encoding_format == "base64", queries, asked.dimensions)


def embed(asked: EmbeddingAsked, embedder: Embedder) -> Embedded:
    """The vectors of the texts.

    :raises ApiError: other dimensions are wanted than the model has, or a text is longer than it reads
    :raises FamiliarError: the model can't be loaded
    """
    if asked.dimensions not in (None, embedder.dimensions):
        raise wrong_value("dimensions", f"the embedder of this home has {embedder.dimensions}")
    counts = [embedder.count_tokens(text) for text in asked.texts]
    for number, count in enumerate(counts):
        if count > embedder.max_tokens:
            text = f"input {number} has {count} tokens, but the embedder reads {embedder.max_tokens}; split it"
            raise ApiError(text, param="input", code="context_length_exceeded")
    if asked.as_queries:
        vectors = np.stack([embedder.embed_query(text) for text in asked.texts])
    else:
        vectors = embedder.embed_passages(asked.texts)
    return Embedded(vectors, sum(counts))


def embedding_object(asked: EmbeddingAsked, done: Embedded) -> dict[str, object]:
    """The answer as it is sent: numbers, or little-endian float32 in base64."""
    data = [
        {"object": "embedding", "index": number, "embedding": _base64(row) if asked.as_base64 else row.tolist()}
        for number, row in enumerate(done.vectors)
    ]
    usage = {"prompt_tokens": done.tokens, "total_tokens": done.tokens}
    return {"object": "list", "model": EMBEDDING, "data": data, "usage": usage}


def _base64(row: NDArray[np.float32]) -> str:
    return base64.b64encode(row.astype("<f4").tobytes()).decode()
