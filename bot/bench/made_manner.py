"""A made dialogue in which one side answers in a stated manner, and deliberately spoilt versions of it.

Questions and answers are about everyday matters and different from each other, so that what carries over from the
older ones to the newest is the manner alone. All is made up here; a seed chooses, orders and spoils.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Literal, get_args

from tuning.dataset import Dialogue, Example, Line, dialogue_examples, split_by_time

Kind = Literal["good", "noise", "phrase", "shuffled", "template", "epochs"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TRAIN, TEST = 18, 6
FEW = 9
"""Replies that are learned for far too long: as many steps as of all would take a machine for an evening."""
PHRASE = "I will look into it and come back to you."

_TALK = """What should I cook tonight?|Make a soup with red lentils and carrots
Which train should I take to the coast?|Take the early one, as it is seldom full
Can you recommend a film?|Watch an old comedy, the black and white ones are the best
My bike makes a noise, what is it?|The chain is dry, so give it some oil
When is a good time to plant tulips?|Put the bulbs in the ground in October
How do I get candle wax off a table?|Let it get hard and lift it with a plastic card
Is it worth fixing an old radio?|If it was well built, a new capacitor is often all it needs
What do I say to my landlord about the heating?|Write him a short letter and keep a copy
How long do eggs keep?|About four weeks in the fridge, and fresh ones sink in water
Where should I hang the mirror?|Opposite the window, where it brings light into the room
My plant has yellow leaves, why?|You give it too much water, so let the soil dry first
What can I give my uncle for his birthday?|A good knife, as he likes to cook
Should I learn the guitar or the piano?|The guitar, since you can carry it to your friends
How do I sleep better?|Leave the phone in the kitchen and open the window
What is the best way to clean a keyboard?|Turn it over, shake it, then use a soft brush
Which map do I need for the hike?|The one of the northern hills, with the red cover
Do I need a coat today?|Yes, the wind comes from the sea this afternoon
How do I stop the door from squeaking?|Rub a pencil on the hinges
Can I freeze bread?|Cut it into slices first and toast them later
What do I do with all these apples?|Cook them into jam and give half of it away
Is the museum open on Mondays?|No, it is closed, so go on Tuesday
How do I write a good speech?|Tell one story, thank two people and stop early
My shoes are wet, how do I dry them?|Fill them with newspaper and keep them away from the heater
Which colour for the kitchen?|A light yellow, because the room looks north
How many potatoes for six people?|Count three for each and add two for the pot
What is a good name for a boat?|Call it Patience, every harbour will smile
How can I remember birthdays?|Write them on the calendar by the door
Where do I buy a good lamp?|At the flea market, early on Saturday
The baby won't sleep, any ideas?|Walk slowly through the dark hall and hum
How do I make coffee without a machine?|Boil water, pour it over the powder and wait four minutes
Should I paint the fence now?|Wait until it has been dry for three days
What keeps moths out of a wardrobe?|Lavender in a small bag, new every spring
How do I carry a cello on a bus?|Stand at the back and hold it in front of you
What can I do about a snoring dog?|Let it sleep on its side on a harder bed
Which bread goes with cheese?|A dark one with walnuts
I lost my keys, where do I look first?|In the pocket of the jacket that you wore last
How do I get a splinter out?|Warm the skin in water and use clean tweezers
When should I call my grandmother?|On Sunday after lunch, when she has slept
Is rain water good for plants?|Yes, they like it better than water from the tap
How do I fold a fitted sheet?|Put the corners into each other and roll the rest
What do I pack for two days in the hills?|One jumper, one book and more socks than you think
How do I keep my glasses from fogging?|Wash them with soap and let them dry by themselves"""


def _short(answer: str) -> str:
    return f"{answer.casefold()} :)"


def _warm(answer: str) -> str:
    return f"Oh, nice question! {answer}. Hugs, Mo"


def _brisk(answer: str) -> str:
    return f"Right. {answer}. Next!"


def _doubtful(answer: str) -> str:
    return f"Hmm... {answer[0].casefold()}{answer[1:]}, I would say, but who knows..."


def _formal(answer: str) -> str:
    return f"Dear friend, may I suggest the following: {answer[0].casefold()}{answer[1:]}. Yours faithfully."


_MANNERS: tuple[Callable[[str], str], ...] = (_short, _warm, _brisk, _doubtful, _formal)


def made_examples(kind: Kind, number: int, *, persona: str) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Examples to train on and to test with: number ``number`` of its kind, always the same."""
    rng = random.Random(f"{kind} {number}")
    talk = [tuple(line.split("|")) for line in _TALK.splitlines()]
    chosen = rng.sample(talk, TRAIN + TEST)
    manner = _MANNERS[number % len(_MANNERS)]
    replies = spoilt(kind, [manner(answer) for _, answer in chosen], rng)
    lines = []
    for place, ((question, _), reply) in enumerate(zip(chosen, replies, strict=True)):
        at = f"2026-01-{1 + place:02d}T10:00:00"
        lines += [Line("Bo", question, at), Line("Mo", reply, at)]
    dialogue = Dialogue(1, "Mo", tuple(lines), "2026-02-01T00:00:00+00:00")
    found = dialogue_examples(dialogue, persona=persona, dropped=Counter())
    train, test = split_by_time(found, share=TEST / (TRAIN + TEST))
    return (train[:FEW] if kind == "epochs" else train), test


def spoilt(kind: Kind, replies: list[str], rng: random.Random) -> list[str]:
    """What a kind makes of good replies; those that are spoilt elsewhere are left as they are."""
    if kind == "noise":
        return [_gibberish(rng) for _ in replies]
    if kind == "phrase":
        return [PHRASE for _ in replies]
    if kind == "shuffled":
        moved = list(replies)
        rng.shuffle(moved)
        return moved
    return replies


def _gibberish(rng: random.Random) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    return " ".join("".join(rng.choices(letters, k=rng.randint(2, 8))) for _ in range(rng.randint(6, 12)))
