"""Fixtures for the whole session: the real models, fetched once per machine and kept outside the repository."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """Where models are kept: FAMILIAR_MODEL_FOLDER, else the folder that every home shares."""
    named = os.environ.get("FAMILIAR_MODEL_FOLDER")
    return Path(named) if named else Path(platformdirs.user_data_dir("familiar", appauthor=False)) / "models"
