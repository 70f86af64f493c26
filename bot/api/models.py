"""The models that the API names: the assistant with its memory, the model alone, and what embeds texts."""

from __future__ import annotations

from bot.api.errors import unknown_model
from memory.records import Role

FAMILIAR, BASE, EMBEDDING = "familiar", "familiar-base", "familiar-embedding"
_ALL = (FAMILIAR, BASE, EMBEDDING)
_GUESTS = (FAMILIAR,)
"""A guest asks about the shared knowledge bases and nothing else."""


def models_of(role: Role) -> tuple[str, ...]:
    """The models that somebody of that role may use."""
    return _GUESTS if role == "guest" else _ALL


def check_model(name: str, *, role: Role, among: tuple[str, ...]) -> None:
    """Whether a user may use a model for what they ask.

    :param among: the models that can do it
    :raises ApiError: they may not, or there is none of that name
    """
    known = [model for model in models_of(role) if model in among]
    if name not in known:
        raise unknown_model(", ".join(known) or "none for you")


def model_object(name: str) -> dict[str, object]:
    """A model as it is listed; its time is not known, so that it is 0."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "familiar"}
