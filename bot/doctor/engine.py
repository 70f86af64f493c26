"""What answers: the engine with the reason of its choice, its model, and where a server is.

A server is asked what it serves, and nothing that anybody wrote is sent to it.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.app import App
from bot.config import ServerConfig
from bot.doctor.memory import model
from bot.doctor.records import Finding, finding
from bot.engines.server.adapters import open_adapters
from bot.engines.server.address import Address, address_of
from bot.engines.server.connection import Connection
from bot.engines.server.errors import ServerError
from bot.engines.server.served import Served, ServedModel
from memory.errors import UsageError

NOT_ASKED = "not asked (--offline)"


def engine_findings(app: App, *, online: bool) -> Iterator[Finding]:
    """Everything about what answers.

    :param online: ask the server, where one answers
    """
    try:
        choice = app.answering.choice
    except UsageError as exc:
        yield Finding("engine", False, str(exc), "mend config.toml")
        return
    yield Finding("engine", True, f"{'not chosen yet' if choice.undecided else choice.engine}: {choice.reason}")
    if choice.engine == "server":
        yield from _server(app.settings.server, online=online)
        return
    yield model(app.settings.model.name, app)


def _server(config: ServerConfig, *, online: bool) -> Iterator[Finding]:
    try:
        address, connection = address_of(config.url), Connection(config)
        served = Served(connection, config)
        open_adapters(config, connection, served)
    except UsageError as exc:
        yield Finding("model server", False, str(exc), "mend config.toml")
        return
    yield privacy(address)
    if not online:
        yield Finding("model server", True, address.host, NOT_ASKED)
        return
    try:
        yield _asked(served, config, address)
    except ServerError as exc:
        yield finding("model server", str(exc), "start it, or mend [server] in config.toml; --offline does not ask")
    finally:
        connection.close()


def privacy(address: Address) -> Finding:
    """Where messages go; nothing is wrong with a server outside, but everybody has to know."""
    return Finding("messages", True, f"go to {address.host}", address.notice)


def _asked(served: Served, config: ServerConfig, address: Address) -> Finding:
    models = served.models()
    missing = model_remedy(config.model, models)
    if missing is not None:
        return finding("model server", f"{address.host} has no model {config.model!r}", missing)
    value = f"{served.name} at {address.host}, {served.context_tokens} tokens, adapters {config.adapters}"
    return finding("model server", value, None)


def model_remedy(wanted: str, models: tuple[ServedModel, ...]) -> str | None:
    """What to do where a server does not name the model of the settings; None where it does, or names none at all."""
    names = [model.name for model in models]
    if not wanted or not names or wanted in names:
        return None
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return f"set [server] model to one that it has: {shown}"


_SHOWN = 8
