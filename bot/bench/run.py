"""All benchmarks by name: each measures the product and the bare libraries in one run and gives ratios."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from bot.bench.rows import BenchRow
from bot.models import tell_stderr

if TYPE_CHECKING:
    from bot.app import App
    from bot.bench.scale import ScaleConfig
    from bot.engines.base import Engine
    from bot.models import ReadyModel

BENCHES = ("help", "reply", "prefix", "adapters", "retrieval", "import", "formats", "embedding", "beside", "rollback")
OF_EXTRAS = ("llama", "agreement", "smaller")
"""Run where they are named: they need packages of an extra."""


def run_bench(
    app: App,
    names: Sequence[str],
    *,
    scale: ScaleConfig | None = None,
    variants: Sequence[str] = (),
    note: Callable[[str], None] = print,
) -> Iterator[BenchRow]:
    """The rows of the named benchmarks, or of all; with ``scale`` those of search in a memory of that size.

    :param variants: of "smaller"; none: all
    :param note: is told what can't be measured on this machine
    """
    if scale is not None:
        from bot.bench.scale import bench_scale

        yield from bench_scale(scale, embedder=app.embedder)
        return
    for name in names or BENCHES:
        yield from _smaller(app, variants, note) if name == "smaller" else _one(app, name)


def run_preference(app: App, results: Path, *, minutes: float, seeds: int) -> Sequence[BenchRow]:
    """What a simulated user's preferences teach; it takes long and goes on from its results file.

    :raises FamiliarError: the model can't be loaded
    """
    from bot.bench.preference import bench_preference

    return bench_preference(app.base_model.path, results, app.settings.tuning, minutes=minutes, seeds=seeds)


def _one(app: App, name: str) -> Sequence[BenchRow]:
    if name in ("reply", "prefix"):
        from bot.bench.engine import bench_prefix, bench_reply

        return (bench_reply if name == "reply" else bench_prefix)(app.base_model.path)
    if name == "adapters":
        from bot.bench.adapters import bench_adapters

        return bench_adapters(app.base_model.path)
    if name in OF_EXTRAS:
        return _of_llama_cpp(app, name)
    if name == "beside":
        from bot.bench.beside import bench_beside

        with closing(_engine_of_this_machine(app)) as engine:
            return bench_beside(app.base, engine, app.settings.tuning)
    if name == "help":
        from bot.bench.start import bench_help

        return bench_help()
    if name == "embedding":
        from bot.bench.embedding import bench_embedding
        from bot.models import ensure

        ready = ensure(app.settings.embedder.name, folder=app.model_folder, offline=app.settings.model.offline)
        return list(bench_embedding(ready.path, app.model_folder / "converted"))
    if name == "rollback":
        from bot.bench.rollback import bench_rollback

        return list(bench_rollback(app.settings.votes))
    if name == "formats":
        from bot.bench.formats import bench_formats

        return list(bench_formats())
    from bot.bench.memory import bench_import, bench_retrieval

    return (bench_retrieval if name == "retrieval" else bench_import)(app.embedder, app.settings)


def _engine_of_this_machine(app: App) -> Engine:
    """What answers; a server's replies would show nothing of what a tune takes from this machine."""
    if not app.answering.served:
        return app.answering.open(tell=tell_stderr)
    from bot.engines.local import open_local
    from bot.engines.weights import LocalOptions

    options = LocalOptions(threads=app.settings.model.threads)
    return open_local(app.base.folder, model=app.base.name, options=options)


def _of_llama_cpp(app: App, name: str) -> Sequence[BenchRow]:
    import tempfile

    from bot.bench.child import in_child
    from bot.bench.llama import adapter_agreement, bench_llama, bench_llama_adapters
    from bot.engines.llama_cpp.base import base_gguf
    from bot.engines.llama_cpp.library import find_library

    find_library()
    model, settings = app.base_model, app.settings.model
    with tempfile.TemporaryDirectory(prefix="familiar-bench-") as work:
        if name == "agreement":
            return adapter_agreement(model.path, Path(work), threads=settings.threads)
        gguf = base_gguf(model, folder=app.model_folder, offline=settings.offline)
        rows = bench_llama(gguf, model.path, Path(work), threads=settings.threads)
        # In a process of its own, whose memory no other engine has grown.
        return (*rows, *in_child(bench_llama_adapters, gguf, model.path, Path(work) / "users", settings.threads))


def _smaller(app: App, variants: Sequence[str], note: Callable[[str], None]) -> Iterator[BenchRow]:
    from importlib.util import find_spec

    from bot.bench.smaller import bench_smaller
    from bot.bench.smaller_replies import Smaller
    from bot.engines.llama_cpp.base import base_gguf
    from bot.engines.llama_cpp.engine import cores

    model, settings = app.base_model, app.settings.model
    served = None
    if find_spec("xllamacpp") or find_spec("openvino_genai"):
        served = base_gguf(model, folder=app.model_folder, offline=settings.offline)
    task = Smaller(model.path, Path(), served, settings.threads or cores())
    yield from bench_smaller(task, variants, reordered=_came_as_gguf(model), note=note)


def _came_as_gguf(model: ReadyModel) -> bool:
    """Whether its weights were unpacked from few bits."""
    from bot.catalogue import LocalSource, WheelSource

    used = next((source for source in model.entry.sources if str(source) == model.source), None)
    if isinstance(used, WheelSource):
        return used.member.endswith(".gguf")
    return isinstance(used, LocalSource) and used.path.suffix == ".gguf"
