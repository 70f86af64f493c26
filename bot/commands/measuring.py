"""Measurements that anyone can run again; each prints its figures and, with --json, one object a row."""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path

from bot.app import App
from bot.commands.output import Output, plain
from bot.commands.wrong_use import refuse


def evaluate(app: App, args: argparse.Namespace, out: Output) -> int:
    """`familiar eval WHAT`."""
    return {
        "retrieval": _retrieval,
        "replies": _replies,
        "continual": _continual,
        "answers": _answers,
        "support": _support,
        "summaries": _summaries,
        "facts": _facts,
        "filters": _filters,
        "logs": _logs,
        "desk": _desk,
        "taste": _taste,
    }[args.what](app, args, out)


def _retrieval(app: App, args: argparse.Namespace, out: Output) -> int:
    from memory.evaluation import evaluate_retrieval, figures

    asked = []
    with (
        tempfile.TemporaryDirectory(prefix="familiar-eval-") as home,
        args.out.open("w", encoding="utf-8") as file,
    ):
        for item in evaluate_retrieval(
            args.turns,
            args.questions,
            embedder=app.embedder,
            config=replace(app.settings.search, k=args.k),
            home=Path(home),
            second_stage=app.second_stage,
        ):
            file.write(json.dumps(item.row(), ensure_ascii=False) + "\n")
            asked.append(item)
    rows = [plain(row) for row in figures(asked)]
    lines = [", ".join(f"{key} {value}" for key, value in row.items() if value is not None) for row in rows]
    record = {"questions": len(asked), "out": str(args.out), "figures": rows}
    out.result(record, "\n".join([f"hits of {len(asked)} questions in {args.out}", *lines]))
    return 0


def _replies(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.eval_people import people_of
    from bot.eval_replies import evaluate_people, verdict

    people = people_of(args.dialogues, args.speaker)
    rows = []
    for row in evaluate_people(app, people, results=args.results, note=out.note):
        rows.append(row)
        out.result(plain(row), row.line())
    if len(people) > 1:
        found = verdict(rows)
        out.result({"verdict": plain(found)}, found.line())
    if args.plot:
        from bot.reply_picture import draw_arms

        draw_arms(rows, args.plot)
    return 0


def _continual(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.eval_continual import FEWEST, changes, evaluate_continual
    from bot.eval_people import people_of

    people = people_of(args.dialogues, args.speaker, fewest=FEWEST)
    rows = []
    for row in evaluate_continual(app, people, results=args.results, note=out.note):
        rows.append(row)
        out.result({key: value for key, value in plain(row).items() if key != "replies"}, row.line())
    for change in changes(rows):
        out.result({"change": plain(change)}, change.line())
    if args.plot:
        from bot.reply_picture import draw_periods

        draw_periods(rows, args.plot)
    return 0


def _answers(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.eval_answer_arms import evaluate_answers, materials_of
    from bot.eval_answers import Arm, figures

    materials = materials_of(args.files, limit=args.limit, other=args.other)
    arms: list[Arm] = args.arm or ["base", "memory" if app.trusted else "quoting"]
    verdicts = list(evaluate_answers(app, materials, arms, results=args.results, note=out.note))
    if args.out:
        args.out.write_text(
            "".join(json.dumps(plain(item), ensure_ascii=False) + "\n" for item in verdicts), encoding="utf-8"
        )
    for arm in arms:
        row = figures(arm, verdicts)
        out.result(plain(row) | {"model": app.engine.model}, f"{app.engine.model}  {row.line()}")
    return 0


def _support(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.eval_support import evaluate_support

    del args
    for row in evaluate_support(embedder=app.embedder, chat=app.settings.chat):
        out.result(plain(row), row.line())
    return 0


def _filters(app: App, args: argparse.Namespace, out: Output) -> int:
    from tuning.eval_filters import evaluate_filters

    del args
    for row in evaluate_filters(app.tunes.detectors):
        out.result(plain(row), row.line())
    return 0


def _logs(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.eval_logs import evaluate_logs

    del app, args
    for row in evaluate_logs():
        out.result(plain(row) | {"share": row.share}, row.line())
    return 0


def _desk(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.desk.simulation import EXAMPLE, evaluate_desk

    folder = args.folder or EXAMPLE
    for row in evaluate_desk(folder, embedder=app.embedder, settings=app.settings, detectors=app.tunes.detectors):
        out.result({"measured": type(row).__name__} | plain(row), row.line())
    return 0


def _taste(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.eval_taste import OTHERS, evaluate_taste, made_data
    from bot.taste_model import encoder_of

    config = app.settings.taste
    made = made_data(
        users=args.users + OTHERS, choices=args.choices, items=2 * args.choices, recent=config.recent, seed=args.seed
    )
    for row in evaluate_taste(made, app.embedder, encoder_of(app).folder, config, users=args.users, note=out.note):
        out.result(plain(row), row.line())
    return 0


def _summaries(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.eval_summaries import evaluate_summaries

    del args
    engine = app.engine if app.trusted else None
    for figures, summary in evaluate_summaries(embedder=app.embedder, settings=app.settings, engine=engine):
        record = plain(figures)
        out.note(f"{summary.text}\n")
        out.result(record, "  ".join(f"{key} {value}" for key, value in record.items()))
    return 0


def _facts(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.eval_facts import base_voice, evaluate_dialogues, evaluate_labelled, write_sample

    def show(row: object) -> None:
        record = {"measured": type(row).__name__} | plain(row)
        figures = "  ".join(f"{key} {value}" for key, value in plain(row).items())
        out.result(record, f"{record['measured']}: {figures}")

    if not args.dialogues:
        refuse(args, "sample", about="dialogues: `familiar eval facts DIALOGUE.jsonl --sample FILE`")
    if args.by_model:
        return _facts_by_model(app, args, out)
    if not args.dialogues:
        voice = base_voice(app.engine, app.settings, trusted=app.trusted)
        for row in evaluate_labelled(embedder=app.embedder, settings=app.settings, voice=voice):
            show(row)
        return 0
    rows, sample = evaluate_dialogues(
        args.dialogues, embedder=app.embedder, sample=_SAMPLE if args.sample else 0, seed=args.seed
    )
    for found in rows:
        show(found)
    if args.sample:
        write_sample(args.sample, sample)
        out.note(f"{len(sample)} facts to judge in {args.sample}")
    return 0


def _facts_by_model(app: App, args: argparse.Namespace, out: Output) -> int:
    from bot.eval_fact_reading import evaluate_reading, read_sample
    from bot.eval_facts import Sampled, write_sample
    from bot.fact_reader import ModelReader

    reader = ModelReader(app.engine)
    model = {"model": app.engine.model, "reads": app.reads_facts}
    if not args.dialogues:
        for row in evaluate_reading(reader, embedder=app.embedder, settings=app.settings):
            record = plain(row.extraction) | {name: value for name, value in plain(row).items() if name != "extraction"}
            out.result(record | model, "  ".join(f"{key} {value}" for key, value in record.items()))
        return 0
    sample: list[Sampled] = []
    for path in args.dialogues:
        found, facts = read_sample(path, reader, embedder=app.embedder, count=args.by_model, seed=args.seed)
        out.result(plain(found) | model, "  ".join(f"{key} {value}" for key, value in plain(found).items()))
        sample += facts
    if args.sample:
        write_sample(args.sample, sample)
        out.note(f"{len(sample)} facts to judge in {args.sample}")
    return 0


_SAMPLE = 50
"""Facts that are written down to be judged."""
