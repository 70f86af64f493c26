"""Fixtures for the whole session: the real models, fetched once per machine and kept outside the repository."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from memory.store import Store

# Which engine is faster on this machine decides no test; child processes take it over.
os.environ["FAMILIAR_MODEL_ENGINE"] = "local"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a slow test first, so that none of them is still running when all others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session", autouse=True)
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new database begins as a copy of one that went through all migrations: they take longer than most tests do."""
    made = tmp_path_factory.mktemp("migrated") / "familiar.db"
    Store(made).close()
    opened = Store.__init__

    def from_copy(self: Store, path: Path) -> None:
        if path.parent.is_dir() and not path.exists():
            shutil.copyfile(made, path)
        opened(self, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "__init__", from_copy)
        yield


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """Where models are kept: FAMILIAR_MODEL_FOLDER, else the folder that every home shares."""
    named = os.environ.get("FAMILIAR_MODEL_FOLDER")
    return Path(named) if named else Path(platformdirs.user_data_dir("familiar", appauthor=False)) / "models"


@pytest.fixture(scope="session")
def smollm2(model_folder: Path) -> Path:
    """The folder of the small language model, fetched and converted if it is not there."""
    from bot import models

    return models.ensure("smollm2-135m", folder=model_folder, offline=False).path


@pytest.fixture(scope="session")
def whisper(model_folder: Path) -> Path:
    """The folder of the smallest speech model (English only), fetched if it is not there."""
    from bot import models

    return models.ensure("whisper-tiny.en", folder=model_folder, offline=False).path
