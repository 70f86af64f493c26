"""The language model reads facts while nobody is answered, and gives way at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.app import App
from bot.config import FactsConfig, ModelConfig, Settings
from bot.fact_reading import FactReading
from memory.errors import UsageError
from memory.facts.store import facts_of
from memory.records import Message
from tests.engine import ScriptedEngine
from tests.memory.facts.home import Home

ORBIS = "Since May I've been with Orbis as a welder."


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home whose owner told something that no rule reads."""
    from memory.store import Store

    store = Store(tmp_path / "familiar.db")
    made = Home(store, store.add_user("ann", role="owner").id)
    made.told(("2026-01-01", ORBIS))
    yield made
    store.close()


def orbis(messages: tuple[Message, ...]) -> str:
    """What a good reader says of it."""
    return "I | employer | Orbis" if "Orbis" in messages[-1].content else "none"


def reading(home: Home, engine: ScriptedEngine, *, wanted: bool = True, quiet_s: float = 0.0) -> FactReading:
    """Reads that home, looking for news all the time."""
    return FactReading(home.store, lambda: engine, wanted=lambda: wanted, quiet_s=quiet_s, look_s=0.01)


def until(condition: Callable[[], object]) -> None:
    """Wait for it, for a while."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def values(home: Home) -> list[str]:
    """The facts' values."""
    return [item.value for item in facts_of(home.store, owners=[home.user_id])]


def test_it_reads_what_is_there_and_what_comes(home: Home) -> None:
    """Until it is ended; each passage once."""
    engine = ScriptedEngine(orbis)
    work = reading(home, engine)
    counts: list[int] = []
    thread = threading.Thread(target=lambda: counts.append(work.run()))
    thread.start()
    until(lambda: values(home) == ["Orbis"])
    home.told(("2026-01-02", "My family is from Oaxaca."))
    until(lambda: len(engine.requests) == 2)
    work.end()
    thread.join(10)
    assert counts == [2]


def test_a_turn_interrupts_it_and_it_reads_again_afterwards(home: Home) -> None:
    """Within a word; meanwhile nothing is asked."""
    begun, answering = threading.Event(), threading.Event()

    def before_word(_word: str) -> None:
        begun.set()
        answering.wait(10)

    engine = ScriptedEngine(orbis, before_word=before_word)
    work = reading(home, engine)
    thread = threading.Thread(target=work.run)
    thread.start()
    assert begun.wait(10)
    with work.turn():
        answering.set()
        until(lambda: not len(engine.queue))
        time.sleep(0.1)
        assert len(engine.requests) == 1
        assert values(home) == []
    until(lambda: values(home) == ["Orbis"])
    work.end()
    thread.join(10)


def test_it_waits_for_a_pause(home: Home) -> None:
    """After a turn somebody may go on writing."""
    engine = ScriptedEngine(orbis)
    work = reading(home, engine, quiet_s=0.3)
    with work.turn():
        pass
    ended = time.monotonic()
    thread = threading.Thread(target=work.run)
    thread.start()
    until(lambda: engine.requests)
    assert time.monotonic() - ended >= 0.29
    work.end()
    thread.join(10)


def test_where_it_is_not_wanted_nothing_is_asked(home: Home) -> None:
    """The model is not even loaded."""
    engine = ScriptedEngine(orbis)
    work = reading(home, engine, wanted=False)
    assert work.run() == 0
    assert list(work.read_now(home.store.users()[0])) == []
    assert engine.requests == []


def test_what_was_read_before_a_stop_is_kept(home: Home) -> None:
    """Each passage is stored as it is read."""
    home.told(("2026-01-02", "My family is from Oaxaca."), ("2026-01-03", f"{ORBIS} Yes."))
    work = reading(home, ScriptedEngine(orbis))
    read = work.read_now(home.store.users()[0])
    next(read)
    work.end()
    assert list(read) == []
    assert values(home) == ["Orbis"]
    assert len(home.store.rows("SELECT 1 FROM fact_readings")) == 1


def reads(tmp_path: Path, facts: FactsConfig, **model: object) -> bool:
    """Whether the model reads under these settings."""
    config = replace(ModelConfig(folder=str(tmp_path / "models"), offline=True), **model)  # type: ignore[arg-type]
    return App(tmp_path / "home", Settings(model=config, facts=facts)).reads_facts


def test_auto_reads_where_the_model_is_good_enough(tmp_path: Path) -> None:
    """And there already: nothing is fetched to find out."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "config.json").write_text("{}")
    (own / "a.safetensors").write_bytes(b"")
    floor = FactsConfig(quality_floor=0.3)
    assert reads(tmp_path, floor, name=str(own), answer_quality=0.3)
    assert not reads(tmp_path, floor, name=str(own), answer_quality=0.29)
    assert not reads(tmp_path, FactsConfig(quality_floor=0.0), name="smollm2-135m")
    assert reads(tmp_path, FactsConfig(model="on"), name="smollm2-135m")
    assert not reads(tmp_path, FactsConfig(model="off", quality_floor=0.0), name=str(own))
    assert not (tmp_path / "models").exists()


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    """With what would be right."""
    with pytest.raises(UsageError, match=r"\[facts\] model is 'yes'"):
        reads(tmp_path, FactsConfig(model="yes"))
