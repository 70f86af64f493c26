"""Results on standard output, everything else on standard error: scripts can rely on it.

With ``--json`` a result is one object (one a line for lists) of unescaped UTF-8; without it, a text for people.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from typing import Any


class Output:
    """Prints results in the form that was asked for."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def result(self, record: Mapping[str, Any], text: str | None = None) -> None:
        """One result: the object, or its text (None: nothing is shown to a person)."""
        if self.as_json:
            print(json.dumps(finite(record), ensure_ascii=False, allow_nan=False), flush=True)
        elif text is not None:
            print(text, flush=True)

    def note(self, text: str) -> None:
        """Something to know that is not the result."""
        print(text, file=sys.stderr, flush=True)

    def piece(self, text: str) -> None:
        """A part of a reply that is still being written; only people see it."""
        if not self.as_json:
            print(text, end="", flush=True)


def finite(value: Any) -> Any:
    """The value with null for numbers that JSON has no form for: a check's figure may be infinite."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain(record: Any) -> dict[str, Any]:
    """A frozen record as a JSON object."""
    return dataclasses.asdict(record)
