"""What was measured on this machine, kept beside the models, so that it decides the same at every start.

An entry is kept under all that it depends on and is measured again when that changes; delete the file to measure all
again. A damaged file or entry counts as missing. Of two processes that lack the same one, the second waits for the
first, so that both go by the same figures.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

PROMPT_TOKENS, REPLY_TOKENS = 400, 100
"""Tokens of a usual turn that have to be computed: the passages found and the question, and a reply of some sentences.
Persona, rules, profile and history stand before them and are the same as in the turn before, so that every engine here
reuses their keys and values (`bot.prompts`)."""

T = TypeVar("T")


def turn_s(*, prompt_tokens_s: float, reply_tokens_s: float) -> float:
    """Seconds of a usual turn, at so many tokens a second."""
    return PROMPT_TOKENS / prompt_tokens_s + REPLY_TOKENS / reply_tokens_s


@dataclass(frozen=True)
class MeasuredFile(Generic[T]):
    """Measurements of one kind, by their keys."""

    path: Path
    parse: Callable[[Any], T]
    """One from its JSON; raises ValueError, TypeError, KeyError, AttributeError or OverflowError where it is none."""

    def get(self, key: str) -> T | None:
        """What was measured; None: not yet."""
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return self.parse(self._read()[key])
        return None

    def put(self, key: str, value: Any) -> None:
        """Keep JSON under a key; a folder that can't be written only has the next start measure again."""
        self._write({**self._read(), key: value})

    def drop(self, key: str) -> None:
        """Have it measured again."""
        self._write({name: value for name, value in self._read().items() if name != key})

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """One process at a time; where the folder can't be written, each measures for itself."""
        from filelock import FileLock

        with contextlib.ExitStack() as held:
            with contextlib.suppress(OSError, NotImplementedError):
                held.enter_context(FileLock(self.path.with_name(f".{self.path.name}.lock")))
            yield

    def _read(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            known = json.loads(self.path.read_text(encoding="utf-8"))
            if isinstance(known, dict):
                return known
        return {}

    def _write(self, known: Mapping[str, Any]) -> None:
        """Replace in one step: the file is the old one or the new one."""
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft = self.path.with_name(f"{self.path.name}.{os.getpid()}.new")
            draft.write_text(json.dumps(dict(known), indent=2) + "\n", encoding="utf-8")
            draft.replace(self.path)
