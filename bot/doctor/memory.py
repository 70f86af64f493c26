"""What searching and answering need: the models, a vector for each passage, and indexes that follow the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bot import models
from bot.app import App
from bot.doctor.records import Finding, finding
from memory.errors import FamiliarError
from memory.reembedding import embedded, serving
from memory.store import Store


def memory_findings(app: App) -> Iterator[Finding]:
    """Everything about models and vectors."""
    yield model(app.settings.embedder.name, app)
    yield vectors(app)
    if models.is_ready(app.settings.embedder.name, folder=app.model_folder):
        yield indexes(app.store, lambda user_id: app.indexes.sync(user_id))


def model(name: str, app: App) -> Finding:
    """Whether a model is there, or comes by itself: a machine that has not needed it yet has nothing wrong with it."""
    if models.is_ready(name, folder=app.model_folder):
        return Finding(f"model {name}", True, "ready")
    if app.settings.model.offline:
        remedy = f"set [model] offline to false once, or copy it into {app.model_folder}"
        return Finding(f"model {name}", False, "missing, and [model] offline is true", remedy)
    return Finding(f"model {name}", True, "not fetched yet", "it is fetched at first use")


def vectors(app: App) -> Finding:
    """Whether the configured embedder has embedded everything, and what serves until then."""
    name = app.settings.embedder.name
    if not models.is_ready(name, folder=app.model_folder):
        count = app.store.rows("SELECT count(*) FROM chunks")[0][0]
        return Finding("vectors", count == 0, f"{name} is missing, so {count} passages can't be searched by meaning")
    wanted, key = embedded(app.store, app.embedder.key), serving(app.store, app.embedder.key)
    if key == wanted.embedder and not wanted.lacking:
        return Finding("vectors", True, f"all {wanted.passages} passages are embedded by {key}")
    value = f"{wanted.passages} of {wanted.passages + wanted.lacking} passages are embedded by {wanted.embedder}"
    if key != wanted.embedder:
        old = embedded(app.store, key)
        value += f" ({app.embedder.dimensions} dimensions); until all are, {key} ({old.dimensions}) serves searches"
    return Finding("vectors", False, value, "familiar doctor --reindex; `familiar run` does it beside the chat")


def indexes(store: Store, sync: Callable[[int], int]) -> Finding:
    """Whether each index holds as many vectors as its owner has passages, once it has followed the database.

    :param sync: brings a user's index up to date and gives the number of its vectors
    """
    off, total = [], 0
    for user in store.users():
        wanted = int(store.rows("SELECT count(*) FROM chunks WHERE user_id = ?", (user.id,))[0][0])
        try:
            held = sync(user.id)
        except FamiliarError as exc:
            return finding("indexes", str(exc), "familiar doctor --reindex")
        total += held
        if held != wanted:
            off.append(f"{held} vectors for {wanted} passages of user {user.id}")
    return finding("indexes", "; ".join(off) or f"{total} vectors", "familiar doctor --reindex" if off else None)
