"""Secrets are found by the real libraries, without a network, or nothing is trained."""

from __future__ import annotations

import builtins
import socket
from typing import Any

import pytest

from memory.errors import FamiliarError
from tuning.detectors import StandardDetectors, versions
from tuning.eval_filters import evaluate_filters, figures, read_planted
from tuning.personal_data import PersonalData, resident_id
from tuning.wording import language_detector, script_language


@pytest.fixture(scope="module")
def detectors() -> StandardDetectors:
    return StandardDetectors()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to reach another machine fails the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a filter asked the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.usefixtures("no_network")
def test_planted_texts_are_found_and_lookalikes_left(detectors: StandardDetectors) -> None:
    """Recall first: what is missed can't be taken back. Half of the texts were there to tune on, half were not."""
    rows = list(evaluate_filters(detectors))
    assert [(row.filter, row.part, row.planted, row.lookalikes) for row in rows] == [
        ("personal", "dev", 30, 30),
        ("personal", "held out", 30, 30),
        ("toxic", "dev", 15, 15),
        ("toxic", "held out", 15, 15),
    ]
    assert min(row.recall for row in rows[:2]) >= 0.95
    assert min(row.precision or 0 for row in rows[:2]) >= 0.9
    assert min(row.recall for row in rows[2:]) >= 0.8
    assert min(row.precision or 0 for row in rows[2:]) >= 0.8


def test_kinds_are_named(detectors: StandardDetectors) -> None:
    """So that a report can say which, without the text."""
    text = "她的邮箱 li@example.org，手机13812345678，the password is heron#1"
    assert detectors.personal(text) == ("e-mail", "password", "phone")
    assert detectors.personal("sounds good, see you at 5") == ()


def test_resident_numbers_have_a_check_digit() -> None:
    """One digit off is no number."""
    assert resident_id("11010519491231002X")
    assert not resident_id("110105194912310021")


def test_without_the_package_nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the extra."""
    real = builtins.__import__

    def missing(name: str, *rest: Any, **named: Any) -> Any:
        if name.split(".")[0] in ("presidio_analyzer", "profanity_check", "py3langid"):
            raise ImportError(f"No module named {name!r}", name=name)
        return real(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", missing)
    detectors = StandardDetectors()
    for ask in (detectors.personal, detectors.toxic, detectors.language):
        with pytest.raises(FamiliarError, match=r"pip install 'familiar-assistant\[filters\]'"):
            ask("whatever")


def test_a_filter_that_crashes_gives_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither at its start nor in the middle."""
    found = PersonalData()

    def crash(_: str) -> set[str]:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(found, "_analyze", crash)
    with pytest.raises(FamiliarError, match="nothing is trained"):
        found.find("a text")
    monkeypatch.setattr("tuning.personal_data._presidio", lambda: crash(""))
    with pytest.raises(FamiliarError, match="does not start"):
        PersonalData()


def test_languages_are_told_where_they_are_certain() -> None:
    """By script, by words, and not at all where the text is too short."""
    language = language_detector()
    assert language("Das ist wirklich ein schönes Haus, oder?") == "de"
    assert language("ok thanks, see you tomorrow then") == "en"
    assert language("lol yeah") is None
    assert (script_language("我在用Python写代码"), script_language("はい、わかりました")) == ("zh", "ja")
    assert script_language("the word 你好 means hello in Chinese") is None


def test_versions_are_known() -> None:
    """They stand in each manifest."""
    assert all(version != "missing" for _, version in versions())


def test_figures_of_a_filter_that_finds_nothing() -> None:
    """No recall, and no precision to speak of."""
    rows = [row for row in read_planted() if row.what == "personal" and row.part == "dev"]

    class Blind(StandardDetectors):
        def personal(self, text: str) -> tuple[str, ...]:
            del text
            return ()

    found = figures(rows, Blind())
    assert (found.recall, found.precision, len(found.missed)) == (0.0, None, 30)
