"""Whose replies a measurement is about: the speakers of dialogue files, and their replies in order of time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from memory.errors import FamiliarError
from memory.evaluation import read_lines
from tuning.dataset import Dialogue, Example, Line, dialogue_examples

FEWEST = 20
"""Replies of a speaker with fewer can't be split and measured."""


@dataclass(frozen=True)
class Person:
    """A speaker of a dialogue."""

    dialogue: Path
    speaker: str

    @property
    def name(self) -> str:
        """Dialogue and speaker, as tables and pictures name them."""
        return f"{self.dialogue.name.split('.')[0]}, {self.speaker}"


def people_of(dialogues: Sequence[Path], speakers: Sequence[str] | None, *, fewest: int = FEWEST) -> list[Person]:
    """The named speakers wherever they speak; where none is named, everyone with enough replies.

    :raises FamiliarError: a file can't be read, a name is nobody's, or has too few replies everywhere
    """
    counts = {
        Person(path, speaker): len(replies_of(Person(path, speaker), persona=""))
        for path in dialogues
        for speaker in sorted({line.speaker for line in read_lines(path) if line.speaker})
    }
    for wanted in speakers or ():
        found = {person: count for person, count in counts.items() if person.speaker == wanted}
        if not found:
            known = ", ".join(sorted({person.speaker for person in counts}))
            files = ", ".join(path.name for path in dialogues)
            raise FamiliarError(f"--speaker {wanted}: nobody of that name speaks in {files}; there are {known}")
        _check_enough(found, fewest)
    if not speakers:
        _check_enough(counts, fewest)
    return [p for p, count in counts.items() if count >= fewest and (not speakers or p.speaker in speakers)]


def _check_enough(counts: dict[Person, int], fewest: int) -> None:
    if max(counts.values(), default=0) < fewest:
        person, most = max(counts.items(), key=lambda item: item[1], default=(None, 0))
        whose = f"of {person.speaker} in {person.dialogue.name}" if person else "of a named speaker"
        raise FamiliarError(f"too few pairs: {most}; need {fewest} replies {whose}")


def replies_of(person: Person, *, persona: str) -> tuple[Example, ...]:
    """Everything the speaker said in answer to something, in order of the dialogue.

    :raises FamiliarError: the file can't be read
    """
    rows = tuple(Line(line.speaker, line.text, line.at) for line in read_lines(person.dialogue))
    dialogue = Dialogue(1, person.speaker, rows, "")
    return tuple(dialogue_examples(dialogue, persona=persona, dropped=Counter()))
