"""What `familiar doctor` says of voice messages and photos."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import hearing_here, seeing
from bot.app import App
from bot.config import ModelConfig, Settings, SpeechConfig, VisionConfig
from bot.doctor.senses import photo_finding, speech_finding
from bot.models import MANIFEST


def app(folder: Path, *, speech: SpeechConfig | None = None, vision: VisionConfig | None = None) -> App:
    """A home with these settings, whose models lie in the folder; nothing of it is opened."""
    model = ModelConfig(folder=str(folder), offline=True)
    settings = Settings(model=model, speech=speech or SpeechConfig(), vision=vision or VisionConfig())
    return App(folder / "home", settings)


def test_what_transcribes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server, a folder, a size that is there or not; and how to get any where there is none."""
    url = "http://127.0.0.1:8000/v1"
    assert speech_finding(app(tmp_path, speech=SpeechConfig(url=url, model="w"))).value == f"w at {url}"
    missing = speech_finding(app(tmp_path))
    assert (missing.ok, missing.value) == (False, "missing, and [model] offline is true")
    place = tmp_path / "whisper-small"
    place.mkdir()
    (place / MANIFEST).write_text('{"files": {}, "source": "", "revision": "", "sha256": ""}')
    assert speech_finding(app(tmp_path)).value == "ready"
    wrong = speech_finding(app(tmp_path, speech=SpeechConfig(model="huge")))
    assert not wrong.ok
    assert "[speech] model is 'huge'" in wrong.value
    monkeypatch.setattr(hearing_here, "installed", lambda: False)
    off = speech_finding(app(tmp_path))
    assert (off.ok, off.value) == (True, "off")
    assert "pip install -e '.[speech]'" in str(off.remedy)


def test_what_reads_and_describes_photos_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra it is named."""
    assert photo_finding(app(tmp_path)).value == "text is read, not described ([vision] url)"
    vision = VisionConfig(url="http://127.0.0.1:8000/v1", model="eye")
    monkeypatch.setattr(seeing, "can_read", lambda: False)
    found = photo_finding(app(tmp_path, vision=vision))
    assert found.value == "text is not read, described by eye at http://127.0.0.1:8000/v1"
    assert found.remedy == "pip install -e '.[ocr]'"
