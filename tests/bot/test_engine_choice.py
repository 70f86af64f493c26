""" "auto" with the real engines on a tiny model: measured at the first reply, and known from then on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot import answering
from bot.app import App
from bot.config import ModelConfig, Settings
from bot.doctor.engine import engine_findings
from bot.engines.base import Generation
from bot.engines.choosing import Machine
from bot.engines.llama_cpp.base import base_gguf
from bot.engines.probe import FILE, TELLING
from memory.records import Message
from tests.bot.engines.small_models import random_adapter, random_model
from tuning.adapters import Outcome
from tuning.config import TuneConfig


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of the user's own."""
    return random_model(tmp_path_factory.mktemp("model"), context=400)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the tests of this file keep its conversion."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def app(tmp_path: Path, model: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """A home on a machine with llama.cpp and without a GPU, on which nothing was measured."""
    monkeypatch.setattr(answering, "look_at_engines", lambda: Machine(llama_cpp=True))
    (models / FILE).unlink(missing_ok=True)
    config = ModelConfig(name=str(model), folder=str(models), offline=True, threads=1)
    opened = App(tmp_path / "home", Settings(model=config))
    yield opened
    opened.close()


def again(app: App, *, tuning: TuneConfig | None = None) -> App:
    """The next start of the same home."""
    return App(app.home, replace(app.settings, tuning=tuning or app.settings.tuning))


def doctors_word(app: App) -> str:
    """What the doctor says of the engine."""
    return next(item.value for item in engine_findings(app, online=False) if item.check == "engine")


def test_the_first_reply_measures_and_no_other(app: App, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The doctor says so before, and has the figures after; the engine that won has not been closed."""
    assert doctors_word(app).startswith("not chosen yet: the first reply measures")
    assert not (models / FILE).exists()
    engine = app.engine
    assert TELLING in capsys.readouterr().err
    assert engine.name == app.answering.choice.engine
    assert not app.answering.choice.undecided
    assert engine.generate(Generation((Message("user", "Hello!"),), 4), on_text=lambda _: None).reply_tokens
    (record,) = json.loads((models / FILE).read_text(encoding="utf-8")).values()
    assert set(record["figures"]) == {"local", "llama.cpp"}
    assert record["failures"] == {}
    later = again(app)
    assert doctors_word(later) == doctors_word(app)
    assert doctors_word(later).startswith(f"{engine.name}: a turn takes ")
    assert later.engine.name == engine.name
    assert TELLING not in capsys.readouterr().err
    later.close()


def test_what_llama_cpp_can_not_serve_is_not_measured(app: App, tmp_path: Path, model: Path) -> None:
    """Adapters that tunes would make, one that answers already, and other families."""
    dora = again(app, tuning=TuneConfig(method="dora"))
    assert doctors_word(dora) == (
        "local: llama.cpp can't be used: [tuning] method is \"dora\", whose adapters it can't compute"
    )
    for change, reason in (
        ({"model_type": "gemma"}, "serves llama, mistral, qwen2, qwen3 here, not gemma"),
        ({"rope_parameters": {"rope_type": "yarn"}}, "positions of type yarn are not converted here"),
    ):
        other = tmp_path / reason.partition(" ")[0]
        other.mkdir()
        written = json.loads((model / "config.json").read_text(encoding="utf-8")) | change
        (other / "config.json").write_text(json.dumps(written), encoding="utf-8")
        (other / "model.safetensors").write_bytes(b"")
        named = replace(app.settings, model=replace(app.settings.model, name=str(other)))
        assert reason in doctors_word(App(app.home, named))


def test_an_adapter_that_answers_decides(app: App, model: Path) -> None:
    """A plain one does not, one with DoRA's magnitudes does, and none of another base."""
    owner, registry, base = app.user(None), app.registry, app.base
    for sha256, dora, undecided in (("another", True, True), (base.sha256, False, True), (base.sha256, True, False)):
        begun = registry.begin(user_id=owner.id, base=replace(base, sha256=sha256), examples=[], started_by="hand")
        random_adapter(begun.folder, model, seed=0)
        settings = begun.folder / "adapter_config.json"
        written = json.loads(settings.read_text(encoding="utf-8")) | {"use_dora": dora}
        settings.write_text(json.dumps(written), encoding="utf-8")
        registry.finish(begun.id, Outcome("live"), user_id=owner.id)
        assert app.answering.choice.undecided is undecided
    assert "has DoRA's magnitudes" in doctors_word(app)
    assert app.engine.name == "local"


def test_a_file_that_is_damaged(app: App, models: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The local engine answers, the person is told once, and the doctor keeps the reason."""
    gguf = base_gguf(app.base_model, folder=models)
    gguf.write_bytes(gguf.read_bytes()[:1000])
    try:
        assert app.engine.name == "local"
        assert "The engine llama.cpp can't be measured" in capsys.readouterr().err
        later = again(app)
        assert later.engine.name == "local"
        assert capsys.readouterr().err == ""
        assert doctors_word(later).startswith("local: llama.cpp could not be measured here: ")
        later.close()
    finally:
        gguf.unlink()


def test_a_server_and_a_named_engine_are_never_measured(app: App, models: Path) -> None:
    """And nothing of the model is looked at."""
    named = replace(app.settings, model=replace(app.settings.model, engine="local", name="no such model"))
    assert doctors_word(App(app.home, named)) == "local: [model] engine names it"
    assert not App(app.home, named).answering.served
    assert not (models / FILE).exists()
