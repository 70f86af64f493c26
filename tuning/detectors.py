"""The detectors that tunes use: made when they are first asked, and asked once for each text.

Loading them takes seconds and reading a text milliseconds, while the schedule asks for the same texts again and again.
What was asked is remembered by its hash, so that a text that is forgotten is in no list here either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import TypeVar

from tuning.personal_data import PersonalData
from tuning.wording import Language, Toxic, language_detector, toxicity

_PACKAGES = ("presidio-analyzer", "phonenumbers", "detect-secrets", "alt-profanity-check", "py3langid")
T = TypeVar("T")


class StandardDetectors:
    """`filters.Detectors` by the packages of the extra ``filters``.

    Every method raises FamiliarError where its package is missing or fails: without a verdict nothing is learned.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], object] = {}

    def personal(self, text: str) -> tuple[str, ...]:
        """Kinds of secrets and personal data in a text."""
        return self._once("personal", text, lambda: self._personal.find(text))

    def toxic(self, text: str) -> bool:
        """Whether a text insults or speaks ill of a group."""
        return self._once("toxic", text, lambda: self._toxic(text))

    def language(self, text: str) -> str | None:
        """The language of a text where that is certain."""
        return self._once("language", text, lambda: self._language(text))

    @cached_property
    def _personal(self) -> PersonalData:
        return PersonalData()

    @cached_property
    def _toxic(self) -> Toxic:
        return toxicity()

    @cached_property
    def _language(self) -> Language:
        return language_detector()

    def _once(self, question: str, text: str, ask: Callable[[], T]) -> T:
        key = (question, hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
        if key not in self._known:
            self._known[key] = ask()
        return self._known[key]  # type: ignore[return-value]


def versions() -> tuple[tuple[str, str], ...]:
    """The filters' packages as they are installed."""
    found = []
    for name in _PACKAGES:
        try:
            found.append((name, version(name)))
        except PackageNotFoundError:
            found.append((name, "missing"))
    return tuple(found)
