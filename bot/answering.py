"""Which engine and model answer in a home, and how far their words are trusted; nothing is fetched to find out.

With a server no language model is needed here. Tunes still train on the one that [model] name is, and where the server
is not given their adapters, none starts by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from bot.catalogue import CatalogueEntry, HubSource, catalogue
from bot.config import ServerConfig, Settings
from bot.engines.choosing import Choice, Folders, chosen, open_engine

if TYPE_CHECKING:
    from bot.engines.base import Engine
    from bot.models import ReadyModel


class Answering:
    """What the settings and this machine come to.

    :param base: the language model's files, fetched where they are not there; a server needs none
    """

    def __init__(self, settings: Settings, base: Callable[[], ReadyModel], folders: Folders) -> None:
        self._settings = settings
        self._base = base
        self._folders = folders

    @cached_property
    def choice(self) -> Choice:
        """The engine.

        :raises UsageError: [model] engine names one that can't be used
        """
        return chosen(self._settings)

    @property
    def served(self) -> bool:
        """Whether a server answers."""
        return self.choice.engine == "server"

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
        return open_engine(self.choice, self._settings, base=self._base, folders=self._folders, tell=tell)


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
