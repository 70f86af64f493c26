"""Measuring: the right figures, the faster engine stays open, and nothing that goes wrong stops the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.config import ModelConfig
from bot.engines.base import Generated, Generation, Stop
from bot.engines.choosing import EngineFigures, EngineName, Failure, Measured, fastest
from bot.engines.measured import MeasuredFile
from bot.engines.probe import (
    FILE,
    TELLING,
    Probe,
    Record,
    Spent,
    as_json,
    contest,
    from_json,
    measure,
    others_share,
    probe_key,
    processor,
)
from memory.errors import FamiliarError
from memory.records import Message


@dataclass
class Timed:
    """An engine that says how long it took without taking any time; the first reply took a minute more, to load."""

    name: str = "local"
    prompt_tokens_s: tuple[float, ...] = (100.0,)
    """By turns."""
    reply_tokens_s: float = 10.0
    writes: int = 1000
    cached: int = 0
    asked: list[Generation] = field(default_factory=list)
    closed: int = 0
    model: str = "small"
    context_tokens: int = 4096
    failing: BaseException | None = None

    def count_tokens(self, messages: Sequence[Message]) -> int:
        return sum(len(message.content.split()) for message in messages)

    def generate(
        self, request: Generation, *, on_text: Callable[[str], None], cancel: threading.Event | None = None
    ) -> Generated:
        del on_text, cancel
        if self.failing is not None:
            raise self.failing
        self.asked.append(request)
        tokens = min(self.writes, request.max_tokens)
        stop: Stop = "length" if tokens == request.max_tokens else "end"
        prompt = self.count_tokens(request.messages)
        speed = self.prompt_tokens_s[len(self.asked) % len(self.prompt_tokens_s)]
        first = (prompt - self.cached) / speed + (60 if len(self.asked) == 1 else 0)
        computed = tokens - (stop == "length")
        return Generated("", stop, prompt, self.cached, tokens, first, first + computed / self.reply_tokens_s)

    def close(self) -> None:
        self.closed += 1


def test_the_figures() -> None:
    """Tokens that were computed over their time, loading left out; the better of two rounds."""
    figures = measure(Timed(prompt_tokens_s=(80.0, 100.0), reply_tokens_s=12.5, cached=20), "local")
    assert figures.prefill_tokens_s == pytest.approx(100)
    assert figures.decode_tokens_s == pytest.approx(12.5)


def test_the_prompts_are_of_usual_length_and_share_no_beginning() -> None:
    """Unless the context is short; they are kept apart from the turns'."""
    engine = Timed()
    measure(engine, "local")
    _, one, two = engine.asked
    assert 125 < engine.count_tokens(one.messages) <= 150
    assert one.messages[0].content[0] != two.messages[0].content[0]
    assert {request.kept_as for request in engine.asked} == {"probe"}
    short = Timed(context_tokens=120)
    measure(short, "local")
    assert short.count_tokens(short.asked[-1].messages) < 80


def test_replies_that_end_early() -> None:
    """The end was computed as well; where a reply is empty nothing can be said."""
    assert measure(Timed(writes=3), "local").decode_tokens_s == pytest.approx(10)
    with pytest.raises(FamiliarError, match="small ends its replies"):
        measure(Timed(writes=0), "local")


class Bench:
    """Both engines of a machine, and what a person was told."""

    def __init__(self, folder: Path, *, local: Timed | None = None, llama: Timed | None = None) -> None:
        self.engines: dict[EngineName, Timed] = {
            "local": local or Timed(),
            "llama.cpp": llama or Timed(name="llama.cpp", reply_tokens_s=50.0),
        }
        self.probe = Probe(MeasuredFile(folder / FILE, from_json), "key")
        self.said: list[str] = []

    def open(self, name: EngineName) -> Timed:
        """An engine by its name."""
        return self.engines[name]

    def settle(self) -> tuple[Measured, Timed | None]:
        """As `Probe.settle`."""
        measured, engine = self.probe.settle(self.open, tell=self.said.append)
        assert engine is None or isinstance(engine, Timed)
        return measured, engine

    @property
    def closed(self) -> tuple[int, int]:
        """How often the local engine and llama.cpp were closed."""
        return self.engines["local"].closed, self.engines["llama.cpp"].closed


def test_the_faster_stays_open_and_is_known_from_then_on(tmp_path: Path) -> None:
    """The other is closed, the person told once, and no start after it measures."""
    bench = Bench(tmp_path)
    measured, engine = bench.settle()
    assert engine is bench.engines["llama.cpp"]
    assert fastest(measured).engine == "llama.cpp"
    assert bench.closed == (1, 0)
    assert bench.said == [TELLING]
    later = Bench(tmp_path, local=Timed(reply_tokens_s=1000.0))
    assert later.probe.known() == measured
    assert later.settle() == (measured, None)
    assert later.said == []


def test_another_process_that_measures_is_waited_for(tmp_path: Path) -> None:
    """Both go by the figures of the first."""
    first, second = Bench(tmp_path), Bench(tmp_path, local=Timed(reply_tokens_s=1000.0))
    came: list[Measured] = []
    waiting = threading.Thread(target=lambda: came.append(second.settle()[0]))
    real = first.open

    def start_the_other(name: EngineName) -> Timed:
        if name == "llama.cpp":
            assert second.probe.known() is None
            waiting.start()
            waiting.join(0.1)
        return real(name)

    first.open = start_the_other  # type: ignore[method-assign]
    measured, _ = first.settle()
    waiting.join(10)
    assert came == [measured]
    assert second.said == []


@pytest.mark.parametrize("error", [FamiliarError("the file is damaged"), TypeError("the file is damaged")])
def test_an_engine_that_fails_leaves_the_other(tmp_path: Path, error: Exception) -> None:
    """The person is told once why, the next start goes by it, and after a day it is tried again."""
    bench = Bench(tmp_path, llama=Timed(failing=error))
    measured, engine = bench.settle()
    assert engine is bench.engines["local"]
    assert measured.failures == (Failure("llama.cpp", "the file is damaged"),)
    assert fastest(measured).reason == "llama.cpp could not be measured here: the file is damaged"
    assert bench.closed == (0, 1)
    assert bench.said == [TELLING, "The engine llama.cpp can't be measured: the file is damaged"]
    later = Bench(tmp_path)
    assert later.settle() == (measured, None)
    assert later.probe.known(now=time.time() + 25 * 3600) is None
    assert Bench(tmp_path / "other", local=Timed(failing=error)).settle()[1] is not None


def test_figures_of_a_busy_machine_hold_for_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They decide until then, and it is said."""
    moments = iter([Spent(0, 0, 0, 2), Spent(10, 10, 18, 2)])
    monkeypatch.setattr("bot.engines.probe._spent", lambda: next(moments))
    bench = Bench(tmp_path)
    measured, _ = bench.settle()
    assert "the machine was busy" in fastest(measured).reason
    assert Bench(tmp_path).settle() == (measured, None)
    assert bench.probe.known(now=time.time() + 25 * 3600) is None


def test_what_other_programs_take() -> None:
    """Of all processors; what this process computes is its own, and no share is below 0."""
    start = Spent(100, 50, 500, 4)
    assert others_share(start, Spent(110, 60, 530, 4)) == 0.5
    assert others_share(start, Spent(110, 70, 515, 4)) == 0
    assert others_share(start, Spent(100.5, 50, 502, 4)) == 0, "too short"


def test_where_both_fail_nothing_is_kept(tmp_path: Path) -> None:
    """The local engine says at the first reply what is wrong."""
    bench = Bench(tmp_path, local=Timed(failing=OSError("no room")), llama=Timed(failing=OSError("no room")))
    measured, engine = bench.settle()
    assert engine is None
    assert fastest(measured).engine == "local"
    assert bench.probe.known() is None
    assert Bench(tmp_path).settle()[1] is not None


def test_ctrl_c_is_no_fault_of_an_engine(tmp_path: Path) -> None:
    """It is measured at the next start."""
    with pytest.raises(KeyboardInterrupt):
        Bench(tmp_path, llama=Timed(failing=KeyboardInterrupt())).settle()
    measured, _ = Bench(tmp_path).settle()
    assert measured.failures == ()


def test_a_process_that_ends_while_measuring_does_so_twice_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a library does that is made for another processor."""
    monkeypatch.setattr(MeasuredFile, "drop", lambda *_: None)  # a process that is gone tidies up nothing
    for _ in range(2):
        with pytest.raises(SystemExit):
            Bench(tmp_path, llama=Timed(failing=SystemExit())).settle()
    bench = Bench(tmp_path)
    assert bench.probe.known() is None
    measured, engine = bench.settle()
    assert (fastest(measured).engine, engine, bench.said) == ("local", None, [])
    assert "the program ended 2 times while measuring" in fastest(measured).reason
    assert bench.probe.known(now=time.time() + 30 * 24 * 3600) == measured


def test_where_memory_is_short_one_model_is_held_at_a_time(tmp_path: Path) -> None:
    """The first gives its memory back before the second is read, and can answer again."""
    bench = Bench(tmp_path)
    _, engines = contest(bench.open, spare=lambda: False)
    assert bench.closed == (1, 0)
    assert set(engines) == {"local", "llama.cpp"}


def test_damaged_figures_are_measured_again(tmp_path: Path) -> None:
    """Whatever stands there."""
    bench = Bench(tmp_path)
    good = as_json(Record(Measured((EngineFigures("local", 10.0, 100.0),))))
    assert from_json(good).measured.figures == (EngineFigures("local", 10.0, 100.0),)
    damaged: list[Any] = [
        {"local": {"prompt_tokens_s": 0, "reply_tokens_s": 1}},
        {"local": {"prompt_tokens_s": 1, "reply_tokens_s": float("nan")}},
        {"server": {"prompt_tokens_s": 1, "reply_tokens_s": 1}},
        {"local": {}},
        {},
        [],
    ]
    for figures in damaged:
        bench.probe.file.put("key", {**good, "figures": figures})
        assert bench.probe.known() is None
    assert bench.settle()[1] is not None


def test_what_figures_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another model, number of threads or version has figures of its own."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    keys = [probe_key("a", ModelConfig()), probe_key("b", ModelConfig()), probe_key("a", ModelConfig(threads=2))]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    keys.append(probe_key("a", ModelConfig()))
    assert len(set(keys)) == 4
    monkeypatch.setattr("bot.engines.probe.version", lambda name: f"{name} of tomorrow")
    assert probe_key("a", ModelConfig()) not in keys


def test_the_processor(tmp_path: Path) -> None:
    """Its name and what it multiplies with, by Linux's words for it; elsewhere what Python says."""
    described = tmp_path / "cpuinfo"

    def told(name: str, flags: str) -> str:
        described.write_text(
            f"processor : 0\nmodel name\t: {name}\nflags : {flags}\n\nmodel name : x\n", encoding="utf-8"
        )
        return processor(described)

    assert "Some CPU" in told("Some CPU", "fpu avx2")
    assert told("Some CPU", "fpu avx2") == told("Some CPU", "fpu avx2 pti")
    assert told("Some CPU", "fpu avx2") != told("Some CPU", "fpu avx2 avx512f")
    assert told("Some CPU", "fpu") != told("Other CPU", "fpu")
    assert processor(tmp_path / "none")
