"""Which engine and model answer in a home, and how far their words are trusted; nothing is fetched to find out.

With a server no language model is needed here. Tunes still train on the one that [model] name is, and where the server
is not given their adapters, none starts by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.catalogue import CatalogueEntry, HubSource, catalogue
from bot.config import ServerConfig, Settings
from bot.engines.choosing import (
    Choice,
    Contest,
    EngineName,
    Folders,
    choose_engine,
    fastest,
    look_at_engines,
    named_engine,
    open_engine,
)
from bot.engines.probe import Probe, probe_of
from memory.errors import FamiliarError

if TYPE_CHECKING:
    from bot.engines.base import Engine
    from bot.models import ReadyModel


class Answering:
    """What the settings and this machine come to.

    :param base: the language model's files, fetched where they are not there; a server needs none
    :param adapters: folders of the adapters that answer with a base of the given sha256
    """

    def __init__(
        self,
        settings: Settings,
        base: Callable[[], ReadyModel],
        folders: Folders,
        *,
        adapters: Callable[[str], Sequence[Path]] = lambda _sha256: (),
    ) -> None:
        self._settings = settings
        self._base = base
        self._folders = folders
        self._adapters = adapters
        self._choice: Choice | None = None

    @property
    def choice(self) -> Choice:
        """The engine; where none is decided on yet, the one that answers if nothing can be measured.

        It stays from when it is decided, whatever adapters come to answer meanwhile.

        :raises UsageError: [model] engine names one that can't be used
        """
        if self._choice is None or self._choice.undecided:
            model = self._settings.model
            self._choice = choose_engine(
                model.engine, server=self._has_server, machine=look_at_engines, contest=self._contest
            )
        return self._choice

    @property
    def served(self) -> bool:
        """Whether a server answers.

        :raises UsageError: as `choice`, but for an engine that is not installed
        """
        return named_engine(self._settings.model.engine, server=self._has_server) == "server"

    @property
    def uses_adapters(self) -> bool:
        """Whether adapters can answer."""
        return not self.served or self._settings.server.adapters != "off"

    @property
    def model_name(self) -> str:
        """How people are told that the model is called; asks no server."""
        return (self._settings.server.model or "the server's") if self.served else self._base().name

    @property
    def quality(self) -> float:
        """The model's answer quality (0..1): what was measured of it, else the setting."""
        if self.served:
            return server_quality(self._settings.server)
        return self._base().entry.answer_quality or self._settings.model.answer_quality

    def open(self, *, tell: Callable[[str], None]) -> Engine:
        """The engine, ready to answer; ``tell`` is given what a person has to know of it.

        :raises FamiliarError: the model can't be had, or a setting is wrong
        """
        choice = self.choice
        if choice.undecided:
            self._base()  # its files decide who can serve it
            choice = self.choice
        if choice.undecided:
            measured, engine = self._probe.settle(lambda name: self._open(name, tell), tell=tell)
            choice = self._choice = fastest(measured)
            if engine is not None:
                return engine
        return self._open(choice.engine, tell)

    @property
    def _has_server(self) -> bool:
        return bool(self._settings.server.url)

    @property
    def _probe(self) -> Probe:
        return probe_of(self._base(), self._settings.model, models=self._folders.models)

    def _open(self, name: EngineName, tell: Callable[[str], None]) -> Engine:
        return open_engine(name, self._settings, base=self._base, folders=self._folders, tell=tell)

    def _contest(self) -> Contest:
        """What is known of the engines with the model; nothing where that is not here yet."""
        from bot.engines.llama_cpp.base import check_servable
        from bot.models import is_ready

        if not is_ready(self._settings.model.name, folder=self._folders.models):
            return Contest()
        ready = self._base()
        try:
            adapters = self._adapters(ready.sha256 or ready.revision)
            check_servable(ready, adapters=adapters, method=self._settings.tuning.method)
        except FamiliarError as exc:
            return Contest(refusal=str(exc))
        return Contest(measured=self._probe.known())


def server_quality(config: ServerConfig) -> float:
    """The answer quality of a server's model: what was measured of the catalogue's model of that name, else the
    setting.
    """
    wanted = config.model.lower()
    measured = (entry.answer_quality for entry in catalogue() if wanted and wanted in _names(entry))
    return next((quality for quality in measured if quality is not None), config.answer_quality)


def _names(entry: CatalogueEntry) -> set[str]:
    """What servers call a model: the catalogue's name, its repository, or the repository's last part."""
    repos = [source.repo.lower() for source in entry.sources if isinstance(source, HubSource)]
    return {entry.name, *repos, *(repo.rpartition("/")[2] for repo in repos)}
