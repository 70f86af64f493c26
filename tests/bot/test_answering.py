"""A home whose language model runs on a server: talking, explaining, health, tunes and adapters without one here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.answering import server_quality
from bot.app import App
from bot.cli import main
from bot.config import ModelConfig, ServerConfig, Settings
from bot.doctor.engine import engine_findings
from bot.doctor.records import Finding
from bot.engines.base import AdapterFiles
from bot.engines.server.adapters import put_copy
from bot.live_adapters import RegistryAdapters
from bot.tunes import NOT_USED
from bot.web.views.health import look_at
from memory import erasure
from memory.config import SearchConfig
from memory.turns import open_conversation
from tests.embedder import WordEmbedder
from tests.vllm_server import VllmServer
from tuning.adapters import Outcome
from tuning.job import BaseModel

QUESTION = "At which pier of Lake Orta did Ada leave the boat?"


@pytest.fixture
def server() -> Iterator[VllmServer]:
    """A server that answers from the passage it is given."""
    with VllmServer(lambda _: "The boat lies at the northern pier [1].") as running:
        yield running


@pytest.fixture
def home(tmp_path: Path, server: VllmServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with a note, on a machine without models that may fetch none."""
    monkeypatch.setattr(App, "embedder", WordEmbedder())
    monkeypatch.setenv("FAMILIAR_MODEL_FOLDER", str(tmp_path / "models"))
    monkeypatch.setenv("FAMILIAR_MODEL_OFFLINE", "true")
    monkeypatch.setenv("FAMILIAR_SERVER_URL", server.url)
    monkeypatch.delenv("FAMILIAR_MODEL_ENGINE")
    monkeypatch.setenv("FAMILIAR_SEARCH_THRESHOLD", "0")  # it is fitted to the vectors of a real embedder
    monkeypatch.delenv("TELEGRAM_BOT_TOKEN", raising=False)
    note = tmp_path / "boat.md"
    note.write_text("Ada left the boat at the northern pier of Lake Orta.", encoding="utf-8")
    assert main(["--home", str(tmp_path / "home"), "import", str(note)]) == 0
    return tmp_path / "home"


def said(capsys: pytest.CaptureFixture[str], home: Path, *arguments: str, status: int = 0) -> tuple[Any, str]:
    """A command's last object, and what it said on standard error."""
    capsys.readouterr()
    assert main(["--home", str(home), "--json", *arguments]) == status
    shown = capsys.readouterr()
    return json.loads(shown.out.splitlines()[-1]) if shown.out else None, shown.err


def test_a_question_in_the_terminal(home: Path, server: VllmServer, capsys: pytest.CaptureFixture[str]) -> None:
    """One setting: the server is given the passage and words the reply, and no model is fetched or loaded here."""
    turn, err = said(capsys, home, "chat", "--once", QUESTION)
    assert turn["reply"] == "The boat lies at the northern pier [1]."
    assert [item["n"] for item in turn["citations"]] == [1]
    assert (turn["engine"], turn["model"], turn["adapter"]) == ("server", "small", None)
    assert turn["timings"]["reply_tokens"] == 8
    assert "Lake Orta" in server.replies[0]["messages"][-1]["content"]
    assert "leaves this machine" not in err
    assert not (home.parent / "models").exists()


def test_a_server_that_is_gone(home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The turn fails with one line; what was said before can still be explained."""
    turn, _ = said(capsys, home, "chat", "--once", QUESTION)
    monkeypatch.setenv("FAMILIAR_SERVER_URL", "http://127.0.0.1:9/v1")
    _, err = said(capsys, home, "chat", "--once", QUESTION, status=1)
    assert "familiar: the server that [server] url names (127.0.0.1) can't be reached" in err
    why, _ = said(capsys, home, "why", str(turn["turn"]))
    assert why["influence"]["missing"] == "no_scorer"


@pytest.fixture
def app(home: Path, server: VllmServer) -> Iterator[App]:
    """The home, opened."""
    model = ModelConfig(folder=str(home.parent / "models"), offline=True)
    settings = Settings(model=model, server=ServerConfig(url=server.url), search=SearchConfig(threshold=0.0))
    opened = App(home, settings)
    yield opened
    opened.close()


def with_server(app: App, config: ServerConfig, *, model: str = "auto") -> App:
    """The same home with other settings."""
    settings = replace(app.settings, server=config, model=replace(app.settings.model, name=model))
    return App(app.home, settings)


def test_how_far_it_is_trusted(app: App) -> None:
    """By default it words replies and reads no facts, whatever is on this disk; a figure of the catalogue holds."""
    assert app.trusted
    assert not app.reads_facts
    assert with_server(app, replace(app.settings.server, answer_quality=0.6)).reads_facts
    assert server_quality(ServerConfig(model="HuggingFaceTB/SmolLM2-135M-Instruct")) == 0.107
    assert not with_server(app, replace(app.settings.server, model="smollm2-135m")).trusted


def test_no_tune_starts_for_nobody(app: App) -> None:
    """Where the server gets no adapters; with them it is due as ever."""
    user = app.user(None)
    assert app.tunes.due(user).reason == NOT_USED
    assert not app.tunes.is_due(user)
    assert with_server(app, replace(app.settings.server, adapters="vllm")).tunes.due(user).reason != NOT_USED


def found(app: App, *, online: bool = True) -> dict[str, Finding]:
    """What the doctor says of the engine."""
    return {item.check: item for item in engine_findings(app, online=online)}


def test_the_doctor_asks_the_server(app: App, server: VllmServer) -> None:
    """Engine with reason, model, context and where messages go; no model is missed here."""
    findings = found(app)
    assert findings["engine"].value == "server: [server] url is set"
    assert findings["model server"] == Finding("model server", True, "small at 127.0.0.1, 4096 tokens, adapters off")
    assert findings["messages"] == Finding("messages", True, "go to 127.0.0.1")
    assert set(findings) == {"engine", "model server", "messages"}
    assert server.replies == []


def test_the_doctor_finds_what_is_wrong_with_a_server(app: App) -> None:
    """A model that it does not have, nobody there, a wrong setting; offline nothing is asked."""
    config = app.settings.server
    other = found(with_server(app, replace(config, model="other")))["model server"]
    assert (other.ok, other.remedy) == (False, "set [server] model to one that it has: small")
    gone = replace(config, url="http://127.0.0.1:9/v1")
    assert "can't be reached" in found(with_server(app, gone))["model server"].value
    assert found(with_server(app, gone), online=False)["model server"].ok
    assert not found(with_server(app, replace(config, adapters="some")))["model server"].ok


def test_the_doctor_says_what_leaves_the_machine(app: App) -> None:
    """And for which host; it is no fault."""
    far = with_server(app, ServerConfig(url="https://api.example.com/v1", model="m"))
    messages = found(far, online=False)["messages"]
    assert messages.ok
    assert "leaves this machine for api.example.com" in str(messages.remedy)


def test_the_page_names_the_servers_model(app: App) -> None:
    """And misses no model on this machine."""
    health = look_at(with_server(app, replace(app.settings.server, model="small")))
    assert (health.model, health.model_ready) == ("small", True)


def base_folder(folder: Path) -> Path:
    """A model's folder of which only what adapters are compared by is there."""
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "chat_template.jinja"):
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def live_adapter(app: App, base: BaseModel) -> str:
    """An adapter that answers."""
    owner, registry = app.user(None), app.registry
    begun = registry.begin(user_id=owner.id, base=base, examples=[], started_by="hand")
    begun.folder.mkdir(parents=True)
    (begun.folder / "adapter_model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    (begun.folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    return registry.finish(begun.id, Outcome("live", None, (), "{}"), user_id=owner.id).id


def test_the_adapter_answers_where_the_server_gets_it(app: App, server: VllmServer, tmp_path: Path) -> None:
    """The turn records it, and the server was asked by its name; without [server] adapters the base answers."""
    model = str(base_folder(tmp_path / "base"))
    with_lora = with_server(app, replace(app.settings.server, adapters="vllm"), model=model)
    id_ = live_adapter(with_lora, with_lora.base)
    user = with_lora.user(None)
    for opened, adapter in ((with_lora, id_), (with_server(app, app.settings.server, model=model), None)):
        conversation = open_conversation(opened.store, user_id=user.id, channel="terminal")
        turn = opened.assistant.turn(QUESTION, user=user, conversation_id=conversation, on_text=lambda _: None)
        assert turn.adapter == adapter
        opened.close()
    assert [body["model"] for body in server.replies] == [f"familiar-{id_}", "small"]
    assert server.loaded == {}, "closing takes it back"


def test_without_the_base_here_no_adapter_can_be_checked(
    app: App, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """So the base model answers, nothing is fetched, and it is said once."""
    folder = base_folder(tmp_path / "base")
    live_adapter(app, BaseModel("base", folder, "sha"))
    elsewhere = with_server(app, replace(app.settings.server, adapters="vllm"))
    adapters = RegistryAdapters(elsewhere)
    assert [adapters.live(app.user(None).id) for _ in range(2)] == [None, None]
    assert [record.getMessage().split(":")[0] for record in caplog.records] == ["adapters do not answer"]


def test_forgetting_reaches_beginnings_written_before_its_commit(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process reads what is being erased until then, and may keep it on disk."""
    forget, folder = erasure.forget_everything, app.home / "beginnings"
    folder.mkdir(parents=True)

    def forget_beside_a_bot(*given: Any, **options: Any) -> erasure.Forgotten:
        done = forget(*given, **options)
        (folder / "late.safetensors").write_bytes(b"")
        return done

    monkeypatch.setattr(erasure, "forget_everything", forget_beside_a_bot)
    app.forget(user_id=app.user(None).id, everything=True)
    assert [file.name for file in folder.iterdir() if file.suffix == ".safetensors"] == []


def test_forgetting_reaches_the_servers_folder(app: App, tmp_path: Path) -> None:
    """A copy whose adapter is gone is deleted before `forget` returns."""
    shared, lies = tmp_path / "shared", tmp_path / "adapter"
    lies.mkdir()
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        (lies / name).write_text("{}", encoding="utf-8")
    put_copy(AdapterFiles("one", lies), shared / "familiar-one", base="small")
    shutil.rmtree(lies)
    config = replace(app.settings.server, adapters="folder", adapter_folder=str(shared))
    with_server(app, config).forget(user_id=app.user(None).id, everything=True)
    assert list(shared.iterdir()) == []
