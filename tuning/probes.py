"""Fixed questions whose answer stands in a note before them: a tuned model must still read what it is given.

The values are invented, so that no model can know them from its training; each is one that a careless model shortens
or changes. The notes are fenced as serving fences them. Written for this project; in English, the language of the
smallest model, with short notes that it does copy from without an adapter.
"""

from __future__ import annotations

from dataclasses import dataclass

from memory.records import Message


@dataclass(frozen=True)
class Probe:
    """A note, a question about it and the text that the reply must hold."""

    note: str
    question: str
    value: str

    def prompt(self, persona: str) -> tuple[Message, ...]:
        """The messages a model is given, as in a chat turn with one recalled note."""
        content = f"<notes>\n[1] {self.note}\n</notes>\n\n{self.question}"
        return (Message("system", persona), Message("user", content))

    def copied(self, reply: str) -> bool:
        """Whether the reply holds the value, capitals and separators of thousands aside."""
        return _plain(self.value) in _plain(reply)


PROBES: tuple[Probe, ...] = (
    Probe(
        "cabin.md: The wifi password at the cabin is blueberry42.",
        "What is the wifi password at the cabin?",
        "blueberry42",
    ),
    Probe(
        "dentist.md: The appointment with Dr. Okafor is on 14 March.", "With whom is the dentist appointment?", "Okafor"
    ),
    Probe("car.md: The car is parked on level 3, bay 27.", "In which bay is the car parked?", "27"),
    Probe(
        "trip.md: The train to Ghent leaves at 09:47 from platform 6.", "When does the train to Ghent leave?", "09:47"
    ),
    Probe(
        "recipe.md: The soup needs 350 grams of red lentils.",
        "How many grams of red lentils does the soup need?",
        "350",
    ),
    Probe("club.md: The choir rehearses in Marlow Hall on Tuesdays.", "Where does the choir rehearse?", "Marlow"),
    Probe("project.md: The project is called Heron and Tilda leads it.", "Who leads the project?", "Tilda"),
    Probe("flat.md: The monthly rent of the flat is 1240 euros.", "How much is the monthly rent?", "1240"),
)


def _plain(text: str) -> str:
    return text.casefold().replace(",", "").replace("\u202f", "")
