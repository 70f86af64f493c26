"""Two answers in the terminal: the second is shown below the first, and the next line chooses or goes on."""

from __future__ import annotations

import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.app import App
from bot.assistant import Assistant
from bot.commands.chat import chat
from bot.commands.output import Output
from bot.config import Settings
from bot.locales import say
from memory.candidates import candidates_of
from memory.turns import turns_of
from tests.bot.test_candidates import FIRST, SECOND, DoubtfulEngine, assistant


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """A home whose model always has two answers, with a person at the terminal."""
    made = App(tmp_path, Settings())
    made.user(None)
    made.store.set_state("examples_offered", "yes")
    speaker: Assistant = assistant(made.store, DoubtfulEngine(lambda _: -1.0), share=1.0)
    monkeypatch.setattr(App, "assistant", property(lambda _: speaker))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    yield made
    made.close()


def talk(app: App, lines: list[str], monkeypatch: pytest.MonkeyPatch, *, json: bool = False) -> None:
    """Write these lines and end."""
    left = iter([*lines, "/quit"])

    def read(_prompt: str) -> str:
        """The next line, when what is being written for the person is there."""
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and thread.name == "second answer":
                thread.join(20)
        return next(left)

    monkeypatch.setattr("builtins.input", read)
    assert chat(app, Namespace(user=None, once=None, json=json), Output(as_json=json)) == 0


def test_a_number_chooses(app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """2 takes the second answer in the reply's place; no turn is made of it."""
    talk(app, ["Make a plan.", "2"], monkeypatch)
    (turn,) = turns_of(app.store, user_id=1)
    assert turn.reply == SECOND
    shown = capsys.readouterr()
    assert say(app.user(None).profile.language, "two_answers", second=SECOND) in shown.err
    assert FIRST in shown.out


def test_any_other_line_goes_on(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message is answered, and the first answer stands; a number that answers no offer is a message too."""
    talk(app, ["Make a plan.", "Make another plan."], monkeypatch)
    assert [turn.user_text for turn in turns_of(app.store, user_id=1)] == ["Make a plan.", "Make another plan."]
    assert [item.chosen for item in candidates_of(app.store, user_id=1)] == [None, None]


def test_scripts_are_not_asked(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --json each line is a message."""
    talk(app, ["Make a plan.", "2"], monkeypatch, json=True)
    assert [turn.user_text for turn in turns_of(app.store, user_id=1)] == ["Make a plan.", "2"]
    assert candidates_of(app.store, user_id=1) == []


def test_nobody_waits_for_the_second_answer(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is written meanwhile ends it; it is answered, and nothing is offered at the turn before."""
    writing = threading.Event()

    def hold(_word: str) -> None:
        if engine.requests[-1].temperature > 0:
            writing.set()
            time.sleep(0.02)

    engine = DoubtfulEngine(lambda _: -1.0, before_word=hold)
    speaker = assistant(app.store, engine, share=1.0)
    monkeypatch.setattr(App, "assistant", property(lambda _: speaker))
    left = iter(["Make a plan.", "Make another plan.", "/quit"])
    monkeypatch.setattr("builtins.input", lambda _prompt: (not engine.requests or writing.wait(20)) and next(left))
    assert chat(app, Namespace(user=None, once=None, json=False), Output(as_json=False)) == 0
    assert [turn.user_text for turn in turns_of(app.store, user_id=1)] == ["Make a plan.", "Make another plan."]
    assert candidates_of(app.store, user_id=1) == []
