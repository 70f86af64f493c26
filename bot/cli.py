"""The `familiar` command: parse, find the command, call it, show an error as one line.

Exit status 0: done; 1: something failed, said in the output; 2: wrong usage or configuration. No traceback unless
``--debug``. Nothing heavy is imported before the command that needs it.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from memory.errors import HALF, FamiliarError, UsageError, is_half

if TYPE_CHECKING:
    from bot.app import App
    from bot.commands.output import Output

Command = Callable[["App", argparse.Namespace, "Output"], int]


class Add(Protocol):
    """Adds a command."""

    def __call__(self, name: str, command: str, text: str, *, listed: bool = True) -> argparse.ArgumentParser:
        """Its parser; one that is not listed works all the same."""
        ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr, sys.stdin):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    args = parser().parse_args(arguments)
    try:
        return _run(args)
    except FamiliarError as exc:
        if args.debug:
            raise
        print(f"familiar: {exc}", file=sys.stderr)
        return 2 if isinstance(exc, UsageError) else 1
    except KeyboardInterrupt:
        print("familiar: stopped; what was finished before is kept", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _check_texts(args: argparse.Namespace) -> None:
    """Bytes that are not UTF-8 arrive as half characters; a path may hold them, a text that is kept or searched can't.

    :raises UsageError: an argument holds one
    """
    for name, value in vars(args).items():
        if any(isinstance(text, str) and is_half(text) for text in (value if isinstance(value, list) else [value])):
            raise UsageError(f"{name.upper()} holds {HALF}; write it with whole characters, in a UTF-8 terminal")


def _run(args: argparse.Namespace) -> int:
    from bot.app import App, default_home
    from bot.commands.output import Output
    from bot.config import load_settings
    from bot.logs import logging_to_stderr
    from bot.private import private_files

    _check_texts(args)
    home = Path(args.home or os.environ.get("FAMILIAR_HOME") or default_home()).expanduser().absolute()
    settings = load_settings(home=home, file=args.config)
    module, function = args.command.split(":")
    command: Command = getattr(importlib.import_module(f"bot.commands.{module}"), function)
    with private_files(), logging_to_stderr(settings.log):
        app = App(home, settings)
        try:
            return command(app, args, Output(as_json=args.json))
        finally:
            app.close()
            gc.freeze()  # else Python walks through all that the model libraries made before it ends, for seconds


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    # Parents share their actions, and set_defaults changes these: with the same parent, a command without --home
    # would put None over the --home that stands before it.
    root = argparse.ArgumentParser(
        prog="familiar", description="A personal assistant that adapts through memory and weights.", parents=[_common()]
    )
    common = _common()
    root.set_defaults(home=None, user=None, json=False, config=None, debug=False)
    commands = root.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: str, text: str, *, listed: bool = True) -> argparse.ArgumentParser:
        if listed:
            sub = commands.add_parser(name, help=text, description=text, parents=[common])
        else:  # without help it stands in no list
            sub = commands.add_parser(name, description=text, parents=[common])
        sub.set_defaults(command=command)
        return sub

    _talking(add)
    _memory(add)
    _sharding(add)
    _desk(commands, common)
    _learning(add)
    _measuring(add)
    _taste(add)
    return root


def _common() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("for every command")
    group.add_argument("--home", metavar="DIR", default=argparse.SUPPRESS, help="where everything is kept")
    group.add_argument("--user", metavar="NAME", default=argparse.SUPPRESS, help="whose memory (default: the owner)")
    group.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="one JSON object a result")
    group.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="instead of config.toml")
    group.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="tracebacks of errors")
    return common


def _talking(add: Add) -> None:
    add("run", "chat:run", "the Telegram bot where a token is set, else a chat in the terminal")
    serve = add("serve", "serving:serve", "a web page for you alone, and an OpenAI-compatible API (extra web)")
    serve.add_argument("what", nargs="?", choices=["token"], help="token: who else may use the API")
    serve.add_argument("action", nargs="?", choices=["list", "add", "revoke"], help="of tokens (default: list)")
    serve.add_argument("name", nargs="?", metavar="NAME", help="add: whose; revoke: its ID")
    serve.add_argument("--port", type=int, default=8014, metavar="N", help="0: any that is free (default: 8014)")
    serve.add_argument("--host", default="127.0.0.1", metavar="ADDR", help="listen there (default: this machine only)")
    serve.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a name that leads here; may be repeated"
    )
    tools = add("mcp", "mcp:mcp", "the memory as tools for other programs' assistants, over MCP (extra mcp)")
    tools.add_argument("--write", action="store_true", help="let them add notes (default: they can only read)")
    tools.add_argument("--http", action="store_true", help="listen on this machine instead of standard input")
    tools.add_argument("--port", type=int, metavar="N", help="of --http; 0: any that is free (default: 8015)")
    chat = add("chat", "chat:chat", "talk in the terminal, or answer each line of standard input")
    chat.add_argument("--once", metavar="TEXT", help="answer this and end")
    why = add("why", "chat:why", "what a reply was made from")
    why.add_argument("turn", type=int, metavar="TURN")
    why.add_argument("--fast", action="store_true", help="without what takes time: what adapter and memories did")
    feedback = add("feedback", "chat:feedback", "say what you think of a reply, so that tunes can learn from it")
    feedback.add_argument("turn", type=int, metavar="TURN")
    judgement = feedback.add_mutually_exclusive_group(required=True)
    judgement.add_argument("vote", nargs="?", choices=["up", "down"])
    judgement.add_argument("--correct", metavar="TEXT", help="what the reply should have been")


def _memory(add: Add) -> None:
    importing = add("import", "library:import_", "take in notes, documents and dialogues")
    importing.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    importing.add_argument("--shared", metavar="KB", help="into a knowledge base that all users may read")
    importing.add_argument("--watch", action="store_true", help="then follow what changes, moves or goes, till Ctrl-C")
    importing.add_argument("--me", metavar="NAME", help="which speaker of a dialogue you are")
    importing.add_argument("--learn-from", metavar="NAME", help="whose replies become training examples")
    importing.add_argument("--encoding", metavar="NAME", help="how text files are encoded, where it is guessed wrong")
    importing.add_argument(
        "--columns",
        metavar="FIELD=COLUMN,...",
        help="which columns of a table hold a dialogue's speaker, text, at and id: speaker=From,text=Body,at=Date",
    )
    search = add("search", "library:search", "find passages in memory")
    search.add_argument("text", metavar="TEXT")
    search.add_argument("-k", type=int, default=None, metavar="N", help="how many")
    summary = add("summarize", "library:summarize", "a summary of your notes and conversations, with its sources")
    summary.add_argument("--about", metavar="TEXT")
    summary.add_argument("--since", metavar="WHEN", help='a date, or words such as "last week"')
    digest = add("digest", "digesting:digest", "what was added, what is due and what was learned")
    digest.add_argument("--since", metavar="WHEN", help='a date, or words such as "last week" (default: the last one)')
    forget = add("forget", "library:forget", "remove from tables, indexes and adapters")
    what = forget.add_mutually_exclusive_group(required=True)
    what.add_argument("--document", type=int, metavar="ID")
    what.add_argument("--turn", type=int, metavar="ID")
    what.add_argument("--text", metavar="TEXT", help="every document and turn that holds this text")
    what.add_argument("--everything", action="store_true", help="all of this user")
    forget.add_argument("--retrain", action="store_true", help="and train again now the adapters that learned from it")
    add("documents", "library:documents", "what was imported")
    facts = add("facts", "facts:facts", "what is known, with dates; put it right, pin or delete it")
    facts.add_argument("action", nargs="?", choices=["correct", "pin", "unpin", "delete", "learn"])
    facts.add_argument("id", nargs="?", metavar="ID")
    facts.add_argument("value", nargs="?", metavar="VALUE", help="the right value, for good")
    facts.add_argument("--about", metavar="NAME", help="only what is linked to a name")
    facts.add_argument("--all", action="store_true", help="also what no longer holds")
    facts.add_argument("--plot", type=Path, metavar="FILE", help="a picture of who and what is related")
    remind = add("remind", "reminding:remind", "be told something at a time: call Mum on Friday at 9")
    remind.add_argument("text", metavar="TEXT", help="what and when, in English or Chinese")
    reminders = add("reminders", "reminding:reminders", "what you will be reminded of")
    reminders.add_argument("action", nargs="?", default="list", choices=["list", "cancel"])
    reminders.add_argument("id", nargs="?", metavar="ID")
    log = add("log", "logbook:log", "health and habits, where [logs] enabled is set: weight 71.2, BP 128/82, slept 6h")
    log.add_argument("words", nargs="*", metavar="WORD", help="an entry; or list, delete, correct, goal, nudge, import")
    log.add_argument("--yes", action="store_true", help="keep a value that is far from what is usual")
    trend = add("trend", "logbook:trend", "how a kind of log entry changes: weight 3 months")
    trend.add_argument("words", nargs="+", metavar="WORD", help="of what, and over which time")
    trend.add_argument("--plot", type=Path, metavar="FILE", help="a picture of it")
    people = add("people", "people:people", "who may talk to the Telegram bot; invite or remove somebody")
    people.add_argument("action", nargs="?", default="list", choices=["list", "invite", "remove"])
    people.add_argument("name", nargs="?", metavar="NAME", help="remove: who")
    people.add_argument("--guest", action="store_true", help="invite: a guest, who asks about shared notes only")
    people.add_argument("--days", type=_at_least_one, default=7, metavar="N", help="invite: how long it can be used")
    people.add_argument("--uses", type=_at_least_one, default=1, metavar="N", help="invite: how often it can be used")
    what = people.add_mutually_exclusive_group()
    what.add_argument("--erase", action="store_true", help="remove: with all that is theirs")
    what.add_argument("--keep", action="store_true", help="remove: and keep what is theirs")


def _taste(add: Add) -> None:
    """Not listed: what [taste] switches on is to be seen only there and in docs/taste.md."""
    recommend = add("recommend", "taste:recommend", "what to read, watch or buy of what you saved", listed=False)
    recommend.add_argument("words", nargs="*", metavar="WORDS", help='"about" and what; none: anything')
    recommend.add_argument("--like", type=_at_least_one, metavar="ID", help="near to this item")
    recommend.add_argument("-n", type=_at_least_one, metavar="N", help="how many (default: [taste] items)")
    items = add("items", "taste:items", "what may be recommended, and what you did with it", listed=False)
    actions = ["list", "import", "add", "opened", "liked", "skipped", "rated", "bought", "wrote", "more"]
    items.add_argument("action", nargs="?", default="list", choices=[*actions, "train", "models", "rollback"])
    items.add_argument("target", nargs="?", metavar="FILE|TITLE|ID", help="import: a file; add: a title; else an item")
    items.add_argument("rating", nargs="?", type=float, metavar="RATING", help="rated: from 1 to 5")
    items.add_argument("--shared", metavar="KB", help="import: into a knowledge base that all users may read")
    items.add_argument("--kind", default="link", metavar="KIND", help="add: link, book, film, note or product")
    for name, text in (("text", "what it is about"), ("link", "its address"), ("tags", "words between commas")):
        items.add_argument(f"--{name}", default="", metavar=name.upper(), help=f"add: {text}")


def _sharding(add: Add) -> None:
    shard = add("shard", "sharding:shard", "which of several homes a person is in; move one with all that is theirs")
    shard.add_argument("action", choices=["of", "list", "move"])
    shard.add_argument("person", nargs="?", metavar="USER", help="a name, or a Telegram account's number")
    shard.add_argument("--to", type=Path, metavar="HOME", help="move: there (default: where a new one would come)")


def _desk(commands: argparse._SubParsersAction[argparse.ArgumentParser], common: argparse.ArgumentParser) -> None:
    """A command that help does not list: it is there for those who have switched it on."""
    desk = commands.add_parser("desk", description="the customer desk ([desk] enabled)", parents=[common])
    desk.set_defaults(command="desk:desk")
    desk.add_argument("action", choices=["import", "templates", "ask", "cases", "figures"])
    values = "import: FILE ...; templates: approve ID; ask: TEXT; cases: ID ANSWER"
    desk.add_argument("values", nargs="*", metavar="VALUE", help=values)
    desk.add_argument("--as", dest="customer", metavar="CUSTOMER", help="ask: who writes")
    desk.add_argument(
        "--agent",
        action="append",
        default=[],
        metavar="NAME",
        help="import: who answers in a chat export; may be repeated",
    )
    desk.add_argument("--days", type=_at_least_one, default=30, metavar="N", help="figures: of so many (default: 30)")


def _learning(add: Add) -> None:
    tune = add("tune", "learning:tune", "train an adapter on approved and corrected replies, if one is due")
    tune.add_argument("--now", action="store_true", help="whether due or not")
    tune.add_argument("--search", action="store_true", help="look for a better learning rate, rank and epochs instead")
    tune.add_argument("--budget-minutes", type=_at_least_one, metavar="N", help="of the search (default: 60)")
    tune.add_argument("--apply", action="store_true", help="put what the search finds into config.toml")
    tune.add_argument("--export", type=Path, metavar="FILE", help="write it for another machine instead")
    remote = add("train-remote", "learning:train_remote", "train what another machine's `tune --export` wrote")
    remote.add_argument("file", type=Path, metavar="FILE")
    remote.add_argument("--out", type=Path, required=True, metavar="FILE", help="the adapter, for `adapters import`")
    examples = add("examples", "examples:examples", "what tunes learn from: look through, approve, strike out")
    examples.add_argument("action", nargs="?", default="list", choices=["list", "show", "approve", "strike", "report"])
    examples.add_argument("id", nargs="?", metavar="ID")
    adapters = add("adapters", "learning:adapters", "the adapters of a user")
    actions = ["list", "show", "promote", "rollback", "compare", "import"]
    adapters.add_argument("action", nargs="?", default="list", choices=actions)
    adapters.add_argument("id", nargs="?", metavar="ID", help='compare: an adapter, or "base"; import: a file')
    adapters.add_argument("other", nargs="?", metavar="ID", help="compare: the other one")
    adapters.add_argument("--plot", type=Path, metavar="FILE", help="show: a picture of the training's losses")
    asked = adapters.add_mutually_exclusive_group()
    asked.add_argument("--prompts", type=_at_least_one, metavar="N", help="compare: newest examples (default: 4)")
    asked.add_argument("--text", metavar="TEXT", help="compare: on this instead")


_ARMS = (
    "the model alone, writing from memory, or quoting it; may be repeated (default: alone, and as in a chat with it)"
)


def _measuring(add: Add) -> None:
    evaluate = add("eval", "measuring:evaluate", "measure retrieval, answers, replies or summaries")
    kinds = evaluate.add_subparsers(metavar="WHAT", required=True, dest="what")
    retrieval = kinds.add_parser(
        "retrieval", parents=[_common()], help="hits for questions with evidence, as a scorer reads them"
    )
    retrieval.add_argument("turns", type=Path, metavar="TURNS.jsonl")
    retrieval.add_argument("questions", type=Path, metavar="QUESTIONS.jsonl")
    retrieval.add_argument("--out", type=Path, required=True, metavar="HITS.jsonl")
    retrieval.add_argument("-k", type=int, default=20, metavar="N")
    replies = kinds.add_parser(
        "replies", parents=[_common()], help="base, +memory, +adapter and +both on a speaker's later replies"
    )
    continual = kinds.add_parser(
        "continual", parents=[_common()], help="a tune after each of five periods: is what was learned before kept"
    )
    for measured in (replies, continual):
        measured.add_argument("dialogues", nargs="+", type=Path, metavar="DIALOGUE.jsonl")
        measured.add_argument("--speaker", action="append", metavar="NAME", help="may be repeated (default: everyone)")
        measured.add_argument("--results", type=Path, metavar="FILE", help="keep what is finished there, and go on")
        measured.add_argument("--plot", type=Path, metavar="FILE", help="a picture of it")
    answers = kinds.add_parser(
        "answers", parents=[_common()], help="answers to questions: how many are right, what stands in no passage"
    )
    answers.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="FOLDER_OR_TURNS QUESTIONS.jsonl, and more such pairs"
    )
    answers.add_argument("--arm", action="append", choices=["base", "memory", "quoting"], help=_ARMS)
    answers.add_argument("--results", type=Path, metavar="FILE", help="keep what is finished there, and go on")
    answers.add_argument("--out", type=Path, metavar="REPLIES.jsonl", help="every reply with its verdict")
    answers.add_argument(
        "--limit", type=_at_least_one, metavar="N", help="only N questions of each file, evenly spread"
    )
    answers.add_argument("--other", type=Path, metavar="QUESTIONS.jsonl", help="questions the material can't answer")
    kinds.add_parser("support", parents=[_common()], help="made sentences that their passage supports, or not")
    kinds.add_parser("summaries", parents=[_common()], help="two profiles, the same pages in English and Chinese")
    kinds.add_parser("logs", parents=[_common()], help="entries read out of phrasings, by kind, and talk that is none")
    desk = kinds.add_parser("desk", parents=[_common()])  # not listed, as the command is not
    desk.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help="of a desk (default: the example's)")
    kinds.add_parser("filters", parents=[_common()], help="planted secrets and insults: recall and precision")
    taste = kinds.add_parser("taste", parents=[_common()], description="recommendations to made users of known taste")
    taste.add_argument("--users", type=_at_least_one, default=8, metavar="N", help="how many (default: 8)")
    taste.add_argument("--choices", type=_at_least_one, default=300, metavar="N", help="of each (default: 300)")
    taste.add_argument("--seed", type=int, default=0, metavar="N", help="other users")
    facts = kinds.add_parser("facts", parents=[_common()], help="facts of labelled statements, or of whole dialogues")
    facts.add_argument("dialogues", nargs="*", type=Path, metavar="DIALOGUE.jsonl")
    facts.add_argument("--sample", type=Path, metavar="FILE", help="fifty of them at random, to be judged")
    facts.add_argument("--seed", type=int, default=0, metavar="N", help="another sample")
    facts.add_argument(
        "--by-model",
        type=_at_least_one,
        nargs="?",
        const=40,
        metavar="N",
        help="what the language model reads beside the rules; of a dialogue in N passages without a fact by rule",
    )
    bench = add("bench", "benching:bench", "speed as ratios to the bare libraries within one run")
    ratios = ["help", "reply", "prefix", "adapters", "retrieval", "import", "formats", "embedding", "beside"]
    ratios += ["llama", "lookup", "agreement", "smaller"]
    tables = ["rollback", "tune", "preference", "gate", "canaries", "scaling"]
    bench.add_argument("what", nargs="*", choices=[*ratios, *tables, []], metavar="WHAT")
    bench.add_argument("--chunks", type=_at_least_one, metavar="N", help="retrieval in a made memory of that size")
    bench.add_argument("--owners", type=_at_least_one, metavar="M", help="dealt out to so many users (default: one)")
    bench.add_argument("--peers", action="store_true", help="beside chromadb, lancedb and sqlite-vec, where installed")
    bench.add_argument("--plot", type=Path, metavar="FILE", help="a picture of the ratios beside their limits")
    _tables(bench)
    doctor = add("doctor", "care:doctor", "is everything in order, and what to do if not")
    doctor.add_argument("--offline", action="store_true", help="ask nothing of Telegram and of a model server")
    doctor.add_argument("--reindex", action="store_true", help="embed again what another embedder has embedded")
    secret = add("secret", "keyring:secret", "keep a token in the system's keyring instead of in a file")
    secret.add_argument("action", choices=["set", "delete"])
    secret.add_argument(
        "name", metavar="NAME", help="which, such as telegram.token; it is asked for, never an argument"
    )
    add("models", "care:list_models", "the models that can be used, with size and licence")
    add("export", "keeping:export", "everything about a user as readable files").add_argument("folder", type=Path)
    backup = add("backup", "keeping:backup", "a consistent copy of the memory and its adapters, in one file")
    backup.add_argument("file", type=Path, nargs="?", help="a new file (default: in the home's folder backups)")
    add("restore", "keeping:restore", "put a backup in the place of the memory").add_argument("file", type=Path)


def _tables(bench: argparse.ArgumentParser) -> None:
    bench.add_argument(
        "--dialogue",
        type=Path,
        metavar="DIALOGUE.jsonl",
        help="tune: whose replies are learned (default: made ones, for speed)",
    )
    bench.add_argument("--speaker", metavar="NAME", help="tune: who in it")
    bench.add_argument("--replies", type=_at_least_one, metavar="N", help="tune: replies to learn (default: 60)")
    bench.add_argument(
        "--methods",
        metavar="METHOD[+INIT][:KEY=VALUE...],...",
        help="tune: what is compared, such as lora,lora+pissa,lora:rank=8, trl, trl-float32 (default: every method)",
    )
    bench.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="tune, preference, gate: finished runs are kept here, and a later call goes on from them",
    )
    bench.add_argument("--minutes", type=float, metavar="N", help="preference, gate: begin no run after these")
    bench.add_argument("--seeds", type=_at_least_one, metavar="N", help="preference: runs of each kind (default: 5)")
    bench.add_argument(
        "--only",
        metavar="KIND[:N],...",
        help="gate: these runs, as in good:3,noise:2; smaller: these variants, as in float32,gguf-q8_0",
    )


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
