"""`familiar bench`: ratios within one run, and tables that take long and go on from a file.

An option that is about another benchmark than the one that was named is an error: silently it would be left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bot.app import App
from bot.commands.output import Output, plain
from memory.errors import UsageError

if TYPE_CHECKING:
    from bot.bench.scale import ScaleConfig

_OPTIONS = {
    "dialogue": ("tune",),
    "speaker": ("tune",),
    "replies": ("tune",),
    "methods": ("tune",),
    "results": ("tune", "preference", "gate"),
    "minutes": ("preference", "gate"),
    "seeds": ("preference",),
    "only": ("gate", "smaller"),
}
"""Options of one benchmark, and which each is about."""
_MINUTES = 9.0
_SEEDS = 5
_REPLIES = 60


def bench(app: App, args: argparse.Namespace, out: Output) -> int:
    """Ratios within one run, status 1 where one misses its limit; or one table."""
    tables = {"tune": _tune, "preference": _preference, "gate": _gate, "canaries": _canaries, "scaling": _scaling}
    named = [name for name in args.what if name in tables]
    if named and len(args.what) > 1:
        raise UsageError(f"{named[0]} takes long or the whole machine; name it alone")
    for option, about in _OPTIONS.items():
        if getattr(args, option) is not None and not set(about) & set(args.what):
            raise UsageError(f"--{option} is about `familiar bench {' | '.join(about)}`")
    if named and args.plot is not None:
        raise UsageError(f"--plot draws ratios and their limits; {named[0]} has none")
    if named:
        return tables[named[0]](app, args, out)
    from bot.bench.run import run_bench

    rows = []
    variants = tuple(args.only.split(",")) if args.only else ()
    for row in run_bench(app, args.what, scale=_scale(app, args), variants=variants, note=out.note):
        rows.append(row)
        out.result(plain(row) | {"passed": row.passed}, row.line())
    if args.plot is not None:
        from bot.bench.picture import draw_rows

        draw_rows(rows, args.plot)
    return 0 if all(row.passed for row in rows) else 1


def _tune(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.bench.tune import METHODS, Comparison, bench_tune, table

    if (args.dialogue is None) != (args.speaker is None):
        raise UsageError("familiar bench tune needs both --dialogue DIALOGUE.jsonl and --speaker NAME, or neither")
    recipes = tuple(args.methods.split(",")) if args.methods else METHODS
    comparison = Comparison(args.dialogue, args.speaker or "", args.replies or _REPLIES, recipes, args.results)
    rows = []
    for row in bench_tune(app, comparison, note=out.note):
        rows.append(row)
        out.result(plain(row))
    if not out.as_json:
        out.result({}, table(rows))
    return 0


def _preference(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.bench.run import run_preference

    if args.results is None:
        raise UsageError("this takes long and goes on from a file: `familiar bench preference --results FILE`")
    for row in run_preference(app, args.results, minutes=args.minutes or _MINUTES, seeds=args.seeds or _SEEDS):
        out.result(plain(row) | {"passed": row.passed}, row.line())
    return 0


def _gate(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.bench.gate import bench_gate, failures, power, read_runs
    from tuning.gate import judge

    gate, file = app.settings.gate, args.results or Path("gate-runs.jsonl")
    for run in bench_gate(app.base, file=file, only=args.only, minutes=args.minutes, note=out.note):
        failed = failures(judge(run.measures, gate))
        out.note(f"{run.kind} {run.number}: {'stopped by ' + ', '.join(failed) if failed else 'let through'}")
    for row in power(read_runs(file), gate):
        out.result(plain(row), row.line())
    return 0


def _canaries(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.bench.canaries import bench_canaries

    del args
    for row in bench_canaries(app.base, note=out.note):
        out.result(plain(row), row.line())
    return 0


def _scaling(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.bench.scaling import HEAD, VLLM, Workload, deployments, limits
    from bot.bench.scaling_costs import Measured, adapter_maker, measure_costs

    del args
    workload = Workload()
    on = Measured(app.embedder, app.engine, adapter_maker(app.base_model.path), workload)
    costs = measure_costs(on, note=out.note)
    out.result({"costs": plain(costs), "model": app.base_model.name, "workload": plain(workload), "host": plain(VLLM)})
    if not out.as_json:
        out.result({}, f"{costs.table(app.base_model.name)}\n\n{HEAD}")
    for limit in limits(costs, workload, VLLM, deployments(costs.cores)):
        out.result(plain(limit), limit.line())
    return 0


def _scale(app: App, args: argparse.Namespace) -> ScaleConfig | None:
    if args.chunks is None:
        if args.owners is not None or args.peers:
            raise UsageError("--owners and --peers say more about --chunks N; give that too")
        return None
    if args.what != ["retrieval"]:
        raise UsageError("--chunks is about one benchmark: `familiar bench retrieval --chunks N`")
    from bot.bench.scale import ScaleConfig

    settings = app.settings
    return ScaleConfig(args.chunks, args.owners or 1, search=settings.search, index=settings.index, peers=args.peers)
