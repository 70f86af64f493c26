"""Measures once which engine answers faster on this machine, through nothing but what every engine offers.

A few seconds for a small model, at the first reply: a prompt of usual length and a short reply, each twice with other
first words, so that nothing kept of the first helps the second. What came of it is kept under all that it depends on.
An engine that fails leaves the other; it is tried again after a day, since a download or memory may do by then. So are
figures of a busy machine: threads that wait for each other suffer most from other programs. Where the process ended
twice while it measured, the local engine answers for good: the next start would end like the last.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.engines.base import Generated, Generation
from bot.engines.choosing import EngineFigures, EngineName, Failure, Measured, fastest
from bot.engines.measured import MeasuredFile
from memory.errors import FamiliarError, first_line
from memory.records import Message

if TYPE_CHECKING:
    from bot.config import ModelConfig
    from bot.engines.base import Engine
    from bot.models import ReadyModel

FILE = "engine-speed.json"
"""Beside the models."""
TELLING = "Measuring once which engine is faster here (local or llama.cpp)"
_PROMPT, _REPLY = 150, 10
"""Tokens that are timed: fewer than the local engine keeps of a prompt, so that nothing of these is kept."""
_ROUNDS = 2
_MEASURED: tuple[EngineName, ...] = ("local", "llama.cpp")
"""In this order, since what llama.cpp sets up of OpenMP where it is loaded first would slow down torch."""
_KEPT_AS = "probe"
_RETRY_S = 24 * 3600.0
_ROOM = 1.5
"""Memory that a model takes while it is loaded, over its files'."""
_SENTENCE = "The cabin stands by the lake, and the boat is kept in the shed behind it. "
_QUESTION = "Write a long story about a lighthouse, with as many people and places as you can."
_BUSY = 0.25
"""Share of the processors' time that other programs take at most where figures are to hold."""
_ATTEMPTS = 2
_ENDED = Measured((), (Failure("llama.cpp", f"the program ended {_ATTEMPTS} times while measuring"),))
_INSTRUCTIONS = ("avx", "amx", "fma", "f16c", "asimd", "sve", "i8mm", "bf16")
"""Beginnings of the names of what a processor multiplies fast with."""


@dataclass(frozen=True)
class Record:
    """An entry of the file."""

    measured: Measured
    until: float | None = None
    """Seconds since 1970 at which it is measured again; None: it is not."""
    begun: int = 0
    """How often measuring has begun without coming to an end; one may be under way."""


@dataclass(frozen=True)
class Probe:
    """What was or will be measured with one model."""

    file: MeasuredFile[Record]
    key: str
    weights: int = 0
    """Bytes of the model's files."""

    def known(self, *, now: float | None = None) -> Measured | None:
        """What holds; None: it has to be measured.

        :param now: seconds since 1970
        """
        record = self.file.get(self.key)
        now = time.time() if now is None else now
        if record is None or record.begun or (record.until is not None and record.until < now):
            return None
        return record.measured

    def settle(
        self, open_: Callable[[EngineName], Engine], *, tell: Callable[[str], None]
    ) -> tuple[Measured, Engine | None]:
        """What holds from now, and the faster engine, which stays open; None: it has to be opened.

        Another process that measures is waited for.
        """
        with self.file.lock():
            record = self.file.get(self.key)
            begun = record.begun if record is not None else 0
            if begun >= _ATTEMPTS:
                self._keep(_ENDED, until=None)
            measured = self.known()
            return (measured, None) if measured is not None else self._measure(open_, begun + 1, tell)

    def _measure(
        self, open_: Callable[[EngineName], Engine], attempt: int, tell: Callable[[str], None]
    ) -> tuple[Measured, Engine | None]:
        tell(TELLING)
        self.file.put(self.key, as_json(Record(_ENDED, begun=attempt)))
        before = _spent()
        try:
            measured, engines = contest(open_, spare=lambda: _available() >= _ROOM * self.weights)
        except BaseException:  # Ctrl-C is no fault of an engine
            self.file.drop(self.key)
            raise
        measured = replace(measured, busy=others_share(before, _spent()) > _BUSY)
        for failure in measured.failures:
            tell(f"The engine {failure.name} can't be measured: {failure.reason}")
        if measured.figures:
            self._keep(measured, until=time.time() + _RETRY_S if measured.failures or measured.busy else None)
        else:
            self.file.drop(self.key)
        winner = fastest(measured).engine
        for name, engine in engines.items():
            if name != winner:
                engine.close()
        return measured, engines.get(winner)

    def _keep(self, measured: Measured, *, until: float | None) -> None:
        self.file.put(self.key, as_json(Record(measured, until)))


def probe_of(ready: ReadyModel, config: ModelConfig, *, models: Path) -> Probe:
    """The probe of a model that is on this disk.

    :param models: where models are kept
    """
    weights = sum(file.stat().st_size for file in ready.path.glob("*.safetensors"))
    return Probe(MeasuredFile(models / FILE, from_json), probe_key(ready.sha256 or ready.revision, config), weights)


def probe_key(base: str, config: ModelConfig) -> str:
    """What figures depend on: model, libraries, number of threads and processor.

    :param base: what tells this model from any other
    """
    packages = " ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "xllamacpp"))
    threads = config.threads or os.environ.get("OMP_NUM_THREADS") or "auto"
    return f"{base} {packages} threads {threads} {processor(Path('/proc/cpuinfo'))}"


def processor(cpuinfo: Path) -> str:
    """Architecture, number and kind of the processors, without loading anything.

    :param cpuinfo: where Linux describes them
    """
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.machine()} {os.cpu_count()} {platform.processor()}"
    fields: dict[str, str] = {}
    for line in lines:
        name, _, text = line.partition(":")
        fields.setdefault(name.strip(), text.strip())
    flags = fields.get("flags") or fields.get("Features", "")
    fast = sorted(flag for flag in flags.split() if flag.startswith(_INSTRUCTIONS))
    kind = f"{fields.get('model name', '')} {sha256(' '.join(fast).encode()).hexdigest()[:8]}"
    return f"{platform.machine()} {os.cpu_count()} {kind}"


def contest(
    open_: Callable[[EngineName], Engine], *, spare: Callable[[], bool]
) -> tuple[Measured, dict[EngineName, Engine]]:
    """Both engines measured, and those that can answer.

    :param spare: whether memory suffices for another model beside the first; else that is read again when it answers
    """
    engines: dict[EngineName, Engine] = {}
    figures, failures = [], []
    for name in _MEASURED:
        for opened in engines.values():
            if not spare():
                opened.close()
        engine = None
        try:
            engine = open_(name)
            figures.append(measure(engine, name))
            engines[name] = engine
        except Exception as exc:  # noqa: BLE001 - the edge of a trial: whatever a library raises, the other answers
            failures.append(Failure(name, first_line(exc)))
            if engine is not None:
                engine.close()
    return Measured(tuple(figures), tuple(failures)), engines


def measure(engine: Engine, name: EngineName) -> EngineFigures:
    """Speeds of an engine, the best of two each.

    :raises FamiliarError: it can't answer, or ends each reply before a token of it can be timed
    """
    _answer(engine, "Hello!", 2)  # it loads, and warms up
    prefill = decode = 0.0
    for number in range(_ROUNDS):
        reply = _answer(engine, _prompt(engine, number), _REPLY)
        prefill = max(prefill, (reply.prompt_tokens - reply.cached_tokens) / max(reply.first_token_s, 1e-9))
        # The first came out of the prompt; an end was computed as a token more.
        computed = reply.reply_tokens - (reply.stop != "end")
        if computed > 0:
            decode = max(decode, computed / max(reply.total_s - reply.first_token_s, 1e-9))
    if not decode:
        raise FamiliarError(f"{engine.model} ends its replies before their speed can be measured")
    return EngineFigures(name, decode_tokens_s=decode, prefill_tokens_s=prefill)


def _prompt(engine: Engine, number: int) -> str:
    """A message that renders to about as many tokens as are timed, at most half the context."""
    most = min(_PROMPT, engine.context_tokens // 2)
    text = f"{number + 1} is the number of this round. "
    while engine.count_tokens([Message("user", text + _SENTENCE + _QUESTION)]) < most:
        text += _SENTENCE
    return text + _QUESTION


def _answer(engine: Engine, text: str, tokens: int) -> Generated:
    request = Generation((Message("user", text),), max_tokens=tokens, kept_as=_KEPT_AS)
    return engine.generate(request, on_text=lambda _: None)


@dataclass(frozen=True)
class Spent:
    """Seconds at a moment."""

    wall: float
    own: float
    """Of this process on all processors."""
    all: float
    """Of all processes."""
    processors: int


def others_share(before: Spent, after: Spent) -> float:
    """Share (0..1) of the processors' time that other programs took; 0 for a time too short for the system's clocks."""
    wall = after.wall - before.wall
    if wall < 1:
        return 0.0
    others = (after.all - before.all) - (after.own - before.own)
    return min(1.0, max(0.0, others / (wall * after.processors)))


def _spent() -> Spent:
    import psutil

    times = psutil.cpu_times()._asdict()
    idle = sum(times.get(name, 0.0) for name in ("idle", "iowait"))
    return Spent(time.monotonic(), time.process_time(), sum(times.values()) - idle, psutil.cpu_count() or 1)


def _available() -> int:
    """Bytes of memory that can be had."""
    import psutil

    return int(psutil.virtual_memory().available)


def as_json(record: Record) -> dict[str, Any]:
    """As the file has it."""
    figures = {
        one.name: {"prompt_tokens_s": one.prefill_tokens_s, "reply_tokens_s": one.decode_tokens_s}
        for one in record.measured.figures
    }
    failures = {one.name: one.reason for one in record.measured.failures}
    whole = {"figures": figures, "failures": failures, "busy": record.measured.busy}
    return {**whole, "until": record.until, "begun": record.begun}


def from_json(value: Any) -> Record:
    """The record of an entry.

    :raises ValueError: it is none, as KeyError, TypeError and AttributeError say too
    """
    figures = tuple(
        EngineFigures(
            _engine(name),
            decode_tokens_s=_speed(one["reply_tokens_s"]),
            prefill_tokens_s=_speed(one["prompt_tokens_s"]),
        )
        for name, one in value["figures"].items()
    )
    failures = tuple(Failure(_engine(name), str(reason)) for name, reason in value["failures"].items())
    if not figures and not failures:
        raise ValueError("nothing was measured")
    until = value["until"]
    measured = Measured(figures, failures, busy=bool(value["busy"]))
    return Record(measured, None if until is None else float(until), int(value["begun"]))


def _engine(name: str) -> EngineName:
    if name not in _MEASURED:
        raise ValueError(f"an engine {name!r}")
    return name


def _speed(value: Any) -> float:
    speed = float(value)
    if not 0 < speed < float("inf"):
        raise ValueError(f"{value} tokens a second")
    return speed
