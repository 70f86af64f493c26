"""Talking: the terminal chat, single questions, and looking behind a reply."""

from __future__ import annotations

import argparse
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from bot.app import App
from bot.commands.output import Output, plain
from bot.config import secrets_of
from bot.explain import explain, explain_influence
from bot.learned import rolled_back_text
from bot.locales import say
from bot.logs import noting
from bot.secret_sources import readable_by_others
from memory.candidates import Choice, choose
from memory.errors import FamiliarError
from memory.records import Turn, User
from memory.turns import open_conversation, turn_by_id

_log = logging.getLogger(__name__)
EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "notes"


def run(app: App, args: argparse.Namespace, out: Output) -> int:
    """The bot where a token is set, else the terminal chat."""
    if app.settings.telegram.token:
        from bot.telegram.service import serve

        for file in (secret.file for secret in secrets_of(app.settings).values()):
            if file is not None and readable_by_others(file):
                _log.warning("%s holds a secret and can be read by other accounts; chmod 600 %s", file, file)
        return serve(app, note=noting(app.settings.log, out.note))
    language = app.user(args.user).profile.language
    out.note(say(language, "no_token"))
    for item in app.learned.check():
        out.note(rolled_back_text(item, language=language))
    args.once = None
    reading = threading.Thread(target=_read_facts, args=(app, out), daemon=True)
    reading.start()
    try:
        return chat(app, args, out)
    finally:
        app.fact_reading.end()
        reading.join()


def _read_facts(app: App, out: Output) -> None:
    try:
        app.fact_reading.run()
    except Exception as exc:  # noqa: BLE001 - the edge of a job beside the chat, which goes on without it
        out.note(f"familiar: reading facts failed: {exc}")


def chat(app: App, args: argparse.Namespace, out: Output) -> int:
    """Answer one text, each line of standard input, or a person at a terminal."""
    user = app.user(args.user)
    offer_examples(app, user, out)
    conversation = open_conversation(app.store, user_id=user.id, channel="terminal")
    failed = 0
    with closing(_SecondAnswer(app, out)) as second:
        for text in [args.once] if args.once is not None else _lines(user):
            user = app.user(args.user)  # what was said before may have changed how replies are wished for
            if second.chosen(text, user):
                continue
            try:
                with app.fact_reading.turn():
                    turn = app.assistant.turn(text, user=user, conversation_id=conversation, on_text=out.piece)
            except FamiliarError as exc:
                failed = 1
                out.note(f"familiar: {exc}")
                continue
            out.result(turn_object(turn), footer(turn, user))
            if args.once is None and sys.stdin.isatty() and not args.json:
                second.begin(turn, user)
    return failed


ANSWERS: Mapping[str, Choice] = {"1": "first", "2": "second", "0": "neither"}
"""What a line says right after two answers; any other line is a message."""


class _SecondAnswer:
    """Another answer to the last reply where it is one to ask about, written while the person reads and writes."""

    def __init__(self, app: App, out: Output) -> None:
        self._app = app
        self._out = out
        self._writing: threading.Thread | None = None
        self._offered: int | None = None

    def begin(self, turn: Turn, user: User) -> None:
        """Start on it; any line that comes before it is there ends it."""
        self._writing = threading.Thread(target=self._offer, args=(turn, user), name="second answer", daemon=True)
        self._writing.start()

    def chosen(self, text: str, user: User) -> bool:
        """Whether a line chooses between the two answers, which is then done; in any case nothing is offered after."""
        self.close()
        offered, self._offered = self._offered, None
        choice = ANSWERS.get(text)
        if offered is None or choice is None:
            return False
        choose(self._app.store, offered, choice, user_id=user.id)
        self._out.note(say(user.profile.language, "choice_kept"))
        return True

    def close(self) -> None:
        """Wait until nothing is being written any more, which is soon."""
        while self._writing is not None and self._writing.is_alive():
            self._app.assistant.end_second_answer()
            self._writing.join(0.05)

    def _offer(self, turn: Turn, user: User) -> None:
        try:
            offer = self._app.assistant.second_answer(turn, user=user)
        except Exception as exc:  # noqa: BLE001 - the edge of a job beside the chat, which goes on without it
            self._out.note(f"familiar: no second answer: {exc}")
            return
        if offer is not None:
            self._out.note(say(user.profile.language, "two_answers", second=offer.second))
            self._offered = turn.id


def turn_object(turn: Turn) -> dict[str, object]:
    """A turn as scripts read it."""
    return {
        "turn": turn.id,
        "reply": turn.reply,
        "citations": [
            {"n": item.n, "source": item.source, "title": item.title, "text": item.text} for item in turn.citations
        ],
        "unsupported": [plain(item) for item in turn.unsupported],
        "memories": [plain(item) for item in turn.memories],
        "engine": turn.engine,
        "model": turn.model,
        "adapter": turn.adapter,
        "timings": plain(turn.timings),
    }


def footer(turn: Turn, user: User) -> str:
    """What stands under a reply in the terminal: its sources, what they don't support, and its number."""
    language = user.profile.language
    lines = [f"  [{item.n}] {item.title}" for item in turn.citations]
    if lines:
        lines.insert(0, say(language, "sources"))
    if turn.unsupported:  # the reply itself was shown while it was written
        lines += [say(language, "unsupported_these"), *(f"  {item.text}" for item in turn.unsupported)]
    adapter = f", {turn.adapter}" if turn.adapter else ""
    return "\n".join(["", *lines, f"({say(language, 'turn_number', n=turn.id)}{adapter})", ""])


def _lines(user: User) -> Iterator[str]:
    prompt = say(user.profile.language, "terminal_prompt") if sys.stdin.isatty() else ""
    if prompt:
        print(say(user.profile.language, "terminal_help"), file=sys.stderr)
    while True:
        try:
            line = input(prompt)
        except EOFError:
            return
        if line.strip() in ("/quit", "/exit"):
            return
        if line.strip():
            yield line.strip()


def offer_examples(app: App, user: User, out: Output) -> None:
    """On an empty home: offer the example notes; without a terminal import them unasked and say so."""
    if app.store.documents(user_id=user.id) or app.store.state("examples_offered") or not EXAMPLES.is_dir():
        return
    language = user.profile.language
    if sys.stdin.isatty():
        answer = input(say(language, "offer_examples")).strip().lower()
        app.store.set_state("examples_offered", "yes")
        if answer not in ("", "y", "yes", "j", "是", "好"):
            return
    out.note(say(language, "importing_examples", folder=EXAMPLES))
    from bot.commands.library import import_folder

    import_folder(app, [EXAMPLES], user=user, on_receipt=lambda _: None)
    app.store.set_state("examples_offered", "yes")


def why(app: App, args: argparse.Namespace, out: Output) -> int:
    """What a reply was made from; what has to be computed comes last, so that the rest is read meanwhile."""
    user = app.user(args.user)
    language = user.profile.language
    turn = turn_by_id(app.store, args.turn, user_id=user.id)
    if not out.as_json:
        out.result({}, explain(turn, language=language))
    influence = None
    if not args.fast:
        if turn.generated:
            out.note(say(language, "why_computing"))
        influence = app.explainer.influence(turn)
    record = {
        **turn_object(turn),
        "question": turn.user_text,
        "generated": turn.generated,
        "prompt": [plain(message) for message in turn.prompt],
        "asked_at": turn.asked_at,
        "influence": plain(influence) if influence else None,
    }
    out.result(record, explain_influence(influence, language=language) if influence else None)
    return 0


def feedback(app: App, args: argparse.Namespace, out: Output) -> int:
    """Store a vote or a correction."""
    user = app.user(args.user)
    judged = app.learned.judge(args.turn, user=user, vote=args.vote, correction=args.correct)
    given = judged.feedback
    record = {"turn": given.turn_id, "vote": given.vote, "correction": given.correction}
    out.result(record, say(user.profile.language, "feedback_kept", n=given.turn_id))
    if judged.rolled_back is not None:
        out.note(rolled_back_text(judged.rolled_back, language=user.profile.language))
    return 0
