"""The adapter that answers a user now, as the engine takes it: only one that fits the model that runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bot.engines.base import AdapterFiles
from bot.models import is_ready

if TYPE_CHECKING:
    from bot.app import App

_log = logging.getLogger(__name__)


class RegistryAdapters:
    """The live adapters of a home's registry, where the engine answers with adapters.

    A server runs the model of its own settings. That this is the one that [model] name is, by which adapters are
    checked, is what [server] adapters says; whose files are not here can't be checked, and is not fetched for it.
    """

    def __init__(self, app: App) -> None:
        self._app = app

    def live(self, user_id: int) -> AdapterFiles | None:
        """The adapter to use for this user's next reply; None: the base model."""
        app = self._app
        if not app.answering.uses_adapters or (app.answering.served and not self._base_is_here):
            return None
        adapter = app.registry.answering(user_id, base_sha256=app.base.sha256, template_sha256=self._template)
        return AdapterFiles(adapter.id, adapter.folder, adapter.base_sha256) if adapter else None

    @cached_property
    def _base_is_here(self) -> bool:
        app = self._app
        here = is_ready(app.settings.model.name, folder=app.model_folder)
        if not here:
            name = app.settings.model.name
            _log.warning("adapters do not answer: model %s is not on this machine, so none can be checked for it", name)
        return here

    @cached_property
    def _template(self) -> str:
        """As it was when the engine read it."""
        from tuning.job import template_of

        return template_of(self._app.base.folder)


def live_folders(app: App, base_sha256: str) -> Sequence[Path]:
    """Folders of all users' live adapters that can answer with this base; changes nothing in the registry."""
    from tuning.adapters import Registry, is_whole

    registry = Registry(app.store, app.home / "adapters")
    live = (registry.live(user.id) for user in app.store.users())
    return [one.folder for one in live if one and one.base_sha256 == base_sha256 and is_whole(one.folder)]
