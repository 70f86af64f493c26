"""Everyday requests made by code, written for this project, and prompts of a wanted length.

Forms and topics are crossed in a fixed order, so that any stretch of the list holds all forms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from memory.records import Message

STORY = Message("user", "Write a very long story about a lighthouse, with as many people and places as you can.")
"""A question whose answer is long."""
_SENTENCE = "The cabin stands by the lake, and the boat is kept in the shed behind it. "
_FORMS = (
    "How do I start with {}?",
    "Give me some advice on {}.",
    "What do I need for {}?",
    "I have an hour for {} today. What should I do?",
    "What goes wrong most often in {}?",
)
_TOPICS = (
    "growing tomatoes",
    "baking bread",
    "learning to swim",
    "repairing a bicycle",
    "keeping bees",
    "painting a room",
    "sewing curtains",
    "packing for a hike",
    "saving money",
    "writing a letter of thanks",
    "cleaning windows",
    "choosing a desk lamp",
    "planning a birthday",
    "learning Spanish",
    "playing chess",
    "running ten kilometres",
    "sleeping better",
    "taking photographs at night",
    "brewing coffee",
    "moving house",
    "training a puppy",
    "building a bookshelf",
    "making soup",
    "reading more",
    "speaking in public",
    "folding a paper crane",
    "sorting old papers",
    "pruning roses",
    "travelling by night train",
    "watching birds",
    "making a budget",
    "learning the guitar",
    "putting up a tent",
    "writing a diary",
    "cooking for ten guests",
    "fixing a dripping tap",
    "keeping a cat indoors",
    "drawing faces",
    "winter cycling",
    "preparing an interview",
)


def made_prompts(count: int) -> list[str]:
    """So many requests, at most 200, none twice."""
    made = [
        _FORMS[(place + shift) % len(_FORMS)].format(topic)
        for shift in range(len(_FORMS))
        for place, topic in enumerate(_TOPICS)
    ]
    return made[:count]


def long_message(count: Callable[[Sequence[Message]], int], number: int, tokens: int) -> Message:
    """A system message that renders to ``tokens`` tokens, or just above, and differs from its first word on.

    :param count: tokens of rendered messages
    """
    text = f"{number} is the number of this round. "
    while count([Message("system", text)]) < tokens:
        text += _SENTENCE
    return Message("system", text)
